/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* From a Pod's own program to a shared one, with the Pod's identity. */
#ifndef VPC_STEP_H
#define VPC_STEP_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "count.h"
#include "maps.h"

/* Beside the actions of tc: that a shared program has to go on. */
#define VERDICT_STEP 0x101

static __always_inline int continue_in(struct __sk_buff *skb, enum vpc_step step) {
	skb->cb[VPC_HANDED_STEP] = step;
	return VERDICT_STEP;
}

/*
 * Goes on in the shared program that was handed over and does not return, unless it is missing. The kernel must not know the
 * step: for a known one it patches a jump into its running text, which interrupts all CPUs, once for each Pod and place.
 */
static __always_inline void call_step(struct __sk_buff *skb) {
	bpf_tail_call(skb, &steps, *(volatile __u32 *)&skb->cb[VPC_HANDED_STEP]);
}

/* How a Pod's program ends: with an action of tc, or in a shared program, where drops are counted, too. */
static __always_inline int leave(struct __sk_buff *skb, int verdict, __u32 network) {
	if (verdict < VERDICT_DROP)
		return verdict;
	skb->cb[VPC_HANDED_NETWORK] = network;
	if (verdict == VERDICT_DROP)
		skb->cb[VPC_HANDED_STEP] = VPC_STEP_DROP;
	call_step(skb);
	DROP(INTERNAL);
	skb->cb[VPC_HANDED_STEP] = VPC_STEP_DROP;
	call_step(skb);
	return TC_ACT_SHOT;
}

static __always_inline __u32 handed_network(const struct __sk_buff *skb) {
	return skb->cb[VPC_HANDED_NETWORK];
}

/* The Pod whose program handed the frame over; NULL if its record is missing. */
static __always_inline const struct vpc_pod_record *handed_pod(const struct __sk_buff *skb) {
	struct vpc_pod_key key = {.network = skb->cb[VPC_HANDED_NETWORK], .ifindex = skb->ifindex};
	return bpf_map_lookup_elem(&pods, &key);
}

#endif
