/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Ways to other nodes that carry less than the uplink does, as routers of the underlay said. */
#ifndef VPC_PATH_H
#define VPC_PATH_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "flow_age.h"
#include "maps.h"

#define NO_LIMIT 0xffffffffu

/* The largest packet that the way to a node carries; asked for real only if the packet would not pass the smallest way. */
static __always_inline __u32 path_mtu(const struct vpc_address *node, __u32 length) {
	__u32 first = 0;
	const __u32 *smallest = bpf_map_lookup_elem(&smallest_path, &first);
	if (!smallest || *smallest - 1 >= length - 1) /* 0, that there is none, becomes the largest number */
		return NO_LIMIT;
	const struct vpc_path *path = bpf_map_lookup_elem(&paths, node);
	return path && bpf_ktime_get_ns() - path->learned < VPC_PATH_LIFE ? path->mtu : NO_LIMIT;
}

static __always_inline void learn_path(const struct vpc_address *node, __u32 mtu) {
	struct vpc_path path = {.learned = bpf_ktime_get_ns(), .mtu = mtu};
	__u32 first = 0;
	__u32 *smallest = bpf_map_lookup_elem(&smallest_path, &first);
	if (bpf_map_update_elem(&paths, node, &path, BPF_ANY) || !smallest)
		return;
	if (!*smallest || mtu < *smallest)
		*smallest = mtu;
}

#endif
