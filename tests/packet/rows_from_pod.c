// SPDX-License-Identifier: Apache-2.0
// What a Pod sends.
#include "rows.h"

#include <netinet/in.h>

static const struct row MEMBERS[] = {
	{"UDP to a member on this node", BOTH, FRAME(ETH(POD, PEER), IP(POD, PEER), UDP(1000, 2000), TEXT("hello")), REACHES(PEER)},
	{"the same by way of the gateway's MAC", BOTH, FRAME(ETH(POD, HOST), IP(POD, PEER), UDP(1000, 2000), TEXT("hello")), REACHES(PEER)},
	{"TCP SYN to a member on this node", BOTH, FRAME(ETH(POD, HOST), IP(POD, PEER), TCP(1000, 80)), REACHES(PEER)},
	{"echo to a member on this node", BOTH, FRAME(ETH(POD, HOST), IP(POD, PEER), ECHO(7), FILL(56)), REACHES(PEER)},
	{"UDP to a member on another node", BOTH, FRAME(ETH(POD, HOST), IP(POD, FAR), UDP(1000, 2000), TEXT("hello")), REACHES(FAR)},
	{"TCP SYN to a member on another node", BOTH, FRAME(ETH(POD, HOST), IP(POD, FAR), TCP(1000, 80)), REACHES(FAR)},
	{"echo to a member on another node", BOTH, FRAME(ETH(POD, FAR), IP(POD, FAR), ECHO(7), FILL(56)), REACHES(FAR)},
	{"UDP to a member on a third node", BOTH, FRAME(ETH(POD, HOST), IP(POD, FARTHER), UDP(1, 2)), REACHES(FARTHER)},
	{"to itself", BOTH, FRAME(ETH(POD, HOST), IP(POD, POD), UDP(1, 2)), REACHES(POD)},
	{"unknown transport to a member", BOTH, FRAME(ETH(POD, HOST), IP(POD, FAR, .protocol = FORCE(253)), FILL(8)), REACHES(FAR)},
	{"no transport at all", BOTH, FRAME(ETH(POD, HOST), IP(POD, FAR, .protocol = FORCE(59))), REACHES(FAR)},
	{"to a Pod of another VPC on this node", BOTH, FRAME(ETH(POD, HOST), IP(POD, OTHER), UDP(1, 2)), DROPS(NOT_A_MEMBER)},
	{"to its MAC and address", BOTH, FRAME(ETH(POD, OTHER), IP(POD, OTHER), UDP(1, 2)), DROPS(NOT_A_MEMBER)},
	{"to a Pod of another VPC on another node", BOTH, FRAME(ETH(POD, HOST), IP(POD, OTHER_FAR), UDP(1, 2)), DROPS(NOT_A_MEMBER)},
	{"to an address that only another VPC has", BOTH, FRAME(ETH(POD, HOST), IP(POD, STRANGER), UDP(1, 2)), DROPS(NOT_A_MEMBER)},
	{"to nobody", BOTH, FRAME(ETH(POD, HOST), IP(POD, MISSING), UDP(1, 2)), DROPS(NOT_A_MEMBER)},
};

static const struct row SOURCES[] = {
	{"source MAC of another member", BOTH, FRAME(ETH(PEER, HOST), IP(POD, FAR), UDP(1, 2)), DROPS(FOREIGN_MAC)},
	{"source MAC of the host", BOTH, FRAME(ETH(HOST, PEER), IP(POD, PEER), UDP(1, 2)), DROPS(FOREIGN_MAC)},
	{"source MAC of zeros", BOTH, FRAME(ETH(NOBODY, PEER), IP(POD, PEER), UDP(1, 2)), DROPS(FOREIGN_MAC)},
	{"source MAC is broadcast", BOTH, FRAME(ETH(BROADCAST, PEER), IP(POD, PEER), UDP(1, 2)), DROPS(FOREIGN_MAC)},
	{"source address of a member here", BOTH, FRAME(ETH(POD, HOST), IP(PEER, FAR), UDP(1, 2)), DROPS(FOREIGN_ADDRESS)},
	{"source address of a member elsewhere", BOTH, FRAME(ETH(POD, HOST), IP(FAR, PEER), UDP(1, 2)), DROPS(FOREIGN_ADDRESS)},
	{"source address of the gateway", BOTH, FRAME(ETH(POD, HOST), IP(GATEWAY, PEER), UDP(1, 2)), DROPS(FOREIGN_ADDRESS)},
	{"source address of the node", BOTH, FRAME(ETH(POD, HOST), IP(NODE, PEER), UDP(1, 2)), DROPS(FOREIGN_ADDRESS)},
	{"source address of another VPC", BOTH, FRAME(ETH(POD, HOST), IP(OTHER, PEER), UDP(1, 2)), DROPS(FOREIGN_ADDRESS)},
	{"source address is the destination", BOTH, FRAME(ETH(POD, HOST), IP(PEER, PEER), UDP(1, 2)), DROPS(FOREIGN_ADDRESS)},
	{"no source address", BOTH, FRAME(ETH(POD, HOST), IP(NOBODY, PEER), UDP(1, 2)), DROPS(FOREIGN_ADDRESS)},
	{"source address is loopback", BOTH, FRAME(ETH(POD, HOST), IP(LOOPBACK, PEER), UDP(1, 2)), DROPS(FOREIGN_ADDRESS)},
	{"source address is broadcast", BOTH, FRAME(ETH(POD, HOST), IP(BROADCAST, PEER), UDP(1, 2)), DROPS(FOREIGN_ADDRESS)},
	{"source address is multicast", BOTH, FRAME(ETH(POD, HOST), IP(MULTICAST, PEER), UDP(1, 2)), DROPS(FOREIGN_ADDRESS)},
	{"own MAC and foreign address to the outside", BOTH, FRAME(ETH(POD, HOST), IP(PEER, ALLOWED), UDP(1, 2)), DROPS(FOREIGN_ADDRESS)},
};

TABLE(from_pod_members, MEMBERS)
TABLE(from_pod_sources, SOURCES)
