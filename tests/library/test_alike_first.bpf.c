// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// Static variables that test_alike_second.bpf.c calls alike.

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

static volatile __u32 in_two_sections = 5; /* .data */
static volatile __u32 in_one_section = 6;
static volatile __u32 only_here = 7;

SEC("tc")
int first(struct __sk_buff *skb) {
	return in_two_sections * 100 + in_one_section * 10 + only_here;
}

char _license[] SEC("license") = "Dual BSD/GPL";
