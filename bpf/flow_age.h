/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * How long a remembered flow or fragment counts. Read by both sides: the packet programs take an expired entry for an
 * absent one and use it anew, and user space removes those that nobody meets again.
 */
#ifndef VPC_FLOW_AGE_H
#define VPC_FLOW_AGE_H

#include <linux/in.h>
#include <linux/types.h>
#include "datapath_maps.h"

#define VPC_SECOND 1000000000ull

/* Bits of struct vpc_flow's state. */
#define VPC_FLOW_FIN_FROM_POD 1u
#define VPC_FLOW_FIN_TO_POD 2u
#define VPC_FLOW_RESET 4u
#define VPC_FLOW_SEEN_FROM_POD 8u
#define VPC_FLOW_SEEN_TO_POD 16u
#define VPC_FLOW_CLOSED (VPC_FLOW_FIN_FROM_POD | VPC_FLOW_FIN_TO_POD)
#define VPC_FLOW_ANSWERED (VPC_FLOW_SEEN_FROM_POD | VPC_FLOW_SEEN_TO_POD)

#define VPC_FRAGMENT_LIFE (5 * VPC_SECOND)
#define VPC_PATH_LIFE (600 * VPC_SECOND) /* RFC 1191 section 6.3 */

/* Nanoseconds without a packet after which the flow is over. */
static inline __u64 vpc_flow_life(__u8 protocol, __u32 state) {
	if (protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6)
		return 10 * VPC_SECOND;
	if (protocol != IPPROTO_TCP)
		return 60 * VPC_SECOND;
	if ((state & VPC_FLOW_RESET) || (state & VPC_FLOW_CLOSED) == VPC_FLOW_CLOSED)
		return 10 * VPC_SECOND;
	if ((state & VPC_FLOW_ANSWERED) != VPC_FLOW_ANSWERED)
		return 30 * VPC_SECOND;
	if (state & VPC_FLOW_CLOSED)
		return 120 * VPC_SECOND;
	return 8100 * VPC_SECOND; /* longer than the two hours after which a host sends its first keepalive (RFC 1122) */
}

/* `now` and last_seen are of CLOCK_MONOTONIC, as bpf_ktime_get_ns() gives it; last_seen may be newer than `now`. */
static inline int vpc_flow_is_expired(const struct vpc_flow *flow, __u8 protocol, __u64 now) {
	return (__s64)(now - flow->last_seen) > (__s64)vpc_flow_life(protocol, flow->state);
}

static inline int vpc_fragment_is_expired(const struct vpc_fragment *fragment, __u64 now) {
	return (__s64)(now - fragment->last_seen) > (__s64)VPC_FRAGMENT_LIFE;
}

#endif
