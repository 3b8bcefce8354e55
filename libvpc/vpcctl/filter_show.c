// SPDX-License-Identifier: Apache-2.0
#include <net/if.h>
#include <string.h>

#include "../cleanup.h"
#include "filter_text.h"
#include "filter_verbs.h"
#include "json_output.h"
#include "names.h"

static void free_filter(struct vpc_port_filter **filter) {
	vpc_port_filter_free(*filter);
}

static const char *hook_or_other(const struct vpc_port_filter_state *state) {
	return state->hook == VPC_HOOK_AUTO ? "other" : hook_name(state->hook);
}

/* Ports with one of the flags, those in a row as a range. */
struct line {
	uint8_t flag;
	struct vpc_port first, last; /* not printed yet; flags 0: none */
};

static void print_pending(struct line *line) {
	char text[PORT_TEXT];
	if (!line->first.flags)
		return;
	printf(" %s", port_text(&line->first, text));
	if (line->first.port != line->last.port)
		printf("-%u", line->last.port);
	line->first.flags = 0;
}

static int print_port(const struct vpc_port *port, void *context) {
	struct line *line = context;
	if (!(port->flags & line->flag))
		return 0;
	if (line->first.flags && port->protocol == line->last.protocol && port->port && port->port == line->last.port + 1) {
		line->last = *port;
		return 0;
	}
	print_pending(line);
	line->first = line->last = *port;
	return 0;
}

static void print_ports(const struct vpc_port_filter *filter, const char *name, uint8_t flag) {
	struct line line = {.flag = flag};
	printf("%-12s", name);
	vpc_port_filter_each_port(filter, print_port, &line);
	print_pending(&line);
	printf("\n");
}

static int print_count(const struct vpc_port_filter_count *count, void *context) {
	(void)context;
	printf("%-12s %-9s %12" PRIu64 "  %s\n", count->verdict, count->action, count->packets, count->description);
	return 0;
}

static int show_text(const char *interface, const struct vpc_port_filter *filter, struct vpc_error *error) {
	struct vpc_port_filter_state state;
	vpc_port_filter_describe(filter, &state);
	printf("%-12s %s\n", "interface", interface);
	printf("%-12s %s, program %" PRIu32 "\n", "attached", state.hook == VPC_HOOK_AUTO ? "by another tool" : hook_name(state.hook), state.program_id);
	if (state.holder && state.waits)
		printf("%-12s as long as process %" PRIu32 "\n", "lasts", state.holder);
	else if (state.waits)
		printf("%-12s for confirmation, %.1f s more\n", "waits", (double)state.time_left / 1e9);
	if (state.first_reply <= state.last_reply)
		printf("%-12s to ports %u to %u\n", "UDP replies", state.first_reply, state.last_reply);
	else
		printf("%-12s none\n", "UDP replies");
	print_ports(filter, "open", VPC_PORT_PUBLIC);
	print_ports(filter, "redirected", VPC_PORT_SOCKET);
	printf("\n%-12s %-9s %12s  %s\n", "VERDICT", "ACTION", "PACKETS", "MEANING");
	return vpc_port_filter_each_count(filter, print_count, NULL, error);
}

static int add_port(const struct vpc_port *port, void *context) {
	cJSON *object = cJSON_CreateObject();
	bool has_port = port->protocol == IPPROTO_TCP || port->protocol == IPPROTO_UDP;
	cJSON_AddStringToObject(object, "protocol", port->protocol == IPPROTO_TCP ? "tcp" : port->protocol == IPPROTO_UDP ? "udp" : "ip");
	json_add_integer(object, "number", has_port ? port->port : port->protocol);
	cJSON_AddBoolToObject(object, "public", port->flags & VPC_PORT_PUBLIC);
	cJSON_AddBoolToObject(object, "redirect", port->flags & VPC_PORT_SOCKET);
	cJSON_AddItemToArray(context, object);
	return 0;
}

static int add_count(const struct vpc_port_filter_count *count, void *context) {
	cJSON *object = cJSON_CreateObject();
	cJSON_AddStringToObject(object, "verdict", count->verdict);
	cJSON_AddStringToObject(object, "action", count->action);
	cJSON_AddStringToObject(object, "description", count->description);
	json_add_integer(object, "packets", count->packets);
	cJSON_AddItemToArray(context, object);
	return 0;
}

/* What list and show both tell. */
static void add_state(const char *interface, const struct vpc_port_filter *filter, cJSON *object) {
	struct vpc_port_filter_state state;
	vpc_port_filter_describe(filter, &state);
	cJSON_AddStringToObject(object, "interface", interface);
	cJSON_AddStringToObject(object, "hook", hook_or_other(&state));
	json_add_integer(object, "id", state.program_id);
	cJSON_AddBoolToObject(object, "waits", state.waits);
	if (state.waits)
		json_add_integer(object, "milliseconds_left", state.time_left / 1000000);
	if (state.waits && state.holder)
		json_add_integer(object, "holder", state.holder);
	if (state.first_reply <= state.last_reply) {
		cJSON *replies = cJSON_AddObjectToObject(object, "udp_replies");
		json_add_integer(replies, "first", state.first_reply);
		json_add_integer(replies, "last", state.last_reply);
	}
}

static int show_json(const char *interface, const struct vpc_port_filter *filter, struct vpc_error *error) {
	cJSON *document = json_document();
	add_state(interface, filter, document);
	vpc_port_filter_each_port(filter, add_port, cJSON_AddArrayToObject(document, "ports"));
	int result = vpc_port_filter_each_count(filter, add_count, cJSON_AddArrayToObject(document, "counters"), error);
	if (result < 0)
		cJSON_Delete(document);
	else
		json_print(document);
	return result;
}

enum exit_status filter_show(const struct command_line *command_line) {
	_cleanup_(free_filter) struct vpc_port_filter *filter = NULL;
	struct vpc_error error = {""};
	int result = find_filter(command_line, &filter, &error);
	if (result == 0)
		result = (command_line->json ? show_json : show_text)(command_line->values[OPTION_INTERFACE], filter, &error);
	return result < 0 ? report(result, &error) : EXIT_DONE;
}

static int count_port(const struct vpc_port *port, void *context) {
	(void)port;
	++*(unsigned *)context;
	return 0;
}

static void list_text(const char *interface, const struct vpc_port_filter *filter, bool *headed) {
	struct vpc_port_filter_state state;
	unsigned ports = 0;
	vpc_port_filter_describe(filter, &state);
	vpc_port_filter_each_port(filter, count_port, &ports);
	if (!*headed)
		printf("%-16s %-11s %8s %6s %s\n", "INTERFACE", "HOOK", "ID", "PORTS", "STATE");
	*headed = true;
	printf("%-16s %-11s %8" PRIu32 " %6u %s\n", interface, hook_or_other(&state), state.program_id, ports,
		!state.waits ? "stays" : state.holder ? "lasts as long as its command" : "waits for confirmation");
}

/* Interfaces without a filter, or with a program that is none, are left out. */
static int list_all(const char *pin_directory, cJSON *filters, struct vpc_error *error) {
	struct if_nameindex *interfaces = if_nameindex();
	bool headed = false;
	int result = 0;
	for (struct if_nameindex *at = interfaces; at && at->if_index && result == 0; at++) {
		_cleanup_(free_filter) struct vpc_port_filter *filter = NULL;
		result = vpc_port_filter_open(at->if_index, pin_directory, &filter, error);
		if (result == -ENOENT || result == -ENODEV) {
			result = 0;
		} else if (result == 0 && filters) {
			cJSON *object = cJSON_CreateObject();
			add_state(at->if_name, filter, object);
			cJSON_AddItemToArray(filters, object);
		} else if (result == 0) {
			list_text(at->if_name, filter, &headed);
		}
	}
	if_freenameindex(interfaces);
	return result;
}

enum exit_status filter_list(const struct command_line *command_line) {
	cJSON *document = command_line->json ? json_document() : NULL;
	struct vpc_error error = {""};
	int result = list_all(command_line->values[OPTION_BPFFS], document ? cJSON_AddArrayToObject(document, "filters") : NULL, &error);
	if (document && result == 0)
		json_print(document);
	else
		cJSON_Delete(document);
	return result < 0 ? report(result, &error) : EXIT_DONE;
}
