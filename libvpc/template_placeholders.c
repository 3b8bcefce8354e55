// SPDX-License-Identifier: Apache-2.0
#include "template_placeholders.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "core_relocation.h"
#include "error.h"

#define INSTRUCTION sizeof(struct bpf_insn)
#define CALL (BPF_JMP | BPF_CALL)
#define LOAD_IMMEDIATE_64 (BPF_LD | BPF_IMM | BPF_DW)

/* A function of the object: a piece of a section of instructions. */
struct piece {
	const char *name;
	size_t section;
	uint64_t offset, size;
	bool is_program, is_chosen, is_reached_from_outside;
};

struct pieces {
	struct piece *items;
	size_t count;
	struct vpc_elf_relocation *relocations; /* of instructions, in the order of sections and offsets */
	size_t relocation_count;
};

static void release_pieces(struct pieces *pieces) {
	free(pieces->items);
	free(pieces->relocations);
}

static int compare_relocations(const void *left, const void *right) {
	const struct vpc_elf_relocation *a = left, *b = right;
	if (a->section != b->section)
		return a->section < b->section ? -1 : 1;
	return (a->offset > b->offset) - (a->offset < b->offset);
}

static int find_relocations(const struct vpc_elf *elf, struct pieces *pieces) {
	size_t count = 0;
	for (size_t s = 0; s < elf->section_count; s++)
		count += vpc_elf_relocation_count(elf, s);
	pieces->relocations = calloc(count + 1, sizeof *pieces->relocations);
	if (!pieces->relocations)
		return -ENOMEM;
	for (size_t s = 0; s < elf->section_count; s++)
		for (size_t i = 0; i < vpc_elf_relocation_count(elf, s); i++)
			pieces->relocations[pieces->relocation_count++] = vpc_elf_relocation(elf, s, i);
	qsort(pieces->relocations, count, sizeof *pieces->relocations, compare_relocations);
	return 0;
}

/* The relocation of that instruction, or NULL. */
static const struct vpc_elf_relocation *relocation_at(const struct pieces *pieces, size_t section, uint64_t offset) {
	const struct vpc_elf_relocation wanted = {.section = section, .offset = offset};
	return bsearch(&wanted, pieces->relocations, pieces->relocation_count, sizeof wanted, compare_relocations);
}

static int find_pieces(const struct vpc_template *template, struct pieces *ret_pieces, struct vpc_error *error) {
	const struct vpc_elf *elf = &template->elf;
	_cleanup_(release_pieces) struct pieces pieces = {.items = calloc(elf->symbol_count, sizeof *pieces.items)};
	if (!pieces.items || find_relocations(elf, &pieces) < 0)
		return vpc_fail(error, -ENOMEM, "%s: no memory for functions", template->name);
	for (size_t i = 0; i < elf->symbol_count; i++) {
		const Elf64_Sym *symbol = &elf->symbols[i];
		if (ELF64_ST_TYPE(symbol->st_info) != STT_FUNC || symbol->st_shndx == SHN_UNDEF || symbol->st_shndx >= elf->section_count ||
			!vpc_elf_is_code(elf, symbol->st_shndx) || symbol->st_size == 0 || (symbol->st_size | symbol->st_value) % INSTRUCTION)
			continue;
		pieces.items[pieces.count++] = (struct piece){
			.name = vpc_elf_symbol_name(elf, symbol),
			.section = symbol->st_shndx,
			.offset = symbol->st_value,
			.size = symbol->st_size,
			.is_program = ELF64_ST_BIND(symbol->st_info) != STB_LOCAL && strcmp(vpc_elf_section_name(elf, symbol->st_shndx), ".text"),
		};
	}
	*ret_pieces = pieces;
	pieces = (struct pieces){0};
	return 0;
}

static struct piece *piece_at(const struct pieces *pieces, size_t section, uint64_t offset) {
	for (size_t i = 0; i < pieces->count; i++)
		if (pieces->items[i].section == section && offset >= pieces->items[i].offset && offset - pieces->items[i].offset < pieces->items[i].size)
			return &pieces->items[i];
	return NULL;
}

static struct bpf_insn instruction_at(const struct vpc_elf *elf, size_t section, uint64_t offset) {
	struct bpf_insn instruction;
	memcpy(&instruction, vpc_elf_section_bytes(elf, section) + offset, sizeof instruction);
	return instruction;
}

static bool is_local_call(const struct bpf_insn *instruction) {
	return instruction->code == CALL && instruction->src_reg == BPF_PSEUDO_CALL;
}

/*
 * The function that a call or an lddw (of a callback) at that place names: by its relocation, else a call relative to
 * itself. NULL if it names no function of the object.
 */
static struct piece *callee(const struct vpc_elf *elf, const struct pieces *pieces, size_t section, uint64_t offset) {
	struct bpf_insn instruction = instruction_at(elf, section, offset);
	const struct vpc_elf_relocation *relocation = relocation_at(pieces, section, offset);
	if (relocation) {
		bool by_section = ELF64_ST_TYPE(relocation->symbol->st_info) == STT_SECTION;
		uint64_t addend = !by_section ? 0 : instruction.code == CALL ? ((uint64_t)(int64_t)instruction.imm + 1) * INSTRUCTION : (uint32_t)instruction.imm;
		return piece_at(pieces, relocation->symbol->st_shndx, relocation->symbol->st_value + addend);
	}
	return instruction.code == CALL ? piece_at(pieces, section, offset + INSTRUCTION + (uint64_t)((int64_t)instruction.imm * (int64_t)INSTRUCTION)) : NULL;
}

static bool may_name_function(const struct bpf_insn *instruction) {
	return is_local_call(instruction) || instruction->code == LOAD_IMMEDIATE_64;
}

/* Marks what the piece calls, and what that calls; true if anything new was marked. */
static bool mark_callees(const struct vpc_elf *elf, const struct pieces *pieces, const struct piece *caller, bool from_outside) {
	bool changed = false;
	for (uint64_t offset = caller->offset; offset < caller->offset + caller->size; offset += INSTRUCTION) {
		struct bpf_insn instruction = instruction_at(elf, caller->section, offset);
		struct piece *called = may_name_function(&instruction) ? callee(elf, pieces, caller->section, offset) : NULL;
		bool *mark = called ? (from_outside ? &called->is_reached_from_outside : &called->is_chosen) : NULL;
		if (mark && !*mark)
			changed = *mark = true;
	}
	return changed;
}

/* The pieces that the template's choice of a program means; all without a choice. */
static void choose_pieces(const struct vpc_template *template, const char *program, struct pieces *pieces) {
	for (size_t i = 0; i < pieces->count; i++) {
		struct piece *piece = &pieces->items[i];
		piece->is_chosen = !program || (piece->is_program && strcmp(piece->name, program) == 0);
		piece->is_reached_from_outside = piece->is_program && !piece->is_chosen;
	}
	for (bool changed = true; changed;) {
		changed = false;
		for (size_t i = 0; i < pieces->count; i++) {
			if (pieces->items[i].is_chosen)
				changed |= mark_callees(&template->elf, pieces, &pieces->items[i], false);
			if (pieces->items[i].is_reached_from_outside)
				changed |= mark_callees(&template->elf, pieces, &pieces->items[i], true);
		}
	}
}

/* A function that others call too would change for them as well. */
static int check_shared(const struct vpc_template *template, const struct piece *piece, const char *placeholder, struct vpc_error *error) {
	if (!template->only_program || !piece->is_reached_from_outside)
		return 0;
	return vpc_fail(error, -EINVAL, "%s: placeholder %s is in function %s, which program %s calls, and others too; patch all programs, or none", template->name, placeholder,
		piece->name, template->only_program);
}

/*
 * The piece's instructions, marked as the scanner wants them: calls that leave it, and what waits for the address of a map
 * or a variable, where an offset stands that is no number of the program.
 */
static struct bpf_insn *copy_piece(const struct vpc_elf *elf, const struct pieces *pieces, const struct piece *piece, const uint8_t *bytes) {
	size_t count = piece->size / INSTRUCTION;
	struct bpf_insn *instructions = malloc(piece->size);
	if (!instructions)
		return NULL;
	memcpy(instructions, bytes + elf->sections[piece->section].sh_offset + piece->offset, piece->size);
	for (size_t i = 0; i < count; i++) {
		int64_t target = (int64_t)i + 1 + instructions[i].imm;
		if (is_local_call(&instructions[i]) && (target < 0 || target >= (int64_t)count || instructions[i].imm != -1))
			instructions[i].imm = -1;
		if (instructions[i].code == LOAD_IMMEDIATE_64 && relocation_at(pieces, piece->section, piece->offset + i * INSTRUCTION))
			instructions[i].src_reg = BPF_PSEUDO_MAP_VALUE;
	}
	return instructions;
}

/* The caller counts the places over all pieces, so none in this one is no error here. */
static int scan_piece(const struct vpc_template *template, const struct pieces *pieces, const struct piece *piece, const struct vpc_placeholder *placeholder,
		struct vpc_placeholder_sites **ret_sites, struct vpc_error *error) {
	_cleanup_(free_memory) struct bpf_insn *instructions = copy_piece(&template->elf, pieces, piece, template->bytes);
	if (!instructions)
		return vpc_fail(error, -ENOMEM, "%s: no memory for the instructions of %s", template->name, piece->name);
	return vpc_placeholder_scan_part(instructions, piece->size / INSTRUCTION, placeholder, ret_sites, error);
}

typedef int visit_sites(const struct vpc_template *template, const struct pieces *pieces, const struct piece *piece, const struct vpc_placeholder_sites *sites, void *context, struct vpc_error *error);

/* Visits the places of the placeholder in each piece that has any: of the program and what it calls, or of all. */
static int each_piece(const struct vpc_template *template, const char *program, const struct vpc_placeholder *placeholder, visit_sites *visit, void *context,
		struct vpc_error *error) {
	_cleanup_(release_pieces) struct pieces pieces = {0};
	struct vpc_error scan_error = {""};
	int result = find_pieces(template, &pieces, error);
	if (result == 0)
		choose_pieces(template, program, &pieces);
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

static int add_count(const struct vpc_template *template, const struct pieces *pieces, const struct piece *piece, const struct vpc_placeholder_sites *sites, void *context, struct vpc_error *error) {
	(void)template, (void)pieces, (void)piece, (void)error;
	*(uint32_t *)context += (uint32_t)vpc_placeholder_sites_count(sites);
	return 0;
}

struct counting {
	const char *placeholder;
	uint32_t count;
};

/* No instruction of the place is one that libbpf rewrites. */
static int check_place(const struct vpc_template *template, const struct piece *piece, const struct vpc_placeholder_sites *sites, size_t index, const char *placeholder,
		struct vpc_error *error) {
	uint32_t instructions[8];
	size_t count = vpc_placeholder_sites_instructions(sites, index, instructions);
	int result = 0;
	for (size_t i = 0; i < count && result == 0; i++)
		result = vpc_core_relocation_check(template, piece->section, piece->offset + instructions[i] * INSTRUCTION, placeholder, error);
	return result;
}

static int check_piece(const struct vpc_template *template, const struct pieces *pieces, const struct piece *piece, const struct vpc_placeholder_sites *sites, void *context, struct vpc_error *error) {
	struct counting *counting = context;
	(void)pieces;
	int result = check_shared(template, piece, counting->placeholder, error);
	for (size_t i = 0; i < vpc_placeholder_sites_count(sites) && result == 0; i++)
		result = check_place(template, piece, sites, i, counting->placeholder, error);
	counting->count += (uint32_t)vpc_placeholder_sites_count(sites);
	return result;
}

int vpc_template_count_in_program(const struct vpc_template *template, const char *program, size_t parameter, uint32_t *ret_count, struct vpc_error *error) {
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
			return vpc_fail(error, -ENXIO, "%s: placeholder %s: the constant 0x%" PRIx64 " is in no instruction%s%s", template->name, parameter->name,
				parameter->placeholder.constant, template->only_program ? " of program " : "", template->only_program ? template->only_program : "");
		if (parameter->placeholder.expected && count != (uint32_t)parameter->placeholder.expected)
			return vpc_fail(error, -ENXIO, "%s: placeholder %s: the constant 0x%" PRIx64 " is in %" PRIu32 " places, %d were expected", template->name, parameter->name,
				parameter->placeholder.constant, count, parameter->placeholder.expected);
		parameter->public.sites = count;
	}
	return 0;
}

struct writing {
	uint64_t value;
	uint8_t *bytes;
};

/* Only what the writing changed goes back: calls were marked in the copy. */
static int write_piece(const struct vpc_template *template, const struct pieces *pieces, const struct piece *piece, const struct vpc_placeholder_sites *sites, void *context, struct vpc_error *error) {
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

int vpc_template_write_placeholder(const struct vpc_template *template, size_t parameter, uint64_t value, uint8_t *bytes, struct vpc_error *error) {
	struct writing writing = {value, bytes};
	return each_piece(template, template->only_program, &template->parameters[parameter].placeholder, write_piece, &writing, error);
}
