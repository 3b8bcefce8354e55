// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// BPF_PROG_TEST_RUN gives a frame neither a tunnel key nor a VLAN tag in metadata. This program sets them as the packet's
// own cb[] says, and calls the program under test.

#include <stddef.h>
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include "test_packet_wrap.h"

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, WRAP_SLOTS);
	__type(key, __u32);
	__type(value, __u32);
} wrapped SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct wrap_arrival);
} arrival SEC(".maps");

/* Keys of 5.10 end before the local address. */
#define OLD_KEY_LENGTH offsetof(struct bpf_tunnel_key, local_ipv6)

/* What the receiver of a tunnel reads as remote is the source address, which a sender's key names local. */
static __always_inline int set_tunnel(struct __sk_buff *skb, const struct wrap_arrival *with) {
	struct bpf_tunnel_key key = {.tunnel_id = with->vni, .tunnel_ttl = 64};
	__u64 flags = with->family == 4 ? 0 : BPF_F_TUNINFO_IPV6;
	if (with->family == 4) {
		key.remote_ipv4 = 0x7f000001;
		key.local_ipv4 = bpf_ntohl(with->sender[3]);
	} else {
		key.remote_ipv6[3] = bpf_htonl(1);
		__builtin_memcpy(key.local_ipv6, with->sender, sizeof key.local_ipv6);
	}
	if (!bpf_skb_set_tunnel_key(skb, &key, sizeof key, flags))
		return 0;
	return bpf_skb_set_tunnel_key(skb, &key, OLD_KEY_LENGTH, flags) ? WRAP_FAILED : WRAP_NO_SENDER;
}

SEC("tc")
int wrap(struct __sk_buff *skb) {
	__u32 zero = 0;
	const struct wrap_arrival *with = bpf_map_lookup_elem(&arrival, &zero);
	if (!with)
		return WRAP_FAILED;
	int failed = with->family ? set_tunnel(skb, with) : 0;
	if (failed)
		return failed;
	if (with->tag_protocol && bpf_skb_vlan_push(skb, bpf_htons(with->tag_protocol), with->tag))
		return WRAP_FAILED;
	bpf_tail_call(skb, &wrapped, with->slot);
	return WRAP_FAILED;
}

char _license[] SEC("license") = "Dual BSD/GPL";
