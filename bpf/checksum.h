/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The Internet checksum, RFC 1071, over what programs build. */
#ifndef VPC_CHECKSUM_H
#define VPC_CHECKSUM_H

#include <linux/bpf.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include "datapath_maps.h"

static __always_inline __u16 fold_checksum(__u32 sum) {
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

/* Of IPv6, RFC 8200 section 8.1. */
static __always_inline __u32 pseudo_header_sum(const struct vpc_address *source, const struct vpc_address *destination, __u32 length,
		__u8 protocol) {
	struct {
		struct vpc_address source, destination;
		__be32 length, protocol;
	} header = {*source, *destination, bpf_htonl(length), bpf_htonl(protocol)};
	return bpf_csum_diff(0, 0, (__be32 *)&header, sizeof header, 0);
}

#endif
