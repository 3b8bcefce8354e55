/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* How a packet program ends: with an action of tc, or with a reason to drop, which is counted by network. */
#ifndef VPC_COUNT_H
#define VPC_COUNT_H

#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>
#include "datapath_maps.h"
#include "drop_reasons.h"
#include "maps.h"

/*
 * A verdict is an action of tc or, above all of them, VERDICT_DROP. The reason stands in skb->cb: a constant in a register
 * would make the verifier walk the end of a program once for each reason.
 */
#define VERDICT_DROP 0x100
#define DROP(reason_) drop(skb, VPC_DROP_##reason_)
#define PASS TC_ACT_UNSPEC   /* programs of others still run */
#define REDIRECTED TC_ACT_REDIRECT /* what bpf_redirect and bpf_redirect_peer give for the flags 0, known beforehand */
#define CONSUMED TC_ACT_SHOT /* nobody needs the frame any more; not counted */

static __always_inline int drop(struct __sk_buff *skb, enum vpc_drop_reason reason) {
	skb->cb[VPC_HANDED_REASON] = reason;
	return VERDICT_DROP;
}

static __always_inline void count_drop(__u32 network, __u32 reason) {
	struct vpc_drop_key key = {.network = network, .reason = reason};
	__u64 *counter = bpf_map_lookup_elem(&drops, &key);
	if (!counter) {
		__u64 zero = 0;
		bpf_map_update_elem(&drops, &key, &zero, BPF_NOEXIST);
		counter = bpf_map_lookup_elem(&drops, &key);
	}
	if (counter)
		(*counter)++; /* each CPU has its own */
}

/* The action of tc for a verdict. */
static __always_inline int conclude(struct __sk_buff *skb, int verdict, __u32 network) {
	if (verdict != VERDICT_DROP)
		return verdict;
	count_drop(network, skb->cb[VPC_HANDED_REASON]);
	return TC_ACT_SHOT;
}

#endif
