/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* How long the packets will be into which a large one is cut on its way out. */
#ifndef VPC_SEGMENT_H
#define VPC_SEGMENT_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "headers.h"

/*
 * Length of the largest IP packet that this frame becomes. A frame that the kernel has yet to segment counts as one
 * segment: its network and transport headers and gso_size of payload. Only TCP and UDP are segmented.
 * `network` is the length of the network header, `protocol` what follows it.
 */
static __always_inline __u32 segment_length(struct __sk_buff *skb, __u32 network, __u8 protocol) {
	__u32 payload = skb->gso_size;
	__u8 offset = 5 << 4;
	if (!payload)
		return skb->len - ETH_HLEN;
	if (protocol == IPPROTO_UDP)
		return network + 8 + payload;
	bpf_skb_load_bytes(skb, ETH_HLEN + network + 12, &offset, 1);
	return network + (offset >> 4) * 4 + payload;
}

#endif
