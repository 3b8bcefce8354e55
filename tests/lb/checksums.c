// SPDX-License-Identifier: Apache-2.0
#include "checksums.h"

#include <stdbool.h>

/* Adds with the carry coming back at once; a part that begins at an odd place does not occur. */
static uint16_t add(uint16_t sum, const uint8_t *bytes, size_t length) {
	for (size_t i = 0; i < length; i += 2) {
		uint16_t word = (uint16_t)(bytes[i] * 256u + (i + 1 < length ? bytes[i + 1] : 0u));
		uint32_t wide = (uint32_t)sum + word;
		sum = (uint16_t)(wide > 0xffff ? wide - 0xffff : wide);
	}
	return sum;
}

static uint16_t add_number(uint16_t sum, uint32_t number) {
	uint8_t bytes[4] = {(uint8_t)(number >> 24), (uint8_t)(number >> 16), (uint8_t)(number >> 8), (uint8_t)number};
	return add(sum, bytes, sizeof bytes);
}

static const char *packet(const uint8_t *bytes, size_t length);

/* addresses: 8 bytes of IPv4 or 32 of IPv6, beside each other */
static const char *payload(const uint8_t *addresses, size_t addresses_length, uint8_t protocol, const uint8_t *bytes, size_t length) {
	uint16_t pseudo = add_number(add_number(add(0, addresses, addresses_length), protocol), (uint32_t)length);
	switch (protocol) {
	case 4:
	case 41: return packet(bytes, length);
	case 6: return length < 20 || add(pseudo, bytes, length) == 0xffff ? NULL : "TCP";
	case 17: return length < 8 || (bytes[6] == 0 && bytes[7] == 0) || add(pseudo, bytes, length) == 0xffff ? NULL : "UDP";
	case 1: return add(0, bytes, length) == 0xffff ? NULL : "ICMP";
	case 58: return add(pseudo, bytes, length) == 0xffff ? NULL : "ICMPv6";
	default: return NULL;
	}
}

static const char *packet(const uint8_t *bytes, size_t length) {
	if (length >= 20 && bytes[0] >> 4 == 4) {
		size_t header = (bytes[0] & 15u) * 4, total = bytes[2] * 256u + bytes[3];
		bool is_fragment = (bytes[6] & 0x3f) || bytes[7];
		if (header < 20 || header > length || total < header)
			return NULL;
		if (add(0, bytes, header) != 0xffff)
			return "IPv4 header";
		return is_fragment || total > length ? NULL : payload(bytes + 12, 8, bytes[9], bytes + header, total - header);
	}
	if (length >= 40 && bytes[0] >> 4 == 6) {
		size_t total = bytes[4] * 256u + bytes[5];
		return total + 40 > length ? NULL : payload(bytes + 8, 32, bytes[6], bytes + 40, total);
	}
	return NULL;
}

const char *checksums_find_wrong(const uint8_t *frame, size_t length) {
	return length > 14 ? packet(frame + 14, length - 14) : NULL;
}
