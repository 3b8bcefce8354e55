// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// BPF_PROG_TEST_RUN with a repetition feeds a program what it left of the frame. This one makes the frame what it was,
// gives it the next of so many sources, and calls the program under test; `wrap_alone` does the same and calls nothing.

#include "lb_wrap.h"

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/tcp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} wrapped SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct lb_wrap);
} wrap_settings SEC(".maps");

static __always_inline int restore(struct xdp_md *ctx) {
	__u32 zero = 0;
	struct lb_wrap *set = bpf_map_lookup_elem(&wrap_settings, &zero);
	if (!set)
		return -1;
	int excess = (int)(ctx->data_end - ctx->data) - LB_WRAP_LENGTH;
	if (excess && bpf_xdp_adjust_head(ctx, excess))
		return -1;
	void *frame = (void *)(long)ctx->data;
	if (frame + LB_WRAP_LENGTH > (void *)(long)ctx->data_end)
		return -1;
	__u16 *ethernet = frame;
	__u32 *words = frame + sizeof set->frame.ethernet, flow = set->counter++ & set->mask;
#pragma unroll
	for (int i = 0; i < 7; i++)
		ethernet[i] = set->frame.ethernet[i];
#pragma unroll
	for (int i = 0; i < 12; i++)
		words[i] = i == LB_WRAP_SOURCE ? bpf_htonl(bpf_ntohl(set->frame.words[i]) + flow) : set->frame.words[i];
	*(__u16 *)(words + 12) = set->frame.end;
	return 0;
}

SEC("xdp")
int wrap(struct xdp_md *ctx) {
	if (restore(ctx))
		return XDP_ABORTED;
	bpf_tail_call(ctx, &wrapped, 0);
	return XDP_ABORTED;
}

SEC("xdp")
int wrap_alone(struct xdp_md *ctx) {
	return restore(ctx) ? XDP_ABORTED : XDP_TX;
}

/* The same on every machine and kernel: what a processor does with registers in a given time. */
SEC("xdp")
int arithmetic(struct xdp_md *ctx) {
	__u64 x = 88172645463325252ULL + ctx->rx_queue_index;
	for (int i = 0; i < LB_WRAP_ROUNDS; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
	}
	return x ? XDP_DROP : XDP_PASS;
}

char _license[] SEC("license") = "Dual BSD/GPL";
