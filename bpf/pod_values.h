/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Where the programs of a Pod have its values from: constants in the instructions. The benchmark compiles the same
 * programs with VPC_VALUES_FROM_MAP, reading them for each packet from a hash by interface, to show what that costs.
 */
#ifndef VPC_POD_VALUES_H
#define VPC_POD_VALUES_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#ifndef VPC_VALUES_FROM_MAP

#include "pod_parameters.h"

struct pod_values;

#define POD_VALUE(values_, name_) VPC_CONSTANT(name_)
#define POD_VALUE_AT(values_, name_, offset_) VPC_CONSTANT_AT(name_, offset_)
#define FIND_POD_VALUES(skb_) ((const struct pod_values *)1)

#else

struct pod_values {
	__u64 encapsulation, network_id, pod_mac, pod_ipv4, pod_ipv6[2], underlay_ifindex, underlay_mac, underlay_family, mtu;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, struct pod_values);
} pod_values_by_ifindex SEC(".maps");

#define POD_VALUE(values_, name_) (*(const __u64 *)&(values_)->name_)
#define POD_VALUE_AT(values_, name_, offset_) (*(const __u64 *)((const char *)&(values_)->name_ + (offset_)))
#define FIND_POD_VALUES(skb_) ({ \
	__u32 ifindex_ = (skb_)->ifindex; \
	(const struct pod_values *)bpf_map_lookup_elem(&pod_values_by_ifindex, &ifindex_); \
})

#endif
#endif
