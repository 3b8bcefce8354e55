// SPDX-License-Identifier: Apache-2.0
#include "placeholder_transfer.h"

#include <string.h>

#ifndef BPF_MEMSX
#define BPF_MEMSX 0x80
#endif
#define BPF_LOAD_ACQUIRE 0x100
#define BPF_STORE_RELEASE 0x110

static uint8_t facts_of_number(int32_t immediate) {
	return immediate >= 0 ? VPC_FLOW_ALL_FACTS : VPC_FLOW_SIGN;
}

/* ---- the frame ---- */

static bool is_in_frame(int offset, unsigned size) {
	return offset >= -VPC_FLOW_FRAME && offset + (int)size <= 0;
}

static unsigned slot_of(int offset) {
	return (unsigned)(-offset - 1) / 8;
}

/* A whole slot that only r10 reaches. */
static bool is_private(const struct vpc_flow_frame *frame, unsigned base, int offset, unsigned size) {
	return base == BPF_REG_10 && size == 8 && offset % 8 == 0 && is_in_frame(offset, size) && offset + 8 <= frame->floor;
}

static void lower_floor(struct vpc_flow_frame *frame, int offset) {
	if (offset < -VPC_FLOW_FRAME)
		offset = -VPC_FLOW_FRAME;
	if (offset < frame->floor)
		frame->floor = (int16_t)offset;
}

void vpc_flow_escape(const struct vpc_flow_state *state, unsigned reg, struct vpc_flow_frame *frame) {
	if (state->stack[reg] != VPC_FLOW_NO_STACK)
		lower_floor(frame, state->stack[reg]);
}

/* Memory reached through a copy of r10 no longer belongs to r10 alone. */
static void escape_access(const struct vpc_flow_state *state, const struct bpf_insn *insn, unsigned base, struct vpc_flow_frame *frame) {
	bool is_atomic = BPF_CLASS(insn->code) == BPF_STX && BPF_MODE(insn->code) == BPF_ATOMIC;

	if (base == BPF_REG_10 && !is_in_frame(insn->off, vpc_placeholder_access_size(insn)))
		lower_floor(frame, -VPC_FLOW_FRAME); /* the kernel refuses it, and so nothing is claimed of it */
	if (state->stack[base] == VPC_FLOW_NO_STACK || (base == BPF_REG_10 && !is_atomic))
		return;
	lower_floor(frame, insn->off < 0 ? state->stack[base] + insn->off : state->stack[base]);
}

/* ---- forwards ---- */

static void define(struct vpc_flow_state *state, unsigned reg, uint8_t facts) {
	state->registers[reg] = facts;
	state->stack[reg] = VPC_FLOW_NO_STACK;
}

static void move_stack_pointer(const struct bpf_insn *insn, struct vpc_flow_state *state, struct vpc_flow_frame *frame) {
	int16_t *destination = &state->stack[insn->dst_reg];
	bool from_register = BPF_SRC(insn->code) == BPF_X;
	int64_t offset = (int64_t)*destination + insn->imm;

	if (from_register && state->stack[insn->src_reg] != VPC_FLOW_NO_STACK)
		lower_floor(frame, -VPC_FLOW_FRAME);
	if (*destination == VPC_FLOW_NO_STACK)
		return;
	if (insn->code == (BPF_ALU64 | BPF_ADD | BPF_K) && offset <= 0 && offset >= -VPC_FLOW_FRAME) {
		*destination = (int16_t)offset;
		return;
	}
	lower_floor(frame, -VPC_FLOW_FRAME);
	*destination = VPC_FLOW_NO_STACK;
}

static uint8_t facts_of_width(int32_t bits) {
	return bits <= 16 ? VPC_FLOW_ALL_FACTS : bits == 32 ? VPC_FLOW_ZERO : 0;
}

static uint8_t facts_after_shift(const struct bpf_insn *insn, uint8_t facts) {
	uint8_t operation = BPF_OP(insn->code);

	if (BPF_SRC(insn->code) == BPF_X)
		return 0;
	if (insn->imm == 0)
		return facts;
	if (operation == BPF_LSH)
		return 0;
	if (operation == BPF_ARSH)
		return (uint8_t)((facts & VPC_FLOW_SMALL ? VPC_FLOW_ALL_FACTS : 0) | (facts & VPC_FLOW_SIGN) | (insn->imm >= 32 ? VPC_FLOW_SIGN
			: 0));
	if (insn->imm > 32 || facts & VPC_FLOW_SMALL)
		return VPC_FLOW_ALL_FACTS;
	return insn->imm == 32 || facts & VPC_FLOW_ZERO ? VPC_FLOW_ZERO : 0;
}

static uint8_t facts_after_alu64(const struct bpf_insn *insn, uint8_t destination, uint8_t operand) {
	switch (BPF_OP(insn->code)) {
	case BPF_AND:
		if ((destination | operand) & VPC_FLOW_SMALL)
			return VPC_FLOW_ALL_FACTS;
		return (uint8_t)(((destination | operand) & VPC_FLOW_ZERO) | (destination & operand & VPC_FLOW_SIGN));
	case BPF_OR:
	case BPF_XOR: return destination & operand;
	case BPF_DIV:
	case BPF_MOD:
		if (insn->off)
			return 0;
		return destination & VPC_FLOW_SMALL ? VPC_FLOW_ALL_FACTS : destination & VPC_FLOW_ZERO;
	case BPF_LSH:
	case BPF_RSH:
	case BPF_ARSH: return facts_after_shift(insn, destination);
	case BPF_END: return facts_of_width(insn->imm);
	}
	return 0;
}

/* A placeholder's own bits: either extension, as long as nobody relies on both; small it need not be. */
static uint8_t facts_of_place(int32_t immediate) {
	return facts_of_number(immediate) & (uint8_t)~VPC_FLOW_SMALL;
}

static void forward_alu64(const struct bpf_insn *insn, enum vpc_flow_choice choice, struct vpc_flow_state *state,
		struct vpc_flow_frame *frame) {
	uint8_t immediate = choice ? facts_of_place(insn->imm) : facts_of_number(insn->imm);
	bool from_register = BPF_SRC(insn->code) == BPF_X;
	uint8_t operand = from_register ? state->registers[insn->src_reg] : immediate;
	int16_t stack = from_register ? state->stack[insn->src_reg] : VPC_FLOW_NO_STACK;

	if (BPF_OP(insn->code) != BPF_MOV) {
		if (BPF_OP(insn->code) == BPF_END || BPF_OP(insn->code) == BPF_NEG)
			operand = 0;
		move_stack_pointer(insn, state, frame);
		state->registers[insn->dst_reg] = facts_after_alu64(insn, state->registers[insn->dst_reg], operand);
	} else if (insn->off) {
		if (stack != VPC_FLOW_NO_STACK)
			lower_floor(frame, -VPC_FLOW_FRAME);
		define(state, insn->dst_reg, insn->off == 8 || insn->off == 16 || insn->off == 32 ? VPC_FLOW_SIGN : 0);
	} else {
		define(state, insn->dst_reg, operand);
		state->stack[insn->dst_reg] = stack;
	}
}

static uint8_t facts_after_alu32(const struct bpf_insn *insn, enum vpc_flow_choice choice) {
	uint8_t operation = BPF_OP(insn->code);

	if (operation == BPF_END)
		return facts_of_width(insn->imm);
	if (!choice && BPF_SRC(insn->code) == BPF_K && insn->imm >= 0 && (operation == BPF_MOV || operation == BPF_AND))
		return VPC_FLOW_ALL_FACTS;
	if (operation == BPF_RSH && BPF_SRC(insn->code) == BPF_K && insn->imm > 0)
		return VPC_FLOW_ALL_FACTS;
	return VPC_FLOW_ZERO;
}

static void forward_alu32(const struct bpf_insn *insn, enum vpc_flow_choice choice, struct vpc_flow_state *state,
		struct vpc_flow_frame *frame) {
	if (BPF_SRC(insn->code) == BPF_X && BPF_OP(insn->code) != BPF_END && state->stack[insn->src_reg] != VPC_FLOW_NO_STACK)
		lower_floor(frame, -VPC_FLOW_FRAME);
	if (BPF_OP(insn->code) != BPF_MOV && state->stack[insn->dst_reg] != VPC_FLOW_NO_STACK)
		lower_floor(frame, -VPC_FLOW_FRAME);
	define(state, insn->dst_reg, facts_after_alu32(insn, choice));
}

static void forward_wide(const struct bpf_insn *insn, enum vpc_flow_choice choice, struct vpc_flow_state *state) {
	uint8_t facts = 0;

	if (insn->src_reg == 0 && insn[1].imm == 0)
		facts = insn->imm >= 0 && !choice ? VPC_FLOW_ALL_FACTS : VPC_FLOW_ZERO;
	else if (insn->src_reg == 0 && insn[1].imm == -1 && insn->imm < 0)
		facts = VPC_FLOW_SIGN;
	define(state, insn->dst_reg, choice == VPC_FLOW_NUMBER ? 0 : facts);
}

static uint8_t facts_of_load(const struct bpf_insn *insn) {
	if (BPF_MODE(insn->code) == BPF_MEMSX)
		return VPC_FLOW_SIGN;
	switch (vpc_placeholder_access_size(insn)) {
	case 8: return 0;
	case 4: return VPC_FLOW_ZERO;
	default: return VPC_FLOW_ALL_FACTS;
	}
}

static void forward_load(const struct bpf_insn *insn, struct vpc_flow_state *state, struct vpc_flow_frame *frame) {
	escape_access(state, insn, insn->src_reg, frame);
	if (is_private(frame, insn->src_reg, insn->off, vpc_placeholder_access_size(insn)))
		define(state, insn->dst_reg, state->slots[slot_of(insn->off)]);
	else
		define(state, insn->dst_reg, facts_of_load(insn));
}

static void forward_store(const struct bpf_insn *insn, uint8_t facts, struct vpc_flow_state *state, struct vpc_flow_frame *frame) {
	unsigned size = vpc_placeholder_access_size(insn);

	escape_access(state, insn, insn->dst_reg, frame);
	if (insn->dst_reg != BPF_REG_10 || !is_in_frame(insn->off, size))
		return;
	state->slots[slot_of(insn->off)] = 0;
	state->slots[slot_of(insn->off + (int)size - 1)] = 0;
	if (is_private(frame, insn->dst_reg, insn->off, size))
		state->slots[slot_of(insn->off)] = facts;
}

static void forward_atomic(const struct bpf_insn *insn, struct vpc_flow_state *state, struct vpc_flow_frame *frame) {
	uint8_t read = vpc_placeholder_access_size(insn) == 8 ? 0 : VPC_FLOW_ZERO;

	escape_access(state, insn, insn->imm == BPF_LOAD_ACQUIRE ? insn->src_reg : insn->dst_reg, frame);
	if (insn->imm == BPF_LOAD_ACQUIRE) {
		define(state, insn->dst_reg, read);
		return;
	}
	vpc_flow_escape(state, insn->src_reg, frame);
	if (insn->imm == BPF_CMPXCHG)
		define(state, BPF_REG_0, read);
	else if (insn->imm != BPF_STORE_RELEASE && insn->imm & BPF_FETCH)
		define(state, insn->src_reg, read);
}

static void forward_call(struct vpc_flow_state *state, struct vpc_flow_frame *frame) {
	for (unsigned i = BPF_REG_1; i <= BPF_REG_5; i++)
		vpc_flow_escape(state, i, frame);
	for (unsigned i = BPF_REG_0; i <= BPF_REG_5; i++)
		define(state, i, 0);
}

void vpc_flow_forward(const struct bpf_insn *insn, enum vpc_flow_choice choice, struct vpc_flow_state *state,
		struct vpc_flow_frame *frame) {
	switch (BPF_CLASS(insn->code)) {
	case BPF_ALU64: forward_alu64(insn, choice, state, frame); return;
	case BPF_ALU: forward_alu32(insn, choice, state, frame); return;
	case BPF_LDX: forward_load(insn, state, frame); return;
	case BPF_ST: forward_store(insn, choice ? facts_of_place(insn->imm) : facts_of_number(insn->imm), state, frame); return;
	case BPF_STX:
		if (BPF_MODE(insn->code) == BPF_ATOMIC) {
			forward_atomic(insn, state, frame);
			return;
		}
		vpc_flow_escape(state, insn->src_reg, frame);
		forward_store(insn, state->registers[insn->src_reg], state, frame);
		return;
	case BPF_LD:
		if (vpc_placeholder_is_wide(insn))
			forward_wide(insn, choice, state);
		else
			forward_call(state, frame);
		return;
	case BPF_JMP:
		if (BPF_OP(insn->code) == BPF_CALL)
			forward_call(state, frame);
		return;
	}
}

/* ---- backwards ---- */

static bool only(uint8_t wants, uint8_t allowed) {
	return !(wants & ~allowed);
}

/* What an operand of & is asked, given what the result is asked: a zero on one side frees the other. */
static void want_and(uint8_t result, uint8_t a, uint8_t b, uint8_t *want_a, uint8_t *want_b) {
	uint8_t zero = VPC_FLOW_WANTS_ZERO | (result & VPC_FLOW_WANTS_SIGN);

	if (!result)
		return;
	if ((a | b) & VPC_FLOW_SMALL)
		return;
	if (only(result, VPC_FLOW_WANTS_SIGN | VPC_FLOW_COMPARED) && a & b & VPC_FLOW_SIGN) {
		*want_a |= VPC_FLOW_WANTS_SIGN;
		*want_b |= VPC_FLOW_WANTS_SIGN;
	} else if (b & VPC_FLOW_ZERO) {
		*want_b |= zero;
	} else if (a & VPC_FLOW_ZERO) {
		*want_a |= zero;
	} else {
		*want_a |= result | VPC_FLOW_NUMERIC;
		*want_b |= result | VPC_FLOW_NUMERIC;
	}
}

/* The same of | and ^: the result is extended as both operands are. */
static void want_or(uint8_t result, uint8_t a, uint8_t b, uint8_t *want_a, uint8_t *want_b) {
	uint8_t want = result | VPC_FLOW_NUMERIC;

	if (!result)
		return;
	if (only(result, VPC_FLOW_WANTS_ZERO | VPC_FLOW_COMPARED) && a & b & VPC_FLOW_ZERO)
		want = VPC_FLOW_WANTS_ZERO;
	else if (only(result, VPC_FLOW_WANTS_SIGN | VPC_FLOW_COMPARED) && a & b & VPC_FLOW_SIGN)
		want = VPC_FLOW_WANTS_SIGN;
	*want_a |= want;
	*want_b |= want;
}

/* Both operands of a comparison for equality: each must be extended as the other is. */
static uint8_t want_equal(uint8_t other) {
	if (other & VPC_FLOW_SMALL)
		return VPC_FLOW_COMPARED;
	if (other & VPC_FLOW_ZERO)
		return VPC_FLOW_WANTS_ZERO;
	if (other & VPC_FLOW_SIGN)
		return VPC_FLOW_WANTS_SIGN;
	return VPC_FLOW_MEMORY | VPC_FLOW_PASSED;
}

/* Shifts by 32 to the left and back extend a number: what is asked of it beyond its upper half goes on through them. */
static uint8_t want_shifted(const struct bpf_insn *insn, uint8_t result, uint8_t facts) {
	uint8_t operation = BPF_OP(insn->code);
	uint8_t ordered = insn->imm == 32 ? result & VPC_FLOW_ORDERED : operation == BPF_LSH ? 0 : VPC_FLOW_ORDERED;

	if (BPF_SRC(insn->code) == BPF_X)
		return operation == BPF_LSH ? (result ? VPC_FLOW_NUMERIC : 0) : VPC_FLOW_NUMERIC | VPC_FLOW_ORDERED;
	if (insn->imm == 0)
		return result;
	if (operation == BPF_LSH)
		return insn->imm >= 32 ? result & VPC_FLOW_ORDERED : result ? VPC_FLOW_NUMERIC : 0;
	if (operation == BPF_RSH && facts & VPC_FLOW_ZERO)
		return VPC_FLOW_WANTS_ZERO | ordered;
	if (operation == BPF_ARSH && facts & VPC_FLOW_SIGN)
		return VPC_FLOW_WANTS_SIGN | ordered;
	return (insn->imm >= 32 ? VPC_FLOW_PASSED | VPC_FLOW_MEMORY : VPC_FLOW_NUMERIC) | ordered;
}

static void backward_alu64(const struct bpf_insn *insn, const struct vpc_flow *flow, uint8_t operand, struct vpc_flow_wants *wants) {
	bool from_register = BPF_SRC(insn->code) == BPF_X;
	uint8_t result = wants->registers[insn->dst_reg], nobody = 0;
	uint8_t want = 0, *source = from_register ? &wants->registers[insn->src_reg] : &nobody;
	uint8_t facts = flow->destination, numeric = result ? VPC_FLOW_NUMERIC : 0;

	wants->registers[insn->dst_reg] = 0;
	switch (BPF_OP(insn->code)) {
	case BPF_MOV:
		if (!insn->off)
			*source |= result;
		else if (insn->off != 8 && insn->off != 16 && insn->off != 32)
			*source |= VPC_FLOW_PASSED;
		return;
	case BPF_AND: want_and(result, facts, operand, &want, source); break;
	case BPF_OR:
	case BPF_XOR: want_or(result, facts, operand, &want, source); break;
	case BPF_LSH:
	case BPF_RSH:
	case BPF_ARSH: want = want_shifted(insn, result, facts); break;
	case BPF_DIV:
	case BPF_MOD:
		want = VPC_FLOW_ORDERED | (!insn->off && facts & operand & VPC_FLOW_ZERO ? VPC_FLOW_WANTS_ZERO : VPC_FLOW_NUMERIC);
		*source |= want;
		break;
	case BPF_END: want = insn->imm == 64 ? VPC_FLOW_PASSED | VPC_FLOW_MEMORY : 0; break;
	case BPF_NEG: want = numeric; break;
	default:
		want = numeric;
		*source |= numeric;
		break;
	}
	wants->registers[insn->dst_reg] |= want;
}

static void backward_alu32(const struct bpf_insn *insn, struct vpc_flow_wants *wants) {
	uint8_t result = wants->registers[insn->dst_reg], nobody = 0;
	uint8_t *source = BPF_SRC(insn->code) == BPF_X ? &wants->registers[insn->src_reg] : &nobody;

	wants->registers[insn->dst_reg] = 0;
	switch (BPF_OP(insn->code)) {
	case BPF_END:
		if (insn->imm == 64)
			wants->registers[insn->dst_reg] = VPC_FLOW_PASSED | VPC_FLOW_MEMORY;
		return;
	case BPF_MOV: *source |= insn->off ? 0 : result & VPC_FLOW_ORDERED; return;
	case BPF_DIV:
	case BPF_MOD: *source |= VPC_FLOW_ORDERED; /* fall through */
	case BPF_RSH: wants->registers[insn->dst_reg] |= VPC_FLOW_ORDERED; return;
	}
}

static void backward_load(const struct bpf_insn *insn, struct vpc_flow_wants *wants, const struct vpc_flow_frame *frame) {
	unsigned size = vpc_placeholder_access_size(insn);
	uint8_t result = wants->registers[insn->dst_reg];

	wants->registers[insn->dst_reg] = 0;
	wants->registers[insn->src_reg] |= VPC_FLOW_PASSED;
	if (is_private(frame, insn->src_reg, insn->off, size)) {
		wants->slots[slot_of(insn->off)] |= result;
	} else if (insn->src_reg == BPF_REG_10 && is_in_frame(insn->off, size)) {
		unsigned first = (unsigned)(insn->off + VPC_FLOW_FRAME) % 8, last = slot_of(insn->off + (int)size - 1);
		uint8_t want = VPC_FLOW_PASSED | VPC_FLOW_MEMORY;
		bool is_low_half = first + size <= 4;
		wants->slots[slot_of(insn->off)] |= is_low_half ? result & VPC_FLOW_ORDERED : want;
		if (!is_low_half)
			wants->slots[last] |= want;
	}
}

/* What is asked of the number that a store puts into memory. */
static uint8_t backward_store(const struct bpf_insn *insn, struct vpc_flow_wants *wants, const struct vpc_flow_frame *frame) {
	unsigned size = vpc_placeholder_access_size(insn);
	uint8_t want = size == 8 ? VPC_FLOW_MEMORY : 0;

	if (is_private(frame, insn->dst_reg, insn->off, size)) {
		want = wants->slots[slot_of(insn->off)];
		wants->slots[slot_of(insn->off)] = 0;
	} else if (insn->dst_reg == BPF_REG_10 && is_in_frame(insn->off, size) && size == 4 && insn->off % 8 == -4) {
		wants->slots[slot_of(insn->off)] = 0;
	}
	wants->registers[insn->dst_reg] |= VPC_FLOW_PASSED;
	return want;
}

static void backward_atomic(const struct bpf_insn *insn, struct vpc_flow_wants *wants) {
	uint8_t want = vpc_placeholder_access_size(insn) == 8 ? VPC_FLOW_MEMORY | VPC_FLOW_NUMERIC : 0;

	if (insn->imm == BPF_LOAD_ACQUIRE) {
		wants->registers[insn->dst_reg] = 0;
		wants->registers[insn->src_reg] |= VPC_FLOW_PASSED;
		return;
	}
	if (insn->imm == BPF_CMPXCHG)
		wants->registers[BPF_REG_0] = want;
	else if (insn->imm != BPF_STORE_RELEASE && insn->imm & BPF_FETCH)
		wants->registers[insn->src_reg] = 0;
	wants->registers[insn->src_reg] |= want;
	wants->registers[insn->dst_reg] |= VPC_FLOW_PASSED;
}

static bool is_order(uint8_t operation) {
	return operation != BPF_JEQ && operation != BPF_JNE && operation != BPF_JSET;
}

static void backward_jump64(const struct bpf_insn *insn, const struct vpc_flow *flow, uint8_t operand, struct vpc_flow_wants *wants) {
	uint8_t nobody = 0, *destination = &wants->registers[insn->dst_reg];
	uint8_t *source = BPF_SRC(insn->code) == BPF_X ? &wants->registers[insn->src_reg] : &nobody;

	if (BPF_OP(insn->code) == BPF_JSET) {
		want_and(VPC_FLOW_COMPARED | VPC_FLOW_MEMORY, flow->destination, operand, destination, source);
	} else if (is_order(BPF_OP(insn->code))) {
		*destination |= VPC_FLOW_ORDERED | VPC_FLOW_NUMERIC;
		*source |= VPC_FLOW_ORDERED | VPC_FLOW_NUMERIC;
	} else {
		*destination |= want_equal(operand);
		*source |= want_equal(flow->destination);
	}
}

/*
 * The operand of a place is extended as the register that it meets. But for bits that are masked it counts as unknown:
 * there its plan relies on the register alone.
 */
static uint8_t operand_of_place(uint8_t operation, uint8_t destination) {
	return operation == BPF_JSET ? 0 : destination & (VPC_FLOW_ZERO | VPC_FLOW_SIGN);
}

static void backward_jump(const struct bpf_insn *insn, enum vpc_flow_choice choice, const struct vpc_flow *flow,
		struct vpc_flow_wants *wants) {
	uint8_t operation = BPF_OP(insn->code);
	uint8_t number = choice ? operand_of_place(operation, flow->destination) : facts_of_number(insn->imm);

	if (operation == BPF_JA || operation == BPF_EXIT || operation > BPF_JSLE)
		return;
	if (BPF_CLASS(insn->code) == BPF_JMP) {
		backward_jump64(insn, flow, BPF_SRC(insn->code) == BPF_X ? flow->source : number, wants);
	} else if (is_order(operation)) {
		wants->registers[insn->dst_reg] |= VPC_FLOW_ORDERED;
		if (BPF_SRC(insn->code) == BPF_X)
			wants->registers[insn->src_reg] |= VPC_FLOW_ORDERED;
	}
}

static void backward_call(const struct bpf_insn *insn, struct vpc_flow_wants *wants) {
	struct vpc_helper_arguments arguments = {.read = 0x1f, .wide = 0x1f};

	if (insn->src_reg == 0)
		arguments = vpc_helper_arguments(insn->imm);
	wants->registers[BPF_REG_0] = 0;
	for (unsigned i = 0; i < 5; i++)
		wants->registers[BPF_REG_1 + i] = arguments.read & arguments.wide & 1u << i ? VPC_FLOW_PASSED : 0;
}

static void backward_packet_load(const struct bpf_insn *insn, struct vpc_flow_wants *wants) {
	for (unsigned i = BPF_REG_0; i <= BPF_REG_5; i++)
		wants->registers[i] = 0;
	wants->registers[BPF_REG_6] |= VPC_FLOW_PASSED;
	if (BPF_MODE(insn->code) == BPF_IND)
		wants->registers[insn->src_reg] |= VPC_FLOW_PASSED;
}

void vpc_flow_backward(const struct bpf_insn *insn, enum vpc_flow_choice choice, struct vpc_flow *flow, struct vpc_flow_wants *wants,
		const struct vpc_flow_frame *frame) {
	uint8_t number = choice ? facts_of_place(insn->imm) : facts_of_number(insn->imm);

	if (choice && BPF_OP(insn->code) == BPF_AND)
		number = 0; /* as with operand_of_place() */
	flow->demand = wants->registers[insn->dst_reg];
	switch (BPF_CLASS(insn->code)) {
	case BPF_ALU64: backward_alu64(insn, flow, BPF_SRC(insn->code) == BPF_X ? flow->source : number, wants); return;
	case BPF_ALU: backward_alu32(insn, wants); return;
	case BPF_LDX: backward_load(insn, wants, frame); return;
	case BPF_ST: flow->demand = backward_store(insn, wants, frame); return;
	case BPF_STX:
		if (BPF_MODE(insn->code) == BPF_ATOMIC)
			backward_atomic(insn, wants);
		else
			wants->registers[insn->src_reg] |= backward_store(insn, wants, frame);
		return;
	case BPF_LD:
		if (vpc_placeholder_is_wide(insn))
			wants->registers[insn->dst_reg] = 0;
		else
			backward_packet_load(insn, wants);
		return;
	case BPF_JMP:
	case BPF_JMP32:
		if (BPF_OP(insn->code) == BPF_CALL)
			backward_call(insn, wants);
		else
			backward_jump(insn, choice, flow, wants);
		return;
	}
}
