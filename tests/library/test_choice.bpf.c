// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// Programs of which one is chosen: what is its own, what another's, and what they share.

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "parameter.h"

VPC_PARAMETER(__u32, mine, "type=integer;text=of first");
VPC_PARAMETER(__u32, other, "type=integer;text=of second");
VPC_PARAMETER(__u32, shared, "type=integer;text=of third and fourth");

struct number_map {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} map_of_first SEC(".maps"), map_of_second SEC(".maps");

static __attribute__((noinline)) int own_function(struct __sk_buff *skb) {
	__u32 zero = 0;
	__u64 *number = bpf_map_lookup_elem(&map_of_first, &zero);
	return number ? skb->mark + VPC_CONSTANT(mine) : -1;
}

static __attribute__((noinline)) int shared_function(struct __sk_buff *skb) {
	return skb->mark + VPC_CONSTANT(shared);
}

SEC("tc")
int first(struct __sk_buff *skb) {
	return own_function(skb) + VPC_CONSTANT(mine);
}

SEC("tc")
int second(struct __sk_buff *skb) {
	__u32 zero = 0;
	__u64 *number = bpf_map_lookup_elem(&map_of_second, &zero);
	return number ? VPC_CONSTANT(other) : -1;
}

SEC("tc")
int third(struct __sk_buff *skb) {
	return shared_function(skb) + 1;
}

SEC("tc")
int fourth(struct __sk_buff *skb) {
	return shared_function(skb) + 2;
}

char _license[] SEC("license") = "Dual BSD/GPL";
