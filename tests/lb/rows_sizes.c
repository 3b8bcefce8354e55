// SPDX-License-Identifier: Apache-2.0
#include "rows.h"

/* The interface carries packets of 1,500 bytes. */
#define IN4 "eth ip4 20.1.1.100>40.1.1.1 "
#define OUT4 "eth to=11 ip4 10.0.0.1>10.0.0.11 df ip4 20.1.1.100>40.1.1.1 ttl=63 "
#define TOO_BIG4(mtu_, vip_, packet_) "eth to=254 ip4 " vip_ ">20.1.1.100 icmp 3 4 mtu=" mtu_ " quote=128 ip4 20.1.1.100>" vip_ " " packet_
#define IN6 "eth ip6 2001:db8:20::100>2001:db8:40::1 "
#define OUT6 "eth to=17 ip6 2001:db8:10::1>2001:db8:10::11 ip6 2001:db8:20::100>2001:db8:40::1 hop=63 "
#define TOO_BIG6(mtu_, vip_, packet_) "eth to=254 ip6 " vip_ ">2001:db8:20::100 icmp6 2 0 mtu=" mtu_ " quote=128 ip6 2001:db8:20::100>" vip_ " " packet_

static const struct row ROWS[] = {
	/* description                           in                                              verdict, out, counts, before */
	{"the largest that fits",                IN4 "df tcp 1000>80 A data=1440",               SEND, OUT4 "df tcp 1000>80 A data=1440", "NEW_FLOW", NULL},
	{"one byte more",                        IN4 "df tcp 1000>80 A data=1441",               SEND, TOO_BIG4("1480", "40.1.1.1", "df tcp 1000>80 A data=1441"), "NEW_FLOW TOO_BIG_ANSWERED", NULL},
	{"one byte more, flow known",            IN4 "df tcp 1000>80 A data=1441",               SEND, TOO_BIG4("1480", "40.1.1.1", "df tcp 1000>80 A data=1441"), "TOO_BIG_ANSWERED", IN4 "tcp 1000>80 S"},
	{"full frame",                           IN4 "df tcp 1000>80 A data=1460",               SEND, TOO_BIG4("1480", "40.1.1.1", "df tcp 1000>80 A data=1460"), "NEW_FLOW TOO_BIG_ANSWERED", NULL},
	{"may be fragmented, but is not",        IN4 "tcp 1000>80 A data=1460",                  SEND, TOO_BIG4("1480", "40.1.1.1", "tcp 1000>80 A data=1460"), "NEW_FLOW TOO_BIG_ANSWERED", NULL},
	{"with options",                         IN4 "df options=8 tcp 1000>80 A data=1440",     SEND, TOO_BIG4("1480", "40.1.1.1", "df options=8 tcp 1000>80 A data=1440"), "NEW_FLOW TOO_BIG_ANSWERED", NULL},
	{"UDP",                                  IN4 "udp 1000>53 data=1460",                    SEND, TOO_BIG4("1480", "40.1.1.1", "udp 1000>53 data=1460"), "NEW_FLOW TOO_BIG_ANSWERED", NULL},
	{"to a backend of IPv6, fits",           "eth ip4 20.1.1.100>40.1.1.2 tcp 1000>80 A data=1420", SEND, "eth to=19 ip6 2001:db8:10::1>2001:db8:10::13 ip4 20.1.1.100>40.1.1.2 ttl=63 tcp 1000>80 A data=1420", "NEW_FLOW", NULL},
	{"to a backend of IPv6",                 "eth ip4 20.1.1.100>40.1.1.2 tcp 1000>80 A data=1421", SEND, TOO_BIG4("1460", "40.1.1.2", "tcp 1000>80 A data=1421"), "NEW_FLOW TOO_BIG_ANSWERED", NULL},
	{"padding is not answered",              IN4 "tcp 1000>80 A data=1400 pad=1514",         SEND, OUT4 "tcp 1000>80 A data=1400 pad=1534", "NEW_FLOW", NULL},
	{"a later fragment gets no answer",      IN4 "id=7 off=1480 proto=17 data=1480",         DROP, NULL, "TOO_BIG", IN4 "id=7 mf udp 1000>53 data=1400"},
	{"a first fragment does",                IN4 "id=7 mf udp 1000>53 data=1472",            SEND, TOO_BIG4("1480", "40.1.1.1", "id=7 mf udp 1000>53 data=1472"), "NEW_FLOW TOO_BIG_ANSWERED", NULL},
	{"an ICMP error gets no answer",         "eth ip4 9.9.9.9>40.1.1.1 icmp 3 4 ip4 40.1.1.1>20.1.1.100 tcp 80>1000 A data=1430", DROP, NULL, "ICMP_ERROR TOO_BIG", NULL},
	{"time to live comes first",             IN4 "ttl=1 df tcp 1000>80 A data=1460",         DROP, NULL, "TIME_EXCEEDED", IN4 "tcp 1000>80 S"},

	{"the largest that fits, IPv6",          IN6 "tcp 1000>80 A data=1400",                  SEND, OUT6 "tcp 1000>80 A data=1400", "NEW_FLOW", NULL},
	{"one byte more, IPv6",                  IN6 "tcp 1000>80 A data=1401",                  SEND, TOO_BIG6("1460", "2001:db8:40::1", "tcp 1000>80 A data=1401"), "NEW_FLOW TOO_BIG_ANSWERED", NULL},
	{"full frame, IPv6",                     IN6 "tcp 1000>80 A data=1440",                  SEND, TOO_BIG6("1460", "2001:db8:40::1", "tcp 1000>80 A data=1440"), "NEW_FLOW TOO_BIG_ANSWERED", NULL},
	{"UDP, IPv6",                            IN6 "udp 1000>53 data=1450",                    SEND, TOO_BIG6("1460", "2001:db8:40::1", "udp 1000>53 data=1450"), "NEW_FLOW TOO_BIG_ANSWERED", NULL},
	{"class and label are quoted",           IN6 "class=0x12 label=0x54321 tcp 1000>80 A data=1440", SEND, TOO_BIG6("1460", "2001:db8:40::1", "class=0x12 label=0x54321 tcp 1000>80 A data=1440"), "NEW_FLOW TOO_BIG_ANSWERED", NULL},
	{"to a backend of IPv4, fits",           "eth ip6 2001:db8:20::100>2001:db8:40::2 tcp 1000>80 A data=1420", SEND, "eth to=14 ip4 10.0.0.1>10.0.0.14 df ip6 2001:db8:20::100>2001:db8:40::2 hop=63 tcp 1000>80 A data=1420", "NEW_FLOW", NULL},
	{"to a backend of IPv4",                 "eth ip6 2001:db8:20::100>2001:db8:40::2 tcp 1000>80 A data=1421", SEND, TOO_BIG6("1480", "2001:db8:40::2", "tcp 1000>80 A data=1421"), "NEW_FLOW TOO_BIG_ANSWERED", NULL},
	{"a later fragment, IPv6",               IN6 "frag id=7 off=1448 next=17 data=1448",     DROP, NULL, "TOO_BIG", IN6 "frag mf id=7 udp 1000>53 data=1000"},
	{"an ICMP error, IPv6",                  "eth ip6 2001:9::9>2001:db8:40::1 icmp6 1 0 ip6 2001:db8:40::1>2001:db8:20::100 tcp 80>1000 A data=1360", DROP, NULL, "ICMP_ERROR TOO_BIG", NULL},
};

TABLE(ROWS_SIZES, ROWS);
