// SPDX-License-Identifier: Apache-2.0
//
// Pods come and go, agents start again, people meddle: what is in the kernel then.
#include <bpf/bpf.h>
#include <dirent.h>
#include <malloc.h>
#include <net/if.h>
#include <sys/stat.h>
#include <unistd.h>
#include "kernel_state.h"
#include "traffic.h"

enum { RED = 4097, BLUE = 4098, GREEN = 100 };

static struct vpc_error error;

static int call(int result) {
	if (result < 0)
		fail_msg("%s", error.text);
	return result;
}

struct expectation {
	const struct node *node;
	struct kernel_objects objects;
};

static bool has_objects(void *context) {
	const struct expectation *expected = context;
	struct kernel_objects now = count_objects(expected->node);
	return now.programs == expected->objects.programs && now.links == expected->objects.links;
}

/* The kernel frees programs late, so what is too much may still go. */
struct description {
	const struct node *node;
	const char *before;
	char *now;
};

static bool is_as_before(void *context) {
	struct description *description = context;
	free(description->now);
	description->now = describe_node(description->node);
	return strcmp(description->now, description->before) == 0;
}

static void expect_as_before(const struct node *node, const char *before) {
	struct description description = {.node = node, .before = before};
	if (!wait_for(is_as_before, &description)) {
		size_t same = 0;
		while (before[same] == description.now[same])
			same++;
		fail_msg("%s: from byte %zu on: '%.200s' instead of '%.200s'", node->pins, same, description.now + same, before + same);
	}
	free(description.now);
}

static void a_restart_changes_nothing(void **state) {
	(void)state;
	struct vpc_rule_spec rule = {.address = {[10] = 0xff, [11] = 0xff, 192, 168}, .prefix = 16, .is_ipv4 = true, .last_port = 65535};
	for (int i = 0; i < NODES; i++)
		node_open(&nodes[i], false);
	struct pod pods[] = {pod_add(&nodes[0], 1, VPC_VXLAN, RED), pod_add(&nodes[1], 2, VPC_VXLAN, RED), pod_add(&nodes[0], 3, VPC_VLAN, GREEN),
		pod_add(&nodes[0], 4, VPC_VXLAN, BLUE)};
	size_t count = sizeof pods / sizeof *pods;
	for (size_t i = 0; i < count; i++)
		put_pod(&pods[i]);
	tell_remotes(pods, count);
	enter(nodes[0].netns);
	call(vpc_datapath_set_rules(nodes[0].datapath, VPC_VXLAN, RED, &rule, 1, &error));
	call(vpc_datapath_confine(nodes[0].datapath, pods[3].vpc.ifindex, &error));
	assert_true(passes(&pods[0], &pods[1], PING, false, true));

	/* the shared ones, from_vxlan, from_trunk, from_pod of two Pods, to_pod of two networks, and the one that confines */
	struct expectation settled = {.node = &nodes[0], .objects = {.programs = VPC_STEPS + 2 + 2 + 2 + 1, .links = count_objects(&nodes[0]).links}};
	assert_true(wait_for(has_objects, &settled));
	char *before = describe_node(&nodes[0]);
	node_close(&nodes[0]);
	node_open(&nodes[0], false);
	expect_as_before(&nodes[0], before);
	for (size_t i = 0; i < count - 1; i++)
		put_pod(&pods[i]);
	tell_remotes(pods, count);
	enter(nodes[0].netns);
	call(vpc_datapath_set_rules(nodes[0].datapath, VPC_VXLAN, RED, &rule, 1, &error));
	assert_int_equal(call(vpc_datapath_repair(nodes[0].datapath, &error)), 0);
	expect_as_before(&nodes[0], before);
	assert_true(passes(&pods[0], &pods[1], UDP, true, true));
	free(before);
	for (size_t i = 0; i < count; i++) {
		delete_pod(&pods[i]);
		pod_remove(&pods[i]);
	}
	for (int i = 0; i < NODES; i++)
		node_remove(&nodes[i]);
}

static int note_pod(const struct vpc_pod *pod, void *context) {
	struct vpc_pod *found = context;
	assert_int_equal(found->ifindex, 0);
	*found = *pod;
	return 0;
}

static void pods_are_found_in_the_kernel_after_a_restart(void **state) {
	(void)state;
	struct vpc_pod found = {0};
	node_open(&nodes[0], false);
	struct pod pod = pod_add(&nodes[0], 1, VPC_VLAN, GREEN);
	pod.vpc.mtu = 1400;
	put_pod(&pod);
	node_close(&nodes[0]);
	node_open(&nodes[0], false);
	call(vpc_datapath_each_pod(nodes[0].datapath, note_pod, &found, &error));
	assert_int_equal(found.ifindex, pod.vpc.ifindex);
	assert_int_equal(found.encapsulation, VPC_VLAN);
	assert_int_equal(found.network_id, GREEN);
	assert_int_equal(found.mtu, 1400);
	assert_int_equal(found.next_hop_count, pod.vpc.next_hop_count);
	assert_memory_equal(found.mac, pod.vpc.mac, sizeof found.mac);
	assert_memory_equal(found.host_mac, pod.vpc.host_mac, sizeof found.host_mac);
	assert_memory_equal(found.ipv4, pod.vpc.ipv4, sizeof found.ipv4);
	assert_memory_equal(found.ipv6, pod.vpc.ipv6, sizeof found.ipv6);
	call(vpc_datapath_check_pod(nodes[0].datapath, &pod.vpc, &error));
	pod_remove(&pod);
	call(vpc_datapath_delete_pod(nodes[0].datapath, &found, &error)); /* its interface is gone */
	assert_int_equal(count_entries(&nodes[0], "members") + count_entries(&nodes[0], "networks"), 0);
	node_remove(&nodes[0]);
}

static void nothing_is_left_after_a_thousand_pods(void **state) {
	static const char *const EMPTY[] = {"members", "pods", "next_hops", "networks", "network_flows", "flows", "drops"};
	(void)state;
	struct expectation before = {.node = &nodes[0]};
	unsigned descriptors = 0;
	size_t memory = 0;
	node_open(&nodes[0], false);
	struct pod pod = pod_add(&nodes[0], 1, VPC_VXLAN, RED);
	before.objects = count_objects(&nodes[0]);
	for (int i = 0; i < 1000; i++) {
		if (i == 10) { /* what is made once and kept is there by now */
			descriptors = count_descriptors();
			memory = mallinfo2().uordblks;
		}
		pod.vpc.network_id = RED + (uint32_t)i % 3;
		put_pod(&pod);
		delete_pod(&pod);
	}
	assert_int_equal(count_descriptors(), descriptors);
	assert_true(mallinfo2().uordblks <= memory + 1024);
	for (size_t i = 0; i < sizeof EMPTY / sizeof *EMPTY; i++)
		if (count_entries(&nodes[0], EMPTY[i]))
			fail_msg("map %s is not empty", EMPTY[i]);
	if (!wait_for(has_objects, &before))
		fail_msg("%u programs, %u links instead of %u, %u", count_objects(&nodes[0]).programs, count_objects(&nodes[0]).links, before.objects.programs,
			before.objects.links);
	pod_remove(&pod);
	node_remove(&nodes[0]);
}

static void removal_leaves_nothing(void **state) {
	(void)state;
	struct stat status;
	node_open(&nodes[0], false);
	struct pod pod = pod_add(&nodes[0], 1, VPC_VXLAN, RED), confined = pod_add(&nodes[0], 2, VPC_VXLAN, RED);
	put_pod(&pod);
	enter(nodes[0].netns);
	call(vpc_datapath_confine(nodes[0].datapath, confined.vpc.ifindex, &error));
	node_remove(&nodes[0]);
	assert_int_equal(stat(nodes[0].pins, &status), -1);
	assert_int_equal(stat("/sys/fs/bpf/n0", &status), -1);
	enter(nodes[0].netns);
	run("! ip link show libvpc-vxlan 2>/dev/null && ! bpftool net show dev pod1 | grep -q prog && ! bpftool net show dev uplink | grep -q prog");
	pod_remove(&pod);
	pod_remove(&confined);
}

/* Somebody's doing, and what puts it right: repair() or, for a Pod, put_pod(). */
static void remove_pin_of_map(const char *name) {
	char path[128];
	snprintf(path, sizeof path, "%s/%s", nodes[0].pins, name);
	assert_int_equal(unlink(path), 0);
}
static void unpin_members(void) { remove_pin_of_map("members"); }
static void unpin_state(void) { remove_pin_of_map("node"); }
static void clear_step(void) {
	const uint32_t step = VPC_STEP_NO_IP;
	int fd = open_map(&nodes[0], "steps");
	assert_int_equal(bpf_map_delete_elem(fd, &step), 0);
	close(fd);
}
static void take_device_down(void) { run("ip link set libvpc-vxlan down mtu 1500"); }
/* What is pinned on tcx is a link, with which the program goes; on clsact it is taken from the hook by hand. */
static void remove_program_of(const char *interface) {
	char prefix[32], path[512];
	snprintf(prefix, sizeof prefix, "%u-", if_nametoindex(interface));
	snprintf(path, sizeof path, "%s/links", nodes[0].pins);
	DIR *directory = opendir(path);
	if (!directory) {
		run("tc filter del dev %s ingress", interface);
		return;
	}
	for (struct dirent *entry; (entry = readdir(directory));)
		if (strncmp(entry->d_name, prefix, strlen(prefix)) == 0) {
			snprintf(path, sizeof path, "%s/links/%s", nodes[0].pins, entry->d_name);
			assert_int_equal(unlink(path), 0);
		}
	closedir(directory);
}
static void remove_from_trunk(void) { remove_program_of("uplink"); }
static void remove_from_vxlan(void) { remove_program_of("libvpc-vxlan"); }

static const struct {
	const char *description;
	void (*meddle)(void);
	int repairs;
} MEDDLINGS[] = {
	{"pin of a map", unpin_members, 1},
	{"pin of the node's state", unpin_state, 1},
	{"a shared program", clear_step, 1},
	{"VXLAN device down and small", take_device_down, 1},
	{"from_trunk removed", remove_from_trunk, 1},
	{"from_vxlan removed", remove_from_vxlan, 1},
};

static void what_somebody_removed_is_repaired(void **state) {
	(void)state;
	for (int i = 0; i < NODES; i++)
		node_open(&nodes[i], false);
	struct pod pods[] = {pod_add(&nodes[0], 1, VPC_VXLAN, RED), pod_add(&nodes[1], 2, VPC_VXLAN, RED)};
	for (int i = 0; i < 2; i++)
		put_pod(&pods[i]);
	tell_remotes(pods, 2);
	assert_true(passes(&pods[0], &pods[1], UDP, false, true));
	for (size_t i = 0; i < sizeof MEDDLINGS / sizeof *MEDDLINGS; i++) {
		print_message("  %s\n", MEDDLINGS[i].description);
		enter(nodes[0].netns);
		MEDDLINGS[i].meddle();
		assert_int_equal(call(vpc_datapath_repair(nodes[0].datapath, &error)), MEDDLINGS[i].repairs);
		assert_int_equal(call(vpc_datapath_repair(nodes[0].datapath, &error)), 0);
		call(vpc_datapath_check_pod(nodes[0].datapath, &pods[0].vpc, &error));
		assert_true(passes(&pods[1], &pods[0], UDP, false, true));
	}
	enter(nodes[0].netns);
	run("tc qdisc del dev pod1 clsact");
	assert_int_equal(vpc_datapath_check_pod(nodes[0].datapath, &pods[0].vpc, &error), -ENOENT);
	put_pod(&pods[0]);
	call(vpc_datapath_check_pod(nodes[0].datapath, &pods[0].vpc, &error));
	assert_true(passes(&pods[1], &pods[0], UDP, false, true));
	for (int i = 0; i < 2; i++) {
		delete_pod(&pods[i]);
		pod_remove(&pods[i]);
		node_remove(&nodes[i]);
	}
}

/* Pins that vanish while no agent runs cannot be found again: all programs are loaded anew with the new maps. */
static void pins_lost_while_nobody_ran_are_made_anew(void **state) {
	(void)state;
	node_open(&nodes[0], false);
	struct pod one = pod_add(&nodes[0], 1, VPC_VXLAN, RED), two = pod_add(&nodes[0], 2, VPC_VXLAN, RED);
	put_pod(&one);
	put_pod(&two);
	node_close(&nodes[0]);
	unpin_members();
	node_open(&nodes[0], false);
	assert_int_equal(vpc_datapath_check_pod(nodes[0].datapath, &one.vpc, &error), -ESTALE);
	put_pod(&one);
	put_pod(&two);
	call(vpc_datapath_check_pod(nodes[0].datapath, &one.vpc, &error));
	assert_true(passes(&one, &two, PING, false, true));
	delete_pod(&one);
	delete_pod(&two);
	pod_remove(&one);
	pod_remove(&two);
	node_remove(&nodes[0]);
}

static int compare_times(const void *a, const void *b) {
	const uint64_t *left = a, *right = b;
	return (*left > *right) - (*left < *right);
}

/* Measured, not tested: hack/bench holds it against the target. */
static void tells_how_long_a_pod_takes(void **state) {
	enum { CROWD = 100, ROUNDS = 100 };
	uint64_t totals[ROUNDS];
	(void)state;
	struct vpc_timing timing = {0};
	node_open(&nodes[0], false);
	enter(nodes[0].netns);
	struct vpc_pod pod = {.encapsulation = VPC_VXLAN, .network_id = RED, .mac = {2}, .ipv4 = {10, 9}};
	for (int i = 0; i < CROWD; i++)
		run("ip link add name lone%d type veth peer name peer%d", i, i);
	for (int i = 0; i < CROWD + ROUNDS; i++) {
		char name[IF_NAMESIZE];
		snprintf(name, sizeof name, "lone%d", i < CROWD ? i : CROWD - 1);
		pod.ifindex = if_nametoindex(name);
		pod.mac[5] = pod.ipv4[3] = (uint8_t)(i < CROWD ? i : CROWD - 1);
		if (i >= CROWD)
			call(vpc_datapath_delete_pod(nodes[0].datapath, &pod, &error));
		call(vpc_datapath_put_pod(nodes[0].datapath, &pod, &timing, &error));
		if (i >= CROWD)
			totals[i - CROWD] = timing.total;
	}
	assert_true(timing.load && timing.attach && timing.total >= timing.load + timing.attach);
	qsort(totals, ROUNDS, sizeof *totals, compare_times);
	print_message("  put_pod with %d Pods: median %.0f us, p99 %.0f us; the last: load %.0f us, attach %.0f us\n", CROWD, (double)totals[ROUNDS / 2] / 1e3,
		(double)totals[ROUNDS * 99 / 100] / 1e3, (double)timing.load / 1e3, (double)timing.attach / 1e3);
	node_remove(&nodes[0]);
	for (int i = 0; i < CROWD; i++)
		run("ip link del lone%d", i);
}

int main(int count, char **arguments) {
	const struct CMUnitTest life[] = {
		cmocka_unit_test_setup(a_restart_changes_nothing, world_renew),
		cmocka_unit_test_setup(pods_are_found_in_the_kernel_after_a_restart, world_renew),
		cmocka_unit_test_setup(removal_leaves_nothing, world_renew),
		cmocka_unit_test_setup(what_somebody_removed_is_repaired, world_renew),
		cmocka_unit_test_setup(pins_lost_while_nobody_ran_are_made_anew, world_renew),
	};
	const struct CMUnitTest crowd[] = {
		cmocka_unit_test_setup(nothing_is_left_after_a_thousand_pods, world_renew),
		cmocka_unit_test_setup(tells_how_long_a_pod_takes, world_renew),
	};
	if (!world_enter())
		return 77;
	if (count > 1 && strcmp(arguments[1], "crowd") == 0)
		return cmocka_run_group_tests_name("datapath crowd", crowd, NULL, NULL);
	return cmocka_run_group_tests_name("datapath life", life, NULL, NULL);
}
