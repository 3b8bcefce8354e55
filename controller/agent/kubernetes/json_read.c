// SPDX-License-Identifier: Apache-2.0
#include "../../cleanup.h"
#include "json_object.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

__attribute__((format(printf, 2, 3))) static void note_fault(struct json_reader *reader, const char *format, ...) {
	char what[sizeof reader->error.text - sizeof reader->path];
	va_list arguments;
	if (*reader->error.text)
		return;
	va_start(arguments, format);
	vsnprintf(what, sizeof what, format, arguments);
	va_end(arguments);
	const char *path = reader->path[0] == '.' ? reader->path + 1 : reader->path;
	fail(&reader->error, -EINVAL, "%s%s%s", path, *path ? ": " : "", what);
}

static void path_push(struct json_reader *reader, const char *format, const char *name, size_t index) {
	char step[128];
	int length = name ? snprintf(step, sizeof step, format, name) : snprintf(step, sizeof step, "[%zu]", index);
	size_t room = sizeof reader->path - reader->path_length;
	if (length > 0 && (size_t)length < sizeof step && (size_t)length < room) {
		memcpy(reader->path + reader->path_length, step, length + 1);
		reader->path_length += length;
	}
}

static void path_cut(struct json_reader *reader, size_t length) {
	reader->path[reader->path_length = length] = '\0';
}

static struct reader_frame *top(struct json_reader *reader) {
	return &reader->frames[reader->depth - 1];
}

static void push(struct json_reader *reader, enum field_type type, const struct schema *schema, const struct field *field, void *at) {
	reader->frames[reader->depth++] =
	    (struct reader_frame){.type = type, .schema = schema, .field = field, .at = at, .path_length = reader->path_length};
}

/* A value that is not wanted: all that belongs to it is passed over. */
static void skip_value(struct json_reader *reader, enum json_token token) {
	reader->skipped = token == JSON_OBJECT || token == JSON_LIST;
}

static void misfit(struct json_reader *reader, enum json_token token, const char *wanted) {
	note_fault(reader, "must be %s", wanted);
	skip_value(reader, token);
}

/* ---- fields of a structure ---- */

static void check_required(struct json_reader *reader, const struct reader_frame *frame) {
	const struct schema *schema = frame->schema;
	for (size_t i = 0; i < schema->count; i++)
		if (schema->fields[i].required && !(frame->seen & 1u << i))
			note_fault(reader, "'%s' is missing (%s)", schema->fields[i].name, schema->fields[i].text);
}

static bool take_head(struct json_reader *reader, const char *name) {
	static const char *const NAMES[] = {"apiVersion", "kind"};
	for (int i = 0; i < 2 && reader->depth == 1; i++)
		if (reader->head[i] && !strcmp(name, NAMES[i])) {
			reader->head_field = i;
			path_push(reader, ".%s", name, 0);
			return true;
		}
	return false;
}

static void take_name(struct json_reader *reader, const char *name) {
	struct reader_frame *frame = top(reader);
	const struct schema *schema = frame->schema;
	size_t i = 0;
	path_cut(reader, frame->path_length);
	while (i < schema->count && strcmp(schema->fields[i].name, name))
		i++;
	if (i == schema->count) {
		if (take_head(reader, name))
			return;
		if (!schema->open)
			note_fault(reader, "there is no field '%.60s'", name);
		reader->skip_next = true;
		return;
	}
	path_push(reader, ".%s", name, 0);
	frame->field = &schema->fields[i];
	if (frame->seen & 1u << i) {
		note_fault(reader, "stands there twice");
		reader->skip_next = true;
	}
	frame->seen |= 1u << i;
}

static void read_text(
    struct json_reader *reader, const struct field *field, enum json_token token, const char *text, size_t length, char **ret_text) {
	struct vpc_error why = {""};
	if (token != JSON_TEXT)
		misfit(reader, token, "a text");
	else if (strlen(text) != length)
		note_fault(reader, "has a NUL in it");
	else if (field && field_check_text(field, text, &why) < 0)
		note_fault(reader, "%s", why.text);
	else
		set_text(ret_text, text);
}

static void read_integer(struct json_reader *reader, const struct field *field, enum json_token token, const char *text, int64_t *ret) {
	struct vpc_error why = {""};
	if (token != JSON_NUMBER)
		misfit(reader, token, "an integer");
	else if (field_parse_integer(field, text, ret, &why) < 0)
		note_fault(reader, "%s", why.text);
}

static void begin_nest(struct json_reader *reader, const struct field *field, enum json_token token, void *at) {
	bool is_list = field->type == FIELD_TEXTS || field->type == FIELD_LIST;
	if (token != (is_list ? JSON_LIST : JSON_OBJECT))
		misfit(reader, token, is_list ? "a list" : "an object");
	else if (reader->depth == READER_DEPTH)
		misfit(reader, token, "less deep");
	else {
		struct any_list *list = at;
		if (field->type == FIELD_LIST && field->keeps_empty && !list->items)
			list->items = allocate(field->nested->size);
		push(reader, field->type, field->nested, field, at);
	}
}

static void take_field(struct json_reader *reader, enum json_token token, const char *text, size_t length) {
	struct reader_frame *frame = top(reader);
	const struct field *field = frame->field;
	void *at = (char *)frame->at + field->offset;
	if (token == JSON_NULL && !field->required)
		return;
	switch (field->type) {
	case FIELD_TEXT: read_text(reader, field, token, text, length, at); return;
	case FIELD_INTEGER: read_integer(reader, field, token, text, at); return;
	case FIELD_BOOLEAN:
		if (token == JSON_TRUE || token == JSON_FALSE)
			*(bool *)at = token == JSON_TRUE;
		else
			misfit(reader, token, "true or false");
		return;
	case FIELD_STRUCT:
	case FIELD_TEXTS:
	case FIELD_MAP:
	case FIELD_LIST: begin_nest(reader, field, token, at); return;
	}
}

static void check_head(struct json_reader *reader, enum json_token token, const char *text) {
	const char *wanted = reader->head[reader->head_field];
	reader->head_field = -1;
	if (token != JSON_TEXT)
		misfit(reader, token, "a text");
	else if (strcmp(text, wanted) != 0) {
		note_fault(reader, "'%.60s' stands there, not %s", text, wanted);
		reader->head_wrong = true;
	}
}

/* ---- items ---- */

static void take_item(struct json_reader *reader, enum json_token token, const char *text, size_t length) {
	struct reader_frame *frame = top(reader);
	path_cut(reader, frame->path_length);
	path_push(reader, NULL, NULL, frame->index++);
	if (frame->type == FIELD_TEXTS) {
		_cleanup_(free_memory) char *item = NULL;
		read_text(reader, frame->field, token, text, length, &item);
		if (item)
			texts_add(frame->at, item);
		return;
	}
	if (token != JSON_OBJECT) {
		misfit(reader, token, "an object");
		return;
	}
	if (reader->depth == READER_DEPTH) {
		misfit(reader, token, "less deep");
		return;
	}
	struct any_list *list = frame->at;
	size_t size = frame->schema->size;
	list->items = reallocate(list->items, (list->count + 1) * size);
	void *item = (char *)list->items + list->count++ * size;
	memset(item, 0, size);
	push(reader, FIELD_STRUCT, frame->schema, NULL, item);
}

static void take_pair(struct json_reader *reader, enum json_token token, const char *text, size_t length) {
	struct text_map *map = top(reader)->at;
	_cleanup_(free_memory) char *value = NULL;
	if (map_get(map, reader->key))
		note_fault(reader, "stands there twice");
	read_text(reader, NULL, token, text, length, &value);
	if (value)
		map_set(map, reader->key, value);
}

static void take_map_key(struct json_reader *reader, const char *text, size_t length) {
	path_cut(reader, top(reader)->path_length);
	path_push(reader, "[%s]", text, 0);
	if (strlen(text) != length)
		note_fault(reader, "has a NUL in it");
	set_text(&reader->key, text);
}

/* ---- the whole ---- */

static int end_frame(struct json_reader *reader) {
	struct reader_frame *frame = top(reader);
	path_cut(reader, frame->path_length);
	if (frame->type == FIELD_STRUCT)
		check_required(reader, frame);
	return --reader->depth == 0;
}

static int take_skipped(struct json_reader *reader, enum json_token token) {
	if (token == JSON_OBJECT || token == JSON_LIST)
		reader->skipped++;
	else if (token == JSON_OBJECT_END || token == JSON_LIST_END)
		reader->skipped--;
	return reader->skipped == 0 && reader->depth == 0;
}

static void take_value(struct json_reader *reader, enum json_token token, const char *text, size_t length) {
	if (reader->skip_next) {
		reader->skip_next = false;
		skip_value(reader, token);
		return;
	}
	if (reader->head_field >= 0) {
		check_head(reader, token, text);
		return;
	}
	switch (top(reader)->type) {
	case FIELD_STRUCT: take_field(reader, token, text, length); return;
	case FIELD_MAP: take_pair(reader, token, text, length); return;
	default: take_item(reader, token, text, length); return;
	}
}

int json_reader_take(struct json_reader *reader, enum json_token token, const char *text, size_t length) {
	if (reader->skipped)
		return take_skipped(reader, token);
	switch (token) {
	case JSON_OBJECT_END:
	case JSON_LIST_END: return end_frame(reader);
	case JSON_KEY:
		if (top(reader)->type == FIELD_MAP)
			take_map_key(reader, text, length);
		else
			take_name(reader, text);
		return 0;
	default: break;
	}
	if (reader->frames[0].at && reader->depth) {
		take_value(reader, token, text, length);
		return 0;
	}
	if (token == JSON_OBJECT) {
		reader->depth = 1;
		return 0;
	}
	misfit(reader, token, "an object");
	return reader->skipped == 0;
}

void json_reader_open(struct json_reader *reader, const struct schema *schema, void *structure, const char *api_version, const char *kind) {
	*reader = (struct json_reader){.head = {api_version, kind}, .head_field = -1};
	reader->frames[0] = (struct reader_frame){.type = FIELD_STRUCT, .schema = schema, .at = structure};
}

void json_reader_close(struct json_reader *reader) {
	free(reader->key);
	reader->key = NULL;
}

int json_finish_object(const struct json_reader *reader, struct object *object, struct vpc_error *error) {
	struct vpc_error why = {""};
	const char *name = object->metadata.name ? object->metadata.name : "without a name", *space = object->metadata.namespace;
	object->uid_given = object->metadata.uid != NULL;
	if (*reader->error.text)
		why = reader->error;
	else if (object_complete(object, &why) == 0)
		return 0;
	return fail(error, -EINVAL, "%s %.63s%s%.200s: %s", kind_name(object->kind), space ? space : "", space ? "/" : "", name, why.text);
}

struct whole_object {
	struct json_reader reader;
	bool done, more;
};

static int take_whole(void *context, enum json_token token, const char *text, size_t length) {
	struct whole_object *whole = context;
	if (whole->done)
		whole->more = true;
	else
		whole->done = json_reader_take(&whole->reader, token, text, length);
	return 0;
}

int json_read_object(enum kind kind, const char *text, size_t length, struct object **ret_object, struct vpc_error *error) {
	struct whole_object whole = {0};
	struct json_stream stream;
	_cleanup_(object_release) struct object *object = object_new(kind, NULL, NULL);
	json_reader_open(&whole.reader, kind_schema(kind), object, kind_api_version(kind), kind_name(kind));
	json_stream_open(&stream, take_whole, &whole);
	int result = json_stream_feed(&stream, text, length, error);
	if (result == 0 && (!whole.done || whole.more || !json_stream_complete(&stream)))
		result = fail(error, -EBADMSG, "%s: the JSON is cut off, or more follows", kind_name(kind));
	if (result == 0)
		result = json_finish_object(&whole.reader, object, error);
	json_stream_close(&stream);
	json_reader_close(&whole.reader);
	if (result == 0)
		*ret_object = steal_memory(&object);
	return result;
}
