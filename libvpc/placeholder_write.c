// SPDX-License-Identifier: Apache-2.0
#include "placeholder_internal.h"

#include <errno.h>
#include <inttypes.h>

#include "error.h"

/* NULL if the place carries the value, else why not. */
static const char *refusal(const struct vpc_placeholder_sites *sites, const struct vpc_placeholder_place *place,
		const struct vpc_placeholder_plan *plan, uint64_t value) {
	const struct vpc_placeholder_bounds *bounds = &place->bounds;
	int64_t number = sites->width == 8 ? (int64_t)value : (int32_t)(uint32_t)value;

	if (plan->action == VPC_PLACEHOLDER_REFUSE)
		return plan->reason;
	if (place->divides && (uint32_t)value == 0)
		return "it divides, and the kernel refuses a division by zero";
	if (value < bounds->lowest || value > bounds->highest || number < bounds->signed_lowest || number > bounds->signed_highest)
		return "the compiler sorted it among other constants that are compared with, as in a switch, and this value is out of that order";
	switch ((enum vpc_placeholder_range)plan->range) {
	case VPC_PLACEHOLDER_ANY: return NULL;
	case VPC_PLACEHOLDER_ZERO_EXTENDED: return value >> 32 ? "it holds 4 bytes, which are zero-extended" : NULL;
	case VPC_PLACEHOLDER_SIGN_EXTENDED: return (int64_t)value != (int32_t)value ? "it holds 4 bytes, which are sign-extended" : NULL;
	case VPC_PLACEHOLDER_SHORT: return value >> 16 ? "it holds 2 bytes" : NULL;
	case VPC_PLACEHOLDER_BYTE: return value >> 8 ? "it holds 1 byte" : NULL;
	}
	return NULL;
}

static void write_part(struct bpf_insn *insn, const struct vpc_placeholder_part *part, uint64_t value) {
	for (unsigned i = 0; i < part->count; i++) {
		int32_t *immediate = &insn[(part->at + i) / 4].imm;
		unsigned shift = 8 * ((part->at + i) % 4);
		uint32_t byte = (uint8_t)(value >> 8 * (part->from + i));
		*immediate = (int32_t)(((uint32_t)*immediate & ~(0xffu << shift)) | byte << shift);
	}
}

static void write_pieces(struct bpf_insn *insns, const struct vpc_placeholder_sites *sites, const struct vpc_placeholder_place *place,
		uint64_t value) {
	for (uint32_t i = 0; i < place->part_count; i++) {
		const struct vpc_placeholder_part *part = &sites->parts[place->first_part + i];
		write_part(insns + part->instruction, part, value);
	}
}

static void write_place(struct bpf_insn *insns, const struct vpc_placeholder_sites *sites, const struct vpc_placeholder_place *place,
		const struct vpc_placeholder_plan *plan, uint64_t value) {
	struct bpf_insn *insn = insns + place->instruction;
	int32_t low = (int32_t)(uint32_t)value;

	switch ((enum vpc_placeholder_action)plan->action) {
	case VPC_PLACEHOLDER_REFUSE: return;
	case VPC_PLACEHOLDER_PIECES: write_pieces(insns, sites, place, value); return;
	case VPC_PLACEHOLDER_IMMEDIATE:
		insn->code = plan->code;
		insn->imm = low;
		return;
	case VPC_PLACEHOLDER_FIRST: insn[0].imm = low; return;
	case VPC_PLACEHOLDER_SECOND: insn[1].imm = low; return;
	case VPC_PLACEHOLDER_BOTH:
		insn[0].imm = low;
		insn[1].imm = (int32_t)(uint32_t)(value >> 32);
		return;
	case VPC_PLACEHOLDER_EXTENDED:
		insn[0].imm = low;
		insn[1].imm = low < 0 ? -1 : 0;
		return;
	}
}

int vpc_placeholder_write(struct bpf_insn *insns, size_t count, const struct vpc_placeholder_sites *sites, uint64_t value,
	struct vpc_error *error) {
	unsigned class = value >> 31 & 1 ? VPC_PLACEHOLDER_SET : VPC_PLACEHOLDER_CLEAR;

	if (count != sites->instructions)
		return vpc_fail(error, -EINVAL, "%s: %zu instructions are to be written, but %zu were scanned", sites->name, count,
			sites->instructions);
	if (sites->width == 4 && value >> 32)
		return vpc_fail(error, -ERANGE, "%s: 0x%" PRIx64 " does not fit the placeholder's 4 bytes", sites->name, value);

	for (size_t i = 0; i < sites->count; i++) {
		const struct vpc_placeholder_place *place = &sites->places[i];
		const char *reason = refusal(sites, place, &place->plans[class], value);
		if (reason)
			return vpc_fail(error, -EILSEQ, "%s: instruction %u (%s) cannot carry 0x%" PRIx64 ": %s", sites->name, place->instruction,
				vpc_placeholder_sites_get(sites, i).text, value, reason);
	}
	for (size_t i = 0; i < sites->count; i++)
		write_place(insns, sites, &sites->places[i], &sites->places[i].plans[class], value);
	return 0;
}
