/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* How a frame of a test run arrives: read by the wrapper, written by the test before each run. */
#ifndef TEST_PACKET_WRAP_H
#define TEST_PACKET_WRAP_H

#include <linux/types.h>

#define WRAP_SLOTS 8
#define WRAP_FAILED 99
#define WRAP_NO_SENDER 98 /* the kernel takes tunnel keys, but no sender's address in them */

struct wrap_arrival {
	__u32 slot;         /* of the program under test */
	__u32 family;       /* 4 or 6: arrives through a tunnel */
	__u32 vni;
	__be32 sender[4];   /* underlay address, IPv4-mapped for IPv4 */
	__u32 tag_protocol; /* 0x8100 or 0x88a8: arrives with this tag in metadata */
	__u32 tag;          /* priority and VLAN ID */
};

#endif
