/* SPDX-License-Identifier: Apache-2.0 */
/* What the scanner, the proof and the writer of placeholders share. */
#ifndef VPC_PLACEHOLDER_INTERNAL_H
#define VPC_PLACEHOLDER_INTERNAL_H

#include "placeholder.h"

enum vpc_placeholder_action {
	VPC_PLACEHOLDER_REFUSE,
	VPC_PLACEHOLDER_IMMEDIATE, /* the plan's opcode, imm = low half */
	VPC_PLACEHOLDER_FIRST,     /* lddw: the first slot's immediate only */
	VPC_PLACEHOLDER_SECOND,    /* lddw: the second slot's immediate only */
	VPC_PLACEHOLDER_BOTH,      /* lddw: low half and high half */
	VPC_PLACEHOLDER_EXTENDED,  /* lddw: low half and its sign */
	VPC_PLACEHOLDER_PIECES,    /* the bytes of the place's parts */
};

/* Which values an encoding stands for. */
enum vpc_placeholder_range {
	VPC_PLACEHOLDER_ANY,
	VPC_PLACEHOLDER_ZERO_EXTENDED, /* 8-byte placeholders: the high half is zero */
	VPC_PLACEHOLDER_SIGN_EXTENDED, /* 8-byte placeholders: the high half repeats bit 31 */
	VPC_PLACEHOLDER_SHORT,         /* 2 bytes */
	VPC_PLACEHOLDER_BYTE,
};

struct vpc_placeholder_plan {
	uint8_t action;
	uint8_t code; /* for IMMEDIATE */
	uint8_t range;
	const char *reason; /* for REFUSE: "it ..."; static */
};

/* Inclusive; signed and unsigned as the placeholder is wide. */
struct vpc_placeholder_bounds {
	uint64_t lowest, highest;
	int64_t signed_lowest, signed_highest;
};

/* Bit 31 of a value decides how an immediate of a 64-bit instruction is extended, hence how it must be written. */
enum { VPC_PLACEHOLDER_CLEAR, VPC_PLACEHOLDER_SET, VPC_PLACEHOLDER_CLASSES };

/* Bytes of a placeholder that is stored in pieces. */
struct vpc_placeholder_part {
	uint32_t instruction; /* that holds them: a store, a move, or the first slot of an lddw */
	uint8_t at;           /* where they begin in its constant, 0 to 7 */
	uint8_t from, count;  /* which bytes of the placeholder, the lowest is 0 */
};

struct vpc_placeholder_place {
	uint32_t instruction; /* the first */
	uint8_t kind;
	bool divides;
	struct vpc_placeholder_bounds bounds;
	uint32_t first_part, part_count; /* of what is stored in pieces */
	struct vpc_placeholder_plan plans[VPC_PLACEHOLDER_CLASSES];
};

struct vpc_placeholder_sites {
	size_t instructions; /* in the stream */
	uint64_t constant;
	uint8_t width;
	char name[64];
	struct vpc_placeholder_part *parts; /* of all places */
	size_t count;
	struct vpc_placeholder_place places[];
};

/*
 * Fills the plans of all places: which class of values each carries, and in which encoding. -EINVAL if the instructions
 * are malformed, -ENOMEM.
 */
int vpc_placeholder_prove(const struct bpf_insn *insns, size_t count, struct vpc_placeholder_sites *sites, struct vpc_error *error);

/* Fills the bounds of all places. The instructions have passed vpc_placeholder_prove(). -ENOMEM. */
int vpc_placeholder_bound(const struct bpf_insn *insns, size_t count, struct vpc_placeholder_sites *sites, struct vpc_error *error);

/* Bytes that a load or store moves. */
static inline unsigned vpc_placeholder_access_size(const struct bpf_insn *insn) {
	switch (BPF_SIZE(insn->code)) {
	case BPF_B: return 1;
	case BPF_H: return 2;
	case BPF_W: return 4;
	default: return 8;
	}
}

/* lddw: takes two slots. */
static inline bool vpc_placeholder_is_wide(const struct bpf_insn *insn) {
	return insn->code == (BPF_LD | BPF_DW | BPF_IMM);
}

#endif
