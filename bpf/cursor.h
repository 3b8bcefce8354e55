/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A cursor over the linear part of a frame: each header is checked once, where it is read.
 *
 * Linear data may be shorter than the frame. It is pulled together only if a header does not lie in it, since pulling
 * copies; every pointer that was read before a pull is void after it.
 */
#ifndef VPC_CURSOR_H
#define VPC_CURSOR_H

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <bpf/bpf_helpers.h>

struct cursor {
	void *at, *end;
};

/* The header at the cursor, which moves behind it; NULL if it is not within linear data. */
#define READ(cursor_, type_) ({ \
	type_ *header_ = (cursor_)->at; \
	(void *)(header_ + 1) <= (cursor_)->end ? ((cursor_)->at = header_ + 1, header_) : (type_ *)0; \
})

/* Points the cursor at the frame's first byte with `length` bytes of it readable. Returns 0, or -1 if the frame is shorter. */
static __always_inline int open_cursor(struct __sk_buff *skb, struct cursor *cursor, __u32 length) {
	cursor->at = (void *)(long)skb->data;
	cursor->end = (void *)(long)skb->data_end;
	if (cursor->at + length <= cursor->end)
		return 0;
	if (bpf_skb_pull_data(skb, length))
		return -1;
	cursor->at = (void *)(long)skb->data;
	cursor->end = (void *)(long)skb->data_end;
	return cursor->at + length <= cursor->end ? 0 : -1;
}

#endif
