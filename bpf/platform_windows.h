/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* eBPF for Windows: its headers declare helpers, maps and the XDP hook. It has no helper that moves a frame's end. */
#ifndef VPC_PLATFORM_WINDOWS_H
#define VPC_PLATFORM_WINDOWS_H

#include <bpf_endian.h>
#include <bpf_helpers.h>
#include <ebpf_nethooks.h>

typedef uint8_t __u8;
typedef uint16_t __u16, __be16, __sum16;
typedef uint32_t __u32, __be32;
typedef uint64_t __u64;

typedef xdp_md_t xdp_context;

#ifndef __always_inline
#define __always_inline inline __attribute__((always_inline))
#endif
#ifndef __noinline
#define __noinline __attribute__((noinline))
#endif
#define INNER_ARRAY_FLAGS 0
#define USER_ARRAY_FLAGS 0

static __always_inline void *frame_start(const xdp_context *ctx) {
	return ctx->data;
}

static __always_inline void *frame_end(const xdp_context *ctx) {
	return ctx->data_end;
}

static __always_inline int grow_head(xdp_context *ctx, int bytes) {
	return bpf_xdp_adjust_head(ctx, -bytes);
}

static __always_inline int cut_tail(xdp_context *ctx, int bytes) {
	(void)ctx;
	(void)bytes;
	return -1;
}

static __always_inline __u64 coarse_time(void) {
	return bpf_ktime_get_ns();
}

#endif
