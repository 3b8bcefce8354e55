// SPDX-License-Identifier: Apache-2.0
#include "object.h"
#include "document.h"
#include "schema.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void clone_field(const struct field *field, void *to, const void *from) {
	switch (field->type) {
	case FIELD_TEXT: *(char **)to = duplicate(*(char *const *)from); break;
	case FIELD_INTEGER: *(int64_t *)to = *(const int64_t *)from; break;
	case FIELD_BOOLEAN: *(bool *)to = *(const bool *)from; break;
	case FIELD_TEXTS: {
		const struct texts *texts = from;
		*(struct texts *)to = (struct texts){0};
		for (size_t i = 0; i < texts->count; i++)
			texts_add(to, texts->items[i]);
		break;
	}
	case FIELD_MAP: {
		const struct text_map *map = from;
		struct text_map copy = {map->count ? allocate(map->count * sizeof *copy.items) : NULL, map->count};
		for (size_t i = 0; i < map->count; i++)
			copy.items[i] = (struct text_pair){duplicate(map->items[i].key), duplicate(map->items[i].value)};
		*(struct text_map *)to = copy;
		break;
	}
	case FIELD_STRUCT: schema_clone(field->nested, to, from); break;
	case FIELD_LIST: {
		const struct any_list *list = from;
		struct any_list copy = {list->items ? allocate((list->count + 1) * field->nested->size) : NULL, list->count};
		for (size_t i = 0; i < list->count; i++)
			schema_clone(field->nested, (char *)copy.items + i * field->nested->size, (const char *)list->items + i * field->nested->size);
		*(struct any_list *)to = copy;
		break;
	}
	}
}

void schema_clone(const struct schema *schema, void *to, const void *from) {
	for (size_t i = 0; i < schema->count; i++)
		clone_field(&schema->fields[i], (char *)to + schema->fields[i].offset, (const char *)from + schema->fields[i].offset);
}

static void free_texts(struct texts *texts) {
	for (size_t i = 0; i < texts->count; i++)
		free(texts->items[i]);
	free(texts->items);
	*texts = (struct texts){0};
}

static void free_field(const struct field *field, void *at) {
	switch (field->type) {
	case FIELD_TEXT:
		free(*(char **)at);
		*(char **)at = NULL;
		break;
	case FIELD_INTEGER:
	case FIELD_BOOLEAN: break;
	case FIELD_TEXTS: free_texts(at); break;
	case FIELD_MAP: {
		struct text_map *map = at;
		for (size_t i = 0; i < map->count; i++) {
			free(map->items[i].key);
			free(map->items[i].value);
		}
		free(map->items);
		*map = (struct text_map){0};
		break;
	}
	case FIELD_STRUCT: schema_free(field->nested, at); break;
	case FIELD_LIST: {
		struct any_list *list = at;
		for (size_t i = 0; i < list->count; i++)
			schema_free(field->nested, (char *)list->items + i * field->nested->size);
		free(list->items);
		*list = (struct any_list){0};
		break;
	}
	}
}

void schema_free(const struct schema *schema, void *structure) {
	for (size_t i = 0; i < schema->count; i++)
		free_field(&schema->fields[i], (char *)structure + schema->fields[i].offset);
}

struct object *object_new(enum kind kind, const char *namespace, const char *name) {
	struct object *object = allocate(sizeof *object);
	object->kind = kind;
	object->references = 1;
	object->metadata.name = duplicate(name);
	object->metadata.namespace = kind_namespaced(kind) ? duplicate(namespace) : NULL;
	return object;
}

struct object *object_ref(const struct object *object) {
	struct object *counted = (struct object *)object; /* the count is no part of the value */
	counted->references++;
	return counted;
}

struct object *object_unref(const struct object *object) {
	struct object *counted = (struct object *)object;
	if (counted && --counted->references == 0) {
		schema_free(kind_schema(counted->kind), counted);
		free(counted);
	}
	return NULL;
}

struct object *object_clone(const struct object *object) {
	struct object *copy = allocate(sizeof *copy);
	copy->kind = object->kind;
	copy->references = 1;
	copy->uid_given = object->uid_given;
	copy->status_only = object->status_only;
	schema_clone(kind_schema(object->kind), copy, object);
	return copy;
}

const struct field *kind_field(enum kind kind, const char *name) {
	const struct schema *schema = kind_schema(kind);
	for (size_t i = 0; i < schema->count; i++)
		if (strcmp(schema->fields[i].name, name) == 0)
			return &schema->fields[i];
	return NULL;
}

uint64_t object_spec_hash(const struct object *object) {
	const struct field *spec = kind_field(object->kind, "spec");
	struct buffer text = {0};
	if (spec)
		document_write_fields(&text, spec->nested, object, 0);
	uint64_t hash = hash_bytes(1, text.bytes, text.length);
	buffer_release(&text);
	return hash;
}

char *object_key(enum kind kind, const char *namespace, const char *name) {
	if (!kind_namespaced(kind))
		return format_text("%s/%s", kind_name(kind), name);
	return format_text("%s/%s/%s", kind_name(kind), namespace ? namespace : "default", name);
}

char *key_of(const struct object *object) {
	return object_key(object->kind, object->metadata.namespace, object->metadata.name);
}

const char *map_get(const struct text_map *map, const char *key) {
	for (size_t i = 0; i < map->count; i++)
		if (strcmp(map->items[i].key, key) == 0)
			return map->items[i].value;
	return NULL;
}

void map_set(struct text_map *map, const char *key, const char *value) {
	for (size_t i = 0; i < map->count; i++)
		if (strcmp(map->items[i].key, key) == 0) {
			set_text(&map->items[i].value, value);
			return;
		}
	map->items = reallocate(map->items, (map->count + 1) * sizeof *map->items);
	map->items[map->count++] = (struct text_pair){duplicate(key), duplicate(value)};
}

void texts_add(struct texts *texts, const char *text) {
	texts->items = reallocate(texts->items, (texts->count + 1) * sizeof *texts->items);
	texts->items[texts->count++] = duplicate(text);
}

void set_text(char **text, const char *value) {
	char *copy = duplicate(value);
	free(*text);
	*text = copy;
}

const struct condition *condition_find(const struct conditions *conditions, const char *type) {
	for (size_t i = 0; i < conditions->count; i++)
		if (strcmp(conditions->items[i].type, type) == 0)
			return &conditions->items[i];
	return NULL;
}

static bool same_text(const char *a, const char *b) {
	return a && b ? strcmp(a, b) == 0 : a == b;
}

bool condition_set(
    struct conditions *conditions, const char *type, const char *status, const char *reason, const char *message, int64_t generation) {
	struct condition *condition = (struct condition *)condition_find(conditions, type);
	if (!condition) {
		conditions->items = reallocate(conditions->items, (conditions->count + 1) * sizeof *conditions->items);
		condition = &conditions->items[conditions->count++];
		*condition = (struct condition){.type = duplicate(type)};
	}
	bool moved = !same_text(condition->status, status);
	if (!moved && same_text(condition->reason, reason) && same_text(condition->message, message) &&
	    condition->observed_generation == generation)
		return false;
	if (moved) {
		char now[32];
		time_format(time(NULL), now, sizeof now);
		set_text(&condition->last_transition, now);
	}
	set_text(&condition->status, status);
	set_text(&condition->reason, reason);
	set_text(&condition->message, message);
	condition->observed_generation = generation;
	return true;
}

bool pod_completed(const struct object *pod) {
	const char *phase = pod->pod.phase;
	return phase && (!strcmp(phase, "Succeeded") || !strcmp(phase, "Failed"));
}

void time_format(int64_t seconds, char *buffer, size_t size) {
	time_t time = seconds;
	struct tm utc;
	gmtime_r(&time, &utc);
	strftime(buffer, size, "%Y-%m-%dT%H:%M:%SZ", &utc);
}

int time_parse(const char *text, int64_t *ret_seconds) {
	struct tm utc = {0};
	const char *end = strptime(text, "%Y-%m-%dT%H:%M:%S", &utc);
	if (!end || strcmp(end, "Z") != 0)
		return -EINVAL;
	*ret_seconds = timegm(&utc);
	return 0;
}
