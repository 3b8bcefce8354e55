/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A token bucket for each network and purpose, so that what one VPC provokes costs the others nothing. */
#ifndef VPC_BUDGET_H
#define VPC_BUDGET_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "flow_age.h"
#include "maps.h"

#define BUDGET_RATE 200  /* a second */
#define BUDGET_BURST 200 /* at most at once */
#define BUDGET_FRAGMENTS 0x40000000u /* beside the network: for remembered fragments; without it for ICMP answers */

/* Whether there is a token left. CPUs may race: a few too many then pass, which a rate limit can bear. */
static __always_inline int take_token(__u32 bucket) {
	__u64 now = bpf_ktime_get_ns();
	struct vpc_budget *budget = bpf_map_lookup_elem(&icmp_budget, &bucket);
	if (!budget) {
		struct vpc_budget full = {.refilled = now, .tokens = BUDGET_BURST - 1};
		return !bpf_map_update_elem(&icmp_budget, &bucket, &full, BPF_ANY);
	}
	__u64 gained = (now - budget->refilled) / (VPC_SECOND / BUDGET_RATE);
	__u64 tokens = budget->tokens;
	if (gained) {
		tokens = gained > BUDGET_BURST || tokens + gained > BUDGET_BURST ? BUDGET_BURST : tokens + gained;
		budget->refilled = now;
	}
	if (tokens)
		budget->tokens = tokens - 1;
	return tokens != 0;
}

#endif
