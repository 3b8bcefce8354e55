/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The answer to a packet that the way to another node cannot carry: ICMP "fragmentation needed" (RFC 1191) or ICMPv6
 * "packet too big" (RFC 8201), in the name of the destination. IPv4 without "don't fragment" is answered as well: the
 * VPC fragments nothing, and senders heed the answer.
 */
#ifndef VPC_TOO_BIG_H
#define VPC_TOO_BIG_H

#include <stddef.h>
#include <linux/bpf.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include "address.h"
#include "budget.h"
#include "checksum.h"
#include "count.h"
#include "cursor.h"
#include "headers.h"
#include "packet.h"
#include "resolve.h"

/* Of the packet, how much the answer quotes: its headers. No packet is too big that is shorter. */
#define QUOTED 128

#define ICMP_UNREACHABLE 3
#define ICMP_FRAGMENTATION_NEEDED 4
#define ICMPV6_TOO_BIG 2
#define ANSWER_TTL 64

struct too_big_ipv4 {
	struct ethhdr eth;
	struct iphdr ip;
	struct icmp_head icmp;
	__u8 quoted[QUOTED];
} __attribute__((packed));

struct too_big_ipv6 {
	struct ethhdr eth;
	struct ipv6hdr ip;
	struct icmp_head icmp;
	__u8 quoted[QUOTED];
} __attribute__((packed));

/* Cuts the frame to the quoted part and makes room in front of it. */
static __always_inline int make_room(struct __sk_buff *skb, __u32 headers) {
	return bpf_skb_change_tail(skb, ETH_HLEN + QUOTED, 0) || bpf_skb_adjust_room(skb, headers, BPF_ADJ_ROOM_MAC, 0);
}

static __always_inline int answer_too_big_ipv4(struct __sk_buff *skb, const struct packet *packet, const struct vpc_pod_record *pod,
		__u32 mtu) {
	struct iphdr ip = {
		.version = 4,
		.ihl = 5,
		.tot_len = bpf_htons(sizeof(struct too_big_ipv4) - ETH_HLEN),
		.ttl = ANSWER_TTL,
		.protocol = IPPROTO_ICMP,
		.saddr = packet->destination.words[3],
		.daddr = packet->source.words[3],
	};
	struct icmp_head icmp = {.type = ICMP_UNREACHABLE, .code = ICMP_FRAGMENTATION_NEEDED, .next_hop_mtu = bpf_htons(mtu)};
	struct cursor cursor;
	if (make_room(skb, sizeof ip + sizeof icmp))
		return DROP(REDIRECT_FAILED);
	if (open_cursor(skb, &cursor, sizeof(struct too_big_ipv4)))
		return DROP(INTERNAL);
	struct too_big_ipv4 *answer = READ(&cursor, struct too_big_ipv4);
	if (!answer)
		return DROP(INTERNAL);
	ip.check = fold_checksum(bpf_csum_diff(0, 0, (__be32 *)&ip, sizeof ip, 0));
	__u32 sum = bpf_csum_diff(0, 0, (__be32 *)&icmp, sizeof icmp, 0);
	icmp.checksum = fold_checksum(bpf_csum_diff(0, 0, (__be32 *)answer->quoted, sizeof answer->quoted, sum));

	__builtin_memcpy(answer->eth.h_source, pod->host_mac, ETH_ALEN);
	__builtin_memcpy(answer->eth.h_dest, pod->mac, ETH_ALEN);
	answer->eth.h_proto = bpf_htons(ETH_P_IP);
	answer->ip = ip;
	answer->icmp = icmp;
	return return_to_pod(skb);
}

static __always_inline int answer_too_big_ipv6(struct __sk_buff *skb, const struct packet *packet, const struct vpc_pod_record *pod,
		__u32 mtu) {
	__u32 length = sizeof(struct icmp_head) + QUOTED;
	struct icmp_head icmp = {.type = ICMPV6_TOO_BIG, .packet_too_big_mtu = bpf_htonl(mtu)};
	struct cursor cursor;
	if (make_room(skb, sizeof(struct ipv6hdr) + sizeof icmp))
		return DROP(REDIRECT_FAILED);
	if (open_cursor(skb, &cursor, sizeof(struct too_big_ipv6)))
		return DROP(INTERNAL);
	struct too_big_ipv6 *answer = READ(&cursor, struct too_big_ipv6);
	if (!answer)
		return DROP(INTERNAL);
	__u32 sum = pseudo_header_sum(&packet->destination, &packet->source, length, IPPROTO_ICMPV6);
	sum = bpf_csum_diff(0, 0, (__be32 *)&icmp, sizeof icmp, sum);
	icmp.checksum = fold_checksum(bpf_csum_diff(0, 0, (__be32 *)answer->quoted, sizeof answer->quoted, sum));

	__builtin_memcpy(answer->eth.h_source, pod->host_mac, ETH_ALEN);
	__builtin_memcpy(answer->eth.h_dest, pod->mac, ETH_ALEN);
	answer->eth.h_proto = bpf_htons(ETH_P_IPV6);
	answer->ip = (struct ipv6hdr){.version = 6, .payload_len = bpf_htons(length), .nexthdr = IPPROTO_ICMPV6, .hop_limit = ANSWER_TTL};
	__builtin_memcpy(&answer->ip.saddr, &packet->destination, sizeof answer->ip.saddr);
	__builtin_memcpy(&answer->ip.daddr, &packet->source, sizeof answer->ip.daddr);
	answer->icmp = icmp;
	return return_to_pod(skb);
}

/* Errors are not answered with errors, nor are later fragments (RFC 1122 section 3.2.2). Answered or not, it is a drop. */
static __always_inline int answer_too_big(struct __sk_buff *skb, const struct vpc_pod_record *pod) {
	struct packet packet = {};
	int is_ipv4 = skb->protocol == bpf_htons(ETH_P_IP);
	__u32 mtu = skb->cb[VPC_HANDED_LARGEST];
	count_drop(handed_network(skb), VPC_DROP_TOO_BIG);
	if (read_packet(skb, ETH_HLEN, is_ipv4, 0, &packet) || packet.fragment == FRAGMENT_LATER || packet.is_icmp_error)
		return TC_ACT_SHOT;
	if (skb->len < ETH_HLEN + QUOTED || !take_token(handed_network(skb)))
		return TC_ACT_SHOT;
	return is_ipv4 ? answer_too_big_ipv4(skb, &packet, pod, mtu) : answer_too_big_ipv6(skb, &packet, pod, mtu);
}

#endif
