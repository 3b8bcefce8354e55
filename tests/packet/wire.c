// SPDX-License-Identifier: Apache-2.0
#include "row.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>

enum { OUTER_PORT = 50000 };

/* What the node's own stack says on the underlay: listener reports and the like. */
static bool is_noise(enum wire wire, const struct frame *frame) {
	if (wire != WIRE_UNDERLAY && wire != WIRE_OUTSIDE)
		return false;
	uint16_t type = frame->bytes[12] << 8 | frame->bytes[13];
	return type == ETH_P_IPV6 && (frame->bytes[20] == IPPROTO_HOPOPTS || frame->bytes[20] == IPPROTO_ICMPV6) && frame->bytes[38] == 0xff;
}

static void put_tag_back(struct frame *frame, const struct tpacket_auxdata *auxiliary) {
	uint16_t protocol = auxiliary->tp_status & TP_STATUS_VLAN_TPID_VALID ? auxiliary->tp_vlan_tpid : ETH_P_8021Q;
	memmove(frame->bytes + 16, frame->bytes + 12, frame->length - 12);
	frame->bytes[12] = protocol >> 8;
	frame->bytes[13] = protocol & 0xff;
	frame->bytes[14] = auxiliary->tp_vlan_tci >> 8;
	frame->bytes[15] = auxiliary->tp_vlan_tci & 0xff;
	frame->length += 4;
}

static bool receive_now(enum wire wire, struct frame *ret_frame) {
	union {
		char bytes[CMSG_SPACE(sizeof(struct tpacket_auxdata))];
		struct cmsghdr align;
	} control;
	struct iovec vector = {ret_frame->bytes, sizeof ret_frame->bytes - 4};
	struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
	ssize_t length = recvmsg(world.sockets[wire], &message, 0);
	if (length < 0)
		return false;
	ret_frame->length = length;
	for (struct cmsghdr *head = CMSG_FIRSTHDR(&message); head; head = CMSG_NXTHDR(&message, head)) {
		struct tpacket_auxdata auxiliary;
		if (head->cmsg_level != SOL_PACKET || head->cmsg_type != PACKET_AUXDATA)
			continue;
		memcpy(&auxiliary, CMSG_DATA(head), sizeof auxiliary);
		if (auxiliary.tp_status & TP_STATUS_VLAN_VALID)
			put_tag_back(ret_frame, &auxiliary);
	}
	return true;
}

bool wire_receive(enum wire wire, struct frame *ret_frame, int milliseconds) {
	struct timespec start, now;
	clock_gettime(CLOCK_MONOTONIC, &start);
	for (;;) {
		if (receive_now(wire, ret_frame)) {
			if (is_noise(wire, ret_frame))
				continue;
			return true;
		}
		clock_gettime(CLOCK_MONOTONIC, &now);
		int left = milliseconds - ((now.tv_sec - start.tv_sec) * 1000 + (now.tv_nsec - start.tv_nsec) / 1000000);
		struct pollfd poll_fd = {.fd = world.sockets[wire], .events = POLLIN};
		if (left <= 0 || poll(&poll_fd, 1, left) < 0)
			return false;
	}
}

void wire_send(enum wire wire, const struct frame *frame) {
	if (send(world.sockets[wire], frame->bytes, frame->length, 0) != (ssize_t)frame->length) {
		fprintf(stderr, "cannot send %zu bytes on wire %d: %s\n", frame->length, wire, strerror(errno));
		exit(1);
	}
}

enum who node_of(enum who member) {
	return member == FARTHER ? NODE_C : NODE_B;
}

static void append(struct frame *frame, const void *bytes, size_t length) {
	memcpy(frame->bytes + frame->length, bytes, length);
	frame->length += length;
}

static void wrap_vlan(const struct frame *inner, enum who sender, uint32_t identifier, struct frame *ret_frame) {
	uint8_t tag[4] = {0x81, 0, identifier >> 8, identifier & 0xff};
	ret_frame->length = 0;
	append(ret_frame, who_mac(NODE), 6);
	append(ret_frame, who_mac(sender), 6);
	append(ret_frame, tag, 4);
	append(ret_frame, inner->bytes + 12, inner->length - 12);
}

void wire_wrap_underlay(const struct frame *inner, enum who sender, uint32_t identifier, struct frame *ret_frame) {
	if (world.carrier == CARRIER_VLAN) {
		wrap_vlan(inner, sender, identifier, ret_frame);
		return;
	}
	struct layer outer[] = {ETH(sender, NODE), IP(sender, NODE), UDP(OUTER_PORT, UDP_PORT, .length = FORCE(inner->length + 16)),
		VXLAN(identifier), {.header = HEADER_END}};
	if (world.carrier == CARRIER_VXLAN6)
		outer[1].length = FORCE(inner->length + 16);
	else
		outer[1].length = FORCE(inner->length + 36);
	frame_build(outer, world.carrier == CARRIER_VXLAN6 ? 6 : 4, ret_frame);
	size_t udp = ret_frame->length - 16;
	append(ret_frame, inner->bytes, inner->length);
	memset(ret_frame->bytes + udp + 6, 0, 2);
	if (world.carrier == CARRIER_VXLAN4)
		return;
	uint32_t sum =
		frame_sum(ret_frame->bytes + 22, 32, frame_sum(ret_frame->bytes + udp, inner->length + 16, inner->length + 16 + IPPROTO_UDP));
	uint16_t checksum = frame_fold(sum);
	ret_frame->bytes[udp + 6] = checksum >> 8;
	ret_frame->bytes[udp + 7] = checksum & 0xff;
}

#define REFUSE(...) do { snprintf(why, why_size, __VA_ARGS__); return false; } while (0)

static bool open_vlan(const struct frame *wire, enum who node, uint32_t identifier, struct frame *ret_inner, char *why, size_t why_size) {
	const uint8_t *at = wire->bytes;
	if (wire->length < 18 || at[12] != 0x81 || at[13] != 0)
		REFUSE("no tag on the uplink");
	if ((at[14] << 8 | at[15]) != (int)identifier)
		REFUSE("tag %d instead of %u", at[14] << 8 | at[15], identifier);
	if (memcmp(at, who_mac(node), 6) || memcmp(at + 6, who_mac(NODE), 6))
		REFUSE("not from this node's uplink to that of the member's node");
	ret_inner->length = 0;
	append(ret_inner, at, 12);
	append(ret_inner, at + 16, wire->length - 16);
	return true;
}

bool wire_open_underlay(const struct frame *wire, enum who node, uint32_t identifier, struct frame *ret_inner, char *why, size_t why_size) {
	const uint8_t *at = wire->bytes;
	if (world.carrier == CARRIER_VLAN)
		return open_vlan(wire, node, identifier, ret_inner, why, why_size);
	bool is_ipv6 = world.carrier == CARRIER_VXLAN6;
	size_t udp = is_ipv6 ? 54 : 34;
	if (wire->length < udp + 16 + ETH_HLEN || (at[12] << 8 | at[13]) != (is_ipv6 ? ETH_P_IPV6 : ETH_P_IP) ||
		at[is_ipv6 ? 20 : 23] != IPPROTO_UDP)
		REFUSE("no UDP of the underlay's family");
	if (is_ipv6 ? memcmp(at + 22, who_ipv6(NODE), 16) || memcmp(at + 38, who_ipv6(node), 16)
				: memcmp(at + 26, who_ipv4(NODE), 4) || memcmp(at + 30, who_ipv4(node), 4))
		REFUSE("outer addresses are not this node's and those of the member's node");
	if (!is_ipv6 && !(at[20] & 0x40))
		REFUSE("outer header does not say don't-fragment");
	if ((at[udp + 2] << 8 | at[udp + 3]) != UDP_PORT)
		REFUSE("UDP port %d", at[udp + 2] << 8 | at[udp + 3]);
	const uint8_t *vxlan = at + udp + 8;
	uint32_t vni = (uint32_t)vxlan[4] << 16 | vxlan[5] << 8 | vxlan[6];
	if (vxlan[0] != 8 || vni != identifier)
		REFUSE("VNI %u, flags %#x", vni, vxlan[0]);
	ret_inner->length = 0;
	append(ret_inner, vxlan + 8, wire->length - udp - 16);
	return true;
}
