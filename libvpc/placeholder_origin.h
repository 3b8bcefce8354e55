/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where registers got their values, over the whole graph: one definition, or the start of a block where several meet.
 */
#ifndef VPC_PLACEHOLDER_ORIGIN_H
#define VPC_PLACEHOLDER_ORIGIN_H

#include "placeholder_graph.h"

#define VPC_ORIGIN_REGISTERS 11
#define VPC_ORIGIN_NONE UINT32_MAX
#define VPC_ORIGIN_FRAME (UINT32_MAX - 1)

/* The value of a register. */
struct vpc_origin {
	uint32_t at;    /* the instruction that made it, FRAME, or the number of instructions and more: see vpc_origins_join() */
	int32_t offset; /* constant, added since */
};

struct vpc_origins {
	struct vpc_graph graph;
	struct vpc_origin (*starts)[VPC_ORIGIN_REGISTERS]; /* where each block starts */
};

/* As vpc_graph_build(), and -E2BIG if it takes too long. Every block has been given a start. */
int vpc_origins_find(const struct bpf_insn *insns, size_t count, struct vpc_origins *ret_origins, const char *name,
	struct vpc_error *error);
void vpc_origins_release(struct vpc_origins *origins);

/* What the instruction does to the registers. */
void vpc_origins_step(const struct bpf_insn *insn, uint32_t at, struct vpc_origin registers[static VPC_ORIGIN_REGISTERS]);

/* Whether the value is that of several definitions that meet, and if so in which block and register. */
bool vpc_origins_join(const struct vpc_origins *origins, struct vpc_origin origin, uint32_t *ret_block, unsigned *ret_register);

/* Bits of the registers that the instruction reads, but for the one whose value a store or a copy takes. */
uint16_t vpc_origins_reads(const struct bpf_insn *insn);

#endif
