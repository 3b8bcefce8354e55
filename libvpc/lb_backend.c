// SPDX-License-Identifier: Apache-2.0
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lb_internal.h"
#include "lb_maglev.h"

enum { HEAVIEST = 1000, OUTER_TTL = 64, SMALLEST_MTU = 576 };

static enum lb_backend_state wanted_state(const struct lb_backend_record *record) {
	if (record->vip == 0 || record->is_down || !record->is_reachable)
		return LB_BACKEND_NONE;
	return record->is_draining ? LB_BACKEND_DRAINING : LB_BACKEND_ACTIVE;
}

static int find_backend(const struct vpc_lb *lb, uint32_t vip, const uint8_t address[16]) {
	for (int i = 1; i < LB_BACKENDS; i++)
		if (lb->backends[i].vip == vip && memcmp(lb->backends[i].address, address, 16) == 0)
			return i;
	return -ENOENT;
}

static int no_backend(const struct vpc_lb *lb, const struct vpc_lb_service *service, const uint8_t address[16], struct vpc_error *error) {
	char vip[VPC_LB_SERVICE_TEXT], backend[VPC_LB_ADDRESS_TEXT];
	return vpc_fail(error, -ENOENT, "VIP %s on %s has no backend %s", vpc_lb_service_format(service, vip), lb->interface,
		vpc_lb_address_format(address, backend));
}

static int read_slot(const struct vpc_lb *lb, uint32_t slot, struct lb_backend *ret_backend, struct vpc_error *error) {
	return bpf_map_lookup_elem(lb->backends_fd, &slot, ret_backend) ? vpc_lb_map_failed(lb, "backends", -errno, error) : 0;
}

/* Writes only what changed: a packet on another CPU may read the slot meanwhile. */
static int write_slot(const struct vpc_lb *lb, uint32_t slot, const struct lb_backend *backend, struct vpc_error *error) {
	struct lb_backend present;
	int result = read_slot(lb, slot, &present, error);
	if (result || memcmp(&present, backend, sizeof present) == 0)
		return result;
	return bpf_map_update_elem(lb->backends_fd, &slot, backend, BPF_ANY) ? vpc_lb_map_failed(lb, "backends", -errno, error) : 1;
}

static int write_state(const struct vpc_lb *lb, uint32_t slot, struct vpc_error *error) {
	struct lb_backend backend;
	int result = read_slot(lb, slot, &backend, error);
	if (result)
		return result;
	backend.state = (uint8_t)wanted_state(&lb->backends[slot]);
	return write_slot(lb, slot, &backend, error);
}

static int fill_table(const struct vpc_lb *lb, int table, const uint32_t *places, uint32_t size) {
	_cleanup_(free_memory) uint32_t *keys = malloc(size * sizeof *keys);
	uint32_t count = size;
	if (!keys)
		return -ENOMEM;
	for (uint32_t i = 0; i < size; i++)
		keys[i] = i;
	if (bpf_map_update_batch(table, keys, places, &count, NULL) == 0)
		return 0;
	for (uint32_t i = 0; i < size; i++)
		if (bpf_map_update_elem(table, &i, &places[i], BPF_ANY))
			return -errno;
	(void)lb;
	return 0;
}

/* A new table takes the old one's place in one step. */
static int swap_table(const struct vpc_lb *lb, uint32_t vip, const uint32_t *places, struct vpc_error *error) {
	LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_INNER_MAP);
	uint32_t size = lb->vips[vip].table_size;
	_cleanup_(close_fd) int table = bpf_map_create(BPF_MAP_TYPE_ARRAY, "lb_table", sizeof(uint32_t), sizeof(uint32_t), size, &options);
	int result = table < 0 ? table : fill_table(lb, table, places, size);
	if (result == 0)
		result = bpf_map_update_elem(lb->tables, &vip, &table, BPF_ANY) ? -errno : 0;
	return result ? vpc_lb_map_failed(lb, "tables", result, error) : 0;
}

static int build_table(const struct vpc_lb *lb, uint32_t vip, struct vpc_error *error) {
	_cleanup_(free_memory) struct vpc_maglev_backend *members = calloc(LB_BACKENDS, sizeof *members);
	_cleanup_(free_memory) uint32_t *places = calloc(lb->vips[vip].table_size, sizeof *places);
	size_t count = 0;
	int result = members && places ? 0 : -ENOMEM;
	for (uint32_t i = 1; i < LB_BACKENDS && result == 0; i++) {
		if (lb->backends[i].vip != vip || wanted_state(&lb->backends[i]) != LB_BACKEND_ACTIVE)
			continue;
		memcpy(members[count].name, lb->backends[i].address, sizeof members[count].name);
		members[count].weight = lb->backends[i].weight;
		members[count++].slot = i;
	}
	result = result ?: vpc_maglev_build(members, count, lb->vips[vip].table_size, places);
	return result ? vpc_lb_map_failed(lb, "tables", result, error) : swap_table(lb, vip, places, error);
}

/* First who opens, then who is chosen, then who closes. */
int vpc_lb_apply(struct vpc_lb *lb, uint32_t vip, struct vpc_error *error) {
	int result = 0;
	for (uint32_t i = 1; i < LB_BACKENDS && result >= 0; i++)
		if (lb->backends[i].vip == vip && wanted_state(&lb->backends[i]) == LB_BACKEND_ACTIVE)
			result = write_state(lb, i, error);
	result = result < 0 ? result : build_table(lb, vip, error);
	for (uint32_t i = 1; i < LB_BACKENDS && result >= 0; i++)
		if (lb->backends[i].vip == vip)
			result = write_state(lb, i, error);
	return result < 0 ? result : 0;
}

static int free_slot(const struct vpc_lb *lb, uint32_t slot, struct vpc_error *error) {
	struct lb_backend none = {.generation = lb->backends[slot].generation};
	int result = write_slot(lb, slot, &none, error);
	lb->backends[slot] = (struct lb_backend_record){.generation = lb->backends[slot].generation};
	return result < 0 ? result : 0;
}

int vpc_lb_drop_backends(struct vpc_lb *lb, uint32_t vip, struct vpc_error *error) {
	int result = 0;
	for (uint32_t i = 1; i < LB_BACKENDS; i++)
		if (lb->backends[i].vip == vip)
			result = free_slot(lb, i, error) ?: result;
	return result;
}

static int take_slot(struct vpc_lb *lb, uint32_t vip, const uint8_t address[16], struct vpc_error *error) {
	int cpus = libbpf_num_possible_cpus();
	_cleanup_(free_memory) struct lb_traffic *zeros = calloc(cpus > 0 ? (size_t)cpus : 1, sizeof *zeros);
	uint32_t slot = 1;
	while (slot < LB_BACKENDS && lb->backends[slot].vip)
		slot++;
	if (slot == LB_BACKENDS)
		return vpc_fail(error, -ENOSPC, "the balancer on %s has %d backends, and no room for another", lb->interface, LB_BACKENDS - 1);
	if (!zeros || bpf_map_update_elem(lb->traffic, &slot, zeros, BPF_ANY))
		return vpc_lb_map_failed(lb, "traffic", zeros ? -errno : -ENOMEM, error);
	uint32_t generation = lb->backends[slot].generation + 1;
	struct lb_backend backend = {.generation = generation ?: 1, .vip = vip, .family = vpc_lb_is_ipv4(address) ? 4 : 6, .mtu = SMALLEST_MTU};
	memcpy(backend.address, address, sizeof backend.address);
	int result = write_slot(lb, slot, &backend, error);
	if (result < 0)
		return result;
	lb->backends[slot] = (struct lb_backend_record){.vip = vip, .generation = backend.generation};
	memcpy(lb->backends[slot].address, address, 16);
	return (int)slot;
}

/* What the outer IPv4 header has in common for all packets, as 16-bit words of memory. */
static uint32_t sum_header(const struct lb_backend *backend) {
	const uint8_t fixed[] = {0x45, 0, 0x40, 0, OUTER_TTL, 0};
	uint32_t sum = 0;
	uint16_t word;
	for (size_t i = 0; i < sizeof fixed; i += sizeof word)
		memcpy(&word, fixed + i, sizeof word), sum += word;
	for (size_t i = 0; i < 4; i += sizeof word) {
		memcpy(&word, (const uint8_t *)&backend->source[3] + i, sizeof word), sum += word;
		memcpy(&word, (const uint8_t *)&backend->address[3] + i, sizeof word), sum += word;
	}
	return sum;
}

/* Without a route nothing can be sent; a neighbour that is being asked for keeps the MAC that it had. */
static int refresh_slot(const struct vpc_lb *lb, struct vpc_next_hops *next_hops, uint32_t slot, struct vpc_error *error) {
	struct vpc_next_hop found = {0};
	struct lb_backend backend;
	int result = read_slot(lb, slot, &backend, error);
	if (result)
		return result;
	result = vpc_next_hop_find(next_hops, (const uint8_t *)lb->backends[slot].address, &found);
	memcpy(backend.source, found.source, sizeof backend.source);
	if (result == 0)
		backend.mtu = (uint16_t)(found.mtu > 65535 ? 65535 : found.mtu);
	if (result || found.is_known)
		memcpy(backend.destination_mac, found.mac, sizeof backend.destination_mac);
	memcpy(backend.source_mac, next_hops->mac, sizeof backend.source_mac);
	backend.header_sum = sum_header(&backend);
	result = write_slot(lb, slot, &backend, error);
	lb->backends[slot].is_reachable = (backend.destination_mac[0] | backend.destination_mac[1] | backend.destination_mac[2]) != 0;
	return result < 0 ? result : 0;
}

static int open_next_hops(const struct vpc_lb *lb, struct vpc_next_hops *ret_next_hops, struct vpc_error *error) {
	int result = vpc_next_hops_open(lb->ifindex, ret_next_hops);
	return result ? vpc_fail(error, result, "balancer on %s: routes and neighbours: %s", lb->interface, strerror(-result)) : 0;
}

static int check_backend(const struct vpc_lb *lb, const struct vpc_lb_backend *backend, struct vpc_error *error) {
	static const uint8_t NONE[16];
	char text[VPC_LB_ADDRESS_TEXT];
	if (memcmp(backend->address, NONE, sizeof NONE) == 0)
		return vpc_fail(error, -EINVAL, "balancer on %s: a backend has no address", lb->interface);
	if (backend->weight < 1 || backend->weight > HEAVIEST)
		return vpc_fail(error, -EINVAL, "backend %s: the weight %u is not within 1 to %d; to take its new flows away, drain it",
			vpc_lb_address_format(backend->address, text), backend->weight, HEAVIEST);
	return 0;
}

int vpc_lb_backend_set(struct vpc_lb *lb, const struct vpc_lb_service *service, const struct vpc_lb_backend *backend, struct vpc_error *error) {
	_cleanup_(vpc_next_hops_close) struct vpc_next_hops next_hops = {0};
	if (!lb || !service || !backend)
		return vpc_fail(error, -EINVAL, "balancer: the VIP or its backend is missing");
	int result = check_backend(lb, backend, error);
	if (result)
		return result;
	LB_LOCKED(lb, error);
	int vip = vpc_lb_find_vip(lb, service, error);
	if (vip < 0)
		return vip;
	int slot = find_backend(lb, (uint32_t)vip, backend->address);
	bool is_new = slot < 0;
	if (is_new)
		slot = take_slot(lb, (uint32_t)vip, backend->address, error);
	if (slot < 0)
		return slot;
	struct lb_backend_record *record = &lb->backends[slot], before = *record;
	record->weight = backend->weight;
	record->is_draining = backend->draining;
	if (is_new)
		record->is_down = backend->down;
	result = open_next_hops(lb, &next_hops, error);
	result = result ?: refresh_slot(lb, &next_hops, (uint32_t)slot, error);
	if (result < 0 || (!is_new && memcmp(&before, record, sizeof before) == 0))
		return result < 0 ? result : 0;
	return vpc_lb_apply(lb, (uint32_t)vip, error);
}

int vpc_lb_backend_remove(struct vpc_lb *lb, const struct vpc_lb_service *service, const uint8_t address[16], struct vpc_error *error) {
	if (!lb || !service || !address)
		return vpc_fail(error, -EINVAL, "balancer: the VIP or its backend is missing");
	LB_LOCKED(lb, error);
	int vip = vpc_lb_find_vip(lb, service, error);
	if (vip < 0)
		return vip;
	int slot = find_backend(lb, (uint32_t)vip, address);
	if (slot < 0)
		return no_backend(lb, service, address, error);
	lb->backends[slot].is_down = 1; /* out of the table first */
	int result = vpc_lb_apply(lb, (uint32_t)vip, error);
	return result ?: free_slot(lb, (uint32_t)slot, error);
}

int vpc_lb_backend_set_down(struct vpc_lb *lb, const struct vpc_lb_service *service, const uint8_t address[16], bool down, struct vpc_error *error) {
	if (!lb || !service || !address)
		return vpc_fail(error, -EINVAL, "balancer: the VIP or its backend is missing");
	LB_LOCKED(lb, error);
	int vip = vpc_lb_find_vip(lb, service, error);
	if (vip < 0)
		return vip;
	int slot = find_backend(lb, (uint32_t)vip, address);
	if (slot < 0)
		return no_backend(lb, service, address, error);
	if (lb->backends[slot].is_down == down)
		return 0;
	lb->backends[slot].is_down = down;
	int result = vpc_lb_apply(lb, (uint32_t)vip, error);
	return result ?: 1;
}

static int add_traffic(const struct vpc_lb *lb, uint32_t slot, struct vpc_lb_backend *backend, struct vpc_error *error) {
	int cpus = libbpf_num_possible_cpus();
	_cleanup_(free_memory) struct lb_traffic *parts = calloc(cpus > 0 ? (size_t)cpus : 1, sizeof *parts);
	if (!parts || bpf_map_lookup_elem(lb->traffic, &slot, parts))
		return vpc_lb_map_failed(lb, "traffic", parts ? -errno : -ENOMEM, error);
	for (int i = 0; i < cpus; i++) {
		backend->packets += parts[i].packets;
		backend->bytes += parts[i].bytes;
	}
	return 0;
}

static int describe(const struct vpc_lb *lb, uint32_t slot, struct vpc_lb_backend *ret_backend, struct vpc_error *error) {
	const struct lb_backend_record *record = &lb->backends[slot];
	struct vpc_lb_backend backend = {.weight = record->weight, .draining = record->is_draining, .down = record->is_down};
	struct lb_backend state = {0};
	int result = read_slot(lb, slot, &state, error);
	result = result ?: add_traffic(lb, slot, &backend, error);
	memcpy(backend.address, record->address, sizeof backend.address);
	memcpy(backend.source, state.source, sizeof backend.source);
	backend.mtu = state.mtu;
	backend.has_next_hop = record->is_reachable;
	*ret_backend = backend;
	return result;
}

int vpc_lb_backend_each(struct vpc_lb *lb, const struct vpc_lb_service *service, int (*visit)(const struct vpc_lb_backend *backend, void *context),
		void *context, struct vpc_error *error) {
	if (!lb || !service || !visit)
		return vpc_fail(error, -EINVAL, "balancer: the VIP is missing, or what visits its backends");
	int vip = vpc_lb_find_vip(lb, service, error), result = vip < 0 ? vip : 0;
	for (uint32_t i = 1; i < LB_BACKENDS && !result; i++) {
		struct vpc_lb_backend backend;
		if (lb->backends[i].vip != (uint32_t)vip)
			continue;
		result = describe(lb, i, &backend, error);
		if (result == 0)
			result = visit(&backend, context);
	}
	return result;
}

int vpc_lb_refresh(struct vpc_lb *lb, struct vpc_error *error) {
	_cleanup_(vpc_next_hops_close) struct vpc_next_hops next_hops = {0};
	bool changed[LB_VIPS] = {false};
	int missing = 0;
	if (!lb)
		return vpc_fail(error, -EINVAL, "balancer: there is none to refresh");
	LB_LOCKED(lb, error);
	int result = open_next_hops(lb, &next_hops, error);
	for (uint32_t i = 1; i < LB_BACKENDS && result >= 0; i++) {
		if (lb->backends[i].vip == 0)
			continue;
		bool was_reachable = lb->backends[i].is_reachable;
		result = refresh_slot(lb, &next_hops, i, error);
		changed[lb->backends[i].vip] |= was_reachable != lb->backends[i].is_reachable;
		missing += !lb->backends[i].is_reachable;
	}
	for (uint32_t vip = 1; vip < LB_VIPS && result >= 0; vip++)
		if (changed[vip])
			result = vpc_lb_apply(lb, vip, error);
	return result < 0 ? result : missing;
}
