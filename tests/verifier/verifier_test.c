// SPDX-License-Identifier: Apache-2.0
//
// Every program of the project is loaded with values in it, in each form that those take, and the instructions that the
// verifier processed are held against the budget.
//
//   verifier_test OBJECT_DIRECTORY
//
// One line for each program and form, which hack/kernels makes its table of: program NAME COUNT FORM

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <vpc/vpc.h>
#include "builtin.h"

enum { POD_BUDGET = 1400, SHARED_BUDGET = 10000, BALANCER_BUDGET = 50000, MOST_PROGRAMS = 16 };

#define VXLAN "encapsulation=1 network_id=4097 underlay_ifindex=7 mtu=1450"
#define VLAN "encapsulation=2 network_id=100 underlay_ifindex=7 underlay_mac=02:00:00:00:aa:01 mtu=1500"
#define DUAL_STACK " pod_mac=02:00:00:00:00:01 pod_ipv4=10.0.0.2 pod_ipv6=fd00::2"

static const struct {
	const char *form, *template; /* one of the library's own, or a file in the object directory */
	const char *values;
	unsigned budget;
	bool together; /* of all programs in the template, else of each */
	enum bpf_prog_type type; /* 0: of tc */
} CASES[] = {
	{"VXLAN over IPv4",            "pod",         VXLAN DUAL_STACK,                                      POD_BUDGET,    true, 0},
	{"VXLAN over IPv6",            "pod",         VXLAN DUAL_STACK " underlay_family=6",                 POD_BUDGET,    true, 0},
	{"VXLAN over IPv4, IPv4 only", "pod",         VXLAN " pod_mac=02:00:00:00:00:01 pod_ipv4=10.0.0.2",  POD_BUDGET,    true, 0},
	{"VXLAN over IPv4, IPv6 only", "pod",         VXLAN " pod_mac=02:00:00:00:00:01 pod_ipv6=fd00::2",   POD_BUDGET,    true, 0},
	{"VLAN",                       "pod",         VLAN DUAL_STACK,                                       POD_BUDGET,    true, 0},
	{"VLAN, IPv4 only",            "pod",         VLAN " pod_mac=02:00:00:00:00:01 pod_ipv4=10.0.0.2",   POD_BUDGET,    true, 0},
	{"node",                       "node",        "",                                                    SHARED_BUDGET, false, 0},
	{"shared",                     "steps",       "",                                                    SHARED_BUDGET, false, 0},
	{"confined Pod",               "confine",     "",                                                    SHARED_BUDGET, false, 0},
	{"port filter",                "portfilter",  "",                                                    SHARED_BUDGET, false, BPF_PROG_TYPE_XDP},
	{"balancer",                   "lb",          "",                                                    BALANCER_BUDGET, false, BPF_PROG_TYPE_XDP},
	{"its backends, XDP",          "lb_decap",    "",                                                    SHARED_BUDGET, false, BPF_PROG_TYPE_XDP},
	{"its backends, tc",           "lb_decap_tc", "",                                                    SHARED_BUDGET, false, 0},
	{"sample, global variable",    "ping_global.bpf.o", "target_addr=10.0.0.2",                          SHARED_BUDGET, false, 0},
	{"sample, placeholder",        "ping_placeholder.bpf.o", "target_addr=10.0.0.2",                     SHARED_BUDGET, false, 0},
};

struct counts {
	size_t programs;
	char names[MOST_PROGRAMS][64];
	unsigned processed[MOST_PROGRAMS];
};

static const char *object_directory;

static struct vpc_template *open_template(const char *name) {
	static const struct vpc_placeholder TARGET = {.name = "target_addr", .constant = 0xFEDCBA98};
	struct vpc_template_options options = {.size = sizeof options};
	struct vpc_template *template = NULL;
	struct vpc_error error = {""};
	char path[1024];
	int result;

	if (!strchr(name, '.')) {
		result = vpc_template_open_builtin(name, NULL, &template, &error);
	} else {
		if (strstr(name, "placeholder"))
			options.placeholders = &TARGET, options.placeholder_count = 1;
		snprintf(path, sizeof path, "%s/%s", object_directory, name);
		result = vpc_template_open_file(path, &options, &template, &error);
	}
	if (result)
		fail_msg("%s", error.text);
	return template;
}

/* Patched bytes of the template; the caller frees them. */
static void *patch(const char *name, const char *values, size_t *ret_length) {
	struct vpc_template *template = open_template(name);
	struct vpc_setting settings[16];
	struct vpc_error error = {""};
	char text[512], *rest = text;
	size_t count = 0;
	void *bytes;
	snprintf(text, sizeof text, "%s", values);
	for (char *word; (word = strsep(&rest, " ")) && *word; count++)
		if (vpc_template_parse_setting(template, word, &settings[count], &error))
			fail_msg("%s", error.text);
	if (vpc_template_patch(template, settings, count, &bytes, ret_length, &error))
		fail_msg("%s", error.text);
	vpc_template_free(template);
	return bytes;
}

/* "processed 797 insns (limit 1000000) ...", the last line of the verifier's statistics */
static unsigned processed(const char *log) {
	const char *at = strstr(log, "processed ");
	return at ? (unsigned)strtoul(at + strlen("processed "), NULL, 10) : 0;
}

/* What the verifier said of a program that it refused: its last lines say why. */
static void show_refusal(const struct bpf_object *object, char (*logs)[1 << 16]) {
	struct bpf_program *program;
	size_t i = 0;
	bpf_object__for_each_program(program, object) {
		size_t length = strlen(logs[i]);
		if (bpf_program__fd(program) < 0 && length)
			print_message("%s:\n%s\n", bpf_program__name(program), logs[i] + (length > 2000 ? length - 2000 : 0));
		i++;
	}
}

static void load(const void *bytes, size_t length, enum bpf_prog_type type, struct counts *ret_counts) {
	static char logs[MOST_PROGRAMS][1 << 16];
	struct bpf_object *object = bpf_object__open_mem(bytes, length, NULL);
	struct bpf_program *program;
	struct bpf_map *map;
	assert_non_null(object);
	bpf_object__for_each_map(map, object)
		bpf_map__set_pin_path(map, NULL);
	ret_counts->programs = 0;
	bpf_object__for_each_program(program, object) {
		assert_true(ret_counts->programs < MOST_PROGRAMS);
		snprintf(ret_counts->names[ret_counts->programs], 64, "%s", bpf_program__name(program));
		bpf_program__set_type(program, type ? type : BPF_PROG_TYPE_SCHED_CLS);
		bpf_program__set_log_level(program, 4); /* statistics only */
		bpf_program__set_log_buf(program, logs[ret_counts->programs], sizeof logs[0]);
		logs[ret_counts->programs++][0] = '\0';
	}
	int result = bpf_object__load(object);
	if (result == -EPERM) {
		print_message("loading programs is not permitted here\n");
		exit(77);
	}
	if (result)
		show_refusal(object, logs);
	assert_int_equal(result, 0);
	for (size_t i = 0; i < ret_counts->programs; i++)
		assert_int_not_equal(ret_counts->processed[i] = processed(logs[i]), 0);
	bpf_object__close(object);
}

static unsigned judge(const char *name, unsigned count, unsigned budget) {
	print_message("  %-32s %5u of %5u%s\n", name, count, budget, count > budget ? ": too many" : "");
	return count > budget;
}

static void keeps_within_the_budget(void **state) {
	(void)state;
	unsigned too_many = 0;
	for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
		size_t length;
		unsigned sum = 0;
		struct counts counts;
		void *bytes = patch(CASES[i].template, CASES[i].values, &length);
		load(bytes, length, CASES[i].type, &counts);
		free(bytes);
		for (size_t j = 0; j < counts.programs; j++) {
			printf("program %s %u %s\n", counts.names[j], counts.processed[j], CASES[i].form);
			sum += counts.processed[j];
			if (!CASES[i].together)
				too_many += judge(counts.names[j], counts.processed[j], CASES[i].budget);
		}
		if (CASES[i].together)
			too_many += judge(CASES[i].form, sum, CASES[i].budget);
	}
	assert_int_equal(too_many, 0);
}

/* What the library embeds may not be forgotten above. */
static void every_object_is_counted(void **state) {
#define NAME_OF(name) #name,
	static const char *const OBJECTS[] = {VPC_BUILTIN_OBJECTS(NAME_OF)};
	(void)state;
	for (size_t i = 0; i < sizeof OBJECTS / sizeof *OBJECTS; i++) {
		size_t at = 0;
		while (at < sizeof CASES / sizeof *CASES && strcmp(CASES[at].template, OBJECTS[i]))
			at++;
		if (at == sizeof CASES / sizeof *CASES)
			fail_msg("%s has no budget", OBJECTS[i]);
	}
}

int main(int argc, char **argv) {
	const struct CMUnitTest tests[] = {cmocka_unit_test(every_object_is_counted), cmocka_unit_test(keeps_within_the_budget)};
	if (argc != 2)
		return fprintf(stderr, "usage: %s OBJECT_DIRECTORY\n", argv[0]), 2;
	object_directory = argv[1];
	return cmocka_run_group_tests_name("verifier", tests, NULL, NULL);
}
