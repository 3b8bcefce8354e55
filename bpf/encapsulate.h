/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* To a member on another node. */
#ifndef VPC_ENCAPSULATE_H
#define VPC_ENCAPSULATE_H

#include <stddef.h>
#include <linux/bpf.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include "address.h"
#include "count.h"
#include "cursor.h"
#include "headers.h"
#include "pod_values.h"

#define OUTER_TTL 64

/* What a kernel of 5.10 knows of struct bpf_tunnel_key; later ones accept this length as well. */
#define TUNNEL_KEY_LENGTH offsetof(struct bpf_tunnel_key, local_ipv6)

static __always_inline int encapsulate_vxlan(struct __sk_buff *skb, struct ethhdr *eth, const struct vpc_member *member,
		const struct pod_values *values) {
	int is_ipv4 = POD_VALUE(values, underlay_family) == 4;
	struct bpf_tunnel_key key __attribute__((aligned(8)));
	__builtin_memset(&key, 0, TUNNEL_KEY_LENGTH);
	key.tunnel_id = POD_VALUE(values, network_id);
	key.tunnel_ttl = OUTER_TTL;
	if (is_ipv4)
		key.remote_ipv4 = bpf_ntohl(member->node.words[3]); /* the helper takes host byte order */
	else
		__builtin_memcpy(key.remote_ipv6, &member->node, sizeof key.remote_ipv6);

	set_mac(eth->h_dest, member->mac);
	__u64 flags = is_ipv4 ? BPF_F_ZERO_CSUM_TX | BPF_F_DONT_FRAGMENT : BPF_F_TUNINFO_IPV6;
	if (bpf_skb_set_tunnel_key(skb, &key, TUNNEL_KEY_LENGTH, flags))
		return DROP(REDIRECT_FAILED);
	skb->mark = 0;
	bpf_redirect(POD_VALUE(values, underlay_ifindex), 0);
	return REDIRECTED;
}

/* The network between the nodes sees the MACs of the nodes only; from_trunk restores those of the Pods. */
static __always_inline int encapsulate_vlan(struct __sk_buff *skb, struct ethhdr *eth, const struct vpc_member *member,
		const struct pod_values *values) {
	set_mac(eth->h_dest, member->node_mac);
	set_mac_number(eth->h_source, POD_VALUE(values, underlay_mac));
	if (bpf_skb_vlan_push(skb, bpf_htons(ETH_P_8021Q), POD_VALUE(values, network_id)))
		return DROP(REDIRECT_FAILED);
	skb->mark = 0;
	bpf_redirect(POD_VALUE(values, underlay_ifindex), 0);
	return REDIRECTED;
}

static __always_inline int encapsulate(struct __sk_buff *skb, struct ethhdr *eth, const struct vpc_member *member, const struct pod_values *values) {
	return POD_VALUE(values, encapsulation) == VPC_ENCAPSULATION_VLAN ? encapsulate_vlan(skb, eth, member, values)
																	  : encapsulate_vxlan(skb, eth, member, values);
}

#endif
