// SPDX-License-Identifier: Apache-2.0
#include "rows.h"

/* A router on the way to the client tells the VIP of what a backend sent. */
#define ABOUT4 "ip4 40.1.1.1>20.1.1.100 ttl=9 tcp 80>1000 A data=8"
#define IN4 "eth ip4 9.9.9.9>40.1.1.1 "
#define OUT4 "eth to=11 ip4 10.0.0.1>10.0.0.11 df ip4 9.9.9.9>40.1.1.1 ttl=63 "
#define ABOUT6 "ip6 2001:db8:40::1>2001:db8:20::100 hop=9 tcp 80>1000 A data=8"
#define IN6 "eth ip6 2001:9::9>2001:db8:40::1 "
#define OUT6 "eth to=17 ip6 2001:db8:10::1>2001:db8:10::11 ip6 2001:9::9>2001:db8:40::1 hop=63 "
#define FLOW4 "eth ip4 20.1.1.100>40.1.1.1 tcp 1000>80 S"
#define FLOW6 "eth ip6 2001:db8:20::100>2001:db8:40::1 tcp 1000>80 S"

static const struct row ROWS[] = {
	/* description                           in                                              verdict, out, counts, before */
	{"fragmentation needed, flow known",     IN4 "icmp 3 4 mtu=1400 " ABOUT4,                SEND, OUT4 "icmp 3 4 mtu=1400 " ABOUT4, "ICMP_ERROR", FLOW4},
	{"fragmentation needed, flow unknown",   IN4 "icmp 3 4 mtu=1400 " ABOUT4,                SEND, OUT4 "icmp 3 4 mtu=1400 " ABOUT4, "ICMP_ERROR", NULL},
	{"an error opens no flow",               "eth ip4 20.1.1.100>40.1.1.1 tcp 1000>80 A",    SEND, "eth to=11 ip4 10.0.0.1>10.0.0.11 df ip4 20.1.1.100>40.1.1.1 ttl=63 tcp 1000>80 A", "NEW_FLOW", IN4 "icmp 3 4 mtu=1400 " ABOUT4},
	{"port unreachable",                     IN4 "icmp 3 3 " ABOUT4,                         SEND, OUT4 "icmp 3 3 " ABOUT4, "ICMP_ERROR", NULL},
	{"source quench",                        IN4 "icmp 4 0 " ABOUT4,                         SEND, OUT4 "icmp 4 0 " ABOUT4, "ICMP_ERROR", NULL},
	{"time exceeded",                        IN4 "icmp 11 0 " ABOUT4,                        SEND, OUT4 "icmp 11 0 " ABOUT4, "ICMP_ERROR", NULL},
	{"parameter problem",                    IN4 "icmp 12 0 " ABOUT4,                        SEND, OUT4 "icmp 12 0 " ABOUT4, "ICMP_ERROR", NULL},
	{"quotes 8 bytes of TCP, as RFC 792",    IN4 "icmp 3 4 mtu=1400 quote=28 " ABOUT4,       SEND, OUT4 "icmp 3 4 mtu=1400 quote=28 " ABOUT4, "ICMP_ERROR", NULL},
	{"quotes the ports only",                IN4 "icmp 3 4 mtu=1400 quote=24 " ABOUT4,       SEND, OUT4 "icmp 3 4 mtu=1400 quote=24 " ABOUT4, "ICMP_ERROR", NULL},
	{"quotes less than the ports",           IN4 "icmp 3 4 mtu=1400 quote=23 " ABOUT4,       PASS, NULL, "", NULL},
	{"quotes nothing",                       IN4 "icmp 3 4 mtu=1400 quote=0 " ABOUT4,        PASS, NULL, "", NULL},
	{"from the client itself",               "eth ip4 20.1.1.100>40.1.1.1 icmp 3 3 " ABOUT4, SEND, "eth to=11 ip4 10.0.0.1>10.0.0.11 df ip4 20.1.1.100>40.1.1.1 ttl=63 icmp 3 3 " ABOUT4, "ICMP_ERROR", NULL},
	{"with options outside",                 IN4 "options=8 icmp 3 4 mtu=1400 " ABOUT4,      SEND, OUT4 "options=8 icmp 3 4 mtu=1400 " ABOUT4, "ICMP_ERROR", NULL},
	{"with options in the quoted packet",    IN4 "icmp 3 4 ip4 40.1.1.1>20.1.1.100 options=4 tcp 80>1000 A", PASS, NULL, "", NULL},
	{"quoted: a later fragment",             IN4 "icmp 3 4 ip4 40.1.1.1>20.1.1.100 off=64 proto=6 data=20",  PASS, NULL, "", NULL},
	{"quoted: a first fragment",             IN4 "icmp 11 1 ip4 40.1.1.1>20.1.1.100 mf tcp 80>1000 A data=4", SEND, OUT4 "icmp 11 1 ip4 40.1.1.1>20.1.1.100 mf tcp 80>1000 A data=4", "ICMP_ERROR", NULL},
	{"quoted: UDP",                          IN4 "icmp 3 4 ip4 40.1.1.1>20.1.1.100 udp 53>1000 data=8", SEND, "eth to=12 ip4 10.0.0.1>10.0.0.12 df ip4 9.9.9.9>40.1.1.1 ttl=63 icmp 3 4 ip4 40.1.1.1>20.1.1.100 udp 53>1000 data=8", "ICMP_ERROR", NULL},
	{"quoted: another source than the VIP",  IN4 "icmp 3 4 ip4 40.1.1.2>20.1.1.100 tcp 80>1000 A", PASS, NULL, "", NULL},
	{"quoted: a port that is no VIP's",      IN4 "icmp 3 4 ip4 40.1.1.1>20.1.1.100 tcp 81>1000 A", PASS, NULL, "", NULL},
	{"quoted: no ports, protocol 0",         IN4 "icmp 3 4 ip4 40.1.1.1>20.1.1.100 proto=0 tcp 0>0", PASS, NULL, "", NULL},
	{"quoted: ICMP",                         IN4 "icmp 3 1 ip4 40.1.1.1>20.1.1.100 icmp 0 0 data=8", PASS, NULL, "", NULL},
	{"to another address than the VIP",      "eth ip4 9.9.9.9>10.0.0.1 icmp 3 4 " ABOUT4,    PASS, NULL, "", NULL},
	{"about a VIP without a backend",        "eth ip4 9.9.9.9>40.1.1.3 icmp 3 4 ip4 40.1.1.3>20.1.1.100 tcp 80>1000 A", DROP, NULL, "NO_BACKEND", NULL},
	{"a backend of IPv6",                    "eth ip4 9.9.9.9>40.1.1.2 icmp 3 4 ip4 40.1.1.2>20.1.1.100 tcp 80>1000 A", SEND, "eth to=19 ip6 2001:db8:10::1>2001:db8:10::13 ip4 9.9.9.9>40.1.1.2 ttl=63 icmp 3 4 ip4 40.1.1.2>20.1.1.100 tcp 80>1000 A", "ICMP_ERROR", NULL},
	{"time to live of 1",                    IN4 "ttl=1 icmp 3 4 " ABOUT4,                   DROP, NULL, "ICMP_ERROR TIME_EXCEEDED", NULL},
	{"echo",                                 IN4 "icmp 8 0 data=32",                         PASS, NULL, "", NULL},
	{"echo that looks like an error",        IN4 "icmp 8 0 " ABOUT4,                         PASS, NULL, "", NULL},
	{"redirect",                             IN4 "icmp 5 0 " ABOUT4,                         PASS, NULL, "", NULL},
	{"ICMP of 4 bytes",                      IN4 "proto=1 data=4",                           PASS, NULL, "", NULL},
	{"ICMP whose frame is cut",              IN4 "icmp 3 4 " ABOUT4 " cut=60",               DROP, NULL, "TRUNCATED", NULL},

	{"packet too big, flow known",           IN6 "icmp6 2 0 mtu=1400 " ABOUT6,               SEND, OUT6 "icmp6 2 0 mtu=1400 " ABOUT6, "ICMP_ERROR", FLOW6},
	{"packet too big, flow unknown",         IN6 "icmp6 2 0 mtu=1400 " ABOUT6,               SEND, OUT6 "icmp6 2 0 mtu=1400 " ABOUT6, "ICMP_ERROR", NULL},
	{"unreachable, IPv6",                    IN6 "icmp6 1 4 " ABOUT6,                        SEND, OUT6 "icmp6 1 4 " ABOUT6, "ICMP_ERROR", NULL},
	{"time exceeded, IPv6",                  IN6 "icmp6 3 0 " ABOUT6,                        SEND, OUT6 "icmp6 3 0 " ABOUT6, "ICMP_ERROR", NULL},
	{"parameter problem, IPv6",              IN6 "icmp6 4 0 " ABOUT6,                        SEND, OUT6 "icmp6 4 0 " ABOUT6, "ICMP_ERROR", NULL},
	{"type 0, IPv6",                         IN6 "icmp6 0 0 " ABOUT6,                        PASS, NULL, "", NULL},
	{"type 5, IPv6",                         IN6 "icmp6 5 0 " ABOUT6,                        PASS, NULL, "", NULL},
	{"echo, IPv6",                           IN6 "icmp6 128 0 data=32",                      PASS, NULL, "", NULL},
	{"neighbour solicitation",               IN6 "icmp6 135 0 data=24",                      PASS, NULL, "", NULL},
	{"quoted: UDP, IPv6",                    IN6 "icmp6 2 0 mtu=1400 ip6 2001:db8:40::1>2001:db8:20::100 udp 53>1000 data=8", SEND, "eth to=18 ip6 2001:db8:10::1>2001:db8:10::12 ip6 2001:9::9>2001:db8:40::1 hop=63 icmp6 2 0 mtu=1400 ip6 2001:db8:40::1>2001:db8:20::100 udp 53>1000 data=8", "ICMP_ERROR", NULL},
	{"quoted: another source, IPv6",         IN6 "icmp6 2 0 ip6 2001:db8:40::2>2001:db8:20::100 tcp 80>1000 A", PASS, NULL, "", NULL},
	{"quoted: no VIP's port, IPv6",          IN6 "icmp6 2 0 ip6 2001:db8:40::1>2001:db8:20::100 tcp 81>1000 A", PASS, NULL, "", NULL},
	{"quoted: a fragment header",            IN6 "icmp6 2 0 ip6 2001:db8:40::1>2001:db8:20::100 frag mf tcp 80>1000 A", PASS, NULL, "", NULL},
	{"quotes less than the ports, IPv6",     IN6 "icmp6 2 0 quote=43 " ABOUT6,               PASS, NULL, "", NULL},
	{"about a VIP without backend, IPv6",    "eth ip6 2001:9::9>2001:db8:40::3 icmp6 2 0 ip6 2001:db8:40::3>2001:db8:20::100 tcp 80>1000 A", DROP, NULL, "NO_BACKEND", NULL},
	{"hop limit of 1, IPv6",                 "eth ip6 2001:9::9>2001:db8:40::1 hop=1 icmp6 2 0 " ABOUT6, DROP, NULL, "ICMP_ERROR TIME_EXCEEDED", NULL},
};

TABLE(ROWS_ICMP, ROWS);
