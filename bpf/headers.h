/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Headers that the kernel's own files lack, or give in a form that is compiled to single bytes. */
#ifndef VPC_HEADERS_H
#define VPC_HEADERS_H

#include <stddef.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/types.h>

/* The type field of Ethernet; struct ethhdr is packed, which would read it byte by byte. */
#define ETHERTYPE(eth_) (*(__be16 *)((void *)(eth_) + offsetof(struct ethhdr, h_proto)))

/* RFC 826, for IPv4 over Ethernet. Addresses begin at even offsets only. */
struct arp_ipv4 {
	__be16 hardware, protocol;
	__u8 hardware_length, protocol_length;
	__be16 operation;
	__u8 sender_mac[ETH_ALEN];
	__be16 sender_ip[2];
	__u8 target_mac[ETH_ALEN];
	__be16 target_ip[2];
};
#define ARP_SENDER_IP(arp_) (*(__be32 *)(arp_)->sender_ip)
#define ARP_TARGET_IP(arp_) (*(__be32 *)(arp_)->target_ip)

#define ARP_ETHERNET 1
#define ARP_REQUEST 1
#define ARP_REPLY 2

/* RFC 4861 section 4; ICMPv6 types 133 to 137 */
#define ND_ROUTER_SOLICITATION 133
#define ND_ROUTER_ADVERTISEMENT 134
#define ND_NEIGHBOUR_SOLICITATION 135
#define ND_NEIGHBOUR_ADVERTISEMENT 136
#define ND_REDIRECT 137
#define ND_SOURCE_MAC 1
#define ND_TARGET_MAC 2
#define ND_OFFSET (ETH_HLEN + sizeof(struct ipv6hdr)) /* in the frame */

/* The first eight bytes of ICMP (RFC 792) and ICMPv6 (RFC 4443); linux/icmp.h needs a C library for the target. */
struct icmp_head {
	__u8 type, code;
	__sum16 checksum;
	union {
		struct {
			__be16 id, sequence; /* echo */
		};
		struct {
			__be16 unused, next_hop_mtu; /* ICMP type 3 code 4 */
		};
		__be32 packet_too_big_mtu; /* ICMPv6 type 2 */
	};
};

/* RFC 2710, RFC 3810 */
#define MLD_QUERY 130
#define MLD_DONE 132
#define MLD_REPORT_V2 143

/* Of a fragment's offset field: RFC 791, RFC 8200 */
#define IPV4_MORE_FRAGMENTS 0x2000
#define IPV4_OFFSET 0x1fff
#define IPV4_DONT_FRAGMENT 0x4000
#define IPV6_MORE_FRAGMENTS 0x0001
#define IPV6_OFFSET 0xfff8

#endif
