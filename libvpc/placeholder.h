/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A raw placeholder: a chosen constant that stands in the instructions of a program that others compiled.
 *
 * vpc_placeholder_scan() decodes the instructions once, finds every place that holds the constant, and proves for each
 * which values its encoding can carry. vpc_placeholder_write() then only stores: a few nanoseconds a place.
 *
 * A placeholder is an unsigned number of 4 or 8 bytes. Where a 4-byte one is widened to 8 bytes, the value is
 * zero-extended, unless the compiler visibly sign-extended the constant. The number of instructions never changes, so
 * jumps, func_info and line_info stay valid.
 */
#ifndef VPC_PLACEHOLDER_H
#define VPC_PLACEHOLDER_H

#include <linux/bpf.h>
#include <vpc/vpc.h>

#include "cleanup.h"

/* How the constant stands in an instruction. Order is that of TEXTS in placeholder_scan.c. */
enum vpc_placeholder_kind {
	VPC_PLACEHOLDER_WIDE,        /* lddw, the whole constant, zero-extended if it has 4 bytes */
	VPC_PLACEHOLDER_WIDE_SIGNED, /* lddw, 4 bytes, sign-extended */
	VPC_PLACEHOLDER_WIDE_LOW,    /* lddw, 4 bytes in its low half beside other data (two stores made one) */
	VPC_PLACEHOLDER_WIDE_HIGH,   /* the same in its high half */
	VPC_PLACEHOLDER_MOVE64,
	VPC_PLACEHOLDER_MOVE32,
	VPC_PLACEHOLDER_ALU64,
	VPC_PLACEHOLDER_ALU32,
	VPC_PLACEHOLDER_JUMP64,
	VPC_PLACEHOLDER_JUMP32,
	VPC_PLACEHOLDER_STORE8, /* immediate store of 8 bytes: sign-extends */
	VPC_PLACEHOLDER_STORE4,
	VPC_PLACEHOLDER_SPLIT,       /* stored in pieces by several instructions */
	VPC_PLACEHOLDER_KINDS,
};

struct vpc_placeholder_site {
	uint32_t instruction; /* index; of the first slot for an lddw, of the first piece for what is split */
	enum vpc_placeholder_kind kind;
	const char *text; /* for people: "64-bit move"; static */
};

/* The places of one placeholder in one stream of instructions. Immutable: may be used from several threads at once. */
struct vpc_placeholder_sites;

/*
 * Finds the places of placeholder in insns. The instructions are those of one program with the subprograms that it
 * calls, as libbpf leaves them after relocation, or those of one function or section of an object; there, calls that
 * leave it must have imm -1, and the proofs assume nothing of what is called, nor of who calls.
 *
 * Places are counted as people count constants: an lddw with the constant in both halves is two, and what is stored in
 * pieces, into a packed structure say, is one.
 *
 * Errors: -ENOENT no place, or another number than expected (those found are listed); -EILSEQ the constant was found
 * folded into another (C - 1, C + 1, -C, ~C, bytes swapped, shifted, a half, pieces that are also used for something
 * else), so that writing would be incomplete, and placeholder->expected does not vouch for the rest; -EINVAL the
 * placeholder or an instruction is malformed; -E2BIG more instructions than any kernel takes; -ENOMEM. Pieces of a
 * constant with fewer than two bytes other than 0 and 0xff cannot be told from other numbers and are not looked for.
 */
int vpc_placeholder_scan(const struct bpf_insn *insns, size_t count, const struct vpc_placeholder *placeholder,
	struct vpc_placeholder_sites **ret_sites, struct vpc_error *error);
/* The same for one function of several, over which the caller counts: placeholder->expected vouches, but is not compared. */
int vpc_placeholder_scan_part(const struct bpf_insn *insns, size_t count, const struct vpc_placeholder *placeholder,
	struct vpc_placeholder_sites **ret_sites, struct vpc_error *error);
struct vpc_placeholder_sites *vpc_placeholder_sites_free(struct vpc_placeholder_sites *sites);

size_t vpc_placeholder_sites_count(const struct vpc_placeholder_sites *sites);
/* In the order of instructions; index below the count. */
struct vpc_placeholder_site vpc_placeholder_sites_get(const struct vpc_placeholder_sites *sites, size_t index);
/* The instructions that hold the place, an lddw by its first slot; returns how many. */
size_t vpc_placeholder_sites_instructions(const struct vpc_placeholder_sites *sites, size_t index, uint32_t ret_instructions[static 8]);

/*
 * Writes value, a number in the host's byte order, to every place, or to none. insns is a copy of the instructions that
 * were scanned; it may have been written before. Where the value needs another encoding, the opcode changes with it.
 *
 * Errors: -EILSEQ the encoding of a place cannot carry the value, which is named; -ERANGE the value is wider than the
 * placeholder; -EINVAL count differs from the one scanned.
 */
int vpc_placeholder_write(struct bpf_insn *insns, size_t count, const struct vpc_placeholder_sites *sites, uint64_t value,
	struct vpc_error *error);

static inline void free_placeholder_sites(struct vpc_placeholder_sites **sites) {
	vpc_placeholder_sites_free(*sites);
}

#endif
