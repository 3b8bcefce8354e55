/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What differs between the systems on which the balancer's programs run. Each of the two headers gives
 *
 *	xdp_context                the context of an XDP program, whose edges frame_start() and frame_end() tell
 *	XDP_PASS, XDP_DROP, XDP_TX by name only: their numbers differ
 *	grow_head(), cut_tail()    0, or another number where the system cannot
 *	INNER_ARRAY_FLAGS          of an array inside a map of maps whose size may vary
 *	USER_ARRAY_FLAGS           of an array that only user space writes, and maps into its memory
 *	coarse_time()              nanoseconds
 *
 * and the helpers and macros of maps under the names that both systems have.
 */
#ifndef VPC_PLATFORM_H
#define VPC_PLATFORM_H

#ifdef VPC_PLATFORM_WINDOWS
#include "platform_windows.h"
#else
#include "platform_linux.h"
#endif

#endif
