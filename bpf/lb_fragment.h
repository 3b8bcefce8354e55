/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Later fragments have no ports: they follow their first one to its backend. */
#ifndef VPC_LB_FRAGMENT_H
#define VPC_LB_FRAGMENT_H

#include "lb_choose.h"

static __always_inline void key_fragment4(const struct lb_ipv4 *ip, struct lb_fragment_key *key) {
	key->source[2] = key->destination[2] = LB_MAPPED;
	key->source[3] = ip->source;
	key->destination[3] = ip->destination;
	key->identification = bpf_htonl(bpf_ntohs(ip->identification));
	key->protocol = ip->protocol;
}

static __always_inline void key_fragment6(const struct lb_ipv6 *ip, const struct lb_ipv6_fragment *fragment, struct lb_fragment_key *key) {
#pragma unroll
	for (int i = 0; i < 4; i++) {
		key->source[i] = ip->source[i];
		key->destination[i] = ip->destination[i];
	}
	key->identification = fragment->identification;
	key->protocol = fragment->next_header;
}

static __always_inline void remember_fragment(const struct lb_fragment_key *key, __u32 slot) {
	struct lb_connection connection = {.backend = slot};
	const struct lb_backend *backend = bpf_map_lookup_elem(&backends, &slot);
	if (!backend)
		return;
	connection.generation = backend->generation;
	bpf_map_update_elem(&fragments, key, &connection, BPF_ANY);
}

/* 0 if its first fragment was not seen, or went to a backend that is gone. */
static __always_inline __u32 follow_fragment(const struct lb_fragment_key *key) {
	const struct lb_connection *connection = bpf_map_lookup_elem(&fragments, key);
	return connection && still_takes(connection, LB_PACKET_OF_FLOW) ? connection->backend : 0;
}

#endif
