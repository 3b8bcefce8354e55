/* SPDX-License-Identifier: Apache-2.0 */
/* The addresses of this namespace's interfaces: read once, and then as the kernel tells of changes. */
#ifndef AGENT_LOCAL_ADDRESSES_H
#define AGENT_LOCAL_ADDRESSES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "links.h"

/* All zeros: nothing was read yet. */
struct local_addresses {
	struct local_address {
		uint8_t address[16], prefix; /* as in struct link_change */
		uint32_t ifindex;
	} *items; /* sorted */
	size_t count, room;
	bool known; /* else they are to be read */
};

/* Reads all of them. 0 or negative errno: then they are not known. */
int local_addresses_read(struct local_addresses *addresses);
/* Returns whether that made a difference, or they are no longer known. */
bool local_addresses_follow(struct local_addresses *addresses, const struct link_change *change);
/* Each address once, in order, in an array that the caller frees; NULL if there is none. */
uint8_t (*local_addresses_list(const struct local_addresses *addresses, size_t *ret_count))[16];

#endif
