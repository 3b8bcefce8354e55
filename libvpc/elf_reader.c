// SPDX-License-Identifier: Apache-2.0
#include "elf_reader.h"

#include "cleanup.h"
#include "error.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define INSTRUCTION_SIZE 8
#define LARGEST_BSS (64u << 20) /* costs no bytes in the file, but becomes a map, or bytes of a written object */
#define WIDE_LOAD 0x18 /* lddw: two slots */
#define MOST_SECTIONS 65280 /* SHN_LORESERVE: beyond, the header counts otherwise, and no BPF object comes near */

static bool lies_within(uint64_t offset, uint64_t size, uint64_t length) {
	return offset <= length && size <= length - offset;
}

static int check_identification(const struct vpc_elf *elf, const Elf64_Ehdr *header, struct vpc_error *error) {
	if (memcmp(header->e_ident, ELFMAG, SELFMAG))
		return vpc_fail(error, -EINVAL, "%s: not an ELF file", elf->object);
	if (header->e_ident[EI_CLASS] != ELFCLASS64)
		return vpc_fail(error, -ENOTSUP, "%s: ELF header: class %u is not 64-bit", elf->object, header->e_ident[EI_CLASS]);
	if (header->e_ident[EI_DATA] != ELFDATA2LSB)
		return vpc_fail(error, -ENOTSUP, "%s: ELF header: not little-endian; compile with -target bpfel", elf->object);
	if (header->e_machine != EM_BPF)
		return vpc_fail(error, -ENOTSUP, "%s: ELF header: machine %u is not BPF; compile with -target bpf", elf->object, header->e_machine);
	if (header->e_type != ET_REL)
		return vpc_fail(error, -ENOTSUP, "%s: ELF header: type %u is not a relocatable object", elf->object, header->e_type);
	return 0;
}

static int read_section_table(struct vpc_elf *elf, const Elf64_Ehdr *header, struct vpc_error *error) {
	if (header->e_shentsize != sizeof(Elf64_Shdr) || header->e_shnum == 0 || header->e_shnum > MOST_SECTIONS)
		return vpc_fail(error, -EINVAL, "%s: ELF header: %u section headers of %u bytes", elf->object, header->e_shnum, header->e_shentsize);
	if (!lies_within(header->e_shoff, header->e_shnum * sizeof(Elf64_Shdr), elf->length))
		return vpc_fail(error, -EINVAL, "%s: ELF header: section headers at %" PRIu64 " lie beyond the end (%zu)", elf->object, header->e_shoff, elf->length);
	elf->sections = malloc(header->e_shnum * sizeof(Elf64_Shdr));
	if (!elf->sections)
		return vpc_fail(error, -ENOMEM, "%s: no memory for %u section headers", elf->object, header->e_shnum);
	memcpy(elf->sections, elf->bytes + header->e_shoff, header->e_shnum * sizeof(Elf64_Shdr));
	elf->section_count = header->e_shnum;
	elf->names_section = header->e_shstrndx;
	return 0;
}

static bool has_bytes(const Elf64_Shdr *section) {
	return section->sh_type != SHT_NULL && section->sh_type != SHT_NOBITS && section->sh_size > 0;
}

struct range {
	uint64_t start, end;
	size_t section; /* 0: the ELF header or the section headers */
};

static int compare_ranges(const void *left, const void *right) {
	const struct range *a = left, *b = right;
	return (a->start > b->start) - (a->start < b->start);
}

/* Two sections that share bytes would be changed by one write. */
static int check_overlaps(const struct vpc_elf *elf, uint64_t table, struct vpc_error *error) {
	_cleanup_(free_memory) struct range *ranges = calloc(elf->section_count + 2, sizeof *ranges);
	size_t count = 0;
	if (!ranges)
		return vpc_fail(error, -ENOMEM, "%s: no memory for %zu sections", elf->object, elf->section_count);
	ranges[count++] = (struct range){0, sizeof(Elf64_Ehdr), 0};
	ranges[count++] = (struct range){table, table + elf->section_count * sizeof(Elf64_Shdr), 0};
	for (size_t i = 0; i < elf->section_count; i++)
		if (has_bytes(&elf->sections[i]))
			ranges[count++] = (struct range){elf->sections[i].sh_offset, elf->sections[i].sh_offset + elf->sections[i].sh_size, i};
	qsort(ranges, count, sizeof *ranges, compare_ranges);
	for (size_t i = 1; i < count; i++)
		if (ranges[i - 1].end > ranges[i].start)
			return vpc_fail(error, -EINVAL, "%s: sections %zu and %zu (0: the headers) overlap at offset %" PRIu64, elf->object, ranges[i - 1].section, ranges[i].section,
				ranges[i].start);
	return 0;
}

/* A table of strings must end in NUL: then every offset within it is a string. */
static int check_strings(const struct vpc_elf *elf, size_t index, const char *use, struct vpc_error *error) {
	if (index == 0 || index >= elf->section_count || elf->sections[index].sh_type != SHT_STRTAB || elf->sections[index].sh_size == 0)
		return vpc_fail(error, -EINVAL, "%s: section %zu, for the names of %s, is no string table", elf->object, index, use);
	const Elf64_Shdr *section = &elf->sections[index];
	if (elf->bytes[section->sh_offset + section->sh_size - 1])
		return vpc_fail(error, -EINVAL, "%s: section %zu: the string table does not end in NUL", elf->object, index);
	return 0;
}

static int check_sections(const struct vpc_elf *elf, uint64_t table, struct vpc_error *error) {
	for (size_t i = 0; i < elf->section_count; i++) {
		const Elf64_Shdr *section = &elf->sections[i];
		if (has_bytes(section) && !lies_within(section->sh_offset, section->sh_size, elf->length))
			return vpc_fail(error, -EINVAL, "%s: section %zu: %" PRIu64 " bytes at %" PRIu64 " lie beyond the end (%zu)", elf->object, i, section->sh_size,
				section->sh_offset, elf->length);
		if (section->sh_type == SHT_NOBITS && section->sh_size > LARGEST_BSS)
			return vpc_fail(error, -EINVAL, "%s: section %zu: %" PRIu64 " bytes are more than a map of variables should have", elf->object, i, section->sh_size);
		if (section->sh_type == SHT_NOBITS && section->sh_flags & SHF_EXECINSTR)
			return vpc_fail(error, -EINVAL, "%s: section %zu: is said to be executable, but holds nothing", elf->object, i);
	}
	int result = check_overlaps(elf, table, error);
	if (result == 0)
		result = check_strings(elf, elf->names_section, "sections", error);
	for (size_t i = 0; i < elf->section_count && result == 0; i++) {
		if (elf->sections[i].sh_name >= elf->sections[elf->names_section].sh_size)
			return vpc_fail(error, -EINVAL, "%s: section %zu: name at %u lies beyond the string table", elf->object, i, elf->sections[i].sh_name);
		if (vpc_elf_is_code(elf, i) && elf->sections[i].sh_size % INSTRUCTION_SIZE)
			return vpc_fail(error, -EINVAL, "%s: section %s: %" PRIu64 " bytes are no whole instructions", elf->object, vpc_elf_section_name(elf, i),
				elf->sections[i].sh_size);
	}
	return result;
}

/* libbpf copies each function by itself: its last instruction must not need a slot that lies outside. */
static int check_function(const struct vpc_elf *elf, const Elf64_Sym *symbol, struct vpc_error *error) {
	const char *name = vpc_elf_symbol_name(elf, symbol);
	const uint8_t *bytes = vpc_elf_section_bytes(elf, symbol->st_shndx);
	if (!vpc_elf_is_code(elf, symbol->st_shndx) || symbol->st_value % INSTRUCTION_SIZE || symbol->st_size % INSTRUCTION_SIZE)
		return vpc_fail(error, -EINVAL, "%s: function %s: its symbol spans no whole instructions", elf->object, name);
	for (uint64_t at = symbol->st_value; at < symbol->st_value + symbol->st_size; at += INSTRUCTION_SIZE)
		if (bytes[at] == WIDE_LOAD && (at += INSTRUCTION_SIZE) == symbol->st_value + symbol->st_size)
			return vpc_fail(error, -EINVAL, "%s: function %s: ends within its last instruction", elf->object, name);
	return 0;
}

static int check_symbol(const struct vpc_elf *elf, size_t index, struct vpc_error *error) {
	const Elf64_Sym *symbol = &elf->symbols[index];
	if (symbol->st_name >= elf->sections[elf->symbol_names_section].sh_size)
		return vpc_fail(error, -EINVAL, "%s: symbol %zu: name at %u lies beyond the string table", elf->object, index, symbol->st_name);
	if (symbol->st_shndx == SHN_UNDEF || symbol->st_shndx >= SHN_LORESERVE)
		return 0;
	if (symbol->st_shndx >= elf->section_count)
		return vpc_fail(error, -EINVAL, "%s: symbol %zu (%s): there is no section %u", elf->object, index, vpc_elf_symbol_name(elf, symbol), symbol->st_shndx);
	if (!lies_within(symbol->st_value, symbol->st_size, elf->sections[symbol->st_shndx].sh_size))
		return vpc_fail(error, -EINVAL, "%s: symbol %zu (%s): %" PRIu64 " bytes at %" PRIu64 " lie beyond section %s", elf->object, index,
			vpc_elf_symbol_name(elf, symbol), symbol->st_size, symbol->st_value, vpc_elf_section_name(elf, symbol->st_shndx));
	return ELF64_ST_TYPE(symbol->st_info) == STT_FUNC && symbol->st_size ? check_function(elf, symbol, error) : 0;
}

static int read_symbols(struct vpc_elf *elf, struct vpc_error *error) {
	size_t table = 0;
	for (size_t i = 1; i < elf->section_count; i++) {
		if (elf->sections[i].sh_type != SHT_SYMTAB)
			continue;
		if (table)
			return vpc_fail(error, -EINVAL, "%s: sections %zu and %zu are both symbol tables", elf->object, table, i);
		table = i;
	}
	if (!table || elf->sections[table].sh_size == 0)
		return vpc_fail(error, -ENOTSUP, "%s: no symbol table; was the object stripped? Strip debugging sections only (llvm-strip -g)", elf->object);

	const Elf64_Shdr *section = &elf->sections[table];
	if (section->sh_entsize != sizeof(Elf64_Sym) || section->sh_size % sizeof(Elf64_Sym))
		return vpc_fail(error, -EINVAL, "%s: symbol table: %" PRIu64 " bytes of entries of %" PRIu64 " bytes", elf->object, section->sh_size, section->sh_entsize);
	elf->symbol_names_section = section->sh_link;
	int result = check_strings(elf, section->sh_link, "symbols", error);
	if (result < 0)
		return result;
	elf->symbols = malloc(section->sh_size);
	if (!elf->symbols)
		return vpc_fail(error, -ENOMEM, "%s: no memory for symbols", elf->object);
	memcpy(elf->symbols, elf->bytes + section->sh_offset, section->sh_size);
	elf->symbol_count = section->sh_size / sizeof(Elf64_Sym);
	for (size_t i = 0; i < elf->symbol_count && result == 0; i++)
		result = check_symbol(elf, i, error);
	return result;
}

static int check_relocations(const struct vpc_elf *elf, size_t section, struct vpc_error *error) {
	const Elf64_Shdr *header = &elf->sections[section];
	if (header->sh_type != SHT_REL)
		return 0;
	const char *name = vpc_elf_section_name(elf, section);
	if (header->sh_entsize != sizeof(Elf64_Rel) || header->sh_size % sizeof(Elf64_Rel))
		return vpc_fail(error, -EINVAL, "%s: section %s: %" PRIu64 " bytes of entries of %" PRIu64 " bytes", elf->object, name, header->sh_size, header->sh_entsize);
	if (header->sh_info == 0 || header->sh_info >= elf->section_count)
		return vpc_fail(error, -EINVAL, "%s: section %s: relocates section %u, which is not there", elf->object, name, header->sh_info);
	uint64_t unit = vpc_elf_is_code(elf, header->sh_info) ? INSTRUCTION_SIZE : 4;
	const uint8_t *code = unit == INSTRUCTION_SIZE ? vpc_elf_section_bytes(elf, header->sh_info) : NULL;
	for (size_t i = 0; i < header->sh_size / sizeof(Elf64_Rel); i++) {
		Elf64_Rel entry;
		memcpy(&entry, elf->bytes + header->sh_offset + i * sizeof entry, sizeof entry);
		if (ELF64_R_SYM(entry.r_info) >= elf->symbol_count)
			return vpc_fail(error, -EINVAL, "%s: section %s: entry %zu: there is no symbol %" PRIu64, elf->object, name, i, (uint64_t)ELF64_R_SYM(entry.r_info));
		if (!lies_within(entry.r_offset, unit, elf->sections[header->sh_info].sh_size) || (unit == INSTRUCTION_SIZE && entry.r_offset % unit))
			return vpc_fail(error, -EINVAL, "%s: section %s: entry %zu: offset %" PRIu64 " is not within section %s", elf->object, name, i, (uint64_t)entry.r_offset,
				vpc_elf_section_name(elf, header->sh_info));
		if (code && code[entry.r_offset] == WIDE_LOAD && !lies_within(entry.r_offset, 2 * INSTRUCTION_SIZE, elf->sections[header->sh_info].sh_size))
			return vpc_fail(error, -EINVAL, "%s: section %s: entry %zu: offset %" PRIu64 " is half an instruction", elf->object, name, i, (uint64_t)entry.r_offset);
	}
	return 0;
}

static int read_tables(struct vpc_elf *elf, struct vpc_error *error) {
	Elf64_Ehdr header;
	if (elf->length < sizeof header)
		return vpc_fail(error, -EINVAL, "%s: %zu bytes are too short for an ELF file", elf->object, elf->length);
	memcpy(&header, elf->bytes, sizeof header);
	int result = check_identification(elf, &header, error);
	if (result == 0)
		result = read_section_table(elf, &header, error);
	if (result == 0)
		result = check_sections(elf, header.e_shoff, error);
	if (result == 0)
		result = read_symbols(elf, error);
	for (size_t i = 0; i < elf->section_count && result == 0; i++)
		result = check_relocations(elf, i, error);
	return result;
}

int vpc_elf_read(const char *object, const void *bytes, size_t length, struct vpc_elf *ret_elf, struct vpc_error *error) {
	struct vpc_elf elf = {.object = object, .bytes = bytes, .length = length};
	int result = read_tables(&elf, error);
	if (result < 0)
		vpc_elf_release(&elf);
	else
		*ret_elf = elf;
	return result;
}

void vpc_elf_release(struct vpc_elf *elf) {
	free(elf->sections);
	free(elf->symbols);
	elf->sections = NULL;
	elf->symbols = NULL;
}

const char *vpc_elf_section_name(const struct vpc_elf *elf, size_t section) {
	return (const char *)elf->bytes + elf->sections[elf->names_section].sh_offset + elf->sections[section].sh_name;
}

const char *vpc_elf_symbol_name(const struct vpc_elf *elf, const Elf64_Sym *symbol) {
	return (const char *)elf->bytes + elf->sections[elf->symbol_names_section].sh_offset + symbol->st_name;
}

size_t vpc_elf_find_section(const struct vpc_elf *elf, const char *name) {
	for (size_t i = 1; i < elf->section_count; i++)
		if (strcmp(vpc_elf_section_name(elf, i), name) == 0)
			return i;
	return 0;
}

const uint8_t *vpc_elf_section_bytes(const struct vpc_elf *elf, size_t section) {
	return has_bytes(&elf->sections[section]) ? elf->bytes + elf->sections[section].sh_offset : NULL;
}

bool vpc_elf_is_code(const struct vpc_elf *elf, size_t section) {
	return elf->sections[section].sh_type == SHT_PROGBITS && (elf->sections[section].sh_flags & SHF_EXECINSTR);
}

size_t vpc_elf_relocation_count(const struct vpc_elf *elf, size_t section) {
	return elf->sections[section].sh_type == SHT_REL ? elf->sections[section].sh_size / sizeof(Elf64_Rel) : 0;
}

struct vpc_elf_relocation vpc_elf_relocation(const struct vpc_elf *elf, size_t section, size_t index) {
	Elf64_Rel entry;
	memcpy(&entry, elf->bytes + elf->sections[section].sh_offset + index * sizeof entry, sizeof entry);
	return (struct vpc_elf_relocation){
		.section = elf->sections[section].sh_info,
		.offset = entry.r_offset,
		.type = (uint32_t)ELF64_R_TYPE(entry.r_info),
		.symbol = &elf->symbols[ELF64_R_SYM(entry.r_info)],
	};
}
