/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* For the verifier only. */
#ifndef VPC_FORGET_H
#define VPC_FORGET_H

#include <stddef.h>
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

/*
 * Makes the verifier forget what it learnt of a value while it was made: else it would walk all that follows once for each
 * combination. What comes out of skb->cb is any number to it.
 */
static __always_inline __u32 forget(struct __sk_buff *skb, __u32 value) {
	asm volatile("*(u32 *)(%[skb] + %[scratch]) = %[value]\n\t"
				 "%[value] = *(u32 *)(%[skb] + %[scratch])"
				 : [value] "+r"(value)
				 : [skb] "r"(skb), [scratch] "i"(offsetof(struct __sk_buff, cb[3]))
				 : "memory");
	return value;
}

#endif
