/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* IPv6 packets to a VIP, as lb_ipv4.h has it for IPv4. Of extension headers one fragment header is known. */
#ifndef VPC_LB_IPV6_H
#define VPC_LB_IPV6_H

#include "lb_fragment.h"
#include "lb_too_big.h"

static __always_inline void copy_address(__be32 *to, const __be32 *from) {
#pragma unroll
	for (int i = 0; i < 4; i++)
		to[i] = from[i];
}

static __always_inline int is_vip_address6(const __be32 *address) {
	struct lb_vip6_key key = {};
	copy_address(key.address, address);
	return bpf_map_lookup_elem(&vips6, &key) != 0;
}

static __always_inline int refuse6(const struct lb_ipv6 *ip, int reason) {
	return is_vip_address6(ip->destination) ? reason : LB_PASS;
}

static __always_inline __u8 traffic_class(const struct lb_ipv6 *ip) {
	return bpf_ntohl(ip->version_class_label) >> 20;
}

static __always_inline int forward6(xdp_context *ctx, struct lb_ipv6 *ip, __u32 vip, __u32 slot, int is_answerable) {
	const struct lb_backend *backend = bpf_map_lookup_elem(&backends, &slot);
	if (!backend || !slot || backend->state == LB_BACKEND_NONE)
		return LB_DROP_NO_BACKEND;
	if (!is_next_hop_known(backend))
		return LB_DROP_NO_NEXT_HOP;
	if (ip->hop_limit <= 1)
		return LB_DROP_TIME_EXCEEDED;
	__u32 length = bpf_ntohs(ip->payload_length) + sizeof *ip, outer = outer_length(backend);
	if (length + outer > backend->mtu)
		return is_answerable ? answer_too_big6(ctx, vip, backend->mtu - outer) : LB_DROP_TOO_BIG;
	ip->hop_limit--;
	return wrap(ctx, backend, slot, LB_PROTOCOL_IPV6, traffic_class(ip), length);
}

static __always_inline int balance_flow6(xdp_context *ctx, struct lb_ipv6 *ip, __u8 protocol, const void *transport, __u32 transport_length,
		int is_first_fragment, __u32 *ret_vip) {
	const struct lb_ports *ports = transport;
	struct lb_client6 client = {};
	struct lb_vip6_key key = {.protocol = protocol};
	int kind = LB_PACKET_OF_FLOW;
	if (protocol == LB_PROTOCOL_TCP) {
		const struct lb_tcp *tcp = transport;
		if ((void *)(tcp + 1) > frame_end(ctx) || transport_length < sizeof *tcp)
			return refuse6(ip, LB_DROP_TRUNCATED);
		if ((tcp->flags & (LB_TCP_SYN | LB_TCP_ACK)) == LB_TCP_SYN)
			kind = LB_PACKET_OPENS;
	} else if (transport + sizeof(struct lb_udp) > frame_end(ctx) || transport_length < sizeof(struct lb_udp)) {
		return refuse6(ip, LB_DROP_TRUNCATED);
	}
	copy_address(key.address, ip->destination);
	copy_address(client.address, ip->source);
	key.port = ports->destination;
	client.port = ports->source;

	const struct lb_vip *vip = bpf_map_lookup_elem(&vips6, &key);
	if (!vip)
		return LB_PASS;
	__u32 index = vip->index;
	*ret_vip = index;
	__u32 slot = choose6(vip, &client, kind);
	if (!slot)
		return LB_DROP_NO_BACKEND;
	if (is_first_fragment) {
		const struct lb_ipv6_fragment *fragment = (void *)(ip + 1);
		struct lb_fragment_key first = {};
		key_fragment6(ip, fragment, &first);
		remember_fragment(&first, slot);
	}
	return forward6(ctx, ip, index, slot, 1);
}

static __always_inline int balance_icmp6(xdp_context *ctx, struct lb_ipv6 *ip, __u32 *ret_vip) {
	const struct lb_icmp *icmp = (void *)(ip + 1);
	const struct lb_ipv6 *quoted = (void *)(icmp + 1);
	const struct lb_ports *ports = (void *)(quoted + 1);
	if ((void *)(ports + 1) > frame_end(ctx))
		return LB_PASS;
	if (icmp->type < 1 || icmp->type > 4)
		return LB_PASS;
	struct lb_vip6_key key = {.port = ports->source, .protocol = quoted->next_header};
	struct lb_client6 client = {.port = ports->destination};
	copy_address(key.address, quoted->source);
	copy_address(client.address, quoted->destination);
	__be32 difference = 0;
#pragma unroll
	for (int i = 0; i < 4; i++)
		difference |= quoted->source[i] ^ ip->destination[i];
	if (difference)
		return LB_PASS;
	const struct lb_vip *vip = bpf_map_lookup_elem(&vips6, &key);
	if (!vip || (vip->flags & LB_VIP_ADDRESS))
		return LB_PASS;
	__u32 index = vip->index;
	*ret_vip = index;
	__u32 slot = choose6(vip, &client, LB_PACKET_QUOTED);
	if (!slot)
		return LB_DROP_NO_BACKEND;
	count(index, LB_EVENT_ICMP_ERROR);
	return forward6(ctx, ip, index, slot, 0);
}

static __always_inline int balance_later_fragment6(xdp_context *ctx, struct lb_ipv6 *ip, const struct lb_ipv6_fragment *fragment, __u32 *ret_vip) {
	struct lb_fragment_key key = {};
	key_fragment6(ip, fragment, &key);
	__u32 slot = follow_fragment(&key);
	if (!slot)
		return refuse6(ip, LB_DROP_FRAGMENT_WITHOUT_FIRST);
	const struct lb_backend *backend = bpf_map_lookup_elem(&backends, &slot);
	if (!backend)
		return LB_DROP_INTERNAL;
	*ret_vip = backend->vip;
	return forward6(ctx, ip, backend->vip, slot, 0);
}

static __always_inline int balance_fragment6(xdp_context *ctx, struct lb_ipv6 *ip, __u32 payload, __u32 *ret_vip) {
	const struct lb_ipv6_fragment *fragment = (void *)(ip + 1);
	if ((void *)(fragment + 1) > frame_end(ctx) || payload < sizeof *fragment)
		return refuse6(ip, LB_DROP_TRUNCATED);
	if (fragment->next_header != LB_PROTOCOL_TCP && fragment->next_header != LB_PROTOCOL_UDP)
		return refuse6(ip, LB_DROP_EXTENSION_HEADER);
	if (fragment->offset & bpf_htons(LB_IPV6_OFFSET))
		return balance_later_fragment6(ctx, ip, fragment, ret_vip);
	/* neither later nor first: an atomic fragment, RFC 6946 */
	return balance_flow6(ctx, ip, fragment->next_header, fragment + 1, payload - sizeof *fragment,
		(fragment->offset & bpf_htons(LB_IPV6_MORE_FRAGMENTS)) != 0, ret_vip);
}

static __always_inline int balance_ipv6(xdp_context *ctx, struct lb_ipv6 *ip, __u32 *ret_vip) {
	if ((void *)(ip + 1) > frame_end(ctx))
		return LB_PASS;
	__u32 payload = bpf_ntohs(ip->payload_length);
	if (bpf_ntohl(ip->version_class_label) >> 28 != 6)
		return refuse6(ip, LB_DROP_MALFORMED_HEADER);
	if (payload + sizeof *ip > bytes_between(ip, frame_end(ctx)))
		return refuse6(ip, LB_DROP_TRUNCATED);
	if (ip->next_header == LB_PROTOCOL_TCP || ip->next_header == LB_PROTOCOL_UDP)
		return balance_flow6(ctx, ip, ip->next_header, ip + 1, payload, 0, ret_vip);
	if (ip->next_header == LB_PROTOCOL_ICMPV6)
		return balance_icmp6(ctx, ip, ret_vip);
	if (ip->next_header == LB_PROTOCOL_FRAGMENT)
		return balance_fragment6(ctx, ip, payload, ret_vip);
	if (ip->next_header == 0 || ip->next_header == 43 || ip->next_header == 51 || ip->next_header == 60)
		return refuse6(ip, LB_DROP_EXTENSION_HEADER);
	return LB_PASS;
}

#endif
