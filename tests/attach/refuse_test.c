// SPDX-License-Identifier: Apache-2.0
/* What is refused, in which words; owners; interfaces that vanish; namespaces; nothing half done after an error. */
#include "scene.h"

#include <errno.h>
#include <linux/capability.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

static const struct hook INGRESS = {"ingress", VPC_HOOK_AUTO, VPC_INGRESS};

static const struct refusal {
	const char *description;
	uint32_t ifindex; /* 0: host0's */
	enum vpc_direction direction, program;
	struct vpc_attach_options options;
	int result;
	const char *says;
} REFUSALS[] = {
	/* description               ifindex direction    program type  options (size is set below)                   result    says */
	{"unknown direction",         0,      9,           VPC_INGRESS, {0},                                          -EINVAL,  "direction"},
	{"no such interface",         999999, VPC_INGRESS, VPC_INGRESS, {0},                                          -ENODEV,  "another network namespace"},
	{"no such interface, XDP",    999999, VPC_XDP,     VPC_XDP,     {0},                                          -ENODEV,  "another network namespace"},
	{"no such interface, clsact", 999999, VPC_INGRESS, VPC_INGRESS, {.hook = VPC_HOOK_CLSACT},                    -ENODEV,  "another network namespace"},
	{"XDP hook for ingress",      0,      VPC_INGRESS, VPC_INGRESS, {.hook = VPC_HOOK_XDP_NATIVE},                -EINVAL,  "xdp native"},
	{"tcx hook for XDP",          0,      VPC_XDP,     VPC_XDP,     {.hook = VPC_HOOK_TCX},                       -EINVAL,  "tcx"},
	{"unknown hook",              0,      VPC_INGRESS, VPC_INGRESS, {.hook = 17},                                 -EINVAL,  "17"},
	{"XDP program on tcx",        0,      VPC_INGRESS, VPC_XDP,     {.hook = VPC_HOOK_TCX},                       -EINVAL,  "program of the type"},
	{"XDP program on clsact",     0,      VPC_INGRESS, VPC_XDP,     {.hook = VPC_HOOK_CLSACT},                    -EINVAL,  "program of the type"},
	{"tc program on XDP",         0,      VPC_XDP,     VPC_INGRESS, {.hook = VPC_HOOK_XDP_GENERIC},               -EINVAL,  "program of the type"},
	{"relative pin directory",    0,      VPC_INGRESS, VPC_INGRESS, {.pin_directory = "pins"},                    -EINVAL,  "'pins'"},
	{"not on a bpffs",            0,      VPC_INGRESS, VPC_INGRESS, {.pin_directory = "/tmp"},                    -ENOTSUP, "mount -t bpf"},
	{"below what is no bpffs",    0,      VPC_INGRESS, VPC_INGRESS, {.pin_directory = "/tmp/libvpc-no/v1"},       -ENOTSUP, "mount -t bpf"},
	{"a file as pin directory",   0,      VPC_INGRESS, VPC_INGRESS, {.pin_directory = "/proc/version"},           -ENOTDIR, "/proc/version"},
	{"empty owner",               0,      VPC_INGRESS, VPC_INGRESS, {.owner = ""},                                -EINVAL,  "owner"},
	{"owner too long",            0,      VPC_INGRESS, VPC_INGRESS, {.owner = "0123456789abcdef"},                -EINVAL,  "0123456789abcdef"},
};

static void refuses_in_clear_words(void **state) {
	(void)state;
	for (size_t i = 0; i < sizeof REFUSALS / sizeof *REFUSALS; i++) {
		const struct refusal *refusal = &REFUSALS[i];
		struct scene scene = scene_open(&INGRESS);
		struct vpc_instance *instance = load_verdict(refusal->program, DROP);
		struct vpc_attach_options options = refusal->options;
		uint32_t ifindex = refusal->ifindex ? refusal->ifindex : scene.ifindex;
		print_message("  %s\n", refusal->description);
		options.size = sizeof options;
		ASSERT_FAILS(vpc_attach(instance, ifindex, refusal->direction, &options, error), refusal->result, refusal->says);
		assert_true(flow_passes(&scene.flow));
		vpc_instance_free(instance);
		scene_close(&scene);
	}
}

static void asks_for_a_bpffs(void **state) {
	(void)state;
	struct scene scene = scene_open(&INGRESS);
	assert_int_equal(mount("none", "/sys/fs/bpf", "tmpfs", 0, NULL), 0);
	ASSERT_FAILS(vpc_attach(scene.drop, scene.ifindex, VPC_INGRESS, NULL, error), -ENOTSUP, "mount -t bpf bpf /sys/fs/bpf");
	assert_int_equal(umount("/sys/fs/bpf"), 0);
	scene_close(&scene);
}

/* In a child: without the capability the call fails and says which one is missing. */
static void names_the_missing_capability(void **state) {
	(void)state;
	static const struct {
		unsigned kept; /* of the two */
		const char *says;
	} CASES[] = {{0, "CAP_BPF and CAP_NET_ADMIN are missing"}, {1u << CAP_NET_ADMIN, "CAP_BPF is missing"}};
	for (int i = 0; i < 2; i++) {
		struct scene scene = scene_open(&INGRESS);
		pid_t child = fork();
		if (child == 0) {
			struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
			struct __user_cap_data_struct data[2] = {{.effective = CASES[i].kept, .permitted = CASES[i].kept}};
			struct vpc_error error = {""};
			syscall(SYS_capset, &header, data);
			int result = vpc_attach(scene.drop, scene.ifindex, VPC_INGRESS, NULL, &error);
			if (result != -EPERM || !strstr(error.text, CASES[i].says))
				dprintf(STDERR_FILENO, "%d %s\n", result, error.text);
			_exit(result == -EPERM && strstr(error.text, CASES[i].says) ? 0 : 1);
		}
		int status;
		waitpid(child, &status, 0);
		assert_int_equal(status, 0);
		scene_close(&scene);
	}
}

static void respects_owners(void **state) {
	(void)state;
	FOR_EACH_HOOK (hook) {
		struct scene scene = scene_open(hook), stranger = scene;
		stranger.options.owner = "agent";
		attach(&stranger, scene.drop);
		ASSERT_FAILS(vpc_attach(scene.pass, scene.ifindex, scene.direction, &scene.options, error), -EBUSY, "held by agent");
		ASSERT_FAILS(vpc_detach(scene.ifindex, scene.direction, &scene.options, error), -EBUSY, "held by agent");
		assert_int_equal(check(&stranger), 0);
		assert_true(flow_is_stopped(&scene.flow));
		detach(&stranger);

		attach(&scene, scene.pass);
		ASSERT_FAILS(vpc_attach(scene.drop, scene.ifindex, scene.direction, &stranger.options, error), -EBUSY, "held by vpcctl");
		detach(&scene);
		scene_close(&scene);
	}
}

struct list {
	unsigned count;
	struct vpc_attachment last;
};

static int add_to_list(const struct vpc_attachment *attachment, void *context) {
	struct list *list = context;
	list->count++;
	list->last = *attachment;
	return list->count == 3 ? 42 : 0;
}

static void lists_attachments(void **state) {
	(void)state;
	struct scene scene = scene_open(&INGRESS);
	struct list list = {0};
	assert_int_equal(vpc_attachment_each(&scene.options, add_to_list, &list, NULL), 0);
	assert_int_equal(list.count, 0);
	struct vpc_instance *xdp = load_verdict(VPC_XDP, PASS);
	attach(&scene, scene.drop);
	assert_int_equal(vpc_attach(scene.pass, scene.ifindex, VPC_EGRESS, &scene.options, NULL), 0);
	assert_int_equal(vpc_attachment_each(&scene.options, add_to_list, &list, NULL), 0);
	assert_int_equal(list.count, 2);
	assert_int_equal(vpc_attach(xdp, scene.ifindex, VPC_XDP, &scene.options, NULL), 0);
	list.count = 0;
	assert_int_equal(vpc_attachment_each(&scene.options, add_to_list, &list, NULL), 42); /* what the visitor returned */
	assert_int_equal(list.last.ifindex, scene.ifindex);
	assert_int_equal(vpc_detach(scene.ifindex, VPC_XDP, &scene.options, NULL), 0);
	assert_int_equal(vpc_detach(scene.ifindex, VPC_EGRESS, &scene.options, NULL), 0);
	detach(&scene);
	vpc_instance_free(xdp);
	scene_close(&scene);
}

static void cleans_up_after_a_vanished_interface(void **state) {
	(void)state;
	for (int by_list = 0; by_list < 2; by_list++) {
		FOR_EACH_HOOK (hook) {
			struct scene scene = scene_open(hook);
			struct list list = {0};
			attach(&scene, scene.drop);
			topology_delete_pair();
			assert_int_equal(check(&scene), -ENOENT);
			if (by_list)
				assert_int_equal(vpc_attachment_each(&scene.options, add_to_list, &list, NULL), 0);
			else
				detach(&scene);
			assert_int_equal(list.count, 0);
			scene_close(&scene);
		}
	}
}

/* Interfaces of two namespaces may have one index and share a pin directory. */
static void tells_namespaces_apart(void **state) {
	(void)state;
	FOR_EACH_HOOK (hook) {
		struct scene scene = scene_open(hook);
		struct list list = {0};
		attach(&scene, scene.drop);
		assert_int_equal(unshare(CLONE_NEWNET), 0);
		run("ip link add twin index %u type veth peer name niwt", scene.ifindex);
		assert_int_equal(check(&scene), -ENOENT);
		assert_int_equal(vpc_attachment_each(&scene.options, add_to_list, &list, NULL), 0);
		assert_int_equal(list.count, 0);
		attach(&scene, scene.pass);
		assert_int_equal(check(&scene), 0);
		enter_netns(topology.node_netns);

		assert_int_equal(check(&scene), 0);
		assert_true(flow_is_stopped(&scene.flow));
		detach(&scene);
		if (hook->hook != VPC_HOOK_CLSACT) { /* the twin has died with its namespace, and its link with it: found by the list */
			for (int tries = 0; access(PIN_DIRECTORY, F_OK) == 0; tries++) {
				assert_in_range(tries, 0, 5000);
				assert_int_equal(vpc_attachment_each(&scene.options, add_to_list, &list, NULL), 0);
				usleep(1000);
			}
		} else {
			run("rm -r /sys/fs/bpf/libvpc");
		}
		scene_close(&scene);
	}
}

/* Eight processes at once, on three hooks of one interface: each call succeeds or finds nothing, and none disturbs another. */
static void serves_many_processes(void **state) {
	(void)state;
	struct scene scene = scene_open(&INGRESS);
	struct vpc_instance *xdp = load_verdict(VPC_XDP, PASS);
	for (int i = 0; i < 8; i++) {
		if (fork())
			continue;
		for (int round = 0; round < 15; round++) {
			enum vpc_direction direction = (enum vpc_direction)((i + round) % 3 + 1);
			struct vpc_error error = {""};
			int result = round % 2 ? vpc_detach(scene.ifindex, direction, &scene.options, &error)
								   : vpc_attach(direction == VPC_XDP ? xdp : scene.pass, scene.ifindex, direction, &scene.options, &error);
			if (result && result != -ENOENT) {
				dprintf(STDERR_FILENO, "%s\n", error.text);
				_exit(1);
			}
		}
		_exit(0);
	}
	for (int i = 0, status; i < 8; i++) {
		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
	}
	for (int direction = VPC_INGRESS; direction <= VPC_XDP; direction++)
		vpc_detach(scene.ifindex, (enum vpc_direction)direction, &scene.options, NULL);
	vpc_instance_free(xdp);
	scene_close(&scene);
}

int main(void) {
	if (!topology_enter(&topology))
		return 77;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses_in_clear_words),
		cmocka_unit_test(asks_for_a_bpffs),
		cmocka_unit_test(names_the_missing_capability),
		cmocka_unit_test(respects_owners),
		cmocka_unit_test(lists_attachments),
		cmocka_unit_test(cleans_up_after_a_vanished_interface),
		cmocka_unit_test(tells_namespaces_apart),
		cmocka_unit_test(serves_many_processes),
	};
	return cmocka_run_group_tests_name("refuse", tests, NULL, NULL);
}
