// SPDX-License-Identifier: Apache-2.0
//
// Values written into copies of compiled programs, which are loaded and run:
//
//	object ---- template ---- instance ---- BPF_PROG_TEST_RUN ---- map "results"
#include "scene.h"

#include <bpf/bpf.h>
#include <dirent.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define EVERY_WIDTH \
	"width1=01 width2=0102 width3=010203 width4=01020304 width5=0102030405 width6=010203040506 width7=01020304050607 " \
	"width8=0102030405060708 " \
	"width9=010203040506070809 width10=0102030405060708090a width11=0102030405060708090a0b width12=0102030405060708090a0b0c " \
	"width13=0102030405060708090a0b0c0d width14=0102030405060708090a0b0c0d0e width15=0102030405060708090a0b0c0d0e0f " \
	"width16=f102030405060708090a0b0c0d0e0ff0"

static uint64_t number_of(const char *bytes, size_t length) {
	uint64_t number = 0;
	memcpy(&number, bytes, length);
	return number;
}

static void carries_every_width(void **state) {
	static const char BYTES[] = "\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f";
	(void)state;
	struct vpc_template *template = prepare_object("constants", NULL);
	struct vpc_instance *instance = load(template, "read_widths", EVERY_WIDTH);
	assert_int_equal(run(instance), 0);
	for (uint32_t width = 1; width < 16; width++) {
		assert_int_equal(result_at(template, width), number_of(BYTES, width < 8 ? width : 8));
		if (width > 8)
			assert_int_equal(result_at(template, 32 + width), number_of(BYTES + 8, width - 8));
	}
	assert_int_equal(result_at(template, 16), number_of("\xf1\x02\x03\x04\x05\x06\x07\x08", 8));
	assert_int_equal(result_at(template, 48), number_of("\x09\x0a\x0b\x0c\x0d\x0e\x0f\xf0", 8));
	vpc_instance_free(instance);
	vpc_template_free(template);
}

static void knows_defaults_and_subprograms(void **state) {
	(void)state;
	struct vpc_template *template = prepare_object("constants", NULL);
	struct vpc_instance *defaults = load(template, "read_types", "number=3");
	struct vpc_instance *set =
		load(template, "read_types", "number=9 port=80 address=192.0.2.1 address6=2001:db8::7 hardware=02:11:22:33:44:55");

	assert_int_equal(run(defaults), 3 * 64);
	assert_int_equal(result_at(template, 1), 3);
	assert_int_equal(result_at(template, 2), number_of("\x0a\0\0\x01", 4));
	assert_int_equal(result_at(template, 3), 0);
	assert_int_equal(result_at(template, 5), number_of("\x02\0\0\0\0\x01", 6));
	assert_int_equal(result_at(template, 6), 0x1234);
	assert_string_equal(vpc_instance_values(defaults), "number=3");

	assert_int_equal(run(set), 9 * 64);
	assert_int_equal(result_at(template, 2), number_of("\xc0\0\x02\x01", 4));
	assert_int_equal(result_at(template, 3), number_of("\x20\x01\x0d\xb8\0\0\0\0", 8));
	assert_int_equal(result_at(template, 4), number_of("\0\0\0\0\0\0\0\x07", 8));
	assert_int_equal(result_at(template, 5), number_of("\x02\x11\x22\x33\x44\x55", 6));
	assert_int_equal(result_at(template, 6), 80);

	assert_int_equal(run(defaults), 3 * 64); /* nothing of the other instance */
	vpc_instance_free(set);
	vpc_instance_free(defaults);
	vpc_template_free(template);
}

static const struct {
	const char *description, *program, *settings;
	int result;
	const char *says;
} REFUSALS[] = {
	{"unknown program", "read_everything", "", -ENOENT, "read_everything"},
	{"unknown parameter", "read_types", "number=3 nonsense=1", -ENOENT, "nonsense"},
	{"missing value", "read_types", "port=1", -EINVAL, "number"},
	{"missing one of many", "read_widths", "width1=01", -EINVAL, "width2"},
	{"out of range", "read_types", "number=10", -ERANGE, "2 to 9"},
	{"set twice", "read_types", "number=3 number=4", -EINVAL, "number"},
	{"element of what is no array", "read_types", "number[1]=3", -ERANGE, "number[1]"},
	{"no value", "read_types", "number", -EINVAL, "'number'"},
	{"no name", "read_types", "=3", -EINVAL, "'=3'"},
	{"no closing bracket", "read_types", "number[0=3", -EINVAL, "number[0"},
	{"what the verifier says", "refused_with_nine", "number=9", -EACCES, "invalid access to packet"},
};

static void refuses_whole_sets(void **state) {
	(void)state;
	struct vpc_template *template = prepare_object("constants", NULL);
	for (size_t i = 0; i < COUNT(REFUSALS); i++) {
		struct vpc_instance *instance = (void *)0x5a5a;
		struct vpc_error error = {""};
		print_message("  %s\n", REFUSALS[i].description);
		assert_int_equal(try_load(template, REFUSALS[i].program, REFUSALS[i].settings, &instance, &error), REFUSALS[i].result);
		assert_ptr_equal(instance, (void *)0x5a5a);
		if (!strstr(error.text, REFUSALS[i].says) || !strstr(error.text, "test_constants.bpf.o"))
			fail_msg("the message does not name the object and '%s': %s", REFUSALS[i].says, error.text);
	}
	vpc_instance_free(load(template, "refused_with_nine", "number=8"));
	vpc_template_free(template);
}

static void refuses_settings_made_by_hand(void **state) {
	(void)state;
	struct vpc_template *template = prepare_object("constants", NULL);
	struct vpc_instance *instance = NULL;
	struct vpc_error error = {""};
	struct vpc_setting narrow = {.name = "number", .value = {.bytes = {3}, .width = 2}},
		large = {.name = "number", .value = {.bytes = {10}, .width = 4}};
	assert_int_equal(vpc_instance_load(template, "read_types", &narrow, 1, &instance, &error), -EINVAL);
	assert_non_null(strstr(error.text, "number"));
	assert_int_equal(vpc_instance_load(template, "read_types", &large, 1, &instance, NULL), -ERANGE);
	assert_null(instance);
	vpc_template_free(template);

	template = open_object("constants", NULL);
	assert_int_equal(try_load(template, "read_types", "number=3", &instance, &error), -EINVAL);
	assert_non_null(strstr(error.text, "prepare"));
	vpc_template_free(template);
}

static void shares_equal_instances(void **state) {
	(void)state;
	struct vpc_template *template = prepare_object("constants", NULL);
	struct vpc_instance *first = load(template, "read_types", "number=3 port=7"), *same = load(template, "read_types", "port=7 number=3");
	struct vpc_instance *other = load(template, "read_types", "number=4 port=7");
	struct vpc_instance *plain = load(template, "read_types", "number=3"), *said = load(template, "read_types", "number=3 port=0x1234");
	assert_int_equal(vpc_instance_id(first), vpc_instance_id(same));
	assert_int_not_equal(vpc_instance_id(first), vpc_instance_id(other));
	assert_int_equal(vpc_instance_id(plain), vpc_instance_id(said)); /* the default, said aloud */
	assert_string_equal(vpc_instance_values(said), "number=3");

	vpc_instance_free(first);
	assert_int_equal(run(same), 3 * 64);
	int fd = vpc_instance_fd(same);
	vpc_instance_free(same);
	assert_int_equal(bpf_prog_test_run_opts(fd, NULL), -EBADF);
	vpc_instance_free(other);
	vpc_instance_free(plain);
	vpc_instance_free(said);
	vpc_template_free(template);
}

static void tells_what_the_kernel_tells(void **state) {
	(void)state;
	struct vpc_template *template = prepare_object("constants", NULL);
	struct vpc_instance *instance = load(template, "read_types", "number=3");
	struct bpf_prog_info info = {0};
	uint32_t size = sizeof info;
	uint64_t tag = 0;
	assert_int_equal(bpf_obj_get_info_by_fd(vpc_instance_fd(instance), &info, &size), 0);
	for (int i = 0; i < 8; i++)
		tag = tag << 8 | info.tag[i];
	assert_int_equal(vpc_instance_id(instance), info.id);
	assert_int_equal(vpc_instance_tag(instance), tag);
	assert_int_equal(info.type, BPF_PROG_TYPE_SCHED_CLS);
	assert_true(info.btf_id && info.nr_func_info == 2);
	assert_string_equal(vpc_instance_program(instance), "read_types");
	assert_ptr_equal(vpc_instance_template(instance), template);
	vpc_instance_free(instance);
	vpc_template_free(template);
}

/* One setting each; everything else keeps its value. */
static const struct {
	const char *setting;
	uint32_t result;
	uint64_t value;
} GLOBALS[] = {
	{"data_1=0xee", 0, 0xee}, {"data_2=0xeeee", 1, 0xeeee}, {"data_4=0xeeeeeeee", 2, 0xeeeeeeee},
		{"data_8=0xeeeeeeeeeeeeeeee", 3, 0xeeeeeeeeeeeeeeee},
	{"data_array[0]=1", 4, 1}, {"data_array[1]=2", 5, 2}, {"data_array[2]=0xffffffff", 6, 0xffffffff},
	{"rodata_1=0", 8, 0}, {"rodata_2=7", 9, 7}, {"rodata_4=7", 10, 7}, {"rodata_8=7", 11, 7}, {"rodata_array[2]=8", 14, 8},
	{"bss_1=0xff", 16, 0xff}, {"bss_2=0xffff", 17, 0xffff}, {"bss_4=0xffffffff", 18, 0xffffffff},
		{"bss_8=0xffffffffffffffff", 19, UINT64_MAX}, {"bss_array[1]=5", 21, 5},
	{"more_data_1=3", 24, 3}, {"more_data_8=3", 27, 3}, {"more_data_array[2]=9", 30, 9},
	{"more_rodata_2=3", 33, 3}, {"more_rodata_4=3", 34, 3}, {"more_rodata_array[0]=9", 36, 9},
	{"static_data_1=3", 40, 3}, {"static_data_4=3", 42, 3}, {"static_data_array[1]=9", 45, 9},
	{"static_rodata_2=3", 49, 3}, {"static_rodata_8=3", 51, 3}, {"static_rodata_array[2]=9", 54, 9},
	{"static_bss_1=3", 56, 3}, {"static_bss_8=3", 59, 3}, {"static_bss_array[0]=9", 60, 9},
};

static const uint64_t FACTORS[8] = {10, 20, 0, 30, 40, 50, 60, 0}, PLACES[8] = {1, 2, 4, 8, 11, 12, 13, 99};

static void check_globals(const struct vpc_template *template, size_t changed) {
	for (uint32_t i = 0; i < 64; i++) {
		bool is_changed = changed < COUNT(GLOBALS) && GLOBALS[changed].result == i;
		uint64_t initial = FACTORS[i / 8] * PLACES[i % 8];
		if (i % 8 == 0)
			initial &= 0xff;
		if (result_at(template, i) != (is_changed ? GLOBALS[changed].value : initial))
			fail_msg("%s: result %u is %llu", changed < COUNT(GLOBALS) ? GLOBALS[changed].setting : "nothing set", i,
				(unsigned long long)result_at(template, i));
	}
}

/* Without BTF nothing tells where the elements of an array are. */
static void set_each_global(const char *object, bool has_btf) {
	struct vpc_template *template = prepare_object(object, NULL);
	for (size_t i = 0; i <= COUNT(GLOBALS); i++) {
		if (i < COUNT(GLOBALS) && !has_btf && strchr(GLOBALS[i].setting, '['))
			continue;
		struct vpc_instance *instance = load(template, "read_globals", i < COUNT(GLOBALS) ? GLOBALS[i].setting : "");
		run(instance);
		check_globals(template, i);
		vpc_instance_free(instance);
	}
	vpc_template_free(template);
}

static void sets_each_global_alone(void **state) {
	(void)state;
	set_each_global("globals", true);
}

static void sets_globals_without_btf(void **state) {
	(void)state;
	set_each_global("globals_without_btf", false);
	struct vpc_template *template = prepare_object("globals_without_btf", NULL);
	struct vpc_instance *instance = load(template, "read_globals", "data_array=010000000200000003000000");
	run(instance);
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(result_at(template, 4 + i), i + 1);
	assert_int_equal(result_at(template, 7), 990);
	vpc_instance_free(instance);
	vpc_template_free(template);
}

static void keeps_the_state_of_instances_apart(void **state) {
	(void)state;
	struct vpc_template *template = prepare_object("globals", NULL);
	struct vpc_instance *shared = load(template, "count_up", ""), *own = load(template, "count_up", "data_4=1000"),
		*unrelated = load(template, "count_up", "rodata_1=1");
	assert_int_equal(run(shared), 41);
	assert_int_equal(run(own), 1001);
	assert_int_equal(run(own), 1002);
	assert_int_equal(run(shared), 42);
	assert_int_equal(run(unrelated), 43); /* none of .data is set: the template's own map */
	vpc_instance_free(shared);
	vpc_instance_free(own);
	vpc_instance_free(unrelated);
	vpc_template_free(template);
}

static const struct {
	const char *setting;
	int result;
	const char *says;
} GLOBAL_REFUSALS[] = {
	{"folded=6", -EINVAL, "folded"},
	{"never_read=6", -EINVAL, "never_read"},
	{"data_array[3]=1", -ERANGE, "3 elements"},
	{"data_1=256", -ERANGE, "data_1"},
	{"read_globals=1", -ENOENT, "read_globals"},
};

static void refuses_globals_that_would_change_nothing(void **state) {
	(void)state;
	struct vpc_template *template = prepare_object("globals", NULL);
	for (size_t i = 0; i < COUNT(GLOBAL_REFUSALS); i++) {
		struct vpc_instance *instance = NULL;
		struct vpc_error error = {""};
		print_message("  %s\n", GLOBAL_REFUSALS[i].setting);
		assert_int_equal(try_load(template, "read_globals", GLOBAL_REFUSALS[i].setting, &instance, &error), GLOBAL_REFUSALS[i].result);
		assert_non_null(strstr(error.text, GLOBAL_REFUSALS[i].says));
	}
	vpc_template_free(template);
}

static uint64_t shared_count(const struct vpc_template *template) {
	uint32_t zero = 0;
	uint64_t count = 0;
	assert_int_equal(bpf_map_lookup_elem(vpc_template_map_fd(template, "shared"), &zero, &count), 0);
	return count;
}

static int count_entries(const char *path) {
	DIR *directory = opendir(path);
	int count = -2; /* . and .. */
	while (directory && readdir(directory))
		count++;
	if (directory)
		closedir(directory);
	return count;
}

/* A bpffs of its own, which ends with the process: its mount namespace is private. */
static void shares_pinned_maps_between_templates(void **state) {
	char directory[] = "/tmp/core-test-XXXXXX";
	(void)state;
	assert_int_equal(unshare(CLONE_NEWNS), 0);
	assert_int_equal(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	assert_non_null(mkdtemp(directory));
	assert_int_equal(mount("bpf", directory, "bpf", 0, NULL), 0);
	int others = count_entries(directory); /* the kernel's own */
	const struct vpc_prepare_options pinned = {.size = sizeof pinned, .direction = VPC_EGRESS, .pin_directory = directory};
	struct vpc_template *templates[3] = {open_object("constants", NULL), open_object("constants", NULL), prepare_object("constants", NULL)};
	for (int i = 0; i < 2; i++) {
		struct vpc_error error = {""};
		if (vpc_template_prepare(templates[i], &pinned, &error))
			fail_msg("%s", error.text);
		assert_int_equal(vpc_template_prepare(templates[i], &pinned, &error), -EALREADY);
	}
	for (int i = 0; i < 3; i++) {
		struct vpc_instance *instance = load(templates[i], "count_shared", "");
		assert_int_equal(run(instance), 7);
		vpc_instance_free(instance);
	}
	assert_int_equal(count_entries(directory), others + 1);
	assert_int_equal(shared_count(templates[0]), 2);
	assert_int_equal(shared_count(templates[1]), 2);
	assert_int_equal(shared_count(templates[2]), 1); /* unpinned: its own */
	for (int i = 0; i < 3; i++)
		vpc_template_free(templates[i]);
	umount(directory);
	rmdir(directory);
}

static void resizes_maps_by_name(void **state) {
	const struct vpc_map_size sizes[] = {{"results", 128}}, unknown[] = {{"nothing", 1}};
	struct vpc_prepare_options options = {.size = sizeof options, .direction = VPC_INGRESS, .map_sizes = unknown, .map_size_count = 1};
	struct bpf_map_info info = {0};
	struct vpc_error error = {""};
	uint32_t size = sizeof info;
	(void)state;
	struct vpc_template *template = open_object("constants", NULL);
	assert_int_equal(vpc_template_prepare(template, &options, &error), -ENOENT);
	assert_non_null(strstr(error.text, "nothing"));
	options.map_sizes = sizes;
	assert_int_equal(vpc_template_prepare(template, &options, &error), 0); /* a failure can be made good */
	assert_int_equal(bpf_obj_get_info_by_fd(vpc_template_map_fd(template, "results"), &info, &size), 0);
	assert_int_equal(info.max_entries, 128);
	assert_int_equal(vpc_template_map_fd(template, "nothing"), -ENOENT);
	vpc_template_free(template);
}

static const struct {
	const char *description, *only_program;
	int32_t expected;
	const char *program;
	uint32_t constant, value;
	int result;            /* of opening */
	uint32_t hit, missed;  /* what the program returns when the skb carries the value, and when not */
} PLACEHOLDERS[] = {
	{"in a subprogram", NULL, 2, "alone", 0xFEDCBA98, 7, 0, 1, 2},
	{"in a program", NULL, 0, "first", 0xFEDCBA98, 0x80000001, 0, 4, 5},
	{"all ones", NULL, 0, "alone", 0xFEDCBA98, 0xffffffff, 0, 1, 2},
	{"one program alone", "alone", 1, "alone", 0xFEDCBA98, 7, 0, 1, 2},
	{"another number expected", NULL, 3, "alone", 0xFEDCBA98, 7, -ENXIO, 0, 0},
	{"nowhere", NULL, 0, "alone", 0xDEADBEE5, 7, -ENXIO, 0, 0},
	{"not in this program", "second", 0, "second", 0xFEDCBA98, 7, -ENXIO, 0, 0},
	{"in a subprogram shared with one outside", "second", 0, "second", 0xABCD1234, 7, -EINVAL, 0, 0},
};

static void writes_placeholders(void **state) {
	(void)state;
	for (size_t i = 0; i < COUNT(PLACEHOLDERS); i++) {
		const struct vpc_placeholder placeholder = {.name = "place", .constant = PLACEHOLDERS[i].constant,
			.expected = PLACEHOLDERS[i].expected};
		const struct vpc_template_options options = {.size = sizeof options, .program = PLACEHOLDERS[i].only_program,
			.placeholders = &placeholder, .placeholder_count = 1};
		struct vpc_error error = {""};
		struct vpc_template *template = NULL;
		char setting[64];
		print_message("  %s\n", PLACEHOLDERS[i].description);
		if (PLACEHOLDERS[i].result) {
			size_t length;
			uint8_t *bytes = read_object("test_placeholders", &length);
			assert_int_equal(vpc_template_open_memory("object", bytes, length, &options, &template, &error), PLACEHOLDERS[i].result);
			assert_true(strstr(error.text, "place") || strstr(error.text, "of_both"));
			free(bytes);
			continue;
		}
		template = prepare_object("placeholders", &options);
		snprintf(setting, sizeof setting, "place=%u", PLACEHOLDERS[i].value);
		struct vpc_instance *instance = load(template, PLACEHOLDERS[i].program, setting);
		assert_int_equal(run_fd(vpc_instance_fd(instance), PLACEHOLDERS[i].value, PLACEHOLDERS[i].value), PLACEHOLDERS[i].hit);
		assert_int_equal(run_fd(vpc_instance_fd(instance), PLACEHOLDERS[i].constant, 0), PLACEHOLDERS[i].missed);
		vpc_instance_free(instance);
		vpc_template_free(template);
	}
}

static void outlives_the_callers_template(void **state) {
	(void)state;
	struct vpc_template *template = prepare_object("constants", NULL);
	struct vpc_instance *first = load(template, "read_types", "number=3"), *second = load(template, "read_types", "number=4");
	vpc_template_free(template);
	assert_int_equal(run(first), 3 * 64);
	assert_string_equal(vpc_instance_values(second), "number=4");
	assert_int_equal(strlen(vpc_template_hash(vpc_instance_template(second))), 64);
	vpc_instance_free(first);
	assert_int_equal(run(second), 4 * 64);
	vpc_instance_free(second);
}

static void refuses_what_libbpf_rewrites(void **state) {
	const struct vpc_placeholder placeholder = {.name = "place", .constant = 0xFEDCBA98};
	struct vpc_template_options options = {.size = sizeof options, .placeholders = &placeholder, .placeholder_count = 1};
	struct vpc_error error = {""};
	struct vpc_template *template = NULL;
	size_t length;
	(void)state;
	uint8_t *bytes = read_object("test_rewritten", &length);
	assert_int_equal(vpc_template_open_memory("object", bytes, length, &options, &template, &error), -EINVAL);
	assert_non_null(strstr(error.text, "CO-RE"));
	options.program = "by_source";
	template = prepare_object("rewritten", &options);
	struct vpc_instance *instance = load(template, "by_source", "place=7");
	assert_int_equal(run_fd(vpc_instance_fd(instance), 7, 0), 1);
	assert_int_equal(run_fd(vpc_instance_fd(instance), 0xFEDCBA98, 0), 2);
	vpc_instance_free(instance);
	vpc_template_free(template);
	free(bytes);
}

static int count_descriptors(void) {
	return count_entries("/proc/self/fd");
}

/* libbpf keeps a descriptor or two of its own for good from the first use on. */
static void leaks_nothing(void **state) {
	(void)state;
	int before = -1;
	for (int round = 0; round < 5; round++) {
		struct vpc_template *template = prepare_object("globals", NULL);
		struct vpc_instance *instance = NULL;
		struct vpc_error error;
		vpc_instance_free(load(template, "read_globals", "data_1=1 rodata_1=2 bss_1=3"));
		assert_int_not_equal(try_load(template, "read_globals", "nothing=1", &instance, &error), 0);
		vpc_template_free(template);
		assert_null(vpc_template_free(NULL));
		assert_null(vpc_instance_free(NULL));
		if (round > 0)
			assert_int_equal(count_descriptors(), before);
		before = count_descriptors();
	}
}

int main(int count, char **arguments) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(carries_every_width),
		cmocka_unit_test(knows_defaults_and_subprograms),
		cmocka_unit_test(refuses_whole_sets),
		cmocka_unit_test(refuses_settings_made_by_hand),
		cmocka_unit_test(shares_equal_instances),
		cmocka_unit_test(tells_what_the_kernel_tells),
		cmocka_unit_test(sets_each_global_alone),
		cmocka_unit_test(sets_globals_without_btf),
		cmocka_unit_test(keeps_the_state_of_instances_apart),
		cmocka_unit_test(refuses_globals_that_would_change_nothing),
		cmocka_unit_test(resizes_maps_by_name),
		cmocka_unit_test(writes_placeholders),
		cmocka_unit_test(outlives_the_callers_template),
		cmocka_unit_test(refuses_what_libbpf_rewrites),
		cmocka_unit_test(leaks_nothing),
		cmocka_unit_test(shares_pinned_maps_between_templates),
	};
	if (count > 1)
		object_directory = arguments[1];
	need_bpf();
	return cmocka_run_group_tests_name("instance", tests, NULL, NULL);
}
