// SPDX-License-Identifier: Apache-2.0
// What arrives from other nodes. The frame in a row is the inner one; the sender, if not node b, stands behind it.
#include "rows.h"

#include <linux/if_ether.h>
#include <netinet/in.h>

static const struct row ARRIVALS[] = {
	{"from a member on node b", BOTH, FRAME(ETH(FAR, POD), IP(FAR, POD), UDP(1, 2), TEXT("hello")), REACHES(POD)},
	{"TCP from a member on node b", BOTH, FRAME(ETH(FAR, POD), IP(FAR, POD), TCP(1, 2)), REACHES(POD)},
	{"echo from a member on node c", BOTH, FRAME(ETH(FARTHER, PEER), IP(FARTHER, PEER), ECHO(1), FILL(56)), REACHES(PEER), .sender = NODE_C},
	{"in the other VPC", BOTH, FRAME(ETH(OTHER_FAR, OTHER), IP(OTHER_FAR, OTHER), UDP(1, 2)), REACHES(OTHER), .identifier = BLUE},
	{"in the other VPC, under an address that this one has on another node", BOTH, FRAME(ETH(FAR, OTHER), IP(FAR, OTHER), UDP(1, 2)), REACHES(OTHER), .sender = NODE_C, .identifier = BLUE},
	{"destination MAC is somebody else's", BOTH, FRAME(ETH(FAR, PEER), IP(FAR, POD), UDP(1, 2)), REACHES(POD)},
	{"later fragment", BOTH, FRAME(ETH(FAR, POD), IP(FAR, POD, .fragment = 3, .offset = 64, .protocol = IPPROTO_UDP), FILL(20)), REACHES(POD)},
	{"options", V4, FRAME(ETH(FAR, POD), IP(FAR, POD, OPTIONS("\1\1\1\1")), UDP(1, 2)), REACHES(POD)},
	{"extension headers", V6, FRAME(ETH(FAR, POD), IP(FAR, POD), EXT(IPPROTO_HOPOPTS), EXT(IPPROTO_DSTOPTS), UDP(1, 2)), REACHES(POD)},
	{"padding behind the packet", BOTH, FRAME(ETH(FAR, POD), IP(FAR, POD), UDP(1, 2)), REACHES(POD), .append = 18},
	{"a member of node c from node b", BOTH, FRAME(ETH(FARTHER, POD), IP(FARTHER, POD), UDP(1, 2)), DROPS(FOREIGN_INNER_SOURCE)},
	{"a member of node b from node c", BOTH, FRAME(ETH(FAR, POD), IP(FAR, POD), UDP(1, 2)), DROPS(FOREIGN_INNER_SOURCE), .sender = NODE_C},
	{"a Pod of this node from node b", BOTH, FRAME(ETH(PEER, POD), IP(PEER, POD), UDP(1, 2)), DROPS(FOREIGN_INNER_SOURCE)},
	{"the receiver itself from node b", BOTH, FRAME(ETH(POD, POD), IP(POD, POD), UDP(1, 2)), DROPS(FOREIGN_INNER_SOURCE)},
	{"nobody from node b", BOTH, FRAME(ETH(FAR, POD), IP(MISSING, POD), UDP(1, 2)), DROPS(FOREIGN_INNER_SOURCE)},
	{"no source", BOTH, FRAME(ETH(FAR, POD), IP(NOBODY, POD), UDP(1, 2)), DROPS(FOREIGN_INNER_SOURCE)},
	{"the gateway from node b", BOTH, FRAME(ETH(HOST, POD), IP(GATEWAY, POD), UDP(1, 2)), DROPS(FOREIGN_INNER_SOURCE)},
	{"this node's address from node b", BOTH, FRAME(ETH(HOST, POD), IP(NODE, POD), UDP(1, 2)), DROPS(FOREIGN_INNER_SOURCE)},
	{"a member of the other VPC in this one", BOTH, FRAME(ETH(OTHER_FAR, POD), IP(OTHER_FAR, POD), UDP(1, 2)), DROPS(FOREIGN_INNER_SOURCE)},
	{"this VPC's member from its node in the other one, which has that address elsewhere", BOTH, FRAME(ETH(FAR, OTHER), IP(FAR, OTHER), UDP(1, 2)), DROPS(FOREIGN_INNER_SOURCE), .identifier = BLUE},
	{"a member to a Pod of this VPC in the other one", BOTH, FRAME(ETH(FAR, POD), IP(FAR, POD), UDP(1, 2)), DROPS(FOREIGN_INNER_SOURCE), .identifier = BLUE},
	{"the other VPC's member to this one's Pod in the other one", BOTH, FRAME(ETH(OTHER_FAR, POD), IP(OTHER_FAR, POD), UDP(1, 2)), DROPS(FOREIGN_INNER_DESTINATION), .identifier = BLUE},
	{"to a Pod of the other VPC", BOTH, FRAME(ETH(FAR, OTHER), IP(FAR, OTHER), UDP(1, 2)), DROPS(FOREIGN_INNER_DESTINATION)},
	{"to a member on a third node", BOTH, FRAME(ETH(FAR, FARTHER), IP(FAR, FARTHER), UDP(1, 2)), DROPS(FOREIGN_INNER_DESTINATION)},
	{"back to the sender", BOTH, FRAME(ETH(FAR, FAR), IP(FAR, FAR), UDP(1, 2)), DROPS(FOREIGN_INNER_DESTINATION)},
	{"to nobody", BOTH, FRAME(ETH(FAR, POD), IP(FAR, MISSING), UDP(1, 2)), DROPS(FOREIGN_INNER_DESTINATION)},
	{"to the gateway", BOTH, FRAME(ETH(FAR, HOST), IP(FAR, GATEWAY), UDP(1, 2)), DROPS(FOREIGN_INNER_DESTINATION)},
	{"to this node", BOTH, FRAME(ETH(FAR, NODE), IP(FAR, NODE), UDP(1, 2)), DROPS(FOREIGN_INNER_DESTINATION)},
	{"to the outside", BOTH, FRAME(ETH(FAR, HOST), IP(FAR, ALLOWED), UDP(1, 2)), DROPS(FOREIGN_INNER_DESTINATION)},
	{"to loopback", BOTH, FRAME(ETH(FAR, POD), IP(FAR, LOOPBACK), UDP(1, 2)), DROPS(FOREIGN_INNER_DESTINATION)},
	{"a member's IPv4 address, mapped, as source", V6, FRAME(ETH(FAR, POD), IP(MAPPED, POD), UDP(1, 2)), DROPS(MALFORMED_HEADER)},
	{"multicast", BOTH, FRAME(ETH(FAR, MULTICAST), IP(FAR, MULTICAST), UDP(5353, 5353)), DROPS(MULTICAST)},
	{"to all", BOTH, FRAME(ETH(FAR, BROADCAST), IP(FAR, BROADCAST), UDP(1, 2)), DROPS(MULTICAST)},
	{"a Pod under a broadcast MAC", BOTH | VXLAN_ONLY, FRAME(ETH(FAR, BROADCAST), IP(FAR, POD), UDP(1, 2)), REACHES(POD)},
	{"to a link-local address", V6, FRAME(ETH(FAR, POD), IP(FAR, LINK_LOCAL), UDP(1, 2)), DROPS(LINK_LOCAL)},
	{"from a link-local address", V6, FRAME(ETH(FAR, POD), IP(FAR_LINK_LOCAL, POD), ND(135, POD)), DROPS(LINK_LOCAL)},
	{"router advertisement to all", V6, FRAME(ETH(FAR, BROADCAST), IP(FAR_LINK_LOCAL, BROADCAST), ND(134, NOBODY, .sender_mac = FAR)), DROPS(MULTICAST)},
	{"router advertisement to a Pod", V6, FRAME(ETH(FAR, POD), IP(FAR, POD), ND(134, NOBODY, .sender_mac = FAR)), DROPS(FOREIGN_ND)},
	{"neighbour advertisement to a Pod", V6, FRAME(ETH(FAR, POD), IP(FAR, POD), ND(136, GATEWAY, .flags = 0x60, .target_mac = FAR)), DROPS(FOREIGN_ND)},
	{"redirect to a Pod", V6, FRAME(ETH(FAR, POD), IP(FAR, POD), ND(137, PEER, .target_mac = FAR)), DROPS(FOREIGN_ND)},
	{"ARP", V4, FRAME(ETH(FAR, BROADCAST), ARP(1, .sender = FAR, .sender_mac = FAR, .target = POD)), DROPS(UNKNOWN_PROTOCOL)},
	{"ARP answer as the gateway", V4, FRAME(ETH(FAR, POD), ARP(2, .sender = GATEWAY, .sender_mac = FAR, .target = POD, .target_mac = POD)), DROPS(UNKNOWN_PROTOCOL)},
	{"LLC and SNAP", BOTH, FRAME(ETH(FAR, POD, .type = FORCE(36)), LLC(), IP(FAR, POD), UDP(1, 2)), DROPS(UNKNOWN_PROTOCOL)},
	{"unknown protocol", 0, FRAME(ETH(FAR, POD, .type = 0x88cc), FILL(46)), DROPS(UNKNOWN_PROTOCOL)},
	{"tag inside", BOTH, FRAME(ETH(FAR, POD), TAG(VLAN_RED), IP(FAR, POD), UDP(1, 2)), DROPS(DOUBLE_TAG)},
	{"priority tag inside", BOTH, FRAME(ETH(FAR, POD), TAG(0, .priority = 7), IP(FAR, POD), UDP(1, 2)), DROPS(DOUBLE_TAG)},
	{"tag of 802.1ad inside", BOTH, FRAME(ETH(FAR, POD, .type = ETH_P_8021AD), TAG(VLAN_RED), IP(FAR, POD), UDP(1, 2)), DROPS(DOUBLE_TAG)},
	{"two tags inside", BOTH, FRAME(ETH(FAR, POD), TAG(VLAN_BLUE), TAG(VLAN_RED), IP(FAR, POD), UDP(1, 2)), DROPS(DOUBLE_TAG)},
	{"tag and SNAP inside", BOTH, FRAME(ETH(FAR, POD), TAG(VLAN_RED, .type = FORCE(36)), LLC(), IP(FAR, POD), UDP(1, 2)), DROPS(DOUBLE_TAG)},
	{"wrong version", BOTH, FRAME(ETH(FAR, POD), IP(FAR, POD, .version = 9), UDP(1, 2)), DROPS(MALFORMED_HEADER)},
	{"header length 4", V4, FRAME(ETH(FAR, POD), IP(FAR, POD, .ihl = 4), UDP(1, 2)), DROPS(MALFORMED_HEADER)},
	{"header longer than the packet", V4, FRAME(ETH(FAR, POD), IP(FAR, POD, .ihl = 15), UDP(1, 2)), DROPS(MALFORMED_HEADER)},
	{"total length 10", V4, FRAME(ETH(FAR, POD), IP(FAR, POD, .length = 10), UDP(1, 2)), DROPS(MALFORMED_HEADER)},
	{"longer than the frame", BOTH, FRAME(ETH(FAR, POD), IP(FAR, POD, .length = 60), UDP(1, 2)), DROPS(TRUNCATED)},
	{"cut at every byte", V4, FRAME(ETH(FAR, POD), IP(FAR, POD), TCP(1, 2)), DROPS(TRUNCATED), .cut_from = 16, .cut_to = 53},
	{"cut at every byte", V6, FRAME(ETH(FAR, POD), IP(FAR, POD), TCP(1, 2)), DROPS(TRUNCATED), .cut_from = 16, .cut_to = 73},
};

static const struct row VXLAN_ARRIVALS[] = {
	{"from a machine that is no node", BOTH | VXLAN_ONLY, FRAME(ETH(FAR, POD), IP(FAR, POD), UDP(1, 2)), DROPS(UNKNOWN_VTEP), .sender = ROGUE},
	{"from a machine that is no node, into the other VPC", BOTH | VXLAN_ONLY, FRAME(ETH(OTHER_FAR, OTHER), IP(OTHER_FAR, OTHER), UDP(1, 2)), DROPS(UNKNOWN_VTEP), .sender = ROGUE, .identifier = BLUE},
	{"from a machine that is no node, into an unused VNI", BOTH | VXLAN_ONLY, FRAME(ETH(FAR, POD), IP(FAR, POD), UDP(1, 2)), DROPS(UNKNOWN_VTEP), .sender = ROGUE, .identifier = UNUSED, .counted_in_none = true},
	{"from a node, into an unused VNI", BOTH | VXLAN_ONLY, FRAME(ETH(FAR, POD), IP(FAR, POD), UDP(1, 2)), DROPS(UNUSED_NETWORK), .identifier = UNUSED, .counted_in_none = true},
	{"under this node's own address", BOTH | VXLAN_ONLY, FRAME(ETH(FAR, POD), IP(FAR, POD), UDP(1, 2)), DROPS(UNKNOWN_VTEP), .sender = NODE, .not_live = true},
	{"this node's own Pod under its own address", BOTH | VXLAN_ONLY, FRAME(ETH(PEER, POD), IP(PEER, POD), UDP(1, 2)), DROPS(UNKNOWN_VTEP), .sender = NODE, .not_live = true},
	{"without a tunnel key", BOTH | VXLAN_ONLY, FRAME(ETH(FAR, POD), IP(FAR, POD), UDP(1, 2)), DROPS(NOT_ENCAPSULATED), .identifier = IDENTIFIER_0, .counted_in_none = true, .not_live = true},
	{"tag in metadata", BOTH | VXLAN_ONLY, FRAME(ETH(FAR, POD), IP(FAR, POD), UDP(1, 2)), DROPS(DOUBLE_TAG), .tag_protocol = ETH_P_8021Q, .tag = VLAN_RED, .not_live = true},
};

static const struct row TRUNK_ARRIVALS[] = {
	{"from a machine that is no node", BOTH | VLAN_ONLY, FRAME(ETH(FAR, POD), IP(FAR, POD), UDP(1, 2)), DROPS(FOREIGN_INNER_SOURCE), .sender = ROGUE},
	{"priority beside the own VLAN", BOTH | VLAN_ONLY, FRAME(ETH(FAR, POD), IP(FAR, POD), UDP(1, 2)), REACHES(POD), .tag_protocol = ETH_P_8021Q, .tag = 0xa000 | VLAN_RED},
	{"unclaimed VLAN", BOTH | VLAN_ONLY, FRAME(ETH(FAR, POD), IP(FAR, POD), UDP(1, 2)), HOST_TAKES, .identifier = UNUSED},
	{"VLAN 4095", BOTH | VLAN_ONLY, FRAME(ETH(FAR, POD), IP(FAR, POD), UDP(1, 2)), HOST_TAKES, .tag_protocol = ETH_P_8021Q, .tag = 4095},
	{"priority tag", BOTH | VLAN_ONLY, FRAME(ETH(FAR, POD), IP(FAR, MISSING), UDP(1, 2)), HOST_TAKES, .tag_protocol = ETH_P_8021Q, .tag = 0xe000, .not_live = true},
	{"claimed number under 802.1ad", BOTH | VLAN_ONLY, FRAME(ETH(FAR, POD), IP(FAR, POD), UDP(1, 2)), HOST_TAKES, .tag_protocol = ETH_P_8021AD, .tag = VLAN_RED},
	{"claimed VLAN inside an unclaimed one", BOTH | VLAN_ONLY, FRAME(ETH(FAR, POD), TAG(VLAN_RED), IP(FAR, POD), UDP(1, 2)), HOST_TAKES, .tag_protocol = ETH_P_8021Q, .tag = VLAN_UNUSED},
	{"claimed VLAN inside 802.1ad", BOTH | VLAN_ONLY, FRAME(ETH(FAR, POD), TAG(VLAN_RED), IP(FAR, POD), UDP(1, 2)), HOST_TAKES, .tag_protocol = ETH_P_8021AD, .tag = 5},
	{"untagged", BOTH | VLAN_ONLY, FRAME(ETH(FAR, POD), IP(FAR, MISSING), UDP(1, 2)), HOST_TAKES, .identifier = IDENTIFIER_0, .not_live = true},
	{"untagged ARP", V4 | VLAN_ONLY, FRAME(ETH(FAR, POD), ARP(1, .sender = NODE_B, .sender_mac = NODE_B, .target = MISSING)), HOST_TAKES, .identifier = IDENTIFIER_0},
	{"untagged and unknown", VLAN_ONLY, FRAME(ETH(FAR, POD, .type = 0x88cc), FILL(46)), HOST_TAKES, .identifier = IDENTIFIER_0},
	{"two claimed tags", BOTH | VLAN_ONLY, FRAME(ETH(FAR, POD), TAG(VLAN_BLUE), IP(FAR, POD), UDP(1, 2)), DROPS(DOUBLE_TAG)},
};

TABLE(arrivals, ARRIVALS)
TABLE(vxlan_arrivals, VXLAN_ARRIVALS)
TABLE(trunk_arrivals, TRUNK_ARRIVALS)
