/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef LB_WRAP_H
#define LB_WRAP_H

#include <linux/types.h>

#define LB_WRAP_ROUNDS 1000 /* of xorshift in `arithmetic` */
#define LB_WRAP_SOURCE 13   /* where the frame has its IPv4 source, in words */

struct lb_wrap_frame {
	__u16 words[32]; /* 64 bytes */
};

struct lb_wrap {
	struct lb_wrap_frame frame;
	__u32 mask; /* flows less one: a power of two less one */
	__u32 counter;
};

#endif
