// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// Unwraps in tc what the balancer sent, also what GRO has put together. bpf_skb_adjust_room() can tell a packet of the
// other family only since kernel 6.3: where the family changes, bpf_skb_change_proto() first turns the outer header into
// one of the inner family's length and name, which is then taken away like any.

#include "lb_decap.h"
#include <linux/pkt_cls.h>

static __always_inline int unwrap(struct __sk_buff *skb, int outer_length, int is_outer_ipv4, __u8 protocol) {
	int is_inner_ipv4 = protocol == LB_PROTOCOL_IPIP;
	__be16 ethernet = is_inner_ipv4 ? LB_ETHERNET_IPV4 : LB_ETHERNET_IPV6;
	if (is_outer_ipv4 != is_inner_ipv4) {
		if (bpf_skb_change_proto(skb, ethernet, 0))
			return LB_DECAP_FAILED;
		outer_length = is_inner_ipv4 ? sizeof(struct lb_ipv4) : sizeof(struct lb_ipv6);
	}
	if (bpf_skb_adjust_room(skb, -outer_length, BPF_ADJ_ROOM_MAC, BPF_F_ADJ_ROOM_FIXED_GSO))
		return LB_DECAP_FAILED;
	if (is_outer_ipv4 != is_inner_ipv4 &&
		bpf_skb_store_bytes(skb, __builtin_offsetof(struct lb_ethernet, protocol), &ethernet, sizeof ethernet, 0))
		return LB_DECAP_FAILED;
	return LB_DECAP_UNWRAPPED;
}

/* The frame's start, with so much of it in linear data as is there and asked for. */
static __always_inline void *linear(struct __sk_buff *skb, __u32 length) {
	if ((void *)(long)skb->data + length > (void *)(long)skb->data_end)
		bpf_skb_pull_data(skb, length);
	return (void *)(long)skb->data;
}

/* The same, not shared with others. */
static __always_inline void *writable(struct __sk_buff *skb, __u32 length) {
	bpf_skb_pull_data(skb, skb->len < length ? skb->len : length);
	return (void *)(long)skb->data;
}

static __always_inline int decapsulate_frame(struct __sk_buff *skb) {
	const __u32 headers = sizeof(struct lb_ethernet) + 2 * sizeof(struct lb_ipv6);
	if (skb->protocol == LB_ETHERNET_IPV4) {
		struct lb_ipv4 *outer = linear(skb, sizeof(struct lb_ethernet) + sizeof *outer) + sizeof(struct lb_ethernet);
		if ((void *)(outer + 1) > (void *)(long)skb->data_end || !is_wrapped(outer->protocol))
			return -1;
		outer = writable(skb, headers) + sizeof(struct lb_ethernet);
		int verdict = accept4(outer, (void *)(long)skb->data_end, skb->len - sizeof(struct lb_ethernet));
		if (verdict != LB_DECAP_UNWRAPPED || (void *)(outer + 1) > (void *)(long)skb->data_end)
			return verdict;
		return unwrap(skb, sizeof *outer, 1, outer->protocol);
	}
	if (skb->protocol == LB_ETHERNET_IPV6) {
		struct lb_ipv6 *outer = linear(skb, sizeof(struct lb_ethernet) + sizeof *outer) + sizeof(struct lb_ethernet);
		if ((void *)(outer + 1) > (void *)(long)skb->data_end || !is_wrapped(outer->next_header))
			return -1;
		outer = writable(skb, headers) + sizeof(struct lb_ethernet);
		int verdict = accept6(outer, (void *)(long)skb->data_end, skb->len - sizeof(struct lb_ethernet));
		if (verdict != LB_DECAP_UNWRAPPED || (void *)(outer + 1) > (void *)(long)skb->data_end)
			return verdict;
		return unwrap(skb, sizeof *outer, 0, outer->next_header);
	}
	return -1;
}

SEC("tc")
int decapsulate_tc(struct __sk_buff *skb) {
	int what = decapsulate_frame(skb);
	if (what >= 0)
		count_decap(what);
	if (what == LB_DECAP_FAILED)
		return TC_ACT_SHOT; /* half unwrapped */
	return TC_ACT_UNSPEC; /* programs of others still run */
}

char _license[] SEC("license") = "Dual BSD/GPL";
