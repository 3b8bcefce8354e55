// SPDX-License-Identifier: Apache-2.0
/* Settings: what the caller wants a parameter to be. */
#include "setting.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "error.h"

/* "name" or "name[3]" before the equals sign. */
static int read_element(const struct vpc_template *template, const char *text, size_t length, char name[static 256], uint32_t *ret_element,
		struct vpc_error *error) {
	const char *bracket = memchr(text, '[', length);
	size_t name_length = bracket ? (size_t)(bracket - text) : length;
	if (name_length == 0 || name_length >= 256)
		return vpc_fail(error, -EINVAL, "%s: '%s' is not NAME=VALUE or NAME[INDEX]=VALUE", template->name, text);
	memcpy(name, text, name_length);
	name[name_length] = '\0';
	*ret_element = 0;
	if (!bracket)
		return 0;
	char *end;
	errno = 0;
	unsigned long element = strtoul(bracket + 1, &end, 10);
	if (errno || end == bracket + 1 || bracket[1] < '0' || bracket[1] > '9' || *end != ']' || end + 1 != text + length ||
		element > UINT16_MAX)
		return vpc_fail(error, -EINVAL, "%s: '%s': the index is not a number in brackets", template->name, text);
	*ret_element = (uint32_t)element;
	return 0;
}

static int check_element(const struct vpc_template *template, const struct vpc_parameter *parameter, uint32_t element,
		struct vpc_error *error) {
	if (element < parameter->elements)
		return 0;
	return vpc_fail(error, -ERANGE, "%s: %s has %u element%s; there is no %s[%" PRIu32 "]", template->name, parameter->name,
		parameter->elements, parameter->elements == 1 ? "" : "s", parameter->name, element);
}

/* Names that the object has, but that cannot be set: why not. */
static const char *why_not(const struct vpc_template *template, const char *name) {
	for (size_t i = 0; i < template->elf.symbol_count; i++) {
		const Elf64_Sym *symbol = &template->elf.symbols[i];
		if (strcmp(vpc_elf_symbol_name(&template->elf, symbol), name))
			continue;
		if (symbol->st_shndx == SHN_COMMON)
			return "is a common symbol without a place of its own; compile with -fno-common, or give it a value";
		if (symbol->st_shndx == SHN_UNDEF)
			return "is declared in the object, but not defined";
		if (ELF64_ST_TYPE(symbol->st_info) == STT_FUNC)
			return "is a function";
		return symbol->st_size ? "is no variable that can be set" : "has no size in the symbol table";
	}
	return NULL;
}

/* Lists the names that tell them apart. */
static int ambiguous(const struct vpc_template *template, const char *name, struct vpc_error *error) {
	char names[300] = "";
	for (size_t i = 0, used = 0; i < template->parameter_count; i++) {
		const struct vpc_template_parameter *parameter = &template->parameters[i];
		if (!parameter->symbol || strcmp(parameter->symbol, name) || used >= sizeof names)
			continue;
		used += (size_t)snprintf(names + used, sizeof names - used, "%s'%.80s'", used ? ", " : "", parameter->name);
	}
	return vpc_fail(error, -EINVAL, "%s: '%s' is not the name of one variable; say which is meant: %s", template->name, name, names);
}

static int unknown(const struct vpc_template *template, const char *name, struct vpc_error *error) {
	if (vpc_template_is_ambiguous(template, name))
		return ambiguous(template, name, error);
	const char *reason = *name ? why_not(template, name) : NULL;
	if (reason)
		return vpc_fail(error, -ENOENT, "%s: '%s' %s", template->name, name, reason);
	return vpc_fail(error, -ENOENT, "%s: there is no parameter '%s'; 'vpcctl template show' lists them, and a placeholder must be declared",
		template->name, name);
}

int vpc_template_parse_setting(const struct vpc_template *template, const char *text, struct vpc_setting *ret_setting,
		struct vpc_error *error) {
	struct vpc_setting setting = {0};
	const char *equals = text ? strchr(text, '=') : NULL;
	char name[256];
	if (!equals)
		return vpc_fail(error, -EINVAL, "%s: '%s' is not NAME=VALUE", template->name, text ? text : "");
	int result = read_element(template, text, (size_t)(equals - text), name, &setting.element, error);
	if (result < 0)
		return result;
	const struct vpc_parameter *parameter = vpc_template_find_parameter(template, name);
	if (!parameter)
		return unknown(template, name, error);
	result = check_element(template, parameter, setting.element, error);
	if (result < 0)
		return result;
	struct vpc_error value_error = {""};
	result = vpc_value_parse(parameter, equals + 1, &setting.value, &value_error);
	if (result < 0)
		return vpc_fail(error, result, "%s: %.400s", template->name, value_error.text);
	setting.name = parameter->name;
	*ret_setting = setting;
	return 0;
}

static int check_range(const struct vpc_template *template, const struct vpc_parameter *parameter, const struct vpc_value *value,
		struct vpc_error *error) {
	uint64_t number = 0;
	if (parameter->type != VPC_VALUE_INTEGER || parameter->width > sizeof number)
		return 0;
	memcpy(&number, value->bytes, parameter->width);
	if (number >= parameter->lowest && number <= parameter->highest)
		return 0;
	return vpc_fail(error, -ERANGE, "%s: %s: %" PRIu64 " is not within %" PRIu64 " to %" PRIu64, template->name, parameter->name, number,
		parameter->lowest, parameter->highest);
}

/* The library's own pointers compare equal at once; others by their text. */
static int parameter_of(const struct vpc_template *template, const struct vpc_setting *setting) {
	for (size_t i = 0; i < template->parameter_count && setting->name; i++)
		if (template->parameters[i].name == setting->name)
			return (int)i;
	return setting->name ? vpc_template_parameter_index(template, setting->name) : -1;
}

static int check_setting(const struct vpc_template *template, const struct vpc_setting *setting, int index, struct vpc_error *error) {
	if (!setting->name)
		return vpc_fail(error, -EINVAL, "%s: a setting has no name", template->name);
	if (index < 0)
		return unknown(template, setting->name, error);
	const struct vpc_parameter *parameter = &template->parameters[index].public;
	int result = check_element(template, parameter, setting->element, error);
	if (result == 0 && setting->value.width != parameter->width)
		result = vpc_fail(error, -EINVAL, "%s: %s has %u bytes, the value %u", template->name, parameter->name, parameter->width,
			setting->value.width);
	if (result == 0 && parameter->site == VPC_SITE_GLOBAL && parameter->sites == 0)
		result = vpc_fail(error, -EINVAL, "%s: %s: no instruction reads this variable (the compiler folded it, or it is unused), so that "
			"setting it would change nothing; declare it volatile", template->name, parameter->name);
	return result < 0 ? result : check_range(template, parameter, &setting->value, error);
}

int vpc_template_check_settings(const struct vpc_template *template, const struct vpc_setting *settings, size_t count, int *ret_parameters,
		struct vpc_error *error) {
	if (count && !settings)
		return vpc_fail(error, -EINVAL, "%s: there is no list of the %zu settings", template->name, count);
	for (size_t i = 0; i < count; i++) {
		int index = parameter_of(template, &settings[i]);
		int result = check_setting(template, &settings[i], index, error);
		if (result < 0)
			return result;
		for (size_t j = 0; j < i; j++)
			if (ret_parameters[j] == index && settings[j].element == settings[i].element)
				return vpc_fail(error, -EINVAL, "%s: %s is set twice", template->name, settings[i].name);
		ret_parameters[i] = index;
	}
	return 0;
}
