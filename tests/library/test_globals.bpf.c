// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// Global variables of every section and width, read back through another one.

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

/* No map of its own: objects without BTF cannot declare one. */
volatile __u64 results[64] SEC(".data.results");

/* Neighbours show a write of the wrong width. */
#define VARIABLES(prefix, qualifiers, section_, factor) \
	qualifiers __u8 prefix##_1 section_ = factor * 1; \
	qualifiers __u16 prefix##_2 section_ = factor * 2; \
	qualifiers __u32 prefix##_4 section_ = factor * 4; \
	qualifiers __u64 prefix##_8 section_ = factor * 8; \
	qualifiers __u32 prefix##_array[3] section_ = {factor * 11, factor * 12, factor * 13}; \
	qualifiers __u32 prefix##_guard section_ = factor * 99;

VARIABLES(data, volatile, , 10)
VARIABLES(rodata, const volatile, , 20)
VARIABLES(bss, volatile, , 0)
VARIABLES(more_data, volatile, SEC(".data.more"), 30)
VARIABLES(more_rodata, const volatile, SEC(".rodata.more"), 40)
VARIABLES(static_data, static volatile, , 50)
VARIABLES(static_rodata, static const volatile, , 60)
VARIABLES(static_bss, static volatile, , 0)

const __u32 folded = 5;
volatile __u32 never_read = 6;
volatile struct { __u8 bytes[20]; } structure;

#define note(index, value) (results[index] = (value))

#define READ(base, prefix) \
	note(base, prefix##_1), note(base + 1, prefix##_2), note(base + 2, prefix##_4), note(base + 3, prefix##_8), \
	note(base + 4, prefix##_array[0]), note(base + 5, prefix##_array[1]), note(base + 6, prefix##_array[2]), note(base + 7, prefix##_guard)

SEC("tc")
int read_globals(struct __sk_buff *skb) {
	READ(0, data);
	READ(8, rodata);
	READ(16, bss);
	READ(24, more_data);
	READ(32, more_rodata);
	READ(40, static_data);
	READ(48, static_rodata);
	READ(56, static_bss);
	return folded + structure.bytes[0];
}

/* Keeps a state between runs: shared by all instances that set nothing. */
SEC("tc")
int count_up(struct __sk_buff *skb) {
	return ++data_4;
}

char _license[] SEC("license") = "Dual BSD/GPL";
