// SPDX-License-Identifier: Apache-2.0
// What one Pod does to harm others, and what a Pod without a network can do.
#include "scenarios.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <time.h>
#include "flow_age.h"
#include "rows.h"

void a_flood_of_fragments_harms_nobody(void **state) {
	enum { FLOOD = 6000 };
	static struct frame frame, got;
	uint64_t count;
	(void)state;
	world_forget();
	drain();
	for (int i = 0; i < FLOOD; i++) {
		frame_build(FRAME(ETH(POD, HOST), IP(POD, ALLOWED_PORT, .fragment = i + 1, .more = 1), UDP(1, 53), FILL(24)), 4, &frame);
		wire_send(WIRE_POD, &frame);
	}
	frame_build(FRAME(ETH(POD, HOST), IP(POD, ALLOWED), UDP(3, 4)), 4, &frame);
	drain();
	wire_send(WIRE_POD, &frame);
	bool is_there = false;
	while (!is_there && wire_receive(WIRE_OUTSIDE, &got, DEADLINE))
		is_there = has_addresses(&got, 4, who_ipv4(POD), ALLOWED);
	assert_true(is_there);
	frame_build(
		FRAME(ETH(POD, HOST), IP(POD, ALLOWED_PORT, .fragment = FLOOD + 1, .offset = 32, .protocol = IPPROTO_UDP), FILL(24)), 4, &frame);
	world_forget_drops();
	wire_send(WIRE_POD, &frame);
	assert_int_equal(wait_for_drops(1, &count), VPC_DROP_FRAGMENT_WITHOUT_FIRST);
}

/* world.c gives each network 64. */
void flows_are_held_to_the_quota(void **state) {
	enum { QUOTA = 64, TRIED = 100 };
	static struct frame frame, got;
	uint64_t count;
	int passed = 0;
	(void)state;
	for (int i = 0; i < TRIED; i++) {
		frame_build(FRAME(ETH(POD, HOST), IP(POD, ALLOWED), UDP(1000 + i, 53)), i % 2 ? 4 : 6, &frame);
		wire_send(WIRE_POD, &frame);
	}
	assert_int_equal(wait_for_drops(TRIED - QUOTA, &count), VPC_DROP_FLOW_QUOTA);
	assert_int_equal(count, TRIED - QUOTA);
	while (wire_receive(WIRE_OUTSIDE, &got, 0))
		passed++;
	assert_int_equal(passed, QUOTA);
	wire_send(WIRE_POD, &frame); /* still refused */
	wait_for_drops(TRIED - QUOTA + 1, &count);
	assert_int_equal(count, TRIED - QUOTA + 1);
	frame_build(FRAME(ETH(POD, HOST), IP(POD, ALLOWED), UDP(1000, 53)), 6, &frame); /* what flows, flows on */
	wire_send(WIRE_POD, &frame);
	assert_true(wire_receive(WIRE_OUTSIDE, &got, DEADLINE));
	frame_build(FRAME(ETH(POD, HOST), IP(POD, PEER), UDP(1, 2)), 4, &frame); /* and members need none */
	wire_send(WIRE_POD, &frame);
	assert_true(wire_receive(WIRE_PEER, &got, DEADLINE));
	int probe = open_socket(world.node_namespace, SOCK_DGRAM, GATEWAY, 4, 0); /* nor does the node ask for a share */
	connect_to(probe, POD, 4, 9);
	drain();
	assert_int_equal(send(probe, "x", 1, 0), 1);
	assert_true(wire_receive(WIRE_POD, &got, DEADLINE));
	wait_for_drops(TRIED - QUOTA + 1, &count);
	assert_int_equal(count, TRIED - QUOTA + 1);
	close(probe);
}

/* A flow that was last seen so many seconds ago is followed, or is over: then only a rule would let the packet in. */
static void flow_counts_for(int protocol, uint32_t state, int seconds_ago, bool is_alive) {
	static struct frame got;
	struct vpc_flow_key key = {.network = world_network(false), .protocol = protocol, .pod_port = htons(1000), .peer_port = htons(2000)};
	struct timespec now;
	uint64_t count;
	clock_gettime(CLOCK_MONOTONIC, &now);
	struct vpc_flow flow = {
		.origin = VPC_FLOW_ALLOW, .state = state, .last_seen = ((uint64_t)now.tv_sec - seconds_ago) * 1000000000ull + now.tv_nsec};
	who_address(POD, 4, key.pod.bytes);
	who_address(DENIED, 4, key.peer.bytes);
	world_forget();
	drain();
	world_put_flow(&key, &flow);
	if (protocol == IPPROTO_UDP)
		send_from_outside(FRAME(ETH(DENIED, NOBODY), IP(DENIED, POD), UDP(2000, 1000)), 4);
	else
		send_from_outside(FRAME(ETH(DENIED, NOBODY), IP(DENIED, POD), TCP(2000, 1000, .flags = TCP_ACK)), 4);
	if (is_alive)
		assert_true(wire_receive(WIRE_POD, &got, DEADLINE));
	else
		assert_int_equal(wait_for_drops(1, &count), VPC_DROP_NOT_ALLOWED_IN);
}

void old_flows_are_over(void **state) {
	(void)state;
	flow_counts_for(IPPROTO_UDP, VPC_FLOW_ANSWERED, 58, true);
	flow_counts_for(IPPROTO_UDP, VPC_FLOW_ANSWERED, 62, false);
	flow_counts_for(IPPROTO_TCP, VPC_FLOW_ANSWERED, 8000, true);
	flow_counts_for(IPPROTO_TCP, VPC_FLOW_ANSWERED, 8200, false);
	flow_counts_for(IPPROTO_TCP, VPC_FLOW_SEEN_FROM_POD, 28, true);
	flow_counts_for(IPPROTO_TCP, VPC_FLOW_SEEN_FROM_POD, 32, false);
	flow_counts_for(IPPROTO_TCP, VPC_FLOW_ANSWERED | VPC_FLOW_FIN_TO_POD, 118, true);
	flow_counts_for(IPPROTO_TCP, VPC_FLOW_ANSWERED | VPC_FLOW_FIN_TO_POD, 122, false);
	flow_counts_for(IPPROTO_TCP, VPC_FLOW_ANSWERED | VPC_FLOW_CLOSED, 8, true);
	flow_counts_for(IPPROTO_TCP, VPC_FLOW_ANSWERED | VPC_FLOW_CLOSED, 12, false);
	flow_counts_for(IPPROTO_TCP, VPC_FLOW_ANSWERED | VPC_FLOW_RESET, 12, false);
}

/* What the victim believes of its neighbours and routes, without the ages of entries. */
static void read_beliefs(char *ret_text, size_t size) {
	world_enter(world.wire_namespaces[WIRE_PEER]);
	FILE *pipe = popen("(ip -4 neighbour; ip -6 neighbour; ip -4 route; ip -6 route; ip -6 address) | sed 's/ "
					   "\\(used\\|valid_lft\\|preferred_lft\\|expires\\).*//; "
					   "s/ \\(REACHABLE\\|STALE\\|DELAY\\|PROBE\\)//' | sort",
		"r");
	size_t length = fread(ret_text, 1, size - 1, pipe);
	ret_text[length] = 0;
	pclose(pipe);
	world_enter(world.node_namespace);
}

static void send_all(const struct table *table) {
	static struct frame frame;
	for (size_t i = 0; i < table->count; i++)
		for (int family = 4; family <= 6; family += 2)
			if (table->rows[i].variants & (family == 4 ? V4 : V6) && table->rows[i].verdict != PASSED) {
				frame_build(table->rows[i].in, family, &frame);
				wire_send(WIRE_POD, &frame);
			}
}

/* ARP, discovery, router advertisements, redirects and DHCP by a Pod, and by another node, leave a member as it was. */
void a_rogue_changes_nothing_at_its_victim(void **state) {
	static char before[8192], after[8192];
	static struct frame frame, wrapped;
	(void)state;
	for (int family = 4; family <= 6; family += 2) { /* the victim knows its gateway */
		int fd = open_socket(world.wire_namespaces[WIRE_PEER], SOCK_DGRAM, PEER, family, 0);
		connect_to(fd, ALLOWED, family, 9);
		send(fd, "x", 1, 0);
		assert_true(wire_receive(WIRE_OUTSIDE, &frame, DEADLINE));
		close(fd);
	}
	read_beliefs(before, sizeof before);
	assert_non_null(strstr(before, "10.0.0.1 dev eth0 lladdr"));
	assert_non_null(strstr(before, "fd00::1 dev eth0 lladdr"));
	send_all(&from_pod_arp);
	send_all(&from_pod_nd);
	send_all(&from_pod_groups);
	for (size_t i = 0; i < arrivals.count; i++) {
		frame_build(arrivals.rows[i].in, arrivals.rows[i].variants & V6 ? 6 : 4, &frame);
		wire_wrap_underlay(&frame, NODE_B, world_network(false) & ~VPC_NETWORK_VLAN, &wrapped);
		wire_send(WIRE_UNDERLAY, &wrapped);
	}
	read_beliefs(after, sizeof after);
	assert_string_equal(after, before);
}

void a_confined_pod_has_no_network(void **state) {
	static struct frame frame, got;
	uint64_t count;
	(void)state;
	world_run(world.wire_namespaces[WIRE_PEER], "ip neighbour flush dev eth0 && ip -6 neighbour flush dev eth0"); /* it probes none by itself */
	world_enter(world.node_namespace);
	world_confine(WIRE_PEER);
	const struct layer *const SENT[] = {FRAME(ETH(PEER, HOST), IP(PEER, POD), UDP(1, 2)),
		FRAME(ETH(PEER, HOST), IP(PEER, ALLOWED), UDP(1, 2)),
		FRAME(ETH(PEER, BROADCAST), ARP(1, .sender = PEER, .sender_mac = PEER, .target = GATEWAY))};
	for (int i = 0; i < 3; i++) {
		frame_build(SENT[i], 4, &frame);
		wire_send(WIRE_PEER, &frame);
		assert_int_equal(wait_for_drops(i + 1, &count), VPC_DROP_CONFINED);
		assert_int_equal(count, i + 1);
	}
	drain();
	int fd = open_socket(world.node_namespace, SOCK_DGRAM, GATEWAY, 4, 0); /* nor does the node reach it */
	connect_to(fd, PEER, 4, 9);
	send(fd, "x", 1, 0);
	assert_int_equal(wait_for_drops(4, &count), VPC_DROP_CONFINED);
	assert_false(wire_receive(WIRE_PEER, &got, 0));
	close(fd);
	world_unconfine(WIRE_PEER);
}
