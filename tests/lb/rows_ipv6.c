// SPDX-License-Identifier: Apache-2.0
#include "rows.h"

#define CLIENT "2001:db8:20::100"
#define VIP "2001:db8:40::1"
#define OUTER "eth to=17 ip6 2001:db8:10::1>2001:db8:10::11 "
#define OUTER_UDP "eth to=18 ip6 2001:db8:10::1>2001:db8:10::12 "
#define IN "eth ip6 " CLIENT ">" VIP " "
#define INNER "ip6 " CLIENT ">" VIP " hop=63 "
#define TO_4(rest_) "eth ip6 " CLIENT ">2001:db8:40::2 " rest_
#define FROM_4(outer_, rest_) "eth to=14 ip4 10.0.0.1>10.0.0.14 df " outer_ " ip6 " CLIENT ">2001:db8:40::2 hop=63 " rest_

static const struct row ROWS[] = {
	/* description                           in                                              verdict, out, counts, before */
	{"SYN opens a flow",                     IN "tcp 1000>80 S",                             SEND, OUTER INNER "tcp 1000>80 S", "NEW_FLOW", NULL},
	{"ACK of a flow that is known",          IN "tcp 1000>80 A",                             SEND, OUTER INNER "tcp 1000>80 A", "", IN "tcp 1000>80 S"},
	{"ACK of a flow that is not known",      IN "tcp 1001>80 A",                             SEND, OUTER INNER "tcp 1001>80 A", "NEW_FLOW", NULL},
	{"SYN of a flow that is known",          IN "tcp 1000>80 S",                             SEND, OUTER INNER "tcp 1000>80 S", "", IN "tcp 1000>80 S"},
	{"another port is another flow",         IN "tcp 1002>80 S",                             SEND, OUTER INNER "tcp 1002>80 S", "NEW_FLOW", IN "tcp 1000>80 S"},
	{"another address is another flow",      "eth ip6 2001:db8:20::101>" VIP " tcp 1000>80 S", SEND, OUTER "ip6 2001:db8:20::101>" VIP " hop=63 tcp 1000>80 S", "NEW_FLOW", IN "tcp 1000>80 S"},
	{"the first word of an address counts",  "eth ip6 2002:db8:20::100>" VIP " tcp 1000>80 S", SEND, OUTER "ip6 2002:db8:20::100>" VIP " hop=63 tcp 1000>80 S", "NEW_FLOW", IN "tcp 1000>80 S"},
	{"FIN",                                  IN "tcp 1000>80 FA",                            SEND, OUTER INNER "tcp 1000>80 FA", "NEW_FLOW", NULL},
	{"reset",                                IN "tcp 1000>80 R",                             SEND, OUTER INNER "tcp 1000>80 R", "NEW_FLOW", NULL},
	{"payload of an odd length",             IN "tcp 1000>80 A data=101",                    SEND, OUTER INNER "tcp 1000>80 A data=101", "NEW_FLOW", NULL},
	{"UDP",                                  IN "udp 1000>53 data=30",                       SEND, OUTER_UDP INNER "udp 1000>53 data=30", "NEW_FLOW", NULL},
	{"UDP of a flow that is known",          IN "udp 1000>53 data=30",                       SEND, OUTER_UDP INNER "udp 1000>53 data=30", "", IN "udp 1000>53"},
	{"UDP without payload",                  IN "udp 1000>53",                               SEND, OUTER_UDP INNER "udp 1000>53", "NEW_FLOW", NULL},
	{"class and congestion",                 IN "class=0xbb tcp 1000>80 S",                  SEND, "eth to=17 ip6 2001:db8:10::1>2001:db8:10::11 class=0xbb " INNER "class=0xbb tcp 1000>80 S", "NEW_FLOW", NULL},
	{"flow label stays inside",              IN "label=0x12345 tcp 1000>80 S",               SEND, OUTER INNER "label=0x12345 tcp 1000>80 S", "NEW_FLOW", NULL},
	{"a backend of IPv4",                    TO_4("tcp 1000>80 S"),                          SEND, FROM_4("", "tcp 1000>80 S"), "NEW_FLOW", NULL},
	{"a backend of IPv4, class of service",  TO_4("class=0x28 tcp 1000>80 S"),               SEND, FROM_4("tos=0x28", "class=0x28 tcp 1000>80 S"), "NEW_FLOW", NULL},
	{"a backend of IPv4, payload",           TO_4("tcp 1000>80 A data=777"),                 SEND, FROM_4("", "tcp 1000>80 A data=777"), "NEW_FLOW", NULL},
	{"hop limit of 255",                     IN "hop=255 tcp 1000>80 S",                     SEND, OUTER "ip6 " CLIENT ">" VIP " hop=254 tcp 1000>80 S", "NEW_FLOW", NULL},
	{"hop limit of 2",                       IN "hop=2 tcp 1000>80 S",                       SEND, OUTER "ip6 " CLIENT ">" VIP " hop=1 tcp 1000>80 S", "NEW_FLOW", NULL},
	{"hop limit of 1",                       IN "hop=1 tcp 1000>80 A",                       DROP, NULL, "TIME_EXCEEDED", IN "tcp 1000>80 S"},
	{"hop limit of 0",                       IN "hop=0 tcp 1000>80 A",                       DROP, NULL, "TIME_EXCEEDED", IN "tcp 1000>80 S"},
	{"padding of Ethernet goes along",       IN "udp 1000>53 pad=80",                        SEND, OUTER_UDP INNER "udp 1000>53 pad=120", "NEW_FLOW", NULL},
	{"VIP without a backend",                "eth ip6 " CLIENT ">2001:db8:40::3 tcp 1000>80 S", DROP, NULL, "NO_BACKEND", NULL},
	{"backend whose MAC is lost",            "eth ip6 " CLIENT ">2001:db8:40::4 tcp 1000>80 S", DROP, NULL, "NEW_FLOW NO_NEXT_HOP", NULL},

	{"another port of a VIP's address",      IN "tcp 1000>81 S",                             PASS, NULL, "", NULL},
	{"UDP to a port of TCP",                 IN "udp 1000>80",                               PASS, NULL, "", NULL},
	{"another address",                      "eth ip6 " CLIENT ">2001:db8:10::1 tcp 1000>80 S", PASS, NULL, "", NULL},
	{"an address that differs in front",     "eth ip6 " CLIENT ">2002:db8:40::1 tcp 1000>80 S", PASS, NULL, "", NULL},
	{"from a VIP",                           "eth ip6 " VIP ">" CLIENT " tcp 80>1000 A",     PASS, NULL, "", NULL},
	{"to a group on Ethernet",               "eth group ip6 " CLIENT ">" VIP " tcp 1>80 S",  PASS, NULL, "", NULL},
	{"no next header",                       IN "next=59",                                   PASS, NULL, "", NULL},
	{"ESP",                                  IN "next=50 tcp 1000>80 S",                     PASS, NULL, "", NULL},
	{"wrapped already",                      "eth ip6 2001::9>" VIP " ip6 " CLIENT ">" VIP " tcp 1000>80 S", PASS, NULL, "", NULL},

	{"hop-by-hop options",                   IN "ext=0 tcp 1000>80 S",                       DROP, NULL, "EXTENSION_HEADER", NULL},
	{"destination options",                  IN "ext=60 tcp 1000>80 S",                      DROP, NULL, "EXTENSION_HEADER", NULL},
	{"routing header",                       IN "ext=43 tcp 1000>80 S",                      DROP, NULL, "EXTENSION_HEADER", NULL},
	{"authentication header",                IN "ext=51 tcp 1000>80 S",                      DROP, NULL, "EXTENSION_HEADER", NULL},
	{"options to another address",           "eth ip6 " CLIENT ">2001:db8:10::1 ext=60 tcp 1000>80 S", PASS, NULL, "", NULL},
	{"IPv6 header cut",                      IN "tcp 1000>80 S cut=53",                      PASS, NULL, "", NULL},
	{"ends behind the IPv6 header",          IN "tcp 1000>80 S cut=54",                      DROP, NULL, "TRUNCATED", NULL},
	{"ends behind the ports",                IN "tcp 1000>80 S cut=58",                      DROP, NULL, "TRUNCATED", NULL},
	{"ends in TCP's header",                 IN "tcp 1000>80 S cut=73",                      DROP, NULL, "TRUNCATED", NULL},
	{"ends in UDP's header",                 IN "udp 1000>53 cut=61",                        DROP, NULL, "TRUNCATED", NULL},
	{"ends in the payload",                  IN "tcp 1000>80 S data=10 cut=80",              DROP, NULL, "TRUNCATED", NULL},
	{"truncated, but to another address",    "eth ip6 " CLIENT ">2001:db8:10::1 tcp 1>80 S cut=60", PASS, NULL, "", NULL},
	{"length says less than TCP's header",   IN "len=19 tcp 1000>80 S",                      DROP, NULL, "TRUNCATED", NULL},
	{"length says less than UDP's header",   IN "len=7 udp 1000>53 data=8",                  DROP, NULL, "TRUNCATED", NULL},
	{"length of 0",                          IN "len=0 tcp 1000>80 S",                       DROP, NULL, "TRUNCATED", NULL},
	{"length says more than there is",       IN "len=21 tcp 1000>80 S",                      DROP, NULL, "TRUNCATED", NULL},
	{"length of 65535",                      IN "len=65535 tcp 1000>80 S",                   DROP, NULL, "TRUNCATED", NULL},
	{"version 4",                            IN "version=4 tcp 1000>80 S",                   DROP, NULL, "MALFORMED_HEADER", NULL},
	{"version 7 to another address",         "eth ip6 " CLIENT ">2001:db8:10::1 version=7 tcp 1000>80 S", PASS, NULL, "", NULL},
};

TABLE(ROWS_IPV6, ROWS);
