/* SPDX-License-Identifier: Apache-2.0 */
/* What a node's datapath leaves in the kernel: programs, links, pins and the entries of its maps. */
#ifndef TEST_DATAPATH_KERNEL_STATE_H
#define TEST_DATAPATH_KERNEL_STATE_H

#include "world.h"

/* Descriptor of a pinned map of the node. The caller closes it. */
int open_map(const struct node *node, const char *name);
unsigned count_entries(const struct node *node, const char *name);

/* Programs in the kernel that refer to the node's map `drops`, as all of the datapath do, and links with one of them. */
struct kernel_objects {
	unsigned programs, links;
};
struct kernel_objects count_objects(const struct node *node);

/* All that a restart must leave alone, as text: ids of programs and links, names of pins, entries of maps. Freed by free(). */
char *describe_node(const struct node *node);

unsigned count_descriptors(void);

#endif
