// SPDX-License-Identifier: Apache-2.0
#include "placeholder_graph.h"

#include <errno.h>
#include <string.h>

#include "error.h"

#ifndef BPF_MEMSX
#define BPF_MEMSX 0x80
#endif
#define NONE VPC_GRAPH_NONE
#define BPF_JCOND_OPERATION 0xe0 /* may_goto */


static bool is_jump(const struct bpf_insn *insn) {
	uint8_t class = BPF_CLASS(insn->code), operation = BPF_OP(insn->code);
	return (class == BPF_JMP || class == BPF_JMP32) && operation != BPF_CALL && operation != BPF_EXIT;
}

static bool is_exit(const struct bpf_insn *insn) {
	return insn->code == (BPF_JMP | BPF_EXIT);
}

static bool always_jumps(const struct bpf_insn *insn) {
	return is_jump(insn) && BPF_OP(insn->code) == BPF_JA;
}

static int64_t target_of(const struct bpf_insn *insns, size_t at) {
	bool is_long = insns[at].code == (BPF_JMP32 | BPF_JA);
	return (int64_t)at + 1 + (is_long ? insns[at].imm : insns[at].off);
}

static bool is_known_operation(const struct bpf_insn *insn) {
	uint8_t mode = BPF_MODE(insn->code), operation = BPF_OP(insn->code);

	switch (BPF_CLASS(insn->code)) {
	case BPF_LD: return vpc_placeholder_is_wide(insn) || ((mode == BPF_ABS || mode == BPF_IND) && BPF_SIZE(insn->code) != BPF_DW);
	case BPF_LDX: return mode == BPF_MEM || (mode == BPF_MEMSX && BPF_SIZE(insn->code) != BPF_DW);
	case BPF_ST: return mode == BPF_MEM;
	case BPF_STX: return mode == BPF_MEM || (mode == BPF_ATOMIC && insn->imm >= 0 && insn->imm <= 0x110);
	case BPF_JMP: return operation <= BPF_JCOND_OPERATION;
	case BPF_JMP32: return operation <= BPF_JSLE && operation != BPF_CALL && operation != BPF_EXIT;
	default: return operation <= BPF_END;
	}
}

/* The instruction that a resolved call enters, or NONE. */
static uint32_t callee_of(const struct vpc_graph *graph, size_t at) {
	const struct bpf_insn *insn = &graph->insns[at];
	int64_t target = (int64_t)at + 1 + insn->imm;

	if (!vpc_graph_is_subprogram_call(insn) || insn->imm == -1 || target < 0 || target >= (int64_t)graph->count)
		return NONE;
	return (uint32_t)target;
}

/* The instruction that a callback's address names, or NONE. */
static uint32_t callback_of(const struct vpc_graph *graph, size_t at) {
	const struct bpf_insn *insn = &graph->insns[at];
	int64_t target = (int64_t)at + 1 + insn->imm;

	if (!vpc_placeholder_is_wide(insn) || insn->src_reg != BPF_PSEUDO_FUNC || target < 0 || target >= (int64_t)graph->count)
		return NONE;
	return (uint32_t)target;
}

/* Marks where blocks start in block_at: 1 a start, 0 inside, NONE the second slot of an lddw. */
static int find_starts(struct vpc_graph *graph, const char *name, struct vpc_error *error) {
	const struct bpf_insn *insns = graph->insns;
	uint32_t *marks = graph->block_at;

	for (size_t i = 0; i < graph->count; i++) {
		if (insns[i].dst_reg > BPF_REG_10 || insns[i].src_reg > BPF_REG_10 || !is_known_operation(&insns[i]))
			return vpc_fail(error, -EINVAL, "%s: instruction %zu (opcode 0x%02x) is unknown", name, i, insns[i].code);
		if (vpc_placeholder_is_wide(&insns[i]))
			marks[++i] = NONE;
	}
	marks[0] = 1;
	for (size_t i = 0; i < graph->count; i++) {
		uint32_t callee = callee_of(graph, i), callback = callback_of(graph, i);
		bool ends = is_jump(&insns[i]) || is_exit(&insns[i]) || callee != NONE;

		if (marks[i] == NONE)
			continue;
		if (is_jump(&insns[i])) {
			int64_t target = target_of(insns, i);
			if (target < 0 || target >= (int64_t)graph->count || marks[target] == NONE)
				return vpc_fail(error, -EINVAL, "%s: instruction %zu jumps to %lld, which is not an instruction", name, i,
					(long long)target);
			marks[target] = 1;
		}
		if (callee != NONE && marks[callee] != NONE)
			marks[callee] = 1;
		if (callback != NONE && marks[callback] != NONE)
			marks[callback] = 1;
		if (ends && i + 1 < graph->count)
			marks[i + 1] = 1;
	}
	return 0;
}

static void number_blocks(struct vpc_graph *graph) {
	uint32_t current = NONE;

	for (size_t i = 0; i < graph->count; i++) {
		if (graph->block_at[i] == 1) {
			current++;
			graph->blocks[current] = (struct vpc_graph_block){(uint32_t)i, 0, {NONE, NONE}, NONE, current, false};
		}
		graph->blocks[current].end = (uint32_t)i + 1;
		graph->block_at[i] = current;
	}
}

/* The block's last instruction; an lddw counts by its first slot. */
static uint32_t last_of(const struct vpc_graph *graph, const struct vpc_graph_block *block) {
	bool is_second = block->end - block->start >= 2 && graph->insns[block->end - 1].code == 0;
	return block->end - (is_second ? 2 : 1);
}

uint32_t vpc_graph_function(struct vpc_graph *graph, uint32_t block) {
	while (graph->blocks[block].parent != block) {
		graph->blocks[block].parent = graph->blocks[graph->blocks[block].parent].parent;
		block = graph->blocks[block].parent;
	}
	return block;
}

static void join(struct vpc_graph *graph, uint32_t a, uint32_t b) {
	a = vpc_graph_function(graph, a);
	b = vpc_graph_function(graph, b);
	if (a != b)
		graph->blocks[a > b ? a : b].parent = a < b ? a : b;
}

static void connect_blocks(struct vpc_graph *graph) {
	for (uint32_t i = 0; i < graph->block_count; i++) {
		struct vpc_graph_block *block = &graph->blocks[i];
		uint32_t last = last_of(graph, block), callee = callee_of(graph, last);
		const struct bpf_insn *insn = &graph->insns[last];

		block->exits = is_exit(insn) || (!always_jumps(insn) && block->end == graph->count);
		if (!is_exit(insn) && !always_jumps(insn) && block->end < graph->count)
			block->next[0] = i + 1;
		if (is_jump(insn))
			block->next[1] = graph->block_at[target_of(graph->insns, last)];
		if (callee != NONE && graph->blocks[graph->block_at[callee]].start == callee)
			block->callee = graph->block_at[callee];
		for (unsigned k = 0; k < 2; k++)
			if (block->next[k] != NONE)
				join(graph, i, block->next[k]);
	}
}

static void list_predecessors(struct vpc_graph *graph) {
	uint32_t *starts = graph->from_starts;

	for (uint32_t i = 0; i < graph->block_count; i++)
		for (unsigned k = 0; k < 2; k++)
			if (graph->blocks[i].next[k] != NONE)
				starts[graph->blocks[i].next[k] + 1]++;
	for (uint32_t i = 0; i < graph->block_count; i++)
		starts[i + 1] += starts[i];
	for (uint32_t i = graph->block_count; i-- > 0;)
		for (unsigned k = 0; k < 2; k++)
			if (graph->blocks[i].next[k] != NONE)
				graph->froms[--starts[graph->blocks[i].next[k] + 1]] = i;
	memmove(starts, starts + 1, graph->block_count * sizeof *starts);
	starts[graph->block_count] = 0;
	for (uint32_t i = 0; i < graph->block_count; i++)
		for (unsigned k = 0; k < 2; k++)
			starts[graph->block_count] += graph->blocks[i].next[k] != NONE;
}

static int build(struct vpc_graph *graph, const char *name, struct vpc_error *error) {
	graph->block_at = calloc(graph->count, sizeof *graph->block_at);
	if (!graph->block_at)
		return vpc_fail(error, -ENOMEM, "%s: no memory for %zu instructions", name, graph->count);
	int result = find_starts(graph, name, error);
	if (result < 0)
		return result;
	for (size_t i = 0; i < graph->count; i++)
		graph->block_count += graph->block_at[i] == 1;

	graph->blocks = calloc(graph->block_count, sizeof *graph->blocks);
	graph->froms = calloc(2 * graph->block_count, sizeof *graph->froms);
	graph->from_starts = calloc(graph->block_count + 1, sizeof *graph->from_starts);
	if (!graph->blocks || !graph->froms || !graph->from_starts)
		return vpc_fail(error, -ENOMEM, "%s: no memory for %zu blocks", name, graph->block_count);
	number_blocks(graph);
	connect_blocks(graph);
	list_predecessors(graph);
	return 0;
}

void vpc_graph_release(struct vpc_graph *graph) {
	free(graph->block_at);
	free(graph->blocks);
	free(graph->froms);
	free(graph->from_starts);
}

int vpc_graph_build(const struct bpf_insn *insns, size_t count, struct vpc_graph *ret_graph, const char *name, struct vpc_error *error) {
	struct vpc_graph graph = {.insns = insns, .count = count};
	int result = build(&graph, name, error);

	if (result < 0)
		vpc_graph_release(&graph);
	else
		*ret_graph = graph;
	return result;
}

uint32_t vpc_graph_callback(const struct vpc_graph *graph, size_t at) {
	uint32_t callback = callback_of(graph, at);
	uint32_t block = callback == NONE ? NONE : graph->block_at[callback];

	return block != NONE && graph->blocks[block].start == callback ? block : NONE;
}
