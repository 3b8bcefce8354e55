// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// Unwraps in XDP what the balancer sent; the host's stack, which has the VIP, takes it from here.

#include "lb_decap.h"

static __always_inline int unwrap(xdp_context *ctx, int outer_length, __u8 protocol) {
	struct lb_ethernet *eth = frame_start(ctx);
	if ((void *)(eth + 1) > frame_end(ctx))
		return LB_DECAP_FAILED;
	struct lb_ethernet saved = *eth;
	if (grow_head(ctx, -outer_length))
		return LB_DECAP_FAILED;
	eth = frame_start(ctx);
	if ((void *)(eth + 1) > frame_end(ctx))
		return LB_DECAP_FAILED;
	*eth = saved;
	eth->protocol = protocol == LB_PROTOCOL_IPIP ? LB_ETHERNET_IPV4 : LB_ETHERNET_IPV6;
	return LB_DECAP_UNWRAPPED;
}

static __always_inline int decapsulate_frame(xdp_context *ctx) {
	struct lb_ethernet *eth = frame_start(ctx);
	if ((void *)(eth + 1) > frame_end(ctx))
		return -1;
	if (eth->protocol == LB_ETHERNET_IPV4) {
		struct lb_ipv4 *outer = (void *)(eth + 1);
		int verdict = accept4(outer, frame_end(ctx), bytes_between(outer, frame_end(ctx)));
		if (verdict != LB_DECAP_UNWRAPPED || (void *)(outer + 1) > frame_end(ctx))
			return verdict;
		return unwrap(ctx, sizeof *outer, outer->protocol);
	}
	if (eth->protocol == LB_ETHERNET_IPV6) {
		struct lb_ipv6 *outer = (void *)(eth + 1);
		int verdict = accept6(outer, frame_end(ctx), bytes_between(outer, frame_end(ctx)));
		if (verdict != LB_DECAP_UNWRAPPED || (void *)(outer + 1) > frame_end(ctx))
			return verdict;
		return unwrap(ctx, sizeof *outer, outer->next_header);
	}
	return -1;
}

SEC("xdp")
int decapsulate(xdp_context *ctx) {
	int what = decapsulate_frame(ctx);
	if (what >= 0)
		count_decap(what);
	return what == LB_DECAP_FAILED ? XDP_DROP : XDP_PASS;
}

char _license[] SEC("license") = "Dual BSD/GPL";
