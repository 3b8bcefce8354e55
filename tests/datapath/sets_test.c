// SPDX-License-Identifier: Apache-2.0
//
// What the maps hold after sets of rules, members and addresses, and how refusals leave them.
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <netinet/in.h>
#include <unistd.h>
#include "drop_reasons.h"
#include "kernel_state.h"

enum { RED = 4097, ALL_PORTS = 65535, RULES = 20 };

static struct vpc_error error;

static struct vpc_rule_spec read_rule(const char *text) {
	struct vpc_rule_spec rule = {.last_port = ALL_PORTS};
	char direction[16], cidr[64], protocol[8] = "any";
	unsigned first = 0, last = ALL_PORTS, prefix;
	assert_true(sscanf(text, "%15s %63s %7s %u-%u", direction, cidr, protocol, &first, &last) >= 2);
	char *slash = strchr(cidr, '/');
	assert_int_equal(sscanf(slash, "/%u", &prefix), 1);
	*slash = '\0';
	rule.from = strcmp(direction, "from") == 0;
	rule.prefix = (uint8_t)prefix;
	rule.is_ipv4 = inet_pton(AF_INET, cidr, rule.address + 12) == 1;
	if (rule.is_ipv4)
		rule.address[10] = rule.address[11] = 0xff;
	else
		assert_int_equal(inet_pton(AF_INET6, cidr, rule.address), 1);
	rule.protocol = strcmp(protocol, "tcp") == 0 ? IPPROTO_TCP : strcmp(protocol, "udp") == 0 ? IPPROTO_UDP : strcmp(protocol, "icmp") == 0 ? IPPROTO_ICMP : 0;
	rule.first_port = (uint16_t)first;
	rule.last_port = (uint16_t)last;
	return rule;
}

/* Ranges that a packet to or from the address meets, as "tcp 80-80, udp 53-53"; "none" if no entry, "-" if an empty one. */
static void look_up(const char *direction, const char *address, char *ret_text, size_t size) {
	struct vpc_rule_key key = {.prefix_length = 64 + 128, .network = htonl(RED)};
	struct vpc_rule rule;
	size_t length = 0;
	key.direction = htonl(strcmp(direction, "from") == 0 ? VPC_RULE_ALLOW_FROM : VPC_RULE_ALLOW);
	if (inet_pton(AF_INET, address, key.address + 12) == 1)
		key.address[10] = key.address[11] = 0xff;
	else
		assert_int_equal(inet_pton(AF_INET6, address, key.address), 1);
	int fd = open_map(&nodes[0], "rules");
	int result = bpf_map_lookup_elem(fd, &key, &rule);
	close(fd);
	snprintf(ret_text, size, "%s", result ? "none" : "-");
	for (uint32_t i = 0; !result && i < rule.count; i++) {
		const struct vpc_port_range *range = &rule.ports[i];
		const char *protocol = range->protocol == IPPROTO_TCP ? "tcp" : range->protocol == IPPROTO_UDP ? "udp" : range->protocol ? "icmp" : "any";
		length += (size_t)snprintf(ret_text + length, size - length, "%s%s %u-%u", i ? ", " : "", protocol, range->first, range->last);
	}
}

static const struct {
	const char *description;
	const char *rules[6];
	const char *direction, *address, *finds;
} LOOKUPS[] = {
	{"one prefix", {"to 192.168.0.0/16"}, "to", "192.168.7.7", "any 0-65535"},
	{"outside of it", {"to 192.168.0.0/16"}, "to", "192.169.0.1", "none"},
	{"the other direction", {"to 192.168.0.0/16"}, "from", "192.168.7.7", "none"},
	{"a longer prefix holds the ports of the shorter", {"to 10.0.0.0/8 tcp 80-80", "to 10.1.0.0/16 udp 53-53"}, "to", "10.1.2.3", "tcp 80-80, udp 53-53"},
	{"the shorter does not hold those of the longer", {"to 10.0.0.0/8 tcp 80-80", "to 10.1.0.0/16 udp 53-53"}, "to", "10.2.0.1", "tcp 80-80"},
	{"three levels", {"to 10.1.1.0/24 tcp 1-1", "to 0.0.0.0/0 tcp 3-3", "to 10.1.0.0/16 tcp 5-5"}, "to", "10.1.1.9", "tcp 1-1, tcp 3-3, tcp 5-5"},
	{"ranges that overlap are joined", {"to 10.0.0.0/8 tcp 10-20", "to 10.0.0.0/8 tcp 15-30"}, "to", "10.0.0.1", "tcp 10-30"},
	{"ranges that touch are joined", {"to 10.0.0.0/8 tcp 10-20", "to 10.0.0.0/8 tcp 21-30"}, "to", "10.0.0.1", "tcp 10-30"},
	{"ranges of two protocols are not", {"to 10.0.0.0/8 tcp 10-20", "to 10.0.0.0/8 udp 15-30"}, "to", "10.0.0.1", "tcp 10-20, udp 15-30"},
	{"a range up to the last port", {"to 10.0.0.0/8 tcp 10-65535", "to 10.0.0.0/8 tcp 5-5"}, "to", "10.0.0.1", "tcp 5-5, tcp 10-65535"},
	{"any protocol swallows ports", {"to 10.0.0.0/8 tcp 80-80", "to 10.0.0.0/8"}, "to", "10.0.0.1", "any 0-65535"},
	{"ICMP", {"to 10.0.0.0/8 icmp"}, "to", "10.0.0.1", "icmp 0-65535"},
	{"bits behind the prefix do not count", {"to 10.1.2.3/8"}, "to", "10.9.9.9", "any 0-65535"},
	{"the same rule twice", {"to 10.0.0.0/8 tcp 1-1", "to 10.0.0.0/8 tcp 1-1"}, "to", "10.0.0.1", "tcp 1-1"},
	{"all of IPv4", {"from 0.0.0.0/0 tcp 443-443"}, "from", "8.8.8.8", "tcp 443-443"},
	{"all of IPv4 is not all of IPv6", {"from 0.0.0.0/0 tcp 443-443"}, "from", "2001:db8::1", "none"},
	{"all of IPv6", {"to ::/0 udp 53-53"}, "to", "2001:db8::1", "udp 53-53"},
	{"all of IPv6 is not all of IPv4", {"to ::/0 udp 53-53"}, "to", "8.8.8.8", "-"},
	{"both", {"to ::/0 udp 53-53", "to 0.0.0.0/0 tcp 80-80"}, "to", "8.8.8.8", "tcp 80-80"},
	{"IPv4 below all of IPv6", {"to ::/0 udp 53-53", "to 10.0.0.0/8 tcp 80-80"}, "to", "10.0.0.1", "tcp 80-80"},
	{"IPv6 inside IPv6", {"to fd00::/8 udp 53-53", "to fd00:1::/32 tcp 80-80"}, "to", "fd00:1::9", "tcp 80-80, udp 53-53"},
	{"no rules", {NULL}, "to", "10.0.0.1", "none"},
};

static int set_rules(const char *const *texts, size_t most) {
	struct vpc_rule_spec rules[RULES];
	size_t count = 0;
	for (; count < most && texts[count]; count++)
		rules[count] = read_rule(texts[count]);
	return vpc_datapath_set_rules(nodes[0].datapath, VPC_VXLAN, RED, rules, count, &error);
}

static void a_packet_meets_the_ports_of_all_its_prefixes(void **state) {
	(void)state;
	char found[512];
	node_open(&nodes[0], false);
	for (size_t i = 0; i < sizeof LOOKUPS / sizeof *LOOKUPS; i++) {
		print_message("  %s\n", LOOKUPS[i].description);
		if (set_rules(LOOKUPS[i].rules, 6))
			fail_msg("%s", error.text);
		look_up(LOOKUPS[i].direction, LOOKUPS[i].address, found, sizeof found);
		assert_string_equal(found, LOOKUPS[i].finds);
	}
	assert_int_equal(count_entries(&nodes[0], "rules"), 0); /* the last set is empty */
	node_remove(&nodes[0]);
}

static const struct {
	const char *description;
	struct vpc_rule_spec rule;
	int result;
	const char *says;
} REFUSED[] = {
	{"prefix too long for IPv4", {.is_ipv4 = true, .address = {[10] = 0xff, 0xff, 10}, .prefix = 33, .last_port = ALL_PORTS}, -EINVAL, "32"},
	{"prefix too long for IPv6", {.address = {0xfd}, .prefix = 129, .last_port = ALL_PORTS}, -EINVAL, "128"},
	{"IPv4 that is not mapped", {.is_ipv4 = true, .address = {10}, .prefix = 8, .last_port = ALL_PORTS}, -EINVAL, "IPv4-mapped"},
	{"mapped IPv4 given as IPv6", {.address = {[10] = 0xff, 0xff, 10}, .prefix = 104, .last_port = ALL_PORTS}, -EINVAL, "IPv4"},
	{"ports the wrong way round", {.address = {0xfd}, .prefix = 8, .protocol = IPPROTO_TCP, .first_port = 9, .last_port = 8}, -EINVAL, "9"},
	{"ports of any protocol", {.address = {0xfd}, .prefix = 8, .first_port = 80, .last_port = 80}, -EINVAL, "TCP"},
};

static void a_refused_rule_leaves_the_old_ones(void **state) {
	(void)state;
	static const char *const OLD[] = {"to 192.168.0.0/16 tcp 80-80", NULL};
	struct vpc_rule_spec many[RULES + 1];
	char found[512];
	node_open(&nodes[0], false);
	assert_int_equal(set_rules(OLD, 2), 0);
	for (size_t i = 0; i < sizeof REFUSED / sizeof *REFUSED; i++) {
		print_message("  %s\n", REFUSED[i].description);
		assert_int_equal(vpc_datapath_set_rules(nodes[0].datapath, VPC_VXLAN, RED, &REFUSED[i].rule, 1, &error), REFUSED[i].result);
		assert_non_null(strstr(error.text, REFUSED[i].says));
	}
	for (uint16_t i = 0; i < VPC_RULE_PORTS; i++) {
		many[i] = read_rule("to 10.0.0.0/8 tcp");
		many[i].first_port = many[i].last_port = (uint16_t)(2 * i + 1);
	}
	many[VPC_RULE_PORTS] = read_rule("to 10.1.0.0/16 udp 7-7");
	assert_int_equal(vpc_datapath_set_rules(nodes[0].datapath, VPC_VXLAN, RED, many, VPC_RULE_PORTS + 1, &error), -E2BIG);
	assert_non_null(strstr(error.text, "10.1.0.0/16"));
	look_up("to", "192.168.0.1", found, sizeof found);
	assert_string_equal(found, "tcp 80-80");
	assert_int_equal(count_entries(&nodes[0], "rules"), 1);
	assert_int_equal(vpc_datapath_set_rules(nodes[0].datapath, VPC_VXLAN, RED, many, VPC_RULE_PORTS, &error), 0);
	node_remove(&nodes[0]);
}

static struct vpc_remote make_remote(uint32_t number) {
	struct vpc_remote remote = {.encapsulation = VPC_VXLAN, .network_id = RED, .address = {0xfd}, .node = {[10] = 0xff, 0xff, 172, 30, 0, 2}, .mac = {2}};
	memcpy(remote.address + 12, &number, sizeof number);
	return remote;
}

static void remotes_become_exactly_those_given(void **state) {
	(void)state;
	node_open(&nodes[0], false);
	struct pod pod = pod_add(&nodes[0], 1, VPC_VXLAN, RED);
	put_pod(&pod);
	struct vpc_remote remotes[] = {make_remote(1), make_remote(2), make_remote(3)};
	enter(nodes[0].netns);
	assert_int_equal(vpc_datapath_set_remotes(nodes[0].datapath, VPC_VXLAN, RED, remotes, 2, &error), 0);
	assert_int_equal(count_entries(&nodes[0], "members"), 4); /* the Pod's own two */
	assert_int_equal(vpc_datapath_set_remotes(nodes[0].datapath, VPC_VXLAN, RED, remotes + 1, 2, &error), 0);
	assert_int_equal(count_entries(&nodes[0], "members"), 4);
	assert_int_equal(vpc_datapath_set_remotes(nodes[0].datapath, VPC_VXLAN, RED + 1, NULL, 0, &error), 0);
	assert_int_equal(count_entries(&nodes[0], "members"), 4);

	remotes[0] = remotes[1];
	remotes[0].mac[5] = 9; /* one address, two places */
	assert_int_equal(vpc_datapath_set_remotes(nodes[0].datapath, VPC_VXLAN, RED, remotes, 3, &error), -EEXIST);
	assert_int_equal(count_entries(&nodes[0], "members"), 4);
	memset(remotes[0].mac, 0, sizeof remotes[0].mac);
	assert_int_equal(vpc_datapath_set_remotes(nodes[0].datapath, VPC_VXLAN, RED, remotes, 1, &error), -EINVAL);
	assert_int_equal(count_entries(&nodes[0], "members"), 4);

	pod_address(&pod, false, remotes[0].address); /* a Pod of this node has it: stays */
	remotes[0].mac[0] = 2;
	assert_int_equal(vpc_datapath_set_remotes(nodes[0].datapath, VPC_VXLAN, RED, remotes, 1, &error), 0);
	assert_int_equal(vpc_datapath_check_pod(nodes[0].datapath, &pod.vpc, &error), 0);
	assert_int_equal(count_entries(&nodes[0], "members"), 2);
	delete_pod(&pod);
	pod_remove(&pod);
	node_remove(&nodes[0]);
}

static void addresses_become_exactly_those_given(void **state) {
	(void)state;
	const uint8_t addresses[3][16] = {{1}, {2}, {3}};
	const uint8_t zero[1][16] = {{0}};
	node_open(&nodes[0], false);
	assert_int_equal(vpc_datapath_set_nodes(nodes[0].datapath, addresses, 2, &error), 0);
	assert_int_equal(vpc_datapath_set_nodes(nodes[0].datapath, addresses + 1, 2, &error), 0);
	assert_int_equal(count_entries(&nodes[0], "nodes"), 2);
	assert_int_equal(vpc_datapath_set_nodes(nodes[0].datapath, zero, 1, &error), -EINVAL);
	assert_int_equal(count_entries(&nodes[0], "nodes"), 2);
	assert_int_equal(vpc_datapath_set_node_addresses(nodes[0].datapath, addresses, 3, &error), 0);
	assert_int_equal(vpc_datapath_set_node_addresses(nodes[0].datapath, addresses, 0, &error), 0);
	assert_int_equal(count_entries(&nodes[0], "node_addresses"), 0);
	node_remove(&nodes[0]);
}

static void a_full_map_refuses_whole_sets(void **state) {
	enum { ROOM = 131072 };
	(void)state;
	struct vpc_remote *remotes = calloc(ROOM + 1, sizeof *remotes);
	node_open(&nodes[0], false);
	struct pod pod = pod_add(&nodes[0], 1, VPC_VXLAN, RED);
	for (uint32_t i = 0; i <= ROOM; i++)
		remotes[i] = make_remote(i + 1);
	enter(nodes[0].netns);
	assert_int_equal(vpc_datapath_set_remotes(nodes[0].datapath, VPC_VXLAN, RED, remotes, 10, &error), 0);
	assert_int_equal(vpc_datapath_set_remotes(nodes[0].datapath, VPC_VXLAN, RED, remotes, ROOM + 1, &error), -E2BIG);
	assert_non_null(strstr(error.text, "members"));
	assert_non_null(strstr(error.text, "131072"));
	assert_int_equal(count_entries(&nodes[0], "members"), 10);

	assert_int_equal(vpc_datapath_set_remotes(nodes[0].datapath, VPC_VXLAN, RED, remotes, ROOM, &error), 0);
	assert_int_equal(vpc_datapath_put_pod(nodes[0].datapath, &pod.vpc, NULL, &error), -E2BIG);
	assert_non_null(strstr(error.text, "members"));
	run("tc filter show dev pod1 ingress | grep -q confine && tc filter show dev pod1 egress | grep -q confine");
	assert_int_equal(count_entries(&nodes[0], "pods") + count_entries(&nodes[0], "next_hops") + count_entries(&nodes[0], "networks"), 0);
	assert_int_equal(vpc_datapath_set_remotes(nodes[0].datapath, VPC_VXLAN, RED, remotes, 10, &error), 0);
	put_pod(&pod);
	delete_pod(&pod);
	pod_remove(&pod);
	node_remove(&nodes[0]);
	free(remotes);
}

static void a_pod_that_cannot_be_is_refused(void **state) {
	(void)state;
	node_open(&nodes[0], false);
	struct pod pod = pod_add(&nodes[0], 1, VPC_VXLAN, RED), other = pod_add(&nodes[0], 2, VPC_VXLAN, RED);
	put_pod(&other);
	enter(nodes[0].netns);
	const struct {
		const char *description, *says;
		struct vpc_pod pod;
		int result;
	} cases[] = {
		{"no interface", "interface", {.encapsulation = VPC_VXLAN, .network_id = RED, .mac = {2}, .ipv4 = {10}}, -EINVAL},
		{"no address", "address", {.ifindex = pod.vpc.ifindex, .encapsulation = VPC_VXLAN, .network_id = RED, .mac = {2}}, -EINVAL},
		{"group MAC", "MAC", {.ifindex = pod.vpc.ifindex, .encapsulation = VPC_VXLAN, .network_id = RED, .mac = {3}, .ipv4 = {10}}, -EINVAL},
		{"no encapsulation", "encapsulation", {.ifindex = pod.vpc.ifindex, .network_id = RED, .mac = {2}, .ipv4 = {10}}, -EINVAL},
		{"VNI 1", "2 to 16777215", {.ifindex = pod.vpc.ifindex, .encapsulation = VPC_VXLAN, .network_id = 1, .mac = {2}, .ipv4 = {10}}, -ERANGE},
		{"VLAN 4095", "2 to 4094", {.ifindex = pod.vpc.ifindex, .encapsulation = VPC_VLAN, .network_id = 4095, .mac = {2}, .ipv4 = {10}}, -ERANGE},
		{"MTU", "MTU", {.ifindex = pod.vpc.ifindex, .encapsulation = VPC_VXLAN, .network_id = RED, .mac = {2}, .ipv4 = {10}, .mtu = 99}, -ERANGE},
		{"too many next hops", "next hops", {.ifindex = pod.vpc.ifindex, .encapsulation = VPC_VXLAN, .network_id = RED, .mac = {2}, .ipv4 = {10}, .next_hop_count = 9},
			-EINVAL},
		{"interface gone", "999", {.ifindex = 999, .encapsulation = VPC_VXLAN, .network_id = RED, .mac = {2}, .ipv4 = {10}}, -ENODEV},
		{"address of a living Pod", "10.0.1.2",
			{.ifindex = pod.vpc.ifindex, .encapsulation = VPC_VXLAN, .network_id = RED, .mac = {2}, .ipv4 = {10, 0, 1, 2}}, -EADDRINUSE},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		print_message("  %s\n", cases[i].description);
		assert_int_equal(vpc_datapath_put_pod(nodes[0].datapath, &cases[i].pod, NULL, &error), cases[i].result);
		if (!strstr(error.text, cases[i].says))
			fail_msg("'%s' does not say '%s'", error.text, cases[i].says);
		assert_int_equal(count_entries(&nodes[0], "pods"), 1);
	}
	pod_remove(&other); /* without a word: its address is free for another */
	memcpy(pod.vpc.ipv4, other.vpc.ipv4, sizeof pod.vpc.ipv4);
	put_pod(&pod);
	assert_int_equal(count_entries(&nodes[0], "pods"), 1);
	delete_pod(&pod);
	pod_remove(&pod);
	node_remove(&nodes[0]);
}

static const struct {
	const char *description, *prepare, *says;
	int result;
} UNOPENED[] = {
	{"another kind of device", "ip link add libvpc-vxlan type bridge", "no VXLAN device", -EEXIST},
	{"another port", "ip link add libvpc-vxlan type vxlan external dstport 4789", "4789", -EEXIST},
	{"not external", "ip link add libvpc-vxlan type vxlan id 5 dstport 14789", "external", -EEXIST},
	{"the port is taken", "ip link add other type vxlan external dstport 14789 && ip link set other up", "14789", -EEXIST},
	{"pins of a newer layout", "mkdir -p /sys/fs/bpf/n0/v2/links", "newer", -EPROTO},
	{"no BPF file system", "umount /sys/fs/bpf; mount -t tmpfs none /sys/fs/bpf", "BPF file system", -ENOTSUP},
};

static void a_node_that_is_not_ready_is_refused(void **state) {
	for (size_t i = 0; i < sizeof UNOPENED / sizeof *UNOPENED; i++) {
		struct vpc_datapath *untouched = (struct vpc_datapath *)1, *datapath = untouched;
		world_renew(state);
		struct vpc_datapath_options options = {.size = sizeof options, .pin_directory = nodes[0].pins, .uplink_ifindex = nodes[0].uplink_ifindex,
			.underlay = {[10] = 0xff, 0xff, 172, 30, 0, 1}};
		print_message("  %s\n", UNOPENED[i].description);
		enter(nodes[0].netns);
		run("%s", UNOPENED[i].prepare);
		assert_int_equal(vpc_datapath_open(&options, &datapath, &error), UNOPENED[i].result);
		assert_ptr_equal(datapath, untouched);
		if (!strstr(error.text, UNOPENED[i].says))
			fail_msg("'%s' does not say '%s'", error.text, UNOPENED[i].says);
	}
}

static int add_drops(const struct vpc_drop *drop, void *context) {
	if (drop->network_id == RED && drop->encapsulation == VPC_VXLAN && strcmp(drop->reason, "MULTICAST") == 0)
		*(uint64_t *)context += drop->count;
	return 0;
}

static void drops_are_summed_and_named(void **state) {
	(void)state;
	uint64_t counts[256], sum = 0, expected = 0;
	struct vpc_drop_key key = {.network = RED, .reason = VPC_DROP_MULTICAST};
	node_open(&nodes[0], false);
	for (uint64_t i = 0; i < 256; i++)
		counts[i] = i + 1;
	int fd = open_map(&nodes[0], "drops");
	assert_int_equal(bpf_map_update_elem(fd, &key, counts, BPF_ANY), 0);
	close(fd);
	for (long i = 0; i < sysconf(_SC_NPROCESSORS_CONF); i++)
		expected += counts[i];
	assert_int_equal(vpc_drops_each(nodes[0].pins, add_drops, &sum, &error), 0);
	assert_int_equal(sum, expected);
	node_remove(&nodes[0]);
	assert_int_equal(vpc_drops_each(nodes[0].pins, add_drops, &sum, &error), -ENOENT);
}

static void expired_flows_are_swept(void **state) {
	(void)state;
	const uint32_t network = RED;
	const uint64_t two = 2;
	struct vpc_flow_key key = {.network = RED, .protocol = IPPROTO_UDP, .pod = {.bytes = {1}}};
	struct vpc_flow old = {.last_seen = 1}, new = {.last_seen = UINT64_MAX / 4};
	uint64_t left = 0;
	node_open(&nodes[0], false);
	struct pod pod = pod_add(&nodes[0], 1, VPC_VXLAN, RED);
	put_pod(&pod);
	int flows = open_map(&nodes[0], "flows"), counts = open_map(&nodes[0], "network_flows");
	assert_int_equal(bpf_map_update_elem(counts, &network, &two, BPF_ANY), 0);
	assert_int_equal(bpf_map_update_elem(flows, &key, &old, BPF_ANY), 0);
	memcpy(&key.pod, (uint8_t[16]){[10] = 0xff, 0xff, 10, 0, 1, 1}, sizeof key.pod);
	assert_int_equal(bpf_map_update_elem(flows, &key, &new, BPF_ANY), 0);
	if (vpc_datapath_sweep(nodes[0].datapath, 100, &error) != 1)
		fail_msg("not one flow was swept: %s", error.text);
	assert_int_equal(vpc_datapath_sweep(nodes[0].datapath, 100, &error), 0);
	assert_int_equal(bpf_map_lookup_elem(counts, &network, &left), 0);
	assert_int_equal(left, 1);
	delete_pod(&pod); /* takes its own flow along */
	assert_int_equal(count_entries(&nodes[0], "flows"), 0);
	close(flows);
	close(counts);
	pod_remove(&pod);
	node_remove(&nodes[0]);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_packet_meets_the_ports_of_all_its_prefixes, world_renew),
		cmocka_unit_test_setup(a_refused_rule_leaves_the_old_ones, world_renew),
		cmocka_unit_test_setup(remotes_become_exactly_those_given, world_renew),
		cmocka_unit_test_setup(addresses_become_exactly_those_given, world_renew),
		cmocka_unit_test_setup(a_full_map_refuses_whole_sets, world_renew),
		cmocka_unit_test_setup(a_pod_that_cannot_be_is_refused, world_renew),
		cmocka_unit_test_setup(a_node_that_is_not_ready_is_refused, world_renew),
		cmocka_unit_test_setup(drops_are_summed_and_named, world_renew),
		cmocka_unit_test_setup(expired_flows_are_swept, world_renew),
	};
	if (!world_enter())
		return 77;
	return cmocka_run_group_tests_name("datapath sets", tests, NULL, NULL);
}
