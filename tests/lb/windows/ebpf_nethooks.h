/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The XDP hook of eBPF for Windows: its context, its actions, whose numbers are not Linux's, and its one helper. */
#ifndef STAND_IN_EBPF_NETHOOKS_H
#define STAND_IN_EBPF_NETHOOKS_H

typedef struct xdp_md {
	void *data, *data_end;
	uint64_t data_meta;
	uint32_t ingress_ifindex;
} xdp_md_t;

typedef enum { XDP_PASS = 1, XDP_DROP, XDP_TX } xdp_action_t;

static int (*const bpf_xdp_adjust_head)(xdp_md_t *ctx, int delta) = (void *)0x10000;

#endif
