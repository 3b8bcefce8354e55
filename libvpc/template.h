/* SPDX-License-Identifier: Apache-2.0 */
/* What a template is inside the library. */
#ifndef VPC_TEMPLATE_H
#define VPC_TEMPLATE_H

#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>
#include <vpc/vpc.h>

#include "cleanup.h"
#include "elf_reader.h"
#include "placeholder.h"

#define VPC_PARAMETER_SECTION_NAME ".rodata.vpc"

/* A parameter with what only the library needs to know. */
struct vpc_template_parameter {
	struct vpc_parameter public;
	char *name, *description;
	const char *symbol;                  /* constants and globals: as the object calls it; the name unless several are called so */
	size_t section;                      /* constants and globals */
	struct vpc_placeholder placeholder;  /* placeholders */
};

/* A program as the object has it: a global function outside .text. */
struct vpc_template_program {
	const char *name, *section_name;
	size_t section;
	uint64_t offset, size; /* bytes in the section */
	struct vpc_prepared *prepared; /* NULL before vpc_template_prepare() */
};

/* Where a constant stands in a program's relocated instructions. */
struct vpc_constant_site {
	uint32_t instruction; /* first slot of the lddw */
	uint16_t parameter;
	uint16_t offset; /* in the value, bytes */
};

/* Where an instruction refers to a map of global variables. */
struct vpc_global_site {
	uint32_t instruction;
	uint16_t section;
};

/* A program's relocated instructions and what BPF_PROG_LOAD needs besides. */
struct vpc_prepared {
	struct bpf_insn *instructions, *scratch; /* scratch: the copy that is patched */
	uint32_t instruction_count;
	struct vpc_constant_site *constants;
	size_t constant_count;
	struct vpc_global_site *globals;
	size_t global_count;
	struct vpc_placeholder_sites **placeholders; /* one for each parameter, or NULL */
	uint8_t *uses; /* for each parameter whether this program uses it */
	void *func_info, *line_info;
	union bpf_attr attributes; /* pointers point into the above */
	char license[64];
};

struct vpc_template {
	char *name;
	char hash[65];
	void *bytes;
	size_t length;
	char *only_program;
	struct vpc_elf elf;
	struct btf *btf; /* NULL if the object has none */
	struct vpc_template_parameter *parameters;
	size_t parameter_count;
	struct vpc_template_program *programs;
	size_t program_count;
	struct bpf_object *object; /* NULL before vpc_template_prepare() */
	void *instances; /* tree of instances by program and values */
	bool is_released; /* by the caller; the last instance takes it away */
};

/* Fills template->parameters from the symbols, the BTF and the placeholders. */
int vpc_template_find_parameters(struct vpc_template *template, const struct vpc_template_options *options, struct vpc_error *error);

/* Index of the parameter that holds the byte of that section, or -1. */
int vpc_template_parameter_at(const struct vpc_template *template, size_t section, uint64_t offset);

/* Index of the parameter of that name, or -1. */
int vpc_template_parameter_index(const struct vpc_template *template, const char *name);

/* Whether an object's variables or constants are called so, several of them, which "x" alone does not tell apart. */
bool vpc_template_is_ambiguous(const struct vpc_template *template, const char *name);

/* The place that a relocated lddw of the object names: section and offset in it. False if it names no data. */
bool vpc_template_data_reference(const struct vpc_template *template, const struct vpc_elf_relocation *relocation, size_t *ret_section,
	uint64_t *ret_offset);

struct vpc_prepared *vpc_prepared_free(struct vpc_prepared *prepared);

#endif
