/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a network's `allow` and `allowFrom` say. */
#ifndef VPC_RULE_H
#define VPC_RULE_H

#include <linux/bpf.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include "forget.h"
#include "headers.h"
#include "maps.h"

static __always_inline const struct vpc_rule *find_rule(__u32 network, enum vpc_rule_direction direction, const struct vpc_address *peer) {
	struct vpc_rule_key key = {
		.prefix_length = 64 + 128,
		.network = bpf_htonl(network),
		.direction = bpf_htonl(direction),
	};
	__builtin_memcpy(&key.address, peer, sizeof key.address);
	return bpf_map_lookup_elem(&rules, &key);
}

static __always_inline int has_ports(__u8 protocol) {
	return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP || protocol == IPPROTO_SCTP;
}

/* `port` is big-endian. Of a protocol without ports every port counts as within the range. */
static __always_inline int is_allowed(struct __sk_buff *skb, const struct vpc_rule *rule, __u8 protocol, __be16 port) {
	__u16 number = bpf_ntohs(port), counted = forget(skb, has_ports(protocol) ? 0xffff : 0);
	protocol = forget(skb, protocol);
#pragma unroll
	for (__u32 i = 0; i < VPC_RULE_PORTS; i++) {
		const struct vpc_port_range *range = &rule->ports[i];
		if (i >= rule->count)
			break;
		__u16 distance = (number - range->first) & counted, width = range->last - range->first;
		if (!range->protocol || (range->protocol == protocol && distance <= width))
			return 1;
	}
	return 0;
}

/* Whether a rule speaks of this address at all: then a Pod on the same bridge may also be resolved and resolve. */
static __always_inline int is_spoken_of(__u32 network, const struct vpc_address *peer) {
	const struct vpc_rule *rule = find_rule(network, VPC_RULE_ALLOW, peer);
	if (rule && rule->count)
		return 1;
	rule = find_rule(network, VPC_RULE_ALLOW_FROM, peer);
	return rule && rule->count;
}

#endif
