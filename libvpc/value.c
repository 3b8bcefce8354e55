// SPDX-License-Identifier: Apache-2.0
#include "error.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_within(const struct vpc_parameter *parameter, uint64_t number) {
	return number >= parameter->lowest && number <= parameter->highest;
}

static int out_of_range(const struct vpc_parameter *parameter, const char *text, struct vpc_error *error) {
	return vpc_fail(error, -ERANGE, "%s: %s is not within %" PRIu64 " to %" PRIu64, parameter->name, text, parameter->lowest,
		parameter->highest);
}

static int parse_integer(const struct vpc_parameter *parameter, const char *text, struct vpc_value *value, struct vpc_error *error) {
	bool hexadecimal = strncmp(text, "0x", 2) == 0;
	const char *digits = hexadecimal ? text + 2 : text;
	char *end = NULL;
	errno = 0;
	uint64_t number = strtoull(digits, &end, hexadecimal ? 16 : 10);
	if (!isxdigit((unsigned char)digits[0]) || digits[1] == 'x' || digits[1] == 'X' || *end || end == digits)
		return vpc_fail(error, -EINVAL, "%s: '%s' is not a decimal or hexadecimal (0x) number", parameter->name, text);
	if (errno == ERANGE || !is_within(parameter, number))
		return out_of_range(parameter, text, error);
	memcpy(value->bytes, &number, parameter->width < sizeof number ? parameter->width : sizeof number);
	value->type = VPC_VALUE_INTEGER;
	return 0;
}

static bool reads_as_ipv4(const char *text, struct vpc_value *value) {
	value->type = VPC_VALUE_IPV4;
	return inet_pton(AF_INET, text, value->bytes) == 1;
}

static bool reads_as_ipv6(const char *text, struct vpc_value *value) {
	value->type = VPC_VALUE_IPV6;
	return inet_pton(AF_INET6, text, value->bytes) == 1;
}

static bool reads_as_mac(const char *text, struct vpc_value *value) {
	uint8_t *b = value->bytes;
	value->type = VPC_VALUE_MAC;
	for (int i = 0; i < 17; i++)
		if (i % 3 == 2 ? text[i] != ':' : !isxdigit((unsigned char)text[i]))
			return false;
	return !text[17] && sscanf(text, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5]) == 6;
}

static bool reads_as_bytes(const char *text, struct vpc_value *value) {
	value->type = VPC_VALUE_BYTES;
	for (size_t i = 0; i < 2u * value->width; i++)
		if (!isxdigit((unsigned char)text[i]))
			return false;
	for (size_t i = 0; i < value->width; i++)
		sscanf(text + 2 * i, "%2hhx", &value->bytes[i]);
	return !text[2 * value->width];
}

/* An integer of an address's width also takes the address. */
static bool reads_as_address(uint8_t width, const char *text, struct vpc_value *value) {
	switch (width) {
	case 4: return reads_as_ipv4(text, value);
	case 6: return reads_as_mac(text, value);
	case 16: return reads_as_ipv6(text, value);
	default: return false;
	}
}

static int refuse(const struct vpc_parameter *parameter, const char *text, const char *expected, struct vpc_error *error) {
	return vpc_fail(error, -EINVAL, "%s: '%s' is not %s", parameter->name, text, expected);
}

int vpc_value_parse(const struct vpc_parameter *parameter, const char *text, struct vpc_value *ret_value, struct vpc_error *error) {
	struct vpc_value value = {.width = (uint8_t)parameter->width};
	int result = 0;

	if (!text)
		return vpc_fail(error, -EINVAL, "%s: there is no text to be read as a value", parameter->name ? parameter->name : "");
	if (parameter->width < 1 || parameter->width > VPC_VALUE_WIDTH)
		return vpc_fail(error, -EINVAL, "%s: a value has 1 to %d bytes, not %u", parameter->name, VPC_VALUE_WIDTH, parameter->width);
	switch (parameter->type) {
	case VPC_VALUE_INTEGER:
		if (reads_as_address(value.width, text, &value)) {
			uint64_t number = 0;
			memcpy(&number, value.bytes, value.width <= sizeof number ? value.width : 0);
			result = value.width > sizeof number || is_within(parameter, number) ? 0 : out_of_range(parameter, text, error);
		} else {
			memset(value.bytes, 0, sizeof value.bytes);
			result = value.width > 8 ? refuse(parameter, text, "an IPv6 address", error) : parse_integer(parameter, text, &value, error);
		}
		break;
	case VPC_VALUE_IPV4: result = reads_as_ipv4(text, &value) ? 0 : refuse(parameter, text, "an IPv4 address", error); break;
	case VPC_VALUE_IPV6: result = reads_as_ipv6(text, &value) ? 0 : refuse(parameter, text, "an IPv6 address", error); break;
	case VPC_VALUE_MAC:
		result = reads_as_mac(text, &value) ? 0 : refuse(parameter, text, "a MAC address (six hexadecimal pairs with colons)", error);
		break;
	case VPC_VALUE_BYTES:
		if (!reads_as_address(value.width, text, &value) && !reads_as_bytes(text, &value))
			result = vpc_fail(error, -EINVAL, "%s: '%s' is not %u hexadecimal digits", parameter->name, text, 2u * parameter->width);
		break;
	default: result = vpc_fail(error, -EINVAL, "%s: unknown type %d", parameter->name, parameter->type);
	}
	if (result == 0)
		*ret_value = value;
	return result;
}

static int format_bytes(const struct vpc_value *value, char *buffer, size_t size) {
	if (size < 2u * value->width + 1)
		return -ENOSPC;
	for (size_t i = 0; i < value->width; i++)
		snprintf(buffer + 2 * i, size - 2 * i, "%02x", value->bytes[i]);
	return 2 * value->width;
}

static int format_address(int family, const struct vpc_value *value, char *buffer, size_t size) {
	return inet_ntop(family, value->bytes, buffer, (socklen_t)size) ? (int)strlen(buffer) : -ENOSPC;
}

int vpc_value_format(const struct vpc_parameter *parameter, const struct vpc_value *value, char *buffer, size_t size) {
	const uint8_t *b = value->bytes;
	uint64_t number = 0;
	int length;
	if (!buffer)
		return -EINVAL;
	switch (value->type ? (enum vpc_value_type)value->type : parameter->type) {
	case VPC_VALUE_IPV4: return format_address(AF_INET, value, buffer, size);
	case VPC_VALUE_IPV6: return format_address(AF_INET6, value, buffer, size);
	case VPC_VALUE_BYTES: return format_bytes(value, buffer, size);
	case VPC_VALUE_MAC: length = snprintf(buffer, size, "%02x:%02x:%02x:%02x:%02x:%02x", b[0], b[1], b[2], b[3], b[4], b[5]); break;
	default:
		if (value->width > 8)
			return format_bytes(value, buffer, size);
		memcpy(&number, b, value->width);
		length = snprintf(buffer, size, "%" PRIu64, number);
	}
	return (size_t)length < size ? length : -ENOSPC;
}
