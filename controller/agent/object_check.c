// SPDX-License-Identifier: Apache-2.0
/* What an object must satisfy, whatever it was read from. */
#include "schema.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static bool is_choice(const char *choices, const char *text) {
	size_t length = strlen(text);
	const char *at = length ? strstr(choices, text) : NULL;
	while (at && ((at != choices && at[-1] != '|') || (at[length] && at[length] != '|')))
		at = strstr(at + 1, text);
	return at;
}

int field_check_text(const struct field *field, const char *text, struct vpc_error *error) {
	struct vpc_error why = {""};
	if (field->choices && !is_choice(field->choices, text))
		return fail(error, -EINVAL, "'%.60s' is not one of %s", text, field->choices);
	if (field->check && field->check(text, &why) < 0)
		return fail(error, -EINVAL, "'%.60s': %.200s", text, why.text);
	return 0;
}

int field_parse_integer(const struct field *field, const char *text, int64_t *ret_number, struct vpc_error *error) {
	char *end = NULL;
	errno = 0;
	int64_t number = strtoll(text, &end, 10);
	if (!isdigit((unsigned char)text[*text == '-']) || *end)
		return fail(error, -EINVAL, "'%.60s' is not an integer", text);
	if (errno == ERANGE || number < field->lowest || number > field->highest)
		return fail(error, -EINVAL, "%.40s is not within %" PRId64 " to %" PRId64, text, field->lowest, field->highest);
	*ret_number = number;
	return 0;
}

static int check_rules(const struct rules *rules, const char *name, struct vpc_error *error) {
	for (size_t i = 0; i < rules->count; i++)
		for (size_t j = 0; j < rules->items[i].ports.count; j++) {
			const struct rule_port *port = &rules->items[i].ports.items[j];
			if (port->end_port && port->end_port < (port->port ? port->port : INT64_MAX))
				return fail(error, -EINVAL, "spec.%s[%zu].ports[%zu].endPort needs a port that is not greater", name, i, j);
			if (port->port && port->protocol && !strncmp(port->protocol, "ICMP", 4))
				return fail(error, -EINVAL, "spec.%s[%zu].ports[%zu]: %s has no ports", name, i, j, port->protocol);
		}
	return 0;
}

int object_complete(struct object *object, struct vpc_error *error) {
	int result = 0;
	if (object->kind == KIND_VPC)
		result = check_rules(&object->vpc.allow, "allow", error);
	if (object->kind == KIND_VPC && result == 0)
		result = check_rules(&object->vpc.allow_from, "allowFrom", error);
	if (kind_namespaced(object->kind) && !object->metadata.namespace)
		object->metadata.namespace = duplicate("default");
	if (!kind_namespaced(object->kind))
		set_text(&object->metadata.namespace, NULL);
	return result;
}
