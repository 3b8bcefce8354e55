/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The answer to a packet that the way to its backend cannot carry: ICMP "fragmentation needed" (RFC 1191) or ICMPv6
 * "packet too big" (RFC 8201), in the VIP's name, with the size that fits. IPv4 without "don't fragment" is answered as
 * well: a balancer fragments nothing.
 */
#ifndef VPC_LB_TOO_BIG_H
#define VPC_LB_TOO_BIG_H

#include "lb_encapsulate.h"

/* Of the packet, how much is quoted. No packet is too big that is shorter. */
#define LB_QUOTED 128

static __always_inline int may_answer(void) {
	__u32 zero = 0;
	const struct lb_settings *set = bpf_map_lookup_elem(&settings, &zero);
	if (!set)
		return 0;
	struct lb_pace *pace = bpf_map_lookup_elem(&paces, &zero);
	if (!pace)
		return 0;
	__u64 now = current_second();
	if (pace->second != now) {
		pace->second = now;
		pace->new_flows = 0;
		pace->too_big_answers = 0;
	}
	pace->too_big_answers++;
	return pace->too_big_answers <= set->too_big_a_second;
}

/* Cuts the frame to the quoted part and makes room in front of it. */
static __always_inline int make_room_for_answer(xdp_context *ctx, __u32 headers) {
	int length = (int)bytes_between(frame_start(ctx), frame_end(ctx));
	int excess = length - (int)sizeof(struct lb_ethernet) - LB_QUOTED;
	return excess < 0 || cut_tail(ctx, excess) || grow_head(ctx, (int)headers);
}

static __always_inline __u64 sum_of_quoted(const __u32 *quoted) {
	__u64 sum = 0;
#pragma unroll
	for (unsigned i = 0; i < LB_QUOTED / sizeof *quoted; i++)
		sum += quoted[i];
	return sum;
}

static __always_inline void return_frame(struct lb_ethernet *eth, const struct lb_ethernet *asked) {
#pragma unroll
	for (int i = 0; i < 3; i++) {
		eth->destination[i] = asked->source[i];
		eth->source[i] = asked->destination[i];
	}
	eth->protocol = asked->protocol;
}

static __always_inline int answer_too_big4(xdp_context *ctx, __u32 vip, __u32 mtu) {
	struct lb_ethernet asked;
	const struct lb_ethernet *before = frame_start(ctx);
	if ((void *)(before + 1) > frame_end(ctx) || !may_answer())
		return LB_DROP_TOO_BIG;
	asked = *before;
	if (make_room_for_answer(ctx, sizeof(struct lb_ipv4) + sizeof(struct lb_icmp)))
		return LB_DROP_TOO_BIG;

	struct lb_ethernet *eth = frame_start(ctx);
	struct lb_ipv4 *ip = (void *)(eth + 1);
	struct lb_icmp *icmp = (void *)(ip + 1);
	const struct lb_ipv4 *quoted = (void *)(icmp + 1);
	if ((void *)quoted + LB_QUOTED > frame_end(ctx))
		return LB_DROP_INTERNAL;
	return_frame(eth, &asked);
	ip->version_length = 0x45;
	ip->type_of_service = 0;
	ip->total_length = bpf_htons(sizeof *ip + sizeof *icmp + LB_QUOTED);
	ip->identification = 0;
	ip->fragment = 0;
	ip->time_to_live = LB_OUTER_TTL;
	ip->protocol = LB_PROTOCOL_ICMP;
	ip->source = quoted->destination;
	ip->destination = quoted->source;
	ip->checksum = fold_sum((__u64)bpf_htons(0x4500) + bpf_htons(sizeof *ip + sizeof *icmp + LB_QUOTED) +
		bpf_htons(LB_OUTER_TTL << 8 | LB_PROTOCOL_ICMP) + ip->source + ip->destination);
	icmp->type = 3;
	icmp->code = 4;
	icmp->mtu = bpf_htonl(mtu);
	icmp->checksum = fold_sum(bpf_htons(3 << 8 | 4) + icmp->mtu + sum_of_quoted((void *)quoted));
	count(vip, LB_EVENT_TOO_BIG_ANSWERED);
	return LB_SEND;
}

static __always_inline int answer_too_big6(xdp_context *ctx, __u32 vip, __u32 mtu) {
	struct lb_ethernet asked;
	const struct lb_ethernet *before = frame_start(ctx);
	if ((void *)(before + 1) > frame_end(ctx) || !may_answer())
		return LB_DROP_TOO_BIG;
	asked = *before;
	if (make_room_for_answer(ctx, sizeof(struct lb_ipv6) + sizeof(struct lb_icmp)))
		return LB_DROP_TOO_BIG;

	struct lb_ethernet *eth = frame_start(ctx);
	struct lb_ipv6 *ip = (void *)(eth + 1);
	struct lb_icmp *icmp = (void *)(ip + 1);
	const struct lb_ipv6 *quoted = (void *)(icmp + 1);
	if ((void *)quoted + LB_QUOTED > frame_end(ctx))
		return LB_DROP_INTERNAL;
	return_frame(eth, &asked);
	ip->version_class_label = bpf_htonl(6u << 28);
	ip->payload_length = bpf_htons(sizeof *icmp + LB_QUOTED);
	ip->next_header = LB_PROTOCOL_ICMPV6;
	ip->hop_limit = LB_OUTER_TTL;
	__u64 sum = bpf_htonl(sizeof *icmp + LB_QUOTED) + (__u64)bpf_htonl(LB_PROTOCOL_ICMPV6);
#pragma unroll
	for (int i = 0; i < 4; i++) {
		ip->source[i] = quoted->destination[i];
		ip->destination[i] = quoted->source[i];
		sum += (__u64)quoted->destination[i] + quoted->source[i];
	}
	icmp->type = 2;
	icmp->code = 0;
	icmp->mtu = bpf_htonl(mtu);
	icmp->checksum = fold_sum(sum + bpf_htons(2 << 8) + icmp->mtu + sum_of_quoted((void *)quoted));
	count(vip, LB_EVENT_TOO_BIG_ANSWERED);
	return LB_SEND;
}

#endif
