// SPDX-License-Identifier: Apache-2.0
#include "../cleanup.h"
#include "document.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <yaml.h>

/* One document while it is read. */
struct reader {
	yaml_document_t document;
	const char *file;
	size_t first_line; /* of the document in its file, from 0 */
	size_t visited;    /* nodes; more than there are means aliases */
	struct vpc_error *error;
	char path[256]; /* of the field at hand: "spec.allow[0].cidr" */
	size_t path_length;
};

__attribute__((format(printf, 3, 4))) static int fail_at(struct reader *reader, const yaml_node_t *node, const char *format, ...) {
	char message[320];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(message, sizeof message, format, arguments);
	va_end(arguments);
	const char *path = reader->path[0] == '.' ? reader->path + 1 : reader->path;
	return fail(reader->error, -EINVAL, "%.120s:%zu: %.100s%s%s", reader->file, reader->first_line + node->start_mark.line + 1, path,
	    *path ? ": " : "", message);
}

static size_t path_push(struct reader *reader, const char *format, const char *name, size_t index) {
	size_t before = reader->path_length, room = sizeof reader->path - before;
	char step[128];
	int length = name ? snprintf(step, sizeof step, format, name) : snprintf(step, sizeof step, "[%zu]", index);
	if (length > 0 && (size_t)length < sizeof step && (size_t)length < room) {
		memcpy(reader->path + before, step, length + 1);
		reader->path_length += length;
	}
	return before;
}

static void path_pop(struct reader *reader, size_t before) {
	reader->path[reader->path_length = before] = '\0';
}

static const char *scalar_of(const yaml_node_t *node) {
	return node->type == YAML_SCALAR_NODE ? (const char *)node->data.scalar.value : NULL;
}

static bool is_plain(const yaml_node_t *node) {
	return node->type == YAML_SCALAR_NODE && node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
}

static bool is_null(const yaml_node_t *node) {
	const char *text = scalar_of(node);
	return is_plain(node) && (!*text || !strcmp(text, "~") || !strcmp(text, "null"));
}

/* What YAML's core schema reads as something else than a text: kubectl would refuse it where a text is wanted. */
static bool is_other_than_text(const yaml_node_t *node) {
	const char *text = scalar_of(node);
	char *end;
	if (!is_plain(node))
		return false;
	if (is_null(node) || !strcmp(text, "true") || !strcmp(text, "false"))
		return true;
	if (!isdigit((unsigned char)*text) && *text != '-' && *text != '+' && *text != '.')
		return false;
	(void)strtod(text, &end);
	return end != text && !*end;
}

static int read_fields(struct reader *reader, const yaml_node_t *node, const struct schema *schema, void *structure);

static int read_text(struct reader *reader, const yaml_node_t *node, const struct field *field, char **ret_text) {
	const char *text = scalar_of(node);
	if (!text || is_other_than_text(node))
		return fail_at(reader, node, "must be a text%s", text ? " (in quotes)" : "");
	if (strlen(text) != node->data.scalar.length)
		return fail_at(reader, node, "has a NUL in it");
	struct vpc_error why = {""};
	if (field && field_check_text(field, text, &why) < 0)
		return fail_at(reader, node, "%s", why.text);
	*ret_text = duplicate(text);
	return 0;
}

static int read_integer(struct reader *reader, const yaml_node_t *node, const struct field *field, int64_t *ret_number) {
	const char *text = scalar_of(node);
	struct vpc_error why = {""};
	if (!is_plain(node) || !isdigit((unsigned char)text[*text == '-']))
		return fail_at(reader, node, "must be an integer");
	return field_parse_integer(field, text, ret_number, &why) < 0 ? fail_at(reader, node, "%s", why.text) : 0;
}

static int read_boolean(struct reader *reader, const yaml_node_t *node, bool *ret_boolean) {
	const char *text = scalar_of(node);
	if (!is_plain(node) || (strcmp(text, "true") && strcmp(text, "false")))
		return fail_at(reader, node, "must be true or false");
	*ret_boolean = !strcmp(text, "true");
	return 0;
}

static int read_texts(struct reader *reader, const yaml_node_t *node, const struct field *field, struct texts *texts) {
	if (node->type != YAML_SEQUENCE_NODE)
		return fail_at(reader, node, "must be a list");
	size_t index = 0;
	for (yaml_node_item_t *item = node->data.sequence.items.start; item < node->data.sequence.items.top; item++) {
		_cleanup_(free_memory) char *text = NULL;
		size_t before = path_push(reader, NULL, NULL, index++);
		int result = read_text(reader, yaml_document_get_node(&reader->document, *item), field, &text);
		if (result < 0)
			return result;
		texts_add(texts, text);
		path_pop(reader, before);
	}
	return 0;
}

static int read_map(struct reader *reader, const yaml_node_t *node, struct text_map *map) {
	if (node->type != YAML_MAPPING_NODE)
		return fail_at(reader, node, "must be a mapping");
	for (yaml_node_pair_t *pair = node->data.mapping.pairs.start; pair < node->data.mapping.pairs.top; pair++) {
		_cleanup_(free_memory) char *key = NULL;
		_cleanup_(free_memory) char *value = NULL;
		int result = read_text(reader, yaml_document_get_node(&reader->document, pair->key), NULL, &key);
		if (result < 0)
			return result;
		size_t before = path_push(reader, "[%s]", key, 0);
		const yaml_node_t *node_of_value = yaml_document_get_node(&reader->document, pair->value);
		if (map_get(map, key))
			return fail_at(reader, node_of_value, "stands there twice");
		result = read_text(reader, node_of_value, NULL, &value);
		if (result < 0)
			return result;
		map_set(map, key, value);
		path_pop(reader, before);
	}
	return 0;
}

static int read_list(struct reader *reader, const yaml_node_t *node, const struct field *field, struct any_list *list) {
	const struct schema *schema = field->nested;
	if (node->type != YAML_SEQUENCE_NODE)
		return fail_at(reader, node, "must be a list");
	size_t count = node->data.sequence.items.top - node->data.sequence.items.start;
	if (!count && !field->keeps_empty)
		return 0;
	list->items = allocate((count + 1) * schema->size);
	for (yaml_node_item_t *item = node->data.sequence.items.start; item < node->data.sequence.items.top; item++) {
		size_t before = path_push(reader, NULL, NULL, list->count);
		void *structure = (char *)list->items + list->count++ * schema->size;
		int result = read_fields(reader, yaml_document_get_node(&reader->document, *item), schema, structure);
		if (result < 0)
			return result;
		path_pop(reader, before);
	}
	return 0;
}

static int read_field(struct reader *reader, const yaml_node_t *node, const struct field *field, void *structure) {
	void *at = (char *)structure + field->offset;
	if (is_null(node) && !field->required)
		return 0;
	switch (field->type) {
	case FIELD_TEXT: return read_text(reader, node, field, at);
	case FIELD_INTEGER: return read_integer(reader, node, field, at);
	case FIELD_BOOLEAN: return read_boolean(reader, node, at);
	case FIELD_TEXTS: return read_texts(reader, node, field, at);
	case FIELD_MAP: return read_map(reader, node, at);
	case FIELD_STRUCT: return read_fields(reader, node, field->nested, at);
	case FIELD_LIST: return read_list(reader, node, field, at);
	}
	return -EINVAL;
}

static const struct field *find_field(const struct schema *schema, const char *name) {
	for (size_t i = 0; i < schema->count; i++)
		if (strcmp(schema->fields[i].name, name) == 0)
			return &schema->fields[i];
	return NULL;
}

/* An alias makes one node count many times; without this, a few lines could stand for gigabytes. */
static int count_visit(struct reader *reader, const yaml_node_t *node) {
	size_t nodes = reader->document.nodes.top - reader->document.nodes.start;
	return ++reader->visited > nodes ? fail_at(reader, node, "aliases are not supported") : 0;
}

static int read_fields(struct reader *reader, const yaml_node_t *node, const struct schema *schema, void *structure) {
	uint32_t seen = 0;
	int result = count_visit(reader, node);
	if (result < 0)
		return result;
	if (node->type != YAML_MAPPING_NODE)
		return fail_at(reader, node, "must be a mapping");
	for (yaml_node_pair_t *pair = node->data.mapping.pairs.start; pair < node->data.mapping.pairs.top; pair++) {
		const yaml_node_t *key = yaml_document_get_node(&reader->document, pair->key);
		const char *name = scalar_of(key);
		if (!name)
			return fail_at(reader, key, "a field's name must be a text");
		const struct field *field = find_field(schema, name);
		bool is_head = !reader->path_length && (!strcmp(name, "apiVersion") || !strcmp(name, "kind"));
		if (!field && (schema->open || is_head))
			continue;
		if (!field)
			return fail_at(reader, key, "there is no field '%.60s'", name);
		size_t before = path_push(reader, ".%s", name, 0);
		uint32_t bit = 1u << (field - schema->fields);
		if (seen & bit)
			return fail_at(reader, key, "stands there twice");
		seen |= bit;
		result = read_field(reader, yaml_document_get_node(&reader->document, pair->value), field, structure);
		if (result < 0)
			return result;
		path_pop(reader, before);
	}
	for (size_t i = 0; i < schema->count; i++)
		if (schema->fields[i].required && !(seen & 1u << i))
			return fail_at(reader, node, "'%s' is missing (%s)", schema->fields[i].name, schema->fields[i].text);
	return 0;
}

static const yaml_node_t *find_node(struct reader *reader, const yaml_node_t *node, const char *name) {
	for (yaml_node_pair_t *pair = node->data.mapping.pairs.start; pair < node->data.mapping.pairs.top; pair++) {
		const char *key = scalar_of(yaml_document_get_node(&reader->document, pair->key));
		if (key && !strcmp(key, name))
			return yaml_document_get_node(&reader->document, pair->value);
	}
	return NULL;
}

static int read_object(struct reader *reader, const yaml_node_t *node, bool status, struct object **ret_object) {
	if (node->type != YAML_MAPPING_NODE)
		return fail_at(reader, node, "an object must be a mapping");
	const yaml_node_t *version = find_node(reader, node, "apiVersion"), *name = find_node(reader, node, "kind");
	if (!version || !name || !scalar_of(version) || !scalar_of(name))
		return fail_at(reader, node, "apiVersion and kind are missing");
	enum kind kind = kind_find(scalar_of(version), scalar_of(name));
	if (kind == KINDS)
		return fail_at(reader, name, "kind '%.60s' of '%.60s' is not known here", scalar_of(name), scalar_of(version));
	if (status && !kind_status_schema(kind)->fields)
		return fail_at(reader, name, "a %s has no status here", kind_name(kind));
	struct object *object = allocate(sizeof *object);
	object->kind = kind;
	object->references = 1;
	object->status_only = status;
	int result = read_fields(reader, node, status ? kind_status_schema(kind) : kind_schema(kind), object);
	struct vpc_error why = {""};
	object->uid_given = object->metadata.uid != NULL;
	if (result == 0 && object_complete(object, &why) < 0)
		result = fail_at(reader, node, "%s", why.text);
	if (result < 0) {
		object_unref(object);
		return result;
	}
	*ret_object = object;
	return 0;
}

static size_t visit_node(struct reader *reader, const yaml_node_t *node, bool status, document_visit visit, void *context) {
	_cleanup_(object_release) struct object *object = NULL;
	int result = read_object(reader, node, status, &object);
	visit(context, result < 0 ? NULL : object, result < 0 ? reader->error->text : NULL);
	return result < 0;
}

static size_t visit_list(struct reader *reader, const yaml_node_t *items, document_visit visit, void *context) {
	size_t broken = 0;
	for (yaml_node_item_t *item = items->data.sequence.items.start; item < items->data.sequence.items.top; item++) {
		path_pop(reader, 0);
		broken += visit_node(reader, yaml_document_get_node(&reader->document, *item), false, visit, context);
	}
	return broken;
}

static size_t read_one(
    const char *file, const char *text, size_t length, size_t first_line, bool status, document_visit visit, void *context) {
	struct vpc_error error = {""};
	struct reader reader = {.file = file, .first_line = first_line, .error = &error};
	yaml_parser_t parser;
	size_t broken = 0;

	if (!yaml_parser_initialize(&parser))
		return 1;
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, length);
	if (!yaml_parser_load(&parser, &reader.document)) {
		fail(&error, -EINVAL, "%.120s:%zu: no YAML: %.200s", file, first_line + parser.problem_mark.line + 1,
		    parser.problem ? parser.problem : "unreadable");
		yaml_parser_delete(&parser);
		visit(context, NULL, error.text);
		return 1;
	}
	const yaml_node_t *root = yaml_document_get_root_node(&reader.document);
	if (root && !is_null(root)) {
		bool is_mapping = root->type == YAML_MAPPING_NODE;
		const yaml_node_t *kind = is_mapping ? find_node(&reader, root, "kind") : NULL,
		                  *items = is_mapping ? find_node(&reader, root, "items") : NULL;
		bool is_list = kind && items && scalar_of(kind) && !strcmp(scalar_of(kind), "List") && items->type == YAML_SEQUENCE_NODE;
		broken = is_list ? visit_list(&reader, items, visit, context) : visit_node(&reader, root, status, visit, context);
	}
	yaml_document_delete(&reader.document);
	yaml_parser_delete(&parser);
	return broken;
}

static bool is_separator(const char *line, const char *end) {
	return end - line >= 3 && !memcmp(line, "---", 3) && (end - line == 3 || isspace((unsigned char)line[3]));
}

size_t documents_read(const char *file, const char *text, size_t length, bool status, document_visit visit, void *context) {
	const char *end = text + length, *start = text;
	size_t broken = 0, start_line = 0, line = 0;

	/* Cut by hand, since libyaml gives up the whole stream at the first fault. */
	for (const char *at = text; at < end; line++) {
		const char *newline = memchr(at, '\n', end - at);
		if (is_separator(at, end) && at != start) {
			broken += read_one(file, start, at - start, start_line, status, visit, context);
			start = at;
			start_line = line;
		}
		at = newline ? newline + 1 : end;
	}
	return broken + read_one(file, start, end - start, start_line, status, visit, context);
}
