// SPDX-License-Identifier: Apache-2.0
#include "json_object.h"

#include <inttypes.h>
#include <string.h>

static void write_separator(struct buffer *buffer, size_t start) {
	if (buffer->length > start)
		buffer_append(buffer, ",", 1);
}

static void write_texts(struct buffer *buffer, const struct texts *texts) {
	buffer_append(buffer, "[", 1);
	size_t start = buffer->length;
	for (size_t i = 0; i < texts->count; i++) {
		write_separator(buffer, start);
		buffer_quoted(buffer, texts->items[i]);
	}
	buffer_append(buffer, "]", 1);
}

static void write_map(struct buffer *buffer, const struct text_map *map) {
	buffer_append(buffer, "{", 1);
	size_t start = buffer->length;
	for (size_t i = 0; i < map->count; i++) {
		write_separator(buffer, start);
		buffer_quoted(buffer, map->items[i].key);
		buffer_append(buffer, ":", 1);
		buffer_quoted(buffer, map->items[i].value);
	}
	buffer_append(buffer, "}", 1);
}

static void write_list(struct buffer *buffer, const struct schema *schema, const struct any_list *list) {
	buffer_append(buffer, "[", 1);
	size_t start = buffer->length;
	for (size_t i = 0; i < list->count; i++) {
		write_separator(buffer, start);
		json_write_fields(buffer, schema, (const char *)list->items + i * schema->size, false);
	}
	buffer_append(buffer, "]", 1);
}

static bool is_empty(const struct field *field, const void *at) {
	switch (field->type) {
	case FIELD_TEXT: return !*(char *const *)at;
	case FIELD_INTEGER: return !*(const int64_t *)at;
	case FIELD_BOOLEAN: return !*(const bool *)at;
	case FIELD_TEXTS: return !((const struct texts *)at)->count && !field->required;
	case FIELD_MAP: return !((const struct text_map *)at)->count;
	case FIELD_LIST: return !((const struct any_list *)at)->count && !field->required && !(field->keeps_empty && ((const struct any_list *)at)->items);
	case FIELD_STRUCT: return false;
	}
	return true;
}

static void write_value(struct buffer *buffer, const struct field *field, const void *at, bool with_nulls) {
	switch (field->type) {
	case FIELD_TEXT: buffer_quoted(buffer, *(char *const *)at); return;
	case FIELD_INTEGER: buffer_format(buffer, "%" PRId64, *(const int64_t *)at); return;
	case FIELD_BOOLEAN: buffer_text(buffer, "true"); return;
	case FIELD_TEXTS: write_texts(buffer, at); return;
	case FIELD_MAP: write_map(buffer, at); return;
	case FIELD_LIST: write_list(buffer, field->nested, at); return;
	case FIELD_STRUCT: json_write_fields(buffer, field->nested, at, with_nulls); return;
	}
}

static void write_field(struct buffer *buffer, const struct field *field, const void *at, bool with_nulls, size_t start) {
	size_t before = buffer->length;
	bool empty = is_empty(field, at);
	if (empty && !with_nulls)
		return;
	write_separator(buffer, start);
	buffer_quoted(buffer, field->name);
	buffer_append(buffer, ":", 1);
	size_t value = buffer->length;
	if (empty)
		buffer_append(buffer, "null", 4);
	else
		write_value(buffer, field, at, with_nulls);
	if (field->type == FIELD_STRUCT && !field->required && !strcmp(buffer->bytes + value, "{}"))
		buffer->bytes[buffer->length = before] = '\0';
}

void json_write_fields(struct buffer *buffer, const struct schema *schema, const void *structure, bool with_nulls) {
	buffer_append(buffer, "{", 1);
	size_t start = buffer->length;
	for (size_t i = 0; i < schema->count; i++)
		write_field(buffer, &schema->fields[i], (const char *)structure + schema->fields[i].offset, with_nulls, start);
	buffer_append(buffer, "}", 1);
}

void json_write_object(struct buffer *buffer, const struct object *object) {
	buffer_format(buffer, "{\"apiVersion\":\"%s\",\"kind\":\"%s\",", kind_api_version(object->kind), kind_name(object->kind));
	size_t start = buffer->length;
	json_write_fields(buffer, kind_schema(object->kind), object, false);
	memmove(buffer->bytes + start, buffer->bytes + start + 1, buffer->length - start); /* one object: no brace in between */
	buffer->length--;
}
