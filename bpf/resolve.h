/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Who may be resolved by whom; the same for ARP and neighbour discovery. */
#ifndef VPC_RESOLVE_H
#define VPC_RESOLVE_H

#include <linux/bpf.h>
#include <linux/if_packet.h>
#include <bpf/bpf_helpers.h>
#include "address.h"
#include "maps.h"
#include "rule.h"
#include "step.h"

static __always_inline const struct vpc_member *find_member(__u32 network, const struct vpc_address *address) {
	struct vpc_member_key key = {.network = network, .address = *address};
	return bpf_map_lookup_elem(&members, &key);
}

static __always_inline int is_next_hop(const struct __sk_buff *skb, const struct vpc_address *address) {
	struct vpc_next_hop_key key = {.network = skb->cb[VPC_HANDED_NETWORK], .ifindex = skb->ifindex, .address = *address};
	return bpf_map_lookup_elem(&next_hops, &key) != 0;
}

static __always_inline int is_node_address(const struct vpc_address *address) {
	return bpf_map_lookup_elem(&node_addresses, address) != 0;
}

/* The host resolves what is its own, or lies behind it. */
static __always_inline int is_resolved_by_host(const struct __sk_buff *skb, const struct vpc_address *target) {
	return is_next_hop(skb, target) || is_node_address(target) || is_spoken_of(handed_network(skb), target);
}

/* A frame that no interface received was made by this node itself. Holds at egress only. */
static __always_inline int is_made_here(const struct __sk_buff *skb) {
	return skb->ingress_ifindex == 0;
}

/*
 * Whether to_pod lets in ARP or discovery from this sender: the node itself in the name of its own addresses and of the
 * Pod's next hops; another Pod on the same bridge only where a rule speaks of it, and never in any of those names.
 */
static __always_inline int may_resolve_pod(const struct __sk_buff *skb, const struct vpc_address *sender) {
	int is_the_nodes = is_node_address(sender) || is_next_hop(skb, sender);
	if (is_made_here(skb))
		return is_the_nodes;
	return !is_the_nodes && !find_member(handed_network(skb), sender) && is_spoken_of(handed_network(skb), sender);
}

/* Sends an answer, built in place of the frame that asked, back into the Pod. */
static __always_inline int return_to_pod(struct __sk_buff *skb) {
	if (bpf_skb_change_type(skb, PACKET_HOST))
		return DROP(REDIRECT_FAILED);
	skb->mark = 0;
	bpf_redirect_peer(skb->ifindex, 0);
	return REDIRECTED;
}

#endif
