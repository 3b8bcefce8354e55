// SPDX-License-Identifier: Apache-2.0
#include "placeholder_transfer.h"

#include <errno.h>
#include <string.h>

#include "error.h"

#ifndef BPF_MEMSX
#define BPF_MEMSX 0x80
#endif
#define NONE UINT32_MAX
#define BPF_JCOND_OPERATION 0xe0 /* may_goto */

/* Instructions that are entered at the first and left after the last only. A call of a subprogram ends a block. */
struct block {
	uint32_t start, end;
	uint32_t next[2];   /* blocks, or NONE */
	uint32_t callee;    /* block that the last instruction calls, or NONE */
	uint32_t parent;    /* union-find over jumps: the root stands for the function */
	uint32_t next_call; /* list of the blocks that call the same function, and of those that leave it */
	uint32_t next_exit;
	bool reached, exits, queued;
};

/* Blocks that jumps join. Kept at the root's index. */
struct function {
	struct vpc_flow_frame frame;
	uint32_t calls, exits; /* heads of lists */
	uint8_t result;        /* facts of r0 where it returns */
	uint8_t wanted;        /* demand on r0 by those who call it */
};

struct program {
	const struct bpf_insn *insns;
	size_t count;
	const uint8_t *choices;
	struct vpc_flow *flow;
	uint32_t *block_at; /* by instruction */
	struct block *blocks;
	struct function *functions;
	struct vpc_flow_state *states; /* where blocks start */
	struct vpc_flow_wants *wants;
	uint32_t *queue;
	uint32_t *froms, *from_starts; /* predecessors: froms[from_starts[b]] up to from_starts[b + 1] */
	size_t block_count, queue_head, queued;
};

static void free_program(struct program *program) {
	free(program->block_at);
	free(program->blocks);
	free(program->functions);
	free(program->states);
	free(program->wants);
	free(program->queue);
	free(program->froms);
	free(program->from_starts);
}

/* ---- shape ---- */

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
static uint32_t callee_of(const struct program *program, size_t at) {
	const struct bpf_insn *insn = &program->insns[at];
	int64_t target = (int64_t)at + 1 + insn->imm;

	if (!vpc_flow_is_subprogram_call(insn) || insn->imm == -1 || target < 0 || target >= (int64_t)program->count)
		return NONE;
	return (uint32_t)target;
}

/* The instruction that a callback's address names, or NONE. */
static uint32_t callback_of(const struct program *program, size_t at) {
	const struct bpf_insn *insn = &program->insns[at];
	int64_t target = (int64_t)at + 1 + insn->imm;

	if (!vpc_placeholder_is_wide(insn) || insn->src_reg != BPF_PSEUDO_FUNC || target < 0 || target >= (int64_t)program->count)
		return NONE;
	return (uint32_t)target;
}

/* Marks where blocks start in block_at: 1 a start, 0 inside, NONE the second slot of an lddw. */
static int find_starts(struct program *program, const char *name, struct vpc_error *error) {
	const struct bpf_insn *insns = program->insns;
	uint32_t *marks = program->block_at;

	for (size_t i = 0; i < program->count; i++) {
		if (insns[i].dst_reg > BPF_REG_10 || insns[i].src_reg > BPF_REG_10 || !is_known_operation(&insns[i]))
			return vpc_fail(error, -EINVAL, "%s: instruction %zu (opcode 0x%02x) is unknown", name, i, insns[i].code);
		if (vpc_placeholder_is_wide(&insns[i]))
			marks[++i] = NONE;
	}
	marks[0] = 1;
	for (size_t i = 0; i < program->count; i++) {
		uint32_t callee = callee_of(program, i), callback = callback_of(program, i);
		bool ends = is_jump(&insns[i]) || is_exit(&insns[i]) || callee != NONE;

		if (marks[i] == NONE)
			continue;
		if (is_jump(&insns[i])) {
			int64_t target = target_of(insns, i);
			if (target < 0 || target >= (int64_t)program->count || marks[target] == NONE)
				return vpc_fail(error, -EINVAL, "%s: instruction %zu jumps to %lld, which is not an instruction", name, i, (long long)target);
			marks[target] = 1;
		}
		if (callee != NONE && marks[callee] != NONE)
			marks[callee] = 1;
		if (callback != NONE && marks[callback] != NONE)
			marks[callback] = 1;
		if (ends && i + 1 < program->count)
			marks[i + 1] = 1;
	}
	return 0;
}

static void number_blocks(struct program *program) {
	uint32_t current = NONE;

	for (size_t i = 0; i < program->count; i++) {
		if (program->block_at[i] == 1) {
			current++;
			program->blocks[current] = (struct block){(uint32_t)i, 0, {NONE, NONE}, NONE, current, NONE, NONE, false, false, false};
			program->functions[current] = (struct function){{0}, NONE, NONE, VPC_FLOW_ALL_FACTS, 0};
		}
		program->blocks[current].end = (uint32_t)i + 1;
		program->block_at[i] = current;
	}
}

/* The block's last instruction; an lddw counts by its first slot. */
static uint32_t last_of(const struct program *program, const struct block *block) {
	bool is_second = block->end - block->start >= 2 && program->insns[block->end - 1].code == 0;
	return block->end - (is_second ? 2 : 1);
}

static uint32_t root_of(struct program *program, uint32_t block) {
	while (program->blocks[block].parent != block) {
		program->blocks[block].parent = program->blocks[program->blocks[block].parent].parent;
		block = program->blocks[block].parent;
	}
	return block;
}

static struct function *function_of(struct program *program, uint32_t block) {
	return &program->functions[root_of(program, block)];
}

static void join(struct program *program, uint32_t a, uint32_t b) {
	a = root_of(program, a);
	b = root_of(program, b);
	if (a != b)
		program->blocks[a > b ? a : b].parent = a < b ? a : b;
}

static void connect_blocks(struct program *program) {
	for (uint32_t i = 0; i < program->block_count; i++) {
		struct block *block = &program->blocks[i];
		uint32_t last = last_of(program, block), callee = callee_of(program, last);
		const struct bpf_insn *insn = &program->insns[last];

		block->exits = is_exit(insn) || (!always_jumps(insn) && block->end == program->count);
		if (!is_exit(insn) && !always_jumps(insn) && block->end < program->count)
			block->next[0] = i + 1;
		if (is_jump(insn))
			block->next[1] = program->block_at[target_of(program->insns, last)];
		if (callee != NONE && program->blocks[program->block_at[callee]].start == callee)
			block->callee = program->block_at[callee];
		for (unsigned k = 0; k < 2; k++)
			if (block->next[k] != NONE)
				join(program, i, block->next[k]);
	}
	for (uint32_t i = 0; i < program->block_count; i++) {
		struct block *block = &program->blocks[i];
		if (block->exits) {
			block->next_exit = function_of(program, i)->exits;
			function_of(program, i)->exits = i;
		}
		if (block->callee != NONE) {
			block->next_call = function_of(program, block->callee)->calls;
			function_of(program, block->callee)->calls = i;
		}
	}
}

static void list_predecessors(struct program *program) {
	uint32_t *starts = program->from_starts;

	for (uint32_t i = 0; i < program->block_count; i++)
		for (unsigned k = 0; k < 2; k++)
			if (program->blocks[i].next[k] != NONE)
				starts[program->blocks[i].next[k] + 1]++;
	for (uint32_t i = 0; i < program->block_count; i++)
		starts[i + 1] += starts[i];
	for (uint32_t i = program->block_count; i-- > 0;)
		for (unsigned k = 0; k < 2; k++)
			if (program->blocks[i].next[k] != NONE)
				program->froms[--starts[program->blocks[i].next[k] + 1]] = i;
	memmove(starts, starts + 1, program->block_count * sizeof *starts);
	starts[program->block_count] = 0;
	for (uint32_t i = 0; i < program->block_count; i++)
		for (unsigned k = 0; k < 2; k++)
			starts[program->block_count] += program->blocks[i].next[k] != NONE;
}

static int build(struct program *program, const char *name, struct vpc_error *error) {
	program->block_at = calloc(program->count, sizeof *program->block_at);
	if (!program->block_at)
		return vpc_fail(error, -ENOMEM, "%s: no memory for %zu instructions", name, program->count);
	int result = find_starts(program, name, error);
	if (result < 0)
		return result;
	for (size_t i = 0; i < program->count; i++)
		program->block_count += program->block_at[i] == 1;

	size_t count = program->block_count;
	program->blocks = calloc(count, sizeof *program->blocks);
	program->functions = calloc(count, sizeof *program->functions);
	program->states = calloc(count, sizeof *program->states);
	program->wants = calloc(count, sizeof *program->wants);
	program->queue = calloc(count, sizeof *program->queue);
	program->froms = calloc(2 * count, sizeof *program->froms);
	program->from_starts = calloc(count + 1, sizeof *program->from_starts);
	if (!program->blocks || !program->functions || !program->states || !program->wants || !program->queue || !program->froms || !program->from_starts)
		return vpc_fail(error, -ENOMEM, "%s: no memory for %zu blocks", name, count);
	number_blocks(program);
	connect_blocks(program);
	list_predecessors(program);
	return 0;
}

/* ---- the queue: each block at most once ---- */

static void enqueue(struct program *program, uint32_t block) {
	if (program->blocks[block].queued)
		return;
	program->blocks[block].queued = true;
	program->queue[(program->queue_head + program->queued++) % program->block_count] = block;
}

static uint32_t dequeue(struct program *program) {
	uint32_t block = program->queue[program->queue_head];

	program->queue_head = (program->queue_head + 1) % program->block_count;
	program->queued--;
	program->blocks[block].queued = false;
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

static void flow_into_callee(struct program *program, const struct block *block, const struct vpc_flow_state *state) {
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
	const struct block *block = &program->blocks[index];
	struct function *function = function_of(program, index);
	struct vpc_flow_state state = program->states[index];

	for (uint32_t i = block->start; i < block->end; i++) {
		const struct bpf_insn *insn = &program->insns[i];
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

static void drain_forwards(struct program *program) {
	while (program->queued)
		walk_forwards(program, dequeue(program));
}

/* Facts from the program's first instruction and from callbacks on; what is not reached may be entered by code not seen. */
static void find_facts(struct program *program) {
	struct vpc_flow_state entry = entry_state();

	for (uint32_t i = 0; i < program->block_count; i++) {
		program->blocks[i].reached = false;
		program->functions[i].result = VPC_FLOW_ALL_FACTS;
	}
	flow_into(program, 0, &entry);
	for (size_t i = 0; i < program->count; i++) {
		uint32_t callback = callback_of(program, i);
		if (callback != NONE && program->blocks[program->block_at[callback]].start == callback)
			flow_into(program, program->block_at[callback], &entry);
	}
	drain_forwards(program);
	for (uint32_t i = 0; i < program->block_count; i++) {
		if (program->blocks[i].reached)
			continue;
		function_of(program, i)->wanted |= VPC_FLOW_PASSED;
		flow_into(program, i, &entry);
		drain_forwards(program);
	}
}

static bool floors_changed(const struct program *program, int16_t *floors) {
	bool changed = false;

	for (uint32_t i = 0; i < program->block_count; i++) {
		changed |= floors[i] != program->functions[i].frame.floor;
		floors[i] = program->functions[i].frame.floor;
	}
	return changed;
}

/* A pointer into the frame may be found after slots that it reaches were believed private: again until none is. */
static int find_facts_and_frames(struct program *program) {
	_cleanup_(free_memory) int16_t *floors = calloc(program->block_count, sizeof *floors);

	if (!floors)
		return -ENOMEM;
	do
		find_facts(program);
	while (floors_changed(program, floors));
	return 0;
}

/* ---- backwards ---- */

static bool add_wants(struct vpc_flow_wants *wants, const struct vpc_flow_wants *more) {
	struct vpc_flow_wants before = *wants;

	for (unsigned i = 0; i < VPC_FLOW_REGISTERS; i++)
		wants->registers[i] |= more->registers[i];
	for (unsigned i = 0; i < VPC_FLOW_SLOTS; i++)
		wants->slots[i] |= more->slots[i];
	return memcmp(&before, wants, sizeof before) != 0;
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
	const struct block *block = &program->blocks[index];
	struct vpc_flow_wants wants;

	memset(&wants, 0, sizeof wants);
	for (unsigned k = 0; k < 2; k++)
		if (block->next[k] != NONE)
			add_wants(&wants, &program->wants[block->next[k]]);
	if (block->exits)
		wants.registers[BPF_REG_0] |= function_of(program, index)->wanted;
	return wants;
}

static void want_of_callee(struct program *program, const struct block *block, struct vpc_flow_wants *wants) {
	want_result(program, function_of(program, block->callee), wants->registers[BPF_REG_0]);
	wants->registers[BPF_REG_0] = 0;
	memcpy(wants->registers + BPF_REG_1, program->wants[block->callee].registers + BPF_REG_1, 5);
}

static void walk_backwards(struct program *program, uint32_t index) {
	const struct block *block = &program->blocks[index];
	const struct vpc_flow_frame *frame = &function_of(program, index)->frame;
	struct vpc_flow_wants wants = wants_after(program, index);

	for (uint32_t i = block->end; i-- > block->start;) {
		if (i > block->start && vpc_placeholder_is_wide(&program->insns[i - 1]) && program->insns[i].code == 0)
			i--;
		if (block->callee != NONE && i + 1 == block->end)
			want_of_callee(program, block, &wants);
		else
			vpc_flow_backward(&program->insns[i], program->choices[i], &program->flow[i], &wants, frame);
	}
	if (!add_wants(&program->wants[index], &wants))
		return;
	for (uint32_t i = program->from_starts[index]; i < program->from_starts[index + 1]; i++)
		enqueue(program, program->froms[i]);
	for (uint32_t i = function_of(program, index)->calls; i != NONE; i = program->blocks[i].next_call)
		if (program->blocks[i].callee == index)
			enqueue(program, i);
}

/*
 * The first function's result counts as looked at, though the kernel takes 4 bytes of most programs: a function that is
 * scanned by itself returns to code that is not seen.
 */
static void find_demands(struct program *program) {
	function_of(program, 0)->wanted |= VPC_FLOW_PASSED;
	for (size_t i = 0; i < program->count; i++) {
		uint32_t callback = callback_of(program, i);
		if (callback != NONE)
			function_of(program, program->block_at[callback])->wanted |= VPC_FLOW_PASSED;
	}
	for (uint32_t i = program->block_count; i-- > 0;)
		enqueue(program, i);
	while (program->queued)
		walk_backwards(program, dequeue(program));
}

int vpc_flow_analyse(const struct bpf_insn *insns, size_t count, const uint8_t *choices, struct vpc_flow *flow, const char *name, struct vpc_error *error) {
	_cleanup_(free_program) struct program program = {.insns = insns, .count = count, .choices = choices, .flow = flow};
	int result = build(&program, name, error);

	if (result < 0)
		return result;
	if (find_facts_and_frames(&program) < 0)
		return vpc_fail(error, -ENOMEM, "%s: no memory for %zu blocks", name, program.block_count);
	find_demands(&program);
	return 0;
}
