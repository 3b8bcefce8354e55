// SPDX-License-Identifier: Apache-2.0
#include "template.h"

#include <errno.h>
#include <fcntl.h>
#include <sha256.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "btf_check.h"
#include "core_relocation.h"
#include "error.h"
#include "template_placeholders.h"

#define LARGEST_OBJECT (64u << 20)

static int compare_programs(const void *left, const void *right) {
	const struct vpc_template_program *a = left, *b = right;
	if (a->section != b->section)
		return a->section < b->section ? -1 : 1;
	return (a->offset > b->offset) - (a->offset < b->offset);
}

/* libbpf's rule: global functions outside .text are programs, all others are subprograms. */
static bool is_program(const struct vpc_elf *elf, const Elf64_Sym *symbol) {
	return ELF64_ST_TYPE(symbol->st_info) == STT_FUNC && ELF64_ST_BIND(symbol->st_info) != STB_LOCAL && symbol->st_shndx != SHN_UNDEF &&
		symbol->st_shndx < elf->section_count && vpc_elf_is_code(elf, symbol->st_shndx) &&
			strcmp(vpc_elf_section_name(elf, symbol->st_shndx), ".text");
}

static int find_programs(struct vpc_template *template, struct vpc_error *error) {
	const struct vpc_elf *elf = &template->elf;
	template->programs = calloc(elf->symbol_count, sizeof *template->programs);
	if (!template->programs)
		return vpc_fail(error, -ENOMEM, "%s: no memory for programs", template->name);
	for (size_t i = 0; i < elf->symbol_count; i++) {
		const Elf64_Sym *symbol = &elf->symbols[i];
		const char *name = vpc_elf_symbol_name(elf, symbol);
		if (!is_program(elf, symbol) || (template->only_program && strcmp(template->only_program, name)))
			continue;
		if (symbol->st_size == 0 || symbol->st_size % sizeof(struct bpf_insn) || symbol->st_value % sizeof(struct bpf_insn))
			return vpc_fail(error, -EINVAL, "%s: program %s: its symbol spans no whole instructions", template->name, name);
		template->programs[template->program_count++] = (struct vpc_template_program){
			.name = name,
			.section_name = vpc_elf_section_name(elf, symbol->st_shndx),
			.section = symbol->st_shndx,
			.offset = symbol->st_value,
			.size = symbol->st_size,
		};
	}
	qsort(template->programs, template->program_count, sizeof *template->programs, compare_programs);
	if (template->program_count == 0 && template->only_program)
		return vpc_fail(error, -ENOENT, "%s: there is no program '%s'; 'vpcctl template show' lists them", template->name,
			template->only_program);
	if (template->program_count == 0)
		return vpc_fail(error, -ENOENT, "%s: there is no program in it", template->name);
	return 0;
}

static int read_btf(struct vpc_template *template, struct vpc_error *error) {
	size_t section = vpc_elf_find_section(&template->elf, ".BTF");
	const uint8_t *bytes = section ? vpc_elf_section_bytes(&template->elf, section) : NULL;
	if (!bytes)
		return 0;
	int result = vpc_btf_check(template->name, bytes, template->elf.sections[section].sh_size, error);
	if (result < 0)
		return result;
	libbpf_print_fn_t print = libbpf_set_print(NULL);
	template->btf = btf__new(bytes, (uint32_t)template->elf.sections[section].sh_size);
	libbpf_set_print(print);
	if (!template->btf)
		return vpc_fail(error, -EINVAL, "%s: section .BTF is malformed", template->name);
	return vpc_btf_extension_check(template, error);
}

static int copy_object(struct vpc_template *template, const char *name, const void *bytes, size_t length,
		const struct vpc_template_options *options, struct vpc_error *error) {
	if (length > LARGEST_OBJECT)
		return vpc_fail(error, -EFBIG, "%s: %zu bytes are more than any BPF object has", name, length);
	template->name = strdup(name);
	template->bytes = malloc(length ? length : 1);
	template->only_program = options && options->program ? strdup(options->program) : NULL;
	if (!template->name || !template->bytes || (options && options->program && !template->only_program))
		return vpc_fail(error, -ENOMEM, "%s: no memory for %zu bytes", name, length);
	memcpy(template->bytes, bytes, length);
	template->length = length;
	SHA256Data(template->bytes, length, template->hash);
	return 0;
}

static void free_template(struct vpc_template **template) {
	vpc_template_free(*template);
}

int vpc_template_open_memory(const char *name, const void *bytes, size_t length, const struct vpc_template_options *options,
		struct vpc_template **ret_template, struct vpc_error *error) {
	if (!name || !bytes)
		return vpc_fail(error, -EINVAL, "%s: an object needs a name and bytes", name ? name : "object");
	_cleanup_(free_template) struct vpc_template *template = calloc(1, sizeof *template);
	if (!template)
		return vpc_fail(error, -ENOMEM, "%s: no memory for a template", name);
	int result = copy_object(template, name, bytes, length, options, error);
	if (result == 0)
		result = vpc_elf_read(template->name, template->bytes, template->length, &template->elf, error);
	if (result == 0)
		result = find_programs(template, error);
	if (result == 0)
		result = read_btf(template, error);
	if (result == 0)
		result = vpc_template_find_parameters(template, options, error);
	if (result == 0)
		result = vpc_template_count_placeholders(template, error);
	if (result < 0)
		return result;
	*ret_template = template;
	template = NULL;
	return 0;
}

static int read_file(const char *path, void **ret_bytes, size_t *ret_length, struct vpc_error *error) {
	_cleanup_(close_fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
	_cleanup_(free_memory) char *bytes = NULL;
	struct stat status;
	if (fd < 0 || fstat(fd, &status) < 0) {
		int code = -errno;
		return vpc_fail(error, code, "%s: cannot be read: %s", path, strerror(-code));
	}
	if (!S_ISREG(status.st_mode) || status.st_size > (off_t)LARGEST_OBJECT)
		return vpc_fail(error, -EINVAL, "%s: not a file of a BPF object's size", path);
	bytes = malloc((size_t)status.st_size + 1);
	if (!bytes)
		return vpc_fail(error, -ENOMEM, "%s: no memory for %jd bytes", path, (intmax_t)status.st_size);
	size_t length = 0;
	for (ssize_t part = 1; part > 0 && length < (size_t)status.st_size; length += (size_t)part) {
		part = read(fd, bytes + length, (size_t)status.st_size - length);
		if (part < 0) {
			int code = -errno;
			return vpc_fail(error, code, "%s: cannot be read: %s", path, strerror(-code));
		}
	}
	*ret_bytes = bytes;
	*ret_length = length;
	bytes = NULL;
	return 0;
}

int vpc_template_open_file(const char *path, const struct vpc_template_options *options, struct vpc_template **ret_template,
		struct vpc_error *error) {
	_cleanup_(free_memory) void *bytes = NULL;
	size_t length = 0;
	if (!path)
		return vpc_fail(error, -EINVAL, "object: there is no path to read it from");
	int result = read_file(path, &bytes, &length, error);
	return result < 0 ? result : vpc_template_open_memory(path, bytes, length, options, ret_template, error);
}

struct vpc_template *vpc_template_free(struct vpc_template *template) {
	if (!template)
		return NULL;
	template->is_released = true;
	if (template->instances)
		return NULL;
	for (size_t i = 0; i < template->program_count; i++)
		vpc_prepared_free(template->programs[i].prepared);
	for (size_t i = 0; i < template->parameter_count; i++) {
		free(template->parameters[i].name);
		free(template->parameters[i].description);
	}
	bpf_object__close(template->object);
	btf__free(template->btf);
	vpc_elf_release(&template->elf);
	free(template->programs);
	free(template->parameters);
	free(template->only_program);
	free(template->bytes);
	free(template->name);
	free(template);
	return NULL;
}

const char *vpc_template_hash(const struct vpc_template *template) {
	return template->hash;
}

const char *vpc_template_name(const struct vpc_template *template) {
	return template->name;
}

size_t vpc_template_program_count(const struct vpc_template *template) {
	return template->program_count;
}

const char *vpc_template_program_name(const struct vpc_template *template, size_t index) {
	return index < template->program_count ? template->programs[index].name : NULL;
}

const char *vpc_template_program_section(const struct vpc_template *template, size_t index) {
	return index < template->program_count ? template->programs[index].section_name : NULL;
}

size_t vpc_template_parameter_count(const struct vpc_template *template) {
	return template->parameter_count;
}

const struct vpc_parameter *vpc_template_parameter(const struct vpc_template *template, size_t index) {
	return index < template->parameter_count ? &template->parameters[index].public : NULL;
}

const struct vpc_parameter *vpc_template_find_parameter(const struct vpc_template *template, const char *name) {
	int index = name ? vpc_template_parameter_index(template, name) : -1;
	return index < 0 ? NULL : &template->parameters[index].public;
}
