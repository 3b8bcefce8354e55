// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// The shared programs, reached by tail call from a Pod's own: all that is rare, for every Pod of the node. Who the Pod
// is stands in its record, which the network in skb->cb and the interface find (datapath_maps.h).

#include <stddef.h>
#include <linux/bpf.h>
#include <linux/if_packet.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include "arp.h"
#include "count.h"
#include "nd.h"
#include "outside.h"
#include "step.h"
#include "too_big.h"

static __always_inline int no_ip_from_pod(struct __sk_buff *skb, const struct vpc_pod_record *pod) {
	switch (skb->protocol) {
	case bpf_htons(ETH_P_ARP): return arp_from_pod(skb, pod);
	case bpf_htons(ETH_P_8021Q):
	case bpf_htons(ETH_P_8021AD): return DROP(FOREIGN_TAG);
	default: return DROP(UNKNOWN_PROTOCOL);
	}
}

#define STEP(name_, judge_) \
	SEC("tc") \
	int name_(struct __sk_buff *skb) { \
		const struct vpc_pod_record *pod = handed_pod(skb); \
		return conclude(skb, pod ? judge_(skb, pod) : DROP(INTERNAL), handed_network(skb)); \
	}

STEP(step_no_ip, no_ip_from_pod)
STEP(step_nd, local_ipv6_from_pod)
STEP(step_outside, outside_from_pod)
STEP(step_too_big, answer_too_big)
STEP(step_into_pod, into_pod)

/* What a Pod's own program drops is counted here. */
SEC("tc")
int step_drop(struct __sk_buff *skb) {
	return conclude(skb, VERDICT_DROP, handed_network(skb));
}

/* Run by user space, not by packets: see struct vpc_forget. */
SEC("tc")
int forget_flow(struct __sk_buff *skb) {
	struct vpc_forget forget;
	if (bpf_skb_load_bytes(skb, 0, &forget, sizeof forget))
		return 0;
	return forget_remembered_flow(&forget.key, forget.even_if_alive);
}

char _license[] SEC("license") = "Dual BSD/GPL";
