// SPDX-License-Identifier: Apache-2.0
// ARP, neighbour discovery and multicast of a Pod.
#include "rows.h"

#include <linux/if_ether.h>
#include <netinet/in.h>

#define ASK_ARP(target_) ETH(POD, BROADCAST), ARP(1, .sender = POD, .sender_mac = POD, .target = target_)
#define ARP_OF(...) ETH(POD, BROADCAST), ARP(__VA_ARGS__, .sender = POD, .sender_mac = POD, .target = PEER)
#define ARP_ANSWER(who_) ANSWERED(ETH(who_, POD), ARP(2, .sender = who_, .sender_mac = who_, .target = POD, .target_mac = POD))
#define ND_ANSWER(who_) ANSWERED(ETH(who_, POD), IP(who_, POD), ND(136, who_, .flags = 0x60, .target_mac = who_))

static const struct row ARP_ROWS[] = {
	{"who has a member on this node", V4, FRAME(ASK_ARP(PEER)), ARP_ANSWER(PEER)},
	{"who has a member on another node", V4, FRAME(ASK_ARP(FAR)), ARP_ANSWER(FAR)},
	{"who has a member on a third node", V4, FRAME(ASK_ARP(FARTHER)), ARP_ANSWER(FARTHER)},
	{"the same, asked of the known MAC", V4, FRAME(ETH(POD, PEER), ARP(1, .sender = POD, .sender_mac = POD, .target = PEER, .target_mac = PEER)), ARP_ANSWER(PEER)},
	{"padding behind a question stays behind the answer", V4, FRAME(ASK_ARP(PEER), FILL(18)), ANSWERED(ETH(PEER, POD), ARP(2, .sender = PEER, .sender_mac = PEER, .target = POD, .target_mac = POD), FILL(18))},
	{"is a member's address free", V4, FRAME(ETH(POD, BROADCAST), ARP(1, .sender_mac = POD, .target = PEER)), ANSWERED(ETH(PEER, POD), ARP(2, .sender = PEER, .sender_mac = PEER, .target_mac = POD))},
	{"who has the gateway", V4, FRAME(ASK_ARP(GATEWAY)), HOST_ANSWERS(ETH(HOST, POD), ARP(2, .sender = GATEWAY, .sender_mac = HOST, .target = POD, .target_mac = POD))},
	{"who has the next hop that is nobody's", V4, FRAME(ASK_ARP(SILENT)), HOST_TAKES},
	{"is the own address free", V4, FRAME(ETH(POD, BROADCAST), ARP(1, .sender_mac = POD, .target = POD)), SILENTLY_GONE},
	{"announcement of the own address", V4, FRAME(ASK_ARP(POD)), SILENTLY_GONE},
	{"announcement as an answer", V4, FRAME(ETH(POD, BROADCAST), ARP(2, .sender = POD, .sender_mac = POD, .target = POD, .target_mac = POD)), SILENTLY_GONE},
	{"who has a Pod of another VPC", V4, FRAME(ASK_ARP(OTHER)), DROPS(UNKNOWN_NEIGHBOUR)},
	{"who has what only another VPC has", V4, FRAME(ASK_ARP(STRANGER)), DROPS(UNKNOWN_NEIGHBOUR)},
	{"who has nobody", V4, FRAME(ASK_ARP(MISSING)), DROPS(UNKNOWN_NEIGHBOUR)},
	{"who has 0.0.0.0", V4, FRAME(ASK_ARP(NOBODY)), DROPS(UNKNOWN_NEIGHBOUR)},
	{"who has the broadcast address", V4, FRAME(ASK_ARP(BROADCAST)), DROPS(UNKNOWN_NEIGHBOUR)},
	{"answer to the gateway", V4, FRAME(ETH(POD, HOST), ARP(2, .sender = POD, .sender_mac = POD, .target = GATEWAY, .target_mac = HOST)), HOST_TAKES},
	{"answer to a member", V4, FRAME(ETH(POD, PEER), ARP(2, .sender = POD, .sender_mac = POD, .target = PEER, .target_mac = PEER)), DROPS(UNKNOWN_NEIGHBOUR)},
	{"answer in a member's name", V4, FRAME(ETH(POD, HOST), ARP(2, .sender = PEER, .sender_mac = POD, .target = GATEWAY, .target_mac = HOST)), DROPS(FOREIGN_ARP)},
	{"answer in the gateway's name", V4, FRAME(ETH(POD, PEER), ARP(2, .sender = GATEWAY, .sender_mac = POD, .target = PEER, .target_mac = PEER)), DROPS(FOREIGN_ARP)},
	{"announcement of a member's address", V4, FRAME(ETH(POD, BROADCAST), ARP(1, .sender = PEER, .sender_mac = POD, .target = PEER)), DROPS(FOREIGN_ARP)},
	{"announcement of the node's address", V4, FRAME(ETH(POD, BROADCAST), ARP(1, .sender = NODE, .sender_mac = POD, .target = NODE)), DROPS(FOREIGN_ARP)},
	{"sender's MAC is another's", V4, FRAME(ETH(POD, BROADCAST), ARP(1, .sender = POD, .sender_mac = PEER, .target = GATEWAY)), DROPS(FOREIGN_ARP)},
	{"sender's MAC is nobody's", V4, FRAME(ETH(POD, BROADCAST), ARP(1, .sender = POD, .target = GATEWAY)), DROPS(FOREIGN_ARP)},
	{"sender's MAC is broadcast", V4, FRAME(ETH(POD, BROADCAST), ARP(1, .sender = POD, .sender_mac = BROADCAST, .target = GATEWAY)), DROPS(FOREIGN_ARP)},
	{"sender is the broadcast address", V4, FRAME(ETH(POD, BROADCAST), ARP(1, .sender = BROADCAST, .sender_mac = POD, .target = GATEWAY)), DROPS(FOREIGN_ARP)},
	{"probe with another's MAC", V4, FRAME(ETH(POD, BROADCAST), ARP(1, .sender_mac = PEER, .target = PEER)), DROPS(FOREIGN_ARP)},
	{"frame from another's MAC", V4, FRAME(ETH(PEER, BROADCAST), ARP(1, .sender = POD, .sender_mac = POD, .target = GATEWAY)), DROPS(FOREIGN_MAC)},
	{"hardware type 0", V4, FRAME(ARP_OF(1, .hardware = FORCE(0))), DROPS(MALFORMED_HEADER)},
	{"hardware type 6", V4, FRAME(ARP_OF(1, .hardware = 6)), DROPS(MALFORMED_HEADER)},
	{"protocol type IPv6", V4, FRAME(ARP_OF(1, .protocol_type = ETH_P_IPV6)), DROPS(MALFORMED_HEADER)},
	{"protocol type 0", V4, FRAME(ARP_OF(1, .protocol_type = FORCE(0))), DROPS(MALFORMED_HEADER)},
	{"hardware length 0", V4, FRAME(ARP_OF(1, .hardware_length = FORCE(0))), DROPS(MALFORMED_HEADER)},
	{"hardware length 8", V4, FRAME(ARP_OF(1, .hardware_length = 8)), DROPS(MALFORMED_HEADER)},
	{"hardware length 255", V4, FRAME(ARP_OF(1, .hardware_length = 255)), DROPS(MALFORMED_HEADER)},
	{"protocol length 0", V4, FRAME(ARP_OF(1, .protocol_length = FORCE(0))), DROPS(MALFORMED_HEADER)},
	{"protocol length 16", V4, FRAME(ARP_OF(1, .protocol_length = 16)), DROPS(MALFORMED_HEADER)},
	{"operation 0", V4, FRAME(ARP_OF(0)), DROPS(MALFORMED_HEADER)},
	{"reverse request", V4, FRAME(ARP_OF(3)), DROPS(MALFORMED_HEADER)},
	{"inverse request", V4, FRAME(ARP_OF(8)), DROPS(MALFORMED_HEADER)},
	{"operation 65535", V4, FRAME(ARP_OF(65535)), DROPS(MALFORMED_HEADER)},
};

#define ASK_ND(target_, group_) ETH(POD, group_), IP(POD, group_), ND(135, target_, .sender_mac = POD)

static const struct row ND_ROWS[] = {
	{"who has a member on this node", V6, FRAME(ASK_ND(PEER, SOLICIT_PEER)), ND_ANSWER(PEER)},
	{"who has a member on another node", V6, FRAME(ASK_ND(FAR, SOLICIT_FAR)), ND_ANSWER(FAR)},
	{"asked without the own MAC", V6, FRAME(ETH(POD, SOLICIT_FAR), IP(POD, SOLICIT_FAR), ND(135, FAR)), ND_ANSWER(FAR)},
	{"asked of the member itself", V6, FRAME(ETH(POD, FAR), IP(POD, FAR), ND(135, FAR, .sender_mac = POD)), ND_ANSWER(FAR)},
	{"asked from the link-local address", V6, FRAME(ETH(POD, SOLICIT_FAR), IP(LINK_LOCAL, SOLICIT_FAR), ND(135, FAR, .sender_mac = POD)), ANSWERED(ETH(FAR, POD), IP(FAR, LINK_LOCAL), ND(136, FAR, .flags = 0x60, .target_mac = FAR))},
	{"who has the gateway", V6, FRAME(ASK_ND(GATEWAY, SOLICIT_GATEWAY)), HOST_ANSWERS(ETH(HOST, POD), IP(GATEWAY, POD), ND(136, GATEWAY, .flags = 0xe0, .target_mac = HOST))},
	{"who has the next hop that is nobody's", V6, FRAME(ASK_ND(SILENT, SOLICIT_SILENT)), HOST_TAKES},
	{"is the own address free", V6, FRAME(ETH(POD, SOLICIT_POD), IP(NOBODY, SOLICIT_POD), ND(135, POD)), SILENTLY_GONE},
	{"is the own link-local address free", V6, FRAME(ETH(POD, SOLICIT_POD), IP(NOBODY, SOLICIT_POD), ND(135, LINK_LOCAL)), SILENTLY_GONE},
	{"is the own address free, with a nonce", V6, FRAME(ETH(POD, SOLICIT_POD), IP(NOBODY, SOLICIT_POD), ND(135, POD, .option_type = 14)), SILENTLY_GONE},
	{"who has a Pod of another VPC", V6, FRAME(ASK_ND(OTHER, SOLICIT_POD)), DROPS(UNKNOWN_NEIGHBOUR)},
	{"who has what only another VPC has", V6, FRAME(ASK_ND(STRANGER, SOLICIT_STRANGER)), DROPS(UNKNOWN_NEIGHBOUR)},
	{"who has nobody", V6, FRAME(ASK_ND(MISSING, SOLICIT_MISSING)), DROPS(UNKNOWN_NEIGHBOUR)},
	{"who has another's link-local address", V6, FRAME(ASK_ND(FAR_LINK_LOCAL, SOLICIT_MISSING)), DROPS(UNKNOWN_NEIGHBOUR)},
	{"source of a member", V6, FRAME(ETH(POD, SOLICIT_FAR), IP(PEER, SOLICIT_FAR), ND(135, FAR, .sender_mac = POD)), DROPS(FOREIGN_ND)},
	{"source of the gateway", V6, FRAME(ETH(POD, SOLICIT_FAR), IP(GATEWAY, SOLICIT_FAR), ND(135, FAR, .sender_mac = POD)), DROPS(FOREIGN_ND)},
	{"MAC of a member in the option", V6, FRAME(ETH(POD, SOLICIT_FAR), IP(POD, SOLICIT_FAR), ND(135, FAR, .sender_mac = PEER)), DROPS(FOREIGN_ND)},
	{"MAC of a member in the option, to the gateway", V6, FRAME(ETH(POD, HOST), IP(POD, GATEWAY), ND(135, GATEWAY, .sender_mac = PEER)), DROPS(FOREIGN_ND)},
	{"MAC in the option without a source", V6, FRAME(ETH(POD, SOLICIT_FAR), IP(NOBODY, SOLICIT_FAR), ND(135, FAR, .sender_mac = POD)), DROPS(FOREIGN_ND)},
	{"option of length 0", V6, FRAME(ETH(POD, SOLICIT_FAR), IP(POD, SOLICIT_FAR), ND(135, FAR, .sender_mac = POD, .option_length = FORCE(0))), DROPS(MALFORMED_HEADER)},
	{"option longer than the message", V6, FRAME(ETH(POD, SOLICIT_FAR), IP(POD, SOLICIT_FAR), ND(135, FAR, .option_type = 14, .option_length = 2)), DROPS(MALFORMED_HEADER)},
	{"hop limit 254", V6, FRAME(ETH(POD, SOLICIT_FAR), IP(POD, SOLICIT_FAR, .ttl = 254), ND(135, FAR, .sender_mac = POD)), DROPS(MALFORMED_HEADER)},
	{"code 1", V6, FRAME(ETH(POD, SOLICIT_FAR), IP(POD, SOLICIT_FAR), ND(135, FAR, .code = 1, .sender_mac = POD)), DROPS(MALFORMED_HEADER)},
	{"payload too short for a target", V6, FRAME(ETH(POD, SOLICIT_FAR), IP(POD, SOLICIT_FAR, .length = 20), ND(135, FAR, .sender_mac = POD)), DROPS(MALFORMED_HEADER)},
	{"advertisement of the own address to all", V6, FRAME(ETH(POD, BROADCAST), IP(POD, BROADCAST), ND(136, POD, .flags = 0x20, .target_mac = POD)), SILENTLY_GONE},
	{"advertisement of the own address to the gateway", V6, FRAME(ETH(POD, HOST), IP(POD, GATEWAY), ND(136, POD, .flags = 0x60, .target_mac = POD)), HOST_TAKES},
	{"advertisement of the own address to a member", V6, FRAME(ETH(POD, PEER), IP(POD, PEER), ND(136, POD, .flags = 0x60, .target_mac = POD)), DROPS(UNKNOWN_NEIGHBOUR)},
	{"advertisement of a member's address", V6, FRAME(ETH(POD, HOST), IP(POD, GATEWAY), ND(136, PEER, .flags = 0x60, .target_mac = POD)), DROPS(FOREIGN_ND)},
	{"advertisement of a member's address to all", V6, FRAME(ETH(POD, BROADCAST), IP(POD, BROADCAST), ND(136, PEER, .flags = 0x20, .target_mac = POD)), DROPS(FOREIGN_ND)},
	{"advertisement of the gateway", V6, FRAME(ETH(POD, PEER), IP(POD, PEER), ND(136, GATEWAY, .flags = 0xe0, .target_mac = POD)), DROPS(FOREIGN_ND)},
	{"advertisement of the link-local next hop to the host", V6, FRAME(ETH(POD, HOST), IP(POD, GATEWAY), ND(136, SILENT, .flags = 0x60, .target_mac = POD)), DROPS(FOREIGN_ND)},
	{"advertisement with a member's MAC", V6, FRAME(ETH(POD, HOST), IP(POD, GATEWAY), ND(136, POD, .flags = 0x60, .target_mac = PEER)), DROPS(FOREIGN_ND)},
	{"router solicitation", V6, FRAME(ETH(POD, ROUTERS), IP(LINK_LOCAL, ROUTERS), ND(133, NOBODY, .sender_mac = POD)), SILENTLY_GONE},
	{"router solicitation without a source", V6, FRAME(ETH(POD, ROUTERS), IP(NOBODY, ROUTERS), ND(133, NOBODY)), SILENTLY_GONE},
	{"router advertisement to all", V6, FRAME(ETH(POD, BROADCAST), IP(LINK_LOCAL, BROADCAST), ND(134, NOBODY, .sender_mac = POD)), DROPS(ROUTER_ADVERTISEMENT)},
	{"router advertisement to a member here", V6, FRAME(ETH(POD, PEER), IP(POD, PEER), ND(134, NOBODY, .sender_mac = POD)), DROPS(ROUTER_ADVERTISEMENT)},
	{"router advertisement to a member elsewhere", V6, FRAME(ETH(POD, FAR), IP(POD, FAR), ND(134, NOBODY, .sender_mac = POD)), DROPS(ROUTER_ADVERTISEMENT)},
	{"router advertisement to the gateway", V6, FRAME(ETH(POD, HOST), IP(POD, GATEWAY), ND(134, NOBODY, .sender_mac = POD)), DROPS(ROUTER_ADVERTISEMENT)},
	{"redirect to a member", V6, FRAME(ETH(POD, PEER), IP(POD, PEER), ND(137, FAR, .target_mac = POD)), DROPS(ROUTER_ADVERTISEMENT)},
	{"redirect from a link-local address", V6, FRAME(ETH(POD, PEER), IP(LINK_LOCAL, PEER), ND(137, FAR, .target_mac = POD)), DROPS(ROUTER_ADVERTISEMENT)},
	{"advertisement behind an extension header reaches nobody as one", V6, FRAME(ETH(POD, PEER), IP(POD, PEER, .ttl = 255), EXT(IPPROTO_DSTOPTS), ND(136, GATEWAY, .target_mac = POD)),
		REACHES(PEER), .out = FRAME(ETH(POD, PEER), IP(POD, PEER, .ttl = 254), EXT(IPPROTO_DSTOPTS), ND(136, GATEWAY, .target_mac = POD))},
	{"router advertisement in a fragment reaches nobody as one", V6, FRAME(ETH(POD, PEER), IP(POD, PEER, .ttl = 255, .fragment = 5, .more = 1), ND(134, NOBODY, .sender_mac = POD)),
		REACHES(PEER), .out = FRAME(ETH(POD, PEER), IP(POD, PEER, .ttl = 254, .fragment = 5, .more = 1), ND(134, NOBODY, .sender_mac = POD))},
	{"router advertisement behind hop-by-hop options, to all", V6, FRAME(ETH(POD, BROADCAST), IP(POD, BROADCAST, .ttl = 255), EXT(IPPROTO_HOPOPTS), ND(134, NOBODY)), DROPS(MULTICAST)},
	{"router advertisement in an atomic fragment, to all", V6, FRAME(ETH(POD, BROADCAST), IP(POD, BROADCAST, .ttl = 255), EXT(IPPROTO_FRAGMENT), ND(134, NOBODY)), DROPS(MULTICAST)},
	{"listener report", V6, FRAME(ETH(POD, MLD_ROUTERS), IP(LINK_LOCAL, MLD_ROUTERS, .ttl = 1), EXT(IPPROTO_HOPOPTS), ICMP(143), FILL(20)), SILENTLY_GONE},
	{"listener report without a source", V6, FRAME(ETH(POD, MLD_ROUTERS), IP(NOBODY, MLD_ROUTERS, .ttl = 1), EXT(IPPROTO_HOPOPTS), ICMP(143), FILL(20)), SILENTLY_GONE},
	{"listener report of version 1", V6, FRAME(ETH(POD, MULTICAST), IP(LINK_LOCAL, MULTICAST, .ttl = 1), EXT(IPPROTO_HOPOPTS), ICMP(131), FILL(16)), SILENTLY_GONE},
	{"listener done", V6, FRAME(ETH(POD, ROUTERS), IP(LINK_LOCAL, ROUTERS, .ttl = 1), EXT(IPPROTO_HOPOPTS), ICMP(132), FILL(16)), SILENTLY_GONE},
};

static const struct row GROUPS[] = {
	{"multicast DNS", BOTH, FRAME(ETH(POD, MULTICAST), IP(POD, MULTICAST), UDP(5353, 5353), TEXT("x")), DROPS(MULTICAST)},
	{"multicast of global scope", BOTH, FRAME(ETH(POD, GLOBAL_GROUP), IP(POD, GLOBAL_GROUP), UDP(5, 5)), DROPS(MULTICAST)},
	{"a group under a member's MAC", BOTH, FRAME(ETH(POD, PEER), IP(POD, GLOBAL_GROUP), UDP(5, 5)), DROPS(MULTICAST)},
	{"echo to all", BOTH, FRAME(ETH(POD, BROADCAST), IP(POD, BROADCAST), ECHO(1)), DROPS(MULTICAST)},
	{"multicast from a foreign address", BOTH, FRAME(ETH(POD, MULTICAST), IP(PEER, MULTICAST), UDP(5, 5)), DROPS(FOREIGN_ADDRESS)},
	{"a member under a broadcast MAC", BOTH, FRAME(ETH(POD, BROADCAST), IP(POD, PEER), UDP(5, 5)), REACHES(PEER)},
	{"the outside under a broadcast MAC", BOTH, FRAME(ETH(POD, BROADCAST), IP(POD, ALLOWED), UDP(5, 5)), DROPS(MULTICAST)},
	{"DHCP request", V4, FRAME(ETH(POD, BROADCAST), IP(NOBODY, BROADCAST), UDP(68, 67), FILL(240)), DROPS(FOREIGN_ADDRESS)},
	{"DHCP offer to all", V4, FRAME(ETH(POD, BROADCAST), IP(POD, BROADCAST), UDP(67, 68), FILL(240)), DROPS(MULTICAST)},
	{"DHCPv6 request", V6, FRAME(ETH(POD, MULTICAST), IP(LINK_LOCAL, MULTICAST), UDP(546, 547), FILL(40)), DROPS(MULTICAST)},
	{"IGMP report", V4, FRAME(ETH(POD, MULTICAST), IP(POD, MULTICAST, .protocol = IPPROTO_IGMP, .ttl = 1), FILL(8)), DROPS(MULTICAST)},
	{"UDP to a link-local address", V6, FRAME(ETH(POD, PEER), IP(LINK_LOCAL, FAR_LINK_LOCAL), UDP(1, 2)), DROPS(LINK_LOCAL)},
	{"echo to the link-local next hop", V6, FRAME(ETH(POD, HOST), IP(POD, SILENT), ECHO(1)), DROPS(LINK_LOCAL)},
	{"echo to a foreign link-local address under a foreign MAC", V6, FRAME(ETH(POD, OTHER), IP(LINK_LOCAL, FAR_LINK_LOCAL), ECHO(1)), DROPS(LINK_LOCAL)},
	{"from a link-local address to a member", V6, FRAME(ETH(POD, PEER), IP(LINK_LOCAL, PEER), UDP(1, 2)), DROPS(FOREIGN_ADDRESS)},
	{"from 169.254.0.2 to a member", V4, FRAME(ETH(POD, PEER), IP(LINK_LOCAL, PEER), UDP(1, 2)), DROPS(FOREIGN_ADDRESS)},
	{"to 169.254.0.9", V4, FRAME(ETH(POD, HOST), IP(POD, FAR_LINK_LOCAL), UDP(1, 2)), DROPS(NOT_A_MEMBER)},
};

TABLE(from_pod_arp, ARP_ROWS)
TABLE(from_pod_nd, ND_ROWS)
TABLE(from_pod_groups, GROUPS)
