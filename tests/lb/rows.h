/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames in, and what the balancer makes of them. The VIPs and their only backends:
 *
 *	40.1.1.1:80/tcp 10.0.0.11              [2001:db8:40::1]:80/tcp 2001:db8:10::11 (neighbour 17)
 *	40.1.1.1:53/udp 10.0.0.12              [2001:db8:40::1]:53/udp 2001:db8:10::12 (neighbour 18)
 *	40.1.1.2:80/tcp 2001:db8:10::13 (19)   [2001:db8:40::2]:80/tcp 10.0.0.14
 *	40.1.1.3:80/tcp none                   [2001:db8:40::3]:80/tcp none
 *	40.1.1.4:80/tcp one whose MAC is lost  [2001:db8:40::4]:80/tcp one whose MAC is lost
 */
#ifndef LB_ROWS_H
#define LB_ROWS_H

#include <stddef.h>

enum verdict { PASS, SEND, DROP };

struct row {
	const char *description;
	const char *in;     /* frame.h has the language */
	enum verdict verdict;
	const char *out;    /* SEND: what leaves; PASS: unchanged */
	const char *counts; /* the names of all counters that grow by one, in their order; "": none */
	const char *before; /* a frame that comes first, or NULL */
};

struct table {
	const char *name;
	const struct row *rows;
	size_t count;
};

extern const struct table ROWS_IPV4, ROWS_IPV6, ROWS_FRAGMENTS, ROWS_ICMP, ROWS_SIZES;

#define TABLE(name_, rows_) const struct table name_ = {#name_, rows_, sizeof(rows_) / sizeof *(rows_)}

#endif
