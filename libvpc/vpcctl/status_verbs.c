// SPDX-License-Identifier: Apache-2.0
#include "command_line.h"
#include "json_output.h"
#include "names.h"

#include <net/if.h>
#include <string.h>

/* An interface that is gone, or lives in another namespace, is shown by its index. */
static const char *interface_name(uint32_t ifindex, char buffer[static IF_NAMESIZE]) {
	if (!if_indextoname(ifindex, buffer))
		snprintf(buffer, IF_NAMESIZE, "#%" PRIu32, ifindex);
	return buffer;
}

static int print_attachment(const struct vpc_attachment *attachment, void *context) {
	char name[IF_NAMESIZE];
	bool *headed = context;
	if (!*headed)
		printf("%-16s %-9s %-11s %-8s %-16s %8s %-16s %-16s %s\n", "INTERFACE", "DIRECTION", "HOOK", "OWNER", "PROGRAM", "ID", "TAG", "TEMPLATE", "VALUES");
	*headed = true;
	printf("%-16s %-9s %-11s %-8s %-16s %8" PRIu32 " %016" PRIx64 " %-16.16s %s\n", interface_name(attachment->ifindex, name), direction_name(attachment->direction),
		hook_name(attachment->hook), attachment->owner, attachment->program, attachment->program_id, attachment->program_tag,
		attachment->template_hash, attachment->values);
	return 0;
}

static int add_attachment(const struct vpc_attachment *attachment, void *context) {
	char name[IF_NAMESIZE], tag[17];
	cJSON *object = cJSON_CreateObject();
	snprintf(tag, sizeof tag, "%016" PRIx64, attachment->program_tag);
	cJSON_AddStringToObject(object, "interface", interface_name(attachment->ifindex, name));
	json_add_integer(object, "ifindex", attachment->ifindex);
	cJSON_AddStringToObject(object, "direction", direction_name(attachment->direction));
	cJSON_AddStringToObject(object, "hook", hook_name(attachment->hook));
	cJSON_AddStringToObject(object, "owner", attachment->owner);
	cJSON_AddStringToObject(object, "program", attachment->program);
	json_add_integer(object, "id", attachment->program_id);
	cJSON_AddStringToObject(object, "tag", tag);
	cJSON_AddStringToObject(object, "template", attachment->template_hash);
	cJSON_AddStringToObject(object, "values", attachment->values);
	cJSON_AddItemToArray(context, object);
	return 0;
}

/* Port filters are pinned in a directory of their own. */
static int each_attachment(
	const char *pin_directory, int (*visit)(const struct vpc_attachment *attachment, void *context), void *context, struct vpc_error *error) {
	struct vpc_attach_options options = {.size = sizeof options, .pin_directory = pin_directory};
	int result = vpc_attachment_each(&options, visit, context, error);
	options.pin_directory = VPC_PORT_FILTER_DIRECTORY;
	return result || pin_directory ? result : vpc_attachment_each(&options, visit, context, error);
}

enum exit_status show_status(const struct command_line *command_line) {
	const char *pin_directory = command_line->values[OPTION_BPFFS];
	struct vpc_error error = {""};
	if (!command_line->json) {
		bool headed = false;
		int result = each_attachment(pin_directory, print_attachment, &headed, &error);
		return result < 0 ? report(result, &error) : EXIT_DONE;
	}
	cJSON *document = json_document();
	int result = each_attachment(pin_directory, add_attachment, cJSON_AddArrayToObject(document, "attachments"), &error);
	if (result < 0) {
		cJSON_Delete(document);
		return report(result, &error);
	}
	json_print(document);
	return EXIT_DONE;
}

static int print_drop(const struct vpc_drop *drop, void *context) {
	bool *headed = context;
	char vpc[32] = "-";
	if (!*headed)
		printf("%-16s %-26s %12s  %s\n", "VPC", "REASON", "COUNT", "MEANING");
	*headed = true;
	if (drop->network_id)
		snprintf(vpc, sizeof vpc, "%s-%" PRIu32, encapsulation_name(drop->encapsulation), drop->network_id);
	printf("%-16s %-26s %12" PRIu64 "  %s\n", vpc, drop->reason, drop->count, drop->description);
	return 0;
}

static int add_drop(const struct vpc_drop *drop, void *context) {
	cJSON *object = cJSON_CreateObject();
	if (drop->network_id) {
		cJSON_AddStringToObject(object, "encapsulation", encapsulation_name(drop->encapsulation));
		json_add_integer(object, "id", drop->network_id);
	}
	cJSON_AddStringToObject(object, "reason", drop->reason);
	cJSON_AddStringToObject(object, "description", drop->description);
	json_add_integer(object, "count", drop->count);
	cJSON_AddItemToArray(context, object);
	return 0;
}

enum exit_status show_drops(const struct command_line *command_line) {
	const char *pin_directory = command_line->values[OPTION_BPFFS];
	struct vpc_error error = {""};
	if (!command_line->json) {
		bool headed = false;
		int result = vpc_drops_each(pin_directory, print_drop, &headed, &error);
		return result < 0 ? report(result, &error) : EXIT_DONE;
	}
	cJSON *document = json_document();
	int result = vpc_drops_each(pin_directory, add_drop, cJSON_AddArrayToObject(document, "drops"), &error);
	if (result < 0) {
		cJSON_Delete(document);
		return report(result, &error);
	}
	json_print(document);
	return EXIT_DONE;
}
