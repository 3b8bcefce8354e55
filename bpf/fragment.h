/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Ports for the fragments that have none: those of their first one, once that was let through. */
#ifndef VPC_FRAGMENT_H
#define VPC_FRAGMENT_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "budget.h"
#include "count.h"
#include "flow_age.h"
#include "maps.h"
#include "packet.h"

static __always_inline void make_fragment_key(struct vpc_fragment_key *key, __u32 network, const struct packet *packet) {
	*key = (struct vpc_fragment_key){
		.network = network,
		.identification = packet->identification,
		.source = packet->source,
		.destination = packet->destination,
		.protocol = packet->protocol,
	};
}

/* Gives a later fragment its ports. 0, or that there was no first one. */
static __always_inline int find_first_fragment(struct __sk_buff *skb, __u32 network, struct packet *packet) {
	struct vpc_fragment_key key;
	make_fragment_key(&key, network, packet);
	const struct vpc_fragment *first = bpf_map_lookup_elem(&fragments, &key);
	if (!first || vpc_fragment_is_expired(first, bpf_ktime_get_ns()))
		return DROP(FRAGMENT_WITHOUT_FIRST);
	packet->source_port = first->source_port;
	packet->destination_port = first->destination_port;
	return 0;
}

/* Remembers a first fragment that was let through. A network that floods finds its later fragments dropped, not others'. */
static __always_inline void remember_fragment(__u32 network, const struct packet *packet) {
	struct vpc_fragment_key key;
	struct vpc_fragment first = {
		.last_seen = bpf_ktime_get_ns(),
		.source_port = packet->source_port,
		.destination_port = packet->destination_port,
	};
	make_fragment_key(&key, network, packet);
	if (take_token(network | BUDGET_FRAGMENTS))
		bpf_map_update_elem(&fragments, &key, &first, BPF_ANY);
}

#endif
