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

/* Whether ICMPv6 that follows at the cursor is neighbour discovery, or too short to tell. */
static __always_inline int may_be_nd(const struct ipv6hdr *ip, const struct cursor *cursor) {
	const __u8 *type = cursor->at;
	return ip->nexthdr == IPPROTO_ICMPV6 && ((const void *)(type + 1) > cursor->end || is_nd_type(*type));
}

#endif
