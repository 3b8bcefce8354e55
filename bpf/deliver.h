/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The last step before a Pod of this node. */
#ifndef VPC_DELIVER_H
#define VPC_DELIVER_H

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <bpf/bpf_helpers.h>
#include "address.h"
#include "count.h"
#include "cursor.h"

/*
 * Hands the frame to a member that lives on this node. redirect_peer goes straight into the Pod's namespace, past
 * to_pod and the host's stack, so everything that they would have seen to is done here: the frame carries the Pod's
 * MAC and is taken for its own, and no mark of another namespace enters.
 */
static __always_inline int deliver_to_pod(struct __sk_buff *skb, struct ethhdr *eth, const struct vpc_member *member) {
	__u32 ifindex = member->ifindex;
	set_mac(eth->h_dest, member->mac);
	bpf_skb_change_type(skb, PACKET_HOST); /* where it cannot, the Pod refuses the frame */
	skb->mark = 0;
	bpf_redirect_peer(ifindex, 0);
	return REDIRECTED;
}

#endif
