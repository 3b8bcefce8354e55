// SPDX-License-Identifier: Apache-2.0
#include "address.h"
#include "text.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const uint8_t MAPPED[12] = {[10] = 0xff, [11] = 0xff};

int address_parse(const char *text, uint8_t ret_address[16]) {
	uint8_t address[16];
	if (inet_pton(AF_INET, text, address + 12) == 1)
		memcpy(address, MAPPED, sizeof MAPPED);
	else if (inet_pton(AF_INET6, text, address) != 1)
		return -EINVAL;
	memcpy(ret_address, address, sizeof address);
	return 0;
}

const char *address_format(const uint8_t address[16], char *buffer) {
	bool ipv4 = address_is_ipv4(address);
	return inet_ntop(ipv4 ? AF_INET : AF_INET6, ipv4 ? address + 12 : address, buffer, INET6_ADDRSTRLEN);
}

bool address_is_ipv4(const uint8_t address[16]) {
	return memcmp(address, MAPPED, sizeof MAPPED) == 0;
}

bool address_is_zero(const uint8_t address[16]) {
	static const uint8_t zero[16];
	return memcmp(address, zero, sizeof zero) == 0;
}

static bool has_host_bits(const uint8_t *address, unsigned bits, unsigned length) {
	for (unsigned bit = bits; bit < length; bit++)
		if (address[bit / 8] & (0x80 >> bit % 8))
			return true;
	return false;
}

int prefix_parse(const char *text, struct prefix *ret_prefix, struct vpc_error *error) {
	char address[64];
	const char *slash = strchr(text, '/');
	struct prefix prefix;
	if (!slash || (size_t)(slash - text) >= sizeof address)
		return fail(error, -EINVAL, "a CIDR is an address, '/' and the number of bits");
	memcpy(address, text, slash - text);
	address[slash - text] = '\0';
	if (address_parse(address, prefix.address) < 0)
		return fail(error, -EINVAL, "'%s' is neither an IPv4 nor an IPv6 address", address);
	prefix.is_ipv4 = !strchr(address, ':');
	unsigned length = prefix.is_ipv4 ? 32 : 128;
	char *end;
	unsigned long bits = strtoul(slash + 1, &end, 10);
	if (!isdigit((unsigned char)slash[1]) || *end || bits > length)
		return fail(error, -EINVAL, "the number of bits is 0 to %u", length);
	if (has_host_bits(prefix.address + (prefix.is_ipv4 ? 12 : 0), bits, length))
		return fail(error, -EINVAL, "bits behind the prefix are set");
	prefix.bits = bits;
	*ret_prefix = prefix;
	return 0;
}

int mac_parse(const char *text, uint8_t ret_mac[6]) {
	uint8_t mac[6];
	for (int i = 0; i < 6; i++) {
		const char *pair = text + i * 3;
		if (!isxdigit((unsigned char)pair[0]) || !isxdigit((unsigned char)pair[1]) || pair[2] != (i < 5 ? ':' : '\0'))
			return -EINVAL;
		mac[i] = strtoul((char[3]){pair[0], pair[1], '\0'}, NULL, 16);
	}
	memcpy(ret_mac, mac, sizeof mac);
	return 0;
}

const char *mac_format(const uint8_t mac[6], char *buffer) {
	snprintf(buffer, 18, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
	return buffer;
}
