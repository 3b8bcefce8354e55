/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * On a backend: what a named balancer wrapped for a named VIP is unwrapped; everything else passes untouched, whatever is
 * wrong with it. The VIP's address counts, not its port, which ICMP errors and fragments do not carry.
 */
#ifndef VPC_LB_DECAP_H
#define VPC_LB_DECAP_H

#include "lb_headers.h"
#include "lb_maps.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, LB_PEERS);
	__type(key, struct lb_peer);
	__type(value, __u32);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} balancers SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, LB_PEERS);
	__type(key, struct lb_peer);
	__type(value, __u32);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} inner_vips SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, LB_DECAP_COUNTS);
	__type(key, __u32);
	__type(value, __u64);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} decap_counts SEC(".maps");

static __always_inline void count_decap(__u32 what) {
	__u64 *counter = bpf_map_lookup_elem(&decap_counts, &what);
	if (counter)
		*counter += 1;
}

static __always_inline int is_wrapped(__u8 protocol) {
	return protocol == LB_PROTOCOL_IPIP || protocol == LB_PROTOCOL_IPV6;
}

static __always_inline void set_peer4(struct lb_peer *peer, __be32 address) {
	peer->address[0] = peer->address[1] = 0;
	peer->address[2] = LB_MAPPED;
	peer->address[3] = address;
}

static __always_inline void set_peer6(struct lb_peer *peer, const __be32 *address) {
#pragma unroll
	for (int i = 0; i < 4; i++)
		peer->address[i] = address[i];
}

/* A router on the way that was congested marked the outer header; the inner one has to tell (RFC 6040). */
static __always_inline void carry_congestion4(__u8 outer, struct lb_ipv4 *ip) {
	__u8 inner = ip->type_of_service & 3;
	if ((outer & 3) != 3 || inner == 0 || inner == 3)
		return;
	__u16 change = bpf_htons(3 - inner);
	__u32 sum = (__u16)~ip->checksum + (__u32)change;
	ip->type_of_service |= 3;
	ip->checksum = (__u16)~((sum & 0xffff) + (sum >> 16));
}

static __always_inline void carry_congestion6(__u8 outer, struct lb_ipv6 *ip) {
	__u32 inner = bpf_ntohl(ip->version_class_label) >> 20 & 3;
	if ((outer & 3) == 3 && inner != 0)
		ip->version_class_label |= bpf_htonl(3u << 20);
}

/* Whether the packet inside is whole and for a named VIP; marks congestion in it. */
static __always_inline int accept_inner4(struct lb_ipv4 *ip, void *end, __u8 outer_class, __u32 room) {
	struct lb_peer vip;
	if ((void *)(ip + 1) > end)
		return LB_DECAP_MALFORMED;
	__u32 length = bpf_ntohs(ip->total_length);
	if (ip->version_length >> 4 != 4 || (ip->version_length & 0xf) < 5 || length < sizeof *ip || length > room)
		return LB_DECAP_MALFORMED;
	set_peer4(&vip, ip->destination);
	if (!bpf_map_lookup_elem(&inner_vips, &vip))
		return LB_DECAP_FOREIGN_VIP;
	carry_congestion4(outer_class, ip);
	return LB_DECAP_UNWRAPPED;
}

static __always_inline int accept_inner6(struct lb_ipv6 *ip, void *end, __u8 outer_class, __u32 room) {
	struct lb_peer vip;
	if ((void *)(ip + 1) > end)
		return LB_DECAP_MALFORMED;
	if (bpf_ntohl(ip->version_class_label) >> 28 != 6 || bpf_ntohs(ip->payload_length) + sizeof *ip > room)
		return LB_DECAP_MALFORMED;
	set_peer6(&vip, ip->destination);
	if (!bpf_map_lookup_elem(&inner_vips, &vip))
		return LB_DECAP_FOREIGN_VIP;
	carry_congestion6(outer_class, ip);
	return LB_DECAP_UNWRAPPED;
}

/*
 * -1: not wrapped at all. Else enum lb_decap_count; the inner protocol is that of the outer header. `there` are the bytes
 * from the outer header to the frame's end, of which those before `end` can be read.
 */
static __always_inline int accept4(struct lb_ipv4 *outer, void *end, __u32 there) {
	struct lb_peer sender;
	if ((void *)(outer + 1) > end || !is_wrapped(outer->protocol))
		return -1;
	__u32 length = bpf_ntohs(outer->total_length);
	if (outer->version_length != 0x45 || (outer->fragment & bpf_htons(LB_IPV4_MORE_FRAGMENTS | LB_IPV4_OFFSET)) ||
		length < sizeof *outer || length > there)
		return LB_DECAP_MALFORMED;
	set_peer4(&sender, outer->source);
	if (!bpf_map_lookup_elem(&balancers, &sender))
		return LB_DECAP_FOREIGN_SENDER;
	if (outer->protocol == LB_PROTOCOL_IPIP)
		return accept_inner4((void *)(outer + 1), end, outer->type_of_service, length - sizeof *outer);
	return accept_inner6((void *)(outer + 1), end, outer->type_of_service, length - sizeof *outer);
}

static __always_inline int accept6(struct lb_ipv6 *outer, void *end, __u32 there) {
	struct lb_peer sender;
	if ((void *)(outer + 1) > end || !is_wrapped(outer->next_header))
		return -1;
	__u32 length = bpf_ntohs(outer->payload_length), head = bpf_ntohl(outer->version_class_label);
	if (head >> 28 != 6 || length + sizeof *outer > there)
		return LB_DECAP_MALFORMED;
	set_peer6(&sender, outer->source);
	if (!bpf_map_lookup_elem(&balancers, &sender))
		return LB_DECAP_FOREIGN_SENDER;
	if (outer->next_header == LB_PROTOCOL_IPIP)
		return accept_inner4((void *)(outer + 1), end, head >> 20, length);
	return accept_inner6((void *)(outer + 1), end, head >> 20, length);
}

#endif
