// SPDX-License-Identifier: Apache-2.0
#include "filter_text.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

__attribute__((format(printf, 2, 3)))
static int invalid(struct vpc_error *error, const char *format, ...) {
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(error->text, sizeof error->text, format, arguments);
	va_end(arguments);
	return -EINVAL;
}

void port_list_free(struct port_list *list) {
	free(list->ports);
	*list = (struct port_list){0};
}

static int append(struct port_list *list, struct vpc_port port) {
	if (list->count == list->capacity) {
		size_t capacity = list->capacity ? 2 * list->capacity : 16;
		struct vpc_port *ports = realloc(list->ports, capacity * sizeof *ports);
		if (!ports)
			return -ENOMEM;
		list->ports = ports;
		list->capacity = capacity;
	}
	list->ports[list->count++] = port;
	return 0;
}

/* Decimal digits only, at most `highest`. Moves *text behind them. */
static bool read_number(const char **text, unsigned long highest, unsigned long *ret_number) {
	unsigned long number = 0;
	if (!isdigit((unsigned char)**text))
		return false;
	for (; isdigit((unsigned char)**text); ++*text) {
		number = number * 10 + (unsigned long)(**text - '0');
		if (number > highest)
			return false;
	}
	*ret_number = number;
	return true;
}

/* "22" or "5000-5010" */
static bool read_ports(const char *text, unsigned long *ret_first, unsigned long *ret_last) {
	if (!read_number(&text, 65535, ret_first))
		return false;
	*ret_last = *ret_first;
	if (*text == '-') {
		text++;
		if (!read_number(&text, 65535, ret_last))
			return false;
	}
	return !*text && *ret_first >= 1 && *ret_first <= *ret_last;
}

static int add_protocol(struct port_list *list, const char *word, uint8_t flags, struct vpc_error *error) {
	const char *number = word + 3;
	unsigned long protocol = 0;
	if (!read_number(&number, 255, &protocol) || *number)
		return invalid(error, "'%.32s': a protocol is a number from 0 to 255, like ip/47", word);
	if (protocol == IPPROTO_TCP || protocol == IPPROTO_UDP)
		return invalid(error, "'%.32s': TCP and UDP are opened by port, like tcp/22", word);
	if (protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6 || protocol == IPPROTO_IGMP)
		return invalid(error, "'%.32s': ICMP, ICMPv6 and IGMP pass the filter anyway", word);
	return append(list, (struct vpc_port){(uint8_t)protocol, 0, flags});
}

static int add_word(struct port_list *list, const char *word, uint8_t flags, struct vpc_error *error) {
	unsigned long first = 0, last = 0;
	bool is_tcp = strncmp(word, "tcp/", 4) == 0;
	if (strncmp(word, "ip/", 3) == 0)
		return add_protocol(list, word, flags, error);
	if (!is_tcp && strncmp(word, "udp/", 4) != 0)
		return invalid(error, "'%.32s' is no port; write tcp/22, udp/53, tcp/8000-8010, or ip/47 for a protocol", word);
	if (!read_ports(word + 4, &first, &last))
		return invalid(error, "'%.32s': a port is a number from 1 to 65535, a range has its lower end first", word);
	int result = 0;
	for (unsigned long port = first; port <= last && result == 0; port++)
		result = append(list, (struct vpc_port){is_tcp ? IPPROTO_TCP : IPPROTO_UDP, (uint16_t)port, flags});
	return result;
}

int port_list_add(struct port_list *list, const char *text, uint8_t flags, struct vpc_error *error) {
	size_t count = list->count;
	char word[32];
	for (int result; ; text++) {
		size_t length = strcspn(text, ",");
		if (length == 0)
			return list->count = count, invalid(error, "the list of ports has an empty place; write tcp/22,udp/53");
		snprintf(word, sizeof word, "%.*s", (int)(length < sizeof word ? length : sizeof word - 1), text);
		result = length < sizeof word ? add_word(list, word, flags, error) : invalid(error, "'%s...' is too long for a port", word);
		if (result)
			return list->count = count, result;
		text += length;
		if (!*text)
			return 0;
	}
}

const char *port_text(const struct vpc_port *port, char text[PORT_TEXT]) {
	if (port->protocol == IPPROTO_TCP || port->protocol == IPPROTO_UDP)
		snprintf(text, PORT_TEXT, "%s/%u", port->protocol == IPPROTO_TCP ? "tcp" : "udp", port->port);
	else
		snprintf(text, PORT_TEXT, "ip/%u", port->protocol);
	return text;
}

int read_time(const char *text, uint64_t *ret_nanoseconds, struct vpc_error *error) {
	static const struct {
		const char *unit;
		uint64_t nanoseconds;
	} UNITS[] = {{"ms", 1000000}, {"s", 1000000000}, {"m", 60000000000}, {"h", 3600000000000}};
	const char *unit = text;
	unsigned long number = 0;
	if (!read_number(&unit, 86400000, &number) || number == 0)
		return invalid(error, "'%.32s' is no time; write 30s, 500ms, 5m or 1h", text);
	for (size_t i = 0; i < sizeof UNITS / sizeof *UNITS; i++) {
		if (strcmp(unit, UNITS[i].unit))
			continue;
		if (number > 86400000000000 / UNITS[i].nanoseconds)
			return invalid(error, "'%.32s' is more than a day", text);
		*ret_nanoseconds = number * UNITS[i].nanoseconds;
		return 0;
	}
	return invalid(error, "'%.32s' is no time; write 30s, 500ms, 5m or 1h", text);
}

int read_range(const char *text, uint16_t *ret_first, uint16_t *ret_last, struct vpc_error *error) {
	unsigned long first = 65535, last = 1;
	if (strcmp(text, "none") && (!strchr(text, '-') || !read_ports(text, &first, &last)))
		return invalid(error, "'%.32s' is no range of ports from 1 to 65535; write 32768-60999, or none", text);
	*ret_first = (uint16_t)first;
	*ret_last = (uint16_t)last;
	return 0;
}

static bool read_address(const char *text, struct in6_addr *ret_address) {
	char mapped[64];
	if (inet_pton(AF_INET6, text, ret_address) == 1)
		return true;
	snprintf(mapped, sizeof mapped, "::ffff:%s", text);
	return strchr(text, ':') == NULL && inet_pton(AF_INET6, mapped, ret_address) == 1;
}

bool read_ssh_connection(const char *text, struct near_side *ret_side) {
	char far[48], address[48];
	unsigned far_port, port;
	int used = 0;
	struct near_side side;
	if (sscanf(text, "%47s %5u %47s %5u%n", far, &far_port, address, &port, &used) != 4 || text[used] || port == 0 || port > 65535)
		return false;
	address[strcspn(address, "%")] = '\0'; /* the interface of a link-local address */
	if (!read_address(address, &side.address))
		return false;
	side.port = (uint16_t)port;
	*ret_side = side;
	return true;
}

/* The words of an address as the kernel prints them: each in the byte order of this machine. */
static bool read_hexadecimal(const char *text, size_t length, struct in6_addr *ret_address) {
	struct in6_addr address = {.s6_addr = {[10] = 0xff, [11] = 0xff}};
	if (length != 8 && length != 32)
		return false;
	for (size_t word = 0; word < length / 8; word++) {
		char digits[9];
		char *end = NULL;
		snprintf(digits, sizeof digits, "%.8s", text + 8 * word);
		if (!isxdigit((unsigned char)digits[0]))
			return false;
		uint32_t number = (uint32_t)strtoul(digits, &end, 16);
		if (*end || end != digits + 8)
			return false;
		memcpy(&address.s6_addr[length == 8 ? 12 : 4 * word], &number, sizeof number);
	}
	*ret_address = address;
	return true;
}

bool read_socket_line(const char *line, struct near_side *ret_side, unsigned *ret_state) {
	char near[33], far[33];
	unsigned port, far_port, state;
	struct near_side side;
	if (sscanf(line, " %*u: %32[0-9A-Fa-f]:%4x %32[0-9A-Fa-f]:%4x %2x", near, &port, far, &far_port, &state) != 5)
		return false;
	if (!read_hexadecimal(near, strlen(near), &side.address))
		return false;
	side.port = (uint16_t)port;
	*ret_side = side;
	*ret_state = state;
	return true;
}
