// SPDX-License-Identifier: Apache-2.0
//
// What single frames cannot show: real sockets in the Pods of world.h, large and scattered packets, address translation by
// the node, floods.
//
//	pod  10.0.0.2 ---- red1 \        / u0 ---- underlay (frames only)
//	peer 10.0.0.3 ---- red2 -- node --
//	                                 \ out0 ---- outside (frames only)

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>
#include "row.h"

enum { DEADLINE = 2000, STREAM = 1 << 20, SEGMENTS = 20, SEGMENT = 1000 };

static const char *object_directory;

static void give_addresses(enum wire wire, const char *ipv4, const char *ipv6) {
	world_run(world.wire_namespaces[wire], "sysctl -qw net.ipv6.conf.eth0.accept_dad=0 net.ipv6.conf.eth0.addr_gen_mode=1 net.ipv6.conf.eth0.router_solicitations=0 && "
		"sysctl -qw net.ipv6.conf.all.disable_ipv6=0 net.ipv6.conf.eth0.disable_ipv6=0 && ip link set lo up && "
		"ip address add %s/32 dev eth0 && ip route add 10.0.0.1 dev eth0 && ip route add default via 10.0.0.1 && "
		"ip address add %s/128 dev eth0 nodad && ip route add fd00::1 dev eth0 && ip route add default via fd00::1", ipv4, ipv6);
	world_enter(world.node_namespace);
}

static void drain(void) {
	static struct frame frame;
	for (enum wire wire = 0; wire < WIRES; wire++)
		while (wire_receive(wire, &frame, 0))
			;
}

static int make_world(void **state) {
	world_make(*(const enum carrier *)*state, object_directory);
	give_addresses(WIRE_POD, "10.0.0.2", "fd00::2");
	give_addresses(WIRE_PEER, "10.0.0.3", "fd00::3");
	world_run(world.node_namespace, "ip address add 10.0.0.1/32 dev red2 && ip address add fd00::1/128 dev red2 nodad");
	world_forget();
	drain();
	return 0;
}

static int free_world(void **state) {
	(void)state;
	world_free();
	return 0;
}

static socklen_t address_of(enum who who, int family, uint16_t port, struct sockaddr_storage *ret_address) {
	memset(ret_address, 0, sizeof *ret_address);
	if (family == 4) {
		struct sockaddr_in *address = (void *)ret_address;
		address->sin_family = AF_INET;
		address->sin_port = htons(port);
		memcpy(&address->sin_addr, who_ipv4(who), 4);
		return sizeof *address;
	}
	struct sockaddr_in6 *address = (void *)ret_address;
	address->sin6_family = AF_INET6;
	address->sin6_port = htons(port);
	memcpy(&address->sin6_addr, who_ipv6(who), 16);
	return sizeof *address;
}

/* A socket in the namespace, bound to the address. */
static int open_socket(int namespace_fd, int type, enum who who, int family, uint16_t port) {
	struct sockaddr_storage address;
	socklen_t length = address_of(who, family, port, &address);
	int one = 1, room = 4 << 20;
	world_enter(namespace_fd);
	int fd = socket(family == 4 ? AF_INET : AF_INET6, type | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
	struct timeval timeout = {.tv_sec = DEADLINE / 1000};
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, length), 0);
	world_enter(world.node_namespace);
	return fd;
}

static void connect_to(int fd, enum who who, int family, uint16_t port) {
	struct sockaddr_storage address;
	socklen_t length = address_of(who, family, port, &address);
	if (connect(fd, (struct sockaddr *)&address, length))
		fail_msg("cannot connect to port %d over IPv%d: %s", port, family, strerror(errno));
}

enum manner { BY_WRITE, BY_ZEROCOPY, BY_SENDFILE };

static void send_stream(int fd, enum manner manner, const uint8_t *bytes, int file) {
	int one = 1;
	off_t offset = 0;
	if (manner == BY_ZEROCOPY)
		assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_ZEROCOPY, &one, sizeof one), 0);
	fcntl(fd, F_SETFL, O_NONBLOCK);
	for (size_t sent = 0; sent < STREAM;) {
		struct pollfd poll_fd = {.fd = fd, .events = POLLOUT};
		ssize_t result = manner == BY_SENDFILE ? sendfile(fd, file, &offset, STREAM - sent)
											   : send(fd, bytes + sent, STREAM - sent, manner == BY_ZEROCOPY ? MSG_ZEROCOPY : 0);
		if (result < 0 && errno == EAGAIN && poll(&poll_fd, 1, DEADLINE) == 1)
			continue;
		if (result < 0) /* the receiver reads only after us: the rest of the stream is beyond its buffer */
			fail_msg("after %zu bytes: %s", sent, strerror(errno));
		sent += result;
	}
}

/* The largest frame that the wire has brought: above the interface's MTU only if segmentation was left to the end. */
static size_t largest_frame(enum wire wire) {
	static struct frame frame;
	size_t largest = 0;
	while (wire_receive(wire, &frame, 0))
		if (frame.length > largest)
			largest = frame.length;
	return largest;
}

static void stream_between_pods(int family, enum manner manner) {
	uint8_t *bytes = malloc(STREAM), *got = malloc(STREAM);
	int file = memfd_create("stream", MFD_CLOEXEC);
	for (size_t i = 0; i < STREAM; i++)
		bytes[i] = i * 7 + i / 251;
	assert_int_equal(write(file, bytes, STREAM), STREAM);

	int listener = open_socket(world.wire_namespaces[WIRE_PEER], SOCK_STREAM, PEER, family, 5000);
	assert_int_equal(listen(listener, 1), 0);
	int client = open_socket(world.wire_namespaces[WIRE_POD], SOCK_STREAM, POD, family, 0);
	connect_to(client, PEER, family, 5000);
	int server = accept(listener, NULL, NULL);
	assert_true(server >= 0);
	send_stream(client, manner, bytes, file);
	for (size_t length = 0; length < STREAM;) {
		ssize_t result = recv(server, got + length, STREAM - length, 0);
		assert_true(result > 0);
		length += result;
	}
	assert_memory_equal(got, bytes, STREAM);
	close(client);
	close(server);
	close(listener);
	close(file);
	free(bytes);
	free(got);
}

static void streams_of_large_and_scattered_packets(void **state) {
	(void)state;
	for (int family = 4; family <= 6; family += 2)
		for (enum manner manner = BY_WRITE; manner <= BY_SENDFILE; manner++) {
			drain();
			stream_between_pods(family, manner);
			assert_true(largest_frame(WIRE_PEER) > 9000 + ETH_HLEN);
		}
	uint32_t network, reason;
	assert_int_equal(world_drops(&network, &reason), 0);
}

/* One call makes twenty datagrams, which the kernel cuts apart behind the program: the uplink offers no such offload. */
static void segmented_datagrams_cross_the_underlay(void **state) {
	static struct frame frame, inner;
	static uint8_t payload[SEGMENTS * SEGMENT];
	char why[128];
	(void)state;
	world_run(world.node_namespace, "ethtool -K u0 tso off gso off tx-udp-segmentation off tx-udp_tnl-segmentation off tx-udp_tnl-csum-segmentation off >/dev/null");
	for (int family = 4; family <= 6; family += 2) {
		drain();
		int size = SEGMENT, fd = open_socket(world.wire_namespaces[WIRE_POD], SOCK_DGRAM, POD, family, 0);
		connect_to(fd, FAR, family, 6000);
		assert_int_equal(setsockopt(fd, IPPROTO_UDP, UDP_SEGMENT, &size, sizeof size), 0);
		for (int i = 0; i < SEGMENTS; i++)
			memset(payload + i * SEGMENT, 'a' + i, SEGMENT);
		assert_int_equal(send(fd, payload, sizeof payload, 0), sizeof payload);
		for (int i = 0; i < SEGMENTS; i++) {
			assert_true(wire_receive(WIRE_UNDERLAY, &frame, DEADLINE));
			if (!wire_open_underlay(&frame, NODE_B, world_network(false) & ~VPC_NETWORK_VLAN, &inner, why, sizeof why))
				fail_msg("segment %d: %s", i, why);
			assert_int_equal(inner.length, ETH_HLEN + (family == 4 ? 28 : 48) + SEGMENT);
			assert_memory_equal(inner.bytes + inner.length - SEGMENT, payload + i * SEGMENT, SEGMENT);
		}
		close(fd);
	}
}

static void set_tcp_gso(struct virtio_net_hdr *gso, int family, int gso_size) {
	int network = family == 4 ? 20 : 40;
	*gso = (struct virtio_net_hdr){.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .gso_type = family == 4 ? VIRTIO_NET_HDR_GSO_TCPV4 : VIRTIO_NET_HDR_GSO_TCPV6,
		.hdr_len = ETH_HLEN, .gso_size = gso_size, .csum_start = ETH_HLEN + network, .csum_offset = 16};
}

/* As a packet of `length` bytes that the Pod's kernel has yet to cut into segments, with nothing but Ethernet in linear memory. */
static void send_gso(const struct frame *frame, int family, int gso_size) {
	struct virtio_net_hdr gso;
	int on = 1, fd = world.sockets[WIRE_POD];
	struct iovec parts[] = {{&gso, sizeof gso}, {(void *)frame->bytes, frame->length}};
	set_tcp_gso(&gso, family, gso_size);
	struct sockaddr_ll address;
	socklen_t length = sizeof address;
	getsockname(fd, (struct sockaddr *)&address, &length);
	world_enter(world.wire_namespaces[WIRE_POD]);
	fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	world_enter(world.node_namespace);
	assert_int_equal(setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof on), 0);
	struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2, .msg_name = &address, .msg_namelen = sizeof address};
	address.sll_protocol = htons(frame->bytes[12] << 8 | frame->bytes[13]);
	assert_int_equal(sendmsg(fd, &message, 0), sizeof gso + frame->length);
	close(fd);
}

/* What counts is the segment: its size is judged, not that of the packet. */
static void segments_are_judged_not_packets(void **state) {
	static struct frame frame, got;
	(void)state;
	for (int family = 4; family <= 6; family += 2) {
		int headers = (family == 4 ? 20 : 40) + 20;
		frame_build(FRAME(ETH(POD, HOST), IP(POD, FAR), TCP(1, 2, .flags = TCP_ACK), FILL(20000)), family, &frame);
		world_forget();
		drain();
		send_gso(&frame, family, world.mtu - headers);
		assert_true(wire_receive(WIRE_UNDERLAY, &got, DEADLINE));
		uint32_t network, reason;
		assert_int_equal(world_drops(&network, &reason), 0);

		drain();
		send_gso(&frame, family, world.mtu - headers + 1);
		assert_true(wire_receive(WIRE_POD, &got, DEADLINE)); /* the ICMP error */
		assert_int_equal(world_drops(&network, &reason), 1);
		assert_int_equal(reason, VPC_DROP_TOO_BIG);
		assert_false(wire_receive(WIRE_UNDERLAY, &got, 0));
	}
}

/* Frames beyond a page are sent with Ethernet alone in linear memory. */
static const struct {
	const struct layer *in;
	enum vpc_drop_reason reason;
} SCATTERED[] = {
	{FRAME(ETH(POD, HOST), IP(POD, PEER), UDP(1, 2), FILL(8000)), VPC_DROP_NONE},
	{FRAME(ETH(POD, HOST), IP(FAR, PEER), UDP(1, 2), FILL(8000)), VPC_DROP_FOREIGN_ADDRESS},
	{FRAME(ETH(FAR, HOST), IP(POD, PEER), UDP(1, 2), FILL(8000)), VPC_DROP_FOREIGN_MAC},
	{FRAME(ETH(POD, HOST), IP(POD, OTHER), UDP(1, 2), FILL(8000)), VPC_DROP_NOT_A_MEMBER},
	{FRAME(ETH(POD, HOST), IP(POD, PEER, .version = 9), UDP(1, 2), FILL(8000)), VPC_DROP_MALFORMED_HEADER},
	{FRAME(ETH(POD, HOST), TAG(7), IP(POD, PEER), UDP(1, 2), FILL(8000)), VPC_DROP_FOREIGN_TAG},
	{FRAME(ETH(POD, HOST), IP(POD, ALLOWED_PORT), TCP(1, 444), FILL(8000)), VPC_DROP_NOT_A_MEMBER},
};

static void headers_beyond_linear_memory(void **state) {
	static struct frame frame, got;
	(void)state;
	for (int family = 4; family <= 6; family += 2)
		for (size_t i = 0; i < sizeof SCATTERED / sizeof *SCATTERED; i++) {
			uint32_t network, reason = VPC_DROP_NONE;
			frame_build(SCATTERED[i].in, family, &frame);
			world_forget();
			drain();
			wire_send(WIRE_POD, &frame);
			if (!SCATTERED[i].reason) {
				assert_true(wire_receive(WIRE_PEER, &got, DEADLINE));
				assert_int_equal(got.length, frame.length);
				assert_memory_equal(got.bytes + 6, frame.bytes + 6, frame.length - 6);
			}
			world_drops(&network, &reason);
			assert_int_equal(reason, SCATTERED[i].reason);
		}
}

/* The kernel of the Pod learns from the answer how large its packets may be. */
static void a_sender_learns_the_path_mtu(void **state) {
	static uint8_t payload[3000];
	(void)state;
	for (int family = 4; family <= 6; family += 2) {
		int mtu = 0, must = family == 4 ? IP_PMTUDISC_DO : IPV6_PMTUDISC_DO, fd = open_socket(world.wire_namespaces[WIRE_POD], SOCK_DGRAM, POD, family, 0);
		socklen_t length = sizeof mtu;
		connect_to(fd, FAR, family, 6000);
		family == 4 ? setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &must, sizeof must)
					: setsockopt(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, &must, sizeof must);
		assert_int_equal(send(fd, payload, sizeof payload, 0), sizeof payload);
		struct pollfd poll_fd = {.fd = fd}; /* the error wakes us */
		poll(&poll_fd, 1, DEADLINE);
		family == 4 ? getsockopt(fd, IPPROTO_IP, IP_MTU, &mtu, &length) : getsockopt(fd, IPPROTO_IPV6, IPV6_MTU, &mtu, &length);
		assert_int_equal(mtu, world.mtu);
		close(fd);
	}
}

static double seconds(void) {
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

static void answers_about_size_are_limited(void **state) {
	enum { SENT = 1000, RATE = 200 };
	static struct frame frame;
	uint32_t network, reason;
	int answers = 0;
	(void)state;
	frame_build(FRAME(ETH(POD, HOST), IP(POD, FAR), UDP(1, 2), FILL_MTU(1)), 4, &frame);
	world_forget();
	drain();
	double start = seconds();
	for (int i = 0; i < SENT; i++)
		wire_send(WIRE_POD, &frame);
	while (world_drops(&network, &reason) < SENT && seconds() - start < 2)
		;
	double elapsed = seconds() - start;
	assert_int_equal(world_drops(&network, &reason), SENT);
	while (wire_receive(WIRE_POD, &frame, 0))
		answers++;
	assert_in_range(answers, RATE, RATE + elapsed * RATE + 1);
}

static void send_from_outside(const struct layer *layers, int family) {
	static struct frame frame;
	frame_build(layers, family, &frame);
	memcpy(frame.bytes, (uint8_t[]){2, 0xdd, 0, 0, 0, WIRE_OUTSIDE}, 6);
	wire_send(WIRE_OUTSIDE, &frame);
}

/* A forwarded packet may carry the node's address after masquerading; it is still no probe. */
static void probes_are_the_nodes_own(void **state) {
	static struct frame got;
	(void)state;
	world_run(world.node_namespace, "nft 'add table inet nat; add chain inet nat post { type nat hook postrouting priority 100; }; "
		"add rule inet nat post oifname red1 iifname out0 masquerade'");
	for (int family = 4; family <= 6; family += 2) {
		uint32_t network = 0, reason = VPC_DROP_NONE;
		int listener = open_socket(world.wire_namespaces[WIRE_POD], SOCK_STREAM, POD, family, 8080);
		assert_int_equal(listen(listener, 1), 0);
		world_forget();
		drain();
		send_from_outside(FRAME(ETH(DENIED, NOBODY), IP(DENIED, POD), TCP(1000, 8080)), family);
		double start = seconds();
		while (!world_drops(&network, &reason) && seconds() - start < 2)
			;
		assert_int_equal(reason, VPC_DROP_FORGED_NODE);
		assert_int_equal(network, world_network(false));
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
		assert_int_equal(world_drops(&network, &reason), 1);
		close(accepted);
		close(probe);
		close(listener);
	}
}

static uint16_t port_at(const struct frame *frame, int family, int which) {
	const uint8_t *at = frame->bytes + ETH_HLEN + (family == 4 ? 20 : 40) + which * 2;
	return at[0] << 8 | at[1];
}

static bool has_addresses(const struct frame *frame, int family, const uint8_t *source, enum who destination) {
	const uint8_t *at = frame->bytes + ETH_HLEN + (family == 4 ? 12 : 8);
	size_t width = family == 4 ? 4 : 16;
	return !memcmp(at, source, width) && !memcmp(at + width, family == 4 ? who_ipv4(destination) : who_ipv6(destination), width);
}

/* The flow is remembered by the addresses that the Pod uses, before the node's translation and after its undoing. */
static void allowed_flows_behind_the_nodes_source_address(void **state) {
	static struct frame got;
	(void)state;
	world_run(world.node_namespace, "ip address add 192.0.2.254/32 dev out0 && ip address add 2001:db8:2::254/128 dev out0 nodad && "
		"nft 'add table inet nat; add chain inet nat post { type nat hook postrouting priority 100; }; add rule inet nat post oifname out0 masquerade'");
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

		/* back the way it came: addresses and ports exchanged, which leaves the checksum right */
		static struct frame answer;
		answer = got;
		size_t width = family == 4 ? 4 : 16, at = ETH_HLEN + (family == 4 ? 12 : 8), ports = ETH_HLEN + (family == 4 ? 20 : 40);
		memcpy(answer.bytes, got.bytes + 6, 6);
		memcpy(answer.bytes + 6, got.bytes, 6);
		memcpy(answer.bytes + at, got.bytes + at + width, width);
		memcpy(answer.bytes + at + width, got.bytes + at, width);
		memcpy(answer.bytes + ports, got.bytes + ports + 2, 2);
		memcpy(answer.bytes + ports + 2, got.bytes + ports, 2);
		wire_send(WIRE_OUTSIDE, &answer);
		char bytes[8];
		assert_int_equal(recv(fd, bytes, sizeof bytes, 0), 3);
		assert_memory_equal(bytes, "ask", 3);
		close(fd);
	}
}

/* What a caller began is answered under the Pod's own address: the node translates the first packet of a flow only. */
static void callers_are_answered_with_source_translation_on(void **state) {
	static struct frame got;
	(void)state;
	world_run(world.node_namespace, "nft 'add table inet nat; add chain inet nat post { type nat hook postrouting priority 100; }; add rule inet nat post oifname out0 masquerade'");
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

static void a_flood_of_fragments_harms_nobody(void **state) {
	enum { FLOOD = 6000 };
	static struct frame frame, got;
	uint32_t network, reason;
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
	frame_build(FRAME(ETH(POD, HOST), IP(POD, ALLOWED_PORT, .fragment = FLOOD + 1, .offset = 32, .protocol = IPPROTO_UDP), FILL(24)), 4, &frame);
	world_forget_drops();
	wire_send(WIRE_POD, &frame);
	double start = seconds();
	while (!world_drops(&network, &reason) && seconds() - start < 2)
		;
	assert_int_equal(reason, VPC_DROP_FRAGMENT_WITHOUT_FIRST);
}

int main(int argc, char **argv) {
	static enum carrier carriers[CARRIERS] = {CARRIER_VXLAN4, CARRIER_VXLAN6, CARRIER_VLAN};
	static const char *const NAMES[CARRIERS] = {"VXLAN over IPv4", "VXLAN over IPv6", "VLAN"};
	int failed = 0;
	if (argc != 2) {
		fprintf(stderr, "usage: scenario_test OBJECT-DIRECTORY\n");
		return 2;
	}
	object_directory = argv[1];
	for (int i = 0; i < CARRIERS; i++) {
#define SCENARIO(function_) cmocka_unit_test_prestate_setup_teardown(function_, make_world, free_world, &carriers[i])
		const struct CMUnitTest tests[] = {
			SCENARIO(streams_of_large_and_scattered_packets),
			SCENARIO(segmented_datagrams_cross_the_underlay),
			SCENARIO(segments_are_judged_not_packets),
			SCENARIO(headers_beyond_linear_memory),
			SCENARIO(a_sender_learns_the_path_mtu),
			SCENARIO(answers_about_size_are_limited),
			SCENARIO(probes_are_the_nodes_own),
			SCENARIO(allowed_flows_behind_the_nodes_source_address),
			SCENARIO(callers_are_answered_with_source_translation_on),
			SCENARIO(a_flood_of_fragments_harms_nobody),
		};
		failed += cmocka_run_group_tests_name(NAMES[i], tests, NULL, NULL);
	}
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
