// SPDX-License-Identifier: Apache-2.0
// Probes, allowed flows and callers, with the node translating addresses in between.
#include "scenarios.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <netinet/in.h>

/* A forwarded packet may carry the node's address after masquerading; it is still no probe. */
void probes_are_the_nodes_own(void **state) {
	static struct frame got;
	(void)state;
	world_run(world.node_namespace, "nft 'add table inet nat; add chain inet nat post { type nat hook postrouting priority 100; }; "
		"add rule inet nat post oifname red1 iifname out0 masquerade'");
	for (int family = 4; family <= 6; family += 2) {
		uint64_t count;
		int listener = open_socket(world.wire_namespaces[WIRE_POD], SOCK_STREAM, POD, family, 8080);
		assert_int_equal(listen(listener, 1), 0);
		world_forget();
		drain();
		send_from_outside(FRAME(ETH(DENIED, NOBODY), IP(DENIED, POD), TCP(1000, 8080)), family);
		assert_int_equal(wait_for_drops(1, &count), VPC_DROP_FORGED_NODE);
		assert_false(wire_receive(WIRE_POD, &got, 0));

		int probe = open_socket(world.node_namespace, SOCK_STREAM, GATEWAY, family, 0);
		connect_to(probe, POD, family, 8080);
		int accepted = accept(listener, NULL, NULL);
		assert_true(accepted >= 0);
		assert_int_equal(send(probe, "?", 1, 0), 1);
		char byte;
		assert_int_equal(recv(accepted, &byte, 1, 0), 1);
		assert_int_equal(send(accepted, "!", 1, 0), 1);
		assert_int_equal(recv(probe, &byte, 1, 0), 1);
		wait_for_drops(1, &count);
		assert_int_equal(count, 1);
		close(accepted);
		close(probe);
		close(listener);
	}
}

static uint16_t port_at(const struct frame *frame, int family, int which) {
	const uint8_t *at = frame->bytes + ETH_HLEN + (family == 4 ? 20 : 40) + which * 2;
	return at[0] << 8 | at[1];
}


static void exchange(uint8_t *a, uint8_t *b, size_t length) {
	uint8_t kept[16];
	memcpy(kept, a, length);
	memcpy(a, b, length);
	memcpy(b, kept, length);
}

/* Back the way it came: addresses and ports exchanged, which leaves the checksum right. */
static void turn_round(struct frame *frame, int family) {
	size_t width = family == 4 ? 4 : 16, at = ETH_HLEN + (family == 4 ? 12 : 8), ports = ETH_HLEN + (family == 4 ? 20 : 40);
	exchange(frame->bytes, frame->bytes + 6, 6);
	exchange(frame->bytes + at, frame->bytes + at + width, width);
	exchange(frame->bytes + ports, frame->bytes + ports + 2, 2);
}

/* The flow is remembered by the addresses that the Pod uses, before the node's translation and after its undoing. */
void allowed_flows_behind_the_nodes_source_address(void **state) {
	static struct frame got;
	(void)state;
	world_run(world.node_namespace, "ip address add 192.0.2.254/32 dev out0 && ip address add 2001:db8:2::254/128 dev out0 nodad && "
									"nft 'add table inet nat; add chain inet nat post { type nat hook postrouting priority 100; }; add "
									"rule inet nat post oifname out0 masquerade'");
	world_run(world.wire_namespaces[WIRE_POD], "ethtool -K eth0 tx off >/dev/null"); /* what is captured can then be sent again */
	world_enter(world.node_namespace);
	for (int family = 4; family <= 6; family += 2) {
		uint8_t translated[16];
		inet_pton(family == 4 ? AF_INET : AF_INET6, family == 4 ? "192.0.2.254" : "2001:db8:2::254", translated);
		world_forget();
		drain();
		int fd = open_socket(world.wire_namespaces[WIRE_POD], SOCK_DGRAM, POD, family, 4000);
		connect_to(fd, ALLOWED, family, 7000);
		assert_int_equal(send(fd, "ask", 3, 0), 3);
		assert_true(wire_receive(WIRE_OUTSIDE, &got, DEADLINE));
		assert_true(has_addresses(&got, family, translated, ALLOWED));

		turn_round(&got, family);
		wire_send(WIRE_OUTSIDE, &got);
		char bytes[8];
		assert_int_equal(recv(fd, bytes, sizeof bytes, 0), 3);
		assert_memory_equal(bytes, "ask", 3);
		close(fd);
	}
}

/* What a caller began is answered under the Pod's own address: the node translates the first packet of a flow only. */
void callers_are_answered_with_source_translation_on(void **state) {
	static struct frame got;
	(void)state;
	world_run(world.node_namespace, "nft 'add table inet nat; add chain inet nat post { type nat hook postrouting priority 100; }; add "
									"rule inet nat post oifname out0 masquerade'");
	for (int family = 4; family <= 6; family += 2) {
		world_forget();
		drain();
		int listener = open_socket(world.wire_namespaces[WIRE_POD], SOCK_STREAM, POD, family, 80);
		assert_int_equal(listen(listener, 1), 0);
		send_from_outside(FRAME(ETH(CALLER, NOBODY), IP(CALLER, POD), TCP(1234, 80)), family);
		assert_true(wire_receive(WIRE_OUTSIDE, &got, DEADLINE));
		assert_true(has_addresses(&got, family, family == 4 ? who_ipv4(POD) : who_ipv6(POD), CALLER));
		assert_int_equal(port_at(&got, family, 0), 80);
		assert_int_equal(port_at(&got, family, 1), 1234);
		close(listener);
	}
}

/* An allowed address that the node translates to another: the Pod's packet is judged before, the answer after. */
void translated_services_are_judged_by_the_pods_view(void **state) {
	static struct frame got;
	uint64_t count;
	(void)state;
	world_run(world.node_namespace, "nft 'add table inet nat; add chain inet nat pre { type nat hook prerouting priority -100; }; "
		"add rule inet nat pre iifname red1 ip daddr 198.51.100.1 dnat ip to 203.0.113.1; "
		"add rule inet nat pre iifname red1 ip6 daddr 2001:db8:100::1 dnat ip6 to 2001:db8:113::1; "
		"add rule inet nat pre iifname red1 ip daddr 198.51.101.1 dnat ip to 10.9.0.2; "
		"add rule inet nat pre iifname red1 ip6 daddr 2001:db8:101::1 dnat ip6 to fd09::2'");
	world_run(world.wire_namespaces[WIRE_POD], "ethtool -K eth0 tx off >/dev/null");
	world_enter(world.node_namespace);
	for (int family = 4; family <= 6; family += 2) {
		drain();
		world_forget();
		int fd = open_socket(world.wire_namespaces[WIRE_POD], SOCK_DGRAM, POD, family, 4001);
		connect_to(fd, ALLOWED, family, 7000);
		assert_int_equal(send(fd, "ask", 3, 0), 3);
		assert_true(wire_receive(WIRE_OUTSIDE, &got, DEADLINE));
		assert_true(has_addresses(&got, family, family == 4 ? who_ipv4(POD) : who_ipv6(POD), DENIED));
		turn_round(&got, family);
		wire_send(WIRE_OUTSIDE, &got);
		char bytes[8];
		assert_int_equal(recv(fd, bytes, sizeof bytes, 0), 3);

		/* a service that leads into another VPC is stopped there */
		connect_to(fd, ALLOWED_PORT, family, 53);
		assert_int_equal(send(fd, "ask", 3, 0), 3);
		assert_int_equal(wait_for_drops(1, &count), VPC_DROP_NOT_ALLOWED_IN);
		assert_false(wire_receive(WIRE_OTHER, &got, 0));
		close(fd);
	}
}
