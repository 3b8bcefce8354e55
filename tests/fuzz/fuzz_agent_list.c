// SPDX-License-Identifier: Apache-2.0
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "cni_list.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

/*
 * Whatever other installers write: refused with a reason and nothing made of it, or merged so that a second look finds
 * nothing to do, and taken out so that everything else is what it was.
 */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
	const struct cni_entry entry = {.socket = "/run/a"};
	const char *text = (const char *)bytes;
	struct buffer merged = {0}, again = {0}, removed = {0}, cleared = {0}, list = {0};
	struct vpc_error error = {""};
	char type[64];
	int was = cni_list_remove(text, length, &cleared, &error);
	int result = cni_list_merge(text, length, &entry, &merged, &error);
	assert(result == 1 || !merged.bytes);
	assert(result >= 0 || error.text[0]);
	if (result >= 0)
		assert(cni_list_main(text, length, type, &error) == 0 && strlen(type) < sizeof type);
	if (result == 1) {
		assert(cni_list_merge(merged.bytes, merged.length, &entry, &again, &error) == 0 && !again.bytes);
		assert(cni_list_remove(merged.bytes, merged.length, &removed, &error) == 1);
		const void *before = was == 1 ? cleared.bytes : text; /* without ours, as without ours */
		size_t size = was == 1 ? cleared.length : length;
		assert(removed.length == size && !memcmp(removed.bytes, before, size));
	}
	if (cni_list_of_single(text, length, &list, &error) == 0)
		assert(cni_list_main(list.bytes, list.length, type, &error) == 0 || error.text[0]);
	buffer_release(&merged);
	buffer_release(&removed);
	buffer_release(&cleared);
	buffer_release(&list);
	return 0;
}
