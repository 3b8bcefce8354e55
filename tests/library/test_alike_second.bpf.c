// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// Static variables that test_alike_first.bpf.c calls alike.

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

static volatile __u32 in_two_sections; /* .bss */
static volatile __u16 in_one_section = 8;

SEC("tc")
int second(struct __sk_buff *skb) {
	return in_two_sections * 100 + in_one_section * 10;
}
