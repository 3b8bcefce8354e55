// SPDX-License-Identifier: Apache-2.0
#include "rows.h"

#define IN4 "eth ip4 20.1.1.100>40.1.1.1 "
#define OUT4 "eth to=12 ip4 10.0.0.1>10.0.0.12 df ip4 20.1.1.100>40.1.1.1 ttl=63 "
#define IN6 "eth ip6 2001:db8:20::100>2001:db8:40::1 "
#define OUT6 "eth to=18 ip6 2001:db8:10::1>2001:db8:10::12 ip6 2001:db8:20::100>2001:db8:40::1 hop=63 "
#define FIRST4 IN4 "id=7 mf udp 1000>53 data=24"
#define FIRST6 IN6 "frag mf id=7 udp 1000>53 data=24"

static const struct row ROWS[] = {
	/* description                           in                                              verdict, out, counts, before */
	{"first one, IPv4",                      FIRST4,                                         SEND, OUT4 "id=7 mf udp 1000>53 data=24", "NEW_FLOW", NULL},
	{"one in the middle",                    IN4 "id=7 mf off=32 proto=17 data=16",          SEND, OUT4 "id=7 mf off=32 proto=17 data=16", "", FIRST4},
	{"last one",                             IN4 "id=7 off=48 proto=17 data=3",              SEND, OUT4 "id=7 off=48 proto=17 data=3", "", FIRST4},
	{"last one with don't fragment",         IN4 "id=7 df off=48 proto=17 data=3",           SEND, OUT4 "id=7 df off=48 proto=17 data=3", "", FIRST4},
	{"with options",                         IN4 "id=7 off=48 options=8 proto=17 data=3",    SEND, OUT4 "id=7 off=48 options=8 proto=17 data=3", "", FIRST4},
	{"empty",                                IN4 "id=7 off=48 proto=17",                     SEND, OUT4 "id=7 off=48 proto=17", "", FIRST4},
	{"at the largest offset",                IN4 "id=7 off=65528 proto=17 data=3",           SEND, OUT4 "id=7 off=65528 proto=17 data=3", "", FIRST4},
	{"first one not seen",                   IN4 "id=7 off=48 proto=17 data=3",              DROP, NULL, "FRAGMENT_WITHOUT_FIRST", NULL},
	{"another identification",               IN4 "id=8 off=48 proto=17 data=3",              DROP, NULL, "FRAGMENT_WITHOUT_FIRST", FIRST4},
	{"another protocol",                     IN4 "id=7 off=48 proto=6 data=3",               DROP, NULL, "FRAGMENT_WITHOUT_FIRST", FIRST4},
	{"another source",                       "eth ip4 20.1.1.101>40.1.1.1 id=7 off=48 proto=17 data=3", DROP, NULL, "FRAGMENT_WITHOUT_FIRST", FIRST4},
	{"another VIP",                          "eth ip4 20.1.1.100>40.1.1.2 id=7 off=48 proto=17 data=3", DROP, NULL, "FRAGMENT_WITHOUT_FIRST", FIRST4},
	{"to no VIP",                            "eth ip4 20.1.1.100>10.0.0.1 id=7 off=48 proto=17 data=3", PASS, NULL, "", FIRST4},
	{"first one to another port",            IN4 "id=7 mf udp 1000>54 data=24",              PASS, NULL, "", NULL},
	{"after a first one that passed",        IN4 "id=7 off=32 proto=17 data=3",              DROP, NULL, "FRAGMENT_WITHOUT_FIRST", IN4 "id=7 mf udp 1000>54 data=24"},
	{"a whole packet is no first one",       IN4 "id=7 off=32 proto=17 data=3",              DROP, NULL, "FRAGMENT_WITHOUT_FIRST", IN4 "id=7 udp 1000>53 data=24"},
	{"time to live of 1",                    IN4 "id=7 ttl=1 off=48 proto=17 data=3",        DROP, NULL, "TIME_EXCEEDED", FIRST4},
	{"offset of 8 in TCP",                   IN4 "id=7 off=8 proto=6 data=3",                DROP, NULL, "MALFORMED_HEADER", NULL},
	{"offset of 8 in TCP to no VIP",         "eth ip4 20.1.1.100>10.0.0.1 id=7 off=8 proto=6 data=3", PASS, NULL, "", NULL},
	{"offset of 8 in UDP",                   IN4 "id=7 off=8 proto=17 data=3",               SEND, OUT4 "id=7 off=8 proto=17 data=3", "", FIRST4},
	{"first one without ports",              IN4 "id=7 mf proto=17 data=4",                  DROP, NULL, "TRUNCATED", NULL},
	{"first one of TCP, short",              IN4 "id=7 mf proto=6 data=16",                  DROP, NULL, "TRUNCATED", NULL},
	{"first one of TCP",                     IN4 "id=7 mf tcp 1000>80 A data=4",             SEND, "eth to=11 ip4 10.0.0.1>10.0.0.11 df ip4 20.1.1.100>40.1.1.1 ttl=63 id=7 mf tcp 1000>80 A data=4", "NEW_FLOW", NULL},
	{"later one of TCP",                     IN4 "id=7 off=24 proto=6 data=9",               SEND, "eth to=11 ip4 10.0.0.1>10.0.0.11 df ip4 20.1.1.100>40.1.1.1 ttl=63 id=7 off=24 proto=6 data=9", "", IN4 "id=7 mf tcp 1000>80 A data=4"},
	{"later one of ICMP",                    IN4 "id=7 off=24 proto=1 data=9",               DROP, NULL, "FRAGMENT_WITHOUT_FIRST", NULL},

	{"first one, IPv6",                      FIRST6,                                         SEND, OUT6 "frag mf id=7 udp 1000>53 data=24", "NEW_FLOW", NULL},
	{"one in the middle, IPv6",              IN6 "frag mf id=7 off=32 next=17 data=16",      SEND, OUT6 "frag mf id=7 off=32 next=17 data=16", "", FIRST6},
	{"last one, IPv6",                       IN6 "frag id=7 off=48 next=17 data=3",          SEND, OUT6 "frag id=7 off=48 next=17 data=3", "", FIRST6},
	{"atomic one, IPv6",                     IN6 "frag id=7 udp 1000>53 data=24",            SEND, OUT6 "frag id=7 udp 1000>53 data=24", "NEW_FLOW", NULL},
	{"after an atomic one",                  IN6 "frag id=7 off=32 next=17 data=3",          DROP, NULL, "FRAGMENT_WITHOUT_FIRST", IN6 "frag id=7 udp 1000>53 data=24"},
	{"first one not seen, IPv6",             IN6 "frag id=7 off=48 next=17 data=3",          DROP, NULL, "FRAGMENT_WITHOUT_FIRST", NULL},
	{"another identification, IPv6",         IN6 "frag id=0x70007 off=48 next=17 data=3",    DROP, NULL, "FRAGMENT_WITHOUT_FIRST", FIRST6},
	{"to no VIP, IPv6",                      "eth ip6 2001:db8:20::100>2001:db8:10::1 frag id=7 off=48 next=17 data=3", PASS, NULL, "", NULL},
	{"of the other family's identification", IN6 "frag id=7 off=48 next=17 data=3",          DROP, NULL, "FRAGMENT_WITHOUT_FIRST", FIRST4},
	{"fragment header cut",                  IN6 "frag id=7 udp 1000>53 cut=61",             DROP, NULL, "TRUNCATED", NULL},
	{"payload ends in the fragment header",  IN6 "len=7 frag id=7 udp 1000>53",              DROP, NULL, "TRUNCATED", NULL},
	{"first one without ports, IPv6",        IN6 "frag mf id=7 next=17 data=4",              DROP, NULL, "TRUNCATED", NULL},
	{"options behind the fragment header",   IN6 "frag mf id=7 ext=60 udp 1000>53",          DROP, NULL, "EXTENSION_HEADER", NULL},
	{"two fragment headers",                 IN6 "frag mf id=7 frag id=7 udp 1000>53",       DROP, NULL, "EXTENSION_HEADER", NULL},
	{"fragment of ICMPv6",                   IN6 "frag mf id=7 next=58 data=16",             DROP, NULL, "EXTENSION_HEADER", NULL},
	{"hop limit of 1",                       "eth ip6 2001:db8:20::100>2001:db8:40::1 hop=1 frag id=7 off=48 next=17 data=3", DROP, NULL, "TIME_EXCEEDED", FIRST6},
};

TABLE(ROWS_FRAGMENTS, ROWS);
