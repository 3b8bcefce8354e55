/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which backend a flow goes to: the one that it went to before, if that still takes it, else the one that the VIP's
 * Maglev table says. What follows knows slots only; 0 is none.
 */
#ifndef VPC_LB_CHOOSE_H
#define VPC_LB_CHOOSE_H

#include "lb_verdict.h"

enum lb_packet_kind {
	LB_PACKET_OF_FLOW,
	LB_PACKET_OPENS,  /* TCP SYN: a new flow, though its ports may be those of an old one */
	LB_PACKET_QUOTED, /* in an ICMP error: about a flow, not of it */
};

static __always_inline __u64 mix(__u64 x) {
	x ^= x >> 33;
	x *= 0xff51afd7ed558ccdULL;
	x ^= x >> 33;
	x *= 0xc4ceb9fe1a85ec53ULL;
	return x ^ x >> 33;
}

/* The same on every machine: balancers that share a VIP choose alike. */
static __always_inline __u32 place_in_table(__u64 hash, __u32 table_size) {
	return (hash >> 32) * table_size >> 32;
}

static __always_inline __u64 hash_client4(__be32 address, __be16 port) {
	return mix((__u64)bpf_ntohl(address) << 32 | bpf_ntohs(port));
}

static __always_inline __u64 hash_client6(const struct lb_client6 *client) {
	__u64 hash = mix((__u64)bpf_ntohl(client->address[0]) << 32 | bpf_ntohl(client->address[1]));
	hash = mix(hash ^ ((__u64)bpf_ntohl(client->address[2]) << 32 | bpf_ntohl(client->address[3])));
	return mix(hash ^ bpf_ntohs(client->port));
}

/* Units of about a second: a shift, where a division would take as long as a look-up. */
static __always_inline __u64 current_second(void) {
	return coarse_time() >> 30;
}

/* A flood of new flows must not push the established ones out of the table. */
static __always_inline int may_remember(void) {
	__u32 zero = 0;
	const struct lb_settings *set = bpf_map_lookup_elem(&settings, &zero);
	if (!set || !set->new_flows_a_second)
		return 1;
	struct lb_pace *pace = bpf_map_lookup_elem(&paces, &zero);
	if (!pace)
		return 1;
	__u64 now = current_second();
	if (pace->second != now) {
		pace->second = now;
		pace->new_flows = 0;
		pace->too_big_answers = 0;
	}
	pace->new_flows++;
	return pace->new_flows <= set->new_flows_a_second;
}

/* Whether the backend of a remembered flow still takes such a packet. */
static __always_inline int still_takes(const struct lb_connection *connection, int kind) {
	__u32 slot = connection->backend, generation = connection->generation;
	const struct lb_backend *backend = bpf_map_lookup_elem(&backends, &slot);
	if (!backend || backend->generation != generation)
		return 0;
	return backend->state == LB_BACKEND_ACTIVE || (backend->state == LB_BACKEND_DRAINING && kind != LB_PACKET_OPENS);
}

/* What the VIP's table says of a flow; of generation 0 if there is no backend. */
static __always_inline struct lb_connection choose_anew(const struct lb_vip *vip, __u64 hash) {
	struct lb_connection none = {}, chosen = {};
	__u32 index = vip->index, place = place_in_table(hash, vip->table_size);
	void *table = bpf_map_lookup_elem(&tables, &index);
	if (!table)
		return none;
	const __u32 *slot = bpf_map_lookup_elem(table, &place);
	if (!slot)
		return none;
	chosen.backend = *slot;
	const struct lb_backend *backend = bpf_map_lookup_elem(&backends, &chosen.backend);
	if (!backend || backend->state == LB_BACKEND_NONE)
		return none;
	chosen.generation = backend->generation;
	return chosen;
}

/* A new flow, once it has a backend: counted, and remembered unless there are too many. */
static __always_inline void take_flow(__u32 vip, void *connections, const void *client, const struct lb_connection *chosen) {
	count(vip, LB_EVENT_NEW_FLOW);
	if (may_remember())
		bpf_map_update_elem(connections, client, chosen, BPF_ANY);
	else
		count(vip, LB_EVENT_UNRECORDED_FLOW);
}

static __always_inline __u32 choose4(const struct lb_vip *vip, __be32 address, __be16 port, int kind) {
	__u32 index = vip->index;
	if (vip->flags & LB_VIP_AFFINITY)
		port = 0;
	__u64 client = eight_bytes(address, port, 0); /* struct lb_client4 */
	void *connections = bpf_map_lookup_elem(&connections4, &index);
	if (!connections)
		return 0;
	const struct lb_connection *known = bpf_map_lookup_elem(connections, &client);
	if (known && still_takes(known, kind))
		return known->backend;
	struct lb_connection chosen = choose_anew(vip, hash_client4(address, port));
	if (chosen.generation && kind != LB_PACKET_QUOTED)
		take_flow(index, connections, &client, &chosen);
	return chosen.backend;
}

static __always_inline __u32 choose6(const struct lb_vip *vip, struct lb_client6 *client, int kind) {
	__u32 index = vip->index;
	if (vip->flags & LB_VIP_AFFINITY)
		client->port = 0;
	void *connections = bpf_map_lookup_elem(&connections6, &index);
	if (!connections)
		return 0;
	const struct lb_connection *known = bpf_map_lookup_elem(connections, client);
	if (known && still_takes(known, kind))
		return known->backend;
	struct lb_connection chosen = choose_anew(vip, hash_client6(client));
	if (chosen.generation && kind != LB_PACKET_QUOTED)
		take_flow(index, connections, client, &chosen);
	return chosen.backend;
}

#endif
