/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a program does with the upper halves of its 64-bit registers.
 *
 * An immediate of a 64-bit instruction is sign-extended. Whether a value with bit 31 set may stand there depends on who
 * looks at the upper half afterwards (followed backwards from every use) and on what the upper halves of other registers
 * hold (followed forwards from every definition). Both follow jumps, calls of subprograms, and the stack slots that no
 * pointer reaches.
 */
#ifndef VPC_PLACEHOLDER_FLOW_H
#define VPC_PLACEHOLDER_FLOW_H

#include "placeholder_internal.h"

/*
 * What is certain of a register's upper half, as bits. Places of the placeholder count as ZERO and SIGN where both are
 * possible; each reliance on one of the two comes back as a demand on the place.
 */
enum vpc_flow_fact {
	VPC_FLOW_ZERO = 1,  /* zero */
	VPC_FLOW_SIGN = 2,  /* 32 times bit 31 */
	VPC_FLOW_SMALL = 4, /* zero, and so is bit 31, whatever value is written */
};

/* Who looks at a register's upper half, as bits. */
enum vpc_flow_demand {
	VPC_FLOW_WANTS_ZERO = 1, /* right if it is zero */
	VPC_FLOW_WANTS_SIGN = 2, /* right if it repeats bit 31 */
	VPC_FLOW_COMPARED = 4,   /* compared for equality with a small number: right if it is either of the two */
	VPC_FLOW_ORDERED = 8,    /* compared for order, divided or shifted right, in any width: the source's type may be signed or not */
	VPC_FLOW_NUMERIC = 16,   /* calculated with */
	VPC_FLOW_PASSED = 32,    /* given to a helper or to code that is not seen */
	VPC_FLOW_MEMORY = 64,    /* stored or compared as 8 bytes: may be two numbers of 4 bytes side by side */
};

/* For each instruction. The facts hold before it, the demands are on its result after it. */
struct vpc_flow {
	uint8_t destination; /* facts of dst_reg */
	uint8_t source;      /* facts of src_reg, for BPF_X */
	uint8_t demand;      /* on dst_reg, or on the stack slot that a store fills */
};

/* What of an instruction's number is still to be chosen. */
enum vpc_flow_choice {
	VPC_FLOW_FIXED,
	VPC_FLOW_EXTENSION, /* a place: its number, then extended in either way */
	VPC_FLOW_NUMBER,    /* a place: all 64 bits */
};

/*
 * Fills flow[count]. choices[i] is an enum vpc_flow_choice for instruction i. -EINVAL if a jump leaves the instructions or
 * an instruction is unknown, -E2BIG if they go round in loops for too long to be followed, -ENOMEM.
 */
int vpc_flow_analyse(const struct bpf_insn *insns, size_t count, const uint8_t *choices, struct vpc_flow *flow, const char *name,
	struct vpc_error *error);

/* What a helper's prototype says, as C casts its arguments: bit i is set if argument i (0 to 4) is read, and as 8 bytes. */
struct vpc_helper_arguments {
	uint8_t read, wide;
};
struct vpc_helper_arguments vpc_helper_arguments(int32_t id);

#endif
