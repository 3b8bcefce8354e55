/* SPDX-License-Identifier: Apache-2.0 */
/* The Pods of this node by the interface index of their host side: what the kernel's maps say, without asking them. */
#ifndef VPC_DATAPATH_POD_TABLE_H
#define VPC_DATAPATH_POD_TABLE_H

#include <vpc/vpc.h>

struct vpc_known_pod {
	struct vpc_pod pod; /* mtu filled in */
	bool is_stale;      /* its programs refer to maps that are no longer pinned */
};

struct vpc_pod_table {
	struct vpc_known_pod *list; /* sorted by interface index */
	size_t count, capacity;
};

/* NULL if there is none. Valid until the next change of the table. */
struct vpc_known_pod *vpc_pod_table_find(const struct vpc_pod_table *table, uint32_t ifindex);
/* Makes room for one more Pod, so that the next put cannot fail. Returns 0 or -ENOMEM. */
int vpc_pod_table_reserve(struct vpc_pod_table *table);
/* Adds the Pod, or replaces that of the same interface. Room is reserved. */
void vpc_pod_table_put(struct vpc_pod_table *table, const struct vpc_pod *pod);
void vpc_pod_table_delete(struct vpc_pod_table *table, uint32_t ifindex);
bool vpc_pod_table_has_network(const struct vpc_pod_table *table, enum vpc_encapsulation encapsulation, uint32_t network_id);
void vpc_pod_table_free(struct vpc_pod_table *table);

#endif
