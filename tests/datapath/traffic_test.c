// SPDX-License-Identifier: Apache-2.0
//
// Who reaches whom, by real packets: two networks over VXLAN and one over VLAN, on both nodes.
#include <unistd.h>
#include "traffic.h"

enum { RED = 4097, BLUE = 4098, GREEN = 100, PODS = 7 };

static struct pod pods[PODS];

static const struct {
	const char *name;
	int node, number;
	enum vpc_encapsulation encapsulation;
	uint32_t network_id;
} PLACES[PODS] = {
	{"red0", 0, 1, VPC_VXLAN, RED},   {"red0b", 0, 2, VPC_VXLAN, RED}, {"red1", 1, 1, VPC_VXLAN, RED},
	{"blue0", 0, 3, VPC_VXLAN, BLUE}, {"blue1", 1, 3, VPC_VXLAN, BLUE},
	{"green0", 0, 4, VPC_VLAN, GREEN}, {"green1", 1, 4, VPC_VLAN, GREEN},
};

static bool is_of_one_network(const struct pod *a, const struct pod *b) {
	return a->vpc.encapsulation == b->vpc.encapsulation && a->vpc.network_id == b->vpc.network_id;
}

static void expect_matrix(void) {
	for (int from = 0; from < PODS; from++)
		for (int to = 0; to < PODS; to++)
			for (int traffic = 0; traffic < TRAFFICS && from != to; traffic++)
				for (int ipv6 = 0; ipv6 < 2; ipv6++) {
					bool expected = is_of_one_network(&pods[from], &pods[to]);
					if (!expected && traffic == TCP)
						continue; /* a lost SYN is as a lost datagram, and slow */
					if (passes(&pods[from], &pods[to], traffic, ipv6, expected) != expected)
						fail_msg("%s -> %s, %s over IPv%d: %s", PLACES[from].name, PLACES[to].name, TRAFFIC_NAMES[traffic], ipv6 ? 6 : 4,
							expected ? "lost" : "passed");
				}
}

static void reaches_members_and_nobody_else(bool ipv6_underlay) {
	for (int i = 0; i < NODES; i++)
		node_open(&nodes[i], ipv6_underlay);
	for (int i = 0; i < PODS; i++) {
		pods[i] = pod_add(&nodes[PLACES[i].node], PLACES[i].number, PLACES[i].encapsulation, PLACES[i].network_id);
		put_pod(&pods[i]);
	}
	tell_remotes(pods, PODS);
	expect_matrix();
	for (int i = 0; i < PODS; i++) {
		delete_pod(&pods[i]);
		pod_remove(&pods[i]);
	}
	for (int i = 0; i < NODES; i++)
		node_remove(&nodes[i]);
}

static void over_an_ipv4_underlay(void **state) {
	(void)state;
	reaches_members_and_nobody_else(false);
}

static void over_an_ipv6_underlay(void **state) {
	(void)state;
	reaches_members_and_nobody_else(true);
}

/* The old Pod's peer keeps sending; the address is another Pod's within a moment; of the stream nothing may arrive there. */
static void an_address_used_again_gets_nothing_of_the_old_one(void **state) {
	(void)state;
	node_open(&nodes[0], false);
	struct pod sender = pod_add(&nodes[0], 1, VPC_VXLAN, RED), old = pod_add(&nodes[0], 2, VPC_VXLAN, RED);
	struct pod heir = pod_add(&nodes[0], 3, VPC_VXLAN, BLUE);
	put_pod(&sender);
	put_pod(&old);
	assert_true(passes(&sender, &old, UDP, false, true));
	int out = udp_open(&sender, false);
	memcpy(heir.vpc.ipv4, old.vpc.ipv4, sizeof heir.vpc.ipv4);
	enter(heir.netns);
	run("ip address add 10.0.1.2/32 dev eth0");
	int in = udp_open(&heir, false);
	for (int i = 0; i < 20; i++)
		udp_send(out, &old, false, "for the old one");
	delete_pod(&old);
	put_pod(&heir);
	for (int i = 0; i < 200; i++)
		udp_send(out, &old, false, "for the old one");
	char text[64];
	udp_receive(in, 200, text);
	assert_string_equal(text, "");
	close(out);
	close(in);
	pod_remove(&old);
	delete_pod(&heir);
	delete_pod(&sender);
	pod_remove(&heir);
	pod_remove(&sender);
	node_remove(&nodes[0]);
}

static void a_confined_pod_reaches_nobody(void **state) {
	struct vpc_error error = {""};
	(void)state;
	node_open(&nodes[0], false);
	struct pod one = pod_add(&nodes[0], 1, VPC_VXLAN, RED), two = pod_add(&nodes[0], 2, VPC_VXLAN, RED);
	put_pod(&one);
	put_pod(&two);
	assert_true(passes(&one, &two, PING, false, true));
	enter(nodes[0].netns);
	if (vpc_datapath_confine(nodes[0].datapath, two.vpc.ifindex, &error))
		fail_msg("confine: %s", error.text);
	for (int ipv6 = 0; ipv6 < 2; ipv6++) {
		assert_false(passes(&one, &two, UDP, ipv6, false));
		assert_false(passes(&two, &one, UDP, ipv6, false));
	}
	put_pod(&two);
	assert_true(passes(&two, &one, PING, true, true));
	delete_pod(&one);
	delete_pod(&two);
	pod_remove(&one);
	pod_remove(&two);
	node_remove(&nodes[0]);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(over_an_ipv4_underlay, world_renew),
		cmocka_unit_test_setup(over_an_ipv6_underlay, world_renew),
		cmocka_unit_test_setup(an_address_used_again_gets_nothing_of_the_old_one, world_renew),
		cmocka_unit_test_setup(a_confined_pod_reaches_nobody, world_renew),
	};
	if (!world_enter())
		return 77;
	return cmocka_run_group_tests_name("datapath traffic", tests, NULL, NULL);
}
