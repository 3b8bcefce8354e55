// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// What a Pod sends, and what the host's stack sends into it. Both programs are copied and loaded for each Pod with its
// values as constants; they hold the fast path only, since every instruction here costs every Pod's start. All that is
// rare goes on in the shared programs of steps.bpf.c.
//
//   Pod eth0 ----- veth ---> from_pod ---> member here | VXLAN device | uplink | host's stack
//            <---- veth ---- to_pod <----------------------------------------- host's stack

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
#include "encapsulate.h"
#include "headers.h"
#include "ip_header.h"
#include "path.h"
#include "pod_values.h"
#include "segment.h"
#include "step.h"

static __always_inline __u32 pod_network(const struct pod_values *values) {
	__u32 id = POD_VALUE(values, network_id);
	return POD_VALUE(values, encapsulation) == VPC_ENCAPSULATION_VLAN ? VPC_NETWORK_VLAN | id : id;
}

static __always_inline int is_pod_ipv4(__be32 address, const struct pod_values *values) {
	__be32 own = POD_VALUE(values, pod_ipv4);
	return own && address == own;
}

/* `address` may be unaligned. A Pod without IPv6 has zeros, which is nobody's source either. */
static __always_inline int is_pod_ipv6(const void *address, const struct pod_values *values) {
	const __u64 *halves = address;
	__u64 high = POD_VALUE_AT(values, pod_ipv6, 0), low = POD_VALUE_AT(values, pod_ipv6, 8);
	return (high | low) && halves[0] == high && halves[1] == low;
}

static __always_inline int too_big(struct __sk_buff *skb, __u32 network, __u32 largest) {
	skb->cb[2] = largest;
	return continue_in(skb, VPC_STEP_TOO_BIG, network);
}

static __always_inline int from_pod_arp(struct __sk_buff *skb, struct cursor *cursor, const struct pod_values *values) {
	struct arp_ipv4 *arp = READ(cursor, struct arp_ipv4);
	if (!arp)
		return DROP(TRUNCATED);
	if (arp->hardware != bpf_htons(ARP_ETHERNET) || arp->protocol != bpf_htons(ETH_P_IP) || arp->hardware_length != ETH_ALEN ||
		arp->protocol_length != 4)
		return DROP(MALFORMED_HEADER);
	__be32 sender = ARP_SENDER_IP(arp);
	if (mac_number(arp->sender_mac) != POD_VALUE(values, pod_mac) || (sender && sender != (__be32)POD_VALUE(values, pod_ipv4)))
		return DROP(FOREIGN_ARP);
	return continue_in(skb, VPC_STEP_ARP, pod_network(values));
}

/* These two give the destination of a packet that the Pod may send, and 0; else a verdict. */

static __always_inline int from_pod_ipv4(struct __sk_buff *skb, struct cursor *cursor, struct vpc_address *ret_destination,
		const struct pod_values *values) {
	struct iphdr *ip = READ(cursor, struct iphdr);
	if (!ip)
		return DROP(TRUNCATED);
	int verdict = check_ipv4(skb, ip);
	if (verdict)
		return verdict;
	if (!is_pod_ipv4(ip->saddr, values))
		return DROP(FOREIGN_ADDRESS);
	if (is_ipv4_multicast(ip->daddr))
		return DROP(MULTICAST);
	set_ipv4(ret_destination, ip->daddr);
	return 0;
}

/* To a group or the link, or neighbour discovery: the addresses that these may have are another matter. */
static __always_inline int is_for_step_nd(const struct ipv6hdr *ip, const struct cursor *cursor) {
	return is_ipv6_multicast(&ip->daddr) || is_ipv6_link_local(&ip->daddr) || may_be_nd(ip, cursor);
}

/* Neighbour discovery demands a hop limit of 255 (RFC 4861): behind an extension header or in a fragment there is none. */
static __always_inline void lower_hop_limit(struct ipv6hdr *ip) {
	if (ip->hop_limit == 255 && ip->nexthdr != IPPROTO_TCP && ip->nexthdr != IPPROTO_UDP && ip->nexthdr != IPPROTO_ICMPV6)
		ip->hop_limit = 254;
}

static __always_inline int from_pod_ipv6(struct __sk_buff *skb, struct vpc_address *ret_destination, const struct pod_values *values) {
	struct cursor cursor;
	if (open_cursor(skb, &cursor, ETH_HLEN + sizeof(struct ipv6hdr)))
		return DROP(TRUNCATED);
	cursor.at += ETH_HLEN;
	struct ipv6hdr *ip = READ(&cursor, struct ipv6hdr);
	if (!ip)
		return DROP(TRUNCATED);
	int verdict = check_ipv6(skb, ip);
	if (verdict)
		return verdict;
	if (is_for_step_nd(ip, &cursor))
		return continue_in(skb, VPC_STEP_ND, pod_network(values));
	if (!is_pod_ipv6(&ip->saddr, values))
		return DROP(FOREIGN_ADDRESS);
	lower_hop_limit(ip);
	set_ipv6(ret_destination, &ip->daddr);
	return is_mapped(ret_destination) ? DROP(MALFORMED_HEADER) : 0;
}

/* Inside the VPC a packet goes by its destination alone; whatever is no member's is the outside's. */
static __always_inline int send_to(struct __sk_buff *skb, const struct vpc_member_key *key, const struct pod_values *values) {
	const struct vpc_member *member = bpf_map_lookup_elem(&members, key);
	if (!member)
		return continue_in(skb, VPC_STEP_OUTSIDE, pod_network(values));
	if (member->ifindex)
		return deliver_to_pod(skb, member);
	__u32 length = segment_length(skb), largest = POD_VALUE(values, mtu);
	if (length <= largest)
		largest = path_mtu(&member->node, length);
	if (length > largest)
		return too_big(skb, pod_network(values), largest);
	return encapsulate(skb, member, values);
}

static __always_inline int judge_from_pod(struct __sk_buff *skb, const struct pod_values *values) {
	struct cursor cursor;
	struct vpc_member_key key;
	int verdict;
	if (skb->vlan_present)
		return DROP(FOREIGN_TAG);
	if (open_cursor(skb, &cursor, ETH_HLEN + sizeof(struct iphdr)))
		return DROP(TRUNCATED);
	struct ethhdr *eth = READ(&cursor, struct ethhdr);
	if (!eth)
		return DROP(TRUNCATED);
	if (mac_number(eth->h_source) != POD_VALUE(values, pod_mac))
		return DROP(FOREIGN_MAC);
	switch (ETHERTYPE(eth)) {
	case bpf_htons(ETH_P_IP): verdict = from_pod_ipv4(skb, &cursor, &key.address, values); break;
	case bpf_htons(ETH_P_IPV6): verdict = from_pod_ipv6(skb, &key.address, values); break;
	case bpf_htons(ETH_P_ARP): return from_pod_arp(skb, &cursor, values);
	case bpf_htons(ETH_P_8021Q):
	case bpf_htons(ETH_P_8021AD): return DROP(FOREIGN_TAG);
	default: return DROP(UNKNOWN_PROTOCOL);
	}
	if (verdict)
		return verdict;
	key.network = pod_network(values);
	key.zero = 0;
	return send_to(skb, &key, values);
}

SEC("tc")
int from_pod(struct __sk_buff *skb) {
	const struct pod_values *values = FIND_POD_VALUES(skb);
	if (!values)
		return TC_ACT_SHOT;
	return conclude(judge_from_pod(skb, values), pod_network(values));
}

/* The host's stack sends by MAC and by address; only what is the Pod's by both goes on. */
static __always_inline int judge_to_pod(struct __sk_buff *skb, const struct pod_values *values) {
	if (skb->vlan_present)
		return DROP(FOREIGN_TAG);
	return continue_in(skb, VPC_STEP_INTO_POD, pod_network(values));
}

SEC("tc")
int to_pod(struct __sk_buff *skb) {
	const struct pod_values *values = FIND_POD_VALUES(skb);
	if (!values)
		return TC_ACT_SHOT;
	return conclude(judge_to_pod(skb, values), pod_network(values));
}

char _license[] SEC("license") = "Dual BSD/GPL";
