// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// For a Pod that must not have a network, or not yet: nothing passes in either direction.

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "count.h"

SEC("tc")
int confine(struct __sk_buff *skb) {
	return conclude(skb, DROP(CONFINED), 0); /* of no network: the Pod has none */
}

char _license[] SEC("license") = "Dual BSD/GPL";
