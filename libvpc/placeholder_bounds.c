// SPDX-License-Identifier: Apache-2.0
#include "placeholder_flow.h"

#include <errno.h>
#include <string.h>

#include "error.h"

/*
 * Compilers sort the cases of a switch: `x > 100` decides first, then `x == C` is asked on the side where C lies. A value on
 * the other side would be asked for where it cannot be. So of every two comparisons of one number, the second only reached
 * through the first, of which at least one is for order, the order of the two constants has to stay what it was.
 *
 * Followed backwards where each instruction has one predecessor: that is how such trees are built.
 */
#define NONE UINT32_MAX
#define MANY (UINT32_MAX - 1)
#define MOST_STEPS (1u << 24)

/* A jump that compares a register with a number. */
struct comparison {
	uint32_t at, root; /* root: where the register got its value; unique for each value */
	uint64_t number;
	uint32_t place; /* that holds the number, or NONE */
	bool is_signed, is_unsigned; /* in which order; neither: equality */
};

struct walk {
	const struct bpf_insn *insns;
	size_t count;
	uint32_t *from;     /* the one instruction that jumps here, NONE or MANY */
	uint32_t *place_at; /* index of the place in sites, or NONE */
	struct vpc_placeholder_sites *sites;
	struct comparison *comparisons; /* of each instruction; at is NONE if it compares nothing with a number */
	uint32_t steps;
};

static void free_walk(struct walk *walk) {
	free(walk->from);
	free(walk->place_at);
	free(walk->comparisons);
}

static bool is_conditional(const struct bpf_insn *insn) {
	uint8_t class = BPF_CLASS(insn->code), operation = BPF_OP(insn->code);
	return (class == BPF_JMP || class == BPF_JMP32) && operation != BPF_JA && operation != BPF_CALL && operation != BPF_EXIT &&
		operation <= BPF_JSLE;
}

static bool always_leaves(const struct bpf_insn *insn) {
	uint8_t class = BPF_CLASS(insn->code), operation = BPF_OP(insn->code);
	return (class == BPF_JMP && operation == BPF_EXIT) || ((class == BPF_JMP || class == BPF_JMP32) && operation == BPF_JA);
}

static void enters(struct walk *walk, int64_t target, uint32_t from) {
	if (target >= 0 && target < (int64_t)walk->count)
		walk->from[target] = walk->from[target] == NONE ? from : MANY;
}

/* Who jumps where. The targets have been checked by the proof before. */
static void find_jumps(struct walk *walk) {
	memset(walk->from, 0xff, walk->count * sizeof *walk->from);
	enters(walk, 0, MANY);
	for (uint32_t i = 0; i < walk->count; i++) {
		const struct bpf_insn *insn = &walk->insns[i];
		uint8_t class = BPF_CLASS(insn->code), operation = BPF_OP(insn->code);
		bool is_function = vpc_placeholder_is_wide(insn) ? insn->src_reg == BPF_PSEUDO_FUNC : insn->code == (BPF_JMP | BPF_CALL) &&
			insn->src_reg == BPF_PSEUDO_CALL;

		if (is_function)
			enters(walk, (int64_t)i + 1 + insn->imm, MANY);
		else if (insn->code == (BPF_JMP32 | BPF_JA))
			enters(walk, (int64_t)i + 1 + insn->imm, i);
		else if ((class == BPF_JMP || class == BPF_JMP32) && operation != BPF_CALL && operation != BPF_EXIT)
			enters(walk, (int64_t)i + 1 + insn->off, i);
		if (vpc_placeholder_is_wide(insn))
			i++;
	}
}

/* The one instruction that runs before this one, or NONE. */
static uint32_t before(struct walk *walk, uint32_t at) {
	uint32_t from = walk->from[at];
	uint32_t above = at == 0 ? NONE : at - 1;

	walk->steps++;
	if (above != NONE && above > 0 && vpc_placeholder_is_wide(&walk->insns[above - 1]) && walk->insns[above].code == 0)
		above--;
	bool falls_in = above != NONE && !always_leaves(&walk->insns[above]);
	if (from == NONE)
		return falls_in ? above : NONE;
	return from == MANY || falls_in ? NONE : from;
}

static bool defines(const struct bpf_insn *insn, unsigned reg) {
	switch (BPF_CLASS(insn->code)) {
	case BPF_ALU:
	case BPF_ALU64:
	case BPF_LDX: return insn->dst_reg == reg;
	case BPF_LD: return vpc_placeholder_is_wide(insn) ? insn->dst_reg == reg : reg <= BPF_REG_5;
	case BPF_STX: return BPF_MODE(insn->code) == BPF_ATOMIC && (insn->src_reg == reg || insn->dst_reg == reg || reg == BPF_REG_0);
	case BPF_JMP: return BPF_OP(insn->code) == BPF_CALL && reg <= BPF_REG_5;
	}
	return false;
}

/* Extending a number to 64 bits, by shifts to the left and back, leaves it the number it was. */
static bool extends(const struct bpf_insn *insn) {
	uint8_t operation = BPF_OP(insn->code);
	return BPF_CLASS(insn->code) == BPF_ALU64 && BPF_SRC(insn->code) == BPF_K && insn->imm == 32 &&
		(operation == BPF_LSH || operation == BPF_RSH || operation == BPF_ARSH);
}

static bool copies(const struct bpf_insn *insn) {
	return (insn->code & ~(BPF_ALU ^ BPF_ALU64)) == ((BPF_ALU64 | BPF_MOV | BPF_X) & ~(BPF_ALU ^ BPF_ALU64)) &&
		(insn->off == 0 || insn->off == 32);
}

/*
 * Where reg got the value that it has at this instruction: the defining instruction times 16, or for what comes from
 * further up, the first instruction of the walk times 16 plus 1 plus the register.
 */
static uint32_t root_of(struct walk *walk, uint32_t at, unsigned reg) {
	uint32_t previous;

	while ((previous = before(walk, at)) != NONE && walk->steps < MOST_STEPS) {
		const struct bpf_insn *insn = &walk->insns[previous];
		at = previous;
		if (!defines(insn, reg) || extends(insn))
			continue;
		if (!copies(insn))
			return previous * 16;
		reg = insn->src_reg;
	}
	return at * 16 + 1 + reg;
}

/* Whether the root is a number of the program. */
static bool number_at(const struct walk *walk, uint32_t root, uint64_t *ret_number, uint32_t *ret_place) {
	const struct bpf_insn *insn = &walk->insns[root / 16];

	if (root % 16)
		return false;
	if (vpc_placeholder_is_wide(insn) && insn->src_reg == 0)
		*ret_number = (uint64_t)(uint32_t)insn[1].imm << 32 | (uint32_t)insn->imm;
	else if (insn->code == (BPF_ALU64 | BPF_MOV | BPF_K))
		*ret_number = (uint64_t)(int64_t)insn->imm;
	else if (insn->code == (BPF_ALU | BPF_MOV | BPF_K))
		*ret_number = (uint32_t)insn->imm;
	else
		return false;
	*ret_place = walk->place_at[root / 16];
	return true;
}

static bool read_comparison(struct walk *walk, uint32_t at, struct comparison *ret_comparison) {
	const struct bpf_insn *insn = &walk->insns[at];
	struct comparison comparison = {.at = at, .place = walk->place_at[at], .number = (uint64_t)(int64_t)insn->imm};
	uint8_t operation = BPF_OP(insn->code);

	if (!is_conditional(insn) || operation == BPF_JSET)
		return false;
	comparison.root = root_of(walk, at, insn->dst_reg);
	if (BPF_SRC(insn->code) == BPF_X) {
		uint32_t source = root_of(walk, at, insn->src_reg);
		if (number_at(walk, comparison.root, &comparison.number, &comparison.place))
			comparison.root = source;
		else if (!number_at(walk, source, &comparison.number, &comparison.place))
			return false;
	}
	comparison.is_unsigned = operation == BPF_JGT || operation == BPF_JGE || operation == BPF_JLT || operation == BPF_JLE;
	comparison.is_signed = operation == BPF_JSGT || operation == BPF_JSGE || operation == BPF_JSLT || operation == BPF_JSLE;
	/* A 64-bit signed comparison of a zero-extended number is unsigned. */
	if (comparison.is_signed && BPF_CLASS(insn->code) == BPF_JMP)
		comparison.is_unsigned = true;
	*ret_comparison = comparison;
	return true;
}

static int64_t as_signed(const struct vpc_placeholder_sites *sites, uint64_t number) {
	return sites->width == 8 ? (int64_t)number : (int32_t)(uint32_t)number;
}

static uint64_t as_unsigned(const struct vpc_placeholder_sites *sites, uint64_t number) {
	return sites->width == 8 ? number : (uint32_t)number;
}

/* Values of the place stay on the side of number where the constant is. */
static void keep_side(struct vpc_placeholder_sites *sites, uint32_t index, uint64_t number, bool is_signed, bool is_unsigned) {
	struct vpc_placeholder_bounds *bounds = &sites->places[index].bounds;
	uint64_t limit = as_unsigned(sites, number), constant = as_unsigned(sites, sites->constant);
	int64_t signed_limit = as_signed(sites, number), signed_constant = as_signed(sites, sites->constant);

	if (is_unsigned && limit < constant && limit >= bounds->lowest)
		bounds->lowest = limit + 1;
	if (is_unsigned && limit > constant && limit <= bounds->highest)
		bounds->highest = limit - 1;
	if (is_signed && signed_limit < signed_constant && signed_limit >= bounds->signed_lowest)
		bounds->signed_lowest = signed_limit + 1;
	if (is_signed && signed_limit > signed_constant && signed_limit <= bounds->signed_highest)
		bounds->signed_highest = signed_limit - 1;
}

static void hold_together(struct vpc_placeholder_sites *sites, const struct comparison *a, const struct comparison *b) {
	bool is_signed = a->is_signed || b->is_signed, is_unsigned = a->is_unsigned || b->is_unsigned;

	if (a->root != b->root || (a->place == NONE) == (b->place == NONE))
		return;
	if (a->place != NONE)
		keep_side(sites, a->place, b->number, is_signed, is_unsigned);
	else
		keep_side(sites, b->place, a->number, is_signed, is_unsigned);
}

static void look_up_from(struct walk *walk, uint32_t at) {
	for (uint32_t i = before(walk, at); i != NONE && walk->steps < MOST_STEPS; i = before(walk, i))
		if (walk->comparisons[i].at != NONE)
			hold_together(walk->sites, &walk->comparisons[at], &walk->comparisons[i]);
}

/* Whether any place is compared with. */
static bool find_comparisons(struct walk *walk) {
	bool any = false;

	for (uint32_t i = 0; i < walk->count; i++) {
		walk->comparisons[i].at = NONE;
		if (read_comparison(walk, i, &walk->comparisons[i]))
			any |= walk->comparisons[i].place != NONE;
		if (vpc_placeholder_is_wide(&walk->insns[i]))
			walk->comparisons[++i].at = NONE;
	}
	return any;
}

/* Too long a way back: nothing but the constant itself is known to be on the right side. */
static void give_up(struct vpc_placeholder_sites *sites) {
	for (size_t i = 0; i < sites->count; i++)
		sites->places[i].bounds = (struct vpc_placeholder_bounds){as_unsigned(sites, sites->constant), as_unsigned(sites, sites->constant),
			INT64_MIN, INT64_MAX};
}

int vpc_placeholder_bound(const struct bpf_insn *insns, size_t count, struct vpc_placeholder_sites *sites, struct vpc_error *error) {
	_cleanup_(free_walk) struct walk walk = {.insns = insns, .count = count, .sites = sites};

	walk.from = calloc(count, sizeof *walk.from);
	walk.place_at = calloc(count, sizeof *walk.place_at);
	walk.comparisons = calloc(count, sizeof *walk.comparisons);
	if (!walk.from || !walk.place_at || !walk.comparisons)
		return vpc_fail(error, -ENOMEM, "%s: no memory for %zu instructions", sites->name, count);
	memset(walk.place_at, 0xff, count * sizeof *walk.place_at);
	for (size_t i = 0; i < sites->count; i++) {
		sites->places[i].bounds = (struct vpc_placeholder_bounds){0, UINT64_MAX, INT64_MIN, INT64_MAX};
		if (sites->places[i].kind != VPC_PLACEHOLDER_SPLIT) /* which is stored only */
			walk.place_at[sites->places[i].instruction] = (uint32_t)i;
	}
	find_jumps(&walk);
	if (!find_comparisons(&walk))
		return 0;
	for (uint32_t i = 0; i < count; i++)
		if (walk.comparisons[i].at != NONE)
			look_up_from(&walk, i);
	if (walk.steps >= MOST_STEPS)
		give_up(sites);
	return 0;
}
