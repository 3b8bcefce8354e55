/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef LB_WRAP_H
#define LB_WRAP_H

#include <linux/types.h>

#define LB_WRAP_ROUNDS 1000 /* of xorshift in `arithmetic` */

/*
 * The frame of 64 bytes, in the pieces in which it is written: those that a program reads. A processor reads at once what
 * was just written in one piece, and waits where two make up what is read, which no frame from a device does.
 */
struct lb_wrap_frame {
	__u32 words[12]; /* from the IPv4 header on */
	__u16 ethernet[7];
	__u16 end;
};
#define LB_WRAP_LENGTH 64
#define LB_WRAP_SOURCE 3 /* of the words */

struct lb_wrap {
	struct lb_wrap_frame frame;
	__u32 mask; /* flows less one: a power of two less one */
	__u32 counter;
};

#endif
