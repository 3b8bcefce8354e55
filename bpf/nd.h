/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Neighbour discovery of a Pod: asked, answered on the spot; the host's, let in. RFC 4861, RFC 4862 */
#ifndef VPC_ND_H
#define VPC_ND_H

#include <linux/bpf.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include "address.h"
#include "checksum.h"
#include "count.h"
#include "cursor.h"
#include "headers.h"
#include "ip_header.h"
#include "resolve.h"

struct nd_message {
	__u8 type, code;
	__sum16 checksum;
	__be32 flags; /* of an advertisement */
	struct vpc_address target;
};

struct nd_option {
	__u8 type, length; /* in units of eight bytes */
	__u8 mac[ETH_ALEN];
};

#define ND_SOLICITED 0x40000000u
#define ND_OVERRIDE 0x20000000u
#define ND_OPTIONS 4 /* that are looked at; a message with more is refused */

/* What a Pod or the host says about neighbours. */
struct nd_packet {
	struct ipv6hdr ip;
	struct nd_message message;
	struct vpc_address source, destination;
};

static __always_inline int read_nd(struct __sk_buff *skb, struct nd_packet *nd) {
	if (bpf_skb_load_bytes(skb, ETH_HLEN, &nd->ip, sizeof nd->ip) || bpf_skb_load_bytes(skb, ND_OFFSET, &nd->message, sizeof nd->message))
		return DROP(TRUNCATED);
	if (nd->ip.hop_limit != 255 || nd->message.code != 0 || bpf_ntohs(nd->ip.payload_len) < sizeof nd->message)
		return DROP(MALFORMED_HEADER);
	set_ipv6(&nd->source, &nd->ip.saddr);
	set_ipv6(&nd->destination, &nd->ip.daddr);
	return is_mapped(&nd->message.target) || is_mapped(&nd->source) || is_mapped(&nd->destination) ? DROP(MALFORMED_HEADER) : 0;
}

/* 0 if every link-layer address in the options is the Pod's. */
static __always_inline int check_link_layer_options(struct __sk_buff *skb, const struct nd_packet *nd, const struct vpc_pod_record *pod) {
	__u32 at = ND_OFFSET + sizeof nd->message, end = ND_OFFSET + bpf_ntohs(nd->ip.payload_len);
	struct nd_option option __attribute__((aligned(2)));
#pragma unroll
	for (int i = 0; i < ND_OPTIONS; i++) {
		if (at == end)
			return 0;
		if (at + sizeof option > end || bpf_skb_load_bytes(skb, at, &option, sizeof option) || !option.length)
			return DROP(MALFORMED_HEADER);
		int is_link_layer = option.type == ND_SOURCE_MAC || option.type == ND_TARGET_MAC;
		if (is_link_layer && (is_no_address(&nd->source) || option.length != 1 || !is_same_mac(option.mac, pod->mac)))
			return DROP(FOREIGN_ND);
		at += option.length * 8;
	}
	return at == end ? 0 : DROP(MALFORMED_HEADER);
}

static __always_inline int answer_solicitation(struct __sk_buff *skb, const struct nd_packet *nd, const struct vpc_member *member,
		const struct vpc_pod_record *pod) {
	struct {
		struct ethhdr eth;
		struct ipv6hdr ip;
		struct nd_message message;
		struct nd_option option;
	} __attribute__((packed)) answer = {
		.eth.h_proto = bpf_htons(ETH_P_IPV6),
		.ip = {.version = 6, .payload_len = bpf_htons(sizeof(struct nd_message) + sizeof(struct nd_option)), .nexthdr = IPPROTO_ICMPV6,
			.hop_limit = 255},
		.message = {.type = ND_NEIGHBOUR_ADVERTISEMENT, .flags = bpf_htonl(ND_SOLICITED | ND_OVERRIDE), .target = nd->message.target},
		.option = {.type = ND_TARGET_MAC, .length = 1},
	};
	__builtin_memcpy(answer.eth.h_dest, pod->mac, ETH_ALEN);
	__builtin_memcpy(answer.eth.h_source, member->mac, ETH_ALEN);
	__builtin_memcpy(answer.option.mac, member->mac, ETH_ALEN);
	__builtin_memcpy(&answer.ip.saddr, &nd->message.target, sizeof answer.ip.saddr);
	__builtin_memcpy(&answer.ip.daddr, &nd->source, sizeof answer.ip.daddr);

	/* checksums want memory that begins at a multiple of four */
	struct nd_message message = answer.message;
	struct nd_option option = answer.option;
	__wsum sum = pseudo_header_sum(&nd->message.target, &nd->source, sizeof message + sizeof option, IPPROTO_ICMPV6);
	sum = bpf_csum_diff(0, 0, (__be32 *)&message, sizeof message, sum);
	sum = bpf_csum_diff(0, 0, (__be32 *)&option, sizeof option, sum);
	answer.message.checksum = fold_checksum(sum);

	if (bpf_skb_change_tail(skb, sizeof answer, 0) || bpf_skb_store_bytes(skb, 0, &answer, sizeof answer, 0))
		return DROP(REDIRECT_FAILED);
	return return_to_pod(skb);
}

static __always_inline int solicitation_from_pod(struct __sk_buff *skb, const struct nd_packet *nd, const struct vpc_pod_record *pod) {
	const struct vpc_address *target = &nd->message.target;
	if (is_no_address(&nd->source) || is_same_address(target, &pod->ipv6))
		return CONSUMED; /* duplicate address detection: an answer would say that the address is taken */
	const struct vpc_member *member = find_member(handed_network(skb), target);
	if (member)
		return answer_solicitation(skb, nd, member, pod);
	return is_resolved_by_host(skb, target) ? PASS : DROP(UNKNOWN_NEIGHBOUR);
}

static __always_inline int advertisement_from_pod(struct __sk_buff *skb, const struct nd_packet *nd, const struct vpc_pod_record *pod) {
	int is_own_link_local = is_ipv6_link_local(&nd->message.target) && is_same_address(&nd->message.target, &nd->source);
	if (!is_own_link_local && !is_same_address(&nd->message.target, &pod->ipv6))
		return DROP(FOREIGN_ND);
	if (is_ipv6_multicast(&nd->destination))
		return CONSUMED; /* nobody needs the announcement: neighbours are known from the map */
	if (is_ipv6_link_local(&nd->destination) || is_resolved_by_host(skb, &nd->destination))
		return PASS;
	return DROP(UNKNOWN_NEIGHBOUR);
}

static __always_inline int nd_from_pod(struct __sk_buff *skb, __u8 type, const struct vpc_pod_record *pod) {
	struct nd_packet nd;
	if (type == ND_ROUTER_SOLICITATION)
		return CONSUMED; /* a Pod's routes are its plugin's */
	if (type == ND_ROUTER_ADVERTISEMENT || type == ND_REDIRECT)
		return DROP(ROUTER_ADVERTISEMENT);
	int verdict = read_nd(skb, &nd);
	if (!verdict)
		verdict = check_link_layer_options(skb, &nd, pod);
	if (verdict)
		return verdict;
	return type == ND_NEIGHBOUR_SOLICITATION ? solicitation_from_pod(skb, &nd, pod) : advertisement_from_pod(skb, &nd, pod);
}

static __always_inline int is_mld(__u8 type) {
	return (type >= MLD_QUERY && type <= MLD_DONE) || type == MLD_REPORT_V2;
}

/* The type of ICMPv6 in the packet, also behind a hop-by-hop header, with which MLD begins; -1 if it is something else. */
static __always_inline int read_icmpv6_type(struct __sk_buff *skb, const struct ipv6hdr *ip, int *ret_is_hidden) {
	__u32 offset = ND_OFFSET;
	__u8 next = ip->nexthdr, extension[2], type;
	*ret_is_hidden = next == IPPROTO_HOPOPTS;
	if (next == IPPROTO_HOPOPTS) {
		if (bpf_skb_load_bytes(skb, offset, extension, sizeof extension))
			return -1;
		next = extension[0];
		offset += (extension[1] + 1) * 8;
	}
	if (next != IPPROTO_ICMPV6 || bpf_skb_load_bytes(skb, offset, &type, sizeof type))
		return -1;
	return type;
}

/* Nobody knows a Pod's link-local address, so any is its own but that of a gateway or of the node. */
static __always_inline int is_own_link_address(const struct __sk_buff *skb, const struct vpc_address *source,
		const struct vpc_pod_record *pod) {
	if (!is_ipv6_link_local(source))
		return is_same_address(source, &pod->ipv6);
	return !is_next_hop(skb, source) && !is_node_address(source);
}

/* What from_pod hands over: to a group or the link, or ICMPv6 that may be discovery. The source is still unchecked. */
static __always_inline int local_ipv6_from_pod(struct __sk_buff *skb, const struct vpc_pod_record *pod) {
	struct ipv6hdr ip;
	struct vpc_address source;
	if (bpf_skb_load_bytes(skb, ETH_HLEN, &ip, sizeof ip))
		return DROP(TRUNCATED);
	set_ipv6(&source, &ip.saddr);
	int is_unspecified = is_no_address(&source), is_hidden;
	int type = read_icmpv6_type(skb, &ip, &is_hidden), is_nd = !is_hidden && type >= 0 && is_nd_type(type);
	if (!is_unspecified && !is_own_link_address(skb, &source, pod))
		return is_nd ? DROP(FOREIGN_ND) : DROP(FOREIGN_ADDRESS);
	if (is_mld(type))
		return CONSUMED;
	if (is_nd)
		return nd_from_pod(skb, type, pod);
	if (ip.nexthdr == IPPROTO_ICMPV6 && type < 0)
		return DROP(TRUNCATED);
	if (is_unspecified)
		return DROP(FOREIGN_ADDRESS);
	return is_ipv6_multicast(&ip.daddr) ? DROP(MULTICAST) : DROP(LINK_LOCAL);
}

/* From the host: its questions for the Pod and its answers about itself; what else it says to the link is not for Pods. */
static __always_inline int nd_into_pod(struct __sk_buff *skb, __u8 type, const struct vpc_pod_record *pod) {
	struct nd_packet nd;
	if (type == ND_ROUTER_ADVERTISEMENT || type == ND_REDIRECT)
		return DROP(ROUTER_ADVERTISEMENT);
	if (type == ND_ROUTER_SOLICITATION)
		return is_made_here(skb) ? CONSUMED : DROP(NOT_ALLOWED_IN);
	int verdict = read_nd(skb, &nd);
	if (verdict)
		return verdict;
	int is_for_pod = is_same_address(&nd.message.target, &pod->ipv6) || is_same_address(&nd.destination, &pod->ipv6) ||
		(is_ipv6_link_local(&nd.message.target) && type == ND_NEIGHBOUR_SOLICITATION) || is_ipv6_link_local(&nd.destination);
	if (is_no_address(&nd.source) || !is_for_pod)
		return is_made_here(skb) ? CONSUMED : DROP(NOT_ALLOWED_IN);
	if (is_made_here(skb) && is_ipv6_link_local(&nd.source))
		return PASS;
	const struct vpc_address *speaker = type == ND_NEIGHBOUR_ADVERTISEMENT ? &nd.message.target : &nd.source;
	return may_resolve_pod(skb, speaker) ? PASS : DROP(NOT_ALLOWED_IN);
}

#endif
