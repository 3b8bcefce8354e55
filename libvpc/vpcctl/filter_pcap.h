/* SPDX-License-Identifier: Apache-2.0 */
/* The pcap file format, with Ethernet frames and times in nanoseconds. */
#ifndef VPCCTL_FILTER_PCAP_H
#define VPCCTL_FILTER_PCAP_H

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

static inline int pcap_put(FILE *file, const void *bytes, size_t length) {
	return length == 0 || fwrite(bytes, length, 1, file) == 1 ? 0 : -(errno ? errno : EIO);
}

/* The head of the file. Returns 0, or a negative errno; so does the next. */
static inline int pcap_begin(FILE *file) {
	const struct {
		uint32_t magic;
		uint16_t major, minor;
		uint32_t zone, accuracy, most_bytes, link_type;
	} head = {0xa1b23c4d, 2, 4, 0, 0, 262144, 1 /* Ethernet */};
	return pcap_put(file, &head, sizeof head);
}

/* One frame that arrived now. */
static inline int pcap_write(FILE *file, const void *frame, uint32_t length) {
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	const uint32_t head[] = {(uint32_t)now.tv_sec, (uint32_t)now.tv_nsec, length, length};
	int result = pcap_put(file, head, sizeof head);
	return result ?: pcap_put(file, frame, length);
}

#endif
