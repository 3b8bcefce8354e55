// SPDX-License-Identifier: Apache-2.0
#include "reference.h"
#include "../cleanup.h"
#include "config.h"
#include "metrics.h"
#include "schema.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

static const struct {
	enum kind kind;
	const char *text;
} KINDS_SHOWN[] = {
    {KIND_VPC, "A private network that Pods join by the annotation `" VPC_ANNOTATION "`. Written by people, its status by agents."},
    {KIND_NETWORK_ID, "An immutable claim, named by its identifier (`vxlan-4097`, `vlan-100`): creating it is the mutex. Written by agents; once "
                      "released it is the tombstone."},
    {KIND_ENDPOINTS, "The Pods of one VPC on one node, named `vxlan-4097.n1`. Written by that node's agent."},
};

/* A '|' would end the cell. */
static void print_cell(FILE *file, const char *text) {
	for (; *text; text++)
		fprintf(file, *text == '|' ? "\\|" : "%c", *text);
}

static void print_type(FILE *file, const struct field *field) {
	switch (field->type) {
	case FIELD_TEXT:
		if (field->choices)
			print_cell(file, field->choices);
		else
			fputs("text", file);
		break;
	case FIELD_INTEGER:
		if (field->highest == INT64_MAX)
			fprintf(file, "integer from %" PRId64, field->lowest);
		else
			fprintf(file, "%" PRId64 " to %" PRId64, field->lowest, field->highest);
		break;
	case FIELD_BOOLEAN: fputs("true or false", file); break;
	case FIELD_TEXTS: fputs("list of texts", file); break;
	case FIELD_MAP: fputs("texts by name", file); break;
	case FIELD_STRUCT: fputs("object", file); break;
	case FIELD_LIST: fputs("list of objects", file); break;
	}
}

static void print_fields(FILE *file, const struct schema *schema, const char *above) {
	for (size_t i = 0; i < schema->count; i++) {
		const struct field *field = &schema->fields[i];
		_cleanup_(free_memory) char *path = format_text("%s%s", above, field->name);
		fprintf(file, "| `%s%s` | ", path, field->type == FIELD_LIST || field->type == FIELD_TEXTS ? "[]" : "");
		print_type(file, field);
		fprintf(file, " | %s | ", field->required ? "yes" : "");
		print_cell(file, field->text);
		fputs(" |\n", file);
		if (!field->nested || !strcmp(path, "metadata"))
			continue; /* metadata is as everywhere */
		_cleanup_(free_memory) char *below = format_text("%s%s.", path, field->type == FIELD_LIST ? "[]" : "");
		print_fields(file, field->nested, below);
	}
}

static void print_kind(FILE *file, enum kind kind, const char *text) {
	fprintf(file, "\n## %s\n\n`apiVersion: %s`, %s. %s\n\n", kind_name(kind), kind_api_version(kind),
	    kind_namespaced(kind) ? "namespaced" : "cluster-scoped", text);
	fputs("| field | type | required | meaning |\n|---|---|---|---|\n", file);
	print_fields(file, kind_schema(kind), "");
}

static void print_config(FILE *file) {
	fputs("\n## ConfigMap " CONFIG_NAME "\n\nThe settings, by operators. A wrong one leaves all earlier ones in force.\n\n", file);
	fputs("| key under `data` | default | meaning |\n|---|---|---|\n", file);
	for (size_t i = 0; config_key(i); i++) {
		const struct config_key *key = config_key(i);
		fprintf(file, "| `%s` | %s%s%s | %s |\n", key->key, *key->standard ? "`" : "", *key->standard ? key->standard : "none",
		    *key->standard ? "`" : "", key->text);
	}
}

int reference_print(FILE *file) {
	fputs("<!-- SPDX-License-Identifier: Apache-2.0 -->\n<!-- Made by vpc-controller --reference -->\n# Objects, settings and metrics\n", file);
	for (size_t i = 0; i < COUNT_OF(KINDS_SHOWN); i++)
		print_kind(file, KINDS_SHOWN[i].kind, KINDS_SHOWN[i].text);
	print_config(file);
	metrics_print_reference(file);
	return fflush(file) || ferror(file) ? -EIO : 0;
}
