// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// The balancer: packets to a VIP leave to one of its backends by the interface on which they came; all others pass.
//
//   client ──▶ balance (here) ── IP in IP ──▶ backend's decapsulate ──▶ its server ──▶ client

#include "lb_ipv4.h"
#include "lb_ipv6.h"

static __always_inline int balance_frame(xdp_context *ctx, __u32 *ret_vip) {
	struct lb_ethernet *eth = frame_start(ctx);
	if ((void *)(eth + 1) > frame_end(ctx))
		return LB_PASS;
	if (eth->destination[0] & bpf_htons(0x0100)) /* to a group */
		return LB_PASS;
	if (eth->protocol == LB_ETHERNET_IPV4)
		return balance_ipv4(ctx, (void *)(eth + 1), ret_vip);
	if (eth->protocol == LB_ETHERNET_IPV6)
		return balance_ipv6(ctx, (void *)(eth + 1), ret_vip);
	return LB_PASS;
}

SEC("xdp")
int balance(xdp_context *ctx) {
	__u32 vip = 0;
	int verdict = balance_frame(ctx, &vip);
	return conclude(ctx, vip, verdict);
}

char _license[] SEC("license") = "Dual BSD/GPL";
