// SPDX-License-Identifier: Apache-2.0
#include "placeholder_internal.h"

#include <byteswap.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "error.h"

/* Sixteen times what the kernel takes. */
#define MOST_INSTRUCTIONS (16u << 20)

static const char *const TEXTS[VPC_PLACEHOLDER_KINDS] = {
	"64-bit constant", "sign-extended 64-bit constant", "low half of a 64-bit constant", "high half of a 64-bit constant",
	"64-bit move", "32-bit move", "64-bit operand", "32-bit operand", "64-bit comparison", "32-bit comparison",
	"8-byte store", "store of at most 4 bytes",
};

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
	const char *folding; /* the first folded form, or NULL */
	size_t folded_at;
	uint64_t folded;
};

static void found(struct search *search, size_t at, enum vpc_placeholder_kind kind) {
	if (search->places)
		search->places[search->count] = (struct vpc_placeholder_place){.instruction = (uint32_t)at, .kind = (uint8_t)kind};
	search->count++;
}

/* How the compiler can have made number out of the constant, or NULL. Compared in the given width. */
static const char *folding(uint64_t constant, uint64_t number, unsigned width) {
	uint64_t mask = width == 8 ? UINT64_MAX : UINT32_MAX;
	uint64_t swapped = width == 8 ? bswap_64(constant) : bswap_32((uint32_t)constant);

	number &= mask;
	if (number == ((constant - 1) & mask))
		return "that less one, from >= or <";
	if (number == ((constant + 1) & mask))
		return "that plus one, from > or <=";
	if (number == (-constant & mask))
		return "that negated, from a subtraction";
	if (number == (~constant & mask))
		return "that inverted, from ~ or a mask";
	if (number == swapped && swapped != constant)
		return "that with its bytes swapped, from htonl or ntohl";
	return NULL;
}

static void suspect(struct search *search, size_t at, uint64_t number, const char *text) {
	if (!text || search->folding)
		return;
	search->folding = text;
	search->folded_at = at;
	search->folded = number;
}

static const char *folded_number(const struct search *search, uint64_t number, bool is_wide) {
	if (search->width == 8) {
		if ((uint32_t)number == (uint32_t)search->constant || (uint32_t)number == search->constant >> 32)
			return !is_wide && search->constant >> 32 && (int64_t)search->constant != (int32_t)search->constant ? "half of that" : NULL;
		return folding(search->constant, number, 8);
	}
	/* Folded in 4 bytes the other half is an extension; folded in 8 it is a borrow. */
	if (number >> 32 == 0 || number >> 32 == UINT32_MAX)
		return folding(search->constant, number, 4);
	return is_wide ? folding(search->constant, number >> 32, 4) : NULL;
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
		suspect(search, at, number, folded_number(search, number, true));
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
		suspect(search, at, number, folded_number(search, number, false));
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
static int judge(const struct search *search, const struct vpc_placeholder *placeholder, struct vpc_error *error) {
	if (search->count == 0 && search->folding)
		return vpc_fail(error, -ENOENT, "%s: no instruction holds 0x%" PRIx64 ", but instruction %zu holds 0x%" PRIx64 ": %s; keep the constant from being folded, e.g. with barrier_var()",
			placeholder->name, search->constant, search->folded_at, search->folded, search->folding);
	if (search->count == 0)
		return vpc_fail(error, -ENOENT, "%s: no instruction holds 0x%" PRIx64 "; is it the constant of the source, and not folded away?", placeholder->name, search->constant);
	if (placeholder->expected && search->count != (size_t)placeholder->expected) {
		char places[320];
		list_places(search->places, search->count, places, sizeof places);
		return vpc_fail(error, -ENOENT, "%s: 0x%" PRIx64 " stands in %zu places, not in %d: instruction %s", placeholder->name, search->constant, search->count, placeholder->expected, places);
	}
	if (!placeholder->expected && search->folding)
		return vpc_fail(error, -EILSEQ, "%s: %zu places hold 0x%" PRIx64 ", but instruction %zu holds 0x%" PRIx64 ": %s; keep the constant from being folded, e.g. with barrier_var(), or state how many places are all",
			placeholder->name, search->count, search->constant, search->folded_at, search->folded, search->folding);
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
		return vpc_fail(error, -EINVAL, "%s: 0x%" PRIx64 " is too common a number to be told from others; state how many places hold it, or choose a longer one", placeholder->name, placeholder->constant);
	if (count > MOST_INSTRUCTIONS)
		return vpc_fail(error, -EINVAL, "%s: %zu instructions are more than any kernel takes", placeholder->name, count);
	*ret_width = width;
	return 0;
}

int vpc_placeholder_scan(const struct bpf_insn *insns, size_t count, const struct vpc_placeholder *placeholder,
	struct vpc_placeholder_sites **ret_sites, struct vpc_error *error) {
	_cleanup_(free_placeholder_sites) struct vpc_placeholder_sites *sites = NULL;
	struct search search = {.constant = placeholder->constant};
	int result = check_placeholder(placeholder, count, &search.width, error);

	if (result == 0)
		result = look_everywhere(&search, insns, count, placeholder->name, error);
	if (result < 0)
		return result;

	sites = calloc(1, sizeof *sites + search.count * sizeof *sites->places);
	if (!sites)
		return vpc_fail(error, -ENOMEM, "%s: no memory for %zu places", placeholder->name, search.count);
	search.places = sites->places;
	search.count = 0;
	look_everywhere(&search, insns, count, placeholder->name, NULL);
	sites->instructions = count;
	sites->constant = search.constant;
	sites->width = search.width;
	sites->count = search.count;
	snprintf(sites->name, sizeof sites->name, "%s", placeholder->name);

	result = judge(&search, placeholder, error);
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

struct vpc_placeholder_sites *vpc_placeholder_sites_free(struct vpc_placeholder_sites *sites) {
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
