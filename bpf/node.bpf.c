// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// What arrives at a node from the others.
//
//   underlay ---> uplink ---> VXLAN device ---> from_vxlan ---> Pod
//                   |---------> from_trunk (VLAN) ------------> Pod
//                                   |-- all that is not ours -> host's stack, untouched

#include <stddef.h>
#include <linux/bpf.h>
#include <linux/if_packet.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include "address.h"
#include "count.h"
#include "cursor.h"
#include "datapath_maps.h"
#include "deliver.h"
#include "headers.h"
#include "ip_header.h"
#include "underlay_error.h"

#define TUNNEL_KEY_LENGTH offsetof(struct bpf_tunnel_key, local_ipv6)

#define VLAN_ID 0x0fff

/* Who sent the frame to whom, as the inner header says. */
struct inner {
	struct ethhdr *eth;
	struct vpc_member_key source, destination;
};

/* The key of the tunnel, and the sender's underlay address. The helper tells no family: it refuses the wrong one. */
static __always_inline int read_tunnel(struct __sk_buff *skb, __u32 *ret_network, struct vpc_address *ret_node) {
	struct bpf_tunnel_key key = {};
	if (!bpf_skb_get_tunnel_key(skb, &key, TUNNEL_KEY_LENGTH, 0))
		set_ipv4(ret_node, bpf_htonl(key.remote_ipv4));
	else if (!bpf_skb_get_tunnel_key(skb, &key, TUNNEL_KEY_LENGTH, BPF_F_TUNINFO_IPV6))
		__builtin_memcpy(ret_node, key.remote_ipv6, sizeof *ret_node);
	else
		return DROP(NOT_ENCAPSULATED);
	*ret_network = key.tunnel_id;
	return 0;
}

static __always_inline int read_inner_ipv4(struct __sk_buff *skb, struct inner *inner, struct cursor *cursor) {
	struct iphdr *ip = READ(cursor, struct iphdr);
	if (!ip)
		return DROP(TRUNCATED);
	int verdict = check_ipv4(skb, ip);
	if (verdict)
		return verdict;
	if (is_ipv4_multicast(ip->daddr))
		return DROP(MULTICAST);
	set_ipv4(&inner->source.address, ip->saddr);
	set_ipv4(&inner->destination.address, ip->daddr);
	return 0;
}

static __always_inline int read_inner_ipv6(struct __sk_buff *skb, struct inner *inner) {
	struct cursor cursor;
	if (open_cursor(skb, &cursor, ETH_HLEN + sizeof(struct ipv6hdr)))
		return DROP(TRUNCATED);
	inner->eth = READ(&cursor, struct ethhdr);
	struct ipv6hdr *ip = inner->eth ? READ(&cursor, struct ipv6hdr) : 0;
	if (!ip)
		return DROP(TRUNCATED);
	int verdict = check_ipv6(skb, ip);
	if (verdict)
		return verdict;
	if (is_ipv6_multicast(&ip->daddr))
		return DROP(MULTICAST);
	if (is_ipv6_link_local(&ip->daddr) || is_ipv6_link_local(&ip->saddr))
		return DROP(LINK_LOCAL);
	if (may_be_nd(skb, ip))
		return DROP(FOREIGN_ND);
	set_ipv6(&inner->source.address, &ip->saddr);
	set_ipv6(&inner->destination.address, &ip->daddr);
	return is_mapped(&inner->source.address) || is_mapped(&inner->destination.address) ? DROP(MALFORMED_HEADER) : 0;
}

/* Pods resolve their neighbours on their own node: no ARP, no discovery and no tag has business inside. */
static __always_inline int read_inner(struct __sk_buff *skb, __u32 network, struct inner *inner) {
	struct cursor cursor;
	inner->source.network = inner->destination.network = network;
	inner->source.zero = inner->destination.zero = 0;
	if (open_cursor(skb, &cursor, ETH_HLEN + sizeof(struct iphdr)))
		return DROP(TRUNCATED);
	inner->eth = READ(&cursor, struct ethhdr);
	if (!inner->eth)
		return DROP(TRUNCATED);
	switch (ETHERTYPE(inner->eth)) {
	case bpf_htons(ETH_P_IP): return read_inner_ipv4(skb, inner, &cursor);
	case bpf_htons(ETH_P_IPV6): return read_inner_ipv6(skb, inner);
	case bpf_htons(ETH_P_8021Q):
	case bpf_htons(ETH_P_8021AD): return DROP(DOUBLE_TAG);
	default: return DROP(UNKNOWN_PROTOCOL);
	}
}

/* Names the reason when the inner source does not live on the sender. */
static __always_inline int refuse_sender(struct __sk_buff *skb, const struct vpc_address *node, __u32 network) {
	struct vpc_node_key key = {.address = *node};
	if (!bpf_map_lookup_elem(&nodes, &key))
		return DROP(UNKNOWN_VTEP);
	if (!bpf_map_lookup_elem(&networks, &network))
		return DROP(UNUSED_NETWORK);
	return DROP(FOREIGN_INNER_SOURCE);
}

static __always_inline int judge_from_vxlan(struct __sk_buff *skb, __u32 *ret_network) {
	struct vpc_address node;
	struct inner inner;
	int verdict = read_tunnel(skb, ret_network, &node);
	if (verdict)
		return verdict;
	if (skb->vlan_present)
		return DROP(DOUBLE_TAG);
	verdict = read_inner(skb, *ret_network, &inner);
	if (verdict)
		return verdict;

	const struct vpc_member *source = bpf_map_lookup_elem(&members, &inner.source);
	if (!source || !is_same_address(&source->node, &node) || is_no_address(&node))
		return refuse_sender(skb, &node, *ret_network);
	const struct vpc_member *destination = bpf_map_lookup_elem(&members, &inner.destination);
	if (!destination || !destination->ifindex)
		return DROP(FOREIGN_INNER_DESTINATION);
	return deliver_to_pod(skb, inner.eth, destination);
}

/* Whoever can send to the node chooses the identifier: drops are counted by those in use, and the others together. */
static __always_inline __u32 counted_network(__u32 network) {
	return bpf_map_lookup_elem(&networks, &network) ? network : 0;
}

SEC("tc")
int from_vxlan(struct __sk_buff *skb) {
	__u32 network = 0;
	int verdict = judge_from_vxlan(skb, &network);
	return verdict == VERDICT_DROP ? conclude(skb, verdict, counted_network(network)) : verdict;
}

/* The VLAN of the frame's outer tag, by which `networks` knows it if it is claimed; 0 if it has none of 802.1Q. */
static __always_inline __u32 trunk_network(struct __sk_buff *skb) {
	struct {
		__be16 type, tag;
	} vlan;
	if (skb->vlan_present)
		return skb->vlan_proto == bpf_htons(ETH_P_8021Q) ? VPC_NETWORK_VLAN | (skb->vlan_tci & VLAN_ID) : 0;
	if (bpf_skb_load_bytes(skb, offsetof(struct ethhdr, h_proto), &vlan, sizeof vlan) || vlan.type != bpf_htons(ETH_P_8021Q))
		return 0;
	return VPC_NETWORK_VLAN | (bpf_ntohs(vlan.tag) & VLAN_ID);
}

/* The frame is one of ours and has its tag. The MACs of the nodes give way to those of the Pods. */
static __always_inline int judge_from_trunk(struct __sk_buff *skb, __u32 network) {
	struct inner inner;
	if (bpf_skb_vlan_pop(skb))
		return DROP(REDIRECT_FAILED);
	if (skb->vlan_present)
		return DROP(DOUBLE_TAG);
	int verdict = read_inner(skb, network, &inner);
	if (verdict)
		return verdict;

	const struct vpc_member *source = bpf_map_lookup_elem(&members, &inner.source);
	if (!source || source->ifindex || mac_number(source->node_mac) != mac_number(inner.eth->h_source))
		return DROP(FOREIGN_INNER_SOURCE);
	const struct vpc_member *destination = bpf_map_lookup_elem(&members, &inner.destination);
	if (!destination || !destination->ifindex)
		return DROP(FOREIGN_INNER_DESTINATION);
	set_mac(inner.eth->h_source, source->mac);
	return deliver_to_pod(skb, inner.eth, destination);
}

SEC("tc")
int from_trunk(struct __sk_buff *skb) {
	__u32 network = trunk_network(skb);
	if (!network)
		learn_from_underlay(skb);
	if (!network || !bpf_map_lookup_elem(&networks, &network))
		return PASS;
	return conclude(skb, judge_from_trunk(skb, network), network);
}

char _license[] SEC("license") = "Dual BSD/GPL";
