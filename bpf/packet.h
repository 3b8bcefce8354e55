/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A packet as the shared programs see it: who, to whom, by which protocol and ports. They read copies of headers
 * wherever those lie in the frame; only the programs of the fast path need linear data.
 */
#ifndef VPC_PACKET_H
#define VPC_PACKET_H

#include <linux/bpf.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include "address.h"
#include "count.h"
#include "forget.h"
#include "headers.h"

#define TCP_FIN 0x01
#define TCP_SYN 0x02
#define TCP_RST 0x04

enum fragment_part { FRAGMENT_NONE, FRAGMENT_FIRST, FRAGMENT_LATER };

struct packet {
	struct vpc_address source, destination;
	union {
		struct {
			__u32 transport;      /* offset of the transport header in the frame */
			__u32 end;            /* offset behind the packet; of a quoted one, behind what is there of it */
			__u32 identification; /* of a fragment, big-endian */
			__u8 protocol;
			__u8 fragment; /* enum fragment_part */
			__u8 is_icmp_error;
			__u8 tcp_flags;
			__be16 source_port, destination_port; /* ICMP echo: see read_icmp; 0 where there is none */
			__u8 icmp_type;
			__u8 zero[3];
		};
		__u32 words[6];
	};
};

/* Extension headers that are walked; a packet with more is refused. */
#define EXTENSIONS 6

static __always_inline int is_extension(__u8 header) {
	return header == IPPROTO_HOPOPTS || header == IPPROTO_ROUTING || header == IPPROTO_FRAGMENT || header == IPPROTO_DSTOPTS ||
		header == IPPROTO_AH;
}

static __always_inline int read_ipv4(struct __sk_buff *skb, __u32 offset, int is_quoted, struct packet *packet) {
	struct iphdr ip;
	if (bpf_skb_load_bytes(skb, offset, &ip, sizeof ip))
		return DROP(TRUNCATED);
	if (ip.version != 4 || ip.ihl < 5 || bpf_ntohs(ip.tot_len) < ip.ihl * 4)
		return DROP(MALFORMED_HEADER);
	packet->end = is_quoted ? skb->len : offset + bpf_ntohs(ip.tot_len);
	if (packet->end > skb->len)
		return DROP(TRUNCATED);
	set_ipv4(&packet->source, ip.saddr);
	set_ipv4(&packet->destination, ip.daddr);
	packet->protocol = ip.protocol;
	packet->transport = offset + ip.ihl * 4;
	packet->identification = bpf_htonl(bpf_ntohs(ip.id));
	__u16 fragment = bpf_ntohs(ip.frag_off);
	packet->fragment = fragment & IPV4_OFFSET ? FRAGMENT_LATER : fragment & IPV4_MORE_FRAGMENTS ? FRAGMENT_FIRST : FRAGMENT_NONE;
	/* the second piece of eight bytes could overwrite the flags of TCP's first (RFC 1858) */
	if (ip.protocol == IPPROTO_TCP && (fragment & IPV4_OFFSET) == 1)
		return DROP(MALFORMED_HEADER);
	return 0;
}

/* Later fragments end the walk: what follows in them is not a header. */
static __always_inline int skip_extensions(struct __sk_buff *skb, __u8 header, __u32 offset, struct packet *packet) {
	struct {
		__u8 next, length;
		__be16 fragment;
		__be32 identification;
	} extension;
#pragma unroll
	for (int i = 0; i < EXTENSIONS; i++) {
		if (!is_extension(header) || packet->fragment == FRAGMENT_LATER)
			break;
		if (bpf_skb_load_bytes(skb, offset, &extension, sizeof extension))
			return DROP(TRUNCATED);
		if (header == IPPROTO_FRAGMENT) {
			__u16 fragment = bpf_ntohs(extension.fragment);
			packet->identification = extension.identification;
			if (fragment & (IPV6_OFFSET | IPV6_MORE_FRAGMENTS)) /* neither: an atomic fragment, RFC 6946 */
				packet->fragment = fragment & IPV6_OFFSET ? FRAGMENT_LATER : FRAGMENT_FIRST;
			offset += 8;
		} else {
			offset += header == IPPROTO_AH ? (extension.length + 2) * 4 : (extension.length + 1) * 8;
		}
		header = extension.next;
	}
	if (is_extension(header) && packet->fragment != FRAGMENT_LATER)
		return DROP(MALFORMED_HEADER);
	packet->protocol = header;
	packet->transport = offset;
	return 0;
}

/* In a quoted packet extension headers are not walked: an error about such a one is not recognised. */
static __always_inline int read_ipv6(struct __sk_buff *skb, __u32 offset, int is_quoted, struct packet *packet) {
	struct ipv6hdr ip;
	if (bpf_skb_load_bytes(skb, offset, &ip, sizeof ip))
		return DROP(TRUNCATED);
	if (ip.version != 6)
		return DROP(MALFORMED_HEADER);
	packet->end = is_quoted ? skb->len : offset + sizeof ip + bpf_ntohs(ip.payload_len);
	if (packet->end > skb->len)
		return DROP(TRUNCATED);
	set_ipv6(&packet->source, &ip.saddr);
	set_ipv6(&packet->destination, &ip.daddr);
	if (is_mapped(&packet->source) || is_mapped(&packet->destination))
		return DROP(MALFORMED_HEADER);
	if (!is_quoted)
		return skip_extensions(skb, ip.nexthdr, offset + sizeof ip, packet);
	packet->protocol = ip.nexthdr;
	packet->transport = offset + sizeof ip;
	return 0;
}

static __always_inline int is_icmp_error(const struct packet *packet, __u8 type) {
	if (packet->protocol == IPPROTO_ICMPV6)
		return type < 128; /* RFC 4443 section 2.1 */
	return type == 3 || type == 4 || type == 11 || type == 12;
}

static __always_inline int is_echo_request(const struct packet *packet, __u8 type) {
	return type == (packet->protocol == IPPROTO_ICMPV6 ? 128 : 8);
}

static __always_inline int is_echo_reply(const struct packet *packet, __u8 type) {
	return type == (packet->protocol == IPPROTO_ICMPV6 ? 129 : 0);
}

/*
 * Echo has one identifier for both sides. As ports, the asking side has it and the answering side its complement: so a
 * remembered flow admits answers, and not questions that the other side asks under the same identifier.
 */
static __always_inline int read_icmp(struct __sk_buff *skb, struct packet *packet) {
	struct icmp_head icmp;
	if (packet->transport + sizeof icmp > packet->end || bpf_skb_load_bytes(skb, packet->transport, &icmp, sizeof icmp))
		return DROP(TRUNCATED);
	packet->icmp_type = icmp.type;
	packet->is_icmp_error = is_icmp_error(packet, icmp.type);
	if (is_echo_request(packet, icmp.type))
		packet->source_port = icmp.id, packet->destination_port = (__be16)~icmp.id;
	else if (is_echo_reply(packet, icmp.type))
		packet->source_port = (__be16)~icmp.id, packet->destination_port = icmp.id;
	return 0;
}

/* A packet quoted in an ICMP error ends after eight bytes of transport header: without TCP's flags. */
static __always_inline int read_ports(struct __sk_buff *skb, struct packet *packet, int is_quoted) {
	__be16 ports[2];
	__u32 least = is_quoted ? sizeof ports : packet->protocol == IPPROTO_TCP ? 20 : 8;
	if (packet->transport + least > packet->end || bpf_skb_load_bytes(skb, packet->transport, ports, sizeof ports))
		return DROP(TRUNCATED);
	packet->source_port = ports[0];
	packet->destination_port = ports[1];
	if (packet->protocol == IPPROTO_TCP && !is_quoted)
		bpf_skb_load_bytes(skb, packet->transport + 13, &packet->tcp_flags, 1);
	return 0;
}

static __always_inline int read_transport(struct __sk_buff *skb, int is_ipv4, int is_quoted, struct packet *packet) {
	switch (packet->protocol) {
	case IPPROTO_TCP:
	case IPPROTO_UDP:
	case IPPROTO_SCTP: return read_ports(skb, packet, is_quoted);
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6: /* of the other family's ICMP there is none: it stays a protocol without ports */
		return is_ipv4 == (packet->protocol == IPPROTO_ICMP) ? read_icmp(skb, packet) : 0;
	default: return 0;
	}
}

static __always_inline void forget_words(struct __sk_buff *skb, struct packet *packet, int first, int last) {
#pragma unroll
	for (int i = first; i <= last; i++)
		packet->words[i] = forget(skb, packet->words[i]);
}

/* Fills a packet of zeros; a later fragment lacks its ports, which only its first one knows. 0, or why it cannot be read. */
static __always_inline int read_packet(struct __sk_buff *skb, __u32 offset, int is_ipv4, int is_quoted, struct packet *packet) {
	int verdict = is_ipv4 ? read_ipv4(skb, offset, is_quoted, packet) : read_ipv6(skb, offset, is_quoted, packet);
	if (verdict)
		return verdict;
	forget_words(skb, packet, 0, 3); /* what an IP header tells */
	if (packet->transport > packet->end)
		return DROP(TRUNCATED);
	if (packet->fragment == FRAGMENT_LATER)
		return 0;
	verdict = read_transport(skb, is_ipv4, is_quoted, packet);
	forget_words(skb, packet, 3, 5); /* what a transport header tells */
	return verdict;
}

#endif
