// SPDX-License-Identifier: Apache-2.0
#include "scenarios.h"

static void give_addresses(enum wire wire, const char *ipv4, const char *ipv6) {
	world_run(world.wire_namespaces[wire],
		"sysctl -qw net.ipv6.conf.eth0.accept_dad=0 net.ipv6.conf.eth0.addr_gen_mode=1 net.ipv6.conf.eth0.router_solicitations=0 && "
		"sysctl -qw net.ipv6.conf.all.disable_ipv6=0 net.ipv6.conf.eth0.disable_ipv6=0 && ip link set lo up && "
		"ip address add %s/32 dev eth0 && ip route add 10.0.0.1 dev eth0 && ip route add default via 10.0.0.1 && "
		"ip address add %s/128 dev eth0 nodad && ip route add fd00::1 dev eth0 && ip route add default via fd00::1",
		ipv4, ipv6);
	world_enter(world.node_namespace);
}

static void make_world(enum carrier carrier, const char *object_directory) {
	world_make(carrier, object_directory);
	give_addresses(WIRE_POD, "10.0.0.2", "fd00::2");
	give_addresses(WIRE_PEER, "10.0.0.3", "fd00::3");
	world_run(world.node_namespace, "ip address add 10.0.0.1/32 dev red2 && ip address add fd00::1/128 dev red2 nodad");
}

/* Scenarios share a world, but nothing that happened in it. */
static int begin(void **state) {
	(void)state;
	/* some kernels (6.12.117) note the path MTU from an ICMP error even where no socket has sent what it quotes */
	world_run(world.wire_namespaces[WIRE_POD], "ip route flush cache && ip -6 route flush cache");
	world_run(world.node_namespace, "nft flush ruleset");
	world_forget();
	drain();
	return 0;
}

int main(int argc, char **argv) {
	static const char *const NAMES[CARRIERS] = {"VXLAN over IPv4", "VXLAN over IPv6", "VLAN"};
	int failed = 0;
	if (argc != 2) {
		fprintf(stderr, "usage: scenario_test OBJECT-DIRECTORY\n");
		return 2;
	}
	for (enum carrier carrier = 0; carrier < CARRIERS; carrier++) {
#define SCENARIO(function_) cmocka_unit_test_setup(function_, begin)
		const struct CMUnitTest scenarios[] = {
			SCENARIO(streams_of_large_and_scattered_packets),
			SCENARIO(segmented_datagrams_cross_the_underlay),
			SCENARIO(segments_are_judged_not_packets),
			SCENARIO(headers_beyond_linear_memory),
			SCENARIO(answers_about_size_are_limited),
			SCENARIO(a_narrower_underlay_is_learned),
			SCENARIO(a_sender_learns_the_path_mtu),
			SCENARIO(probes_are_the_nodes_own),
			SCENARIO(callers_are_answered_with_source_translation_on),
			SCENARIO(allowed_flows_behind_the_nodes_source_address),
			SCENARIO(translated_services_are_judged_by_the_pods_view),
			SCENARIO(a_flood_of_fragments_harms_nobody),
			SCENARIO(flows_are_held_to_the_quota),
			SCENARIO(old_flows_are_over),
			SCENARIO(a_rogue_changes_nothing_at_its_victim),
			SCENARIO(a_confined_pod_has_no_network),
		};
		make_world(carrier, argv[1]);
		failed += cmocka_run_group_tests_name(NAMES[carrier], scenarios, NULL, NULL);
		world_free();
	}
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
