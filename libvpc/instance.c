// SPDX-License-Identifier: Apache-2.0
/* A program with its values: copy, patch, one BPF_PROG_LOAD. */
#include "template.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <inttypes.h>
#include <search.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>

#include "bpf_syscall.h"
#include "error.h"
#include "probe.h"
#include "setting.h"

#define VERIFIER_LOG_SIZE (1u << 20)
#define MOST_DATA_MAPS 64
#define LOAD_ATTEMPTS 5 /* the verifier answers EAGAIN when a signal is pending */

/* What makes two instances the same: the program, and each setting by parameter and element. */
struct identity {
	const struct vpc_prepared *prepared;
	size_t count;
	struct assignment {
		int parameter;
		uint32_t element;
		uint8_t bytes[VPC_VALUE_WIDTH];
	} *assignments; /* sorted */
};

struct vpc_instance {
	struct identity identity; /* first: the tree compares it */
	struct vpc_template *template;
	const char *program;
	unsigned references;
	int fd;
	uint32_t id;
	uint64_t tag;
	uint64_t patch_time; /* nanoseconds */
	char *values;
};

static int compare_assignments(const void *left, const void *right) {
	const struct assignment *a = left, *b = right;
	if (a->parameter != b->parameter)
		return a->parameter < b->parameter ? -1 : 1;
	return (a->element > b->element) - (a->element < b->element);
}

static int compare_identities(const void *left, const void *right) {
	const struct identity *a = left, *b = right;
	if (a->prepared != b->prepared)
		return a->prepared < b->prepared ? -1 : 1;
	if (a->count != b->count)
		return a->count < b->count ? -1 : 1;
	return a->count ? memcmp(a->assignments, b->assignments, a->count * sizeof *a->assignments) : 0;
}

/* Leaves out what says a default aloud, so that equal values look equal; returns how many stay. */
static size_t drop_defaults(const struct vpc_template *template, struct vpc_setting *settings, int *parameters, size_t count) {
	size_t kept = 0;
	for (size_t i = 0; i < count; i++) {
		const struct vpc_parameter *parameter = &template->parameters[parameters[i]].public;
		if (parameter->has_default && memcmp(settings[i].value.bytes, parameter->default_value.bytes, parameter->width) == 0)
			continue;
		settings[kept] = settings[i];
		parameters[kept++] = parameters[i];
	}
	return kept;
}

static void fill_assignments(const struct vpc_template *template, const struct vpc_setting *settings, const int *parameters, size_t count,
		struct assignment *assignments) {
	memset(assignments, 0, count * sizeof *assignments);
	for (size_t i = 0; i < count; i++) {
		assignments[i].parameter = parameters[i];
		assignments[i].element = settings[i].element;
		memcpy(assignments[i].bytes, settings[i].value.bytes, template->parameters[parameters[i]].public.width);
	}
	qsort(assignments, count, sizeof *assignments, compare_assignments);
}

static const struct vpc_value *setting_of(const struct vpc_setting *settings, const int *parameters, size_t count, int parameter) {
	for (size_t i = 0; i < count; i++)
		if (parameters[i] == parameter)
			return &settings[i].value;
	return NULL;
}

/* The value of each parameter that the program uses, by the parameter's index; globals may be left as they are. */
static int collect_values(const struct vpc_template *template, const struct vpc_prepared *prepared, const char *program,
		const struct vpc_setting *settings, const int *parameters, size_t count, const struct vpc_value **ret_values,
		struct vpc_error *error) {
	for (size_t i = 0; i < template->parameter_count; i++) {
		const struct vpc_parameter *parameter = &template->parameters[i].public;
		ret_values[i] = setting_of(settings, parameters, count, (int)i);
		if (ret_values[i] || parameter->site == VPC_SITE_GLOBAL || !prepared->uses[i])
			continue;
		if (!parameter->has_default)
			return vpc_fail(error, -EINVAL, "%s: %s: parameter '%s' must be set%s%s", template->name, program, parameter->name,
				*parameter->description ? ": " : "", parameter->description);
		ret_values[i] = &parameter->default_value;
	}
	return 0;
}

static void write_constants(const struct vpc_prepared *prepared, const struct vpc_value *const *values, struct bpf_insn *instructions) {
	for (size_t i = 0; i < prepared->constant_count; i++) {
		const struct vpc_constant_site *site = &prepared->constants[i];
		const struct vpc_value *value = values[site->parameter];
		size_t left = (size_t)(value->width - site->offset);
		uint64_t number = 0;
		memcpy(&number, value->bytes + site->offset, left < sizeof number ? left : sizeof number);
		instructions[site->instruction].src_reg = 0;
		instructions[site->instruction].imm = (int32_t)number;
		instructions[site->instruction + 1].imm = (int32_t)(number >> 32);
	}
}

static int write_placeholders(const struct vpc_template *template, const struct vpc_prepared *prepared,
		const struct vpc_value *const *values, struct bpf_insn *instructions, struct vpc_error *error) {
	struct vpc_error site_error = {""};
	for (size_t i = 0; i < template->parameter_count; i++) {
		uint64_t number = 0;
		if (!prepared->placeholders[i])
			continue;
		memcpy(&number, values[i]->bytes, values[i]->width);
		int result = vpc_placeholder_write(instructions, prepared->instruction_count, prepared->placeholders[i], number, &site_error);
		if (result < 0)
			return vpc_fail(error, result, "%s: %s: %.400s", template->name, template->parameters[i].name, site_error.text);
	}
	return 0;
}

/* Maps of this instance alone, for the sections of which it sets variables. Closed when the program holds them. */
struct data_maps {
	size_t count;
	struct {
		size_t section;
		int fd;
	} items[MOST_DATA_MAPS];
};

static void close_data_maps(struct data_maps *maps) {
	for (size_t i = 0; i < maps->count; i++)
		close_fd(&maps->items[i].fd);
}

static int data_map_of(const struct data_maps *maps, size_t section) {
	for (size_t i = 0; i < maps->count; i++)
		if (maps->items[i].section == section)
			return maps->items[i].fd;
	return -1;
}

static int fill_data_map(const struct vpc_template *template, size_t section, const struct vpc_setting *settings, const int *parameters,
		size_t count, int fd, bool is_read_only, struct vpc_error *error) {
	const Elf64_Shdr *header = &template->elf.sections[section];
	const uint8_t *initial = vpc_elf_section_bytes(&template->elf, section);
	_cleanup_(free_memory) uint8_t *bytes = calloc(1, header->sh_size + 8);
	const uint32_t zero = 0;
	if (!bytes)
		return vpc_fail(error, -ENOMEM, "%s: no memory for section %s", template->name, vpc_elf_section_name(&template->elf, section));
	if (initial)
		memcpy(bytes, initial, header->sh_size);
	for (size_t i = 0; i < count; i++) {
		const struct vpc_template_parameter *parameter = &template->parameters[parameters[i]];
		if (parameter->public.site == VPC_SITE_GLOBAL && parameter->section == section)
			memcpy(bytes + parameter->public.offset + (size_t)settings[i].element * parameter->public.width, settings[i].value.bytes,
				parameter->public.width);
	}
	if (bpf_map_update_elem(fd, &zero, bytes, BPF_ANY) < 0 || (is_read_only && bpf_map_freeze(fd) < 0)) {
		int code = -errno;
		return vpc_fail(error, code, "%s: the variables of section %s cannot be written: %s", template->name,
			vpc_elf_section_name(&template->elf, section), strerror(-code));
	}
	return 0;
}

/* libbpf makes no such maps where a first one was refused, and does not say why. */
static int fail_without_map(const struct vpc_template *template, const char *section, struct vpc_error *error) {
	char text[VPC_PERMISSION_TEXT];
	if (vpc_probe_memory_limit(text))
		return vpc_fail(error, -EPERM, "%s: no map for the variables of section %s: %s", template->name, section, text);
	return vpc_fail(error, -ENOTSUP, "%s: section %s has no map; is this kernel without global variables (before 5.2)?", template->name,
		section);
}

static int make_data_map(const struct vpc_template *template, size_t section, const struct vpc_setting *settings, const int *parameters,
		size_t count, struct data_maps *maps, struct vpc_error *error) {
	const char *name = vpc_elf_section_name(&template->elf, section);
	struct bpf_map_info info = {0};
	uint32_t size = sizeof info;
	int shared = vpc_template_map_fd(template, name);
	if (shared < 0 || bpf_obj_get_info_by_fd(shared, &info, &size) < 0) /* libbpf from 1.4 on keeps a place for it, which is no map */
		return fail_without_map(template, name, error);
	if (maps->count == MOST_DATA_MAPS)
		return vpc_fail(error, -E2BIG, "%s: more than %d sections of variables", template->name, MOST_DATA_MAPS);
	LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = info.map_flags);
	int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, info.name, sizeof(uint32_t), info.value_size, 1, &options);
	if (fd < 0)
		return vpc_fail(error, fd, "%s: no map for the variables of section %s: %s", template->name, name, strerror(-fd));
	maps->items[maps->count].section = section;
	maps->items[maps->count++].fd = fd;
	return fill_data_map(template, section, settings, parameters, count, fd, info.map_flags & BPF_F_RDONLY_PROG, error);
}

static int make_data_maps(const struct vpc_template *template, const struct vpc_setting *settings, const int *parameters, size_t count,
		struct data_maps *maps, struct vpc_error *error) {
	for (size_t i = 0; i < count; i++) {
		const struct vpc_template_parameter *parameter = &template->parameters[parameters[i]];
		if (parameter->public.site != VPC_SITE_GLOBAL || data_map_of(maps, parameter->section) >= 0)
			continue;
		int result = make_data_map(template, parameter->section, settings, parameters, count, maps, error);
		if (result < 0)
			return result;
	}
	return 0;
}

static void redirect_globals(const struct vpc_prepared *prepared, const struct data_maps *maps, struct bpf_insn *instructions) {
	for (size_t i = 0; i < prepared->global_count && maps->count > 0; i++) {
		int fd = data_map_of(maps, prepared->globals[i].section);
		if (fd >= 0)
			instructions[prepared->globals[i].instruction].imm = fd;
	}
}

static uint64_t nanoseconds(void) {
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static int load_with(const union bpf_attr *attributes) {
	int fd = -EAGAIN;
	for (int attempt = 0; attempt < LOAD_ATTEMPTS && fd == -EAGAIN; attempt++) {
		fd = (int)syscall(SYS_bpf, BPF_PROG_LOAD, attributes, sizeof *attributes);
		if (fd < 0)
			fd = -errno;
	}
	return fd;
}

/* The last lines that tell something, on one line. */
static void shorten_log(const char *log, char *text, size_t size) {
	const char *end = log + strlen(log);
	const char *processed = strstr(log, "\nprocessed ");
	if (processed)
		end = processed;
	const char *start = (size_t)(end - log) > 300 ? end - 300 : log;
	size_t length = 0;
	for (; start < end && length + 2 < size; start++)
		text[length++] = *start == '\n' ? ' ' : *start;
	text[length] = '\0';
}

/* Only now the log and the source lines: they cost more than the load itself. */
static int load_again_for_log(const struct vpc_template *template, const struct vpc_prepared *prepared, const char *program, int code,
		struct vpc_error *error) {
	_cleanup_(free_memory) char *log = calloc(1, VERIFIER_LOG_SIZE);
	char words[320] = "", permission[VPC_PERMISSION_TEXT];
	union bpf_attr attributes = prepared->attributes;
	if (code == -EPERM)
		return vpc_fail(error, code, "%s: %s: the kernel refuses to load it: %s", template->name, program,
			vpc_probe_permission(permission));
	if (log) {
		attributes.log_buf = (uintptr_t)log;
		attributes.log_size = VERIFIER_LOG_SIZE;
		attributes.log_level = 1;
		if (attributes.prog_btf_fd)
			attributes.line_info = (uintptr_t)prepared->line_info;
		else
			attributes.line_info_cnt = attributes.line_info_rec_size = 0;
		int fd = load_with(&attributes);
		if (fd >= 0)
			return fd; /* it did load: what was short is there again */
		code = fd;
		shorten_log(log, words, sizeof words);
	}
	bool lacks_helper = strstr(words, "invalid func unknown#") || strstr(words, "unknown func ");
	return vpc_fail(error, code, "%s: %s: the kernel refuses to load it: %s%s%s%s", template->name, program, strerror(-code),
		lacks_helper ? "; 'vpcctl doctor' names the function that it lacks" : "", *words ? "; verifier: " : "", words);
}

static int load_program(const struct vpc_template *template, const struct vpc_prepared *prepared, const char *program,
		struct vpc_error *error) {
	union bpf_attr attributes = prepared->attributes;
	attributes.line_info_cnt = attributes.line_info_rec_size = 0;
	int fd = load_with(&attributes);
	return fd < 0 ? load_again_for_log(template, prepared, program, fd, error) : fd;
}

static char *describe_settings(const struct vpc_template *template, const struct vpc_setting *settings, const int *parameters,
		size_t count) {
	char *text = NULL;
	size_t size = 0;
	FILE *stream = open_memstream(&text, &size);
	for (size_t i = 0; stream && i < count; i++) {
		const struct vpc_parameter *parameter = &template->parameters[parameters[i]].public;
		char value[64] = "";
		vpc_value_format(parameter, &settings[i].value, value, sizeof value);
		fprintf(stream, parameter->elements > 1 ? "%s%s[%" PRIu32 "]=%s" : "%s%s%.0" PRIu32 "=%s", i ? " " : "", parameter->name,
			parameter->elements > 1 ? settings[i].element : 0, value);
	}
	return stream && fclose(stream) == 0 ? text : NULL;
}

struct vpc_instance *vpc_instance_free(struct vpc_instance *instance) {
	if (!instance || --instance->references > 0)
		return NULL;
	struct vpc_template *template = instance->template;
	tdelete(instance, &template->instances, compare_identities);
	close_fd(&instance->fd);
	free(instance->identity.assignments);
	free(instance->values);
	free(instance);
	if (template->is_released && !template->instances)
		vpc_template_free(template);
	return NULL;
}

static struct vpc_instance *find_instance(struct vpc_template *template, const struct identity *identity) {
	struct vpc_instance **found = tfind(identity, &template->instances, compare_identities);
	return found ? *found : NULL;
}

static int keep_instance(struct vpc_template *template, const struct vpc_template_program *program, const struct identity *identity,
		const struct vpc_setting *settings, const int *parameters, int program_fd, struct vpc_instance **ret_instance,
		struct vpc_error *error) {
	_cleanup_(close_fd) int fd = program_fd;
	struct vpc_instance *instance = calloc(1, sizeof *instance);
	struct assignment *assignments = malloc((identity->count + 1) * sizeof *assignments);
	char *values = describe_settings(template, settings, parameters, identity->count);
	if (assignments && identity->count) /* before the tree compares it */
		memcpy(assignments, identity->assignments, identity->count * sizeof *assignments);
	uint32_t id;
	uint64_t tag;
	int result = vpc_bpf_program_info(fd, NULL, &id, &tag);
	if (result < 0)
		vpc_fail(error, result, "%s: %s: the kernel does not tell the program's id: %s", template->name, program->name, strerror(-result));
	else if (!instance || !assignments || !values || (*instance = (struct vpc_instance){.template = template},
		instance->identity = *identity, instance->identity.assignments = assignments,
		!tsearch(instance, &template->instances, compare_identities)))
		result = vpc_fail(error, -ENOMEM, "%s: %s: no memory for an instance", template->name, program->name);
	if (result < 0) {
		free(instance);
		free(assignments);
		free(values);
		return result;
	}
	instance->program = program->name;
	instance->references = 1;
	instance->id = id;
	instance->tag = tag;
	instance->values = values;
	instance->fd = steal_fd(&fd);
	*ret_instance = instance;
	return 0;
}

static int make_instance(struct vpc_template *template, const struct vpc_template_program *program, const struct identity *identity,
		const struct vpc_setting *settings, const int *parameters, struct vpc_instance **ret_instance, struct vpc_error *error) {
	struct vpc_prepared *prepared = program->prepared;
	const struct vpc_value *values[VPC_MOST_SETTINGS];
	_cleanup_(close_data_maps) struct data_maps maps = {0};
	uint64_t start = nanoseconds();
	int result = collect_values(template, prepared, program->name, settings, parameters, identity->count, values, error);
	if (result < 0)
		return result;
	memcpy(prepared->scratch, prepared->instructions, prepared->instruction_count * sizeof(struct bpf_insn));
	write_constants(prepared, values, prepared->scratch);
	result = write_placeholders(template, prepared, values, prepared->scratch, error);
	if (result == 0)
		result = make_data_maps(template, settings, parameters, identity->count, &maps, error);
	if (result < 0)
		return result;
	redirect_globals(prepared, &maps, prepared->scratch);
	uint64_t patch_time = nanoseconds() - start;
	int fd = load_program(template, prepared, program->name, error);
	if (fd < 0)
		return fd;
	result = keep_instance(template, program, identity, settings, parameters, fd, ret_instance, error);
	if (result == 0)
		(*ret_instance)->patch_time = patch_time;
	return result;
}

static const struct vpc_template_program *find_program(const struct vpc_template *template, const char *name) {
	for (size_t i = 0; i < template->program_count; i++)
		if (strcmp(template->programs[i].name, name) == 0)
			return &template->programs[i];
	return NULL;
}

int vpc_instance_load(struct vpc_template *template, const char *program_name, const struct vpc_setting *settings, size_t count,
		struct vpc_instance **ret_instance, struct vpc_error *error) {
	const struct vpc_template_program *program = program_name ? find_program(template, program_name) : NULL;
	struct assignment assignments[VPC_MOST_SETTINGS];
	int parameters[VPC_MOST_SETTINGS];
	if (!program_name)
		return vpc_fail(error, -EINVAL, "%s: a program must be named", template->name);
	if (!program)
		return vpc_fail(error, -ENOENT, "%s: there is no program '%s'", template->name, program_name);
	if (!program->prepared)
		return vpc_fail(error, -EINVAL, "%s: is not prepared", template->name);
	if (count > VPC_MOST_SETTINGS || template->parameter_count > VPC_MOST_SETTINGS)
		return vpc_fail(error, -E2BIG, "%s: more than %d parameters or settings", template->name, VPC_MOST_SETTINGS);
	int result = vpc_template_check_settings(template, settings, count, parameters, error);
	if (result < 0)
		return result;

	struct vpc_setting chosen[VPC_MOST_SETTINGS];
	if (count > 0)
		memcpy(chosen, settings, count * sizeof *chosen);
	count = drop_defaults(template, chosen, parameters, count);
	struct identity identity = {program->prepared, count, assignments};
	fill_assignments(template, chosen, parameters, count, assignments);
	struct vpc_instance *known = find_instance(template, &identity);
	if (known) {
		known->references++;
		*ret_instance = known;
		return 0;
	}
	return make_instance(template, program, &identity, chosen, parameters, ret_instance, error);
}

int vpc_instance_fd(const struct vpc_instance *instance) {
	return instance->fd;
}

uint32_t vpc_instance_id(const struct vpc_instance *instance) {
	return instance->id;
}

uint64_t vpc_instance_tag(const struct vpc_instance *instance) {
	return instance->tag;
}

uint64_t vpc_instance_patch_time(const struct vpc_instance *instance) {
	return instance->patch_time;
}

const char *vpc_instance_program(const struct vpc_instance *instance) {
	return instance->program;
}

const char *vpc_instance_values(const struct vpc_instance *instance) {
	return instance->values;
}

const struct vpc_template *vpc_instance_template(const struct vpc_instance *instance) {
	return instance->template;
}
