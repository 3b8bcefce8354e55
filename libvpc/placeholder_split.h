/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A placeholder that the compiler stores in pieces, since its place in memory is not aligned:
 *
 *	w2 = 0xfe ; *(u8 *)(r1 + 4) = w2 ; w2 = 0xdc ; *(u8 *)(r1 + 3) = w2 ; ...
 *
 * What a block stores as constants is looked at as bytes in memory. Where they make up the constant, they are one place,
 * if every piece is stored as a piece of it and used for nothing else.
 */
#ifndef VPC_PLACEHOLDER_SPLIT_H
#define VPC_PLACEHOLDER_SPLIT_H

#include "placeholder_internal.h"

/* Which bytes of an instruction's constant are known to be the placeholder's, one bit each; by instruction. */
enum vpc_placeholder_known {
	VPC_PLACEHOLDER_KNOWN_LOW = 1,   /* bytes 0 to 3 are bytes 0 to 3 of the placeholder */
	VPC_PLACEHOLDER_KNOWN_HIGH = 2,  /* bytes 4 to 7 are */
	VPC_PLACEHOLDER_KNOWN_WHOLE = 4, /* bytes 0 to 7 are bytes 0 to 7 of it */
	VPC_PLACEHOLDER_KNOWN_PIECE = 8, /* some of them are a piece of it */
};

struct vpc_placeholder_splits {
	struct vpc_placeholder_place *places; /* in the order of blocks */
	struct vpc_placeholder_part *parts;
	size_t count, part_count;
	const char *doubt; /* why others, which look like places, are none; or NULL. Static */
	uint32_t doubtful; /* such an instruction */
};

/*
 * Looks for a constant of width bytes. known has an enum vpc_placeholder_known for each instruction. Instructions that are
 * malformed have no such places: vpc_placeholder_prove() tells about them. -E2BIG if they cannot be followed for their
 * loops, -ENOMEM.
 */
int vpc_placeholder_find_splits(const struct bpf_insn *insns, size_t count, uint64_t constant, uint8_t width, const uint8_t *known,
		const char *name, struct vpc_placeholder_splits *ret_splits, struct vpc_error *error);
void vpc_placeholder_splits_release(struct vpc_placeholder_splits *splits);

#endif
