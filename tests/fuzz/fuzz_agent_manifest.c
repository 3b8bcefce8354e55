// SPDX-License-Identifier: Apache-2.0
/* Manifests: whatever can be read can be written and read again, with the same spec. */
#include "document.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

static void keep(void *context, const struct object *object, const char *error) {
	(void)error;
	if (object)
		*(struct object **)context = object_ref(object);
}

static void write_and_read(void *context, const struct object *object, const char *error) {
	struct buffer text = {0};
	struct object *again = NULL;
	(void)context, (void)error;
	if (!object)
		return;
	document_write(&text, object);
	if (documents_read("again", text.bytes, text.length, false, keep, &again) || !again || object_spec_hash(again) != object_spec_hash(object))
		abort();
	buffer_release(&text);
	object_unref(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
	documents_read("fuzz", (const char *)bytes, length, false, write_and_read, NULL);
	return 0;
}
