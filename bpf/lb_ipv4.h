/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * IPv4 packets to a VIP. What is not for a VIP passes, well-formed or not: it is the host's. A frame that contradicts
 * itself is dropped only if it is addressed to a VIP's address.
 */
#ifndef VPC_LB_IPV4_H
#define VPC_LB_IPV4_H

#include "lb_fragment.h"
#include "lb_too_big.h"

static __always_inline const struct lb_vip *find_vip4(__be32 address, __be16 port, __u8 protocol) {
	__u64 key = eight_bytes(address, port, protocol); /* struct lb_vip4_key */
	return bpf_map_lookup_elem(&vips4, &key);
}

static __always_inline int is_vip_address4(__be32 address) {
	return find_vip4(address, 0, 0) != 0;
}

static __always_inline int refuse4(const struct lb_ipv4 *ip, int reason) {
	return is_vip_address4(ip->destination) ? reason : LB_PASS;
}

/* `is_answerable`: a packet whose sender may be told that it is too big. */
static __always_inline int forward4(xdp_context *ctx, struct lb_ipv4 *ip, __u32 vip, __u32 slot, int is_answerable) {
	const struct lb_backend *backend = bpf_map_lookup_elem(&backends, &slot);
	if (!backend || !slot || backend->state == LB_BACKEND_NONE)
		return LB_DROP_NO_BACKEND;
	if (!is_next_hop_known(backend))
		return LB_DROP_NO_NEXT_HOP;
	if (ip->time_to_live <= 1)
		return LB_DROP_TIME_EXCEEDED;
	__u32 length = bpf_ntohs(ip->total_length), outer = outer_length(backend);
	if (length + outer > backend->mtu)
		return is_answerable ? answer_too_big4(ctx, vip, backend->mtu - outer) : LB_DROP_TOO_BIG;
	age_ipv4(ip);
	return wrap(ctx, backend, slot, LB_PROTOCOL_IPIP, ip->type_of_service, length);
}

static __always_inline int balance_flow4(xdp_context *ctx, struct lb_ipv4 *ip, const void *transport, __u32 transport_length, __u32 *ret_vip) {
	const struct lb_ports *ports = transport;
	int kind = LB_PACKET_OF_FLOW;
	if (ip->protocol == LB_PROTOCOL_TCP) {
		const struct lb_tcp *tcp = transport;
		if ((void *)(tcp + 1) > frame_end(ctx) || transport_length < sizeof *tcp)
			return refuse4(ip, LB_DROP_TRUNCATED);
		if ((tcp->flags & (LB_TCP_SYN | LB_TCP_ACK)) == LB_TCP_SYN)
			kind = LB_PACKET_OPENS;
	} else if (transport + sizeof(struct lb_udp) > frame_end(ctx) || transport_length < sizeof(struct lb_udp)) {
		return refuse4(ip, LB_DROP_TRUNCATED);
	}

	const struct lb_vip *vip = find_vip4(ip->destination, ports->destination, ip->protocol);
	if (!vip)
		return LB_PASS;
	__u32 index = vip->index;
	*ret_vip = index;
	__u32 slot = choose4(vip, ip->source, ports->source, kind);
	if (!slot)
		return LB_DROP_NO_BACKEND;
	if (ip->fragment & bpf_htons(LB_IPV4_MORE_FRAGMENTS)) {
		struct lb_fragment_key fragment = {};
		key_fragment4(ip, &fragment);
		remember_fragment(&fragment, slot);
	}
	return forward4(ctx, ip, index, slot, 1);
}

/*
 * An error about what a backend sent in the VIP's name: it quotes a packet from the VIP to the client. Other ICMP to a
 * VIP, such as echo, is the host's.
 */
static __always_inline int balance_icmp4(xdp_context *ctx, struct lb_ipv4 *ip, const void *transport, __u32 *ret_vip) {
	const struct lb_icmp *icmp = transport;
	const struct lb_ipv4 *quoted = (void *)(icmp + 1);
	const struct lb_ports *ports = (void *)(quoted + 1);
	if ((void *)(ports + 1) > frame_end(ctx))
		return LB_PASS;
	if (icmp->type != 3 && icmp->type != 4 && icmp->type != 11 && icmp->type != 12)
		return LB_PASS;
	if (quoted->version_length != 0x45 || (quoted->fragment & bpf_htons(LB_IPV4_OFFSET)) || quoted->source != ip->destination)
		return LB_PASS;
	const struct lb_vip *vip = find_vip4(quoted->source, ports->source, quoted->protocol);
	if (!vip || (vip->flags & LB_VIP_ADDRESS))
		return LB_PASS;
	__u32 index = vip->index;
	*ret_vip = index;
	__u32 slot = choose4(vip, quoted->destination, ports->destination, LB_PACKET_QUOTED);
	if (!slot)
		return LB_DROP_NO_BACKEND;
	count(index, LB_EVENT_ICMP_ERROR);
	return forward4(ctx, ip, index, slot, 0);
}

static __always_inline int balance_later_fragment4(xdp_context *ctx, struct lb_ipv4 *ip, __u32 *ret_vip) {
	struct lb_fragment_key key = {};
	key_fragment4(ip, &key);
	__u32 slot = follow_fragment(&key);
	if (!slot)
		return refuse4(ip, LB_DROP_FRAGMENT_WITHOUT_FIRST);
	const struct lb_backend *backend = bpf_map_lookup_elem(&backends, &slot);
	if (!backend)
		return LB_DROP_INTERNAL;
	*ret_vip = backend->vip;
	return forward4(ctx, ip, backend->vip, slot, 0);
}

static __always_inline int balance_ipv4(xdp_context *ctx, struct lb_ipv4 *ip, __u32 *ret_vip) {
	if ((void *)(ip + 1) > frame_end(ctx))
		return LB_PASS;
	__u32 length = bpf_ntohs(ip->total_length), header = (ip->version_length & 0xf) * 4;
	if (ip->version_length >> 4 != 4 || header < sizeof *ip || length < header)
		return refuse4(ip, LB_DROP_MALFORMED_HEADER);
	if (length > bytes_between(ip, frame_end(ctx)))
		return refuse4(ip, LB_DROP_TRUNCATED);
	if (ip->protocol != LB_PROTOCOL_TCP && ip->protocol != LB_PROTOCOL_UDP && ip->protocol != LB_PROTOCOL_ICMP)
		return LB_PASS;

	__u16 offset = bpf_ntohs(ip->fragment) & LB_IPV4_OFFSET;
	/* the second piece of eight bytes could overwrite the flags of TCP's first (RFC 1858) */
	if (offset == 1 && ip->protocol == LB_PROTOCOL_TCP)
		return refuse4(ip, LB_DROP_MALFORMED_HEADER);
	if (offset)
		return balance_later_fragment4(ctx, ip, ret_vip);
	if (ip->protocol == LB_PROTOCOL_ICMP)
		return balance_icmp4(ctx, ip, (void *)ip + header, ret_vip);
	return balance_flow4(ctx, ip, (void *)ip + header, length - header, ret_vip);
}

#endif
