// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
//
// What a program costs a packet, by BPF_PROG_TEST_RUN: `wrap` gives each run another source port and calls the program
// under test, `baseline` does the same and ends instead. `fixed` has nothing to do with packets: its time tells how fast
// the machine is.

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} wrapped SEC(".maps");

__u64 runs; /* so far */

#define SOURCE_PORT 34 /* offset in an untagged IPv4 frame without options */

static __always_inline int vary(struct xdp_md *frame) {
	__u16 *port = (void *)(long)frame->data + SOURCE_PORT;
	if ((void *)(port + 1) > (void *)(long)frame->data_end)
		return -1;
	*port = runs++;
	return 0;
}

SEC("xdp")
int wrap(struct xdp_md *frame) {
	if (vary(frame) == 0)
		bpf_tail_call(frame, &wrapped, 0);
	return XDP_ABORTED;
}

SEC("xdp")
int baseline(struct xdp_md *frame) {
	return vary(frame) == 0 ? XDP_TX : XDP_ABORTED;
}

SEC("xdp")
int fixed(struct xdp_md *frame) {
	__u64 state = runs + 1;
#pragma unroll
	for (int i = 0; i < 64; i++) {
		state ^= state << 13;
		state ^= state >> 7;
		state ^= state << 17;
	}
	return state == 0 ? XDP_DROP : XDP_PASS;
}

char _license[] SEC("license") = "Dual BSD/GPL";
