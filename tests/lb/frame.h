/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames in words, outermost header first; lengths, protocols and checksums follow from what comes after unless said:
 *
 *	eth [group] [type=N] [to=N]        from the router to the balancer; group: to all; to=N: from the balancer to neighbour N
 *	ip4 A>B [ttl=N] [tos=N] [id=N] [df] [mf] [off=BYTES] [options=BYTES] [version=N] [ihl=N] [len=N] [proto=N]
 *	ip6 A>B [hop=N] [class=N] [label=N] [version=N] [len=N] [next=N]
 *	frag [off=BYTES] [mf] [id=N] [next=N]                           IPv6 fragment header
 *	ext=TYPE                                                        8 bytes of another extension header
 *	tcp S>D [S][A][F][R]          udp S>D
 *	icmp T C [mtu=N] [quote=N]    icmp6 T C [mtu=N] [quote=N]       of what follows, at most `quote` bytes
 *	data=N                                                          N bytes
 *	cut=N        pad=N                                              last: the frame ends after N bytes; has at least N
 */
#ifndef LB_FRAME_H
#define LB_FRAME_H

#include <stddef.h>
#include <stdint.h>

enum { FRAME_MAX = 4096 };

struct frame {
	size_t length;
	uint8_t bytes[FRAME_MAX];
};

/* Ends the process with the word that it does not understand. */
void frame_build(const char *text, struct frame *ret_frame);
void frame_print(const char *what, const struct frame *frame);

#endif
