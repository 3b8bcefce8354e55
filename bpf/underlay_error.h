/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * ICMP errors of the underlay about our own VXLAN packets, which carry "don't fragment": a router on the way to a node
 * could not pass one on. What it says is remembered; the next packet of that length is answered to the Pod that sends it.
 */
#ifndef VPC_UNDERLAY_ERROR_H
#define VPC_UNDERLAY_ERROR_H

#include <linux/bpf.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include "address.h"
#include "headers.h"
#include "maps.h"
#include "node_parameters.h"
#include "path.h"

/* Inner Ethernet, VXLAN, UDP and outer IP. */
#define OVERHEAD_IPV4 (14 + 8 + 8 + 20)
#define OVERHEAD_IPV6 (14 + 8 + 8 + 40)

/* No way is believed to be narrower: every link carries 576 bytes of IPv4 (RFC 791) and 1280 of IPv6 (RFC 8200). */
#define LEAST_MTU_IPV4 576
#define LEAST_MTU_IPV6 1280

/* Only what this node may have sent: from an address of its own, to a known node, to the port of the VXLAN device. */
static __always_inline int is_our_vxlan(struct __sk_buff *skb, const struct vpc_address *source, const struct vpc_address *node,
		__u8 protocol, __u32 transport) {
	struct vpc_node_key key = {.address = *node};
	__be16 ports[2];
	return protocol == IPPROTO_UDP && !bpf_skb_load_bytes(skb, transport, ports, sizeof ports) &&
		ports[1] == bpf_htons((__u16)VPC_CONSTANT(node_udp_port)) && bpf_map_lookup_elem(&nodes, &key) &&
		bpf_map_lookup_elem(&node_addresses, source);
}

static __always_inline void learn_from_icmp(struct __sk_buff *skb) {
	struct {
		struct icmp_head icmp;
		struct iphdr quoted;
	} error;
	struct iphdr outer;
	struct vpc_address source, node;
	if (bpf_skb_load_bytes(skb, ETH_HLEN, &outer, sizeof outer) || outer.protocol != IPPROTO_ICMP)
		return;
	__u32 offset = ETH_HLEN + outer.ihl * 4;
	if (bpf_skb_load_bytes(skb, offset, &error, sizeof error) || error.icmp.type != 3 || error.icmp.code != 4)
		return;
	set_ipv4(&source, error.quoted.saddr);
	set_ipv4(&node, error.quoted.daddr);
	offset += sizeof error.icmp + error.quoted.ihl * 4;
	__u32 mtu = bpf_ntohs(error.icmp.next_hop_mtu);
	if (mtu >= LEAST_MTU_IPV4 && is_our_vxlan(skb, &source, &node, error.quoted.protocol, offset))
		learn_path(&node, mtu - OVERHEAD_IPV4);
}

static __always_inline void learn_from_icmpv6(struct __sk_buff *skb) {
	struct {
		struct icmp_head icmp;
		struct ipv6hdr quoted;
	} error;
	struct vpc_address source, node;
	__u8 next;
	if (bpf_skb_load_bytes(skb, ETH_HLEN + offsetof(struct ipv6hdr, nexthdr), &next, sizeof next) || next != IPPROTO_ICMPV6)
		return;
	__u32 offset = ETH_HLEN + sizeof(struct ipv6hdr);
	if (bpf_skb_load_bytes(skb, offset, &error, sizeof error) || error.icmp.type != 2)
		return;
	set_ipv6(&source, &error.quoted.saddr);
	set_ipv6(&node, &error.quoted.daddr);
	__u32 mtu = bpf_ntohl(error.icmp.packet_too_big_mtu);
	if (mtu >= LEAST_MTU_IPV6 && mtu <= 0xffff && is_our_vxlan(skb, &source, &node, error.quoted.nexthdr, offset + sizeof error))
		learn_path(&node, mtu - OVERHEAD_IPV6);
}

static __always_inline void learn_from_underlay(struct __sk_buff *skb) {
	if (skb->protocol == bpf_htons(ETH_P_IP))
		learn_from_icmp(skb);
	else if (skb->protocol == bpf_htons(ETH_P_IPV6))
		learn_from_icmpv6(skb);
}

#endif
