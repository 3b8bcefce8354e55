// SPDX-License-Identifier: Apache-2.0
/*
 * What the library makes use of on this kernel, as it turns out when it is left to choose: which hook, whether a
 * replacement keeps its link or filter. One line for each, which hack/kernels makes its table of: feature NAME VALUE
 */
#include "scene.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

static const struct {
	const char *feature;
	struct hook hook;
} CHOICES[] = {
	{"ingress",      {"left to the library, ingress", VPC_HOOK_AUTO, VPC_INGRESS}},
	{"egress",       {"left to the library, egress", VPC_HOOK_AUTO, VPC_EGRESS}},
	{"pod_ingress",  {"quickly, ingress", VPC_HOOK_QUICK, VPC_INGRESS}},
	{"pod_egress",   {"quickly, egress", VPC_HOOK_QUICK, VPC_EGRESS}},
	{"xdp",          {"left to the library, XDP", VPC_HOOK_AUTO, VPC_XDP}},
};

static const char *name_of(enum vpc_hook hook) {
	switch (hook) {
	case VPC_HOOK_TCX: return "tcx";
	case VPC_HOOK_CLSACT: return "clsact";
	case VPC_HOOK_XDP_NATIVE: return "native";
	case VPC_HOOK_XDP_GENERIC: return "generic";
	default: return "?";
	}
}

/* The link by which a program is attached; 0 if it is without. */
static uint32_t link_of(const struct vpc_instance *instance) {
	for (uint32_t id = 0; bpf_link_get_next_id(id, &id) == 0;) {
		struct bpf_link_info info = {0};
		uint32_t length = sizeof info;
		int fd = bpf_link_get_fd_by_id(id);
		int result = fd < 0 ? fd : bpf_obj_get_info_by_fd(fd, &info, &length);
		if (fd >= 0)
			close(fd);
		if (result == 0 && info.prog_id == vpc_instance_id(instance))
			return id;
	}
	return 0;
}

static void tells_what_is_used(void **state) {
	(void)state;
	for (size_t i = 0; i < sizeof CHOICES / sizeof *CHOICES; i++) {
		struct scene scene = scene_open(&CHOICES[i].hook);
		struct vpc_attachment attachment;

		attach(&scene, scene.drop);
		uint32_t link = link_of(scene.drop);
		assert_true(flow_is_stopped(&scene.flow));
		attach(&scene, scene.pass);
		assert_true(flow_passes(&scene.flow));
		assert_int_equal(link_of(scene.pass), link); /* replaced where it was, not added and removed */
		assert_int_equal(vpc_attachment_check(scene.ifindex, scene.direction, &scene.options, &attachment, NULL), 0);
		assert_int_equal(attachment.program_id, vpc_instance_id(scene.pass));
		printf("feature %s %s\n", CHOICES[i].feature, name_of(attachment.hook));
		printf("feature %s_replacement %s\n", CHOICES[i].feature, link ? "link" : "filter");
		detach(&scene);
		scene_close(&scene);
	}
}

/* The same hooks asked for by name: what is not there is refused in words, and leaves nothing behind. */
static void takes_what_is_asked_for_or_says_why_not(void **state) {
	(void)state;
	for (size_t i = 0; i < HOOK_COUNT; i++) {
		struct scene scene = scene_open(&HOOKS[i]);
		if (hook_is_there(&HOOKS[i])) {
			attach(&scene, scene.drop);
			assert_true(flow_is_stopped(&scene.flow));
			detach(&scene);
		} else {
			ASSERT_FAILS(vpc_attach(scene.drop, scene.ifindex, scene.direction, &scene.options, error), -ENOTSUP, "tcx");
		}
		assert_true(flow_passes(&scene.flow));
		scene_close(&scene);
	}
}

static void has_redirect_peer(void **state) {
	(void)state;
	const struct bpf_insn instructions[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_1, .imm = 1},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_2},
		{.code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_redirect_peer},
		{.code = BPF_JMP | BPF_EXIT},
	};
	int fd = bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "peer", "GPL", instructions, 4, NULL);
	printf("feature redirect_peer %s\n", fd >= 0 ? "yes" : "no");
	assert_true(fd >= 0);
	close(fd);
}

int main(void) {
	if (!topology_enter(&topology))
		return 77;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tells_what_is_used),
		cmocka_unit_test(takes_what_is_asked_for_or_says_why_not),
		cmocka_unit_test(has_redirect_peer),
	};
	return cmocka_run_group_tests_name("features", tests, NULL, NULL);
}
