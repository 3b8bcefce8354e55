// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// Named constants of every width, read back through a map.

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "parameter.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 64);
	__type(key, __u32);
	__type(value, __u64);
} results SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
	__type(key, __u32);
	__type(value, __u64);
} shared SEC(".maps");

#define WIDTHS(X) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8)
#define WIDE_WIDTHS(X) X(9) X(10) X(11) X(12) X(13) X(14) X(15) X(16)

#define DECLARE(n) \
	typedef struct { __u8 bytes[n]; } bytes##n; \
	VPC_PARAMETER(bytes##n, width##n, "type=bytes;text=" #n " bytes");
WIDTHS(DECLARE)
WIDE_WIDTHS(DECLARE)

typedef struct { __u8 bytes[6]; } mac;
typedef struct { __u8 bytes[16]; } ipv6;
VPC_PARAMETER(__u32, number, "type=integer;range=2..9;text=a number; with a semicolon");
VPC_PARAMETER(__u16, port, "type=integer;default=0x1234;text=optional");
VPC_PARAMETER(__be32, address, "type=ipv4;default=10.0.0.1");
VPC_PARAMETER(ipv6, address6, "type=ipv6;default=::");
VPC_PARAMETER(mac, hardware, "type=mac;default=02:00:00:00:00:01");
VPC_PARAMETER(__u32, unused, "type=integer");

static __always_inline void note(__u32 index, __u64 value) {
	__u64 *place = bpf_map_lookup_elem(&results, &index);
	if (place)
		*place = value;
}

SEC("tc")
int read_widths(struct __sk_buff *skb) {
#define READ(n) note(n, VPC_CONSTANT(width##n));
#define READ_WIDE(n) READ(n) note(32 + n, VPC_CONSTANT_AT(width##n, 8));
	WIDTHS(READ)
	WIDE_WIDTHS(READ_WIDE)
	return 0;
}

/* The verifier sees a branch on a constant, and a subprogram that has constants of its own. */
static __attribute__((noinline)) __u32 twice(__u32 value) {
	note(6, VPC_CONSTANT(port));
	return value * VPC_CONSTANT(number);
}

SEC("tc")
int read_types(struct __sk_buff *skb) {
	note(1, VPC_CONSTANT(number));
	note(2, VPC_CONSTANT(address));
	note(3, VPC_CONSTANT_AT(address6, 0));
	note(4, VPC_CONSTANT_AT(address6, 8));
	note(5, VPC_CONSTANT(hardware));
	return twice(skb->len);
}

SEC("some/other/name")
int count_shared(struct __sk_buff *skb) {
	__u32 zero = 0;
	__u64 *count = bpf_map_lookup_elem(&shared, &zero);
	if (count)
		__sync_fetch_and_add(count, 1);
	return 7;
}

/* Reads beyond the packet if the number is 9: the verifier tells. */
SEC("tc")
int refused_with_nine(struct __sk_buff *skb) {
	char *data = (void *)(long)skb->data;
	return VPC_CONSTANT(number) == 9 ? data[100] : 0;
}

char _license[] SEC("license") = "Dual BSD/GPL";
