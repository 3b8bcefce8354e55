// SPDX-License-Identifier: Apache-2.0
#include "document.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

static void write_indent(struct buffer *buffer, int indent) {
	static const char blanks[] = "                                ";
	buffer_append(buffer, blanks, indent < (int)sizeof blanks - 1 ? indent : (int)sizeof blanks - 1);
}

static void write_name(struct buffer *buffer, const struct field *field, int indent, const char *after) {
	write_indent(buffer, indent);
	buffer_text(buffer, field->name);
	buffer_text(buffer, after);
}

static void write_texts(struct buffer *buffer, const struct texts *texts) {
	buffer_append(buffer, "[", 1);
	for (size_t i = 0; i < texts->count; i++) {
		if (i)
			buffer_append(buffer, ", ", 2);
		buffer_quoted(buffer, texts->items[i]);
	}
	buffer_append(buffer, "]\n", 2);
}

/* A key of more than 1024 characters, at most six for each byte, must say that it is one (YAML 1.2, 8.2.2). */
#define LONGEST_SIMPLE_KEY (1024 / 6)

static void write_key(struct buffer *buffer, const char *key, int indent) {
	bool is_long = strlen(key) > LONGEST_SIMPLE_KEY;
	write_indent(buffer, indent);
	if (is_long)
		buffer_append(buffer, "? ", 2);
	buffer_quoted(buffer, key);
	if (is_long) {
		buffer_append(buffer, "\n", 1);
		write_indent(buffer, indent);
	}
	buffer_append(buffer, ": ", 2);
}

static void write_map(struct buffer *buffer, const struct text_map *map, int indent) {
	for (size_t i = 0; i < map->count; i++) {
		write_key(buffer, map->items[i].key, indent);
		buffer_quoted(buffer, map->items[i].value);
		buffer_append(buffer, "\n", 1);
	}
}

static void write_list(struct buffer *buffer, const struct field *field, const struct any_list *list, int indent) {
	for (size_t i = 0; i < list->count; i++) {
		size_t start = buffer->length;
		document_write_fields(buffer, field->nested, (const char *)list->items + i * field->nested->size, indent + 2);
		if (buffer->length > start)
			buffer->bytes[start + indent] = '-';
	}
}

static void write_struct(struct buffer *buffer, const struct field *field, const void *structure, int indent) {
	size_t before = buffer->length;
	write_name(buffer, field, indent, ":\n");
	size_t start = buffer->length;
	document_write_fields(buffer, field->nested, structure, indent + 2);
	if (buffer->length == start)
		buffer->bytes[buffer->length = before] = '\0';
}

static void write_field(struct buffer *buffer, const struct field *field, const void *at, int indent) {
	switch (field->type) {
	case FIELD_TEXT:
		if (!*(char *const *)at)
			return;
		write_name(buffer, field, indent, ": ");
		buffer_quoted(buffer, *(char *const *)at);
		buffer_append(buffer, "\n", 1);
		return;
	case FIELD_INTEGER:
		if (*(const int64_t *)at) {
			write_name(buffer, field, indent, ": ");
			buffer_format(buffer, "%" PRId64 "\n", *(const int64_t *)at);
		}
		return;
	case FIELD_BOOLEAN:
		if (*(const bool *)at)
			write_name(buffer, field, indent, ": true\n");
		return;
	case FIELD_TEXTS:
		if (!field->required && !((const struct texts *)at)->count)
			return;
		write_name(buffer, field, indent, ": ");
		write_texts(buffer, at);
		return;
	case FIELD_MAP:
		if (!((const struct text_map *)at)->count)
			return;
		write_name(buffer, field, indent, ":\n");
		write_map(buffer, at, indent + 2);
		return;
	case FIELD_STRUCT: write_struct(buffer, field, at, indent); return;
	case FIELD_LIST:
		if (!((const struct any_list *)at)->count) {
			if (field->keeps_empty && ((const struct any_list *)at)->items)
				write_name(buffer, field, indent, ": []\n");
			return;
		}
		write_name(buffer, field, indent, ":\n");
		write_list(buffer, field, at, indent);
		return;
	}
}

void document_write_fields(struct buffer *buffer, const struct schema *schema, const void *structure, int indent) {
	for (size_t i = 0; i < schema->count; i++)
		write_field(buffer, &schema->fields[i], (const char *)structure + schema->fields[i].offset, indent);
}

void document_write(struct buffer *buffer, const struct object *object) {
	buffer_format(buffer, "apiVersion: %s\nkind: %s\n", kind_api_version(object->kind), kind_name(object->kind));
	document_write_fields(buffer, object->status_only ? kind_status_schema(object->kind) : kind_schema(object->kind), object, 0);
}
