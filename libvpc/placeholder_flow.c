// SPDX-License-Identifier: Apache-2.0
#include "placeholder_graph.h"
#include "placeholder_transfer.h"

#include <errno.h>
#include <string.h>

#include "error.h"

#define NONE VPC_GRAPH_NONE
#define MOST_STEPS (1u << 24) /* instructions walked over, many times what programs take that the kernel takes */

/* Beside each block of the graph. */
struct block {
	uint32_t next_call; /* list of the blocks that call the same function, and of those that leave it */
	uint32_t next_exit;
	bool reached, queued;
};

/* Blocks that jumps join. Kept at the root's index. */
struct function {
	struct vpc_flow_frame frame;
	uint32_t calls, exits; /* heads of lists */
	uint8_t result;        /* facts of r0 where it returns */
	uint8_t wanted;        /* demand on r0 by those who call it */
};

struct program {
	struct vpc_graph graph;
	const uint8_t *choices;
	struct vpc_flow *flow;
	struct block *blocks;
	struct function *functions;
	struct vpc_flow_state *states; /* where blocks start */
	struct vpc_flow_wants *wants;
	uint32_t *queue;
	size_t queue_head, queued, steps;
};

static void free_program(struct program *program) {
	vpc_graph_release(&program->graph);
	free(program->blocks);
	free(program->functions);
	free(program->states);
	free(program->wants);
	free(program->queue);
}

static struct function *function_of(struct program *program, uint32_t block) {
	return &program->functions[vpc_graph_function(&program->graph, block)];
}

static void list_calls_and_exits(struct program *program) {
	for (uint32_t i = 0; i < program->graph.block_count; i++) {
		program->blocks[i] = (struct block){.next_call = NONE, .next_exit = NONE};
		program->functions[i] = (struct function){{0}, NONE, NONE, VPC_FLOW_ALL_FACTS, 0};
	}
	for (uint32_t i = 0; i < program->graph.block_count; i++) {
		const struct vpc_graph_block *block = &program->graph.blocks[i];
		if (block->exits) {
			program->blocks[i].next_exit = function_of(program, i)->exits;
			function_of(program, i)->exits = i;
		}
		if (block->callee != NONE) {
			program->blocks[i].next_call = function_of(program, block->callee)->calls;
			function_of(program, block->callee)->calls = i;
		}
	}
}

static int start(struct program *program, const struct bpf_insn *insns, size_t count, const char *name, struct vpc_error *error) {
	int result = vpc_graph_build(insns, count, &program->graph, name, error);
	if (result < 0)
		return result;
	size_t blocks = program->graph.block_count;
	program->blocks = calloc(blocks, sizeof *program->blocks);
	program->functions = calloc(blocks, sizeof *program->functions);
	program->states = calloc(blocks, sizeof *program->states);
	program->wants = calloc(blocks, sizeof *program->wants);
	program->queue = calloc(blocks, sizeof *program->queue);
	if (!program->blocks || !program->functions || !program->states || !program->wants || !program->queue)
		return vpc_fail(error, -ENOMEM, "%s: no memory for %zu blocks", name, blocks);
	list_calls_and_exits(program);
	return 0;
}

/* ---- the queue: each block at most once ---- */

static void enqueue(struct program *program, uint32_t block) {
	if (program->blocks[block].queued)
		return;
	program->blocks[block].queued = true;
	program->queue[(program->queue_head + program->queued++) % program->graph.block_count] = block;
}

static uint32_t dequeue(struct program *program) {
	uint32_t block = program->queue[program->queue_head];

	program->queue_head = (program->queue_head + 1) % program->graph.block_count;
	program->queued--;
	program->blocks[block].queued = false;
	program->steps += program->graph.blocks[block].end - program->graph.blocks[block].start + 4;
	return block;
}

/* ---- forwards ---- */

static bool narrow(uint8_t *facts, uint8_t more) {
	uint8_t before = *facts;

	*facts &= more;
	return *facts != before;
}

/* Narrows what is certain where block starts to what is certain here too, and walks it again if that is less. */
static void flow_into(struct program *program, uint32_t block, const struct vpc_flow_state *state) {
	struct vpc_flow_state *known = &program->states[block];
	bool changed = false;

	if (!program->blocks[block].reached) {
		program->blocks[block].reached = true;
		*known = *state;
		enqueue(program, block);
		return;
	}
	for (unsigned i = 0; i < VPC_FLOW_REGISTERS; i++) {
		changed |= narrow(&known->registers[i], state->registers[i]);
		if (known->stack[i] == state->stack[i])
			continue;
		function_of(program, block)->frame.floor = -VPC_FLOW_FRAME; /* a pointer into the frame on one path only */
		changed |= known->stack[i] != VPC_FLOW_NO_STACK;
		known->stack[i] = VPC_FLOW_NO_STACK;
	}
	for (unsigned i = 0; i < VPC_FLOW_SLOTS; i++)
		changed |= narrow(&known->slots[i], state->slots[i]);
	if (changed)
		enqueue(program, block);
}

static struct vpc_flow_state entry_state(void) {
	struct vpc_flow_state state;

	memset(&state, 0, sizeof state);
	for (unsigned i = 0; i < VPC_FLOW_REGISTERS; i++)
		state.stack[i] = i == BPF_REG_10 ? 0 : VPC_FLOW_NO_STACK;
	return state;
}

static void flow_into_callee(struct program *program, const struct vpc_graph_block *block, const struct vpc_flow_state *state) {
	struct vpc_flow_state entry = entry_state();

	memcpy(entry.registers + BPF_REG_1, state->registers + BPF_REG_1, 5);
	flow_into(program, block->callee, &entry);
}

static void return_to_callers(struct program *program, struct function *function, uint8_t facts) {
	if ((function->result & facts) == function->result)
		return;
	function->result &= facts;
	for (uint32_t i = function->calls; i != NONE; i = program->blocks[i].next_call)
		if (program->blocks[i].reached)
			enqueue(program, i);
}

static void walk_forwards(struct program *program, uint32_t index) {
	const struct vpc_graph_block *block = &program->graph.blocks[index];
	struct function *function = function_of(program, index);
	struct vpc_flow_state state = program->states[index];

	for (uint32_t i = block->start; i < block->end; i++) {
		const struct bpf_insn *insn = &program->graph.insns[i];
		program->flow[i].destination = state.registers[insn->dst_reg];
		program->flow[i].source = state.registers[insn->src_reg];
		if (block->callee != NONE && i + 1 == block->end)
			flow_into_callee(program, block, &state);
		vpc_flow_forward(insn, program->choices[i], &state, &function->frame);
		if (vpc_placeholder_is_wide(insn))
			i++;
	}
	if (block->callee != NONE)
		state.registers[BPF_REG_0] = function_of(program, block->callee)->result;
	if (block->exits) {
		vpc_flow_escape(&state, BPF_REG_0, &function->frame);
		return_to_callers(program, function, state.registers[BPF_REG_0]);
	}
	for (unsigned k = 0; k < 2; k++)
		if (block->next[k] != NONE)
			flow_into(program, block->next[k], &state);
}

static bool is_exhausted(const struct program *program) {
	return program->steps >= MOST_STEPS;
}

static void drain_forwards(struct program *program) {
	while (program->queued && !is_exhausted(program))
		walk_forwards(program, dequeue(program));
}

/* Facts from the program's first instruction and from callbacks on; what is not reached may be entered by code not seen. */
static void find_facts(struct program *program) {
	struct vpc_flow_state entry = entry_state();

	for (uint32_t i = 0; i < program->graph.block_count; i++) {
		program->blocks[i].reached = false;
		program->functions[i].result = VPC_FLOW_ALL_FACTS;
	}
	flow_into(program, 0, &entry);
	for (size_t i = 0; i < program->graph.count; i++) {
		uint32_t callback = vpc_graph_callback(&program->graph, i);
		if (callback != NONE)
			flow_into(program, callback, &entry);
	}
	drain_forwards(program);
	for (uint32_t i = 0; i < program->graph.block_count; i++) {
		if (program->blocks[i].reached)
			continue;
		function_of(program, i)->wanted |= VPC_FLOW_PASSED;
		flow_into(program, i, &entry);
		drain_forwards(program);
	}
}

static bool floors_changed(const struct program *program, int16_t *floors) {
	bool changed = false;

	for (uint32_t i = 0; i < program->graph.block_count; i++) {
		changed |= floors[i] != program->functions[i].frame.floor;
		floors[i] = program->functions[i].frame.floor;
	}
	return changed;
}

/* A pointer into the frame may be found after slots that it reaches were believed private: again until none is. */
static int find_facts_and_frames(struct program *program) {
	_cleanup_(free_memory) int16_t *floors = calloc(program->graph.block_count, sizeof *floors);

	if (!floors)
		return -ENOMEM;
	do
		find_facts(program);
	while (floors_changed(program, floors) && !is_exhausted(program));
	return is_exhausted(program) ? -E2BIG : 0;
}

/* ---- backwards ---- */

static bool add_wants(struct vpc_flow_wants *wants, const struct vpc_flow_wants *more) {
	uint64_t changed = 0;

	for (size_t i = 0; i < sizeof *wants / sizeof changed; i++) {
		uint64_t word, added;
		memcpy(&word, (const uint8_t *)wants + i * sizeof word, sizeof word);
		memcpy(&added, (const uint8_t *)more + i * sizeof word, sizeof word);
		changed |= added & ~word;
		word |= added;
		memcpy((uint8_t *)wants + i * sizeof word, &word, sizeof word);
	}
	return changed;
}

static void want_result(struct program *program, struct function *function, uint8_t want) {
	if ((function->wanted | want) == function->wanted)
		return;
	function->wanted |= want;
	for (uint32_t i = function->exits; i != NONE; i = program->blocks[i].next_exit)
		enqueue(program, i);
}

/* What the block's end is asked for. */
static struct vpc_flow_wants wants_after(struct program *program, uint32_t index) {
	const struct vpc_graph_block *block = &program->graph.blocks[index];
	struct vpc_flow_wants wants;

	memset(&wants, 0, sizeof wants);
	for (unsigned k = 0; k < 2; k++)
		if (block->next[k] != NONE)
			add_wants(&wants, &program->wants[block->next[k]]);
	if (block->exits)
		wants.registers[BPF_REG_0] |= function_of(program, index)->wanted;
	return wants;
}

static void want_of_callee(struct program *program, const struct vpc_graph_block *block, struct vpc_flow_wants *wants) {
	want_result(program, function_of(program, block->callee), wants->registers[BPF_REG_0]);
	wants->registers[BPF_REG_0] = 0;
	memcpy(wants->registers + BPF_REG_1, program->wants[block->callee].registers + BPF_REG_1, 5);
}

static void walk_backwards(struct program *program, uint32_t index) {
	const struct vpc_graph_block *block = &program->graph.blocks[index];
	const struct vpc_flow_frame *frame = &function_of(program, index)->frame;
	struct vpc_flow_wants wants = wants_after(program, index);

	for (uint32_t i = block->end; i-- > block->start;) {
		if (i > block->start && vpc_placeholder_is_wide(&program->graph.insns[i - 1]) && program->graph.insns[i].code == 0)
			i--;
		if (block->callee != NONE && i + 1 == block->end)
			want_of_callee(program, block, &wants);
		else
			vpc_flow_backward(&program->graph.insns[i], program->choices[i], &program->flow[i], &wants, frame);
	}
	if (!add_wants(&program->wants[index], &wants))
		return;
	for (uint32_t i = program->graph.from_starts[index]; i < program->graph.from_starts[index + 1]; i++)
		enqueue(program, program->graph.froms[i]);
	for (uint32_t i = function_of(program, index)->calls; i != NONE; i = program->blocks[i].next_call)
		if (program->graph.blocks[i].callee == index)
			enqueue(program, i);
}

/*
 * The first function's result counts as looked at, though the kernel takes 4 bytes of most programs: a function that is
 * scanned by itself returns to code that is not seen.
 */
static int find_demands(struct program *program) {
	function_of(program, 0)->wanted |= VPC_FLOW_PASSED;
	for (size_t i = 0; i < program->graph.count; i++) {
		uint32_t callback = vpc_graph_callback(&program->graph, i);
		if (callback != NONE)
			function_of(program, callback)->wanted |= VPC_FLOW_PASSED;
	}
	for (uint32_t i = program->graph.block_count; i-- > 0;)
		enqueue(program, i);
	while (program->queued && !is_exhausted(program))
		walk_backwards(program, dequeue(program));
	return is_exhausted(program) ? -E2BIG : 0;
}

int vpc_flow_analyse(const struct bpf_insn *insns, size_t count, const uint8_t *choices, struct vpc_flow *flow, const char *name,
		struct vpc_error *error) {
	_cleanup_(free_program) struct program program = {.choices = choices, .flow = flow};
	int result = start(&program, insns, count, name, error);

	if (result < 0)
		return result;
	result = find_facts_and_frames(&program);
	if (result == 0)
		result = find_demands(&program);
	if (result == -ENOMEM)
		vpc_fail(error, result, "%s: no memory for %zu blocks", name, program.graph.block_count);
	else if (result < 0)
		vpc_fail(error, result, "%s: what the %zu instructions do to their values cannot be followed within %u steps", name, count,
			MOST_STEPS);
	return result;
}
