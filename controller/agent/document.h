/* SPDX-License-Identifier: Apache-2.0 */
/* Objects as YAML (of which JSON is a part): a strict reader that tells file, line and field, and a writer. */
#ifndef AGENT_DOCUMENT_H
#define AGENT_DOCUMENT_H

#include "object.h"
#include "schema.h"

/* Called for each document of a file: with an object that the callee refers to if it keeps it, or NULL and what is wrong. */
typedef void (*document_visit)(void *context, const struct object *object, const char *error);

/*
 * Reads all documents of a text; a broken one does not keep the others from being read. Empty documents are skipped, a
 * List's items (kubectl get -o yaml) are visited one by one.
 *
 * file: for messages. status: read as a file of the status folder. Returns the number of broken documents.
 */
size_t documents_read(const char *file, const char *text, size_t length, bool status, document_visit visit, void *context);

/* Appends the object as one YAML document. Only metadata and status if its status_only is set. */
void document_write(struct buffer *buffer, const struct object *object);
/* Appends the fields of a structure that are not empty, indented by so many blanks. */
void document_write_fields(struct buffer *buffer, const struct schema *schema, const void *structure, int indent);

#endif
