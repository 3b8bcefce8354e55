/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the port filter and user space share: the maps' layouts, and the list of verdicts, which is the only one. The enum,
 * the counters, the text of vpcctl and the documentation are made from it. Append only, before its kind ends: the number
 * is the index of the counter.
 */
#ifndef VPC_PORTFILTER_H
#define VPC_PORTFILTER_H

#include <linux/types.h>

/* name, text */
#define VPC_FILTER_PASSES(X) \
	X(PUBLIC, "to a public port, or a protocol that is allowed") \
	X(TCP_REPLY, "TCP that opens no connection: ACK or RST is set") \
	X(UDP_REPLY, "UDP to a port from which this machine asks others") \
	X(DHCP, "UDP of a DHCP server to a client (67 to 68, 547 to 546)") \
	X(ICMP, "ICMP, ICMPv6 with neighbour discovery, or IGMP") \
	X(FRAGMENT, "later fragment of TCP or UDP: the first one decides") \
	X(NOT_IP, "neither IPv4 nor IPv6: ARP and others") \
	X(UNCONFIRMED, "everything, since nobody confirmed the filter in time")
#define VPC_FILTER_REDIRECTS(X) X(SOCKET, "to an AF_XDP socket")
#define VPC_FILTER_DROPS(X) \
	X(CLOSED_PORT, "to a port that is not open") \
	X(NO_SOCKET, "to a port for AF_XDP, and no socket is bound to the queue") \
	X(PROTOCOL, "a protocol of IP that is not allowed") \
	X(TRUNCATED, "frame shorter than its headers claim") \
	X(MALFORMED, "a header contradicts itself, or a fragment hides the ports") \
	X(TAGS, "more than two VLAN tags") \
	X(EXTENSIONS, "more than six IPv6 extension headers")
#define VPC_FILTER_VERDICTS(X) VPC_FILTER_PASSES(X) VPC_FILTER_REDIRECTS(X) VPC_FILTER_DROPS(X)

#define VPC_FILTER_AS_ENUM(name_, text_) VPC_FILTER_##name_,
enum vpc_filter_verdict { VPC_FILTER_VERDICTS(VPC_FILTER_AS_ENUM) VPC_FILTER_VERDICT_COUNT };
#define VPC_FILTER_FIRST_DROP VPC_FILTER_CLOSED_PORT

/*
 * filter_ports: an array, so that many ports cost no more than one. A key in bytes: port (low byte first), what it is a
 * port of, 0. A value of 0 drops.
 */
enum vpc_filter_kind { VPC_FILTER_TCP, VPC_FILTER_UDP, VPC_FILTER_PROTOCOL_NUMBER /* of IP: the key holds it as the port */ };
#define VPC_FILTER_KEY(kind_, port_) ((__u32)(kind_) << 16 | (port_))
#define VPC_FILTER_KEYS VPC_FILTER_KEY(VPC_FILTER_PROTOCOL_NUMBER, 256)

enum vpc_filter_port_flag {
	VPC_FILTER_FLAG_PUBLIC = 1, /* passes */
	VPC_FILTER_FLAG_SOCKET = 2, /* goes to the AF_XDP socket of its queue; if there is none, as the other flag says */
};
/* Of the filter that comes back if this one is not confirmed, in the same byte. */
#define VPC_FILTER_EARLIER_SHIFT 4
#define VPC_FILTER_FLAGS 3

/* The entry of filter_settings. All zero: the defaults. */
struct vpc_filter_settings {
	__u64 deadline;                 /* of CLOCK_MONOTONIC, ns: from then on the earlier filter is in force. 0: none */
	__u32 holder;                   /* process that moves the deadline on as long as it lives; 0: none */
	__u16 first_reply, last_reply;  /* ports to which UDP replies come; last 0: the default; first above last: none */
	__u8 earlier;                   /* 1: the earlier filter is in the table; 0: there was none, everything passes */
	__u8 zero[7];
};
/* The kernel's default of net.ipv4.ip_local_port_range. */
#define VPC_FILTER_FIRST_REPLY 32768
#define VPC_FILTER_LAST_REPLY 60999

#define VPC_FILTER_QUEUES 256 /* receive queues that may have a socket */

#endif
