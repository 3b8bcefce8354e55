// SPDX-License-Identifier: Apache-2.0
/* What clients address, as people write it. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lb_internal.h"

#define EXAMPLE "expected ADDRESS:PORT/PROTOCOL, like 40.1.1.1:80/tcp or [2001:db8::1]:53/udp"

bool vpc_lb_is_ipv4(const void *address) {
	static const uint8_t MAPPED[12] = {[10] = 0xff, [11] = 0xff};
	return memcmp(address, MAPPED, sizeof MAPPED) == 0;
}

const char *vpc_lb_address_format(const void *address, char text[static VPC_LB_ADDRESS_TEXT]) {
	bool is_ipv4 = vpc_lb_is_ipv4(address);
	return inet_ntop(is_ipv4 ? AF_INET : AF_INET6, (const uint8_t *)address + (is_ipv4 ? 12 : 0), text, VPC_LB_ADDRESS_TEXT);
}

static int parse_protocol(const char *text, uint8_t *ret_protocol) {
	if (strcmp(text, "tcp") == 0)
		*ret_protocol = VPC_LB_TCP;
	else if (strcmp(text, "udp") == 0)
		*ret_protocol = VPC_LB_UDP;
	else
		return -EINVAL;
	return 0;
}

static int parse_port(const char *text, uint16_t *ret_port) {
	char *end = NULL;
	unsigned long port = strtoul(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || *end || port < 1 || port > 65535)
		return -EINVAL;
	*ret_port = (uint16_t)port;
	return 0;
}

static int parse_address(char *text, uint8_t ret_address[16]) {
	size_t length = strlen(text);
	if (text[0] == '[' && length > 2 && text[length - 1] == ']') {
		text[length - 1] = '\0';
		return inet_pton(AF_INET6, text + 1, ret_address) == 1 && !vpc_lb_is_ipv4(ret_address) ? 0 : -EINVAL;
	}
	memset(ret_address, 0, 16);
	ret_address[10] = ret_address[11] = 0xff;
	return inet_pton(AF_INET, text, ret_address + 12) == 1 ? 0 : -EINVAL;
}

int vpc_lb_service_parse(const char *text, struct vpc_lb_service *ret_service, struct vpc_error *error) {
	struct vpc_lb_service service = {.protocol = VPC_LB_TCP};
	char copy[VPC_LB_SERVICE_TEXT];
	if (!text || strlen(text) >= sizeof copy)
		return vpc_fail(error, -EINVAL, "VIP '%.64s': " EXAMPLE, text ? text : "");
	snprintf(copy, sizeof copy, "%s", text);
	char *protocol = strchr(copy, '/');
	if (protocol)
		*protocol++ = '\0';
	char *port = strrchr(copy, ':');
	if (!port)
		return vpc_fail(error, -EINVAL, "VIP '%s' has no port: " EXAMPLE, text);
	*port++ = '\0';
	if (protocol && parse_protocol(protocol, &service.protocol))
		return vpc_fail(error, -EINVAL, "VIP '%s': the protocol '%s' is neither tcp nor udp", text, protocol);
	if (parse_port(port, &service.port))
		return vpc_fail(error, -EINVAL, "VIP '%s': the port '%s' is not within 1 to 65535", text, port);
	if (parse_address(copy, service.address))
		return vpc_fail(error, -EINVAL, "VIP '%s': '%s' is neither an IPv4 address nor an IPv6 address in brackets", text, copy);
	*ret_service = service;
	return 0;
}

const char *vpc_lb_service_format(const struct vpc_lb_service *service, char text[VPC_LB_SERVICE_TEXT]) {
	char address[VPC_LB_ADDRESS_TEXT];
	const char *format = vpc_lb_is_ipv4(service->address) ? "%s:%u/%s" : "[%s]:%u/%s";
	snprintf(text, VPC_LB_SERVICE_TEXT, format, vpc_lb_address_format(service->address, address), service->port,
		service->protocol == VPC_LB_UDP ? "udp" : "tcp");
	return text;
}
