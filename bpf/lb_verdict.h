/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What becomes of a frame: it passes to the host, leaves where it came in, or is dropped for a reason that is counted. */
#ifndef VPC_LB_VERDICT_H
#define VPC_LB_VERDICT_H

#include "lb_headers.h"
#include "lb_state.h"

/* Above these stand the reasons to drop, LB_DROP_*. */
enum lb_verdict { LB_PASS, LB_SEND };

static __always_inline void count(__u32 vip, __u32 what) {
	__u32 index = vip * LB_COUNTS_OF_A_VIP + what;
	__u64 *counter = bpf_map_lookup_elem(&counts, &index);
	if (counter)
		*counter += 1;
}

static __always_inline void tell_drop(xdp_context *ctx, __u32 vip, __u32 reason) {
	const char *start = frame_start(ctx), *end = frame_end(ctx);
	struct lb_drop_event event = {.vip = vip, .reason = reason, .length = bytes_between(start, end)};
	if (start + sizeof event.head <= end)
		__builtin_memcpy(event.head, start, sizeof event.head);
	bpf_ringbuf_output(&drop_events, &event, sizeof event, 0);
}

static __always_inline int conclude(xdp_context *ctx, __u32 vip, int verdict) {
	if (verdict == LB_SEND)
		return XDP_TX;
	if (verdict == LB_PASS)
		return XDP_PASS;
	__u32 zero = 0;
	const struct lb_settings *set = bpf_map_lookup_elem(&settings, &zero);
	count(vip, verdict);
	if (set && set->drop_events)
		tell_drop(ctx, vip, verdict);
	return XDP_DROP;
}

#endif
