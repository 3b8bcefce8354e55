// SPDX-License-Identifier: Apache-2.0
#include "programs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { INSTANCES_MAX = 32, SETTINGS_MAX = 16 };

static const char *const NAMES[] = {"pod", "steps", "node", "confine"};
enum { TEMPLATES = sizeof NAMES / sizeof *NAMES };

static struct {
	struct vpc_template *templates[TEMPLATES];
	struct vpc_instance *instances[INSTANCES_MAX];
	size_t instance_count;
	struct vpc_attach_options attach;
} programs;

static void require(int result, const char *what, const struct vpc_error *error) {
	if (result >= 0)
		return;
	fprintf(stderr, "%s: %s\n", what, error->text);
	exit(1);
}

void programs_open(const char *pin_directory, enum vpc_hook hook) {
	struct vpc_error error = {""};
	const struct vpc_prepare_options options = {.size = sizeof options, .direction = VPC_INGRESS, .pin_directory = pin_directory};
	programs.attach =
		(struct vpc_attach_options){.size = sizeof programs.attach, .hook = hook, .pin_directory = pin_directory, .owner = "test"};
	for (size_t i = 0; i < TEMPLATES; i++) {
		require(vpc_template_open_builtin(NAMES[i], NULL, &programs.templates[i], &error), NAMES[i], &error);
		require(vpc_template_prepare(programs.templates[i], &options, &error), NAMES[i], &error);
	}
}

void programs_close(void) {
	while (programs.instance_count)
		vpc_instance_free(programs.instances[--programs.instance_count]);
	for (size_t i = 0; i < TEMPLATES; i++)
		programs.templates[i] = vpc_template_free(programs.templates[i]);
}

static struct vpc_template *find_template(const char *name) {
	for (size_t i = 0; i < TEMPLATES; i++)
		if (!strcmp(NAMES[i], name))
			return programs.templates[i];
	return NULL;
}

const struct vpc_instance *programs_load(const char *template, const char *program, const char *const *settings, size_t count) {
	struct vpc_setting parsed[SETTINGS_MAX];
	struct vpc_instance **instance = &programs.instances[programs.instance_count++];
	struct vpc_error error = {""};
	for (size_t i = 0; i < count; i++)
		require(vpc_template_parse_setting(find_template(template), settings[i], &parsed[i], &error), settings[i], &error);
	require(vpc_instance_load(find_template(template), program, parsed, count, instance, &error), program, &error);
	return *instance;
}

void programs_attach(const struct vpc_instance *instance, int ifindex, enum vpc_direction direction) {
	struct vpc_error error = {""};
	require(vpc_attach(instance, ifindex, direction, &programs.attach, &error), vpc_instance_program(instance), &error);
}

int programs_map(const char *name) {
	for (size_t i = 0; i < TEMPLATES; i++) {
		int fd = vpc_template_map_fd(programs.templates[i], name);
		if (fd >= 0)
			return fd;
	}
	fprintf(stderr, "no template has a map %s\n", name);
	exit(1);
}
