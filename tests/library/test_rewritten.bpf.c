// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// A constant that libbpf rewrites for the running kernel (CO-RE) stands where a placeholder is sought.

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

enum chosen { CHOSEN = 0xFEDCBA98 };

SEC("tc")
int by_kernel(struct __sk_buff *skb) {
	return skb->mark == bpf_core_enum_value(enum chosen, CHOSEN);
}

SEC("tc")
int by_source(struct __sk_buff *skb) {
	return skb->mark == 0xFEDCBA98 ? 1 : 2;
}

char _license[] SEC("license") = "Dual BSD/GPL";
