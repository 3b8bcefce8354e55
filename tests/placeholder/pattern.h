/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * How patterns are written. The first word of a pattern's name is its class:
 *   plain   never refused, whatever the value
 *   signed  widened as a signed number: a placeholder without bit 31 cannot show that to anybody
 *   any     may be refused, never written wrongly
 */
#ifndef PLACEHOLDER_PATTERN_H
#define PLACEHOLDER_PATTERN_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "frame.h"

#define PATTERN(name) \
	static __always_inline int name##_body(struct frame *f); \
	SEC("tc") int name(struct __sk_buff *skb) { \
		struct frame *f = (void *)(long)skb->data; \
		if ((void *)(f + 1) > (void *)(long)skb->data_end) \
			return -1; \
		return name##_body(f); \
	} \
	static __always_inline int name##_body(struct frame *f)

#define SUBPROGRAM static __attribute__((noinline))
#define forget() asm volatile("" ::: "memory")
#define touch(value) asm volatile("" : "+r"(value))

char _license[] SEC("license") = "Dual BSD/GPL";

#endif
