// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// A placeholder in two programs and in subprograms that they call.

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define PLACE 0xFEDCBA98
#define OTHER 0xABCD1234

static __attribute__((noinline)) int only_alone(struct __sk_buff *skb) {
	return skb->mark == PLACE ? 1 : 2;
}

static __attribute__((noinline)) int of_both(struct __sk_buff *skb) {
	return skb->priority == OTHER ? 3 : 4;
}

SEC("tc")
int alone(struct __sk_buff *skb) {
	return only_alone(skb);
}

SEC("tc")
int first(struct __sk_buff *skb) {
	return skb->mark == PLACE ? of_both(skb) : 5;
}

SEC("tc")
int second(struct __sk_buff *skb) {
	return of_both(skb);
}

char _license[] SEC("license") = "Dual BSD/GPL";
