// SPDX-License-Identifier: Apache-2.0
#include "scene.h"

#include <bpf/bpf.h>
#include <linux/bpf.h>
#include <unistd.h>

const char *object_directory = ".";

uint8_t *read_object(const char *name, size_t *ret_length) {
	char path[4096];
	snprintf(path, sizeof path, "%s/%s.bpf.o", object_directory, name);
	FILE *file = fopen(path, "re");
	if (!file)
		fail_msg("%s: %s", path, strerror(errno));
	uint8_t *bytes = malloc(1 << 20);
	*ret_length = fread(bytes, 1, 1 << 20, file);
	fclose(file);
	return bytes;
}

struct vpc_template *open_object(const char *name, const struct vpc_template_options *options) {
	struct vpc_error error = {""};
	struct vpc_template *template = NULL;
	char path[4096];
	snprintf(path, sizeof path, "%s/test_%s.bpf.o", object_directory, name);
	if (vpc_template_open_file(path, options, &template, &error))
		fail_msg("%s", error.text);
	return template;
}

struct vpc_template *prepare_object(const char *name, const struct vpc_template_options *options) {
	const struct vpc_prepare_options prepare = {.size = sizeof prepare, .direction = VPC_INGRESS};
	struct vpc_error error = {""};
	struct vpc_template *template = open_object(name, options);
	if (vpc_template_prepare(template, &prepare, &error))
		fail_msg("%s", error.text);
	return template;
}

int parse_settings(const struct vpc_template *template, const char *text, struct vpc_setting *settings, struct vpc_error *error) {
	char words[1024], *rest = NULL;
	int count = 0;
	snprintf(words, sizeof words, "%s", text);
	for (char *word = strtok_r(words, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
		assert_in_range(count, 0, MOST_SETTINGS - 1);
		int result = vpc_template_parse_setting(template, word, &settings[count], error);
		if (result)
			return result;
		count++;
	}
	return count;
}

int try_load(struct vpc_template *template, const char *program, const char *text, struct vpc_instance **ret_instance,
		struct vpc_error *error) {
	struct vpc_setting settings[MOST_SETTINGS];
	int count = parse_settings(template, text, settings, error);
	return count < 0 ? count : vpc_instance_load(template, program, settings, (size_t)count, ret_instance, error);
}

struct vpc_instance *load(struct vpc_template *template, const char *program, const char *settings) {
	struct vpc_error error = {""};
	struct vpc_instance *instance = NULL;
	if (try_load(template, program, settings, &instance, &error))
		fail_msg("%s", error.text);
	return instance;
}

uint32_t run_fd(int program_fd, uint32_t mark, uint32_t priority) {
	char frame[64] = {0};
	struct __sk_buff context = {.mark = mark, .priority = priority};
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame, .data_size_in = sizeof frame, .ctx_in = &context,
		.ctx_size_in = sizeof context);
	assert_int_equal(bpf_prog_test_run_opts(program_fd, &options), 0);
	return options.retval;
}

uint32_t run(const struct vpc_instance *instance) {
	return run_fd(vpc_instance_fd(instance), 0, 0);
}

uint64_t result_at(const struct vpc_template *template, uint32_t index) {
	uint64_t values[64] = {0};
	uint32_t zero = 0;
	int map = vpc_template_map_fd(template, "results"), variable = vpc_template_map_fd(template, ".data.results");
	if (map >= 0)
		assert_int_equal(bpf_map_lookup_elem(map, &index, values), 0);
	else
		assert_int_equal(bpf_map_lookup_elem(variable, &zero, values), 0);
	return values[map >= 0 ? 0 : index];
}

void need_bpf(void) {
	const struct bpf_insn nothing[] = {{.code = BPF_ALU64 | BPF_MOV | BPF_K}, {.code = BPF_JMP | BPF_EXIT}};
	int fd = bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "test", "GPL", nothing, COUNT(nothing), NULL);
	if (fd < 0) {
		printf("skipped: BPF programs cannot be loaded here: %s\n", strerror(errno));
		exit(77);
	}
	close(fd);
}
