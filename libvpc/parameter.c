// SPDX-License-Identifier: Apache-2.0
/* Finds the parameters of an object: what its symbols, its BTF and the caller's placeholders declare. */
#include "template.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core_relocation.h"
#include "error.h"

#define LOAD_IMMEDIATE_64 (BPF_LD | BPF_IMM | BPF_DW)
#define TAG_PREFIX "vpc:"

static bool is_section_of(const char *name, const char *kind) {
	size_t length = strlen(kind);
	return strncmp(name, kind, length) == 0 && (name[length] == '\0' || name[length] == '.');
}

static bool holds_globals(const struct vpc_elf *elf, size_t section) {
	const char *name = vpc_elf_section_name(elf, section);
	if (strncmp(name, ".rodata.str", 11) == 0 || strncmp(name, ".rodata.cst", 11) == 0)
		return false;
	return is_section_of(name, ".data") || is_section_of(name, ".rodata") || is_section_of(name, ".bss");
}

static bool holds_constants(const struct vpc_elf *elf, size_t section) {
	return strcmp(vpc_elf_section_name(elf, section), VPC_PARAMETER_SECTION_NAME) == 0;
}

bool vpc_template_data_reference(const struct vpc_template *template, const struct vpc_elf_relocation *relocation, size_t *ret_section,
		uint64_t *ret_offset) {
	const struct vpc_elf *elf = &template->elf;
	const Elf64_Sym *symbol = relocation->symbol;
	struct bpf_insn instruction;
	if (!vpc_elf_is_code(elf, relocation->section) || symbol->st_shndx == SHN_UNDEF || symbol->st_shndx >= elf->section_count)
		return false;
	if (!holds_globals(elf, symbol->st_shndx))
		return false;
	memcpy(&instruction, vpc_elf_section_bytes(elf, relocation->section) + relocation->offset, sizeof instruction);
	if (instruction.code != LOAD_IMMEDIATE_64)
		return false;
	*ret_section = symbol->st_shndx;
	*ret_offset = symbol->st_value + (uint32_t)instruction.imm;
	return true;
}

int vpc_template_parameter_at(const struct vpc_template *template, size_t section, uint64_t offset) {
	for (size_t i = 0; i < template->parameter_count; i++) {
		const struct vpc_template_parameter *parameter = &template->parameters[i];
		uint64_t size = (uint64_t)parameter->public.width * parameter->public.elements;
		if (parameter->public.site != VPC_SITE_PLACEHOLDER && parameter->section == section && offset >= parameter->public.offset &&
			offset - parameter->public.offset < size)
			return (int)i;
	}
	return -1;
}

int vpc_template_parameter_index(const struct vpc_template *template, const char *name) {
	for (size_t i = 0; i < template->parameter_count; i++)
		if (strcmp(template->parameters[i].name, name) == 0)
			return (int)i;
	return -1;
}

/* The type without names and qualifiers in front of it. */
static const struct btf_type *plain_type(const struct btf *btf, uint32_t id) {
	const struct btf_type *type = btf__type_by_id(btf, id);
	for (int depth = 0; type && depth < 32 && (btf_is_mod(type) || btf_is_typedef(type)); depth++)
		type = btf__type_by_id(btf, type->type);
	return type;
}

/*
 * Id of the variable of that name within the section's DATASEC, or 0. Linked objects may have several, and tell their
 * offsets; compilers leave the offsets to the loader.
 */
static uint32_t find_variable(const struct btf *btf, const char *section, const char *name, uint64_t offset) {
	int datasec = btf__find_by_name_kind(btf, section, BTF_KIND_DATASEC);
	const struct btf_type *type = datasec > 0 ? btf__type_by_id(btf, (uint32_t)datasec) : NULL;
	uint32_t first = 0;
	for (int i = 0; type && i < btf_vlen(type); i++) {
		const struct btf_var_secinfo *place = &btf_var_secinfos(type)[i];
		const struct btf_type *variable = btf__type_by_id(btf, place->type);
		const char *found = variable && btf_is_var(variable) ? btf__name_by_offset(btf, variable->name_off) : NULL;
		if (!found || strcmp(found, name))
			continue;
		if (place->offset == offset)
			return place->type;
		first = first ? first : place->type;
	}
	return first;
}

/* What the compiler noted beside the variable, without the prefix; NULL if nothing. */
static const char *find_tag(const struct btf *btf, uint32_t variable) {
	for (uint32_t id = 1; id < btf__type_cnt(btf); id++) {
		const struct btf_type *type = btf__type_by_id(btf, id);
		if (!btf_is_decl_tag(type) || type->type != variable)
			continue;
		const char *text = btf__name_by_offset(btf, type->name_off);
		if (text && strncmp(text, TAG_PREFIX, strlen(TAG_PREFIX)) == 0)
			return text + strlen(TAG_PREFIX);
	}
	return NULL;
}

static uint64_t highest_of_width(uint16_t width) {
	return width >= 8 ? UINT64_MAX : (1ull << (8 * width)) - 1;
}

static int read_type_word(struct vpc_template_parameter *parameter, const char *word, size_t length, const char *object,
		struct vpc_error *error) {
	static const struct {
		const char *word;
		enum vpc_value_type type;
		uint16_t width; /* 0: any */
	} TYPES[] = {{"integer", VPC_VALUE_INTEGER, 0}, {"ipv4", VPC_VALUE_IPV4, 4}, {"ipv6", VPC_VALUE_IPV6, 16}, {"mac", VPC_VALUE_MAC, 6},
		{"bytes", VPC_VALUE_BYTES, 0}};
	for (size_t i = 0; i < sizeof TYPES / sizeof *TYPES; i++) {
		if (strlen(TYPES[i].word) != length || strncmp(TYPES[i].word, word, length))
			continue;
		if (TYPES[i].width && TYPES[i].width != parameter->public.width)
			return vpc_fail(error, -EINVAL, "%s: parameter %s: type %s has %u bytes, the variable %u", object, parameter->name,
				TYPES[i].word, TYPES[i].width, parameter->public.width);
		parameter->public.type = TYPES[i].type;
		return 0;
	}
	return vpc_fail(error, -EINVAL, "%s: parameter %s: type '%.*s' is not integer, ipv4, ipv6, mac or bytes", object, parameter->name,
		(int)length, word);
}

static bool read_bound(const char **text, uint64_t *ret_bound) {
	char *end;
	if (**text < '0' || **text > '9')
		return false;
	errno = 0;
	*ret_bound = strtoull(*text, &end, strncmp(*text, "0x", 2) == 0 ? 16 : 10);
	*text = end;
	return errno == 0;
}

static int read_range_word(struct vpc_template_parameter *parameter, const char *word, const char *object, struct vpc_error *error) {
	uint64_t lowest, highest;
	const char *at = word;
	if (!read_bound(&at, &lowest) || strncmp(at, "..", 2) || (at += 2, !read_bound(&at, &highest)) || (*at && *at != ';') ||
		lowest > highest || highest > highest_of_width(parameter->public.width))
		return vpc_fail(error, -EINVAL, "%s: parameter %s: range '%.40s' is not LOW..HIGH within %u bytes", object, parameter->name, word,
			parameter->public.width);
	parameter->public.lowest = lowest;
	parameter->public.highest = highest;
	return 0;
}

static int read_default_word(struct vpc_template_parameter *parameter, const char *word, size_t length, const char *object,
		struct vpc_error *error) {
	char text[64];
	if (length >= sizeof text)
		return vpc_fail(error, -EINVAL, "%s: parameter %s: the default is longer than any value", object, parameter->name);
	memcpy(text, word, length);
	text[length] = '\0';
	/* A default may say "not there" (VLAN 0, say) and lie outside the range of what can be set. */
	struct vpc_parameter any = parameter->public;
	any.name = parameter->name;
	any.lowest = 0;
	any.highest = highest_of_width(any.width);
	struct vpc_error value_error = {""};
	int result = vpc_value_parse(&any, text, &parameter->public.default_value, &value_error);
	if (result < 0)
		return vpc_fail(error, result, "%s: default of parameter %.400s", object, value_error.text);
	parameter->public.has_default = true;
	return 0;
}

/* "type=integer;range=2..9;default=3;text=words": the text is last and may hold any character. */
static int read_tag(struct vpc_template_parameter *parameter, const char *tag, const char *object, struct vpc_error *error) {
	const char *default_word = NULL;
	size_t default_length = 0;
	while (*tag) {
		size_t length = strcspn(tag, ";");
		const char *equals = memchr(tag, '=', length);
		size_t key = equals ? (size_t)(equals - tag) : length;
		const char *word = equals ? equals + 1 : "";
		size_t word_length = equals ? length - key - 1 : 0;
		int result = 0;
		if (key == 4 && strncmp(tag, "text", 4) == 0) {
			parameter->description = strdup(word);
			break;
		}
		if (key == 4 && strncmp(tag, "type", 4) == 0)
			result = read_type_word(parameter, word, word_length, object, error);
		else if (key == 5 && strncmp(tag, "range", 5) == 0)
			result = read_range_word(parameter, word, object, error);
		else if (key == 7 && strncmp(tag, "default", 7) == 0)
			default_word = word, default_length = word_length;
		else
			result = vpc_fail(error, -EINVAL, "%s: parameter %s: '%.*s' is not type, range, default or text", object, parameter->name,
				(int)key, tag);
		if (result < 0)
			return result;
		tag += length + (tag[length] == ';');
	}
	return default_word ? read_default_word(parameter, default_word, default_length, object, error) : 0;
}

/* Width and number of elements as BTF tells; structures and what is wider than 16 bytes are taken byte by byte. */
static int shape_by_btf(const struct btf *btf, uint32_t variable, uint64_t size, struct vpc_template_parameter *parameter,
		const char *object, struct vpc_error *error) {
	uint32_t id = btf__type_by_id(btf, variable)->type;
	const struct btf_type *type = plain_type(btf, id);
	int64_t known = btf__resolve_size(btf, id);
	if (!type || known < 0 || (uint64_t)known != size)
		return vpc_fail(error, -EINVAL, "%s: variable %s has %" PRIu64 " bytes by its symbol and %" PRId64 " by its BTF", object,
			parameter->name, size, known);
	uint64_t element = size;
	while (type && btf_is_array(type)) {
		element = btf_array(type)->nelems ? element / btf_array(type)->nelems : 0;
		type = plain_type(btf, btf_array(type)->type);
	}
	bool is_number = type && (btf_is_int(type) || btf_is_enum(type) || btf_is_enum64(type) || btf_is_ptr(type));
	if (is_number && element > 0 && element <= 8) {
		parameter->public.width = (uint16_t)element;
		parameter->public.elements = (uint16_t)(size / element);
		parameter->public.type = VPC_VALUE_INTEGER;
	}
	return 0;
}

/* Without BTF the size is all there is: 1, 2, 4 or 8 bytes are a number. */
static void shape_by_size(uint64_t size, struct vpc_template_parameter *parameter) {
	bool is_number = size == 1 || size == 2 || size == 4 || size == 8;
	parameter->public.width = (uint16_t)(size <= VPC_VALUE_WIDTH ? size : 1);
	parameter->public.elements = (uint16_t)(size <= VPC_VALUE_WIDTH ? 1 : size);
	parameter->public.type = is_number ? VPC_VALUE_INTEGER : VPC_VALUE_BYTES;
}

static int describe_variable(struct vpc_template *template, const Elf64_Sym *symbol, struct vpc_template_parameter *parameter,
		struct vpc_error *error) {
	const char *section = vpc_elf_section_name(&template->elf, symbol->st_shndx);
	bool is_constant = parameter->public.site == VPC_SITE_CONSTANT;
	uint32_t variable = template->btf ? find_variable(template->btf, section, parameter->symbol, symbol->st_value) : 0;
	int result = 0;

	shape_by_size(symbol->st_size, parameter);
	if (variable && !is_constant)
		result = shape_by_btf(template->btf, variable, symbol->st_size, parameter, template->name, error);
	parameter->public.highest = highest_of_width(parameter->public.width);
	const char *tag = result == 0 && variable ? find_tag(template->btf, variable) : NULL;
	if (is_constant && symbol->st_size > VPC_VALUE_WIDTH)
		return vpc_fail(error, -EINVAL, "%s: parameter %s: %" PRIu64 " bytes are more than 16", template->name, parameter->name,
			symbol->st_size);
	if (is_constant && result == 0 && !tag)
		return vpc_fail(error, -EINVAL, "%s: parameter %s has no declaration in BTF; compile with -g, and strip with llvm-strip -g",
			template->name, parameter->name);
	return tag ? read_tag(parameter, tag, template->name, error) : result;
}

static bool is_variable(const struct vpc_template *template, const Elf64_Sym *symbol) {
	unsigned kind = ELF64_ST_TYPE(symbol->st_info);
	if (symbol->st_shndx == SHN_UNDEF || symbol->st_shndx >= template->elf.section_count || symbol->st_size == 0)
		return false;
	const char *name = vpc_elf_symbol_name(&template->elf, symbol);
	bool is_format = strstr(name, ".____fmt") != NULL; /* the texts of bpf_printk() */
	return (kind == STT_OBJECT || kind == STT_NOTYPE) && *name && !is_format && holds_globals(&template->elf, symbol->st_shndx);
}

static struct vpc_template_parameter *add_parameter(struct vpc_template *template, const char *name) {
	struct vpc_template_parameter *grown = realloc(template->parameters, (template->parameter_count + 1) * sizeof *grown);
	if (!grown)
		return NULL;
	template->parameters = grown;
	struct vpc_template_parameter *parameter = &grown[template->parameter_count];
	memset(parameter, 0, sizeof *parameter);
	parameter->name = strdup(name);
	if (!parameter->name)
		return NULL;
	template->parameter_count++;
	return parameter;
}

static int add_variable(struct vpc_template *template, const Elf64_Sym *symbol, struct vpc_error *error) {
	const char *name = vpc_elf_symbol_name(&template->elf, symbol);
	if (symbol->st_size > UINT16_MAX)
		return 0; /* too large to be set */
	struct vpc_template_parameter *parameter = add_parameter(template, name);
	if (!parameter)
		return vpc_fail(error, -ENOMEM, "%s: no memory for parameters", template->name);
	parameter->symbol = name;
	parameter->section = symbol->st_shndx;
	parameter->public.site = holds_constants(&template->elf, symbol->st_shndx) ? VPC_SITE_CONSTANT : VPC_SITE_GLOBAL;
	parameter->public.offset = (uint32_t)symbol->st_value;
	return describe_variable(template, symbol, parameter, error);
}

static int compare_symbols(const void *left, const void *right) {
	const struct vpc_template_parameter *a = *(struct vpc_template_parameter *const *)left,
		*b = *(struct vpc_template_parameter *const *)right;
	int order = strcmp(a->symbol, b->symbol);
	if (order == 0)
		order = (a->section > b->section) - (a->section < b->section);
	return order ? order : (a->public.offset > b->public.offset) - (a->public.offset < b->public.offset);
}

/* ".data:x", or ".data+8:x" where the section itself has several. */
static int qualify(const struct vpc_template *template, struct vpc_template_parameter *parameter, bool with_offset) {
	char *name = NULL;
	const char *section = vpc_elf_section_name(&template->elf, parameter->section);
	int length = with_offset ? asprintf(&name, "%s+%" PRIu32 ":%s", section, parameter->public.offset, parameter->symbol)
		: asprintf(&name, "%s:%s", section, parameter->symbol);
	if (length < 0)
		return -ENOMEM;
	free(parameter->name);
	parameter->name = name;
	return 0;
}

/* Static variables of several functions or sources may be called alike: their sections tell them apart. */
static int qualify_names(const struct vpc_template *template, struct vpc_error *error) {
	size_t count = template->parameter_count;
	_cleanup_(free_memory) struct vpc_template_parameter **sorted = calloc(count + 1, sizeof *sorted);
	int result = sorted ? 0 : -ENOMEM;
	for (size_t i = 0; i < count && sorted; i++)
		sorted[i] = &template->parameters[i];
	if (count && sorted)
		qsort(sorted, count, sizeof *sorted, compare_symbols);
	for (size_t start = 0, end; start < count && result == 0; start = end) {
		for (end = start + 1; end < count && strcmp(sorted[start]->symbol, sorted[end]->symbol) == 0;)
			end++;
		for (size_t i = start; i < end && end - start > 1 && result == 0; i++) {
			bool with_offset = (i > start && sorted[i - 1]->section == sorted[i]->section) ||
				(i + 1 < end && sorted[i + 1]->section == sorted[i]->section);
			result = qualify(template, sorted[i], with_offset);
		}
	}
	return result < 0 ? vpc_fail(error, result, "%s: no memory for names", template->name) : 0;
}

bool vpc_template_is_ambiguous(const struct vpc_template *template, const char *name) {
	for (size_t i = 0; i < template->parameter_count; i++)
		if (template->parameters[i].symbol && strcmp(template->parameters[i].symbol, name) == 0 &&
			strcmp(template->parameters[i].name, name))
			return true;
	return false;
}

static int find_variables(struct vpc_template *template, struct vpc_error *error) {
	for (size_t i = 0; i < template->elf.symbol_count; i++) {
		int result = is_variable(template, &template->elf.symbols[i]) ? add_variable(template, &template->elf.symbols[i], error) : 0;
		if (result < 0)
			return result;
	}
	return qualify_names(template, error);
}

static int count_uses(struct vpc_template *template, struct vpc_error *error) {
	int result = 0;
	for (size_t section = 0; section < template->elf.section_count; section++)
		for (size_t i = 0; i < vpc_elf_relocation_count(&template->elf, section) && result == 0; i++) {
			struct vpc_elf_relocation relocation = vpc_elf_relocation(&template->elf, section, i);
			size_t data;
			uint64_t offset;
			int index = vpc_template_data_reference(template, &relocation, &data, &offset)
				? vpc_template_parameter_at(template, data, offset) : -1;
			if (index < 0)
				continue;
			template->parameters[index].public.sites++;
			result = vpc_core_relocation_check(template, relocation.section, relocation.offset, template->parameters[index].name, error);
		}
	return result;
}

static int add_placeholder(struct vpc_template *template, const struct vpc_placeholder *placeholder, struct vpc_error *error) {
	bool is_taken = placeholder->name && (vpc_template_parameter_index(template, placeholder->name) >= 0 ||
		vpc_template_is_ambiguous(template, placeholder->name));
	if (!placeholder->name || !*placeholder->name || is_taken)
		return vpc_fail(error, -EINVAL, "%s: placeholder '%s': the name is empty, or the object has a parameter of that name already",
			template->name, placeholder->name ? placeholder->name : "");
	struct vpc_template_parameter *parameter = add_parameter(template, placeholder->name);
	if (!parameter)
		return vpc_fail(error, -ENOMEM, "%s: no memory for parameters", template->name);
	uint16_t width = placeholder->width ? placeholder->width : placeholder->constant >> 32 ? 8 : 4;
	parameter->placeholder = *placeholder;
	parameter->placeholder.name = parameter->name;
	parameter->placeholder.width = (uint8_t)width;
	parameter->public.site = VPC_SITE_PLACEHOLDER;
	parameter->public.type = VPC_VALUE_INTEGER;
	parameter->public.width = width;
	parameter->public.elements = 1;
	parameter->public.highest = highest_of_width(width);
	return 0;
}

/* The strings may not move any more: point the public part at them. */
static void publish(struct vpc_template *template) {
	for (size_t i = 0; i < template->parameter_count; i++) {
		struct vpc_template_parameter *parameter = &template->parameters[i];
		parameter->public.name = parameter->name;
		parameter->public.description = parameter->description ? parameter->description : "";
		parameter->public.section = parameter->section ? vpc_elf_section_name(&template->elf, parameter->section) : "";
	}
}

int vpc_template_find_parameters(struct vpc_template *template, const struct vpc_template_options *options, struct vpc_error *error) {
	if (options && options->placeholder_count && !options->placeholders)
		return vpc_fail(error, -EINVAL, "%s: there is no list of the %zu placeholders", template->name, options->placeholder_count);
	int result = find_variables(template, error);
	if (result == 0)
		result = count_uses(template, error);
	for (size_t i = 0; options && i < options->placeholder_count && result == 0; i++)
		result = add_placeholder(template, &options->placeholders[i], error);
	if (result == 0)
		publish(template);
	return result;
}
