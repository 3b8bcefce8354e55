// SPDX-License-Identifier: Apache-2.0
#include "json_output.h"
#include "lb_verbs.h"

#include <errno.h>
#include <string.h>

/* What is being listed. */
struct listing {
	struct vpc_lb *lb;
	struct vpc_error *error;
	cJSON *vips, *backends, *counts; /* NULL: as text */
};

static const char *state_of(const struct vpc_lb_backend *backend) {
	if (backend->down)
		return "down";
	if (!backend->has_next_hop)
		return "unreachable";
	return backend->draining ? "draining" : "up";
}

static int print_backend(const struct vpc_lb_backend *backend, void *context) {
	char address[LB_ADDRESS_TEXT];
	(void)context;
	printf("  %-24s %-11s weight %-5" PRIu32 " %14" PRIu64 " packets %16" PRIu64 " bytes\n", lb_format_address(backend->address, address),
		state_of(backend), backend->weight, backend->packets, backend->bytes);
	return 0;
}

static int print_count(const struct vpc_lb_count *count, void *context) {
	(void)context;
	printf("  %-24s %-11s %27" PRIu64 "  %s\n", count->name, count->is_drop ? "dropped" : "", count->count, count->description);
	return 0;
}

static int print_vip(const struct vpc_lb_vip *vip, void *context) {
	struct listing *listing = context;
	char text[VPC_LB_SERVICE_TEXT];
	printf("%s  table of %" PRIu32 ", %" PRIu32 " connections%s\n", vpc_lb_service_format(&vip->service, text), vip->table_size, vip->connections,
		vip->affinity ? ", by client address" : "");
	int result = vpc_lb_backend_each(listing->lb, &vip->service, print_backend, listing, listing->error);
	return result ?: vpc_lb_count_each(listing->lb, &vip->service, print_count, listing, listing->error);
}

static int add_backend(const struct vpc_lb_backend *backend, void *context) {
	char text[LB_ADDRESS_TEXT];
	struct listing *listing = context;
	cJSON *object = cJSON_CreateObject();
	cJSON_AddStringToObject(object, "address", lb_format_address(backend->address, text));
	cJSON_AddStringToObject(object, "state", state_of(backend));
	json_add_integer(object, "weight", backend->weight);
	cJSON_AddStringToObject(object, "source", lb_format_address(backend->source, text));
	json_add_integer(object, "mtu", backend->mtu);
	json_add_integer(object, "packets", backend->packets);
	json_add_integer(object, "bytes", backend->bytes);
	cJSON_AddItemToArray(listing->backends, object);
	return 0;
}

static int add_count(const struct vpc_lb_count *count, void *context) {
	struct listing *listing = context;
	cJSON *object = cJSON_CreateObject();
	cJSON_AddStringToObject(object, "name", count->name);
	cJSON_AddStringToObject(object, "description", count->description);
	cJSON_AddBoolToObject(object, "drop", count->is_drop);
	json_add_integer(object, "count", count->count);
	cJSON_AddItemToArray(listing->counts, object);
	return 0;
}

static int add_vip(const struct vpc_lb_vip *vip, void *context) {
	struct listing *listing = context;
	char text[VPC_LB_SERVICE_TEXT];
	cJSON *object = cJSON_CreateObject();
	cJSON_AddItemToArray(listing->vips, object);
	cJSON_AddStringToObject(object, "vip", vpc_lb_service_format(&vip->service, text));
	json_add_integer(object, "tableSize", vip->table_size);
	json_add_integer(object, "connections", vip->connections);
	cJSON_AddBoolToObject(object, "affinity", vip->affinity);
	listing->backends = cJSON_AddArrayToObject(object, "backends");
	listing->counts = cJSON_AddArrayToObject(object, "counts");
	int result = vpc_lb_backend_each(listing->lb, &vip->service, add_backend, listing, listing->error);
	return result ?: vpc_lb_count_each(listing->lb, &vip->service, add_count, listing, listing->error);
}

enum exit_status lb_status(const struct command_line *command_line) {
	_cleanup_(free_lb) struct vpc_lb *lb = NULL;
	struct vpc_error error = {""};
	int result = lb_open(command_line, true, &lb, &error);
	if (result < 0)
		return report(result, &error);
	struct listing listing = {.lb = lb, .error = &error};
	if (!command_line->json) {
		result = vpc_lb_vip_each(lb, print_vip, &listing, &error);
		result = result ?: vpc_lb_count_each(lb, NULL, print_count, &listing, &error);
		return result < 0 ? report(result, &error) : EXIT_DONE;
	}
	cJSON *document = json_document();
	cJSON_AddStringToObject(document, "interface", command_line->values[OPTION_INTERFACE]);
	listing.vips = cJSON_AddArrayToObject(document, "vips");
	result = vpc_lb_vip_each(lb, add_vip, &listing, &error);
	listing.counts = cJSON_AddArrayToObject(document, "counts"); /* of packets to a VIP's address, but to none of its ports */
	result = result ?: vpc_lb_count_each(lb, NULL, add_count, &listing, &error);
	if (result < 0) {
		cJSON_Delete(document);
		return report(result, &error);
	}
	json_print(document);
	return EXIT_DONE;
}
