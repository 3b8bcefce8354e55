/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Headers on the wire, in types that are compiled to whole loads, and without a file of either system. */
#ifndef VPC_LB_HEADERS_H
#define VPC_LB_HEADERS_H

#include "platform.h"

#define LB_ETHERNET_IPV4 bpf_htons(0x0800)
#define LB_ETHERNET_IPV6 bpf_htons(0x86dd)

#define LB_PROTOCOL_ICMP 1
#define LB_PROTOCOL_IPIP 4
#define LB_PROTOCOL_TCP 6
#define LB_PROTOCOL_UDP 17
#define LB_PROTOCOL_IPV6 41
#define LB_PROTOCOL_FRAGMENT 44
#define LB_PROTOCOL_ICMPV6 58

struct lb_ethernet {
	__u16 destination[3], source[3];
	__be16 protocol;
};

struct lb_ipv4 {
	__u8 version_length, type_of_service;
	__be16 total_length, identification, fragment;
	__u8 time_to_live, protocol;
	__sum16 checksum;
	__be32 source, destination;
};
#define LB_IPV4_DONT_FRAGMENT 0x4000
#define LB_IPV4_MORE_FRAGMENTS 0x2000
#define LB_IPV4_OFFSET 0x1fff

struct lb_ipv6 {
	__be32 version_class_label;
	__be16 payload_length;
	__u8 next_header, hop_limit;
	__be32 source[4], destination[4];
};

struct lb_ipv6_fragment {
	__u8 next_header, reserved;
	__be16 offset;
	__be32 identification;
};
#define LB_IPV6_MORE_FRAGMENTS 0x0001
#define LB_IPV6_OFFSET 0xfff8

/* What TCP and UDP begin with, and where TCP has its flags. */
struct lb_ports {
	__be16 source, destination;
};
struct lb_tcp {
	struct lb_ports ports;
	__be32 sequence, acknowledgement;
	__u8 offset, flags;
	__be16 window;
	__sum16 checksum;
	__be16 urgent;
};
struct lb_udp {
	struct lb_ports ports;
	__be16 length;
	__sum16 checksum;
};
#define LB_TCP_FIN 0x01
#define LB_TCP_SYN 0x02
#define LB_TCP_RST 0x04
#define LB_TCP_ACK 0x10

struct lb_icmp {
	__u8 type, code;
	__sum16 checksum;
	union {
		__be32 mtu; /* ICMPv6 type 2; ICMP type 3 code 4 in its lower half */
		struct {
			__be16 identifier, sequence;
		};
	};
};

/* The prefix of IPv4-mapped addresses, as its third word. */
#define LB_MAPPED bpf_htonl(0xffff)

/* Bytes from one place of a frame to another, or to its end. */
static __always_inline __u32 bytes_between(const void *from, const void *to) {
	return (__u32)((const char *)to - (const char *)from);
}

/*
 * Eight bytes of a key as they stand in memory: first, second, third. Written in one piece: a processor reads at once what
 * was just written, unless it reads more than one piece, and map look-ups read keys by words.
 */
static __always_inline __u64 eight_bytes(__u32 first, __u16 second, __u8 third) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return first | (__u64)second << 32 | (__u64)third << 48;
#else
	return (__u64)first << 32 | (__u64)second << 16 | (__u64)third << 8;
#endif
}

static __always_inline __u16 fold_sum(__u64 sum) {
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + ((sum >> 16) & 0xffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (__u16)~sum;
}

/* One hop less. The checksum follows by RFC 1141: the byte that changes is the upper one of its word. */
static __always_inline void age_ipv4(struct lb_ipv4 *ip) {
	__u32 sum = ip->checksum + (__u32)bpf_htons(0x0100);
	ip->checksum = (__sum16)(sum + (sum >= 0xffff));
	ip->time_to_live--;
}

#endif
