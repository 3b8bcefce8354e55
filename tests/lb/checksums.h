/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LB_CHECKSUMS_H
#define LB_CHECKSUMS_H

#include <stddef.h>
#include <stdint.h>

/*
 * Verifies every checksum in a frame, also of packets inside of packets: those of IPv4 headers, and of TCP, UDP and ICMP
 * where the whole packet is there. NULL, or which is wrong.
 */
const char *checksums_find_wrong(const uint8_t *frame, size_t length);

#endif
