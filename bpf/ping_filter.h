/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the two ping samples have in common: which packets are ICMP over IPv4, and the line in the trace log. */
#ifndef PING_FILTER_H
#define PING_FILTER_H

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

/* The IPv4 header if the frame carries ICMP, else NULL. */
static __always_inline struct iphdr *icmp_packet(struct __sk_buff *skb) {
	struct ethhdr *eth = (void *)(long)skb->data;
	struct iphdr *ip = (void *)(eth + 1);
	if ((void *)(ip + 1) > (void *)(long)skb->data_end)
		return NULL;
	if (eth->h_proto != bpf_htons(ETH_P_IP) || ip->protocol != IPPROTO_ICMP)
		return NULL;
	return ip;
}

/* Addresses are printed in hexadecimal as they are read aloud: 0a000002 is 10.0.0.2. */
static __always_inline void trace_drop(__be32 source, __be32 destination, __be32 target) {
	bpf_printk("filter_out: drop ICMP from %x to %x, target %x", bpf_ntohl(source), bpf_ntohl(destination), bpf_ntohl(target));
}

#endif
