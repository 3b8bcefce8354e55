/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Addresses as the maps hold them, and comparisons that cost few instructions. */
#ifndef VPC_ADDRESS_H
#define VPC_ADDRESS_H

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in6.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include "datapath_maps.h"

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "a MAC address is compared as a little-endian number"
#endif

/* The second half of ::ffff:a.b.c.d, whose first is 0: RFC 4291 section 2.5.5.2 */
#define MAPPED_IPV4(ipv4_) ((__u64)(ipv4_) << 32 | bpf_htonl(0xffff))

static __always_inline void set_ipv4(struct vpc_address *address, __be32 ipv4) {
	address->halves[0] = 0;
	address->halves[1] = MAPPED_IPV4(ipv4);
}

/* `from` may be unaligned to 8 bytes, as headers in frames are. */
static __always_inline void set_ipv6(struct vpc_address *address, const void *from) {
	const __u32 *words = from;
	address->words[0] = words[0];
	address->words[1] = words[1];
	address->words[2] = words[2];
	address->words[3] = words[3];
}

static __always_inline int is_same_address(const struct vpc_address *a, const struct vpc_address *b) {
	return a->halves[0] == b->halves[0] && a->halves[1] == b->halves[1];
}

static __always_inline int is_no_address(const struct vpc_address *address) {
	return !(address->halves[0] | address->halves[1]);
}

static __always_inline int is_ipv4_multicast(__be32 ipv4) {
	return (ipv4 & bpf_htonl(0xe0000000)) == bpf_htonl(0xe0000000); /* and 240/4 with the broadcast address */
}

/* ::ffff:0:0/96 stands for IPv4 in maps; in a frame of IPv6 it would pass for the other family's address (RFC 4291). */
static __always_inline int is_mapped_halves(__u64 first, __u64 second) {
	return !(first | ((__u32)second ^ bpf_htonl(0xffff))); /* one branch */
}

static __always_inline int is_mapped(const struct vpc_address *address) {
	return is_mapped_halves(address->halves[0], address->halves[1]);
}

/* 127/8 and ::1, which some hosts route (route_localnet) */
static __always_inline int is_loopback(const struct vpc_address *address) {
	if (is_mapped(address))
		return address->bytes[12] == 127;
	return !address->halves[0] && !address->words[2] && address->words[3] == bpf_htonl(1);
}

/* fe80::/10; the address may be unaligned */
static __always_inline int is_ipv6_link_local(const void *address) {
	return (*(const __be16 *)address & bpf_htons(0xffc0)) == bpf_htons(0xfe80);
}

static __always_inline int is_ipv6_multicast(const void *address) {
	return *(const __u8 *)address == 0xff;
}

/* A MAC as the low 48 bits of a number, as VPC_CONSTANT gives it. */
static __always_inline __u64 mac_number(const void *mac) {
	return *(const __u32 *)mac | (__u64)*(const __u16 *)(mac + 4) << 32;
}

static __always_inline void set_mac(void *mac, const void *from) {
	*(__u32 *)mac = *(const __u32 *)from;
	*(__u16 *)(mac + 4) = *(const __u16 *)(from + 4);
}

static __always_inline void set_mac_number(void *mac, __u64 number) {
	*(__u32 *)mac = (__u32)number;
	*(__u16 *)(mac + 4) = (__u16)(number >> 32);
}

/* For copies on the stack, where access must be aligned: both at even addresses. */
static __always_inline int is_same_mac(const void *a, const void *b) {
	const __u16 *left = a, *right = b;
	return left[0] == right[0] && left[1] == right[1] && left[2] == right[2];
}

static __always_inline int is_group_mac(const void *mac) {
	return *(const __u8 *)mac & 1;
}

#endif
