/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Between a Pod and the outside of its VPC, in both directions. */
#ifndef VPC_OUTSIDE_H
#define VPC_OUTSIDE_H

#include <linux/bpf.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include "address.h"
#include "arp.h"
#include "count.h"
#include "flow.h"
#include "fragment.h"
#include "headers.h"
#include "ip_header.h"
#include "nd.h"
#include "packet.h"
#include "resolve.h"
#include "rule.h"

#define ICMP_REDIRECT 5

/* An ICMP error passes if what it quotes, which went the other way, belongs to a remembered flow of this Pod. */
static __always_inline int judge_icmp_error(struct __sk_buff *skb, __u32 network, const struct packet *packet,
		enum flow_direction direction, const struct vpc_address *pod_address) {
	struct packet quoted = {};
	struct vpc_flow_key key;
	int is_ipv4 = packet->protocol == IPPROTO_ICMP;
	enum flow_direction quoted_direction = direction == FROM_POD ? TO_POD : FROM_POD;
	if (read_packet(skb, packet->transport + sizeof(struct icmp_head), is_ipv4, 1, &quoted))
		return DROP(TRUNCATED);
	if (quoted.fragment == FRAGMENT_LATER)
		return DROP(FRAGMENT_WITHOUT_FIRST);
	make_flow_key(&key, network, &quoted, quoted_direction);
	if (is_same_address(&key.pod, pod_address) && knows_flow(&key))
		return PASS;
	return direction == FROM_POD ? DROP(NOT_A_MEMBER) : DROP(NOT_ALLOWED_IN);
}

/* A new flow, if the network's rules allow one in this direction. */
static __always_inline int begin_flow(struct __sk_buff *skb, const struct vpc_flow_key *key, const struct packet *packet,
		enum flow_direction direction) {
	int is_out = direction == FROM_POD;
	const struct vpc_rule *rule = find_rule(key->network, is_out ? VPC_RULE_ALLOW : VPC_RULE_ALLOW_FROM, &key->peer);
	if (!rule || !is_allowed(skb, rule, packet->protocol, packet->destination_port))
		return is_out ? DROP(NOT_A_MEMBER) : DROP(NOT_ALLOWED_IN);
	int verdict = remember_flow(skb, key, packet, direction, is_out ? VPC_FLOW_ALLOW : VPC_FLOW_ALLOW_FROM);
	return verdict ? verdict : PASS;
}

/* By remembered flow, else by rule; fragments by their first one. */
static __always_inline int judge_flow(struct __sk_buff *skb, __u32 network, struct packet *packet, enum flow_direction direction) {
	struct vpc_flow_key key;
	if (packet->fragment == FRAGMENT_LATER) {
		int missing = find_first_fragment(skb, network, packet);
		if (missing)
			return missing;
	}
	make_flow_key(&key, network, packet, direction);
	int verdict = follow_flow(&key, packet, direction) ? PASS : begin_flow(skb, &key, packet, direction);
	if (verdict == PASS && packet->fragment == FRAGMENT_FIRST)
		remember_fragment(network, packet);
	return verdict;
}

static __always_inline int outside_from_pod(struct __sk_buff *skb, const struct vpc_pod_record *pod) {
	struct packet packet = {};
	__u32 network = handed_network(skb);
	int is_ipv4 = skb->protocol == bpf_htons(ETH_P_IP);
	if (skb->pkt_type == PACKET_BROADCAST || skb->pkt_type == PACKET_MULTICAST)
		return DROP(MULTICAST);
	int verdict = read_packet(skb, ETH_HLEN, is_ipv4, 0, &packet);
	if (verdict)
		return verdict;
	if (is_loopback(&packet.destination))
		return DROP(NOT_A_MEMBER);
	if (packet.is_icmp_error)
		return judge_icmp_error(skb, network, &packet, FROM_POD, &packet.source);
	if (packet.protocol == IPPROTO_ICMP && packet.icmp_type == ICMP_REDIRECT)
		return DROP(ROUTER_ADVERTISEMENT);
	return judge_flow(skb, network, &packet, FROM_POD);
}

/* The node itself speaks: probes. The answers of the Pod follow the flow. */
static __always_inline int node_into_pod(struct __sk_buff *skb, const struct packet *packet) {
	struct vpc_flow_key key;
	if (!is_made_here(skb))
		return DROP(FORGED_NODE);
	if (packet->protocol == IPPROTO_ICMP && packet->icmp_type == ICMP_REDIRECT && packet->fragment != FRAGMENT_LATER)
		return CONSUMED; /* a Pod's routes are its plugin's */
	if (packet->is_icmp_error || packet->fragment == FRAGMENT_LATER)
		return PASS;
	make_flow_key(&key, handed_network(skb), packet, TO_POD);
	if (follow_flow(&key, packet, TO_POD))
		return PASS;
	int verdict = remember_flow(skb, &key, packet, TO_POD, VPC_FLOW_NODE);
	return verdict ? verdict : PASS;
}

static __always_inline int ip_into_pod(struct __sk_buff *skb, int is_ipv4, const struct vpc_pod_record *pod) {
	struct packet packet = {};
	__u32 network = handed_network(skb);
	int verdict = read_packet(skb, ETH_HLEN, is_ipv4, 0, &packet);
	if (verdict)
		return verdict;
	const struct vpc_address *own = is_ipv4 ? &pod->ipv4 : &pod->ipv6;
	if (!is_same_address(&packet.destination, own))
		return DROP(NOT_ALLOWED_IN);
	if (is_node_address(&packet.source))
		return node_into_pod(skb, &packet);
	if (is_loopback(&packet.source) || find_member(network, &packet.source))
		return DROP(NOT_ALLOWED_IN); /* members reach each other past this program: whoever comes this way is none */
	if (packet.is_icmp_error)
		return judge_icmp_error(skb, network, &packet, TO_POD, &packet.destination);
	return judge_flow(skb, network, &packet, TO_POD);
}

/* These two answer what is of the link only, and give 0 for what is to be judged by address. */

static __always_inline int link_ipv4_into_pod(struct __sk_buff *skb) {
	__be32 destination;
	if (bpf_skb_load_bytes(skb, ETH_HLEN + offsetof(struct iphdr, daddr), &destination, sizeof destination))
		return DROP(TRUNCATED);
	if (is_ipv4_multicast(destination))
		return is_made_here(skb) ? CONSUMED : DROP(MULTICAST);
	return 0;
}

static __always_inline int link_ipv6_into_pod(struct __sk_buff *skb, const struct vpc_pod_record *pod) {
	struct ipv6hdr ip;
	__u8 type = 0;
	if (bpf_skb_load_bytes(skb, ETH_HLEN, &ip, sizeof ip))
		return DROP(TRUNCATED);
	if (ip.nexthdr == IPPROTO_ICMPV6 && !bpf_skb_load_bytes(skb, ND_OFFSET, &type, sizeof type) && is_nd_type(type))
		return nd_into_pod(skb, type, pod);
	if (is_ipv6_multicast(&ip.daddr))
		return is_made_here(skb) ? CONSUMED : DROP(MULTICAST);
	return is_ipv6_link_local(&ip.daddr) || is_ipv6_link_local(&ip.saddr) ? DROP(LINK_LOCAL) : 0;
}

/* A bridge floods what is for others: by MAC a frame must be for this Pod or for a group. */
static __always_inline int into_pod(struct __sk_buff *skb, const struct vpc_pod_record *pod) {
	struct ethhdr eth __attribute__((aligned(2)));
	if (bpf_skb_load_bytes(skb, 0, &eth, sizeof eth))
		return DROP(TRUNCATED);
	if (!is_group_mac(eth.h_dest) && !is_same_mac(eth.h_dest, pod->mac))
		return DROP(NOT_ALLOWED_IN);
	int verdict;
	switch (eth.h_proto) {
	case bpf_htons(ETH_P_IP): verdict = link_ipv4_into_pod(skb); break;
	case bpf_htons(ETH_P_IPV6): verdict = link_ipv6_into_pod(skb, pod); break;
	case bpf_htons(ETH_P_ARP): return arp_into_pod(skb, pod);
	case bpf_htons(ETH_P_8021Q):
	case bpf_htons(ETH_P_8021AD): return DROP(FOREIGN_TAG);
	default: return DROP(UNKNOWN_PROTOCOL);
	}
	return verdict ? verdict : ip_into_pod(skb, eth.h_proto == bpf_htons(ETH_P_IP), pod);
}

#endif
