/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Flows between a Pod and the outside. One entry serves both directions; its key is written from the Pod's side.
 *
 * The table is preallocated and shared: each network may fill its quota of it, and full means refused. Quotas are
 * checked before they are counted, so that as many flows as there are CPUs may exceed one: kernels before 5.12 have no
 * atomic addition that tells its result.
 */
#ifndef VPC_FLOW_H
#define VPC_FLOW_H

#include <linux/bpf.h>
#include <linux/errno.h>
#include <bpf/bpf_helpers.h>
#include "count.h"
#include "flow_age.h"
#include "maps.h"
#include "packet.h"

enum flow_direction { FROM_POD, TO_POD };

static __always_inline void make_flow_key(struct vpc_flow_key *key, __u32 network, const struct packet *packet,
		enum flow_direction direction) {
	*key = (struct vpc_flow_key){.network = network, .protocol = packet->protocol};
	if (direction == FROM_POD) {
		key->pod = packet->source, key->pod_port = packet->source_port;
		key->peer = packet->destination, key->peer_port = packet->destination_port;
	} else {
		key->pod = packet->destination, key->pod_port = packet->destination_port;
		key->peer = packet->source, key->peer_port = packet->source_port;
	}
}

static __always_inline __u32 flow_state_of(const struct packet *packet, enum flow_direction direction) {
	__u32 state = direction == FROM_POD ? VPC_FLOW_SEEN_FROM_POD : VPC_FLOW_SEEN_TO_POD;
	if (packet->tcp_flags & TCP_RST)
		state |= VPC_FLOW_RESET;
	if (packet->tcp_flags & TCP_FIN)
		state |= direction == FROM_POD ? VPC_FLOW_FIN_FROM_POD : VPC_FLOW_FIN_TO_POD;
	return state;
}

/* A SYN after the end begins another connection with the same ports. */
static __always_inline int is_over(const struct vpc_flow *flow, const struct packet *packet, __u64 now) {
	int is_closing = flow->state & (VPC_FLOW_CLOSED | VPC_FLOW_RESET);
	int is_opening = (packet->tcp_flags & (TCP_SYN | TCP_RST | TCP_FIN)) == TCP_SYN;
	return vpc_flow_is_expired(flow, packet->protocol, now) || (is_closing && is_opening);
}

/* Whether the packet belongs to a remembered flow, which then lives on. */
static __always_inline int follow_flow(const struct vpc_flow_key *key, const struct packet *packet, enum flow_direction direction) {
	struct vpc_flow *flow = bpf_map_lookup_elem(&flows, key);
	__u64 now = bpf_ktime_get_ns();
	if (!flow || is_over(flow, packet, now))
		return 0;
	__u32 state = flow->state | flow_state_of(packet, direction);
	if (flow->state != state)
		flow->state = state;
	if ((__s64)(now - flow->last_seen) > (__s64)(VPC_SECOND / 4)) /* not each packet writes to a line that all CPUs read */
		flow->last_seen = now;
	return 1;
}

/* Whether a packet that an ICMP error quotes belongs to a remembered flow. The error does not keep it alive. */
static __always_inline int knows_flow(const struct vpc_flow_key *key) {
	struct vpc_flow *flow = bpf_map_lookup_elem(&flows, key);
	return flow && !vpc_flow_is_expired(flow, key->protocol, bpf_ktime_get_ns());
}

/* The number of flows of the network, made at the first one; NULL if there is no room for the counter. */
static __always_inline __u64 *flow_count(__u32 network) {
	__u64 *count = bpf_map_lookup_elem(&network_flows, &network);
	if (count)
		return count;
	__u64 zero = 0;
	bpf_map_update_elem(&network_flows, &network, &zero, BPF_NOEXIST);
	return bpf_map_lookup_elem(&network_flows, &network);
}

/* Remembers the flow that the packet begins. 0, or why there is no room. The node's own flows are not held to the quota. */
static __always_inline int remember_flow(struct __sk_buff *skb, const struct vpc_flow_key *key, const struct packet *packet, enum flow_direction direction,
		enum vpc_flow_origin origin) {
	struct vpc_flow begun = {.last_seen = bpf_ktime_get_ns(), .origin = origin, .state = flow_state_of(packet, direction)};
	struct vpc_flow *old = bpf_map_lookup_elem(&flows, key);
	if (old) {
		*old = begun;
		return 0;
	}
	const struct vpc_network *network = bpf_map_lookup_elem(&networks, &key->network);
	__u64 *count = flow_count(key->network);
	if (!network || !count)
		return DROP(INTERNAL);
	if (origin != VPC_FLOW_NODE && *count >= network->flow_quota)
		return DROP(FLOW_QUOTA);
	long result = bpf_map_update_elem(&flows, key, &begun, BPF_NOEXIST);
	if (result == -EEXIST) /* another CPU was faster, and counted it */
		return 0;
	if (result)
		return DROP(FLOW_TABLE_FULL);
	__sync_fetch_and_add(count, 1);
	return 0;
}

/* Whether the flow was there, and over or to be ended all the same. Its network has one flow less then. */
static __always_inline int forget_remembered_flow(const struct vpc_flow_key *key, int even_if_alive) {
	const struct vpc_flow *flow = bpf_map_lookup_elem(&flows, key);
	if (!flow || (!even_if_alive && !vpc_flow_is_expired(flow, key->protocol, bpf_ktime_get_ns())))
		return 0;
	if (bpf_map_delete_elem(&flows, key))
		return 0;
	__u64 *count = bpf_map_lookup_elem(&network_flows, &key->network);
	if (count)
		__sync_fetch_and_add(count, -1);
	return 1;
}

#endif
