// SPDX-License-Identifier: Apache-2.0
//
// Objects written with values in them, loaded by a libbpf that knows nothing of ours, and run:
//
//	object ---- vpc_template_patch ---- bytes ---- bpf_object__open_mem, bpf_object__load ---- BPF_PROG_TEST_RUN
#include "scene.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <elf.h>

struct written {
	void *bytes;
	size_t length;
	struct bpf_object *object;
};

static int write_object(struct vpc_template *template, const char *text, struct written *ret_written, struct vpc_error *error) {
	struct vpc_setting settings[MOST_SETTINGS];
	int count = parse_settings(template, text, settings, error);
	return count < 0 ? count : vpc_template_patch(template, settings, (size_t)count, &ret_written->bytes, &ret_written->length, error);
}

/* Written for all programs of which the settings are complete; loads that one alone. */
static struct written load_written(const char *name, const struct vpc_template_options *options, const char *settings,
		const char *program_name) {
	struct written written = {0};
	struct vpc_error error = {""};
	struct bpf_program *program;
	struct vpc_template *template = open_object(name, options);
	if (write_object(template, settings, &written, &error))
		fail_msg("%s", error.text);
	vpc_template_free(template);
	written.object = bpf_object__open_mem(written.bytes, written.length, NULL);
	assert_non_null(written.object);
	bpf_object__for_each_program(program, written.object) {
		bpf_program__set_type(program, BPF_PROG_TYPE_SCHED_CLS);
		bpf_program__set_autoload(program, strcmp(bpf_program__name(program), program_name) == 0);
	}
	struct bpf_map *map;
	bpf_object__for_each_map(map, written.object)
		if (bpf_map__pin_path(map))
			assert_int_equal(bpf_map__set_pin_path(map, NULL), 0);
	assert_int_equal(bpf_object__load(written.object), 0);
	return written;
}

static void release(struct written *written) {
	bpf_object__close(written->object);
	free(written->bytes);
}

static uint32_t run_written(const struct written *written, const char *program, uint32_t mark, uint32_t priority) {
	return run_fd(bpf_program__fd(bpf_object__find_program_by_name(written->object, program)), mark, priority);
}

static uint64_t result_of(const struct written *written, uint32_t index) {
	uint64_t values[64] = {0};
	uint32_t zero = 0;
	struct bpf_map *map = bpf_object__find_map_by_name(written->object, "results"),
		*variable = bpf_object__find_map_by_name(written->object, ".data.results");
	assert_int_equal(bpf_map_lookup_elem(bpf_map__fd(map ? map : variable), map ? &index : &zero, values), 0);
	return values[map ? 0 : index];
}

static void writes_constants(void **state) {
	(void)state;
	const struct vpc_template_options options = {.size = sizeof options};
	struct vpc_template *template = open_object("constants", &options);
	char all[1024] = "number=3 address6=2001:db8::7";
	for (int width = 1; width <= 16; width++) {
		int used = (int)strlen(all);
		used += snprintf(all + used, sizeof all - (size_t)used, " width%d=", width);
		for (int i = 0; i < width; i++)
			used += snprintf(all + used, sizeof all - (size_t)used, "%02x", 0xf0 + i);
	}
	vpc_template_free(template);

	struct written widths = load_written("constants", &options, all, "read_widths");
	assert_int_equal(run_written(&widths, "read_widths", 0, 0), 0);
	for (uint32_t width = 1; width <= 16; width++)
		for (uint32_t byte = 0; byte < 16; byte++) {
			uint64_t word = result_of(&widths, byte < 8 ? width : 32 + width);
			if (byte < 8 || width > 8)
				assert_int_equal(word >> 8 * (byte % 8) & 0xff, byte < width ? 0xf0 + byte : 0);
		}
	release(&widths);

	struct written types = load_written("constants", &options, all, "read_types");
	assert_int_equal(run_written(&types, "read_types", 0, 0), 3 * 64);
	assert_int_equal(result_of(&types, 6), 0x1234); /* a default, in a subprogram */
	release(&types);
}

static void writes_globals(void **state) {
	static const struct {
		const char *settings;
		uint32_t result;
		uint64_t value, neighbour; /* of the place written, and of what .data_1 holds then */
	} CASES[] = {
		{"data_8=0x1122334455667788", 3, 0x1122334455667788, 10},
		{"bss_4=0xfefefefe", 18, 0xfefefefe, 10}, /* .bss has no bytes in the file */
		{"static_bss_array[2]=7", 62, 7, 10},
		{"bss_4=0", 18, 0, 10},
		{"rodata_2=0xffff", 9, 0xffff, 10},
		{"more_rodata_array[1]=5", 37, 5, 10},
		{"more_data_1=1 data_1=2", 24, 1, 2},
		{"static_rodata_8=9 bss_1=1 static_bss_8=0xffffffffffffffff", 59, UINT64_MAX, 10},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(CASES); i++) {
		print_message("  %s\n", CASES[i].settings);
		struct written written = load_written("globals", NULL, CASES[i].settings, "read_globals");
		run_written(&written, "read_globals", 0, 0);
		assert_int_equal(result_of(&written, CASES[i].result), CASES[i].value);
		assert_int_equal(result_of(&written, 0), CASES[i].neighbour);
		assert_int_equal(result_of(&written, 7), 990); /* guards */
		assert_int_equal(result_of(&written, 15), 20 * 99);
		assert_int_equal(result_of(&written, 23), 0);
		release(&written);
	}
}

static void writes_placeholders(void **state) {
	(void)state;
	const struct vpc_placeholder placeholder = {.name = "place", .constant = 0xFEDCBA98};
	const struct vpc_template_options options = {.size = sizeof options, .placeholders = &placeholder, .placeholder_count = 1};
	const struct vpc_template_options alone = {.size = sizeof alone, .program = "alone", .placeholders = &placeholder,
		.placeholder_count = 1};
	struct written both = load_written("placeholders", &options, "place=0x80000007", "first");
	assert_int_equal(run_written(&both, "first", 0x80000007, 0), 4);
	assert_int_equal(run_written(&both, "first", 0xFEDCBA98, 0), 5);
	release(&both);
	struct written one = load_written("placeholders", &alone, "place=7", "alone"),
		other = load_written("placeholders", &alone, "place=7", "first");
	assert_int_equal(run_written(&one, "alone", 7, 0), 1);
	assert_int_equal(run_written(&other, "first", 7, 0), 5); /* a program outside the choice keeps its constant */
	assert_int_equal(run_written(&other, "first", 0xFEDCBA98, 0), 4);
	release(&one);
	release(&other);
}

/* One program and what it calls; the others can be patched in what was written as before. */
static void writes_constants_of_one_program(void **state) {
	(void)state;
	const struct vpc_template_options first = {.size = sizeof first, .program = "first"},
		third = {.size = sizeof third, .program = "third"};
	struct written chosen = load_written("choice", &first, "mine=20", "first");
	struct vpc_template *template = NULL;
	struct written written = {0};
	struct vpc_error error = {""};
	assert_int_equal(run_written(&chosen, "first", 2, 0), 42);
	assert_int_equal(vpc_template_open_memory("again", chosen.bytes, chosen.length, NULL, &template, &error), 0);
	assert_int_equal(vpc_template_find_parameter(template, "mine")->sites, 0);
	assert_int_equal(vpc_template_find_parameter(template, "other")->sites, 1);
	vpc_template_free(template);
	release(&chosen);

	template = open_object("choice", &third);
	assert_int_equal(write_object(template, "shared=1", &written, &error), -EINVAL);
	if (!strstr(error.text, "shared is in function shared_function, which program third calls, and others too"))
		fail_msg("%s", error.text);
	assert_null(written.bytes);
	vpc_template_free(template);
}

static const struct {
	const char *object, *settings;
	int result;
	const char *says;
} REFUSALS[] = {
	{"constants", "number=3", -EINVAL, "width1"},
	{"constants", "nothing=3", -ENOENT, "nothing"},
	{"globals", "folded=3", -EINVAL, "folded"},
	{"globals", "data_1=300", -ERANGE, "data_1"},
	{"globals", "data_1=3 data_1=4", -EINVAL, "twice"},
};

static void refuses_what_instances_refuse(void **state) {
	(void)state;
	for (size_t i = 0; i < COUNT(REFUSALS); i++) {
		struct vpc_template *template = open_object(REFUSALS[i].object, NULL);
		struct written written = {(void *)0x5a5a, 17, NULL};
		struct vpc_error error = {""};
		print_message("  %s\n", REFUSALS[i].settings);
		assert_int_equal(write_object(template, REFUSALS[i].settings, &written, &error), REFUSALS[i].result);
		assert_non_null(strstr(error.text, REFUSALS[i].says));
		assert_true(written.bytes == (void *)0x5a5a && written.length == 17);
		vpc_template_free(template);
	}
}

/* What was written can be a template again, and nothing set changes nothing but the relocations of constants. */
static void writes_what_it_can_read(void **state) {
	struct written written = {0};
	struct vpc_error error = {""};
	size_t length;
	(void)state;
	uint8_t *bytes = read_object("test_globals", &length);
	struct vpc_template *template = open_object("globals", NULL), *again = NULL;
	assert_int_equal(write_object(template, "", &written, &error), 0);
	assert_int_equal(written.length, length);
	assert_memory_equal(written.bytes, bytes, length);
	free(written.bytes);
	assert_int_equal(write_object(template, "bss_4=1", &written, &error), 0);
	if (vpc_template_open_memory("again", written.bytes, written.length, NULL, &again, &error))
		fail_msg("%s", error.text);
	assert_int_not_equal(strcmp(vpc_template_hash(template), vpc_template_hash(again)), 0);
	vpc_template_free(again);
	vpc_template_free(template);
	free(written.bytes);
	free(bytes);
}

int main(int count, char **arguments) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_constants),
		cmocka_unit_test(writes_globals),
		cmocka_unit_test(writes_placeholders),
		cmocka_unit_test(writes_constants_of_one_program),
		cmocka_unit_test(refuses_what_instances_refuse),
		cmocka_unit_test(writes_what_it_can_read),
	};
	if (count > 1)
		object_directory = arguments[1];
	need_bpf();
	return cmocka_run_group_tests_name("patch", tests, NULL, NULL);
}
