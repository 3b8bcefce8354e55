// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// Passes everything: what a veth sends by XDP arrives only if its peer has a program, too.

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int pass(struct xdp_md *ctx) {
	return XDP_PASS;
}

char _license[] SEC("license") = "Dual BSD/GPL";
