// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// Sample: drops ICMP to one address, which stands in the instructions as a constant that is replaced in the finished
// object.
//
//	vpcctl attach ping_placeholder.bpf.o --program filter_out --interface eth0 --direction egress \
//		--placeholder target_addr=0xFEDCBA98 --set target_addr=10.0.0.2

#include "ping_filter.h"

#define TARGET_ADDR 0xFEDCBA98 /* network byte order */

SEC("tc")
int filter_out(struct __sk_buff *skb) {
	struct iphdr *ip = icmp_packet(skb);
	__be32 target_addr = TARGET_ADDR;
	barrier_var(target_addr); /* else the compiler would also store the constant's swapped form, which no loader could find */
	if (!ip || ip->daddr != target_addr)
		return TC_ACT_UNSPEC; /* programs of others still run */
	trace_drop(ip->saddr, ip->daddr, target_addr);
	return TC_ACT_SHOT;
}

char _license[] SEC("license") = "Dual BSD/GPL";
