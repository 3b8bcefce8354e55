/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef VPC_PLATFORM_LINUX_H
#define VPC_PLATFORM_LINUX_H

#include <linux/bpf.h>
#include <linux/types.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

typedef struct xdp_md xdp_context;

#define INNER_ARRAY_FLAGS BPF_F_INNER_MAP
#define USER_ARRAY_FLAGS BPF_F_MMAPABLE

static __always_inline void *frame_start(const xdp_context *ctx) {
	return (void *)(long)ctx->data;
}

static __always_inline void *frame_end(const xdp_context *ctx) {
	return (void *)(long)ctx->data_end;
}

/* Makes room in front of the frame, or takes bytes away there if negative. */
static __always_inline int grow_head(xdp_context *ctx, int bytes) {
	return bpf_xdp_adjust_head(ctx, -bytes);
}

static __always_inline int cut_tail(xdp_context *ctx, int bytes) {
	return bpf_xdp_adjust_tail(ctx, -bytes);
}

static __always_inline __u64 coarse_time(void) {
	return bpf_ktime_get_ns();
}

#endif
