// SPDX-License-Identifier: Apache-2.0
#include "text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int fail(struct vpc_error *error, int code, const char *format, ...) {
	if (error) {
		va_list arguments;
		va_start(arguments, format);
		vsnprintf(error->text, sizeof error->text, format, arguments);
		va_end(arguments);
	}
	return code;
}

static void *require(void *memory) {
	if (memory)
		return memory;
	fputs("vpc-controller: out of memory\n", stderr);
	_exit(1);
}

void *allocate(size_t size) {
	return require(calloc(1, size ? size : 1));
}

void *reallocate(void *memory, size_t size) {
	return require(realloc(memory, size ? size : 1));
}

char *duplicate(const char *text) {
	return text ? require(strdup(text)) : NULL;
}

char *format_text(const char *format, ...) {
	char *text = NULL;
	va_list arguments;
	va_start(arguments, format);
	int length = vasprintf(&text, format, arguments);
	va_end(arguments);
	return require(length < 0 ? NULL : text);
}

static void reserve(struct buffer *buffer, size_t more) {
	size_t wanted = buffer->length + more + 1;
	if (wanted <= buffer->capacity)
		return;
	buffer->capacity = wanted < 256 ? 256 : wanted * 2;
	buffer->bytes = reallocate(buffer->bytes, buffer->capacity);
}

void buffer_append(struct buffer *buffer, const void *bytes, size_t length) {
	reserve(buffer, length);
	if (length)
		memcpy(buffer->bytes + buffer->length, bytes, length);
	buffer->length += length;
	buffer->bytes[buffer->length] = '\0';
}

void buffer_text(struct buffer *buffer, const char *text) {
	buffer_append(buffer, text, strlen(text));
}

void buffer_quoted(struct buffer *buffer, const char *text) {
	const char *start = text;
	buffer_append(buffer, "\"", 1);
	for (; *text; text++) {
		unsigned char byte = *text;
		if (byte >= ' ' && byte != '"' && byte != '\\' && byte != 0x7f)
			continue;
		buffer_append(buffer, start, text - start);
		if (byte == '"' || byte == '\\')
			buffer_format(buffer, "\\%c", byte);
		else
			buffer_format(buffer, "\\u%04x", byte);
		start = text + 1;
	}
	buffer_append(buffer, start, text - start);
	buffer_append(buffer, "\"", 1);
}

void buffer_format(struct buffer *buffer, const char *format, ...) {
	va_list arguments, again;
	va_start(arguments, format);
	va_copy(again, arguments);
	int length = vsnprintf(NULL, 0, format, arguments);
	va_end(arguments);
	if (length > 0) {
		reserve(buffer, length);
		vsnprintf(buffer->bytes + buffer->length, length + 1, format, again);
		buffer->length += length;
	}
	va_end(again);
}

void buffer_release(struct buffer *buffer) {
	free(buffer->bytes);
	*buffer = (struct buffer){0};
}

uint64_t hash_bytes(uint64_t seed, const void *bytes, size_t length) {
	const uint8_t *at = bytes;
	uint64_t hash = seed ^ 0xcbf29ce484222325u;
	for (size_t i = 0; i < length; i++)
		hash = (hash ^ at[i]) * 0x100000001b3u;
	hash ^= hash >> 33;
	hash *= 0xff51afd7ed558ccdu; /* without the mixer, names that differ in the last letter only would hash alike */
	hash ^= hash >> 33;
	return hash;
}

uint64_t hash_text(uint64_t seed, const char *text) {
	return hash_bytes(seed, text, strlen(text) + 1);
}
