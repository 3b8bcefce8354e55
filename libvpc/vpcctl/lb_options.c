// SPDX-License-Identifier: Apache-2.0
#include "lb_verbs.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

__attribute__((format(printf, 2, 3)))
static int wrong(struct vpc_error *error, const char *format, ...) {
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(error->text, sizeof error->text, format, arguments);
	va_end(arguments);
	return -EINVAL;
}

int lb_parse_address(const char *option, const char *text, uint8_t ret_address[16], struct vpc_error *error) {
	uint8_t address[16] = {[10] = 0xff, [11] = 0xff};
	if (inet_pton(AF_INET, text, address + 12) != 1 && inet_pton(AF_INET6, text, address) != 1)
		return wrong(error, "--%s: '%s' is no IPv4 or IPv6 address", option, text);
	memcpy(ret_address, address, sizeof address);
	return 0;
}

const char *lb_format_address(const uint8_t address[16], char text[LB_ADDRESS_TEXT]) {
	static const uint8_t MAPPED[12] = {[10] = 0xff, [11] = 0xff};
	bool is_ipv4 = memcmp(address, MAPPED, sizeof MAPPED) == 0;
	return inet_ntop(is_ipv4 ? AF_INET : AF_INET6, address + (is_ipv4 ? 12 : 0), text, LB_ADDRESS_TEXT);
}

static int parse_number(const char *text, uint32_t lowest, uint32_t highest, uint32_t *ret_number) {
	char *end = NULL;
	errno = 0;
	unsigned long long number = strtoull(text, &end, 10);
	if (errno || text[0] < '0' || text[0] > '9' || *end || number < lowest || number > highest)
		return -EINVAL;
	*ret_number = (uint32_t)number;
	return 0;
}

int lb_read_number(const struct command_line *command_line, enum option_index option, const char *name, uint32_t lowest, uint32_t highest,
		uint32_t default_, uint32_t *ret_number, struct vpc_error *error) {
	const char *text = command_line->values[option];
	*ret_number = default_;
	if (text && parse_number(text, lowest, highest, ret_number))
		return wrong(error, "--%s: '%s' is not a number of %u to %u", name, text, lowest, highest);
	return 0;
}

/* "10.0.0.11,weight=3" */
static int parse_backend(const char *text, struct vpc_lb_backend *ret_backend, struct vpc_error *error) {
	struct vpc_lb_backend backend = {.weight = 1};
	char copy[96];
	if (strlen(text) >= sizeof copy)
		return wrong(error, "--backend: '%.64s...' is too long for an address with a weight", text);
	snprintf(copy, sizeof copy, "%s", text);
	char *weight = strchr(copy, ',');
	if (weight)
		*weight++ = '\0';
	if (weight && (strncmp(weight, "weight=", 7) != 0 || parse_number(weight + 7, 1, 1000, &backend.weight)))
		return wrong(error, "--backend %s: '%s' is not weight=N with N of 1 to 1000", text, weight);
	int result = lb_parse_address("backend", copy, backend.address, error);
	if (result == 0)
		*ret_backend = backend;
	return result;
}

int lb_read_wanted(const struct command_line *command_line, struct lb_wanted *ret_wanted, struct vpc_error *error) {
	struct lb_wanted *wanted = ret_wanted;
	uint32_t table_size, connections;
	memset(wanted, 0, sizeof *wanted);
	int result = lb_read_number(command_line, OPTION_TABLE_SIZE, "table-size", 251, 131071, 0, &table_size, error);
	if (result == 0)
		result = lb_read_number(command_line, OPTION_CONNECTIONS, "connections", 256, 1 << 26, 0, &connections, error);
	for (size_t i = 0; i < command_line->counts[OPTION_VIP] && result == 0; i++) {
		struct vpc_lb_vip *vip = &wanted->vips[wanted->vip_count++];
		*vip = (struct vpc_lb_vip){.table_size = table_size, .connections = connections, .affinity = command_line->values[OPTION_AFFINITY]};
		result = vpc_lb_service_parse(command_line->all[OPTION_VIP][i], &vip->service, error);
	}
	for (size_t i = 0; i < command_line->counts[OPTION_BACKEND] && result == 0; i++)
		result = parse_backend(command_line->all[OPTION_BACKEND][i], &wanted->backends[wanted->backend_count++], error);
	return result;
}

int lb_open(const struct command_line *command_line, bool must_exist, struct vpc_lb **ret_lb, struct vpc_error *error) {
	const struct vpc_lb_options options = {
		.size = sizeof options,
		.interface = command_line->values[OPTION_INTERFACE],
		.pin_directory = command_line->values[OPTION_BPFFS],
		.must_exist = must_exist,
	};
	return vpc_lb_open(&options, ret_lb, error);
}

int lb_wait_for_next_hops(struct vpc_lb *lb, struct vpc_error *error) {
	const struct timespec pause = {.tv_nsec = 20000000};
	int missing = vpc_lb_refresh(lb, error);
	for (int tries = 0; missing > 0 && tries < 100; tries++) {
		nanosleep(&pause, NULL);
		missing = vpc_lb_refresh(lb, error);
	}
	if (missing > 0)
		fprintf(stderr, "vpcctl: no MAC address is known for %d backends, which get nothing; is there a route to them by the interface?\n", missing);
	return missing < 0 ? missing : 0;
}
