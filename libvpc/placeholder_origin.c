// SPDX-License-Identifier: Apache-2.0
#include "placeholder_origin.h"

#include <errno.h>
#include <string.h>

#include "error.h"
#include "placeholder_flow.h"

#define FARTHEST (1 << 20) /* offsets beyond that are no addresses */
#define MOST_STEPS (1u << 24)
#define LOAD_ACQUIRE 0x100
#define STORE_RELEASE 0x110

/* Blocks that are still to be walked; each at most once. */
struct queue {
	uint32_t *items;
	bool *queued;
	size_t head, count, size, steps;
};

static void release_queue(struct queue *queue) {
	free(queue->items);
	free(queue->queued);
}

static void enqueue(struct queue *queue, uint32_t block) {
	if (queue->queued[block])
		return;
	queue->queued[block] = true;
	queue->items[(queue->head + queue->count++) % queue->size] = block;
}

static uint32_t dequeue(struct queue *queue) {
	uint32_t block = queue->items[queue->head];
	queue->head = (queue->head + 1) % queue->size;
	queue->count--;
	queue->queued[block] = false;
	return block;
}

static bool is_copy(const struct bpf_insn *insn) {
	return insn->code == (BPF_ALU64 | BPF_MOV | BPF_X) && insn->off == 0;
}

static bool is_atomic(const struct bpf_insn *insn) {
	return BPF_CLASS(insn->code) == BPF_STX && BPF_MODE(insn->code) == BPF_ATOMIC;
}

static void define(struct vpc_origin *registers, unsigned reg, uint32_t at) {
	registers[reg] = (struct vpc_origin){at, 0};
}

static void step_atomic(const struct bpf_insn *insn, uint32_t at, struct vpc_origin *registers) {
	if (insn->imm == LOAD_ACQUIRE)
		define(registers, insn->dst_reg, at);
	else if (insn->imm == BPF_CMPXCHG)
		define(registers, BPF_REG_0, at);
	else if (insn->imm != STORE_RELEASE && insn->imm & BPF_FETCH)
		define(registers, insn->src_reg, at);
}

static void step_over_call(uint32_t at, struct vpc_origin *registers) {
	for (unsigned i = BPF_REG_0; i <= BPF_REG_5; i++)
		define(registers, i, at);
}

void vpc_origins_step(const struct bpf_insn *insn, uint32_t at, struct vpc_origin registers[static VPC_ORIGIN_REGISTERS]) {
	struct vpc_origin *destination = &registers[insn->dst_reg];
	int64_t offset = (int64_t)destination->offset + insn->imm;

	switch (BPF_CLASS(insn->code)) {
	case BPF_ALU:
	case BPF_ALU64:
		if (is_copy(insn))
			*destination = registers[insn->src_reg];
		else if (insn->code == (BPF_ALU64 | BPF_ADD | BPF_K) && offset > -FARTHEST && offset < FARTHEST)
			destination->offset = (int32_t)offset;
		else
			define(registers, insn->dst_reg, at);
		return;
	case BPF_LDX: define(registers, insn->dst_reg, at); return;
	case BPF_LD:
		if (vpc_placeholder_is_wide(insn))
			define(registers, insn->dst_reg, at);
		else
			step_over_call(at, registers);
		return;
	case BPF_STX:
		if (is_atomic(insn))
			step_atomic(insn, at, registers);
		return;
	case BPF_JMP:
		if (BPF_OP(insn->code) == BPF_CALL)
			step_over_call(at, registers);
		return;
	}
}

static uint16_t bit(unsigned reg) {
	return (uint16_t)(1u << reg);
}

static uint16_t reads_of_call(const struct bpf_insn *insn) {
	struct vpc_helper_arguments arguments = {.read = 0x1f};

	if (insn->src_reg == 0)
		arguments = vpc_helper_arguments(insn->imm);
	return (uint16_t)(arguments.read << 1);
}

uint16_t vpc_origins_reads(const struct bpf_insn *insn) {
	uint16_t source = BPF_SRC(insn->code) == BPF_X ? bit(insn->src_reg) : 0;

	switch (BPF_CLASS(insn->code)) {
	case BPF_ALU:
	case BPF_ALU64:
		if (is_copy(insn))
			return 0;
		if (BPF_OP(insn->code) == BPF_MOV)
			return source;
		return BPF_OP(insn->code) == BPF_END ? bit(insn->dst_reg) : source | bit(insn->dst_reg);
	case BPF_LDX: return bit(insn->src_reg);
	case BPF_LD: return vpc_placeholder_is_wide(insn) ? 0 : bit(BPF_REG_6) | bit(insn->src_reg);
	case BPF_ST: return bit(insn->dst_reg);
	case BPF_STX: return is_atomic(insn) ? bit(insn->dst_reg) | bit(insn->src_reg) | bit(BPF_REG_0) : bit(insn->dst_reg);
	default:
		if (BPF_CLASS(insn->code) == BPF_JMP && BPF_OP(insn->code) == BPF_CALL)
			return reads_of_call(insn);
		if (BPF_CLASS(insn->code) == BPF_JMP && BPF_OP(insn->code) == BPF_EXIT)
			return bit(BPF_REG_0);
		return BPF_OP(insn->code) == BPF_JA ? 0 : source | bit(insn->dst_reg);
	}
}

static struct vpc_origin joined(const struct vpc_origins *origins, uint32_t block, unsigned reg) {
	return (struct vpc_origin){(uint32_t)origins->graph.count + block * VPC_ORIGIN_REGISTERS + reg, 0};
}

bool vpc_origins_join(const struct vpc_origins *origins, struct vpc_origin origin, uint32_t *ret_block, unsigned *ret_register) {
	if (origin.at < origins->graph.count || origin.at >= VPC_ORIGIN_FRAME)
		return false;
	*ret_block = (origin.at - (uint32_t)origins->graph.count) / VPC_ORIGIN_REGISTERS;
	*ret_register = (origin.at - (uint32_t)origins->graph.count) % VPC_ORIGIN_REGISTERS;
	return true;
}

/* Nothing is known of who comes here but the frame. */
static void enter(struct vpc_origins *origins, struct queue *queue, uint32_t block) {
	struct vpc_origin *start = origins->starts[block];

	for (unsigned i = 0; i < BPF_REG_10; i++)
		start[i] = joined(origins, block, i);
	start[BPF_REG_10] = (struct vpc_origin){VPC_ORIGIN_FRAME, 0};
	enqueue(queue, block);
}

/* A register that is reached with two values becomes one of its own, and stays it: each changes twice at most. */
static void flow_into(struct vpc_origins *origins, struct queue *queue, uint32_t block, const struct vpc_origin *registers) {
	struct vpc_origin *start = origins->starts[block];

	for (unsigned i = 0; i < VPC_ORIGIN_REGISTERS; i++) {
		struct vpc_origin own = joined(origins, block, i);
		if (start[i].at == own.at || (start[i].at == registers[i].at && start[i].offset == registers[i].offset))
			continue;
		start[i] = start[i].at == VPC_ORIGIN_NONE ? registers[i] : own;
		enqueue(queue, block);
	}
}

static void walk(struct vpc_origins *origins, struct queue *queue) {
	struct vpc_origin registers[VPC_ORIGIN_REGISTERS];

	while (queue->count && queue->steps < MOST_STEPS) {
		uint32_t index = dequeue(queue);
		const struct vpc_graph_block *block = &origins->graph.blocks[index];
		queue->steps += block->end - block->start + 1;
		memcpy(registers, origins->starts[index], sizeof registers);
		for (uint32_t i = block->start; i < block->end; i++) {
			vpc_origins_step(&origins->graph.insns[i], i, registers);
			i += vpc_placeholder_is_wide(&origins->graph.insns[i]);
		}
		for (unsigned k = 0; k < 2; k++)
			if (block->next[k] != VPC_GRAPH_NONE)
				flow_into(origins, queue, block->next[k], registers);
	}
}

static void enter_where_code_is_entered(struct vpc_origins *origins, struct queue *queue) {
	const struct vpc_graph *graph = &origins->graph;

	enter(origins, queue, 0);
	for (uint32_t i = 0; i < graph->block_count; i++)
		if (graph->blocks[i].callee != VPC_GRAPH_NONE)
			enter(origins, queue, graph->blocks[i].callee);
	for (size_t i = 0; i < graph->count; i++) {
		uint32_t callback = vpc_graph_callback(graph, i);
		if (callback != VPC_GRAPH_NONE)
			enter(origins, queue, callback);
	}
	walk(origins, queue);
	for (uint32_t i = 0; i < graph->block_count; i++) {
		if (origins->starts[i][BPF_REG_10].at == VPC_ORIGIN_NONE)
			enter(origins, queue, i);
		walk(origins, queue);
	}
}

int vpc_origins_find(const struct bpf_insn *insns, size_t count, struct vpc_origins *ret_origins, const char *name,
		struct vpc_error *error) {
	struct vpc_origins origins = {0};
	_cleanup_(release_queue) struct queue queue = {0};
	int result = vpc_graph_build(insns, count, &origins.graph, name, error);

	if (result < 0)
		return result;
	queue.size = origins.graph.block_count;
	queue.items = calloc(queue.size, sizeof *queue.items);
	queue.queued = calloc(queue.size, sizeof *queue.queued);
	origins.starts = malloc(queue.size * sizeof *origins.starts);
	if (!queue.items || !queue.queued || !origins.starts) {
		vpc_origins_release(&origins);
		return vpc_fail(error, -ENOMEM, "%s: no memory for %zu blocks", name, queue.size);
	}
	memset(origins.starts, 0xff, queue.size * sizeof *origins.starts);
	enter_where_code_is_entered(&origins, &queue);
	if (queue.steps >= MOST_STEPS) {
		vpc_origins_release(&origins);
		return vpc_fail(error, -E2BIG, "%s: where the values of the %zu instructions come from cannot be followed within %u steps", name,
			count, MOST_STEPS);
	}
	*ret_origins = origins;
	return 0;
}

void vpc_origins_release(struct vpc_origins *origins) {
	free(origins->starts);
	vpc_graph_release(&origins->graph);
}
