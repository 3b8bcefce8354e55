/* SPDX-License-Identifier: Apache-2.0 */
/* How a field of an object is declared. One table for each structure drives decoding, encoding, copying and freeing. */
#ifndef AGENT_SCHEMA_H
#define AGENT_SCHEMA_H

#include "object.h"
#include "text.h"

enum field_type {
	FIELD_TEXT,    /* char * */
	FIELD_INTEGER, /* int64_t */
	FIELD_BOOLEAN, /* bool */
	FIELD_TEXTS,   /* struct texts */
	FIELD_MAP,     /* struct text_map */
	FIELD_STRUCT,  /* the nested fields lie in the same structure: offsets count from the enclosing one */
	FIELD_LIST,    /* struct any_list of structures */
};

struct schema;

struct field {
	const char *name;
	enum field_type type;
	size_t offset;
	const struct schema *nested; /* FIELD_STRUCT, FIELD_LIST */
	bool required;
	bool keeps_empty; /* FIELD_LIST: an empty one says something else than none */
	int64_t lowest, highest; /* FIELD_INTEGER, inclusive */
	const char *choices;     /* FIELD_TEXT: "vxlan|vlan" */
	/* FIELD_TEXT, and each of FIELD_TEXTS: 0, or -EINVAL with what would be right in the error. */
	int (*check)(const char *text, struct vpc_error *error);
	const char *text; /* a sentence for people */
};

struct schema {
	size_t size; /* of the structure, for FIELD_LIST */
	const struct field *fields;
	size_t count;
	bool open; /* fields that are not declared are ignored: the kind is not ours */
};

/* The layout of every list in object.h. */
struct any_list {
	void *items;
	size_t count;
};

/* Fields of the whole object, from `struct object` on: metadata, spec, status. */
const struct schema *kind_schema(enum kind kind);
/* The field of that name at the top of the object: "spec", "status"; NULL if there is none. */
const struct field *kind_field(enum kind kind, const char *name);
/* Metadata and status only: what the files of the status folder hold. */
const struct schema *kind_status_schema(enum kind kind);

void schema_clone(const struct schema *schema, void *to, const void *from);
void schema_free(const struct schema *schema, void *structure);

/* A text against the field's choices and check: 0, or -EINVAL with what would be right. */
int field_check_text(const struct field *field, const char *text, struct vpc_error *error);
/* A decimal integer within the field's bounds: 0, or -EINVAL with what would be right, *ret_number untouched. */
int field_parse_integer(const struct field *field, const char *text, int64_t *ret_number, struct vpc_error *error);
/*
 * After all fields were read: gives a namespaced object its namespace, and checks what concerns more than one field. 0, or
 * -EINVAL with the field and what would be right.
 */
int object_complete(struct object *object, struct vpc_error *error);

/* Checks shared with others. Each returns 0 or -EINVAL with a message that says what would be right. */
int check_name(const char *text, struct vpc_error *error);
int check_cidr(const char *text, struct vpc_error *error);
int check_address(const char *text, struct vpc_error *error);
int check_mac(const char *text, struct vpc_error *error);

#endif
