/* SPDX-License-Identifier: Apache-2.0 */
/* The functions of an object, and which of them the choice of one program means: that, and what it calls. */
#ifndef VPC_TEMPLATE_PIECES_H
#define VPC_TEMPLATE_PIECES_H

#include "template.h"

/* A function: a piece of a section of instructions. */
struct vpc_piece {
	const char *name;
	size_t section;
	uint64_t offset, size;
	bool is_program, is_chosen, is_reached_from_outside;
};

struct vpc_pieces {
	struct vpc_piece *items;
	size_t count;
	struct vpc_elf_relocation *relocations; /* of instructions, in the order of sections and offsets */
	size_t relocation_count;
};

/* All functions; program, or all if it is NULL, is chosen. -ENOMEM. */
int vpc_pieces_find(const struct vpc_template *template, const char *program, struct vpc_pieces *ret_pieces, struct vpc_error *error);
void vpc_pieces_release(struct vpc_pieces *pieces);

/* The function that holds that place, or NULL. */
struct vpc_piece *vpc_pieces_at(const struct vpc_pieces *pieces, size_t section, uint64_t offset);
/* The relocation of that instruction, or NULL. */
const struct vpc_elf_relocation *vpc_pieces_relocation(const struct vpc_pieces *pieces, size_t section, uint64_t offset);

/* -EINVAL if programs that were not chosen call the function too: `what`, a parameter, would change for them as well. */
int vpc_pieces_check_shared(const struct vpc_template *template, const struct vpc_piece *piece, const char *what, struct vpc_error *error);

static inline bool vpc_piece_is_local_call(const struct bpf_insn *instruction) {
	return instruction->code == (BPF_JMP | BPF_CALL) && instruction->src_reg == BPF_PSEUDO_CALL;
}

#endif
