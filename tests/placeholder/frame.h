/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a pattern reads and what it leaves behind: the frame of a test run. */
#ifndef PLACEHOLDER_FRAME_H
#define PLACEHOLDER_FRAME_H

#include <linux/types.h>

struct frame {
	__u8 ethernet[16];
	__u32 a, b;
	__u64 c, d;
	__u64 out[4];
	__u8 bytes[8];
} __attribute__((packed, aligned(8)));

#endif
