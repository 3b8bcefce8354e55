/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What must hold of an IP header before anything else is asked of it. */
#ifndef VPC_IP_HEADER_H
#define VPC_IP_HEADER_H

#include <linux/bpf.h>
#include <bpf/bpf_endian.h>
#include "count.h"
#include "cursor.h"
#include "headers.h"

/* 0, or why the header cannot be believed. Bytes behind the packet are Ethernet's padding and none of its business. */
static __always_inline int check_ipv4(struct __sk_buff *skb, const struct iphdr *ip) {
	__u8 version_length = *(const __u8 *)ip;
	__u32 total = bpf_ntohs(ip->tot_len);
	__u32 header = (version_length & 15) * 4;
	if ((__u8)(version_length - 0x45) > 0x4f - 0x45 || total < header)
		return DROP(MALFORMED_HEADER);
	return total + ETH_HLEN > skb->len ? DROP(TRUNCATED) : 0;
}

static __always_inline int check_ipv6(struct __sk_buff *skb, const struct ipv6hdr *ip) {
	if (*(const __u8 *)ip >> 4 != 6)
		return DROP(MALFORMED_HEADER);
	return bpf_ntohs(ip->payload_len) + sizeof *ip + ETH_HLEN > skb->len ? DROP(TRUNCATED) : 0;
}

static __always_inline int is_nd_type(__u8 type) {
	return (__u8)(type - ND_ROUTER_SOLICITATION) <= ND_REDIRECT - ND_ROUTER_SOLICITATION;
}

/* Whether behind the frame's IPv6 header comes neighbour discovery, or ICMPv6 that is too short to tell. */
static __always_inline int may_be_nd(struct __sk_buff *skb, const struct ipv6hdr *ip) {
	__u8 type;
	if (ip->nexthdr != IPPROTO_ICMPV6)
		return 0;
	return bpf_skb_load_bytes(skb, ND_OFFSET, &type, sizeof type) || is_nd_type(type);
}

#endif
