/* SPDX-License-Identifier: Apache-2.0 */
/* JSON documents of the reading verbs: an object with "version" 1; the schemas lie beside this file. */
#ifndef VPCCTL_JSON_OUTPUT_H
#define VPCCTL_JSON_OUTPUT_H

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static inline cJSON *json_document(void) {
	cJSON *document = cJSON_CreateObject();
	cJSON_AddNumberToObject(document, "version", 1);
	return document;
}

/* Exact beyond 2^53, where cJSON's own numbers are not. */
static inline void json_add_integer(cJSON *object, const char *name, uint64_t number) {
	char text[24];
	snprintf(text, sizeof text, "%" PRIu64, number);
	cJSON_AddRawToObject(object, name, text);
}

/* Prints and frees the document. */
static inline void json_print(cJSON *document) {
	char *text = cJSON_Print(document);
	if (text)
		puts(text);
	free(text);
	cJSON_Delete(document);
}

#endif
