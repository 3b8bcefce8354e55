// SPDX-License-Identifier: Apache-2.0
#include "template_verbs.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

static void free_instance(struct vpc_instance **instance) {
	vpc_instance_free(*instance);
}

static struct vpc_attach_options attach_options(const struct command_line *command_line) {
	return (struct vpc_attach_options){
		.size = sizeof(struct vpc_attach_options),
		.hook = command_line->hook,
		.pin_directory = command_line->values[OPTION_BPFFS],
		.owner = "vpcctl",
	};
}

static int find_interface(const char *name, uint32_t *ret_ifindex, struct vpc_error *error) {
	uint32_t ifindex = if_nametoindex(name);
	if (ifindex == 0)
		return snprintf(error->text, sizeof error->text, "%.64s: no such interface in this network namespace; 'ip link' lists them", name), -ENODEV;
	*ret_ifindex = ifindex;
	return 0;
}

static int load_instance(const struct command_line *command_line, struct vpc_template *template, struct vpc_instance **ret_instance, struct vpc_error *error) {
	const struct vpc_prepare_options options = {.size = sizeof options, .direction = command_line->direction};
	struct vpc_setting settings[MOST_REPEATED];
	int result = read_settings(command_line, template, settings, error);
	if (result == 0)
		result = vpc_template_prepare(template, &options, error);
	if (result == 0)
		result = vpc_instance_load(template, command_line->values[OPTION_PROGRAM], settings, command_line->counts[OPTION_SET], ret_instance, error);
	return result;
}

enum exit_status attach_program(const struct command_line *command_line) {
	_cleanup_(free_template) struct vpc_template *template = NULL;
	_cleanup_(free_instance) struct vpc_instance *instance = NULL;
	struct vpc_attach_options options = attach_options(command_line);
	struct vpc_error error = {""};
	uint32_t ifindex = 0;

	int result = find_interface(command_line->values[OPTION_INTERFACE], &ifindex, &error);
	if (result == 0)
		result = open_template(command_line, &template, &error);
	if (result == 0)
		result = load_instance(command_line, template, &instance, &error);
	if (result == 0)
		result = vpc_attach(instance, ifindex, command_line->direction, &options, &error);
	if (result < 0)
		return report(result, &error);
	printf("%s: %s %s, program %u%s%s\n", command_line->values[OPTION_INTERFACE], command_line->values[OPTION_DIRECTION],
		command_line->values[OPTION_PROGRAM], vpc_instance_id(instance), *vpc_instance_values(instance) ? ", " : "", vpc_instance_values(instance));
	return EXIT_DONE;
}

enum exit_status detach_program(const struct command_line *command_line) {
	struct vpc_attach_options options = attach_options(command_line);
	struct vpc_error error = {""};
	uint32_t ifindex = 0;

	int result = find_interface(command_line->values[OPTION_INTERFACE], &ifindex, &error);
	if (result == 0)
		result = vpc_detach(ifindex, command_line->direction, &options, &error);
	return result < 0 ? report(result, &error) : EXIT_DONE;
}
