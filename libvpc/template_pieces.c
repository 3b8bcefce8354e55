// SPDX-License-Identifier: Apache-2.0
#include "template_pieces.h"

#include <errno.h>
#include <string.h>

#include "error.h"

#define INSTRUCTION sizeof(struct bpf_insn)
#define CALL (BPF_JMP | BPF_CALL)
#define LOAD_IMMEDIATE_64 (BPF_LD | BPF_IMM | BPF_DW)

void vpc_pieces_release(struct vpc_pieces *pieces) {
	free(pieces->items);
	free(pieces->relocations);
}

static int compare_relocations(const void *left, const void *right) {
	const struct vpc_elf_relocation *a = left, *b = right;
	if (a->section != b->section)
		return a->section < b->section ? -1 : 1;
	return (a->offset > b->offset) - (a->offset < b->offset);
}

static int find_relocations(const struct vpc_elf *elf, struct vpc_pieces *pieces) {
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

const struct vpc_elf_relocation *vpc_pieces_relocation(const struct vpc_pieces *pieces, size_t section, uint64_t offset) {
	const struct vpc_elf_relocation wanted = {.section = section, .offset = offset};
	return bsearch(&wanted, pieces->relocations, pieces->relocation_count, sizeof wanted, compare_relocations);
}

static int find_pieces(const struct vpc_template *template, struct vpc_pieces *ret_pieces, struct vpc_error *error) {
	const struct vpc_elf *elf = &template->elf;
	_cleanup_(vpc_pieces_release) struct vpc_pieces pieces = {.items = calloc(elf->symbol_count, sizeof *pieces.items)};
	if (!pieces.items || find_relocations(elf, &pieces) < 0)
		return vpc_fail(error, -ENOMEM, "%s: no memory for functions", template->name);
	for (size_t i = 0; i < elf->symbol_count; i++) {
		const Elf64_Sym *symbol = &elf->symbols[i];
		if (ELF64_ST_TYPE(symbol->st_info) != STT_FUNC || symbol->st_shndx == SHN_UNDEF || symbol->st_shndx >= elf->section_count ||
			!vpc_elf_is_code(elf, symbol->st_shndx) || symbol->st_size == 0 || (symbol->st_size | symbol->st_value) % INSTRUCTION)
			continue;
		pieces.items[pieces.count++] = (struct vpc_piece){
			.name = vpc_elf_symbol_name(elf, symbol),
			.section = symbol->st_shndx,
			.offset = symbol->st_value,
			.size = symbol->st_size,
			.is_program = ELF64_ST_BIND(symbol->st_info) != STB_LOCAL && strcmp(vpc_elf_section_name(elf, symbol->st_shndx), ".text"),
		};
	}
	*ret_pieces = pieces;
	pieces = (struct vpc_pieces){0};
	return 0;
}

struct vpc_piece *vpc_pieces_at(const struct vpc_pieces *pieces, size_t section, uint64_t offset) {
	for (size_t i = 0; i < pieces->count; i++)
		if (pieces->items[i].section == section && offset >= pieces->items[i].offset &&
			offset - pieces->items[i].offset < pieces->items[i].size)
			return &pieces->items[i];
	return NULL;
}

static struct bpf_insn instruction_at(const struct vpc_elf *elf, size_t section, uint64_t offset) {
	struct bpf_insn instruction;
	memcpy(&instruction, vpc_elf_section_bytes(elf, section) + offset, sizeof instruction);
	return instruction;
}

/*
 * The function that a call or an lddw (of a callback) at that place names: by its relocation, else a call relative to
 * itself. NULL if it names no function of the object.
 */
static struct vpc_piece *callee(const struct vpc_elf *elf, const struct vpc_pieces *pieces, size_t section, uint64_t offset) {
	struct bpf_insn instruction = instruction_at(elf, section, offset);
	const struct vpc_elf_relocation *relocation = vpc_pieces_relocation(pieces, section, offset);
	if (relocation) {
		bool by_section = ELF64_ST_TYPE(relocation->symbol->st_info) == STT_SECTION;
		uint64_t addend = !by_section ? 0 : instruction.code == CALL ? ((uint64_t)(int64_t)instruction.imm + 1) * INSTRUCTION
			: (uint32_t)instruction.imm;
		return vpc_pieces_at(pieces, relocation->symbol->st_shndx, relocation->symbol->st_value + addend);
	}
	return instruction.code == CALL ? vpc_pieces_at(pieces, section,
		offset + INSTRUCTION + (uint64_t)((int64_t)instruction.imm * (int64_t)INSTRUCTION)) : NULL;
}

static bool may_name_function(const struct bpf_insn *instruction) {
	return vpc_piece_is_local_call(instruction) || instruction->code == LOAD_IMMEDIATE_64;
}

/* Marks what the piece calls, and what that calls; true if anything new was marked. */
static bool mark_callees(const struct vpc_elf *elf, const struct vpc_pieces *pieces, const struct vpc_piece *caller, bool from_outside) {
	bool changed = false;
	for (uint64_t offset = caller->offset; offset < caller->offset + caller->size; offset += INSTRUCTION) {
		struct bpf_insn instruction = instruction_at(elf, caller->section, offset);
		struct vpc_piece *called = may_name_function(&instruction) ? callee(elf, pieces, caller->section, offset) : NULL;
		bool *mark = called ? (from_outside ? &called->is_reached_from_outside : &called->is_chosen) : NULL;
		if (mark && !*mark)
			changed = *mark = true;
	}
	return changed;
}

/* The pieces that the template's choice of a program means; all without a choice. */
static void choose_pieces(const struct vpc_template *template, const char *program, struct vpc_pieces *pieces) {
	for (size_t i = 0; i < pieces->count; i++) {
		struct vpc_piece *piece = &pieces->items[i];
		piece->is_chosen = !program || (piece->is_program && strcmp(piece->name, program) == 0);
		piece->is_reached_from_outside = piece->is_program && !piece->is_chosen;
	}
	for (bool changed = program != NULL; changed;) {
		changed = false;
		for (size_t i = 0; i < pieces->count; i++) {
			if (pieces->items[i].is_chosen)
				changed |= mark_callees(&template->elf, pieces, &pieces->items[i], false);
			if (pieces->items[i].is_reached_from_outside)
				changed |= mark_callees(&template->elf, pieces, &pieces->items[i], true);
		}
	}
}

int vpc_pieces_find(const struct vpc_template *template, const char *program, struct vpc_pieces *ret_pieces, struct vpc_error *error) {
	int result = find_pieces(template, ret_pieces, error);
	if (result == 0)
		choose_pieces(template, program, ret_pieces);
	return result;
}

int vpc_pieces_check_shared(const struct vpc_template *template, const struct vpc_piece *piece, const char *what, struct vpc_error *error) {
	if (!template->only_program || !piece->is_reached_from_outside)
		return 0;
	return vpc_fail(error, -EINVAL, "%s: %s is in function %s, which program %s calls, and others too; patch all programs, or none",
		template->name, what, piece->name, template->only_program);
}
