// SPDX-License-Identifier: Apache-2.0
// What a Pod sends with tags, lies, options and chains in it. Inside the VPC a packet goes by its addresses; what its
// transport says is between the members.
#include "rows.h"

#include <linux/if_ether.h>
#include <netinet/in.h>

#define NOPS4 "\1\1\1\1"
#define NOPS40 NOPS4 NOPS4 NOPS4 NOPS4 NOPS4 NOPS4 NOPS4 NOPS4 NOPS4 NOPS4
#define ROUTER_ALERT "\x94\x04\x00\x00"
#define SOURCE_ROUTE "\x83\x07\x04\x0a\x09\x00\x02\x00" /* loosely by way of OTHER */
#define RECORD_ROUTE "\x07\x07\x04\x00\x00\x00\x00\x00"

static const struct row TAGS[] = {
	{"tag of the own VLAN", BOTH, FRAME(ETH(POD, HOST), TAG(VLAN_RED), IP(POD, FAR), UDP(1, 2)), DROPS(FOREIGN_TAG)},
	{"tag of another VPC's VLAN", BOTH, FRAME(ETH(POD, HOST), TAG(VLAN_BLUE), IP(POD, FAR), UDP(1, 2)), DROPS(FOREIGN_TAG)},
	{"tag of an unclaimed VLAN", BOTH, FRAME(ETH(POD, HOST), TAG(1), IP(POD, FAR), UDP(1, 2)), DROPS(FOREIGN_TAG)},
	{"tag of VLAN 4095", BOTH, FRAME(ETH(POD, HOST), TAG(4095), IP(POD, FAR), UDP(1, 2)), DROPS(FOREIGN_TAG)},
	{"tag with priority only", BOTH, FRAME(ETH(POD, HOST), TAG(0, .priority = 7), IP(POD, FAR), UDP(1, 2)), DROPS(FOREIGN_TAG)},
	{"tag of 802.1ad", BOTH, FRAME(ETH(POD, HOST, .type = ETH_P_8021AD), TAG(VLAN_RED), IP(POD, FAR), UDP(1, 2)), DROPS(FOREIGN_TAG)},
	{"two tags", BOTH, FRAME(ETH(POD, HOST), TAG(VLAN_RED), TAG(VLAN_BLUE), IP(POD, FAR), UDP(1, 2)), DROPS(FOREIGN_TAG)},
	{"two tags, the outer one of 802.1ad", BOTH, FRAME(ETH(POD, HOST, .type = ETH_P_8021AD), TAG(1), TAG(VLAN_RED), IP(POD, FAR), UDP(1, 2)), DROPS(FOREIGN_TAG)},
	{"two tags, both of 802.1ad", BOTH, FRAME(ETH(POD, HOST, .type = ETH_P_8021AD), TAG(1, .type = ETH_P_8021AD), TAG(2), IP(POD, FAR), UDP(1, 2)), DROPS(FOREIGN_TAG)},
	{"priority tag around a tag", BOTH, FRAME(ETH(POD, HOST), TAG(0, .priority = 3), TAG(VLAN_BLUE), IP(POD, FAR), UDP(1, 2)), DROPS(FOREIGN_TAG)},
	{"three tags", BOTH, FRAME(ETH(POD, HOST), TAG(1), TAG(2), TAG(3), IP(POD, FAR), UDP(1, 2)), DROPS(FOREIGN_TAG)},
	{"three tags, mixed", BOTH, FRAME(ETH(POD, HOST, .type = ETH_P_8021AD), TAG(1), TAG(2, .type = ETH_P_8021AD), TAG(3), IP(POD, FAR), UDP(1, 2)), DROPS(FOREIGN_TAG)},
	{"tag around ARP", V4, FRAME(ETH(POD, BROADCAST), TAG(VLAN_RED), ARP(1, .sender = POD, .sender_mac = POD, .target = FAR)), DROPS(FOREIGN_TAG)},
	{"tag around LLC and SNAP", BOTH, FRAME(ETH(POD, HOST), TAG(VLAN_RED, .type = FORCE(40)), LLC(), IP(POD, FAR), UDP(1, 2)), DROPS(FOREIGN_TAG)},
	{"priority tag around LLC and SNAP", BOTH, FRAME(ETH(POD, HOST), TAG(0, .type = FORCE(40)), LLC(), IP(POD, FAR), UDP(1, 2)), DROPS(FOREIGN_TAG)},
	{"priority tag around SNAP around a tag", BOTH, FRAME(ETH(POD, HOST), TAG(0, .type = FORCE(44)), LLC(), TAG(VLAN_BLUE), IP(POD, FAR), UDP(1, 2)), DROPS(FOREIGN_TAG)},
	{"two tags around LLC and SNAP", BOTH, FRAME(ETH(POD, HOST), TAG(1), TAG(2, .type = FORCE(40)), LLC(), IP(POD, FAR), UDP(1, 2)), DROPS(FOREIGN_TAG)},
	{"tag around a wrong length", BOTH, FRAME(ETH(POD, HOST), TAG(VLAN_RED, .type = FORCE(1500)), LLC(), IP(POD, FAR), UDP(1, 2)), DROPS(FOREIGN_TAG)},
	{"tag around nothing", BOTH, FRAME(ETH(POD, HOST), TAG(VLAN_RED), FILL(30)), DROPS(FOREIGN_TAG)},
	{"tag in metadata, own VLAN", BOTH, FRAME(ETH(POD, HOST), IP(POD, FAR), UDP(1, 2)), DROPS(FOREIGN_TAG), .tag_protocol = ETH_P_8021Q, .tag = VLAN_RED},
	{"tag in metadata, priority only", BOTH, FRAME(ETH(POD, HOST), IP(POD, FAR), UDP(1, 2)), DROPS(FOREIGN_TAG), .tag_protocol = ETH_P_8021Q, .tag = 0xe000},
	{"tag of 802.1ad in metadata", BOTH, FRAME(ETH(POD, HOST), IP(POD, FAR), UDP(1, 2)), DROPS(FOREIGN_TAG), .tag_protocol = ETH_P_8021AD, .tag = 7},
	{"tag in metadata, another inside", BOTH, FRAME(ETH(POD, HOST), TAG(VLAN_BLUE), IP(POD, FAR), UDP(1, 2)), DROPS(FOREIGN_TAG), .tag_protocol = ETH_P_8021Q, .tag = VLAN_RED},
	{"LLC and SNAP", BOTH, FRAME(ETH(POD, HOST, .type = FORCE(36)), LLC(), IP(POD, FAR), UDP(1, 2)), DROPS(UNKNOWN_PROTOCOL)},
	{"LLC and SNAP around a tag", BOTH, FRAME(ETH(POD, HOST, .type = FORCE(40)), LLC(.type = ETH_P_8021Q), TAG(VLAN_RED), IP(POD, FAR), UDP(1, 2)), DROPS(UNKNOWN_PROTOCOL)},
	{"length 0 as type", BOTH, FRAME(ETH(POD, HOST, .type = FORCE(0)), IP(POD, FAR), UDP(1, 2)), DROPS(UNKNOWN_PROTOCOL)},
	{"length longer than the frame as type", BOTH, FRAME(ETH(POD, HOST, .type = FORCE(1500)), LLC(), IP(POD, FAR), UDP(1, 2)), DROPS(UNKNOWN_PROTOCOL)},
	{"neither length nor type", BOTH, FRAME(ETH(POD, HOST, .type = FORCE(0x5ff)), IP(POD, FAR), UDP(1, 2)), DROPS(UNKNOWN_PROTOCOL)},
	{"spanning tree", 0, FRAME(ETH(POD, BROADCAST, .type = FORCE(38)), FILL(38)), DROPS(UNKNOWN_PROTOCOL)},
	{"LLDP", 0, FRAME(ETH(POD, HOST, .type = 0x88cc), FILL(46)), DROPS(UNKNOWN_PROTOCOL)},
	{"MPLS", BOTH, FRAME(ETH(POD, HOST, .type = 0x8847), FILL(4), IP(POD, FAR), UDP(1, 2)), DROPS(UNKNOWN_PROTOCOL)},
	{"PPPoE", 0, FRAME(ETH(POD, HOST, .type = 0x8864), FILL(46)), DROPS(UNKNOWN_PROTOCOL)},
	{"RARP", V4, FRAME(ETH(POD, BROADCAST, .type = 0x8035), ARP(3, .sender = POD, .sender_mac = POD, .target = PEER)), DROPS(UNKNOWN_PROTOCOL)},
	{"MACsec", 0, FRAME(ETH(POD, HOST, .type = 0x88e5), FILL(46)), DROPS(UNKNOWN_PROTOCOL)},
	{"type 0xffff", 0, FRAME(ETH(POD, HOST, .type = 0xffff), FILL(46)), DROPS(UNKNOWN_PROTOCOL)},
	{"IPv6 under the type of IPv4", V6, FRAME(ETH(POD, HOST, .type = ETH_P_IP), IPV6(POD, FAR), UDP(1, 2)), DROPS(MALFORMED_HEADER)},
	{"IPv4 under the type of IPv6", V4, FRAME(ETH(POD, HOST, .type = ETH_P_IPV6), IPV4(POD, FAR), UDP(1, 2), FILL(30)), DROPS(MALFORMED_HEADER)},
};

static const struct row IPV4_HEADERS[] = {
	{"version 0", V4, FRAME(ETH(POD, HOST), IP(POD, FAR, .version = FORCE(0)), UDP(1, 2)), DROPS(MALFORMED_HEADER)},
	{"version 5", V4, FRAME(ETH(POD, HOST), IP(POD, FAR, .version = 5), UDP(1, 2)), DROPS(MALFORMED_HEADER)},
	{"version 6", V4, FRAME(ETH(POD, HOST), IP(POD, FAR, .version = 6), UDP(1, 2), FILL(20)), DROPS(MALFORMED_HEADER)},
	{"version 15", V4, FRAME(ETH(POD, HOST), IP(POD, FAR, .version = 15), UDP(1, 2)), DROPS(MALFORMED_HEADER)},
	{"header length 0", V4, FRAME(ETH(POD, HOST), IP(POD, FAR, .ihl = FORCE(0)), UDP(1, 2)), DROPS(MALFORMED_HEADER)},
	{"header length 1", V4, FRAME(ETH(POD, HOST), IP(POD, FAR, .ihl = 1), UDP(1, 2)), DROPS(MALFORMED_HEADER)},
	{"header length 4", V4, FRAME(ETH(POD, HOST), IP(POD, FAR, .ihl = 4), UDP(1, 2)), DROPS(MALFORMED_HEADER)},
	{"header longer than the packet", V4, FRAME(ETH(POD, HOST), IP(POD, FAR, .ihl = 15), UDP(1, 2)), DROPS(MALFORMED_HEADER)},
	{"header length 6 over no options", V4, FRAME(ETH(POD, HOST), IP(POD, FAR, .ihl = 6), UDP(1, 2)), REACHES(FAR)},
	{"total length 0", V4, FRAME(ETH(POD, HOST), IP(POD, FAR, .length = FORCE(0)), UDP(1, 2)), DROPS(MALFORMED_HEADER)},
	{"total length 19", V4, FRAME(ETH(POD, HOST), IP(POD, FAR, .length = 19), UDP(1, 2)), DROPS(MALFORMED_HEADER)},
	{"total length 20, the rest is padding", V4, FRAME(ETH(POD, HOST), IP(POD, FAR, .length = 20), UDP(1, 2)), REACHES(FAR)},
	{"total length below a header with options", V4, FRAME(ETH(POD, HOST), IP(POD, FAR, .length = 23, OPTIONS(NOPS4)), UDP(1, 2)), DROPS(MALFORMED_HEADER)},
	{"total length one more than the frame", V4, FRAME(ETH(POD, HOST), IP(POD, FAR, .length = 29), UDP(1, 2)), DROPS(TRUNCATED)},
	{"total length 65535", V4, FRAME(ETH(POD, HOST), IP(POD, FAR, .length = 65535), UDP(1, 2)), DROPS(TRUNCATED)},
	{"padding of Ethernet behind the packet", V4, FRAME(ETH(POD, HOST), IP(POD, FAR), UDP(1, 2)), REACHES(FAR), .append = 18},
	{"options: no operation", V4, FRAME(ETH(POD, HOST), IP(POD, FAR, OPTIONS(NOPS4)), UDP(1, 2)), REACHES(FAR)},
	{"options: forty bytes", V4, FRAME(ETH(POD, HOST), IP(POD, FAR, OPTIONS(NOPS40)), UDP(1, 2)), REACHES(FAR)},
	{"options: router alert", V4, FRAME(ETH(POD, HOST), IP(POD, PEER, OPTIONS(ROUTER_ALERT)), UDP(1, 2)), REACHES(PEER)},
	{"options: source route by a foreign Pod goes by the destination", V4, FRAME(ETH(POD, HOST), IP(POD, PEER, OPTIONS(SOURCE_ROUTE)), UDP(1, 2)), REACHES(PEER)},
	{"options: source route to a foreign Pod", V4, FRAME(ETH(POD, HOST), IP(POD, OTHER, OPTIONS(SOURCE_ROUTE)), UDP(1, 2)), DROPS(NOT_A_MEMBER)},
	{"options: record route", V4, FRAME(ETH(POD, HOST), IP(POD, FAR, OPTIONS(RECORD_ROUTE)), UDP(1, 2)), REACHES(FAR)},
	{"options with a foreign source", V4, FRAME(ETH(POD, HOST), IP(PEER, FAR, OPTIONS(NOPS40)), UDP(1, 2)), DROPS(FOREIGN_ADDRESS)},
	{"time to live 0", V4, FRAME(ETH(POD, HOST), IP(POD, FAR, .ttl = FORCE(0)), UDP(1, 2)), REACHES(FAR)},
	{"time to live 1 is enough inside", BOTH, FRAME(ETH(POD, HOST), IP(POD, FAR, .ttl = 1), UDP(1, 2)), REACHES(FAR)},
	{"reserved flag", V4, FRAME(ETH(POD, HOST), IP(POD, FAR, .reserved = 1), UDP(1, 2)), REACHES(FAR)},
	{"wrong header checksum is the receiver's to find", V4, FRAME(ETH(POD, HOST), IP(POD, FAR, .checksum = 0x1234), UDP(1, 2)), REACHES(FAR)},
	{"UDP length longer than the packet", BOTH, FRAME(ETH(POD, HOST), IP(POD, FAR), UDP(1, 2, .length = 1000)), REACHES(FAR)},
	{"UDP length 0", BOTH, FRAME(ETH(POD, HOST), IP(POD, FAR), UDP(1, 2, .length = FORCE(0))), REACHES(FAR)},
	{"TCP data offset beyond the packet", BOTH, FRAME(ETH(POD, HOST), IP(POD, FAR), TCP(1, 2, .data_offset = 15)), REACHES(FAR)},
	{"TCP data offset 0", BOTH, FRAME(ETH(POD, HOST), IP(POD, FAR), TCP(1, 2, .data_offset = FORCE(0))), REACHES(FAR)},
	{"TCP with all flags", BOTH, FRAME(ETH(POD, HOST), IP(POD, PEER), TCP(1, 2, .flags = 0xff)), REACHES(PEER)},
	{"TCP with four bytes of header", BOTH, FRAME(ETH(POD, HOST), IP(POD, PEER, .protocol = FORCE(IPPROTO_TCP)), FILL(4)), REACHES(PEER)},
	{"IPv4 in IPv4", V4, FRAME(ETH(POD, HOST), IPV4(POD, PEER), IPV4(OTHER, FAR), UDP(1, 2)), REACHES(PEER)},
	{"loopback as destination", BOTH, FRAME(ETH(POD, HOST), IP(POD, LOOPBACK), UDP(1, 2)), DROPS(NOT_A_MEMBER)},
	{"no destination", BOTH, FRAME(ETH(POD, HOST), IP(POD, NOBODY), UDP(1, 2)), DROPS(NOT_A_MEMBER)},
	{"VXLAN of the Pod's own making, to a node", BOTH, FRAME(ETH(POD, HOST), IP(POD, NODE_B), UDP(1, UDP_PORT), VXLAN(VNI_BLUE), ETH(OTHER, OTHER_FAR), IPV4(OTHER, OTHER_FAR)), DROPS(NOT_A_MEMBER)},
	{"VXLAN of the Pod's own making, to its own node", BOTH, FRAME(ETH(POD, HOST), IP(POD, NODE), UDP(1, UDP_PORT), VXLAN(VNI_BLUE), ETH(OTHER, OTHER_FAR), IPV4(OTHER, OTHER_FAR)), DROPS(NOT_A_MEMBER)},
	{"VXLAN of the Pod's own making, to a member", BOTH, FRAME(ETH(POD, HOST), IP(POD, FAR), UDP(1, UDP_PORT), VXLAN(VNI_BLUE), ETH(OTHER, OTHER_FAR), IPV4(OTHER, OTHER_FAR)), REACHES(FAR)},
};

static const struct row IPV6_HEADERS[] = {
	{"version 0", V6, FRAME(ETH(POD, HOST), IP(POD, FAR, .version = FORCE(0)), UDP(1, 2)), DROPS(MALFORMED_HEADER)},
	{"version 4", V6, FRAME(ETH(POD, HOST), IP(POD, FAR, .version = 4), UDP(1, 2)), DROPS(MALFORMED_HEADER)},
	{"version 7", V6, FRAME(ETH(POD, HOST), IP(POD, FAR, .version = 7), UDP(1, 2)), DROPS(MALFORMED_HEADER)},
	{"payload one longer than the frame", V6, FRAME(ETH(POD, HOST), IP(POD, FAR, .length = 9), UDP(1, 2)), DROPS(TRUNCATED)},
	{"payload length 65535", V6, FRAME(ETH(POD, HOST), IP(POD, FAR, .length = 65535), UDP(1, 2)), DROPS(TRUNCATED)},
	{"payload length 0, the rest is padding", V6, FRAME(ETH(POD, HOST), IP(POD, FAR, .length = FORCE(0)), UDP(1, 2)), REACHES(FAR)},
	{"padding of Ethernet behind the packet", V6, FRAME(ETH(POD, HOST), IP(POD, FAR), UDP(1, 2)), REACHES(FAR), .append = 6},
	{"hop-by-hop options", V6, FRAME(ETH(POD, HOST), IP(POD, FAR), EXT(IPPROTO_HOPOPTS), UDP(1, 2)), REACHES(FAR)},
	{"destination options", V6, FRAME(ETH(POD, HOST), IP(POD, FAR), EXT(IPPROTO_DSTOPTS), UDP(1, 2)), REACHES(FAR)},
	{"routing header", V6, FRAME(ETH(POD, HOST), IP(POD, PEER), EXT(IPPROTO_ROUTING), UDP(1, 2)), REACHES(PEER)},
	{"authentication header", V6, FRAME(ETH(POD, HOST), IP(POD, PEER), EXT(IPPROTO_AH, .bytes = 24), UDP(1, 2)), REACHES(PEER)},
	{"encrypted payload", BOTH, FRAME(ETH(POD, HOST), IP(POD, PEER, .protocol = IPPROTO_ESP), FILL(32)), REACHES(PEER)},
	{"five extension headers", V6, FRAME(ETH(POD, HOST), IP(POD, FAR), EXT(IPPROTO_HOPOPTS), EXT(IPPROTO_DSTOPTS), EXT(IPPROTO_ROUTING), EXT(IPPROTO_FRAGMENT), EXT(IPPROTO_DSTOPTS), UDP(1, 2)), REACHES(FAR)},
	{"nine extension headers", V6, FRAME(ETH(POD, HOST), IP(POD, FAR), EXT(IPPROTO_HOPOPTS), EXT(60), EXT(60), EXT(60), EXT(60), EXT(60), EXT(60), EXT(60), EXT(60), UDP(1, 2)), REACHES(FAR)},
	{"extension header longer than the packet", V6, FRAME(ETH(POD, HOST), IP(POD, FAR), EXT(IPPROTO_DSTOPTS, .length = 255), UDP(1, 2)), REACHES(FAR)},
	{"hop-by-hop options not at the front", V6, FRAME(ETH(POD, HOST), IP(POD, FAR), EXT(IPPROTO_DSTOPTS), EXT(IPPROTO_HOPOPTS), UDP(1, 2)), REACHES(FAR)},
	{"next header that says nothing follows", V6, FRAME(ETH(POD, HOST), IP(POD, FAR, .protocol = 59), FILL(8)), REACHES(FAR)},
	{"chain with a foreign source", V6, FRAME(ETH(POD, HOST), IP(PEER, FAR), EXT(IPPROTO_HOPOPTS), UDP(1, 2)), DROPS(FOREIGN_ADDRESS)},
	{"chain to a foreign Pod", V6, FRAME(ETH(POD, HOST), IP(POD, OTHER), EXT(IPPROTO_HOPOPTS), EXT(IPPROTO_DSTOPTS), UDP(1, 2)), DROPS(NOT_A_MEMBER)},
	{"a member's IPv4 address, mapped", V6, FRAME(ETH(POD, HOST), IP(POD, MAPPED), UDP(1, 2)), DROPS(MALFORMED_HEADER)},
	{"ICMPv6 too short for its type", V6, FRAME(ETH(POD, HOST), IP(POD, FAR, .protocol = IPPROTO_ICMPV6)), DROPS(TRUNCATED)},
};

static const struct row FRAGMENTS[] = {
	{"first fragment", BOTH, FRAME(ETH(POD, HOST), IP(POD, FAR, .fragment = 7, .more = 1), UDP(1, 2), FILL(24)), REACHES(FAR)},
	{"later fragment by address", BOTH, FRAME(ETH(POD, HOST), IP(POD, FAR, .fragment = 7, .offset = 32, .protocol = IPPROTO_UDP), FILL(24)), REACHES(FAR)},
	{"later fragment without a first one, here", BOTH, FRAME(ETH(POD, HOST), IP(POD, PEER, .fragment = 8, .offset = 800, .more = 1, .protocol = IPPROTO_TCP), FILL(24)), REACHES(PEER)},
	{"tiny first fragment", BOTH, FRAME(ETH(POD, HOST), IP(POD, PEER, .fragment = 9, .more = 1, .protocol = IPPROTO_TCP), FILL(8)), REACHES(PEER)},
	{"first fragment of no bytes", BOTH, FRAME(ETH(POD, HOST), IP(POD, PEER, .fragment = 9, .more = 1, .protocol = IPPROTO_TCP)), REACHES(PEER)},
	{"overlapping the first one's header", BOTH, FRAME(ETH(POD, HOST), IP(POD, PEER, .fragment = 9, .offset = 8, .protocol = IPPROTO_TCP), FILL(24)), REACHES(PEER)},
	{"ending beyond 65535", BOTH, FRAME(ETH(POD, HOST), IP(POD, PEER, .fragment = 9, .offset = 65528, .protocol = IPPROTO_UDP), FILL(100)), REACHES(PEER)},
	{"atomic fragment", V6, FRAME(ETH(POD, HOST), IP(POD, PEER), EXT(IPPROTO_FRAGMENT, .fragment = 1), UDP(1, 2)), REACHES(PEER)},
	{"two fragment headers", V6, FRAME(ETH(POD, HOST), IP(POD, PEER), EXT(IPPROTO_FRAGMENT, .more = 1), EXT(IPPROTO_FRAGMENT, .offset = 8), UDP(1, 2)), REACHES(PEER)},
	{"fragment with a foreign source", BOTH, FRAME(ETH(POD, HOST), IP(FAR, PEER, .fragment = 7, .offset = 32, .protocol = IPPROTO_UDP), FILL(24)), DROPS(FOREIGN_ADDRESS)},
	{"fragment to a foreign Pod", BOTH, FRAME(ETH(POD, HOST), IP(POD, OTHER, .fragment = 7, .more = 1), UDP(1, 2)), DROPS(NOT_A_MEMBER)},
	{"later fragment to a foreign Pod", BOTH, FRAME(ETH(POD, HOST), IP(POD, OTHER, .fragment = 7, .offset = 32, .protocol = IPPROTO_UDP), FILL(24)), DROPS(FRAGMENT_WITHOUT_FIRST)},
};

static const struct row TRUNCATED[] = {
	{"UDP, cut at every byte", V4, FRAME(ETH(POD, HOST), IP(POD, FAR), UDP(1, 2), FILL(4)), DROPS(TRUNCATED), .cut_from = 15, .cut_to = 45},
	{"UDP, cut at every byte", V6, FRAME(ETH(POD, HOST), IP(POD, FAR), UDP(1, 2), FILL(4)), DROPS(TRUNCATED), .cut_from = 15, .cut_to = 65},
	{"TCP with options, cut at every byte", V4, FRAME(ETH(POD, HOST), IP(POD, FAR, OPTIONS(NOPS40)), TCP(1, 2, OPTIONS(NOPS4))), DROPS(TRUNCATED), .cut_from = 15, .cut_to = 97},
	{"extension headers, cut at every byte", V6, FRAME(ETH(POD, HOST), IP(POD, FAR), EXT(IPPROTO_HOPOPTS), EXT(IPPROTO_DSTOPTS), TCP(1, 2)), DROPS(TRUNCATED), .cut_from = 15, .cut_to = 89},
	{"ARP, cut at every byte", V4, FRAME(ETH(POD, BROADCAST), ARP(1, .sender = POD, .sender_mac = POD, .target = FAR)), DROPS(TRUNCATED), .cut_from = 15, .cut_to = 41},
	{"solicitation, cut at every byte", V6, FRAME(ETH(POD, SOLICIT_FAR), IP(POD, SOLICIT_FAR), ND(135, FAR, .sender_mac = POD)), DROPS(TRUNCATED), .cut_from = 15, .cut_to = 85},
	{"echo, cut at every byte", BOTH, FRAME(ETH(POD, HOST), IP(POD, PEER), ECHO(1)), DROPS(TRUNCATED), .cut_from = 15, .cut_to = 41},
	{"Ethernet alone", BOTH, FRAME(ETH(POD, HOST), IP(POD, FAR), UDP(1, 2)), DROPS(TRUNCATED), .cut_from = 14, .cut_to = 14},
	{"foreign source, cut before the addresses", V4, FRAME(ETH(POD, HOST), IP(PEER, FAR), UDP(1, 2)), DROPS(TRUNCATED), .cut_from = 15, .cut_to = 33},
};

static const struct row SIZES[] = {
	{"as large as the way to another node carries", BOTH, FRAME(ETH(POD, HOST), IP(POD, FAR), UDP(1, 2), FILL_MTU(0)), REACHES(FAR)},
	{"one byte more", V4, FRAME(ETH(POD, HOST), IP(POD, FAR, .dont_fragment = 1), UDP(1, 2), FILL_MTU(1)),
		TOO_BIG_ANSWERED(ETH(HOST, POD), IP(FAR, POD), ICMP(3, .code = 4, .mtu = MTU), QUOTE(FRAME(ETH(POD, HOST), IP(POD, FAR, .dont_fragment = 1), UDP(1, 2), FILL_MTU(1)), 128))},
	{"one byte more", V6, FRAME(ETH(POD, HOST), IP(POD, FAR), UDP(1, 2), FILL_MTU(1)),
		TOO_BIG_ANSWERED(ETH(HOST, POD), IP(FAR, POD), ICMP(2, .mtu = MTU), QUOTE(FRAME(ETH(POD, HOST), IP(POD, FAR), UDP(1, 2), FILL_MTU(1)), 128))},
	{"far more", V6, FRAME(ETH(POD, HOST), IP(POD, FAR), TCP(1, 2), FILL(4000)),
		TOO_BIG_ANSWERED(ETH(HOST, POD), IP(FAR, POD), ICMP(2, .mtu = MTU), QUOTE(FRAME(ETH(POD, HOST), IP(POD, FAR), TCP(1, 2), FILL(4000)), 128))},
	{"too big, may be fragmented: answered as well", V4, FRAME(ETH(POD, HOST), IP(POD, FAR), TCP(1, 2), FILL(4000)),
		TOO_BIG_ANSWERED(ETH(HOST, POD), IP(FAR, POD), ICMP(3, .code = 4, .mtu = MTU), QUOTE(FRAME(ETH(POD, HOST), IP(POD, FAR), TCP(1, 2), FILL(4000)), 128))},
	{"too big, but on this node", BOTH, FRAME(ETH(POD, HOST), IP(POD, PEER), UDP(1, 2), FILL(8000)), REACHES(PEER)},
	{"an ICMP error that is too big", V4, FRAME(ETH(POD, HOST), IP(POD, FAR), ICMP(3, .code = 1), FILL_MTU(1)), DROPS(TOO_BIG)},
	{"an ICMPv6 error that is too big", V6, FRAME(ETH(POD, HOST), IP(POD, FAR), ICMP(1), FILL_MTU(1)), DROPS(TOO_BIG)},
	{"a later fragment that is too big", BOTH, FRAME(ETH(POD, HOST), IP(POD, FAR, .fragment = 7, .offset = 800, .protocol = IPPROTO_UDP), FILL_MTU(1)), DROPS(TOO_BIG)},
	{"foreign source and too big", BOTH, FRAME(ETH(POD, HOST), IP(PEER, FAR), UDP(1, 2), FILL_MTU(1)), DROPS(FOREIGN_ADDRESS)},
};

TABLE(from_pod_tags, TAGS)
TABLE(from_pod_ipv4_headers, IPV4_HEADERS)
TABLE(from_pod_ipv6_headers, IPV6_HEADERS)
TABLE(from_pod_fragments, FRAGMENTS)
TABLE(from_pod_truncated, TRUNCATED)
TABLE(from_pod_sizes, SIZES)
