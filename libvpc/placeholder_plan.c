// SPDX-License-Identifier: Apache-2.0
#include "placeholder_flow.h"

#include <errno.h>
#include <string.h>

#include "error.h"

/*
 * Values whose bit 31 equals the constant's are extended as the constant was, so the same opcode is right for them. The
 * other class needs a proof: `flip` below is its plan. From set to clear, a sign-extended constant becomes a number whose
 * both extensions are equal. From clear to set, the extensions part, and a placeholder is unsigned.
 */
struct question {
	const struct bpf_insn *insn;
	const struct vpc_flow *flow;
	bool constant_is_set; /* bit 31 */
	uint8_t width;
};

static bool only(uint8_t demand, uint8_t allowed) {
	return !(demand & ~allowed);
}

static struct vpc_placeholder_plan immediate(uint8_t code, enum vpc_placeholder_range range) {
	return (struct vpc_placeholder_plan){.action = VPC_PLACEHOLDER_IMMEDIATE, .code = code, .range = (uint8_t)range};
}

static struct vpc_placeholder_plan refuse(const char *reason) {
	return (struct vpc_placeholder_plan){.action = VPC_PLACEHOLDER_REFUSE, .reason = reason};
}

#define MERGED "it may hold two 4-byte numbers side by side, and its upper half would change"
#define ORDERED "it is compared for order, divided or shifted, maybe as a signed number; choose a placeholder with bit 31 set"
#define EXTENDED "it sign-extends, and the upper half is used; choose a placeholder with bit 31 set"

/* The upper half of the register matters to nobody: it may be written either way. */
static enum vpc_placeholder_range reach_of(const struct question *question, enum vpc_placeholder_range range) {
	return question->width == 4 || only(question->flow->demand, VPC_FLOW_ORDERED) ? VPC_PLACEHOLDER_ANY : range;
}

static struct vpc_placeholder_plan flip_move64(const struct question *question) {
	uint8_t demand = question->flow->demand;

	if (question->constant_is_set) {
		if (demand & (VPC_FLOW_MEMORY | VPC_FLOW_WANTS_ZERO))
			return refuse(MERGED);
		return immediate(question->insn->code, reach_of(question, VPC_PLACEHOLDER_SIGN_EXTENDED));
	}
	if (demand & VPC_FLOW_ORDERED)
		return refuse(ORDERED);
	if (!(demand & VPC_FLOW_WANTS_SIGN))
		return immediate(BPF_ALU | BPF_MOV | BPF_K, reach_of(question, VPC_PLACEHOLDER_ZERO_EXTENDED));
	if (only(demand, VPC_FLOW_WANTS_SIGN | VPC_FLOW_COMPARED))
		return immediate(question->insn->code, reach_of(question, VPC_PLACEHOLDER_SIGN_EXTENDED));
	return refuse("it is used both as a signed and as an unsigned number");
}

static struct vpc_placeholder_plan flip_alu64(const struct question *question) {
	uint8_t operation = BPF_OP(question->insn->code), demand = question->flow->demand;
	struct vpc_placeholder_plan same = immediate(question->insn->code, VPC_PLACEHOLDER_SIGN_EXTENDED);
	bool zero = question->flow->destination & VPC_FLOW_ZERO, sign = question->flow->destination & VPC_FLOW_SIGN;

	if (operation == BPF_DIV || operation == BPF_MOD)
		return question->constant_is_set && question->insn->off ? same : refuse("it divides 64 bits, maybe as a signed number");
	if (demand == 0 || (operation == BPF_AND && zero))
		return immediate(question->insn->code, question->width == 4 ? VPC_PLACEHOLDER_ANY
			: reach_of(question, VPC_PLACEHOLDER_ZERO_EXTENDED));
	if (question->constant_is_set)
		return demand & VPC_FLOW_MEMORY ? refuse(MERGED) : same;
	if (operation != BPF_OR && operation != BPF_XOR)
		return refuse(EXTENDED);
	if (zero && only(demand, VPC_FLOW_WANTS_ZERO | VPC_FLOW_COMPARED))
		return immediate((uint8_t)(BPF_ALU | operation | BPF_K), VPC_PLACEHOLDER_ZERO_EXTENDED);
	if (sign && only(demand, VPC_FLOW_WANTS_SIGN | VPC_FLOW_COMPARED))
		return same;
	return refuse(EXTENDED);
}

static bool compares_equality(uint8_t operation) {
	return operation == BPF_JEQ || operation == BPF_JNE || operation == BPF_JSET;
}

static bool compares_signed(uint8_t operation) {
	return operation == BPF_JSGT || operation == BPF_JSGE || operation == BPF_JSLT || operation == BPF_JSLE;
}

static struct vpc_placeholder_plan flip_jump64(const struct question *question) {
	uint8_t operation = BPF_OP(question->insn->code), facts = question->flow->destination;
	struct vpc_placeholder_plan same = immediate(question->insn->code, VPC_PLACEHOLDER_SIGN_EXTENDED);

	if (question->constant_is_set) {
		bool is_set_bits = operation == BPF_JSET && facts & VPC_FLOW_ZERO;
		return compares_signed(operation) || facts & VPC_FLOW_SIGN || is_set_bits ? same : refuse(MERGED);
	}
	if (!compares_equality(operation))
		return refuse(ORDERED);
	if (facts & VPC_FLOW_ZERO)
		return immediate((uint8_t)(BPF_JMP32 | operation | BPF_K), VPC_PLACEHOLDER_ZERO_EXTENDED);
	if (facts & VPC_FLOW_SIGN)
		return same;
	return refuse("it compares all 64 bits of a number that may exceed 32; choose a placeholder with bit 31 set");
}

static struct vpc_placeholder_plan flip_jump32(const struct question *question) {
	if (!question->constant_is_set && !compares_equality(BPF_OP(question->insn->code)))
		return refuse(ORDERED);
	return immediate(question->insn->code, VPC_PLACEHOLDER_ZERO_EXTENDED);
}

static struct vpc_placeholder_plan flip_alu32(const struct question *question) {
	uint8_t operation = BPF_OP(question->insn->code);

	if (!question->constant_is_set && (operation == BPF_DIV || operation == BPF_MOD))
		return refuse("it divides, maybe as a signed number; choose a placeholder with bit 31 set");
	return immediate(question->insn->code, reach_of(question, VPC_PLACEHOLDER_ZERO_EXTENDED));
}

static struct vpc_placeholder_plan flip_move32(const struct question *question) {
	if (!question->constant_is_set && question->flow->demand & VPC_FLOW_ORDERED)
		return refuse(ORDERED);
	return immediate(question->insn->code, reach_of(question, VPC_PLACEHOLDER_ZERO_EXTENDED));
}

static struct vpc_placeholder_plan flip_store8(const struct question *question) {
	if (only(question->flow->demand, question->constant_is_set ? 0xff & ~(VPC_FLOW_MEMORY | VPC_FLOW_WANTS_ZERO)
		: VPC_FLOW_WANTS_SIGN | VPC_FLOW_COMPARED))
		return immediate(question->insn->code, VPC_PLACEHOLDER_SIGN_EXTENDED);
	return refuse(question->constant_is_set ? MERGED : EXTENDED);
}

static enum vpc_placeholder_range store_range(const struct bpf_insn *insn) {
	switch (BPF_SIZE(insn->code)) {
	case BPF_B: return VPC_PLACEHOLDER_BYTE;
	case BPF_H: return VPC_PLACEHOLDER_SHORT;
	default: return VPC_PLACEHOLDER_ZERO_EXTENDED;
	}
}

/* An lddw of which the constant is one half: right wherever its bits are moved or stored, not where they are one number. */
static struct vpc_placeholder_plan half(const struct question *question, enum vpc_placeholder_action action) {
	uint32_t other = (uint32_t)question->insn[action == VPC_PLACEHOLDER_FIRST ? 1 : 0].imm;

	if (other && question->flow->demand & (VPC_FLOW_NUMERIC | VPC_FLOW_ORDERED))
		return refuse("it is half of a longer number that is calculated with");
	return (struct vpc_placeholder_plan){.action = (uint8_t)action};
}

static struct vpc_placeholder_plan flip_wide_signed(const struct question *question) {
	if (question->flow->demand & (VPC_FLOW_MEMORY | VPC_FLOW_WANTS_ZERO))
		return refuse(MERGED);
	return (struct vpc_placeholder_plan){.action = VPC_PLACEHOLDER_EXTENDED};
}

/* The plan for values whose bit 31 equals the constant's. */
static struct vpc_placeholder_plan plan_same(const struct question *question, enum vpc_placeholder_kind kind) {
	uint8_t code = question->insn->code;

	switch (kind) {
	case VPC_PLACEHOLDER_WIDE: return (struct vpc_placeholder_plan){.action = VPC_PLACEHOLDER_BOTH};
	case VPC_PLACEHOLDER_WIDE_SIGNED: return (struct vpc_placeholder_plan){.action = VPC_PLACEHOLDER_EXTENDED};
	case VPC_PLACEHOLDER_WIDE_LOW: return half(question, VPC_PLACEHOLDER_FIRST);
	case VPC_PLACEHOLDER_WIDE_HIGH: return half(question, VPC_PLACEHOLDER_SECOND);
	case VPC_PLACEHOLDER_MOVE64: return immediate(code, reach_of(question, VPC_PLACEHOLDER_SIGN_EXTENDED));
	case VPC_PLACEHOLDER_MOVE32:
	case VPC_PLACEHOLDER_ALU32: return immediate(code, VPC_PLACEHOLDER_ZERO_EXTENDED);
	case VPC_PLACEHOLDER_STORE4: return immediate(code, store_range(question->insn));
	case VPC_PLACEHOLDER_JUMP32: return immediate(code, VPC_PLACEHOLDER_ZERO_EXTENDED);
	case VPC_PLACEHOLDER_ALU64:
	case VPC_PLACEHOLDER_JUMP64:
	case VPC_PLACEHOLDER_STORE8: return immediate(code, VPC_PLACEHOLDER_SIGN_EXTENDED);
	case VPC_PLACEHOLDER_SPLIT: return (struct vpc_placeholder_plan){.action = VPC_PLACEHOLDER_PIECES};
	case VPC_PLACEHOLDER_KINDS: break;
	}
	return refuse("it is of no known kind");
}

static struct vpc_placeholder_plan plan_flip(const struct question *question, enum vpc_placeholder_kind kind) {
	switch (kind) {
	case VPC_PLACEHOLDER_WIDE:
	case VPC_PLACEHOLDER_WIDE_LOW:
	case VPC_PLACEHOLDER_WIDE_HIGH:
	case VPC_PLACEHOLDER_SPLIT: return plan_same(question, kind);
	case VPC_PLACEHOLDER_WIDE_SIGNED: return flip_wide_signed(question);
	case VPC_PLACEHOLDER_MOVE64: return flip_move64(question);
	case VPC_PLACEHOLDER_MOVE32: return flip_move32(question);
	case VPC_PLACEHOLDER_ALU64: return flip_alu64(question);
	case VPC_PLACEHOLDER_ALU32: return flip_alu32(question);
	case VPC_PLACEHOLDER_JUMP64: return flip_jump64(question);
	case VPC_PLACEHOLDER_JUMP32: return flip_jump32(question);
	case VPC_PLACEHOLDER_STORE8: return flip_store8(question);
	case VPC_PLACEHOLDER_STORE4: return immediate(question->insn->code, store_range(question->insn));
	case VPC_PLACEHOLDER_KINDS: break;
	}
	return refuse("it is of no known kind");
}

/* A narrow range is a limit for 8-byte placeholders only, but for stores that are narrower than 4 bytes. */
static struct vpc_placeholder_plan fit(struct vpc_placeholder_plan plan, uint8_t width) {
	if (width == 4 && plan.range != VPC_PLACEHOLDER_SHORT && plan.range != VPC_PLACEHOLDER_BYTE)
		plan.range = VPC_PLACEHOLDER_ANY;
	return plan;
}

static bool divides(const struct bpf_insn *insn, enum vpc_placeholder_kind kind) {
	return (kind == VPC_PLACEHOLDER_ALU64 || kind == VPC_PLACEHOLDER_ALU32) &&
		(BPF_OP(insn->code) == BPF_DIV || BPF_OP(insn->code) == BPF_MOD);
}

/* All 64 bits of what holds a piece are open: whatever else stands in it, nobody may rely on. */
static void choose(const struct vpc_placeholder_sites *sites, const struct vpc_placeholder_place *place, uint8_t *choices) {
	if (place->kind != VPC_PLACEHOLDER_SPLIT && choices[place->instruction] != VPC_FLOW_NUMBER)
		choices[place->instruction] = sites->width == 8 && place->kind == VPC_PLACEHOLDER_WIDE ? VPC_FLOW_NUMBER : VPC_FLOW_EXTENSION;
	for (uint32_t i = 0; i < place->part_count; i++)
		choices[sites->parts[place->first_part + i].instruction] = VPC_FLOW_NUMBER;
}

int vpc_placeholder_prove(const struct bpf_insn *insns, size_t count, struct vpc_placeholder_sites *sites, struct vpc_error *error) {
	_cleanup_(free_memory) struct vpc_flow *flow = calloc(count, sizeof *flow);
	_cleanup_(free_memory) uint8_t *choices = calloc(count, sizeof *choices);
	bool constant_is_set = sites->constant >> 31 & 1;

	if (!flow || !choices)
		return vpc_fail(error, -ENOMEM, "%s: no memory for %zu instructions", sites->name, count);
	for (size_t i = 0; i < sites->count; i++)
		choose(sites, &sites->places[i], choices);
	int result = vpc_flow_analyse(insns, count, choices, flow, sites->name, error);
	if (result < 0)
		return result;

	for (size_t i = 0; i < sites->count; i++) {
		struct vpc_placeholder_place *place = &sites->places[i];
		struct question question = {&insns[place->instruction], &flow[place->instruction], constant_is_set, sites->width};

		place->divides = divides(question.insn, place->kind);
		place->plans[constant_is_set ? VPC_PLACEHOLDER_SET : VPC_PLACEHOLDER_CLEAR] = fit(plan_same(&question, place->kind), sites->width);
		place->plans[constant_is_set ? VPC_PLACEHOLDER_CLEAR : VPC_PLACEHOLDER_SET] = fit(plan_flip(&question, place->kind), sites->width);
	}
	return 0;
}
