// SPDX-License-Identifier: Apache-2.0
/* Objects, lists and watches as JSON: whatever is read can be written and read again; how the bytes are cut changes nothing. */
#include "kubernetes/api_stream.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

static void write_and_read(const struct object *object) {
	struct buffer text = {0};
	struct vpc_error error = {""};
	struct object *again = NULL;
	json_write_object(&text, object);
	if (json_read_object(object->kind, text.bytes, text.length, &again, &error) < 0 || object_spec_hash(again) != object_spec_hash(object))
		abort();
	object_unref(again);
	buffer_release(&text);
}

static int visit(void *context, enum api_event event, struct object *object, const char *fault) {
	size_t *count = context;
	(void)event;
	++*count;
	if (object && !fault)
		write_and_read(object);
	return 0;
}

/* The result, and how many were told of. */
static int read_in_pieces(enum kind kind, bool watch, const char *text, size_t length, size_t piece, size_t *ret_count) {
	struct api_stream stream;
	struct vpc_error error = {""};
	int result = 0;
	*ret_count = 0;
	api_stream_open(&stream, kind, watch, false, visit, ret_count);
	for (size_t at = 0; at < length && result == 0; at += piece)
		result = api_stream_feed(&stream, text + at, length - at < piece ? length - at : piece, &error);
	api_stream_close(&stream);
	return result;
}

/* The first byte chooses the kind, and whether it is a list, a watch or one object. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
	struct vpc_error error = {""};
	struct object *object = NULL;
	size_t whole, pieces;
	if (!length)
		return 0;
	enum kind kind = bytes[0] % KINDS;
	const char *text = (const char *)bytes + 1;
	length--;
	if (bytes[0] / KINDS % 3 == 2) {
		if (json_read_object(kind, text, length, &object, &error) == 0)
			write_and_read(object);
		object_unref(object);
		return 0;
	}
	bool watch = bytes[0] / KINDS % 3;
	int result = read_in_pieces(kind, watch, text, length, length ? length : 1, &whole);
	if (read_in_pieces(kind, watch, text, length, 3, &pieces) != result || whole != pieces)
		abort();
	return 0;
}
