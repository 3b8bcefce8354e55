// SPDX-License-Identifier: Apache-2.0
#include "template_placeholders.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core_relocation.h"
#include "error.h"
#include "template_pieces.h"

#define INSTRUCTION sizeof(struct bpf_insn)
#define LOAD_IMMEDIATE_64 (BPF_LD | BPF_IMM | BPF_DW)

/*
 * The piece's instructions, marked as the scanner wants them: calls that leave it, and what waits for the address of a map
 * or a variable, where an offset stands that is no number of the program.
 */
static struct bpf_insn *copy_piece(const struct vpc_elf *elf, const struct vpc_pieces *pieces, const struct vpc_piece *piece,
		const uint8_t *bytes) {
	size_t count = piece->size / INSTRUCTION;
	struct bpf_insn *instructions = malloc(piece->size);
	if (!instructions)
		return NULL;
	memcpy(instructions, bytes + elf->sections[piece->section].sh_offset + piece->offset, piece->size);
	for (size_t i = 0; i < count; i++) {
		int64_t target = (int64_t)i + 1 + instructions[i].imm;
		if (vpc_piece_is_local_call(&instructions[i]) && (target < 0 || target >= (int64_t)count || instructions[i].imm != -1))
			instructions[i].imm = -1;
		if (instructions[i].code == LOAD_IMMEDIATE_64 && vpc_pieces_relocation(pieces, piece->section, piece->offset + i * INSTRUCTION))
			instructions[i].src_reg = BPF_PSEUDO_MAP_VALUE;
	}
	return instructions;
}

/* The caller counts the places over all pieces, so none in this one is no error here. */
static int scan_piece(const struct vpc_template *template, const struct vpc_pieces *pieces, const struct vpc_piece *piece,
		const struct vpc_placeholder *placeholder, struct vpc_placeholder_sites **ret_sites, struct vpc_error *error) {
	_cleanup_(free_memory) struct bpf_insn *instructions = copy_piece(&template->elf, pieces, piece, template->bytes);
	if (!instructions)
		return vpc_fail(error, -ENOMEM, "%s: no memory for the instructions of %s", template->name, piece->name);
	return vpc_placeholder_scan_part(instructions, piece->size / INSTRUCTION, placeholder, ret_sites, error);
}

typedef int visit_sites(const struct vpc_template *template, const struct vpc_pieces *pieces, const struct vpc_piece *piece,
	const struct vpc_placeholder_sites *sites, void *context, struct vpc_error *error);

/* Visits the places of the placeholder in each piece that has any: of the program and what it calls, or of all. */
static int each_piece(const struct vpc_template *template, const char *program, const struct vpc_placeholder *placeholder,
		visit_sites *visit, void *context, struct vpc_error *error) {
	_cleanup_(vpc_pieces_release) struct vpc_pieces pieces = {0};
	struct vpc_error scan_error = {""};
	int result = vpc_pieces_find(template, program, &pieces, error);
	for (size_t i = 0; i < pieces.count && result == 0; i++) {
		_cleanup_(free_placeholder_sites) struct vpc_placeholder_sites *sites = NULL;
		if (!pieces.items[i].is_chosen)
			continue;
		result = scan_piece(template, &pieces, &pieces.items[i], placeholder, &sites, &scan_error);
		if (result == 0)
			result = visit(template, &pieces, &pieces.items[i], sites, context, error);
		else if (result == -ENOENT)
			result = 0;
		else
			vpc_fail(error, result, "%s: %s: %.400s", template->name, pieces.items[i].name, scan_error.text);
	}
	return result;
}

static int add_count(const struct vpc_template *template, const struct vpc_pieces *pieces, const struct vpc_piece *piece,
		const struct vpc_placeholder_sites *sites, void *context, struct vpc_error *error) {
	(void)template, (void)pieces, (void)piece, (void)error;
	*(uint32_t *)context += (uint32_t)vpc_placeholder_sites_count(sites);
	return 0;
}

struct counting {
	const char *placeholder;
	uint32_t count;
};

/* No instruction of the place is one that libbpf rewrites. */
static int check_place(const struct vpc_template *template, const struct vpc_piece *piece, const struct vpc_placeholder_sites *sites,
		size_t index, const char *placeholder, struct vpc_error *error) {
	uint32_t instructions[8];
	size_t count = vpc_placeholder_sites_instructions(sites, index, instructions);
	int result = 0;
	for (size_t i = 0; i < count && result == 0; i++)
		result = vpc_core_relocation_check(template, piece->section, piece->offset + instructions[i] * INSTRUCTION, placeholder, error);
	return result;
}

static int check_piece(const struct vpc_template *template, const struct vpc_pieces *pieces, const struct vpc_piece *piece,
		const struct vpc_placeholder_sites *sites, void *context, struct vpc_error *error) {
	struct counting *counting = context;
	char what[300];
	(void)pieces;
	snprintf(what, sizeof what, "placeholder %s", counting->placeholder);
	int result = vpc_pieces_check_shared(template, piece, what, error);
	for (size_t i = 0; i < vpc_placeholder_sites_count(sites) && result == 0; i++)
		result = check_place(template, piece, sites, i, counting->placeholder, error);
	counting->count += (uint32_t)vpc_placeholder_sites_count(sites);
	return result;
}

int vpc_template_count_in_program(const struct vpc_template *template, const char *program, size_t parameter, uint32_t *ret_count,
		struct vpc_error *error) {
	uint32_t count = 0;
	int result = each_piece(template, program, &template->parameters[parameter].placeholder, add_count, &count, error);
	if (result == 0)
		*ret_count = count;
	return result;
}

int vpc_template_count_placeholders(struct vpc_template *template, struct vpc_error *error) {
	for (size_t i = 0; i < template->parameter_count; i++) {
		struct vpc_template_parameter *parameter = &template->parameters[i];
		struct counting counting = {parameter->name, 0};
		if (parameter->public.site != VPC_SITE_PLACEHOLDER)
			continue;
		int result = each_piece(template, template->only_program, &parameter->placeholder, check_piece, &counting, error);
		if (result < 0)
			return result;
		uint32_t count = counting.count;
		if (count == 0)
			return vpc_fail(error, -ENXIO, "%s: placeholder %s: the constant 0x%" PRIx64 " is in no instruction%s%s", template->name,
				parameter->name, parameter->placeholder.constant, template->only_program ? " of program " : "", template->only_program
				? template->only_program : "");
		if (parameter->placeholder.expected && count != (uint32_t)parameter->placeholder.expected)
			return vpc_fail(error, -ENXIO, "%s: placeholder %s: the constant 0x%" PRIx64 " is in %" PRIu32 " places, %d were expected",
				template->name, parameter->name, parameter->placeholder.constant, count, parameter->placeholder.expected);
		parameter->public.sites = count;
	}
	return 0;
}

struct writing {
	uint64_t value;
	uint8_t *bytes;
};

/* Only what the writing changed goes back: calls were marked in the copy. */
static int write_piece(const struct vpc_template *template, const struct vpc_pieces *pieces, const struct vpc_piece *piece,
		const struct vpc_placeholder_sites *sites, void *context, struct vpc_error *error) {
	struct writing *writing = context;
	size_t count = piece->size / INSTRUCTION;
	uint8_t *target = writing->bytes + template->elf.sections[piece->section].sh_offset + piece->offset;
	_cleanup_(free_memory) struct bpf_insn *before = copy_piece(&template->elf, pieces, piece, writing->bytes);
	_cleanup_(free_memory) struct bpf_insn *after = copy_piece(&template->elf, pieces, piece, writing->bytes);
	if (!before || !after)
		return vpc_fail(error, -ENOMEM, "%s: no memory for the instructions of %s", template->name, piece->name);
	int result = vpc_placeholder_write(after, count, sites, writing->value, error);
	for (size_t i = 0; i < count && result == 0; i++)
		if (memcmp(&before[i], &after[i], INSTRUCTION))
			memcpy(target + i * INSTRUCTION, &after[i], INSTRUCTION);
	return result;
}

int vpc_template_write_placeholder(const struct vpc_template *template, size_t parameter, uint64_t value, uint8_t *bytes,
		struct vpc_error *error) {
	struct writing writing = {value, bytes};
	return each_piece(template, template->only_program, &template->parameters[parameter].placeholder, write_piece, &writing, error);
}
