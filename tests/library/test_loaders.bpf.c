// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// What is written into the object decides what the programs answer.

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "parameter.h"

VPC_PARAMETER(__u32, constant, "type=integer;range=1..1000;text=a named constant");
volatile __u32 in_bss = 0;
volatile __u32 in_data = 5;
const volatile __u32 in_rodata = 7;

SEC("tc")
int answer_tc(struct __sk_buff *skb) {
	return VPC_CONSTANT(constant) + in_bss + in_data + in_rodata;
}

SEC("xdp")
int answer_xdp(struct xdp_md *context) {
	return VPC_CONSTANT(constant) + in_bss + in_data + in_rodata + 1;
}

char _license[] SEC("license") = "Dual BSD/GPL";
