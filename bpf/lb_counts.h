/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the balancer counts for each VIP: events, and reasons for which it dropped. These lists are the only ones: the
 * enum, the counters, the text of vpcctl and the documentation are made from them. Append only: the number is part of
 * the pinned layout.
 */
#ifndef VPC_LB_COUNTS_H
#define VPC_LB_COUNTS_H

#define LB_EVENTS(X) \
	X(NEW_FLOW, "first packet of a flow, for which a backend was chosen") \
	X(UNRECORDED_FLOW, "chosen, but not remembered: more new flows a second than the table is to take") \
	X(ICMP_ERROR, "ICMP error led to the backend whose packet it quotes") \
	X(TOO_BIG_ANSWERED, "answered with an ICMP error that names the size that fits")

#define LB_DROP_REASONS(X) \
	X(TRUNCATED, "frame shorter than its headers claim") \
	X(MALFORMED_HEADER, "a header contradicts itself: version, length or fragment") \
	X(EXTENSION_HEADER, "IPv6 extension header other than one fragment header") \
	X(TIME_EXCEEDED, "time to live used up") \
	X(NO_BACKEND, "the VIP has no backend that is up") \
	X(FRAGMENT_WITHOUT_FIRST, "fragment whose first one was not seen") \
	X(TOO_BIG, "larger than the way to the backend carries") \
	X(NO_NEXT_HOP, "the MAC address of the next hop is not known") \
	X(NO_HEADROOM, "the driver leaves no room in front of the frame") \
	X(INTERNAL, "a map entry that must exist is missing")

#define LB_EVENT_AS_ENUM(name_, text_) LB_EVENT_##name_,
#define LB_DROP_AS_ENUM(name_, text_) LB_DROP_##name_,
enum lb_count { LB_EVENTS(LB_EVENT_AS_ENUM) LB_EVENT_COUNT, LB_BEFORE_DROPS = 15, LB_DROP_REASONS(LB_DROP_AS_ENUM) LB_COUNT_END };

/* Counters of one VIP; those of packets that belong to none stand under VIP 0. */
#define LB_COUNTS_OF_A_VIP 48

#endif
