// SPDX-License-Identifier: Apache-2.0
// Packets that are large, cut later, or scattered over pages.
#include "scenarios.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/sendfile.h>

enum { STREAM = 1 << 20, SEGMENTS = 20, SEGMENT = 1000 };

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

void streams_of_large_and_scattered_packets(void **state) {
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
void segmented_datagrams_cross_the_underlay(void **state) {
	static struct frame frame, inner;
	static uint8_t payload[SEGMENTS * SEGMENT];
	char why[128];
	(void)state;
	world_run(world.node_namespace,
		"ethtool -K u0 tso off gso off tx-udp-segmentation off tx-udp_tnl-segmentation off tx-udp_tnl-csum-segmentation off >/dev/null");
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
	*gso = (struct virtio_net_hdr){.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.gso_type = family == 4 ? VIRTIO_NET_HDR_GSO_TCPV4 : VIRTIO_NET_HDR_GSO_TCPV6,
		.hdr_len = ETH_HLEN,
		.gso_size = gso_size,
		.csum_start = ETH_HLEN + network,
		.csum_offset = 16};
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
void segments_are_judged_not_packets(void **state) {
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

void headers_beyond_linear_memory(void **state) {
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
void a_sender_learns_the_path_mtu(void **state) {
	static uint8_t payload[3000];
	(void)state;
	for (int family = 4; family <= 6; family += 2) {
		int mtu = 0, must = family == 4 ? IP_PMTUDISC_DO : IPV6_PMTUDISC_DO,
			fd = open_socket(world.wire_namespaces[WIRE_POD], SOCK_DGRAM, POD, family, 0);
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

void answers_about_size_are_limited(void **state) {
	enum { SENT = 1000, RATE = 200 };
	static struct frame frame;
	uint64_t count;
	int answers = 0;
	(void)state;
	frame_build(FRAME(ETH(POD, HOST), IP(POD, FAR), UDP(1, 2), FILL_MTU(1)), 4, &frame);
	world_forget();
	drain();
	double start = seconds();
	for (int i = 0; i < SENT; i++)
		wire_send(WIRE_POD, &frame);
	assert_int_equal(wait_for_drops(SENT, &count), VPC_DROP_TOO_BIG);
	double elapsed = seconds() - start;
	assert_int_equal(count, SENT);
	while (wire_receive(WIRE_POD, &frame, 0))
		answers++;
	assert_in_range(answers, RATE, RATE + elapsed * RATE + 1);
}

/* The ICMP error of a router about the frame, with as much of it as a quote may hold. */
static void send_too_big(const struct frame *quoted, int mtu) {
	static struct frame frame;
	bool is_ipv6 = world.carrier == CARRIER_VXLAN6;
	struct layer layers[] = {
		ETH(NODE_C, NODE), IP(NODE_C, NODE), ICMP(is_ipv6 ? 2 : 3, .code = is_ipv6 ? 0 : 4, .mtu = mtu), {.header = HEADER_END}};
	size_t quote = is_ipv6 ? 1200 : 548;
	layers[1].length = FORCE(quote + (is_ipv6 ? 8 : 28));
	frame_build(layers, is_ipv6 ? 6 : 4, &frame);
	memcpy(frame.bytes + frame.length, quoted->bytes + ETH_HLEN, quote);
	frame.length += quote;
	wire_send(WIRE_UNDERLAY, &frame);
}

/* A router of the underlay could not pass a packet of this node's on to node b: nothing larger is sent there again. */
void a_narrower_underlay_is_learned(void **state) {
	enum { NARROW = 1400, OVERHEAD4 = 50, OVERHEAD6 = 70 };
	static struct frame frame, got, quoted;
	uint64_t count;
	bool is_ipv6 = world.carrier == CARRIER_VXLAN6;
	int largest = NARROW - (is_ipv6 ? OVERHEAD6 : OVERHEAD4);
	(void)state;
	if (world.carrier == CARRIER_VLAN)
		return; /* what is tagged is not routed */
	const struct layer *large = FRAME(ETH(POD, HOST), IP(POD, FAR), UDP(1, 2), FILL_MTU(-20));
	frame_build(large, 4, &frame);
	wire_send(WIRE_POD, &frame);
	assert_true(wire_receive(WIRE_UNDERLAY, &quoted, DEADLINE));

	/* what somebody else may have sent teaches nothing: another source, another destination, another port */
	size_t source = ETH_HLEN + (is_ipv6 ? 8 : 12), width = is_ipv6 ? 16 : 4, port = ETH_HLEN + (is_ipv6 ? 40 : 20) + 2;
	const size_t LIES[] = {source + width - 1, source + 2 * width - 1, port};
	for (int i = 0; i < 3; i++) {
		got = quoted;
		got.bytes[LIES[i]] ^= 0x40;
		send_too_big(&got, NARROW);
		frame_build(large, 4, &frame);
		wire_send(WIRE_POD, &frame);
		assert_true(wire_receive(WIRE_UNDERLAY, &got, DEADLINE));
	}
	send_too_big(&quoted, NARROW);
	drain();

	frame_build(large, 4, &frame);
	wire_send(WIRE_POD, &frame);
	assert_true(wire_receive(WIRE_POD, &got, DEADLINE));
	assert_int_equal(got.bytes[ETH_HLEN + 20] << 8 | got.bytes[ETH_HLEN + 21], 3 << 8 | 4);
	assert_int_equal(got.bytes[ETH_HLEN + 26] << 8 | got.bytes[ETH_HLEN + 27], largest);
	assert_int_equal(wait_for_drops(1, &count), VPC_DROP_TOO_BIG);
	assert_false(wire_receive(WIRE_UNDERLAY, &got, 0));

	frame_build(FRAME(ETH(POD, HOST), IP(POD, FARTHER), UDP(1, 2), FILL_MTU(-20)), 4, &frame); /* the way to node c is not narrow */
	wire_send(WIRE_POD, &frame);
	assert_true(wire_receive(WIRE_UNDERLAY, &got, DEADLINE));
}
