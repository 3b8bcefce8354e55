// SPDX-License-Identifier: Apache-2.0
#include "template_verbs.h"

#include "json_output.h"
#include "names.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int open_template(const struct command_line *command_line, struct vpc_template **ret_template, struct vpc_error *error) {
	const struct vpc_template_options options = {
		.size = sizeof options,
		.program = command_line->values[OPTION_PROGRAM],
		.placeholders = command_line->placeholders,
		.placeholder_count = command_line->placeholder_count,
	};
	return vpc_template_open_file(command_line->operand, &options, ret_template, error);
}

int read_settings(const struct command_line *command_line, const struct vpc_template *template, struct vpc_setting *ret_settings, struct vpc_error *error) {
	struct vpc_setting settings[MOST_REPEATED];
	for (size_t i = 0; i < command_line->counts[OPTION_SET]; i++) {
		int result = vpc_template_parse_setting(template, command_line->all[OPTION_SET][i], &settings[i], error);
		if (result < 0)
			return result;
	}
	memcpy(ret_settings, settings, command_line->counts[OPTION_SET] * sizeof *settings);
	return 0;
}

static void format_range(const struct vpc_parameter *parameter, char *buffer, size_t size) {
	if (parameter->type == VPC_VALUE_INTEGER)
		snprintf(buffer, size, "%" PRIu64 "..%" PRIu64, parameter->lowest, parameter->highest);
	else
		snprintf(buffer, size, "-");
}

static void format_default(const struct vpc_parameter *parameter, char *buffer, size_t size) {
	if (!parameter->has_default || vpc_value_format(parameter, &parameter->default_value, buffer, size) < 0)
		snprintf(buffer, size, parameter->site == VPC_SITE_GLOBAL ? "as it is" : "must be set");
}

static void show_template_text(const struct vpc_template *template) {
	printf("object    %s\nhash      %s\nprograms ", vpc_template_name(template), vpc_template_hash(template));
	for (size_t i = 0; i < vpc_template_program_count(template); i++)
		printf(" %s (%s)", vpc_template_program_name(template, i), vpc_template_program_section(template, i));
	printf("\n\n%-20s %-11s %-8s %5s %8s %5s %-24s %-20s %s\n", "PARAMETER", "SITE", "TYPE", "BYTES", "ELEMENTS", "USES", "RANGE", "DEFAULT", "DESCRIPTION");
	for (size_t i = 0; i < vpc_template_parameter_count(template); i++) {
		const struct vpc_parameter *parameter = vpc_template_parameter(template, i);
		char range[64], value[64];
		format_range(parameter, range, sizeof range);
		format_default(parameter, value, sizeof value);
		printf("%-20s %-11s %-8s %5u %8u %5" PRIu32 " %-24s %-20s %s\n", parameter->name, site_name(parameter->site), type_name(parameter->type),
			parameter->width, parameter->elements, parameter->sites, range, value, parameter->description);
	}
}

static cJSON *parameter_json(const struct vpc_parameter *parameter) {
	cJSON *object = cJSON_CreateObject();
	char value[64];
	cJSON_AddStringToObject(object, "name", parameter->name);
	cJSON_AddStringToObject(object, "description", parameter->description);
	cJSON_AddStringToObject(object, "site", site_name(parameter->site));
	cJSON_AddStringToObject(object, "type", type_name(parameter->type));
	json_add_integer(object, "width", parameter->width);
	json_add_integer(object, "elements", parameter->elements);
	json_add_integer(object, "uses", parameter->sites);
	cJSON_AddStringToObject(object, "section", parameter->section);
	json_add_integer(object, "offset", parameter->offset);
	if (parameter->type == VPC_VALUE_INTEGER) {
		json_add_integer(object, "lowest", parameter->lowest);
		json_add_integer(object, "highest", parameter->highest);
	}
	if (parameter->has_default && vpc_value_format(parameter, &parameter->default_value, value, sizeof value) >= 0)
		cJSON_AddStringToObject(object, "default", value);
	return object;
}

static void show_template_json(const struct vpc_template *template) {
	cJSON *document = json_document();
	cJSON_AddStringToObject(document, "object", vpc_template_name(template));
	cJSON_AddStringToObject(document, "hash", vpc_template_hash(template));
	cJSON *programs = cJSON_AddArrayToObject(document, "programs");
	for (size_t i = 0; i < vpc_template_program_count(template); i++) {
		cJSON *program = cJSON_CreateObject();
		cJSON_AddStringToObject(program, "name", vpc_template_program_name(template, i));
		cJSON_AddStringToObject(program, "section", vpc_template_program_section(template, i));
		cJSON_AddItemToArray(programs, program);
	}
	cJSON *parameters = cJSON_AddArrayToObject(document, "parameters");
	for (size_t i = 0; i < vpc_template_parameter_count(template); i++)
		cJSON_AddItemToArray(parameters, parameter_json(vpc_template_parameter(template, i)));
	json_print(document);
}

enum exit_status template_show(const struct command_line *command_line) {
	_cleanup_(free_template) struct vpc_template *template = NULL;
	struct vpc_error error = {""};
	int result = open_template(command_line, &template, &error);
	if (result < 0)
		return report(result, &error);
	if (command_line->json)
		show_template_json(template);
	else
		show_template_text(template);
	return EXIT_DONE;
}

static int write_all(int fd, const char *bytes, size_t length) {
	while (length > 0) {
		ssize_t written = write(fd, bytes, length);
		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			return written < 0 ? -errno : -EIO;
		bytes += written;
		length -= (size_t)written;
	}
	return 0;
}

/* By a temporary file beside it and a rename: the file is either as it was or complete. */
static int replace_file(const char *path, const void *bytes, size_t length, struct vpc_error *error) {
	char temporary[4096];
	if (snprintf(temporary, sizeof temporary, "%s.XXXXXX", path) >= (int)sizeof temporary)
		return snprintf(error->text, sizeof error->text, "%.400s: the name is too long", path), -ENAMETOOLONG;

	_cleanup_(close_fd) int fd = mkostemp(temporary, O_CLOEXEC);
	if (fd < 0) {
		int code = -errno;
		snprintf(error->text, sizeof error->text, "%.400s: cannot be written: %s", path, strerror(-code));
		return code;
	}
	mode_t mask = umask(0);
	umask(mask);
	int result = write_all(fd, bytes, length);
	if (result == 0 && (fchmod(fd, 0666 & ~mask) < 0 || rename(temporary, path) < 0))
		result = -errno;
	if (result < 0) {
		unlink(temporary);
		snprintf(error->text, sizeof error->text, "%.400s: cannot be written: %s", path, strerror(-result));
	}
	return result;
}

static int write_object(const char *path, const void *bytes, size_t length, struct vpc_error *error) {
	if (strcmp(path, "-"))
		return replace_file(path, bytes, length, error);
	if (isatty(STDOUT_FILENO))
		return snprintf(error->text, sizeof error->text, "an object is not for a terminal: name a file with -o, or use a pipe"), -EINVAL;
	int result = write_all(STDOUT_FILENO, bytes, length);
	if (result < 0)
		snprintf(error->text, sizeof error->text, "standard output cannot be written: %s", strerror(-result));
	return result;
}

enum exit_status template_patch(const struct command_line *command_line) {
	_cleanup_(free_template) struct vpc_template *template = NULL;
	_cleanup_(free_memory) void *bytes = NULL;
	struct vpc_setting settings[MOST_REPEATED];
	struct vpc_error error = {""};
	size_t length = 0;

	int result = open_template(command_line, &template, &error);
	if (result == 0)
		result = read_settings(command_line, template, settings, &error);
	if (result == 0)
		result = vpc_template_patch(template, settings, command_line->counts[OPTION_SET], &bytes, &length, &error);
	if (result == 0)
		result = write_object(command_line->values[OPTION_OUTPUT], bytes, length, &error);
	return result < 0 ? report(result, &error) : EXIT_DONE;
}
