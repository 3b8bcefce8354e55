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
 */
static __always_inline __u32 segment_length(struct __sk_buff *skb) {
	__u32 payload = skb->gso_size;
	if (!payload)
		return skb->len - ETH_HLEN;

	__u8 head[10];
	if (bpf_skb_load_bytes(skb, ETH_HLEN, head, sizeof head))
		return skb->len - ETH_HLEN;
	int is_ipv4 = head[0] >> 4 == 4;
	__u32 network = is_ipv4 ? (head[0] & 15) * 4 : sizeof(struct ipv6hdr);
	if ((is_ipv4 ? head[9] : head[6]) == IPPROTO_UDP)
		return network + 8 + payload;
	__u8 offset = 5 << 4;
	bpf_skb_load_bytes(skb, ETH_HLEN + network + 12, &offset, 1);
	return network + (offset >> 4) * 4 + payload;
}

#endif
