// SPDX-License-Identifier: Apache-2.0
//
// Which of several is meant: of programs, of variables that are called alike, of numbers that look like the placeholder;
// and what says nothing at all.
#include "scene.h"

static void makes_what_one_program_uses(void **state) {
	const struct vpc_template_options options = {.size = sizeof options, .program = "first"};
	(void)state;
	struct vpc_template *all = prepare_object("choice", NULL), *one = prepare_object("choice", &options);
	assert_true(vpc_template_map_fd(all, "map_of_first") >= 0);
	assert_true(vpc_template_map_fd(all, "map_of_second") >= 0);
	assert_true(vpc_template_map_fd(one, "map_of_first") >= 0);
	assert_int_equal(vpc_template_map_fd(one, "map_of_second"), -ENOENT);
	struct vpc_instance *instance = load(one, "first", "mine=4");
	assert_int_equal(run(instance), 8);
	vpc_instance_free(instance);
	vpc_template_free(one);
	vpc_template_free(all);
}

static const struct {
	const char *setting;
	int result;
	const char *says[3];
	const char *program;
	uint32_t returns;
} ALIKE[] = {
	{"in_two_sections=1", -EINVAL, {"'in_two_sections'", "'.data:in_two_sections'", "'.bss:in_two_sections'"}, NULL, 0},
	{"in_one_section=1", -EINVAL, {"'in_one_section'", "'.data+4:in_one_section'", "'.data+12:in_one_section'"}, NULL, 0},
	{".rodata:in_two_sections=1", -ENOENT, {".rodata:in_two_sections", "", ""}, NULL, 0},
	{".data:in_two_sections=1", 0, {NULL}, "first", 167},
	{".data:in_two_sections=1", 0, {NULL}, "second", 80},
	{".bss:in_two_sections=1", 0, {NULL}, "second", 180},
	{".bss:in_two_sections=1", 0, {NULL}, "first", 567},
	{".data+4:in_one_section=1", 0, {NULL}, "first", 517},
	{".data+12:in_one_section=1", 0, {NULL}, "second", 10},
	{"only_here=1", 0, {NULL}, "first", 561},
};

static void tells_variables_of_one_name_apart(void **state) {
	(void)state;
	struct vpc_template *template = prepare_object("alike", NULL);
	for (size_t i = 0; i < COUNT(ALIKE); i++) {
		struct vpc_setting setting;
		struct vpc_error error = {""};
		print_message("  %s\n", ALIKE[i].setting);
		assert_int_equal(vpc_template_parse_setting(template, ALIKE[i].setting, &setting, &error), ALIKE[i].result);
		for (size_t k = 0; k < COUNT(ALIKE[i].says) && ALIKE[i].result; k++)
			if (!strstr(error.text, ALIKE[i].says[k]))
				fail_msg("'%s' does not contain '%s'", error.text, ALIKE[i].says[k]);
		if (ALIKE[i].result)
			continue;
		struct vpc_instance *instance = load(template, ALIKE[i].program, ALIKE[i].setting);
		assert_int_equal(run(instance), ALIKE[i].returns);
		vpc_instance_free(instance);
	}
	assert_null(vpc_template_find_parameter(template, "in_one_section"));
	assert_int_equal(vpc_template_find_parameter(template, ".data+12:in_one_section")->width, 2);
	vpc_template_free(template);
}

static void takes_no_offset_for_the_placeholder(void **state) {
	const struct vpc_placeholder placeholder = {.name = "place", .constant = 0x12340};
	const struct vpc_template_options options = {.size = sizeof options, .placeholders = &placeholder, .placeholder_count = 1};
	const struct vpc_template_options only_reads = {.size = sizeof options, .program = "only_reads", .placeholders = &placeholder,
		.placeholder_count = 1};
	struct vpc_template *template = prepare_object("addend", &options), *none = NULL;
	struct vpc_error error = {""};
	size_t length;
	(void)state;
	assert_int_equal(vpc_template_find_parameter(template, "place")->sites, 1);
	struct vpc_instance *instance = load(template, "reads_and_compares", "place=7");
	assert_int_equal(run_fd(vpc_instance_fd(instance), 7, 0), 6);
	assert_int_equal(run_fd(vpc_instance_fd(instance), 0x12340, 0), 0);
	vpc_instance_free(instance);
	vpc_template_free(template);

	uint8_t *bytes = read_object("test_addend", &length);
	assert_int_equal(vpc_template_open_memory("object", bytes, length, &only_reads, &none, &error), -ENXIO);
	assert_null(none);
	free(bytes);
}

/* Every name, path, text and list of the library's core, missing: an error that names the object, and nothing touched. */
static void says_what_is_missing(void **state) {
	const struct vpc_placeholder nameless = {.constant = 0xFEDCBA98};
	const struct vpc_template_options no_list = {.size = sizeof no_list, .placeholder_count = 1};
	const struct vpc_template_options no_name = {.size = sizeof no_name, .placeholders = &nameless, .placeholder_count = 1};
	const struct vpc_map_size no_map = {.max_entries = 1};
	const struct vpc_prepare_options sizes[] = {{.size = sizeof *sizes, .direction = VPC_INGRESS, .map_size_count = 1},
		{.size = sizeof *sizes, .direction = VPC_INGRESS, .map_sizes = &no_map, .map_size_count = 1}};
	const struct vpc_setting without_name = {.value = {.width = 4}};
	struct vpc_template *opened = (void *)0x5a5a, *template = open_object("choice", NULL);
	struct vpc_instance *instance = (void *)0x5a5a;
	struct vpc_setting setting = {.element = 17};
	struct vpc_value value = {.width = 17};
	struct vpc_error error = {""};
	void *written = (void *)0x5a5a;
	size_t length;
	(void)state;
#define REFUSED(call_) do { \
	error.text[0] = '\0'; \
	assert_int_equal(call_, -EINVAL); \
	assert_true(error.text[0]); \
} while (0)
	uint8_t *bytes = read_object("test_choice", &length);
	REFUSED(vpc_template_open_file(NULL, NULL, &opened, &error));
	REFUSED(vpc_template_open_memory(NULL, bytes, length, NULL, &opened, &error));
	REFUSED(vpc_template_open_memory("object", NULL, length, NULL, &opened, &error));
	REFUSED(vpc_template_open_memory("object", bytes, length, &no_list, &opened, &error));
	REFUSED(vpc_template_open_memory("object", bytes, length, &no_name, &opened, &error));
	REFUSED(vpc_template_open_builtin(NULL, NULL, &opened, &error));
	REFUSED(vpc_template_prepare(template, &sizes[0], &error));
	REFUSED(vpc_template_prepare(template, &sizes[1], &error));
	REFUSED(vpc_template_parse_setting(template, NULL, &setting, &error));
	REFUSED(vpc_template_patch(template, NULL, 1, &written, &length, &error));
	REFUSED(vpc_template_patch(template, &without_name, 1, &written, &length, &error));
	REFUSED(vpc_instance_load(template, NULL, NULL, 0, &instance, &error));
	assert_int_equal(vpc_template_prepare(template, NULL, &error), 0);
	REFUSED(vpc_instance_load(template, NULL, NULL, 0, &instance, &error));
	REFUSED(vpc_instance_load(template, "first", NULL, 1, &instance, &error));
	REFUSED(vpc_instance_load(template, "first", &without_name, 1, &instance, &error));
	REFUSED(vpc_value_parse(vpc_template_parameter(template, 0), NULL, &value, &error));
	assert_int_equal(vpc_value_format(vpc_template_parameter(template, 0), &value, NULL, 0), -EINVAL);
	assert_int_equal(vpc_template_map_fd(template, NULL), -EINVAL);
	assert_null(vpc_template_find_parameter(template, NULL));
	assert_int_equal(vpc_instance_load(template, NULL, NULL, 0, &instance, NULL), -EINVAL);
	assert_true(opened == (void *)0x5a5a && instance == (void *)0x5a5a && written == (void *)0x5a5a && setting.element == 17 &&
		value.width == 17);
	vpc_template_free(template);
	free(bytes);
}

int main(int count, char **arguments) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(makes_what_one_program_uses),
		cmocka_unit_test(tells_variables_of_one_name_apart),
		cmocka_unit_test(takes_no_offset_for_the_placeholder),
		cmocka_unit_test(says_what_is_missing),
	};
	if (count > 1)
		object_directory = arguments[1];
	need_bpf();
	return cmocka_run_group_tests_name("choice", tests, NULL, NULL);
}
