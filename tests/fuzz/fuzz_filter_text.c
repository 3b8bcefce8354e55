// SPDX-License-Identifier: Apache-2.0
/*
 * What vpcctl reads for the port filter: lists of ports, times, ranges, SSH_CONNECTION, lines of /proc/net/tcp. What is
 * accepted is within its bounds, what is refused leaves everything as it was, and printed ports are read again.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "vpcctl/filter_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t length);

static bool is_port(const struct vpc_port *port) {
	bool has_ports = port->protocol == IPPROTO_TCP || port->protocol == IPPROTO_UDP;
	return has_ports == (port->port != 0) && port->flags == VPC_PORT_PUBLIC;
}

static void read_again(const struct vpc_port *port) {
	struct port_list list = {0};
	struct vpc_error error = {""};
	char text[PORT_TEXT];
	if (port_list_add(&list, port_text(port, text), port->flags, &error) || list.count != 1)
		abort();
	if (list.ports[0].protocol != port->protocol || list.ports[0].port != port->port || list.ports[0].flags != port->flags)
		abort();
	port_list_free(&list);
}

static void read_list(const char *text) {
	struct port_list list = {0};
	struct vpc_error error = {""};
	if (port_list_add(&list, "ip/0", VPC_PORT_PUBLIC, &error))
		abort();
	int result = port_list_add(&list, text, VPC_PORT_PUBLIC, &error);
	if (result ? list.count != 1 || !error.text[0] : list.count < 2)
		abort();
	for (size_t i = 0; i < list.count; i++)
		if (!is_port(&list.ports[i]))
			abort();
	read_again(&list.ports[list.count - 1]);
	port_list_free(&list);
}

static void read_others(const char *text) {
	struct vpc_error error = {""};
	struct near_side side = {.port = 1};
	uint64_t nanoseconds = 0;
	uint16_t first = 0, last = 0;
	unsigned state = 0;
	if (read_time(text, &nanoseconds, &error) ? nanoseconds != 0 || !error.text[0] : nanoseconds < 1000000 || nanoseconds > 86400000000000)
		abort();
	if (read_range(text, &first, &last, &error) ? first || last : !first || !last)
		abort();
	if (read_ssh_connection(text, &side) && side.port == 0)
		abort();
	read_socket_line(text, &side, &state);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t length) {
	char *text = strndup((const char *)input, length);
	read_list(text);
	read_others(text);
	free(text);
	return 0;
}
