// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// Drops what arrives for TCP and UDP ports that are not open, before the stack sees it. It keeps no state: what a packet
// is follows from the packet alone. portfilter.md says what passes, and why.
//
//   wire ---- portfilter ---- host's stack
//                  '--------- AF_XDP socket of the receive queue

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include "cursor.h"
#include "headers.h"
#include "portfilter.h"

#define TAGS 2
#define EXTENSIONS 6

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, VPC_FILTER_KEYS);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, __u8);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} filter_ports SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct vpc_filter_settings);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} filter_settings SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, VPC_FILTER_VERDICT_COUNT);
	__type(key, __u32);
	__type(value, __u64);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} filter_counters SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_XSKMAP);
	__uint(max_entries, VPC_FILTER_QUEUES);
	__type(key, __u32);
	__type(value, __u32);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} filter_sockets SEC(".maps");

struct tcp_head {
	__be16 source, destination;
	__be32 sequence, acknowledgement;
	__u8 data_offset, flags;
	__be16 window, checksum, urgent;
};
#define TCP_SYN 0x02
#define TCP_RST 0x04
#define TCP_ACK 0x10

/*
 * What is known of a packet while its headers are read. The usual frame, untagged and without extension headers, is read
 * in one go. The rest is read by functions that the verifier takes one by one: otherwise it would walk on from each tag and
 * extension header for every kind of the one before.
 */
struct packet {
	struct xdp_md *frame;
	struct cursor cursor;
	__u32 offset; /* of the IP header in the frame */
	__u32 left;   /* bytes of the IP packet behind the cursor, which may be fewer than the frame has */
	__u32 shift;  /* to the flags that are in force */
};

static __always_inline __u32 flags_of(const struct packet *packet, enum vpc_filter_kind kind, __u16 port) {
	__u32 key = VPC_FILTER_KEY(kind, port);
	const __u8 *flags = bpf_map_lookup_elem(&filter_ports, &key);
	return flags ? *flags >> packet->shift & VPC_FILTER_FLAGS : 0;
}

/* To the socket of the queue. Without one the map gives the action back that stands in its place. */
static __always_inline enum vpc_filter_verdict hand_to_socket(const struct packet *packet, __u32 flags) {
	if (flags & VPC_FILTER_FLAG_PUBLIC)
		return bpf_redirect_map(&filter_sockets, packet->frame->rx_queue_index, XDP_PASS) == XDP_PASS ? VPC_FILTER_PUBLIC : VPC_FILTER_SOCKET;
	return bpf_redirect_map(&filter_sockets, packet->frame->rx_queue_index, XDP_DROP) == XDP_DROP ? VPC_FILTER_NO_SOCKET : VPC_FILTER_SOCKET;
}

static __always_inline int opens_no_connection(__u8 flags) {
	return flags & TCP_ACK || (flags & (TCP_RST | TCP_SYN)) == TCP_RST;
}

static __always_inline enum vpc_filter_verdict judge_tcp(struct packet *packet) {
	const struct tcp_head *tcp = READ(&packet->cursor, struct tcp_head);
	if (packet->left < sizeof *tcp)
		return VPC_FILTER_MALFORMED;
	if (!tcp)
		return VPC_FILTER_TRUNCATED;
	__u32 flags = flags_of(packet, VPC_FILTER_TCP, bpf_ntohs(tcp->destination));
	if (flags & VPC_FILTER_FLAG_SOCKET)
		return hand_to_socket(packet, flags);
	if (flags & VPC_FILTER_FLAG_PUBLIC)
		return VPC_FILTER_PUBLIC;
	return opens_no_connection(tcp->flags) ? VPC_FILTER_TCP_REPLY : VPC_FILTER_CLOSED_PORT;
}

static __always_inline const struct vpc_filter_settings *get_settings(void) {
	__u32 zero = 0;
	return bpf_map_lookup_elem(&filter_settings, &zero);
}

static __always_inline int is_reply_port(__u16 port) {
	const struct vpc_filter_settings *settings = get_settings();
	if (settings && settings->last_reply)
		return port >= settings->first_reply && port <= settings->last_reply;
	return port >= VPC_FILTER_FIRST_REPLY && port <= VPC_FILTER_LAST_REPLY;
}

static __always_inline int is_dhcp(const struct udphdr *udp) {
	return (udp->source == bpf_htons(67) && udp->dest == bpf_htons(68)) || (udp->source == bpf_htons(547) && udp->dest == bpf_htons(546));
}

static __always_inline enum vpc_filter_verdict judge_udp(struct packet *packet) {
	const struct udphdr *udp = READ(&packet->cursor, struct udphdr);
	if (packet->left < sizeof *udp)
		return VPC_FILTER_MALFORMED;
	if (!udp)
		return VPC_FILTER_TRUNCATED;
	__u16 port = bpf_ntohs(udp->dest);
	__u32 flags = flags_of(packet, VPC_FILTER_UDP, port);
	if (flags & VPC_FILTER_FLAG_SOCKET)
		return hand_to_socket(packet, flags);
	if (flags & VPC_FILTER_FLAG_PUBLIC)
		return VPC_FILTER_PUBLIC;
	if (is_reply_port(port))
		return VPC_FILTER_UDP_REPLY;
	return is_dhcp(udp) ? VPC_FILTER_DHCP : VPC_FILTER_CLOSED_PORT;
}

static __always_inline enum vpc_filter_verdict judge_protocol(struct packet *packet, __u8 protocol) {
	__u32 flags = flags_of(packet, VPC_FILTER_PROTOCOL_NUMBER, protocol);
	if (flags & VPC_FILTER_FLAG_SOCKET)
		return hand_to_socket(packet, flags);
	return flags & VPC_FILTER_FLAG_PUBLIC ? VPC_FILTER_PUBLIC : VPC_FILTER_PROTOCOL;
}

/* A length field. To kernel 5.10 a number whose bytes were exchanged could be any; clang would leave out a mere mask. */
static __always_inline __u32 length_of(__be16 field) {
	__u32 length = bpf_ntohs(field);
	asm volatile("" : "+r"(length));
	return length & 0xffff;
}

static __always_inline enum vpc_filter_verdict judge_ipv4(struct packet *packet) {
	const struct iphdr *ip = READ(&packet->cursor, struct iphdr);
	if (!ip)
		return VPC_FILTER_TRUNCATED;
	__u32 header = ip->ihl * 4, length = length_of(ip->tot_len);
	if (ip->version != 4 || header < sizeof *ip || length < header)
		return VPC_FILTER_MALFORMED;
	if ((void *)ip + length > packet->cursor.end)
		return VPC_FILTER_TRUNCATED;
	packet->cursor.at = (void *)ip + header;
	packet->left = length - header;

	__u16 offset = bpf_ntohs(ip->frag_off) & IPV4_OFFSET;
	switch (ip->protocol) {
	case IPPROTO_TCP:
		if (offset == 0)
			return judge_tcp(packet);
		/* the second piece of eight bytes could overwrite the flags of the first (RFC 1858) */
		return offset == 1 ? VPC_FILTER_MALFORMED : VPC_FILTER_FRAGMENT;
	case IPPROTO_UDP: return offset == 0 ? judge_udp(packet) : VPC_FILTER_FRAGMENT;
	case IPPROTO_ICMP:
	case IPPROTO_IGMP: return VPC_FILTER_ICMP;
	default: return judge_protocol(packet, ip->protocol);
	}
}

struct extension {
	__u8 next, length;
	__be16 fragment;
	__be32 identification;
};

static __always_inline int is_extension(__u8 header) {
	return header == IPPROTO_HOPOPTS || header == IPPROTO_ROUTING || header == IPPROTO_FRAGMENT || header == IPPROTO_DSTOPTS ||
		header == IPPROTO_AH;
}

/* What follows in a later fragment is no header. */
static __always_inline enum vpc_filter_verdict judge_later_fragment(struct packet *packet, __u8 header, __u16 offset) {
	if (header == IPPROTO_TCP && offset == 8)
		return VPC_FILTER_MALFORMED;
	if (header == IPPROTO_TCP || header == IPPROTO_UDP || is_extension(header))
		return VPC_FILTER_FRAGMENT;
	return header == IPPROTO_ICMPV6 ? VPC_FILTER_ICMP : judge_protocol(packet, header);
}

static __always_inline enum vpc_filter_verdict judge_transport(struct packet *packet, __u8 header) {
	switch (header) {
	case IPPROTO_TCP: return judge_tcp(packet);
	case IPPROTO_UDP: return judge_udp(packet);
	case IPPROTO_ICMPV6: return VPC_FILTER_ICMP;
	default: return judge_protocol(packet, header);
	}
}

/* The IPv6 header at the cursor. Returns the protocol that follows, or a verdict above all of them. */
#define VERDICT 0x100
static __always_inline __u32 open_ipv6(struct packet *packet) {
	const struct ipv6hdr *ip = READ(&packet->cursor, struct ipv6hdr);
	if (!ip)
		return VERDICT + VPC_FILTER_TRUNCATED;
	if (ip->version != 6)
		return VERDICT + VPC_FILTER_MALFORMED;
	packet->left = length_of(ip->payload_len);
	if (packet->cursor.at + packet->left > packet->cursor.end)
		return VERDICT + VPC_FILTER_TRUNCATED;
	return ip->nexthdr;
}

/* Points the packet at the frame's byte of that offset. */
static __always_inline void open_at(struct packet *packet, struct xdp_md *frame, __u32 offset, __u32 shift) {
	packet->frame = frame;
	packet->offset = offset;
	packet->cursor.at = (void *)(long)frame->data + (offset & 0x3fff);
	packet->cursor.end = (void *)(long)frame->data_end;
	packet->shift = shift;
}

/*
 * Behind the extension header at that offset, of which `left` bytes belong to the packet: what follows, or a verdict above
 * all protocols; and how long it is, in the bits from 16 on.
 */
__noinline int skip_extension(struct xdp_md *frame, __u32 offset, __u32 header, __u32 left, __u32 shift) {
	struct packet packet;
	open_at(&packet, frame, offset, shift);
	const struct extension *extension = READ(&packet.cursor, struct extension);
	if (left < sizeof *extension)
		return VERDICT + VPC_FILTER_MALFORMED;
	if (!extension)
		return VERDICT + VPC_FILTER_TRUNCATED;
	__u32 length = (extension->length + 1) * 8;
	if (header == IPPROTO_AH)
		length = (extension->length + 2) * 4;
	if (header == IPPROTO_FRAGMENT) {
		__u16 fragment = bpf_ntohs(extension->fragment) & IPV6_OFFSET;
		if (fragment)
			return VERDICT + judge_later_fragment(&packet, extension->next, fragment);
		length = sizeof *extension;
	}
	return length > left ? VERDICT + VPC_FILTER_MALFORMED : length << 16 | extension->next;
}

/* IPv6 with extension headers, the first of which is at that offset. */
__noinline int judge_extended(struct xdp_md *frame, __u32 offset, __u32 header, __u32 left, __u32 shift) {
	struct packet packet;
#pragma unroll
	for (int i = 0; i < EXTENSIONS; i++) {
		if (!is_extension(header))
			break;
		__u32 next = skip_extension(frame, offset, header, left, shift);
		if (next & VERDICT)
			return next & 0xff;
		offset += next >> 16;
		left -= next >> 16;
		header = next & 0xff;
	}
	if (is_extension(header))
		return VPC_FILTER_EXTENSIONS;
	open_at(&packet, frame, offset, shift);
	packet.left = left;
	return judge_transport(&packet, header);
}

static __always_inline enum vpc_filter_verdict judge_ipv6(struct packet *packet) {
	__u32 header = open_ipv6(packet);
	if (header & VERDICT)
		return header & 0xff;
	if (!is_extension(header))
		return judge_transport(packet, header);
	return judge_extended(packet->frame, packet->offset + sizeof(struct ipv6hdr), header, packet->left, packet->shift);
}

static __always_inline int is_tag(__be16 type) {
	return type == bpf_htons(ETH_P_8021Q) || type == bpf_htons(ETH_P_8021AD);
}

static __always_inline enum vpc_filter_verdict judge_network(struct packet *packet, __be16 type) {
	switch (type) {
	case bpf_htons(ETH_P_IP): return judge_ipv4(packet);
	case bpf_htons(ETH_P_IPV6): return judge_ipv6(packet);
	default: return is_tag(type) ? VPC_FILTER_TAGS : VPC_FILTER_NOT_IP;
	}
}

struct tag {
	__be16 control, type;
};

/* Tells the type of what follows the tags, 0 if the frame ends within them, and the offset in the bits from 16 on. */
__noinline int skip_tags(struct xdp_md *frame) {
	struct packet packet;
	open_at(&packet, frame, 0, 0);
	const struct ethhdr *eth = READ(&packet.cursor, struct ethhdr);
	if (!eth)
		return 0;
	__u32 offset = sizeof *eth;
	__be16 type = ETHERTYPE(eth);
#pragma unroll
	for (int i = 0; i < TAGS; i++) {
		if (!is_tag(type))
			break;
		const struct tag *tag = READ(&packet.cursor, struct tag);
		if (!tag)
			return 0;
		type = tag->type;
		offset += sizeof *tag;
	}
	return offset << 16 | type;
}

__noinline int judge_tagged(struct xdp_md *frame, __u32 shift) {
	struct packet packet;
	__u32 tags = skip_tags(frame);
	if (!tags)
		return VPC_FILTER_TRUNCATED;
	open_at(&packet, frame, tags >> 16, shift);
	return judge_network(&packet, tags);
}

static __always_inline enum vpc_filter_verdict judge(struct xdp_md *frame, __u32 shift) {
	struct packet packet;
	open_at(&packet, frame, 0, shift);
	const struct ethhdr *eth = READ(&packet.cursor, struct ethhdr);
	if (!eth)
		return VPC_FILTER_TRUNCATED;
	__be16 type = ETHERTYPE(eth);
	packet.offset = sizeof *eth;
	return is_tag(type) ? judge_tagged(frame, shift) : judge_network(&packet, type);
}

static __always_inline enum vpc_filter_verdict judge_in_time(struct xdp_md *frame) {
	const struct vpc_filter_settings *settings = get_settings();
	__u64 deadline = settings ? settings->deadline : 0;
	__u32 shift = 0;
	if (deadline && bpf_ktime_get_ns() >= deadline) {
		if (!settings || !settings->earlier)
			return VPC_FILTER_UNCONFIRMED;
		shift = VPC_FILTER_EARLIER_SHIFT;
	}
	return judge(frame, shift);
}

static __always_inline int filter(struct xdp_md *frame) {
	__u32 verdict = judge_in_time(frame);
	__u64 *counter = bpf_map_lookup_elem(&filter_counters, &verdict);
	if (counter)
		(*counter)++; /* each CPU has its own */
	return verdict == VPC_FILTER_SOCKET ? XDP_REDIRECT : verdict >= VPC_FILTER_FIRST_DROP ? XDP_DROP : XDP_PASS;
}

SEC("xdp")
int portfilter(struct xdp_md *frame) {
	return filter(frame);
}

/* The section that `ip link set dev IF xdp object` takes if none is named. */
SEC("prog")
int portfilter_ip(struct xdp_md *frame) {
	return filter(frame);
}

char _license[] SEC("license") = "Dual BSD/GPL";
