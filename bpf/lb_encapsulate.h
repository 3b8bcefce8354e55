/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Direct server return: the packet goes to the backend inside of another one (RFC 2003, RFC 2473, RFC 4213), and the
 * backend answers the client itself.
 *
 *	before  Ethernet │ client ▶ VIP │ ...
 *	after   Ethernet │ balancer ▶ backend │ client ▶ VIP │ ...
 */
#ifndef VPC_LB_ENCAPSULATE_H
#define VPC_LB_ENCAPSULATE_H

#include "lb_choose.h"

#define LB_OUTER_TTL 64

static __always_inline void count_traffic(__u32 slot, __u32 bytes) {
	struct lb_traffic *counter = bpf_map_lookup_elem(&traffic, &slot);
	if (!counter)
		return;
	counter->packets += 1;
	counter->bytes += bytes;
}

static __always_inline void address_frame(struct lb_ethernet *eth, const struct lb_backend *backend, __be16 protocol) {
	eth->destination[0] = backend->destination_mac[0];
	eth->destination[1] = backend->destination_mac[1];
	eth->destination[2] = backend->destination_mac[2];
	eth->source[0] = backend->source_mac[0];
	eth->source[1] = backend->source_mac[1];
	eth->source[2] = backend->source_mac[2];
	eth->protocol = protocol;
}

static __always_inline int wrap_in_ipv4(xdp_context *ctx, const struct lb_backend *backend, __u8 protocol, __u8 type_of_service, __u32 length) {
	if (grow_head(ctx, sizeof(struct lb_ipv4)))
		return LB_DROP_NO_HEADROOM;
	struct lb_ethernet *eth = frame_start(ctx);
	struct lb_ipv4 *ip = (void *)(eth + 1);
	if ((void *)(ip + 1) > frame_end(ctx))
		return LB_DROP_INTERNAL;
	address_frame(eth, backend, LB_ETHERNET_IPV4);

	__be16 total = bpf_htons(length + sizeof(struct lb_ipv4));
	ip->version_length = 0x45;
	ip->type_of_service = type_of_service;
	ip->total_length = total;
	ip->identification = 0;
	ip->fragment = bpf_htons(LB_IPV4_DONT_FRAGMENT);
	ip->time_to_live = LB_OUTER_TTL;
	ip->protocol = protocol;
	ip->checksum = fold_sum((__u64)backend->header_sum + total + bpf_htons(type_of_service) + bpf_htons(protocol));
	ip->source = backend->source[3];
	ip->destination = backend->address[3];
	return LB_SEND;
}

static __always_inline int wrap_in_ipv6(xdp_context *ctx, const struct lb_backend *backend, __u8 protocol, __u8 type_of_service, __u32 length) {
	if (grow_head(ctx, sizeof(struct lb_ipv6)))
		return LB_DROP_NO_HEADROOM;
	struct lb_ethernet *eth = frame_start(ctx);
	struct lb_ipv6 *ip = (void *)(eth + 1);
	if ((void *)(ip + 1) > frame_end(ctx))
		return LB_DROP_INTERNAL;
	address_frame(eth, backend, LB_ETHERNET_IPV6);
	ip->version_class_label = bpf_htonl(6u << 28 | (__u32)type_of_service << 20);
	ip->payload_length = bpf_htons(length);
	ip->next_header = protocol;
	ip->hop_limit = LB_OUTER_TTL;
#pragma unroll
	for (int i = 0; i < 4; i++) {
		ip->source[i] = backend->source[i];
		ip->destination[i] = backend->address[i];
	}
	return LB_SEND;
}

static __always_inline __u32 outer_length(const struct lb_backend *backend) {
	return backend->family == 4 ? sizeof(struct lb_ipv4) : sizeof(struct lb_ipv6);
}

static __always_inline int is_next_hop_known(const struct lb_backend *backend) {
	return (backend->destination_mac[0] | backend->destination_mac[1] | backend->destination_mac[2]) != 0;
}

/* `protocol` says what is wrapped: LB_PROTOCOL_IPIP or LB_PROTOCOL_IPV6; `length` is that of the IP packet. */
static __always_inline int wrap(xdp_context *ctx, const struct lb_backend *backend, __u32 slot, __u8 protocol, __u8 type_of_service, __u32 length) {
	count_traffic(slot, length);
	if (backend->family == 4)
		return wrap_in_ipv4(ctx, backend, protocol, type_of_service, length);
	return wrap_in_ipv6(ctx, backend, protocol, type_of_service, length);
}

#endif
