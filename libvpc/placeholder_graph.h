/* SPDX-License-Identifier: Apache-2.0 */
/* The shape of a stream of instructions: blocks, and who jumps and calls where. */
#ifndef VPC_PLACEHOLDER_GRAPH_H
#define VPC_PLACEHOLDER_GRAPH_H

#include "placeholder_internal.h"

#define VPC_GRAPH_NONE UINT32_MAX

/* Instructions that are entered at the first and left after the last only. A call of a subprogram ends a block. */
struct vpc_graph_block {
	uint32_t start, end; /* instructions; end is not among them */
	uint32_t next[2];    /* blocks, or NONE */
	uint32_t callee;     /* block that the last instruction calls, or NONE */
	uint32_t parent;     /* union-find over jumps, see vpc_graph_function() */
	bool exits;
};

struct vpc_graph {
	const struct bpf_insn *insns;
	size_t count;
	uint32_t *block_at; /* by instruction */
	struct vpc_graph_block *blocks;
	size_t block_count;
	uint32_t *froms, *from_starts; /* predecessors: froms[from_starts[b]] up to from_starts[b + 1] */
};

/* Untouched on failure: -EINVAL if a jump leaves the instructions or one is unknown, -ENOMEM. */
int vpc_graph_build(const struct bpf_insn *insns, size_t count, struct vpc_graph *ret_graph, const char *name, struct vpc_error *error);
void vpc_graph_release(struct vpc_graph *graph);

/* The block that stands for the function that the block is of: all that jumps join. */
uint32_t vpc_graph_function(struct vpc_graph *graph, uint32_t block);

/* The block where a callback begins whose address the instruction loads, or NONE. */
uint32_t vpc_graph_callback(const struct vpc_graph *graph, size_t at);

static inline bool vpc_graph_is_subprogram_call(const struct bpf_insn *insn) {
	return insn->code == (BPF_JMP | BPF_CALL) && insn->src_reg == BPF_PSEUDO_CALL;
}

#endif
