// SPDX-License-Identifier: Apache-2.0
//
// Remembered flows that no rule allows any more, those that are over, and the numbers by which quotas are judged.
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <netinet/in.h>
#include <time.h>
#include <unistd.h>
#include "flow_age.h"
#include "kernel_state.h"

enum { RED = 4097, BLUE = 4098, ALL_PORTS = 65535 };

static struct vpc_error error;
static int flows, numbers;

static int call(int result) {
	if (result < 0)
		fail_msg("%s", error.text);
	return result;
}

static struct pod begin(void) {
	node_open(&nodes[0], false);
	struct pod pod = pod_add(&nodes[0], 1, VPC_VXLAN, RED);
	put_pod(&pod);
	flows = open_map(&nodes[0], "flows");
	numbers = open_map(&nodes[0], "network_flows");
	return pod;
}

static void end(struct pod *pod) {
	close(flows);
	close(numbers);
	delete_pod(pod);
	pod_remove(pod);
	node_remove(&nodes[0]);
}

static struct vpc_address address(const char *text) {
	struct vpc_address address = {.bytes = {[10] = 0xff, [11] = 0xff}};
	if (inet_pton(AF_INET6, text, address.bytes) != 1)
		assert_int_equal(inet_pton(AF_INET, text, address.bytes + 12), 1);
	return address;
}

static void put_flow(const struct vpc_flow_key *key, const struct vpc_flow *flow) {
	assert_int_equal(bpf_map_update_elem(flows, key, flow, BPF_ANY), 0);
}

static bool has_flow(const struct vpc_flow_key *key) {
	struct vpc_flow flow;
	return bpf_map_lookup_elem(flows, key, &flow) == 0;
}

static void set_number(uint32_t network, uint64_t number) {
	assert_int_equal(bpf_map_update_elem(numbers, &network, &number, BPF_ANY), 0);
}

static uint64_t number_of(uint32_t network) {
	uint64_t number = 0;
	bpf_map_lookup_elem(numbers, &network, &number);
	return number;
}

static uint64_t seconds_ago(uint64_t seconds) {
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * VPC_SECOND + (uint64_t)now.tv_nsec - seconds * VPC_SECOND;
}

/* ---- rules ---- */

/* One rule; a NULL address is none. */
struct rule {
	const char *address;
	uint8_t prefix, protocol;
	bool from;
	uint16_t first, last;
};

#define TCP_80 {"10.0.0.0", 8, IPPROTO_TCP, false, 80, 80}
#define FROM_TCP_8080 {"10.0.0.0", 8, IPPROTO_TCP, true, 8080, 8080}
#define ALLOW VPC_FLOW_ALLOW
#define ALLOW_FROM VPC_FLOW_ALLOW_FROM

static const struct {
	const char *description;
	struct rule before, after;
	uint32_t origin;
	uint8_t protocol;
	uint16_t pod_port;
	const char *peer;
	uint16_t peer_port;
	uint32_t network;
	bool stays;
} CHANGES[] = {
	/* description                        before         after                                            origin      protocol      Pod's peer     port */
	{"the rule stays",                    TCP_80,        TCP_80,                                          ALLOW,      IPPROTO_TCP,  5000, "10.1.2.3", 80,   RED,  true},
	{"the rule goes",                     TCP_80,        {0},                                             ALLOW,      IPPROTO_TCP,  5000, "10.1.2.3", 80,   RED,  false},
	{"another port",                      TCP_80,        {"10.0.0.0", 8, IPPROTO_TCP, false, 443, 443},   ALLOW,      IPPROTO_TCP,  5000, "10.1.2.3", 80,   RED,  false},
	{"more ports",                        TCP_80,        {"10.0.0.0", 8, IPPROTO_TCP, false, 1, 1023},    ALLOW,      IPPROTO_TCP,  5000, "10.1.2.3", 80,   RED,  true},
	{"the Pod's port does not count",     TCP_80,        {"10.0.0.0", 8, IPPROTO_TCP, false, 5000, 5000}, ALLOW,      IPPROTO_TCP,  5000, "10.1.2.3", 80,   RED,  false},
	{"another protocol",                  TCP_80,        {"10.0.0.0", 8, IPPROTO_UDP, false, 80, 80},     ALLOW,      IPPROTO_TCP,  5000, "10.1.2.3", 80,   RED,  false},
	{"any protocol",                      TCP_80,        {"10.0.0.0", 8, 0, false, 0, ALL_PORTS},         ALLOW,      IPPROTO_TCP,  5000, "10.1.2.3", 80,   RED,  true},
	{"a prefix that still holds it",      TCP_80,        {"10.1.0.0", 16, IPPROTO_TCP, false, 80, 80},    ALLOW,      IPPROTO_TCP,  5000, "10.1.2.3", 80,   RED,  true},
	{"a prefix that holds it no more",    TCP_80,        {"10.2.0.0", 16, IPPROTO_TCP, false, 80, 80},    ALLOW,      IPPROTO_TCP,  5000, "10.1.2.3", 80,   RED,  false},
	{"the other direction",               TCP_80,        {"10.0.0.0", 8, 0, true, 0, ALL_PORTS},          ALLOW,      IPPROTO_TCP,  5000, "10.1.2.3", 80,   RED,  false},
	{"from outside, the rule stays",      FROM_TCP_8080, FROM_TCP_8080,                                   ALLOW_FROM, IPPROTO_TCP,  8080, "10.1.2.3", 5000, RED,  true},
	{"from outside, the rule goes",       FROM_TCP_8080, {0},                                             ALLOW_FROM, IPPROTO_TCP,  8080, "10.1.2.3", 5000, RED,  false},
	{"from outside, another port",        FROM_TCP_8080, {"10.0.0.0", 8, IPPROTO_TCP, true, 8081, 8081},  ALLOW_FROM, IPPROTO_TCP,  8080, "10.1.2.3", 5000, RED,  false},
	{"from outside, the other direction", FROM_TCP_8080, {"10.0.0.0", 8, 0, false, 0, ALL_PORTS},         ALLOW_FROM, IPPROTO_TCP,  8080, "10.1.2.3", 5000, RED,  false},
	{"ICMP has no ports",                 TCP_80,        {"10.0.0.0", 8, IPPROTO_ICMP, false, 0, ALL_PORTS}, ALLOW,   IPPROTO_ICMP, 77,   "10.1.2.3", 77,   RED,  true},
	{"IPv6, the rule stays",              {"fd00::", 8, 0, false, 0, ALL_PORTS}, {"fd00::", 8, 0, false, 0, ALL_PORTS}, ALLOW, IPPROTO_UDP, 5000, "fd01::1", 53, RED, true},
	{"IPv6, the rule is of IPv4 now",     {"fd00::", 8, 0, false, 0, ALL_PORTS}, {"0.0.0.0", 0, 0, false, 0, ALL_PORTS}, ALLOW, IPPROTO_UDP, 5000, "fd01::1", 53, RED, false},
	{"IPv4, the rule is of IPv6 now",     TCP_80,        {"::", 0, 0, false, 0, ALL_PORTS},               ALLOW,      IPPROTO_TCP,  5000, "10.1.2.3", 80,   RED,  false},
	{"the node needs no rule",            TCP_80,        {0},                                             VPC_FLOW_NODE, IPPROTO_TCP, 80, "10.1.2.3", 5000, RED,  true},
	{"another network's",                 TCP_80,        {0},                                             ALLOW,      IPPROTO_TCP,  5000, "10.1.2.3", 80,   BLUE, true},
};

static void set_rule(const struct rule *rule) {
	struct vpc_rule_spec spec = {.from = rule->from, .prefix = rule->prefix, .protocol = rule->protocol, .first_port = rule->first, .last_port = rule->last};
	if (rule->address) {
		struct vpc_address peer = address(rule->address);
		spec.is_ipv4 = !strchr(rule->address, ':');
		memcpy(spec.address, &peer, sizeof spec.address);
	}
	call(vpc_datapath_set_rules(nodes[0].datapath, VPC_VXLAN, RED, &spec, rule->address ? 1 : 0, &error));
}

static void flows_are_forgotten_with_their_rule(void **state) {
	(void)state;
	struct pod pod = begin();
	for (size_t i = 0; i < sizeof CHANGES / sizeof *CHANGES; i++) {
		struct vpc_flow_key key = {.network = CHANGES[i].network, .protocol = CHANGES[i].protocol, .pod = address("10.0.1.1")};
		struct vpc_flow flow = {.last_seen = seconds_ago(0), .origin = CHANGES[i].origin};
		print_message("  %s\n", CHANGES[i].description);
		key.pod_port = htons(CHANGES[i].pod_port);
		key.peer_port = htons(CHANGES[i].peer_port);
		key.peer = address(CHANGES[i].peer);
		set_rule(&CHANGES[i].before);
		put_flow(&key, &flow);
		set_number(CHANGES[i].network, 1);
		set_rule(&CHANGES[i].after);
		assert_int_equal(has_flow(&key), CHANGES[i].stays);
		assert_int_equal(number_of(CHANGES[i].network), CHANGES[i].stays);
		bpf_map_delete_elem(flows, &key);
		set_number(CHANGES[i].network, 0);
	}
	end(&pod);
}

/* ---- age ---- */

#define ANSWERED VPC_FLOW_ANSWERED

static const struct {
	const char *description;
	uint8_t protocol;
	uint32_t state;
	uint64_t life; /* seconds without a packet */
} LIVES[] = {
	{"UDP", IPPROTO_UDP, ANSWERED, 60},
	{"SCTP", IPPROTO_SCTP, ANSWERED, 60},
	{"ICMP", IPPROTO_ICMP, ANSWERED, 10},
	{"ICMPv6", IPPROTO_ICMPV6, ANSWERED, 10},
	{"TCP without an answer", IPPROTO_TCP, VPC_FLOW_SEEN_FROM_POD, 30},
	{"TCP", IPPROTO_TCP, ANSWERED, 8100},
	{"TCP, one side has closed", IPPROTO_TCP, ANSWERED | VPC_FLOW_FIN_TO_POD, 120},
	{"TCP, both sides have closed", IPPROTO_TCP, ANSWERED | VPC_FLOW_CLOSED, 10},
	{"TCP, reset", IPPROTO_TCP, ANSWERED | VPC_FLOW_RESET, 10},
};

static void flows_are_swept_when_they_are_over(void **state) {
	(void)state;
	struct pod pod = begin();
	for (size_t i = 0; i < sizeof LIVES / sizeof *LIVES; i++) {
		struct vpc_flow_key key = {.network = RED, .protocol = LIVES[i].protocol, .pod = address("10.0.1.1")};
		struct vpc_flow flow = {.last_seen = seconds_ago(LIVES[i].life - 2), .origin = ALLOW, .state = LIVES[i].state};
		print_message("  %s\n", LIVES[i].description);
		put_flow(&key, &flow);
		set_number(RED, 1);
		assert_int_equal(call(vpc_datapath_sweep(nodes[0].datapath, 100, &error)), 0);
		assert_true(has_flow(&key));
		flow.last_seen = seconds_ago(LIVES[i].life + 1);
		put_flow(&key, &flow);
		assert_int_equal(call(vpc_datapath_sweep(nodes[0].datapath, 100, &error)), 1);
		assert_false(has_flow(&key));
		assert_int_equal(number_of(RED), 0);
	}
	end(&pod);
}

static void fragments_and_paths_are_swept_too(void **state) {
	(void)state;
	const uint32_t first = 0;
	uint32_t smallest = 1300;
	struct pod pod = begin();
	int fragments = open_map(&nodes[0], "fragments"), paths = open_map(&nodes[0], "paths"), least = open_map(&nodes[0], "smallest_path");
	for (uint32_t old = 0; old < 2; old++) {
		struct vpc_fragment_key fragment = {.network = RED, .identification = old};
		struct vpc_address node = address(old ? "172.30.0.8" : "172.30.0.9");
		assert_int_equal(bpf_map_update_elem(fragments, &fragment, &(struct vpc_fragment){.last_seen = seconds_ago(old ? 6 : 3)}, BPF_ANY), 0);
		assert_int_equal(bpf_map_update_elem(paths, &node, &(struct vpc_path){.learned = seconds_ago(old ? 601 : 590), .mtu = old ? 1300 : 1400}, BPF_ANY), 0);
	}
	assert_int_equal(bpf_map_update_elem(least, &first, &smallest, BPF_ANY), 0);
	assert_int_equal(call(vpc_datapath_sweep(nodes[0].datapath, 100, &error)), 2);
	assert_int_equal(count_entries(&nodes[0], "fragments"), 1);
	assert_int_equal(count_entries(&nodes[0], "paths"), 1);
	assert_int_equal(bpf_map_lookup_elem(least, &first, &smallest), 0);
	assert_int_equal(smallest, 1400);
	close(fragments);
	close(paths);
	close(least);
	end(&pod);
}

static void put_flows(uint32_t network, uint16_t count, uint64_t last_seen) {
	struct vpc_flow flow = {.last_seen = last_seen, .origin = ALLOW};
	for (uint16_t i = 0; i < count; i++) {
		struct vpc_flow_key key = {.network = network, .protocol = IPPROTO_UDP, .pod_port = htons(i), .pod = address("10.0.1.1")};
		put_flow(&key, &flow);
	}
}

static void a_call_looks_at_no_more_than_its_budget(void **state) {
	(void)state;
	struct pod pod = begin();
	put_flows(RED, 10, seconds_ago(100));
	set_number(RED, 10);
	for (int round = 0; round < 3; round++)
		assert_int_equal(call(vpc_datapath_sweep(nodes[0].datapath, 3, &error)), 3);
	assert_int_equal(call(vpc_datapath_sweep(nodes[0].datapath, 3, &error)), 1);
	assert_int_equal(count_entries(&nodes[0], "flows"), 0);
	assert_int_equal(number_of(RED), 0);
	put_flows(RED, 10, seconds_ago(0));
	set_number(RED, 10);
	for (int round = 0; round < 3; round++) /* comes by all of them, also behind those that stay */
		assert_int_equal(call(vpc_datapath_sweep(nodes[0].datapath, 3, &error)), 0);
	assert_int_equal(count_entries(&nodes[0], "flows"), 10);
	end(&pod);
}

/* ---- numbers ---- */

#define KEEP (UINT64_MAX - 1)

static const struct {
	const char *description;
	uint16_t flows;
	uint64_t noted[3]; /* before each round; KEEP: as it is by then */
	uint64_t after;    /* the last */
	uint32_t budget;
} COUNTS[] = {
	{"right", 3, {3, KEEP, KEEP}, 3, 100},
	{"too many", 3, {9, KEEP, KEEP}, 3, 100},
	{"too few", 3, {1, KEEP, KEEP}, 3, 100},
	{"none left", 0, {5, KEEP, KEEP}, 0, 100},
	{"none noted", 4, {0, KEEP, KEEP}, 4, 100},
	{"below zero", 3, {UINT64_MAX, KEEP, KEEP}, 3, 100},
	{"in several calls", 10, {7, KEEP, KEEP}, 10, 3},
	{"wrong once only", 3, {3, 9, 3}, 3, 100},
	{"wrong by another number each time", 3, {7, 8, 9}, 9, 100},
};

static void wrong_numbers_are_corrected(void **state) {
	(void)state;
	for (size_t i = 0; i < sizeof COUNTS / sizeof *COUNTS; i++) {
		struct pod pod = begin();
		print_message("  %s\n", COUNTS[i].description);
		put_flows(RED, COUNTS[i].flows, seconds_ago(0));
		put_flows(BLUE, 2, seconds_ago(0));
		set_number(BLUE, 2);
		for (int round = 0; round < 3; round++) {
			if (COUNTS[i].noted[round] != KEEP)
				set_number(RED, COUNTS[i].noted[round]);
			for (uint32_t looked = 0; looked < COUNTS[i].flows + 2u; looked += COUNTS[i].budget)
				assert_int_equal(call(vpc_datapath_sweep(nodes[0].datapath, COUNTS[i].budget, &error)), 0);
			if (round == 0)
				assert_int_equal(number_of(RED), COUNTS[i].noted[0]); /* might be a flow that just begins */
		}
		assert_int_equal(number_of(RED), COUNTS[i].after);
		assert_int_equal(number_of(BLUE), 2);
		assert_int_equal(count_entries(&nodes[0], "flows"), COUNTS[i].flows + 2u);
		end(&pod);
	}
}

/* A number that a program raises while the table is gone through is no wrong one. */
static void a_number_that_changes_meanwhile_is_left_alone(void **state) {
	(void)state;
	struct pod pod = begin();
	put_flows(RED, 6, seconds_ago(0));
	for (int round = 0; round < 4; round++) {
		set_number(RED, 4);
		call(vpc_datapath_sweep(nodes[0].datapath, 4, &error));
		set_number(RED, 5);
		call(vpc_datapath_sweep(nodes[0].datapath, 4, &error));
		assert_int_equal(number_of(RED), 5);
	}
	end(&pod);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(flows_are_forgotten_with_their_rule, world_renew),
		cmocka_unit_test_setup(flows_are_swept_when_they_are_over, world_renew),
		cmocka_unit_test_setup(fragments_and_paths_are_swept_too, world_renew),
		cmocka_unit_test_setup(a_call_looks_at_no_more_than_its_budget, world_renew),
		cmocka_unit_test_setup(wrong_numbers_are_corrected, world_renew),
		cmocka_unit_test_setup(a_number_that_changes_meanwhile_is_left_alone, world_renew),
	};
	if (!world_enter())
		return 77;
	return cmocka_run_group_tests_name("datapath flows", tests, NULL, NULL);
}
