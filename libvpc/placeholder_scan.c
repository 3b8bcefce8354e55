// SPDX-License-Identifier: Apache-2.0
#include "placeholder_internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"
#include "placeholder_fold.h"
#include "placeholder_split.h"

#define MOST_INSTRUCTIONS 1000000 /* BPF_COMPLEXITY_LIMIT_INSNS of the kernel */

static const char *const TEXTS[VPC_PLACEHOLDER_KINDS] = {
	"64-bit constant", "sign-extended 64-bit constant", "low half of a 64-bit constant", "high half of a 64-bit constant",
	"64-bit move", "32-bit move", "64-bit operand", "32-bit operand", "64-bit comparison", "32-bit comparison",
	"8-byte store", "store of at most 4 bytes", "stored in pieces",
};

#define KEEP "keep the constant from being folded, e.g. with barrier_var()"

/* Below this, a constant may be anything: a length, a flag, an offset. */
#define SMALLEST_UNCOUNTED 0x10000

/* Whether the instruction's immediate is a number of the source, not an offset, an amount of bits, a width or an id. */
static bool holds_number(const struct bpf_insn *insn, enum vpc_placeholder_kind *ret_kind) {
	uint8_t operation = BPF_OP(insn->code);

	switch (BPF_CLASS(insn->code)) {
	case BPF_ALU64:
	case BPF_ALU:
		if (BPF_SRC(insn->code) != BPF_K || operation == BPF_END || operation == BPF_NEG || operation == BPF_LSH ||
			operation == BPF_RSH || operation == BPF_ARSH)
			return false;
		if (operation == BPF_MOV)
			*ret_kind = BPF_CLASS(insn->code) == BPF_ALU64 ? VPC_PLACEHOLDER_MOVE64 : VPC_PLACEHOLDER_MOVE32;
		else
			*ret_kind = BPF_CLASS(insn->code) == BPF_ALU64 ? VPC_PLACEHOLDER_ALU64 : VPC_PLACEHOLDER_ALU32;
		return true;
	case BPF_JMP:
	case BPF_JMP32:
		if (BPF_SRC(insn->code) != BPF_K || operation == BPF_JA || operation == BPF_CALL || operation == BPF_EXIT || operation > BPF_JSLE)
			return false;
		*ret_kind = BPF_CLASS(insn->code) == BPF_JMP ? VPC_PLACEHOLDER_JUMP64 : VPC_PLACEHOLDER_JUMP32;
		return true;
	case BPF_ST:
		if (BPF_MODE(insn->code) != BPF_MEM)
			return false;
		*ret_kind = BPF_SIZE(insn->code) == BPF_DW ? VPC_PLACEHOLDER_STORE8 : VPC_PLACEHOLDER_STORE4;
		return true;
	}
	return false;
}

/* What the program sees of the immediate. */
static uint64_t number_of(const struct bpf_insn *insn, enum vpc_placeholder_kind kind) {
	switch (kind) {
	case VPC_PLACEHOLDER_MOVE64:
	case VPC_PLACEHOLDER_ALU64:
	case VPC_PLACEHOLDER_JUMP64:
	case VPC_PLACEHOLDER_STORE8: return (uint64_t)(int64_t)insn->imm;
	case VPC_PLACEHOLDER_STORE4:
		if (BPF_SIZE(insn->code) == BPF_H)
			return (uint16_t)insn->imm;
		if (BPF_SIZE(insn->code) == BPF_B)
			return (uint8_t)insn->imm;
		return (uint32_t)insn->imm;
	default: return (uint32_t)insn->imm;
	}
}

/* What is looked for, and what has been found. */
struct search {
	uint64_t constant;
	uint8_t width;
	struct vpc_placeholder_place *places; /* room for two an instruction, or NULL to count only */
	size_t count;
	const uint8_t *known; /* by instruction: enum vpc_placeholder_known, or that it holds a piece; NULL: folded forms do not count yet */
	const char *folding;  /* the first folded form, or NULL */
	size_t folded_at;
	uint64_t folded;
};

static void found(struct search *search, size_t at, enum vpc_placeholder_kind kind) {
	if (search->known)
		return;
	if (search->places)
		search->places[search->count] = (struct vpc_placeholder_place){.instruction = (uint32_t)at, .kind = (uint8_t)kind};
	search->count++;
}

static void suspect(struct search *search, size_t at, uint64_t number, const char *text) {
	if (!text || !search->known || search->known[at] || search->folding)
		return;
	search->folding = text;
	search->folded_at = at;
	search->folded = number;
}

static void look_at_wide(struct search *search, const struct bpf_insn *insn, size_t at) {
	uint32_t low = (uint32_t)insn[0].imm, high = (uint32_t)insn[1].imm, constant = (uint32_t)search->constant;
	uint64_t number = (uint64_t)high << 32 | low;

	if (number == search->constant) {
		found(search, at, VPC_PLACEHOLDER_WIDE);
	} else if (search->width == 4 && low == constant && high == UINT32_MAX && low >> 31) {
		found(search, at, VPC_PLACEHOLDER_WIDE_SIGNED);
	} else if (search->width == 4 && (low == constant || high == constant)) {
		if (low == constant)
			found(search, at, VPC_PLACEHOLDER_WIDE_LOW);
		if (high == constant)
			found(search, at, VPC_PLACEHOLDER_WIDE_HIGH);
	} else {
		suspect(search, at, number, vpc_placeholder_folding(search->constant, search->width, number, true));
	}
}

static void look_at(struct search *search, const struct bpf_insn *insn, size_t at) {
	enum vpc_placeholder_kind kind;

	if (!holds_number(insn, &kind))
		return;
	uint64_t number = number_of(insn, kind);
	if (number == search->constant || (search->width == 4 && number == (uint64_t)(int32_t)(uint32_t)search->constant))
		found(search, at, kind);
	else
		suspect(search, at, number, vpc_placeholder_folding(search->constant, search->width, number, false));
}

static int look_everywhere(struct search *search, const struct bpf_insn *insns, size_t count, const char *name, struct vpc_error *error) {
	for (size_t i = 0; i < count; i++) {
		if (!vpc_placeholder_is_wide(&insns[i])) {
			look_at(search, &insns[i], i);
			continue;
		}
		if (i + 1 == count || insns[i + 1].code != 0)
			return vpc_fail(error, -EINVAL, "%s: instruction %zu is a 64-bit constant without its second half", name, i);
		if (insns[i].src_reg == 0)
			look_at_wide(search, &insns[i], i);
		i++;
	}
	return 0;
}

/* "3 (64-bit move), 7 (32-bit comparison)", cut short where it does not fit. */
static void list_places(const struct vpc_placeholder_place *places, size_t count, char *text, size_t size) {
	size_t used = 0;

	text[0] = 0;
	for (size_t i = 0; i < count; i++) {
		int length = snprintf(text + used, size - used, "%s%u (%s)", i ? ", " : "", places[i].instruction, TEXTS[places[i].kind]);
		if (length < 0 || used + (size_t)length + sizeof ", ..." > size) {
			snprintf(text + used, size - used, "%s...", i ? ", " : "");
			return;
		}
		used += (size_t)length;
	}
}

/* Holds what was found against what was expected. */
static int judge(const struct search *search, const struct vpc_placeholder_sites *sites, const struct vpc_placeholder *placeholder,
		bool is_part, struct vpc_error *error) {
	if (sites->count == 0 && search->folding)
		return vpc_fail(error, -ENOENT, "%s: no instruction holds 0x%" PRIx64 ", but instruction %zu holds 0x%" PRIx64 ": %s; " KEEP,
			placeholder->name, search->constant, search->folded_at, search->folded, search->folding);
	if (sites->count == 0)
		return vpc_fail(error, -ENOENT, "%s: no instruction holds 0x%" PRIx64 "; is it the constant of the source, and not folded away?",
			placeholder->name, search->constant);
	if (placeholder->expected && !is_part && sites->count != (size_t)placeholder->expected) {
		char places[320];
		list_places(sites->places, sites->count, places, sizeof places);
		return vpc_fail(error, -ENOENT, "%s: 0x%" PRIx64 " stands in %zu places, not in %d: instruction %s", placeholder->name,
			search->constant, sites->count, placeholder->expected, places);
	}
	if (!placeholder->expected && search->folding)
		return vpc_fail(error, -EILSEQ, "%s: %zu places hold 0x%" PRIx64 ", but instruction %zu holds 0x%" PRIx64 ": %s; " KEEP
			", or state how many places are all", placeholder->name, sites->count, search->constant, search->folded_at, search->folded,
			search->folding);
	return 0;
}

static int check_placeholder(const struct vpc_placeholder *placeholder, size_t count, uint8_t *ret_width, struct vpc_error *error) {
	uint8_t width = placeholder->width ? placeholder->width : placeholder->constant >> 32 ? 8 : 4;

	if (width != 4 && width != 8)
		return vpc_fail(error, -EINVAL, "%s: a placeholder has 4 or 8 bytes, not %u", placeholder->name, width);
	if (width == 4 && placeholder->constant >> 32)
		return vpc_fail(error, -EINVAL, "%s: 0x%" PRIx64 " does not fit 4 bytes", placeholder->name, placeholder->constant);
	if (placeholder->expected < 0)
		return vpc_fail(error, -EINVAL, "%s: %d places cannot be expected", placeholder->name, placeholder->expected);
	if (placeholder->constant < SMALLEST_UNCOUNTED && !placeholder->expected)
		return vpc_fail(error, -EINVAL,
			"%s: 0x%" PRIx64 " is too common a number to be told from others; state how many places hold it, or choose a longer one",
			placeholder->name, placeholder->constant);
	if (count > MOST_INSTRUCTIONS)
		return vpc_fail(error, -E2BIG, "%s: %zu instructions are more than any kernel takes, which is %d", placeholder->name, count,
			MOST_INSTRUCTIONS);
	*ret_width = width;
	return 0;
}

static void mark_known(const struct search *search, uint8_t *known) {
	for (size_t i = 0; i < search->count; i++) {
		const struct vpc_placeholder_place *place = &search->places[i];
		if (place->kind == VPC_PLACEHOLDER_WIDE_HIGH)
			known[place->instruction] |= VPC_PLACEHOLDER_KNOWN_HIGH;
		else
			known[place->instruction] |= search->width == 8 ? VPC_PLACEHOLDER_KNOWN_WHOLE : VPC_PLACEHOLDER_KNOWN_LOW;
	}
}

/* Those that stand in single instructions, with room for more; marks them in known[count]. */
static int find_places(struct search *search, const struct bpf_insn *insns, size_t count, uint8_t *known, const char *name,
		struct vpc_error *error) {
	int result = look_everywhere(search, insns, count, name, error);
	if (result < 0)
		return result;
	search->places = calloc(search->count + 1, sizeof *search->places);
	if (!search->places)
		return vpc_fail(error, -ENOMEM, "%s: no memory for %zu places", name, search->count);
	search->count = 0;
	look_everywhere(search, insns, count, name, NULL);
	mark_known(search, known);
	return 0;
}

/* The first folded form; what is a piece of a place is none. */
static void find_foldings(struct search *search, const struct bpf_insn *insns, size_t count, const struct vpc_placeholder_splits *splits,
		uint8_t *known) {
	for (size_t i = 0; i < splits->part_count; i++)
		known[splits->parts[i].instruction] |= VPC_PLACEHOLDER_KNOWN_PIECE;
	search->known = known;
	if (splits->doubt) {
		const struct bpf_insn *insn = &insns[splits->doubtful];
		search->folding = splits->doubt;
		search->folded_at = splits->doubtful;
		search->folded = (vpc_placeholder_is_wide(insn) ? (uint64_t)(uint32_t)insn[1].imm << 32 : 0) | (uint32_t)insn->imm;
	}
	look_everywhere(search, insns, count, "", NULL);
	if (!search->folding)
		search->folding = vpc_placeholder_composition(insns, count, search->constant, search->width, known, &search->folded_at,
			&search->folded);
}

static int compare_places(const void *left, const void *right) {
	const struct vpc_placeholder_place *a = left, *b = right;
	if (a->instruction != b->instruction)
		return a->instruction < b->instruction ? -1 : 1;
	return a->kind < b->kind ? -1 : a->kind > b->kind;
}

/* Takes the parts over from the splits. */
static struct vpc_placeholder_sites *join_sites(const struct search *search, struct vpc_placeholder_splits *splits, size_t instructions,
		const char *name) {
	size_t count = search->count + splits->count;
	struct vpc_placeholder_sites *sites = calloc(1, sizeof *sites + count * sizeof *sites->places);
	if (!sites)
		return NULL;
	memcpy(sites->places, search->places, search->count * sizeof *sites->places);
	if (splits->count) {
		memcpy(sites->places + search->count, splits->places, splits->count * sizeof *sites->places);
		qsort(sites->places, count, sizeof *sites->places, compare_places);
	}
	sites->parts = splits->parts;
	splits->parts = NULL;
	sites->instructions = instructions;
	sites->constant = search->constant;
	sites->width = search->width;
	sites->count = count;
	snprintf(sites->name, sizeof sites->name, "%s", name);
	return sites;
}

static void release_search(struct search *search) {
	free(search->places);
}

static int scan(const struct bpf_insn *insns, size_t count, const struct vpc_placeholder *placeholder, bool is_part,
		struct vpc_placeholder_sites **ret_sites, struct vpc_error *error) {
	_cleanup_(free_placeholder_sites) struct vpc_placeholder_sites *sites = NULL;
	_cleanup_(vpc_placeholder_splits_release) struct vpc_placeholder_splits splits = {0};
	_cleanup_(release_search) struct search search = {.constant = placeholder->constant};
	_cleanup_(free_memory) uint8_t *known = NULL;
	int result = check_placeholder(placeholder, count, &search.width, error);

	if (result < 0)
		return result;
	known = calloc(count + 1, sizeof *known);
	if (!known)
		return vpc_fail(error, -ENOMEM, "%s: no memory for %zu instructions", placeholder->name, count);
	result = find_places(&search, insns, count, known, placeholder->name, error);
	if (result == 0 && search.constant >= SMALLEST_UNCOUNTED)
		result = vpc_placeholder_find_splits(insns, count, search.constant, search.width, known, placeholder->name, &splits, error);
	if (result < 0)
		return result;
	find_foldings(&search, insns, count, &splits, known);
	sites = join_sites(&search, &splits, count, placeholder->name);
	if (!sites)
		return vpc_fail(error, -ENOMEM, "%s: no memory for %zu places", placeholder->name, search.count);

	result = judge(&search, sites, placeholder, is_part, error);
	if (result == 0)
		result = vpc_placeholder_prove(insns, count, sites, error);
	if (result == 0)
		result = vpc_placeholder_bound(insns, count, sites, error);
	if (result < 0)
		return result;
	*ret_sites = sites;
	sites = NULL;
	return 0;
}

int vpc_placeholder_scan(const struct bpf_insn *insns, size_t count, const struct vpc_placeholder *placeholder,
	struct vpc_placeholder_sites **ret_sites, struct vpc_error *error) {
	return scan(insns, count, placeholder, false, ret_sites, error);
}

int vpc_placeholder_scan_part(const struct bpf_insn *insns, size_t count, const struct vpc_placeholder *placeholder,
	struct vpc_placeholder_sites **ret_sites, struct vpc_error *error) {
	return scan(insns, count, placeholder, true, ret_sites, error);
}

struct vpc_placeholder_sites *vpc_placeholder_sites_free(struct vpc_placeholder_sites *sites) {
	if (sites)
		free(sites->parts);
	free(sites);
	return NULL;
}

size_t vpc_placeholder_sites_count(const struct vpc_placeholder_sites *sites) {
	return sites->count;
}

struct vpc_placeholder_site vpc_placeholder_sites_get(const struct vpc_placeholder_sites *sites, size_t index) {
	const struct vpc_placeholder_place *place = &sites->places[index];
	return (struct vpc_placeholder_site){place->instruction, place->kind, TEXTS[place->kind]};
}

size_t vpc_placeholder_sites_instructions(const struct vpc_placeholder_sites *sites, size_t index, uint32_t ret_instructions[static 8]) {
	const struct vpc_placeholder_place *place = &sites->places[index];

	if (place->kind != VPC_PLACEHOLDER_SPLIT) {
		ret_instructions[0] = place->instruction;
		return 1;
	}
	for (uint32_t i = 0; i < place->part_count; i++)
		ret_instructions[i] = sites->parts[place->first_part + i].instruction;
	return place->part_count;
}
