/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Why a frame was dropped. This list is the only one: the enum, the counters, the text of vpcctl, the metrics and the
 * documentation are made from it. Append only: the number is part of the pinned layout.
 */
#ifndef VPC_DROP_REASONS_H
#define VPC_DROP_REASONS_H

#define VPC_DROP_REASONS(X) \
	X(TRUNCATED, "frame shorter than its headers claim") \
	X(MALFORMED_HEADER, "a header contradicts itself: version, length or options") \
	X(FOREIGN_MAC, "source MAC is not the Pod's") \
	X(FOREIGN_ADDRESS, "source address is not the Pod's") \
	X(FOREIGN_ARP, "ARP sender is not the Pod") \
	X(FOREIGN_ND, "neighbour discovery source or link-layer address is not the Pod's") \
	X(FOREIGN_TAG, "VLAN tag from a Pod") \
	X(UNKNOWN_PROTOCOL, "neither ARP, IPv4 nor IPv6") \
	X(UNKNOWN_NEIGHBOUR, "ARP or ND for an address that is neither a member nor a next hop") \
	X(ROUTER_ADVERTISEMENT, "router advertisement or redirect") \
	X(LINK_LOCAL, "link-local traffic other than neighbour discovery") \
	X(MULTICAST, "multicast or broadcast") \
	X(NOT_A_MEMBER, "destination is neither a member of the VPC nor allowed") \
	X(NOT_ALLOWED_IN, "from outside the VPC and not allowed by allowFrom") \
	X(FORGED_NODE, "the node's own address on a packet that the node did not make") \
	X(TOO_BIG, "larger than the path carries; answered with an ICMP error") \
	X(FLOW_QUOTA, "the VPC has used up its share of remembered flows") \
	X(FLOW_TABLE_FULL, "no room for another remembered flow") \
	X(FRAGMENT_WITHOUT_FIRST, "fragment whose first one was not seen") \
	X(UNKNOWN_VTEP, "VXLAN packet from an address that is no node") \
	X(UNUSED_NETWORK, "identifier without a Pod on this node") \
	X(FOREIGN_INNER_SOURCE, "inner source does not live on the sending node") \
	X(FOREIGN_INNER_DESTINATION, "inner destination is no member on this node") \
	X(NOT_ENCAPSULATED, "packet on the VXLAN device without a usable tunnel key") \
	X(DOUBLE_TAG, "more than one VLAN tag on a claimed VLAN") \
	X(CONFINED, "Pod is confined: its network is not ready") \
	X(REDIRECT_FAILED, "a kernel helper refused the packet") \
	X(INTERNAL, "a map entry that must exist is missing")

#define VPC_DROP_AS_ENUM(name_, text_) VPC_DROP_##name_,
enum vpc_drop_reason { VPC_DROP_NONE, VPC_DROP_REASONS(VPC_DROP_AS_ENUM) VPC_DROP_REASON_COUNT };

#endif
