/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* ARP of a Pod: asked, answered on the spot; the host's, let in. RFC 826, RFC 5227 */
#ifndef VPC_ARP_H
#define VPC_ARP_H

#include <linux/bpf.h>
#include <bpf/bpf_endian.h>
#include "address.h"
#include "count.h"
#include "cursor.h"
#include "headers.h"
#include "resolve.h"

static __always_inline int answer_arp(struct __sk_buff *skb, struct ethhdr *eth, struct arp_ipv4 *arp, const struct vpc_member *member) {
	__be32 asked = ARP_TARGET_IP(arp);
	set_mac(eth->h_dest, eth->h_source);
	set_mac(eth->h_source, member->mac);
	arp->operation = bpf_htons(ARP_REPLY);
	set_mac(arp->target_mac, arp->sender_mac);
	ARP_TARGET_IP(arp) = ARP_SENDER_IP(arp);
	set_mac(arp->sender_mac, member->mac);
	ARP_SENDER_IP(arp) = asked;
	return return_to_pod(skb);
}

static __always_inline int arp_request_from_pod(struct __sk_buff *skb, struct ethhdr *eth, struct arp_ipv4 *arp,
		const struct vpc_pod_record *pod) {
	struct vpc_address target;
	set_ipv4(&target, ARP_TARGET_IP(arp));
	if (is_same_address(&target, &pod->ipv4))
		return CONSUMED; /* a probe or an announcement: an answer would say that the address is taken */
	const struct vpc_member *member = find_member(handed_network(skb), &target);
	if (member)
		return answer_arp(skb, eth, arp, member);
	return is_resolved_by_host(skb, &target) ? PASS : DROP(UNKNOWN_NEIGHBOUR);
}

/* Whether the Pod speaks of itself. A question may be asked without an address: a probe (RFC 5227). */
static __always_inline int is_own_arp(const struct arp_ipv4 *arp, const struct vpc_pod_record *pod) {
	__be32 sender = ARP_SENDER_IP(arp);
	return is_same_mac(arp->sender_mac, pod->mac) && (!sender || sender == pod->ipv4.words[3]);
}

static __always_inline int arp_from_pod(struct __sk_buff *skb, const struct vpc_pod_record *pod) {
	struct cursor cursor;
	if (open_cursor(skb, &cursor, ETH_HLEN + sizeof(struct arp_ipv4)))
		return DROP(TRUNCATED);
	struct ethhdr *eth = READ(&cursor, struct ethhdr);
	struct arp_ipv4 *arp = eth ? READ(&cursor, struct arp_ipv4) : 0;
	if (!arp)
		return DROP(TRUNCATED);
	if (arp->hardware != bpf_htons(ARP_ETHERNET) || arp->protocol != bpf_htons(ETH_P_IP) || arp->hardware_length != ETH_ALEN ||
		arp->protocol_length != 4)
		return DROP(MALFORMED_HEADER);
	if (!is_own_arp(arp, pod))
		return DROP(FOREIGN_ARP);

	struct vpc_address target;
	switch (arp->operation) {
	case bpf_htons(ARP_REQUEST): return arp_request_from_pod(skb, eth, arp, pod);
	case bpf_htons(ARP_REPLY):
		if (!ARP_SENDER_IP(arp))
			return DROP(FOREIGN_ARP); /* only a question may be asked without an address */
		set_ipv4(&target, ARP_TARGET_IP(arp));
		if (is_same_address(&target, &pod->ipv4))
			return CONSUMED; /* an announcement in the form of an answer */
		return is_resolved_by_host(skb, &target) ? PASS : DROP(UNKNOWN_NEIGHBOUR);
	default: return DROP(MALFORMED_HEADER);
	}
}

static __always_inline int arp_into_pod(struct __sk_buff *skb, const struct vpc_pod_record *pod) {
	struct arp_ipv4 arp;
	struct vpc_address sender, target;
	if (bpf_skb_load_bytes(skb, ETH_HLEN, &arp, sizeof arp))
		return DROP(TRUNCATED);
	set_ipv4(&sender, ARP_SENDER_IP(&arp));
	set_ipv4(&target, ARP_TARGET_IP(&arp));
	if (!is_same_address(&target, &pod->ipv4))
		return is_made_here(skb) ? CONSUMED : DROP(NOT_ALLOWED_IN); /* a bridge shows its questions to all */
	return may_resolve_pod(skb, &sender) ? PASS : DROP(NOT_ALLOWED_IN);
}

#endif
