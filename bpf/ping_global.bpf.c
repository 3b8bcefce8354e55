// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// Sample: drops ICMP to one address, which is a global variable that is set before the program is loaded.
//
//	vpcctl attach ping_global.bpf.o --program filter_out --interface eth0 --direction egress --set target_addr=10.0.0.2

#include "ping_filter.h"

__u32 target_addr = 0; /* network byte order */

SEC("tc")
int filter_out(struct __sk_buff *skb) {
	struct iphdr *ip = icmp_packet(skb);
	if (!ip || ip->daddr != target_addr)
		return TC_ACT_UNSPEC; /* programs of others still run */
	trace_drop(ip->saddr, ip->daddr, target_addr);
	return TC_ACT_SHOT;
}

char _license[] SEC("license") = "Dual BSD/GPL";
