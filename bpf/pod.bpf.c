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

/* Kept in a register from the start: worked out anew at each use, the verifier would walk it as often. */
static __always_inline __u32 pod_network(const struct pod_values *values) {
	__u32 id = POD_VALUE(values, network_id);
	__u32 network = POD_VALUE(values, encapsulation) == VPC_ENCAPSULATION_VLAN ? VPC_NETWORK_VLAN | id : id;
	barrier_var(network);
	return network;
}

static __always_inline int is_pod_ipv4(__be32 address, const struct pod_values *values) {
	__be32 own = POD_VALUE(values, pod_ipv4);
	return own && address == own;
}

/* `address` may be unaligned. A Pod without IPv6 has zeros, which is nobody's source either. */
static __always_inline int is_pod_ipv6(const void *address, const struct pod_values *values) {
	const __u64 *halves = address;
	__u64 high = POD_VALUE_AT(values, pod_ipv6, 0), low = POD_VALUE_AT(values, pod_ipv6, 8);
	__u64 difference = (halves[0] ^ high) | (halves[1] ^ low);
	barrier_var(difference); /* one branch */
	return (high | low) && !difference;
}

static __always_inline int too_big(struct __sk_buff *skb, __u32 largest) {
	skb->cb[VPC_HANDED_LARGEST] = largest;
	return continue_in(skb, VPC_STEP_TOO_BIG);
}

/* What is known of a packet that the Pod may send. */
struct sent {
	struct ethhdr *eth;
	void *end; /* of what may be read */
	__u64 halves[2]; /* of the destination; in registers, since the verifier tells stacks apart more strictly */
	__u32 length;    /* of the network header */
	__u8 protocol;
};

/* The next two read on behind Ethernet and give 0 for a packet that goes by its destination, which they fill in; else a verdict. */

static __always_inline int from_pod_ipv4(struct __sk_buff *skb, struct sent *sent, const struct pod_values *values) {
	struct iphdr *ip = (void *)(sent->eth + 1);
	int verdict = check_ipv4(skb, ip);
	if (verdict)
		return verdict;
	if (!is_pod_ipv4(ip->saddr, values))
		return DROP(FOREIGN_ADDRESS);
	if (is_ipv4_multicast(ip->daddr))
		return DROP(MULTICAST);
	sent->halves[0] = 0;
	sent->halves[1] = MAPPED_IPV4(ip->daddr);
	sent->length = ip->ihl * 4;
	sent->protocol = ip->protocol;
	return 0;
}

/* To a group or the link, or neighbour discovery: the addresses that these may have are another matter. */
static __always_inline int is_for_step_nd(struct __sk_buff *skb, const struct ipv6hdr *ip) {
	return is_ipv6_multicast(&ip->daddr) || is_ipv6_link_local(&ip->daddr) || may_be_nd(skb, ip);
}

#define UNTOUCHED (1ull << IPPROTO_TCP | 1ull << IPPROTO_UDP | 1ull << IPPROTO_ICMPV6)

/*
 * Neighbour discovery demands a hop limit of 255 (RFC 4861): behind an extension header or in a fragment there is none.
 * Without a branch, of which the verifier would walk both ways. A shift counts modulo 64; no number of an extension
 * header is one of the three modulo 64.
 */
static __always_inline void lower_hop_limit(struct ipv6hdr *ip) {
	__u32 is_largest = ((__u32)ip->hop_limit + 1) >> 8;
	ip->hop_limit -= is_largest & (__u32)(~UNTOUCHED >> (ip->nexthdr & 63));
}

static __always_inline int from_pod_ipv6(struct __sk_buff *skb, struct sent *sent, const struct pod_values *values) {
	struct ipv6hdr *ip = (void *)(sent->eth + 1);
	if ((void *)(ip + 1) > sent->end)
		return DROP(TRUNCATED);
	int verdict = check_ipv6(skb, ip);
	if (verdict)
		return verdict;
	if (is_for_step_nd(skb, ip))
		return continue_in(skb, VPC_STEP_ND);
	if (!is_pod_ipv6(&ip->saddr, values))
		return DROP(FOREIGN_ADDRESS);
	lower_hop_limit(ip);
	sent->halves[0] = *(const __u64 *)&ip->daddr;
	sent->halves[1] = *((const __u64 *)&ip->daddr + 1);
	sent->length = sizeof *ip;
	sent->protocol = ip->nexthdr;
	return is_mapped_halves(sent->halves[0], sent->halves[1]) ? DROP(MALFORMED_HEADER) : 0;
}

/* Inside the VPC a packet goes by its destination alone; whatever is no member's is the outside's. */
static __always_inline int send_on(struct __sk_buff *skb, const struct sent *sent, __u32 network, const struct pod_values *values) {
	struct vpc_member_key key = {.network = network, .address.halves = {sent->halves[0], sent->halves[1]}};
	const struct vpc_member *member = bpf_map_lookup_elem(&members, &key);
	if (!member)
		return continue_in(skb, VPC_STEP_OUTSIDE);
	if (member->ifindex)
		return deliver_to_pod(skb, sent->eth, member);
	__u32 length = segment_length(skb, sent->length, sent->protocol), largest = POD_VALUE(values, mtu);
	if (length <= largest)
		largest = path_mtu(&member->node, length);
	if (length > largest)
		return too_big(skb, largest);
	return encapsulate(skb, sent->eth, member, values);
}

/* Sees to it that all headers that are read here lie in linear data, as far as the frame has them. */
static __always_inline void gather_headers(struct __sk_buff *skb) {
	__s32 most = ETH_HLEN + sizeof(struct ipv6hdr), beyond = skb->len - most;
	__s32 is_short = beyond >> 31;
	barrier_var(is_short); /* the lesser of both without a branch */
	__u32 needed = most + (beyond & is_short);
	if (skb->data_end - skb->data < needed)
		bpf_skb_pull_data(skb, needed);
	barrier(); /* both ways read skb->data anew behind this, which makes them one for the verifier */
}

static __always_inline int judge_from_pod(struct __sk_buff *skb, __u32 network, const struct pod_values *values) {
	int verdict;
	if (skb->vlan_present)
		return DROP(FOREIGN_TAG);
	gather_headers(skb);
	struct sent sent;
	sent.eth = (void *)(long)skb->data;
	sent.end = (void *)(long)skb->data_end;
	if ((void *)(sent.eth + 1) + sizeof(struct iphdr) > sent.end)
		return DROP(TRUNCATED);
	if (mac_number(sent.eth->h_source) != POD_VALUE(values, pod_mac))
		return DROP(FOREIGN_MAC);
	__be16 type = ETHERTYPE(sent.eth);
	if (type == bpf_htons(ETH_P_IP))
		verdict = from_pod_ipv4(skb, &sent, values);
	else if (type == bpf_htons(ETH_P_IPV6))
		verdict = from_pod_ipv6(skb, &sent, values);
	else
		return continue_in(skb, VPC_STEP_NO_IP);
	return verdict ? verdict : send_on(skb, &sent, network, values);
}

SEC("tc")
int from_pod(struct __sk_buff *skb) {
	const struct pod_values *values = FIND_POD_VALUES(skb);
	if (!values)
		return TC_ACT_SHOT;
	__u32 network = pod_network(values);
	return leave(skb, judge_from_pod(skb, network, values), network);
}

/* The host's stack sends by MAC and by address; only what is the Pod's by both goes on. */
static __always_inline int judge_to_pod(struct __sk_buff *skb) {
	if (skb->vlan_present)
		return DROP(FOREIGN_TAG);
	return continue_in(skb, VPC_STEP_INTO_POD);
}

SEC("tc")
int to_pod(struct __sk_buff *skb) {
	const struct pod_values *values = FIND_POD_VALUES(skb);
	if (!values)
		return TC_ACT_SHOT;
	__u32 network = pod_network(values);
	return leave(skb, judge_to_pod(skb), network);
}

char _license[] SEC("license") = "Dual BSD/GPL";
