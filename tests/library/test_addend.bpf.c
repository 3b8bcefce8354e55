// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// A variable so far into its section that its offset, which waits in an instruction, is the placeholder.

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define PLACE 0x12340

volatile __u32 numbers[PLACE / 4 + 1] = {[PLACE / 4] = 6};

static __always_inline __u32 far_away(void) {
	volatile __u32 *number;
	asm volatile("%0 = numbers + 0x12340 ll" : "=r"(number));
	return *number;
}

SEC("tc")
int reads_and_compares(struct __sk_buff *skb) {
	return skb->mark == PLACE ? far_away() : numbers[0];
}

SEC("tc")
int only_reads(struct __sk_buff *skb) {
	return far_away();
}

char _license[] SEC("license") = "Dual BSD/GPL";
