/* SPDX-License-Identifier: Apache-2.0 */
/* JSON to and from structures, by the tables of object_fields.c. Strict: what does not fit is named by its path. */
#ifndef AGENT_JSON_OBJECT_H
#define AGENT_JSON_OBJECT_H

#include "../object.h"
#include "../schema.h"
#include "json_stream.h"

#define READER_DEPTH 24

/* Something that is being filled: fields of a structure, or a list, a list of texts, a map. */
struct reader_frame {
	enum field_type type;
	const struct schema *schema; /* FIELD_STRUCT, and of the items of FIELD_LIST */
	const struct field *field;   /* at hand; of FIELD_TEXTS its own */
	void *at;                    /* structure, list, texts or map */
	uint32_t seen;               /* one bit a field of the schema */
	size_t path_length;
	size_t index; /* of lists */
};

/* Reads one value, token by token. A fault is noted and the value skipped; the rest of the object is read all the same. */
struct json_reader {
	struct reader_frame frames[READER_DEPTH];
	unsigned depth;
	unsigned skipped;    /* levels of a value that is passed over */
	bool skip_next;      /* the next value is passed over */
	const char *head[2]; /* what apiVersion and kind must be if they are there; NULL: they may not be there */
	int head_field;      /* the next value is head[head_field]; -1: no */
	bool head_wrong;     /* it is an object of another kind */
	char *key;           /* of a map */
	char path[256];
	size_t path_length;
	struct vpc_error error; /* the first fault; "" if there is none */
};

/* structure: zeroed, as schema has it. api_version and kind: what must stand there if anything does. */
void json_reader_open(struct json_reader *reader, const struct schema *schema, void *structure, const char *api_version, const char *kind);
/* 1 once the value is read to its end, else 0. */
int json_reader_take(struct json_reader *reader, enum json_token token, const char *text, size_t length);
void json_reader_close(struct json_reader *reader);

/*
 * Reads one object of that kind that ends where the text ends. On failure error tells kind, name and field, and
 * *ret_object is untouched: -EBADMSG no JSON, -EINVAL it does not fit.
 */
int json_read_object(enum kind kind, const char *text, size_t length, struct object **ret_object, struct vpc_error *error);
/* After reading: what the table cannot say. 0, or -EINVAL with kind, name and field in error. */
int json_finish_object(const struct json_reader *reader, struct object *object, struct vpc_error *error);

/* Appends the whole object. */
void json_write_object(struct buffer *buffer, const struct object *object);
/* Appends {"a":1,...} of what is not empty; with_nulls: declared fields that are empty as null, as a merge patch wants it. */
void json_write_fields(struct buffer *buffer, const struct schema *schema, const void *structure, bool with_nulls);

#endif
