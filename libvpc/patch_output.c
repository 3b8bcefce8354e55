// SPDX-License-Identifier: Apache-2.0
/*
 * A copy of the object with values in it, for loaders that know nothing of libvpc: named constants become plain constants
 * and lose their relocations, variables change in their section, placeholders in the instructions.
 *
 * A .bss that is no longer all zero becomes .data.bss with bytes of its own at the end of the file: libbpf knows .bss
 * only as a section without any.
 */
#include "template.h"

#include <errno.h>
#include <string.h>

#include "error.h"
#include "setting.h"
#include "template_pieces.h"
#include "template_placeholders.h"

#define BSS_AS_DATA ".data.bss"

struct output {
	const struct vpc_template *template;
	uint8_t *bytes;
	size_t length;
	Elf64_Shdr *sections; /* a changed copy of the template's */
	struct vpc_pieces pieces;
};

static void release_output(struct output *output) {
	free(output->bytes);
	free(output->sections);
	vpc_pieces_release(&output->pieces);
}

static int start_output(const struct vpc_template *template, struct output *ret_output, struct vpc_error *error) {
	size_t table = template->elf.section_count * sizeof(Elf64_Shdr);
	_cleanup_(release_output) struct output output = {template, malloc(template->length), template->length, malloc(table), {0}};
	if (!output.bytes || !output.sections)
		return vpc_fail(error, -ENOMEM, "%s: no memory for a copy", template->name);
	memcpy(output.bytes, template->bytes, template->length);
	memcpy(output.sections, template->elf.sections, table);
	int result = vpc_pieces_find(template, template->only_program, &output.pieces, error);
	if (result < 0)
		return result;
	*ret_output = output;
	output = (struct output){0};
	return 0;
}

/* Adds bytes at the end of the file, aligned to 8; *ret_offset is where they stand. */
static int append(struct output *output, const void *bytes, size_t size, size_t *ret_offset, struct vpc_error *error) {
	size_t offset = (output->length + 7) & ~(size_t)7;
	uint8_t *grown = realloc(output->bytes, offset + size);
	if (!grown)
		return vpc_fail(error, -ENOMEM, "%s: no memory for a copy", output->template->name);
	output->bytes = grown;
	memset(grown + output->length, 0, offset - output->length);
	memcpy(grown + offset, bytes, size);
	output->length = offset + size;
	*ret_offset = offset;
	return 0;
}

static const struct vpc_value *value_of(const struct vpc_template *template, int parameter, const struct vpc_setting *settings,
		const int *parameters, size_t count) {
	const struct vpc_parameter *public = &template->parameters[parameter].public;
	for (size_t i = 0; i < count; i++)
		if (parameters[i] == parameter)
			return &settings[i].value;
	return public->has_default ? &public->default_value : NULL;
}

static void write_wide_constant(uint8_t *instruction, const struct vpc_value *value, size_t offset) {
	struct bpf_insn slots[2];
	uint64_t number = 0;
	size_t left = value->width - offset;
	memcpy(slots, instruction, sizeof slots);
	memcpy(&number, value->bytes + offset, left < sizeof number ? left : sizeof number);
	slots[0].imm = (int32_t)number;
	slots[1].imm = (int32_t)(number >> 32);
	memcpy(instruction, slots, sizeof slots);
}

/* One relocation of a named constant becomes its value. */
static int write_constant(struct output *output, const struct vpc_elf_relocation *relocation, size_t section, uint64_t offset,
		const struct vpc_setting *settings, const int *parameters, size_t count, struct vpc_error *error) {
	const struct vpc_template *template = output->template;
	int parameter = vpc_template_parameter_at(template, section, offset);
	if (parameter < 0 || relocation->offset + 2 * sizeof(struct bpf_insn) > template->elf.sections[relocation->section].sh_size)
		return vpc_fail(error, -EINVAL, "%s: section %s: offset %zu names no parameter", template->name,
			vpc_elf_section_name(&template->elf, relocation->section), (size_t)relocation->offset);
	const struct vpc_value *value = value_of(template, parameter, settings, parameters, count);
	if (!value)
		return vpc_fail(error, -EINVAL, "%s: parameter '%s' must be set", template->name, template->parameters[parameter].name);
	write_wide_constant(output->bytes + output->sections[relocation->section].sh_offset + relocation->offset, value,
		offset - template->parameters[parameter].public.offset);
	return 0;
}

/*
 * Whether the relocation is of a named constant, in what was chosen. What other programs use keeps its relocation, and can
 * be written later. -EINVAL if they share the function.
 */
static int is_to_be_written(const struct output *output, const struct vpc_elf_relocation *relocation, size_t *ret_section,
		uint64_t *ret_offset, struct vpc_error *error) {
	const struct vpc_template *template = output->template;
	const struct vpc_piece *piece = vpc_pieces_at(&output->pieces, relocation->section, relocation->offset);
	if (!vpc_template_data_reference(template, relocation, ret_section, ret_offset) ||
		strcmp(vpc_elf_section_name(&template->elf, *ret_section), VPC_PARAMETER_SECTION_NAME))
		return 0;
	if (template->only_program && (!piece || !piece->is_chosen))
		return 0;
	int parameter = vpc_template_parameter_at(template, *ret_section, *ret_offset);
	int result = piece ? vpc_pieces_check_shared(template, piece, parameter < 0 ? "a parameter" : template->parameters[parameter].name,
		error) : 0;
	return result < 0 ? result : 1;
}

/* Relocations that stay move up in their section, which becomes shorter. */
static int write_constants_of(struct output *output, size_t relocations, const struct vpc_setting *settings, const int *parameters,
		size_t count, struct vpc_error *error) {
	const struct vpc_elf *elf = &output->template->elf;
	uint8_t *entries = output->bytes + output->sections[relocations].sh_offset;
	size_t kept = 0, total = vpc_elf_relocation_count(elf, relocations);
	for (size_t i = 0; i < total; i++) {
		struct vpc_elf_relocation relocation = vpc_elf_relocation(elf, relocations, i);
		size_t section = 0;
		uint64_t offset = 0;
		int is_written = is_to_be_written(output, &relocation, &section, &offset, error);
		int result = is_written > 0 ? write_constant(output, &relocation, section, offset, settings, parameters, count, error) : is_written;
		if (result < 0)
			return result;
		if (!is_written)
			memmove(entries + kept++ * sizeof(Elf64_Rel), entries + i * sizeof(Elf64_Rel), sizeof(Elf64_Rel));
	}
	output->sections[relocations].sh_size = kept * sizeof(Elf64_Rel);
	return 0;
}

static int write_constants(struct output *output, const struct vpc_setting *settings, const int *parameters, size_t count,
		struct vpc_error *error) {
	int result = 0;
	for (size_t i = 1; i < output->template->elf.section_count && result == 0; i++)
		if (output->sections[i].sh_type == SHT_REL && vpc_elf_is_code(&output->template->elf, output->sections[i].sh_info))
			result = write_constants_of(output, i, settings, parameters, count, error);
	return result;
}

/* The one variable of the section that is called so, or NULL. */
static const struct vpc_template_parameter *variable_of(const struct vpc_template *template, size_t section, const char *symbol) {
	const struct vpc_template_parameter *found = NULL;
	for (size_t i = 0; symbol && i < template->parameter_count; i++) {
		const struct vpc_template_parameter *parameter = &template->parameters[i];
		if (!parameter->symbol || parameter->section != section || strcmp(parameter->symbol, symbol))
			continue;
		if (found)
			return NULL; /* of a linked object, which tells offsets itself */
		found = parameter;
	}
	return found;
}

/* The BTF of the section says offsets and size itself: libbpf finds no section .bss any more to take them from. */
static void complete_datasec(struct output *output, size_t section) {
	const struct vpc_template *template = output->template;
	size_t btf_section = vpc_elf_find_section(&template->elf, ".BTF");
	int id = template->btf ? btf__find_by_name_kind(template->btf, vpc_elf_section_name(&template->elf, section), BTF_KIND_DATASEC) : -1;
	if (id <= 0 || !btf_section)
		return;
	uint32_t raw_size;
	const uint8_t *raw = btf__raw_data(template->btf, &raw_size);
	const struct btf_type *known = btf__type_by_id(template->btf, (uint32_t)id);
	if (!raw || (const uint8_t *)known < raw || (const uint8_t *)known >= raw + raw_size)
		return;
	struct btf_type *type = (struct btf_type *)(output->bytes + output->sections[btf_section].sh_offset + ((const uint8_t *)known - raw));
	type->size = (uint32_t)template->elf.sections[section].sh_size;
	struct btf_var_secinfo *variables = (struct btf_var_secinfo *)(type + 1);
	for (unsigned i = 0; i < btf_vlen(known); i++) {
		const char *name = btf__name_by_offset(template->btf, btf__type_by_id(template->btf, variables[i].type)->name_off);
		const struct vpc_template_parameter *variable = variable_of(template, section, name);
		if (variable)
			variables[i].offset = variable->public.offset;
	}
}

/* Appends the names of all sections once more, with one more name; *ret_name is its offset. */
static int append_name(struct output *output, const char *name, uint32_t *ret_name, struct vpc_error *error) {
	Elf64_Shdr *names = &output->sections[output->template->elf.names_section];
	size_t old_size = names->sh_size, size = old_size + strlen(name) + 1, offset;
	_cleanup_(free_memory) char *strings = malloc(size);
	if (!strings)
		return vpc_fail(error, -ENOMEM, "%s: no memory for section names", output->template->name);
	memcpy(strings, output->bytes + names->sh_offset, old_size);
	strcpy(strings + old_size, name);
	int result = append(output, strings, size, &offset, error);
	if (result < 0)
		return result;
	names->sh_offset = offset;
	names->sh_size = size;
	*ret_name = (uint32_t)old_size;
	return 0;
}

static int give_bytes(struct output *output, size_t section, struct vpc_error *error) {
	Elf64_Shdr *header = &output->sections[section];
	_cleanup_(free_memory) uint8_t *zeros = calloc(1, header->sh_size);
	size_t offset = 0;
	uint32_t name = 0;
	if (!zeros)
		return vpc_fail(error, -ENOMEM, "%s: no memory for section .bss", output->template->name);
	int result = append(output, zeros, header->sh_size, &offset, error);
	if (result == 0)
		result = append_name(output, BSS_AS_DATA, &name, error);
	if (result < 0)
		return result;
	header->sh_type = SHT_PROGBITS;
	header->sh_offset = offset;
	header->sh_name = name;
	complete_datasec(output, section);
	return 0;
}

static int write_global(struct output *output, const struct vpc_template_parameter *parameter, const struct vpc_setting *setting,
		struct vpc_error *error) {
	static const uint8_t ZEROS[VPC_VALUE_WIDTH];
	const struct vpc_value *value = &setting->value;
	if (output->sections[parameter->section].sh_type == SHT_NOBITS) {
		int result = memcmp(value->bytes, ZEROS, value->width) ? give_bytes(output, parameter->section, error) : 0;
		if (result < 0 || output->sections[parameter->section].sh_type == SHT_NOBITS)
			return result;
	}
	size_t offset = output->sections[parameter->section].sh_offset + parameter->public.offset + (size_t)setting->element * value->width;
	memcpy(output->bytes + offset, value->bytes, value->width);
	return 0;
}

static int write_setting(struct output *output, const struct vpc_setting *setting, int parameter, struct vpc_error *error) {
	const struct vpc_template *template = output->template;
	uint64_t number = 0;
	switch (template->parameters[parameter].public.site) {
	case VPC_SITE_GLOBAL: return write_global(output, &template->parameters[parameter], setting, error);
	case VPC_SITE_PLACEHOLDER:
		memcpy(&number, setting->value.bytes, setting->value.width);
		return vpc_template_write_placeholder(template, (size_t)parameter, number, output->bytes, error);
	default: return 0; /* constants are written together */
	}
}

static int check_placeholders_are_set(const struct vpc_template *template, const struct vpc_setting *settings, const int *parameters,
		size_t count, struct vpc_error *error) {
	for (size_t i = 0; i < template->parameter_count; i++)
		if (template->parameters[i].public.site == VPC_SITE_PLACEHOLDER && !value_of(template, (int)i, settings, parameters, count))
			return vpc_fail(error, -EINVAL, "%s: placeholder '%s' must be set", template->name, template->parameters[i].name);
	return 0;
}

static void finish_output(struct output *output) {
	Elf64_Ehdr header;
	memcpy(&header, output->bytes, sizeof header);
	memcpy(output->bytes + header.e_shoff, output->sections, output->template->elf.section_count * sizeof(Elf64_Shdr));
}

int vpc_template_patch(const struct vpc_template *template, const struct vpc_setting *settings, size_t count, void **ret_bytes,
		size_t *ret_length, struct vpc_error *error) {
	_cleanup_(release_output) struct output output = {0};
	int parameters[VPC_MOST_SETTINGS];
	if (count > VPC_MOST_SETTINGS)
		return vpc_fail(error, -E2BIG, "%s: more than %d settings", template->name, VPC_MOST_SETTINGS);
	int result = vpc_template_check_settings(template, settings, count, parameters, error);
	if (result == 0)
		result = check_placeholders_are_set(template, settings, parameters, count, error);
	if (result == 0)
		result = start_output(template, &output, error);
	for (size_t i = 0; i < count && result == 0; i++)
		result = write_setting(&output, &settings[i], parameters[i], error);
	if (result == 0)
		result = write_constants(&output, settings, parameters, count, error);
	if (result < 0)
		return result;
	finish_output(&output);
	*ret_bytes = output.bytes;
	*ret_length = output.length;
	output.bytes = NULL;
	return 0;
}
