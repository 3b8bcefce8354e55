// SPDX-License-Identifier: Apache-2.0
/* Verbs that change a balancer under traffic, and that of a backend's side. */
#include "lb_verbs.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* A mistake in a value is one of the command line, like an unknown option. */
static enum exit_status refuse(const struct vpc_error *error) {
	fprintf(stderr, "vpcctl: %s\n", error->text);
	return EXIT_USAGE;
}

typedef int change_fn(struct vpc_lb *lb, const struct vpc_lb_service *service, const struct vpc_lb_backend *backend, struct vpc_error *error);

/* Carries out the change for each backend of each VIP. */
static int change_backends(struct vpc_lb *lb, const struct lb_wanted *wanted, change_fn *change, struct vpc_error *error) {
	int result = 0;
	for (size_t i = 0; i < wanted->vip_count; i++)
		for (size_t j = 0; j < wanted->backend_count && result == 0; j++)
			result = change(lb, &wanted->vips[i].service, &wanted->backends[j], error);
	return result;
}

enum exit_status lb_add(const struct command_line *command_line) {
	_cleanup_(free_lb) struct vpc_lb *lb = NULL;
	struct vpc_error error = {""};
	struct lb_wanted wanted;
	if (lb_read_wanted(command_line, &wanted, &error))
		return refuse(&error);
	int result = lb_open(command_line, true, &lb, &error);
	for (size_t i = 0; i < wanted.vip_count && result == 0; i++) {
		result = vpc_lb_vip_add(lb, &wanted.vips[i], &error);
		if (result == -EEXIST && wanted.backend_count > 0)
			result = 0; /* only backends are added to it */
	}
	if (result == 0)
		result = change_backends(lb, &wanted, vpc_lb_backend_set, &error);
	if (result == 0 && wanted.backend_count > 0)
		result = lb_wait_for_next_hops(lb, &error);
	return result < 0 ? report(result, &error) : EXIT_DONE;
}

/* What lb_backend_each() looks for, and found. */
struct search {
	const uint8_t *address;
	struct vpc_lb_backend found;
};

static int is_sought(const struct vpc_lb_backend *backend, void *context) {
	struct search *search = context;
	if (memcmp(backend->address, search->address, sizeof backend->address) != 0)
		return 0;
	search->found = *backend;
	return 1;
}

static int drain(struct vpc_lb *lb, const struct vpc_lb_service *service, const struct vpc_lb_backend *backend, struct vpc_error *error) {
	char vip[VPC_LB_SERVICE_TEXT], address[LB_ADDRESS_TEXT];
	struct search search = {.address = backend->address};
	int result = vpc_lb_backend_each(lb, service, is_sought, &search, error);
	if (result < 0)
		return result;
	if (result == 0)
		return snprintf(error->text, sizeof error->text, "VIP %s has no backend %s", vpc_lb_service_format(service, vip),
			lb_format_address(backend->address, address)), -ENOENT;
	search.found.draining = true;
	return vpc_lb_backend_set(lb, service, &search.found, error);
}

enum exit_status lb_drain(const struct command_line *command_line) {
	_cleanup_(free_lb) struct vpc_lb *lb = NULL;
	struct vpc_error error = {""};
	struct lb_wanted wanted;
	if (lb_read_wanted(command_line, &wanted, &error))
		return refuse(&error);
	int result = lb_open(command_line, true, &lb, &error);
	if (result == 0)
		result = change_backends(lb, &wanted, drain, &error);
	return result < 0 ? report(result, &error) : EXIT_DONE;
}

static int remove_backend(struct vpc_lb *lb, const struct vpc_lb_service *service, const struct vpc_lb_backend *backend, struct vpc_error *error) {
	return vpc_lb_backend_remove(lb, service, backend->address, error);
}

enum exit_status lb_remove(const struct command_line *command_line) {
	_cleanup_(free_lb) struct vpc_lb *lb = NULL;
	struct vpc_error error = {""};
	struct lb_wanted wanted;
	if (lb_read_wanted(command_line, &wanted, &error))
		return refuse(&error);
	int result = lb_open(command_line, true, &lb, &error);
	if (result == 0)
		result = change_backends(lb, &wanted, remove_backend, &error);
	for (size_t i = 0; i < wanted.vip_count && wanted.backend_count == 0 && result == 0; i++)
		result = vpc_lb_vip_remove(lb, &wanted.vips[i].service, &error);
	return result < 0 ? report(result, &error) : EXIT_DONE;
}

enum exit_status lb_stop(const struct command_line *command_line) {
	const struct vpc_lb_options balancer = {.size = sizeof balancer, .interface = command_line->values[OPTION_INTERFACE],
		.pin_directory = command_line->values[OPTION_BPFFS]};
	const struct vpc_lb_decap_options decap = {.size = sizeof decap, .interface = balancer.interface, .pin_directory = balancer.pin_directory};
	struct vpc_error error = {""}, decap_error = {""};
	int result = vpc_lb_destroy(&balancer, &error);
	if (result < 0 && result != -ENOENT)
		return report(result, &error);
	int decap_result = vpc_lb_decap_detach(&decap, &decap_error);
	if (decap_result < 0 && decap_result != -ENOENT)
		return report(decap_result, &decap_error);
	return result < 0 && decap_result < 0 ? report(result, &error) : EXIT_DONE;
}

/* An address, or a whole VIP, of which the address counts. */
static int read_inner_vip(const char *text, uint8_t ret_address[16], struct vpc_error *error) {
	struct vpc_lb_service service;
	if (!strchr(text, '/') && lb_parse_address("vip", text, ret_address, error) == 0)
		return 0;
	int result = vpc_lb_service_parse(text, &service, error);
	if (result == 0)
		memcpy(ret_address, service.address, sizeof service.address);
	return result;
}

enum exit_status lb_decap(const struct command_line *command_line) {
	uint8_t senders[MOST_REPEATED][16], vips[MOST_REPEATED][16];
	struct vpc_error error = {""};
	int result = 0;
	for (size_t i = 0; i < command_line->counts[OPTION_FROM] && result == 0; i++)
		result = lb_parse_address("from", command_line->all[OPTION_FROM][i], senders[i], &error);
	for (size_t i = 0; i < command_line->counts[OPTION_VIP] && result == 0; i++)
		result = read_inner_vip(command_line->all[OPTION_VIP][i], vips[i], &error);
	if (result < 0)
		return refuse(&error);
	const struct vpc_lb_decap_options options = {
		.size = sizeof options,
		.interface = command_line->values[OPTION_INTERFACE],
		.pin_directory = command_line->values[OPTION_BPFFS],
		.direction = command_line->direction ?: VPC_XDP,
		.hook = command_line->hook,
		.balancers = (const uint8_t (*)[16])senders,
		.balancer_count = command_line->counts[OPTION_FROM],
		.vips = (const uint8_t (*)[16])vips,
		.vip_count = command_line->counts[OPTION_VIP],
	};
	result = vpc_lb_decap_attach(&options, &error);
	return result < 0 ? report(result, &error) : EXIT_DONE;
}
