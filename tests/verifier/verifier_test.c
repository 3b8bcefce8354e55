// SPDX-License-Identifier: Apache-2.0
//
// Every program of the datapath is loaded with a Pod's values in it, in each form that those take, and the instructions
// that the verifier processed are held against the budget.

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

enum { POD_BUDGET = 1400, SHARED_BUDGET = 10000 };

#define VXLAN "encapsulation=1 network_id=4097 underlay_ifindex=7 mtu=1450"
#define VLAN "encapsulation=2 network_id=100 underlay_ifindex=7 underlay_mac=02:00:00:00:aa:01 mtu=1500"
#define DUAL_STACK " pod_mac=02:00:00:00:00:01 pod_ipv4=10.0.0.2 pod_ipv6=fd00::2"

static const struct {
	const char *description, *template, *values;
	const char *programs[6]; /* judged together */
	unsigned budget;
} CASES[] = {
	{"Pod, VXLAN over IPv4",        "pod", VXLAN DUAL_STACK,                               {"from_pod", "to_pod"}, POD_BUDGET},
	{"Pod, VXLAN over IPv6",        "pod", VXLAN DUAL_STACK " underlay_family=6",          {"from_pod", "to_pod"}, POD_BUDGET},
	{"Pod, VXLAN, IPv4 only",       "pod", VXLAN " pod_mac=02:00:00:00:00:01 pod_ipv4=10.0.0.2", {"from_pod", "to_pod"}, POD_BUDGET},
	{"Pod, VLAN",                   "pod", VLAN DUAL_STACK,                                {"from_pod", "to_pod"}, POD_BUDGET},
	{"what the VXLAN device brings", "node", "",                                           {"from_vxlan"},         SHARED_BUDGET},
	{"what the trunk brings",       "node", "",                                            {"from_trunk"},         SHARED_BUDGET},
	{"what is not IP",              "steps", "",                                           {"step_no_ip"},         SHARED_BUDGET},
	{"neighbour discovery",         "steps", "",                                           {"step_nd"},            SHARED_BUDGET},
	{"to the outside",              "steps", "",                                           {"step_outside"},       SHARED_BUDGET},
	{"too big",                     "steps", "",                                           {"step_too_big"},       SHARED_BUDGET},
	{"into the Pod",                "steps", "",                                           {"step_into_pod"},      SHARED_BUDGET},
	{"forgetting a flow",           "steps", "",                                           {"forget_flow"},        SHARED_BUDGET},
	{"confined",                    "confine", "",                                         {"confine"},            SHARED_BUDGET},
};

static int is_judged(const char *const *programs, const char *name) {
	for (; *programs; programs++)
		if (!strcmp(*programs, name))
			return 1;
	return 0;
}

/* Patched bytes of the template; the caller frees them. */
static void *patch(const char *name, const char *values, size_t *ret_length) {
	struct vpc_template *template;
	struct vpc_setting settings[16];
	struct vpc_error error = {""};
	char text[512], *rest = text;
	size_t count = 0;
	void *bytes;
	snprintf(text, sizeof text, "%s", values);
	if (vpc_template_open_builtin(name, NULL, &template, &error))
		fail_msg("%s", error.text);
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

static unsigned load(const void *bytes, size_t length, const char *const *programs) {
	static char logs[8][4096];
	struct bpf_object *object = bpf_object__open_mem(bytes, length, NULL);
	struct bpf_program *program;
	struct bpf_map *map;
	unsigned sum = 0;
	size_t count = 0;
	assert_non_null(object);
	bpf_object__for_each_map(map, object)
		bpf_map__set_pin_path(map, NULL);
	bpf_object__for_each_program(program, object) {
		int judged = is_judged(programs, bpf_program__name(program));
		bpf_program__set_autoload(program, judged);
		if (!judged)
			continue;
		bpf_program__set_log_level(program, 4); /* statistics only */
		bpf_program__set_log_buf(program, logs[count++], sizeof logs[0]);
	}
	int result = bpf_object__load(object);
	if (result == -EPERM) {
		print_message("loading programs is not permitted here\n");
		exit(77);
	}
	assert_int_equal(result, 0);
	for (size_t i = 0; i < count; i++) {
		assert_int_not_equal(processed(logs[i]), 0);
		sum += processed(logs[i]);
	}
	bpf_object__close(object);
	return sum;
}

static void keeps_within_the_budget(void **state) {
	(void)state;
	int too_many = 0;
	for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
		size_t length;
		void *bytes = patch(CASES[i].template, CASES[i].values, &length);
		unsigned sum = load(bytes, length, CASES[i].programs);
		free(bytes);
		print_message("  %-30s %5u of %5u\n", CASES[i].description, sum, CASES[i].budget);
		too_many += sum > CASES[i].budget;
	}
	assert_int_equal(too_many, 0);
}

int main(void) {
	const struct CMUnitTest tests[] = {cmocka_unit_test(keeps_within_the_budget)};
	return cmocka_run_group_tests_name("verifier", tests, NULL, NULL);
}
