// SPDX-License-Identifier: Apache-2.0
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "datapath_map.h"
#include "lb_internal.h"

#define OWNER "lb"

static void free_template(struct vpc_template **template) {
	vpc_template_free(*template);
}
static void free_instance(struct vpc_instance **instance) {
	vpc_instance_free(*instance);
}

/* Where it is, and for which hook. */
struct decap {
	struct vpc_pins pins;
	uint32_t ifindex;
	char directory[256], attach_directory[256];
};

static void close_decap(struct decap *decap) {
	vpc_pins_close(&decap->pins);
}

static int find_decap(const struct vpc_lb_decap_options *options, enum vpc_pins_lock lock, struct decap *decap, struct vpc_error *error) {
	if (!options)
		return vpc_fail(error, -EINVAL, "decapsulation: the interface is missing");
	int result = vpc_lb_find_place("lb-decap", options->interface, options->pin_directory, &decap->ifindex, decap->directory,
		decap->attach_directory, error);
	result = result ?: vpc_pins_open(decap->directory, lock, &decap->pins, error);
	if (result == -ENOENT)
		return vpc_fail(error, -ENOENT, "nothing is decapsulated on %s", options->interface);
	return result;
}

static int detach(const struct decap *decap, enum vpc_direction direction, struct vpc_error *error) {
	const struct vpc_attach_options attach = {.size = sizeof attach, .pin_directory = decap->attach_directory, .owner = OWNER};
	int result = vpc_detach(decap->ifindex, direction, &attach, error);
	return result == -ENOENT ? 0 : result;
}

static int set_peers(const struct vpc_template *template, const char *name, const uint8_t (*addresses)[16], size_t count, struct vpc_error *error) {
	const uint32_t one = 1;
	struct vpc_map map;
	int result = vpc_map_describe(name, vpc_template_map_fd(template, name), &map, error);
	if (result)
		return result;
	_cleanup_(vpc_entries_free) struct vpc_entries present = VPC_ENTRIES_EMPTY(&map);
	_cleanup_(vpc_entries_free) struct vpc_entries wanted = VPC_ENTRIES_EMPTY(&map);
	for (size_t i = 0; i < count && result == 0; i++)
		result = vpc_entries_add(&wanted, addresses[i], &one) ? vpc_fail(error, -ENOMEM, "map %s: no memory", name) : 0;
	result = result ?: vpc_map_read(&map, NULL, NULL, &present, error);
	result = result ?: vpc_map_make_exact(&map, &present, &wanted, error);
	return result < 0 ? result : 0;
}

static int check_lists(const struct vpc_lb_decap_options *options, struct vpc_error *error) {
	if (!options || !options->balancers || options->balancer_count == 0)
		return vpc_fail(error, -EINVAL, "decapsulation: no balancer is named that may send");
	if (!options->vips || options->vip_count == 0)
		return vpc_fail(error, -EINVAL, "decapsulation: no VIP is named");
	if (options->direction != VPC_XDP && options->direction != VPC_INGRESS)
		return vpc_fail(error, -EINVAL, "decapsulation: the direction is neither xdp nor ingress");
	if (options->balancer_count > LB_PEERS || options->vip_count > LB_PEERS)
		return vpc_fail(error, -ENOSPC, "decapsulation: at most %d balancers and %d VIPs are possible", LB_PEERS, LB_PEERS);
	return 0;
}

int vpc_lb_decap_attach(const struct vpc_lb_decap_options *options, struct vpc_error *error) {
	_cleanup_(close_decap) struct decap decap = {.pins = VPC_PINS_CLOSED};
	_cleanup_(free_template) struct vpc_template *template = NULL;
	_cleanup_(free_instance) struct vpc_instance *instance = NULL;
	int result = check_lists(options, error);
	result = result ?: find_decap(options, VPC_PINS_MAKE, &decap, error);
	if (result)
		return result;
	bool is_xdp = options->direction == VPC_XDP;
	const struct vpc_prepare_options prepare = {.size = sizeof prepare, .direction = options->direction, .pin_directory = decap.directory};
	const struct vpc_attach_options attach = {.size = sizeof attach, .hook = options->hook, .pin_directory = decap.attach_directory, .owner = OWNER};
	result = vpc_template_open_builtin(is_xdp ? "lb_decap" : "lb_decap_tc", NULL, &template, error);
	result = result ?: vpc_template_prepare(template, &prepare, error);
	result = result ?: set_peers(template, "balancers", options->balancers, options->balancer_count, error);
	result = result ?: set_peers(template, "inner_vips", options->vips, options->vip_count, error);
	result = result ?: vpc_instance_load(template, is_xdp ? "decapsulate" : "decapsulate_tc", NULL, 0, &instance, error);
	result = result ?: vpc_attach(instance, decap.ifindex, options->direction, &attach, error);
	return result ?: detach(&decap, is_xdp ? VPC_INGRESS : VPC_XDP, error); /* who moved to the other hook */
}

int vpc_lb_decap_detach(const struct vpc_lb_decap_options *options, struct vpc_error *error) {
	_cleanup_(close_decap) struct decap decap = {.pins = VPC_PINS_CLOSED};
	int result = find_decap(options, VPC_PINS_CHANGE, &decap, error);
	if (result)
		return result;
	result = detach(&decap, VPC_XDP, error);
	result = result ?: detach(&decap, VPC_INGRESS, error);
	if (result == 0)
		vpc_lb_remove_pins(&decap.pins);
	return result;
}

int vpc_lb_decap_read(const struct vpc_lb_decap_options *options, struct vpc_lb_decap_counts *ret_counts, struct vpc_error *error) {
	_cleanup_(close_decap) struct decap decap = {.pins = VPC_PINS_CLOSED};
	struct vpc_lb_decap_counts counts = {0};
	uint64_t *const sums[LB_DECAP_COUNTS] = {
		[LB_DECAP_UNWRAPPED] = &counts.unwrapped,
		[LB_DECAP_FOREIGN_SENDER] = &counts.foreign_sender,
		[LB_DECAP_FOREIGN_VIP] = &counts.foreign_vip,
		[LB_DECAP_MALFORMED] = &counts.malformed,
		[LB_DECAP_FAILED] = &counts.failed,
	};
	char path[300];
	int cpus = libbpf_num_possible_cpus();
	_cleanup_(free_memory) uint64_t *parts = calloc(cpus > 0 ? (size_t)cpus : 1, sizeof *parts);
	if (!ret_counts || !parts)
		return vpc_fail(error, parts ? -EINVAL : -ENOMEM, "decapsulation: no place for its counters");
	int result = find_decap(options, VPC_PINS_SHARED, &decap, error);
	if (result)
		return result;
	snprintf(path, sizeof path, "%s/decap_counts", decap.directory);
	_cleanup_(close_fd) int fd = bpf_obj_get(path);
	for (uint32_t i = 0; i < LB_DECAP_COUNTS; i++) {
		if (fd < 0 || bpf_map_lookup_elem(fd, &i, parts))
			return vpc_fail(error, -errno, "counters of decapsulation, %s: %s", path, strerror(errno));
		for (int cpu = 0; cpu < cpus; cpu++)
			*sums[i] += parts[cpu];
	}
	*ret_counts = counts;
	return 0;
}
