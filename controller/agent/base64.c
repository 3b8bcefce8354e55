// SPDX-License-Identifier: Apache-2.0
#include "base64.h"
#include "../cleanup.h"
#include "text.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

static int digit_of(char letter) {
	static const char LETTERS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *found = letter ? strchr(LETTERS, letter) : NULL;
	return found ? (int)(found - LETTERS) : -1;
}

int base64_decode(const char *text, char **ret_bytes, size_t *ret_length) {
	size_t length = strlen(text), written = 0;
	_cleanup_(free_memory) char *bytes = allocate(length + 1);
	uint32_t bits = 0;
	unsigned count = 0;
	while (length && (text[length - 1] == '=' || text[length - 1] == '\n'))
		length--;
	for (size_t i = 0; i < length; i++) {
		int digit = digit_of(text[i]);
		if (digit < 0)
			return -EINVAL;
		bits = bits << 6 | (uint32_t)digit;
		count += 6;
		if (count >= 8) {
			count -= 8;
			bytes[written++] = (char)(bits >> count);
		}
	}
	*ret_length = written;
	*ret_bytes = steal_memory(&bytes);
	return 0;
}
