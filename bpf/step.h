/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* From a Pod's own program to a shared one, with the Pod's identity. */
#ifndef VPC_STEP_H
#define VPC_STEP_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "count.h"
#include "maps.h"

/* Goes on in a shared program and does not return, unless that program is missing. Runs on the Pod's host side only. */
static __always_inline int continue_in(struct __sk_buff *skb, enum vpc_step step, __u32 network) {
	skb->cb[0] = network;
	bpf_tail_call(skb, &steps, step);
	return DROP(INTERNAL);
}

static __always_inline __u32 handed_network(const struct __sk_buff *skb) {
	return skb->cb[0];
}

/* The Pod whose program handed the frame over; NULL if its record is missing. */
static __always_inline const struct vpc_pod_record *handed_pod(const struct __sk_buff *skb) {
	struct vpc_pod_key key = {.network = skb->cb[0], .ifindex = skb->ifindex};
	return bpf_map_lookup_elem(&pods, &key);
}

#endif
