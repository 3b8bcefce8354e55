/* SPDX-License-Identifier: Apache-2.0 */
/* The tables, each in the file of its subject. */
#ifndef ROWS_H
#define ROWS_H

#include "row.h"

struct table {
	const struct row *rows;
	size_t count;
};

#define TABLE(name_, rows_) const struct table name_ = {rows_, sizeof rows_ / sizeof *rows_};

extern const struct table from_pod_members, from_pod_sources;
extern const struct table from_pod_tags, from_pod_ipv4_headers, from_pod_ipv6_headers, from_pod_fragments, from_pod_truncated,
	from_pod_sizes;
extern const struct table from_pod_arp, from_pod_nd, from_pod_groups, from_pod_outside, to_pod, confined;
extern const struct table arrivals, vxlan_arrivals, trunk_arrivals;

#endif
