// SPDX-License-Identifier: Apache-2.0
/*
 * Preparing a template: libbpf makes its maps and relocates its programs; their instructions are kept, and what libbpf
 * itself loads is two instructions that do nothing.
 *
 * libbpf calls a program handler with the relocated instructions and all attributes right before it loads a program.
 * Handlers are registered by section name, for the type that the caller's direction asks for, and go away right after.
 */
#include "template.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "error.h"
#include "probe.h"
#include "template_pieces.h"
#include "template_placeholders.h"

#define LOAD_IMMEDIATE_64 (BPF_LD | BPF_IMM | BPF_DW)

/* The state of the one preparation that runs: libbpf's table of handlers and its print function are global. */
static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;
static struct {
	struct vpc_template *template;
	struct vpc_error *error;
	char last_words[256]; /* of libbpf */
	int result;
} running;

static int remember_words(enum libbpf_print_level level, const char *format, va_list arguments) {
	if (level == LIBBPF_WARN) {
		vsnprintf(running.last_words, sizeof running.last_words, format, arguments);
		running.last_words[strcspn(running.last_words, "\n")] = '\0';
	}
	return 0;
}

static struct vpc_template_program *find_program(struct vpc_template *template, const char *name) {
	for (size_t i = 0; i < template->program_count; i++)
		if (strcmp(template->programs[i].name, name) == 0)
			return &template->programs[i];
	return NULL;
}

struct vpc_prepared *vpc_prepared_free(struct vpc_prepared *prepared) {
	if (!prepared)
		return NULL;
	for (size_t i = 0; prepared->placeholders && prepared->placeholders[i] != (void *)-1; i++)
		vpc_placeholder_sites_free(prepared->placeholders[i]);
	free(prepared->placeholders);
	free(prepared->instructions);
	free(prepared->scratch);
	free(prepared->constants);
	free(prepared->globals);
	free(prepared->uses);
	free(prepared->func_info);
	free(prepared->line_info);
	free(prepared);
	return NULL;
}

static void free_prepared(struct vpc_prepared **prepared) {
	vpc_prepared_free(*prepared);
}

static void *copy_of(const void *bytes, size_t size) {
	void *copy = malloc(size ? size : 1);
	return copy && size ? memcpy(copy, bytes, size) : copy;
}

static int out_of_memory(const struct vpc_template *template, struct vpc_error *error) {
	return vpc_fail(error, -ENOMEM, "%s: no memory to keep a program", template->name);
}

static int keep_instructions(const struct vpc_template *template, const struct bpf_program *program, struct vpc_prepared *prepared,
		struct vpc_error *error) {
	size_t size = bpf_program__insn_cnt(program) * sizeof(struct bpf_insn);
	prepared->instruction_count = (uint32_t)bpf_program__insn_cnt(program);
	prepared->instructions = copy_of(bpf_program__insns(program), size);
	prepared->scratch = malloc(size);
	prepared->constants = calloc(prepared->instruction_count, sizeof *prepared->constants);
	prepared->globals = calloc(prepared->instruction_count, sizeof *prepared->globals);
	prepared->uses = calloc(template->parameter_count + 1, 1);
	prepared->placeholders = calloc(template->parameter_count + 1, sizeof *prepared->placeholders);
	if (!prepared->instructions || !prepared->scratch || !prepared->constants || !prepared->globals || !prepared->uses ||
		!prepared->placeholders)
		return out_of_memory(template, error);
	prepared->placeholders[template->parameter_count] = (void *)-1; /* the end */
	return 0;
}

static int keep_attributes(const struct vpc_template *template, const struct bpf_program *program, const struct bpf_prog_load_opts *options,
		struct vpc_prepared *prepared, struct vpc_error *error) {
	const char *license = vpc_elf_find_section(&template->elf, "license")
		? (const char *)vpc_elf_section_bytes(&template->elf, vpc_elf_find_section(&template->elf, "license")) : NULL;
	size_t license_size = license ? template->elf.sections[vpc_elf_find_section(&template->elf, "license")].sh_size : 0;
	union bpf_attr *attributes = &prepared->attributes;
	prepared->func_info = copy_of(options->func_info, (size_t)options->func_info_cnt * options->func_info_rec_size);
	prepared->line_info = copy_of(options->line_info, (size_t)options->line_info_cnt * options->line_info_rec_size);
	if (!prepared->func_info || !prepared->line_info)
		return out_of_memory(template, error);
	snprintf(prepared->license, sizeof prepared->license, "%.*s", (int)license_size, license ? license : "");
	attributes->prog_type = bpf_program__get_type(program);
	attributes->expected_attach_type = options->expected_attach_type;
	attributes->prog_flags = options->prog_flags;
	attributes->insns = (uintptr_t)prepared->scratch;
	attributes->insn_cnt = prepared->instruction_count;
	attributes->license = (uintptr_t)prepared->license;
	attributes->kern_version = options->kern_version;
	attributes->prog_btf_fd = options->prog_btf_fd > 0 ? (uint32_t)options->prog_btf_fd : 0;
	if (attributes->prog_btf_fd) {
		attributes->func_info = (uintptr_t)prepared->func_info;
		attributes->func_info_cnt = options->func_info_cnt;
		attributes->func_info_rec_size = options->func_info_rec_size;
		attributes->line_info_cnt = options->line_info_cnt;
		attributes->line_info_rec_size = options->line_info_rec_size;
	}
	snprintf(attributes->prog_name, sizeof attributes->prog_name, "%s", bpf_program__name(program));
	return 0;
}

/* The section whose data the map of that descriptor holds, or 0. */
static size_t section_of_map(const struct vpc_template *template, int fd) {
	struct bpf_map *map;
	bpf_object__for_each_map(map, template->object) {
		if (!bpf_map__is_internal(map) || bpf_map__fd(map) != fd)
			continue;
		for (size_t section = 1; section < template->elf.section_count; section++) {
			const char *name = vpc_elf_section_name(&template->elf, section);
			if (name[0] == '.' && bpf_object__find_map_by_name(template->object, name) == map)
				return section;
		}
	}
	return 0;
}

static int keep_constant(const struct vpc_template *template, const char *program, struct vpc_prepared *prepared, uint32_t at,
		size_t section, struct vpc_error *error) {
	uint32_t offset = (uint32_t)prepared->instructions[at + 1].imm;
	int parameter = vpc_template_parameter_at(template, section, offset);
	if (parameter < 0)
		return vpc_fail(error, -EINVAL, "%s: %s: instruction %u reads byte %u of section %s, where no parameter is", template->name,
			program, at, offset, VPC_PARAMETER_SECTION_NAME);
	prepared->constants[prepared->constant_count++] =
		(struct vpc_constant_site){at, (uint16_t)parameter, (uint16_t)(offset - template->parameters[parameter].public.offset)};
	prepared->uses[parameter] = 1;
	return 0;
}

/* A data map that is read anywhere else than by lddw could not be redirected; libbpf makes no such reference. */
static int keep_sites(const struct vpc_template *template, const char *program, struct vpc_prepared *prepared, struct vpc_error *error) {
	for (uint32_t i = 0; i < prepared->instruction_count; i++) {
		const struct bpf_insn *instruction = &prepared->instructions[i];
		if (instruction->code != LOAD_IMMEDIATE_64)
			continue;
		size_t section = instruction->src_reg == BPF_PSEUDO_MAP_VALUE ? section_of_map(template, instruction->imm) : 0;
		int result = 0;
		if (section && strcmp(vpc_elf_section_name(&template->elf, section), VPC_PARAMETER_SECTION_NAME) == 0)
			result = keep_constant(template, program, prepared, i, section, error);
		else if (section)
			prepared->globals[prepared->global_count++] = (struct vpc_global_site){i, (uint16_t)section};
		if (result < 0)
			return result;
		i++; /* the second slot */
	}
	return 0;
}

/*
 * The places were judged in the object's own instructions. CO-RE rewrites immediates: one that became the constant by
 * chance is no place of the placeholder, and then there are more than there were.
 */
static int keep_placeholder(const struct vpc_template *template, const struct vpc_template_program *program, struct vpc_prepared *prepared,
		size_t parameter, struct vpc_error *error) {
	struct vpc_placeholder placeholder = template->parameters[parameter].placeholder;
	struct vpc_error scan_error = {""};
	uint32_t count = 0;
	int result = vpc_template_count_in_program(template, program->name, parameter, &count, error);
	if (result < 0 || count == 0)
		return result;
	placeholder.expected = (int32_t)count;
	result = vpc_placeholder_scan(prepared->instructions, prepared->instruction_count, &placeholder, &prepared->placeholders[parameter],
		&scan_error);
	if (result == -ENOENT)
		return vpc_fail(error, -EILSEQ, "%s: %s: not the same places since it was relocated; choose another constant: %.300s",
			template->name, program->name, scan_error.text);
	if (result < 0)
		return vpc_fail(error, result, "%s: %s: %.400s", template->name, program->name, scan_error.text);
	prepared->uses[parameter] = 1;
	return 0;
}

static int keep_program(struct vpc_template *template, struct vpc_template_program *program, const struct bpf_program *relocated,
		const struct bpf_prog_load_opts *options, struct vpc_error *error) {
	_cleanup_(free_prepared) struct vpc_prepared *prepared = calloc(1, sizeof *prepared);
	if (!prepared)
		return out_of_memory(template, error);
	int result = keep_instructions(template, relocated, prepared, error);
	if (result == 0)
		result = keep_attributes(template, relocated, options, prepared, error);
	if (result < 0)
		return result;
	program->prepared = prepared;
	prepared = NULL;
	return 0;
}

/* Once the object is loaded: before, libbpf 1.5 does not tell the maps' descriptors. */
static int find_sites(const struct vpc_template *template, struct vpc_error *error) {
	int result = 0;
	for (size_t p = 0; p < template->program_count && result == 0; p++) {
		const struct vpc_template_program *program = &template->programs[p];
		if (!program->prepared)
			continue;
		result = keep_sites(template, program->name, program->prepared, error);
		for (size_t i = 0; i < template->parameter_count && result == 0; i++)
			if (template->parameters[i].public.site == VPC_SITE_PLACEHOLDER)
				result = keep_placeholder(template, program, program->prepared, i, error);
	}
	return result;
}

/* Called by libbpf for each program of every object that is loaded while the handlers stand. */
static int take_program(struct bpf_program *relocated, struct bpf_prog_load_opts *options, long cookie) {
	static const struct bpf_insn NOTHING[] = {{.code = BPF_ALU64 | BPF_MOV | BPF_K}, {.code = BPF_JMP | BPF_EXIT}};
	struct vpc_template *template = running.template;
	struct vpc_template_program *program = template ? find_program(template, bpf_program__name(relocated)) : NULL;
	(void)cookie;
	if (!program)
		return 0;
	running.result = keep_program(template, program, relocated, options, running.error);
	if (running.result < 0)
		return running.result;
	options->func_info_cnt = options->line_info_cnt = 0;
	return bpf_program__set_insns(relocated, (struct bpf_insn *)NOTHING, sizeof NOTHING / sizeof *NOTHING);
}

static int type_of(const struct vpc_template *template, const char *section, enum vpc_direction direction, enum bpf_prog_type *ret_type,
		enum bpf_attach_type *ret_attach_type, struct vpc_error *error) {
	*ret_attach_type = 0;
	switch (direction) {
	case VPC_INGRESS:
	case VPC_EGRESS: *ret_type = BPF_PROG_TYPE_SCHED_CLS; return 0;
	case VPC_XDP:
		*ret_type = BPF_PROG_TYPE_XDP;
		*ret_attach_type = BPF_XDP;
		return 0;
	default:
		if (libbpf_prog_type_by_name(section, ret_type, ret_attach_type) == 0)
			return 0;
		return vpc_fail(error, -EINVAL, "%s: section %s tells no program type; give a direction", template->name, section);
	}
}

/*
 * libbpf 1.1 frees its table of handlers with the last one and then uses it again (fixed later): one that no section
 * matches stays for good.
 */
static int keep_table(void) {
	static int kept;
	if (kept == 0)
		kept = libbpf_register_prog_handler("libvpc_no_section", BPF_PROG_TYPE_SCHED_CLS, 0, NULL);
	return kept < 0 ? kept : 0;
}

/* Handlers of the sections' names, each once. ret_handlers has room for all programs. */
static int register_handlers(const struct vpc_template *template, enum vpc_direction direction, int *ret_handlers, size_t *ret_count,
		struct vpc_error *error) {
	LIBBPF_OPTS(libbpf_prog_handler_opts, options, .prog_prepare_load_fn = take_program);
	int kept = keep_table();
	if (kept < 0)
		return vpc_fail(error, kept, "%s: libbpf takes no handler", template->name);
	for (size_t i = 0; i < template->program_count; i++) {
		enum bpf_prog_type type;
		enum bpf_attach_type attach_type;
		if (i > 0 && template->programs[i].section == template->programs[i - 1].section)
			continue;
		int result = type_of(template, template->programs[i].section_name, direction, &type, &attach_type, error);
		if (result < 0)
			return result;
		int handler = libbpf_register_prog_handler(template->programs[i].section_name, type, attach_type, &options);
		if (handler < 0)
			return vpc_fail(error, handler, "%s: libbpf takes no handler for section %s", template->name,
				template->programs[i].section_name);
		ret_handlers[(*ret_count)++] = handler;
	}
	return 0;
}

static int resize_maps(const struct vpc_template *template, const struct vpc_prepare_options *options, struct vpc_error *error) {
	if (options->map_size_count && !options->map_sizes)
		return vpc_fail(error, -EINVAL, "%s: there is no list of the %zu map sizes", template->name, options->map_size_count);
	for (size_t i = 0; i < options->map_size_count; i++) {
		if (!options->map_sizes[i].map)
			return vpc_fail(error, -EINVAL, "%s: a map must be named to get another size", template->name);
		struct bpf_map *map = bpf_object__find_map_by_name(template->object, options->map_sizes[i].map);
		if (!map)
			return vpc_fail(error, -ENOENT, "%s: there is no map '%s'", template->name, options->map_sizes[i].map);
		int result = bpf_map__set_max_entries(map, options->map_sizes[i].max_entries);
		if (result < 0)
			return vpc_fail(error, result, "%s: map %s cannot have %u entries", template->name, options->map_sizes[i].map,
				options->map_sizes[i].max_entries);
	}
	return 0;
}

static bool is_map_used(const struct vpc_template *template, const struct vpc_pieces *pieces, size_t maps, const char *name) {
	for (size_t i = 0; i < pieces->relocation_count; i++) {
		const struct vpc_elf_relocation *relocation = &pieces->relocations[i];
		if (relocation->section == maps)
			return true; /* maps that hold maps or programs: who uses whom is not looked into */
		const struct vpc_piece *piece = vpc_pieces_at(pieces, relocation->section, relocation->offset);
		if (piece && piece->is_chosen && relocation->symbol->st_shndx == maps &&
			strcmp(vpc_elf_symbol_name(&template->elf, relocation->symbol), name) == 0)
			return true;
	}
	return false;
}

/* Where one program is chosen, maps that only others use are not made. */
static int choose_maps(const struct vpc_template *template, struct vpc_error *error) {
	_cleanup_(vpc_pieces_release) struct vpc_pieces pieces = {0};
	size_t maps = vpc_elf_find_section(&template->elf, ".maps");
	struct bpf_map *map;
	if (!template->only_program || !maps)
		return 0;
	int result = vpc_pieces_find(template, template->only_program, &pieces, error);
	if (result < 0)
		return result;
	bpf_object__for_each_map(map, template->object)
		if (!bpf_map__is_internal(map) && !is_map_used(template, &pieces, maps, bpf_map__name(map)) && result == 0)
			result = bpf_map__set_autocreate(map, false);
	return result < 0 ? vpc_fail(error, result, "%s: a map that is not used cannot be left out", template->name) : 0;
}

/* Only the chosen programs are loaded; without a pin directory no map is pinned. */
static int choose_parts(const struct vpc_template *template, const struct vpc_prepare_options *options) {
	struct bpf_program *program;
	struct bpf_map *map;
	int result = 0;
	bpf_object__for_each_program(program, template->object)
		if (!find_program((struct vpc_template *)template, bpf_program__name(program)))
			bpf_program__set_autoload(program, false);
	bpf_object__for_each_map(map, template->object)
		if (!options->pin_directory && bpf_map__pin_path(map) && result == 0)
			result = bpf_map__set_pin_path(map, NULL);
	return result;
}

static const char *remedy(int code, char permission[static VPC_PERMISSION_TEXT]) {
	switch (code) {
	case -EPERM: return vpc_probe_permission(permission);
	case -ENOMEM: return "the kernel has no memory for them; are their sizes right for this machine?";
	case -ENOSYS: return "this kernel has no bpf() system call (CONFIG_BPF_SYSCALL)";
	default: return running.last_words;
	}
}

static int fail_with_words(const struct vpc_template *template, const char *what, int code, struct vpc_error *error) {
	if (running.result < 0)
		return running.result; /* said already */
	char permission[VPC_PERMISSION_TEXT];
	const char *words = remedy(code, permission);
	return vpc_fail(error, code, "%s: %s: %s%s%s", template->name, what, strerror(-code), *words ? "; " : "", words);
}

static int open_and_load(struct vpc_template *template, const struct vpc_prepare_options *options, struct vpc_error *error) {
	char object_name[32];
	const char *base = strrchr(template->name, '/') ? strrchr(template->name, '/') + 1 : template->name;
	snprintf(object_name, sizeof object_name, "%.*s", (int)strcspn(base, "."), base);
	LIBBPF_OPTS(bpf_object_open_opts, open_options, .object_name = object_name, .pin_root_path = options->pin_directory);
	template->object = bpf_object__open_mem(template->bytes, template->length, &open_options);
	if (!template->object)
		return fail_with_words(template, "libbpf does not open it", -errno, error);
	int result = choose_parts(template, options);
	if (result < 0)
		return fail_with_words(template, "a map cannot be left without a pin", result, error);
	result = choose_maps(template, error);
	if (result < 0)
		return result;
	result = resize_maps(template, options, error);
	if (result < 0)
		return result;
	result = bpf_object__load(template->object);
	if (result < 0)
		return fail_with_words(template, "its maps and programs cannot be made", result, error);
	return find_sites(template, error);
}

/* What libbpf loaded does nothing, and is not kept. */
static void unload_nothing(struct vpc_template *template) {
	struct bpf_program *program;
	bpf_object__for_each_program(program, template->object)
		bpf_program__unload(program);
}

static void forget_preparation(struct vpc_template *template) {
	for (size_t i = 0; i < template->program_count; i++)
		template->programs[i].prepared = vpc_prepared_free(template->programs[i].prepared);
	bpf_object__close(template->object);
	template->object = NULL;
}

int vpc_template_prepare(struct vpc_template *template, const struct vpc_prepare_options *options, struct vpc_error *error) {
	const struct vpc_prepare_options defaults = {.size = sizeof defaults};
	size_t handler_count = 0;
	if (template->object)
		return vpc_fail(error, -EALREADY, "%s: is prepared already", template->name);
	_cleanup_(free_memory) int *handlers = calloc(template->program_count, sizeof *handlers);
	if (!handlers)
		return out_of_memory(template, error);
	options = options ? options : &defaults;

	pthread_mutex_lock(&one_at_a_time);
	memset(&running, 0, sizeof running);
	running.template = template;
	running.error = error;
	libbpf_print_fn_t print = libbpf_set_print(remember_words);
	int result = register_handlers(template, options->direction, handlers, &handler_count, error);
	if (result == 0)
		result = open_and_load(template, options, error);
	while (handler_count > 0)
		libbpf_unregister_prog_handler(handlers[--handler_count]);
	libbpf_set_print(print);
	running.template = NULL;
	pthread_mutex_unlock(&one_at_a_time);

	if (result < 0)
		forget_preparation(template);
	else
		unload_nothing(template);
	return result;
}

int vpc_template_map_fd(const struct vpc_template *template, const char *name) {
	if (!name)
		return -EINVAL;
	struct bpf_map *map = template->object ? bpf_object__find_map_by_name(template->object, name) : NULL;
	/* libbpf from 1.4 on has descriptors also of maps that it did not make. */
	int fd = map && bpf_map__autocreate(map) ? bpf_map__fd(map) : -ENOENT;
	return fd < 0 ? -ENOENT : fd;
}
