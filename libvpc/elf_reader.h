/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads a relocatable BPF object of foreign origin: every offset, count and name is checked before it is used, so that
 * what follows (this library and libbpf) meets sound tables only. Source: System V ABI, chapter 4 (ELF-64).
 */
#ifndef VPC_ELF_READER_H
#define VPC_ELF_READER_H

#include <elf.h>
#include <stddef.h>
#include <stdint.h>
#include <vpc/vpc.h>

/* A view of the bytes, which must outlive it. Tables are aligned copies. */
struct vpc_elf {
	const char *object; /* name for messages */
	const uint8_t *bytes;
	size_t length;
	Elf64_Shdr *sections;
	size_t section_count;
	size_t names_section; /* e_shstrndx */
	Elf64_Sym *symbols;
	size_t symbol_count;
	size_t symbol_names_section;
};

/*
 * Errors: -EINVAL not an ELF file, or its tables contradict themselves; -ENOTSUP another machine, class or byte order,
 * or no symbols. The error names the place.
 */
int vpc_elf_read(const char *object, const void *bytes, size_t length, struct vpc_elf *ret_elf, struct vpc_error *error);
void vpc_elf_release(struct vpc_elf *elf);

const char *vpc_elf_section_name(const struct vpc_elf *elf, size_t section);
const char *vpc_elf_symbol_name(const struct vpc_elf *elf, const Elf64_Sym *symbol);
/* Index of the section of that name, or 0. */
size_t vpc_elf_find_section(const struct vpc_elf *elf, const char *name);
/* Its bytes; NULL for sections without (.bss). */
const uint8_t *vpc_elf_section_bytes(const struct vpc_elf *elf, size_t section);
/* Whether the section holds instructions. */
bool vpc_elf_is_code(const struct vpc_elf *elf, size_t section);

/* A relocation of a section of instructions. */
struct vpc_elf_relocation {
	size_t section;  /* that it changes */
	uint64_t offset; /* in that section */
	uint32_t type;
	const Elf64_Sym *symbol;
};

/* Number of entries of a relocation section (SHT_REL), and one of them. */
size_t vpc_elf_relocation_count(const struct vpc_elf *elf, size_t section);
struct vpc_elf_relocation vpc_elf_relocation(const struct vpc_elf *elf, size_t section, size_t index);

#endif
