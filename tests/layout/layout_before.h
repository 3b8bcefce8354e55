/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Stands in for bpf/layout_before.h where tests build layout 2: what layout 1 had. In layout 2 the key of `flows` and the
 * value of `members` have a field more, in their middle.
 */
#ifndef VPC_LAYOUT_BEFORE_H
#define VPC_LAYOUT_BEFORE_H

#include "datapath_maps.h"

struct vpc_member_before {
	struct vpc_address node;
	__u32 ifindex;
	__u8 mac[6];
	__u8 node_mac[6];
};

struct vpc_flow_key_before {
	__u32 network;
	__u8 protocol;
	__u8 zero[3];
	__u16 pod_port, peer_port;
	__u32 zero2;
	struct vpc_address pod, peer;
};

#define OF_MEMBER(VALUE, field_) VALUE(members, struct vpc_member_before, struct vpc_member, field_)
#define OF_FLOW(KEY, field_) KEY(flows, struct vpc_flow_key_before, struct vpc_flow_key, field_)

#define VPC_LAYOUT_BEFORE(KEY, VALUE) \
	OF_MEMBER(VALUE, node) OF_MEMBER(VALUE, ifindex) OF_MEMBER(VALUE, mac) OF_MEMBER(VALUE, node_mac) \
	OF_FLOW(KEY, network) OF_FLOW(KEY, protocol) OF_FLOW(KEY, pod_port) OF_FLOW(KEY, peer_port) OF_FLOW(KEY, pod) OF_FLOW(KEY, peer)

#endif
