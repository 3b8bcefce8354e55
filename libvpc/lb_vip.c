// SPDX-License-Identifier: Apache-2.0
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lb_internal.h"
#include "lb_maglev.h"

enum { CONNECTIONS = 262144, FEWEST_CONNECTIONS = 256, MOST_CONNECTIONS = 1 << 26 };

struct vpc_lb_service vpc_lb_service_of(const struct lb_vip_record *record) {
	struct vpc_lb_service service = {.port = ntohs(record->port), .protocol = record->protocol};
	memcpy(service.address, record->address, sizeof service.address);
	return service;
}

static int slot_of(const struct vpc_lb *lb, const struct vpc_lb_service *service) {
	for (int i = 1; i < LB_VIPS; i++)
		if (lb->vips[i].protocol == service->protocol && lb->vips[i].port == htons(service->port) &&
			memcmp(lb->vips[i].address, service->address, sizeof service->address) == 0)
			return i;
	return -ENOENT;
}

int vpc_lb_find_vip(struct vpc_lb *lb, const struct vpc_lb_service *service, struct vpc_error *error) {
	char text[VPC_LB_SERVICE_TEXT];
	int slot = service && service->protocol ? slot_of(lb, service) : -ENOENT;
	if (slot < 0 && service)
		return vpc_fail(error, -ENOENT, "the balancer on %s has no VIP %s", lb->interface, vpc_lb_service_format(service, text));
	return slot;
}

/* What programs look a packet up by; port and protocol zero for the address alone. */
static int put_vip(const struct vpc_lb *lb, const struct lb_vip_record *record, bool only_address, const struct lb_vip *value) {
	uint8_t protocol = only_address ? 0 : record->protocol;
	uint16_t port = only_address ? 0 : record->port;
	if (vpc_lb_is_ipv4(record->address)) {
		struct lb_vip4_key key = {.address = record->address[3], .port = port, .protocol = protocol};
		return (value ? bpf_map_update_elem(lb->vips4, &key, value, BPF_ANY) : bpf_map_delete_elem(lb->vips4, &key)) ? -errno : 0;
	}
	struct lb_vip6_key key = {.port = port, .protocol = protocol};
	memcpy(key.address, record->address, sizeof key.address);
	return (value ? bpf_map_update_elem(lb->vips6, &key, value, BPF_ANY) : bpf_map_delete_elem(lb->vips6, &key)) ? -errno : 0;
}

static int put_inner(int outer, uint32_t index, enum bpf_map_type type, const char *name, uint32_t key_size, uint32_t value_size,
		uint32_t entries, uint32_t flags) {
	LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = flags);
	_cleanup_(close_fd) int inner = bpf_map_create(type, name, key_size, value_size, entries, &options);
	if (inner < 0)
		return inner;
	return bpf_map_update_elem(outer, &index, &inner, BPF_ANY) ? -errno : 0;
}

static int make_inner_maps(const struct vpc_lb *lb, uint32_t index, const struct lb_vip_record *record) {
	bool is_ipv4 = vpc_lb_is_ipv4(record->address);
	int result = put_inner(lb->tables, index, BPF_MAP_TYPE_ARRAY, "lb_table", sizeof(uint32_t), sizeof(uint32_t), record->table_size,
		BPF_F_INNER_MAP);
	return result ?: put_inner(is_ipv4 ? lb->connections4 : lb->connections6, index, BPF_MAP_TYPE_LRU_HASH, "lb_connections",
		is_ipv4 ? sizeof(struct lb_client4) : sizeof(struct lb_client6), sizeof(struct lb_connection), record->connections, 0);
}

static void drop_inner_maps(const struct vpc_lb *lb, uint32_t index) {
	bpf_map_delete_elem(lb->tables, &index);
	bpf_map_delete_elem(lb->connections4, &index);
	bpf_map_delete_elem(lb->connections6, &index);
}

static int clear_counts(const struct vpc_lb *lb, uint32_t index) {
	int cpus = libbpf_num_possible_cpus();
	_cleanup_(free_memory) uint64_t *zeros = calloc(cpus > 0 ? (size_t)cpus : 1, sizeof *zeros);
	if (!zeros)
		return -ENOMEM;
	for (uint32_t i = 0; i < LB_COUNTS_OF_A_VIP; i++) {
		uint32_t key = index * LB_COUNTS_OF_A_VIP + i;
		if (bpf_map_update_elem(lb->counts, &key, zeros, BPF_ANY))
			return -errno;
	}
	return 0;
}

static int check_vip(const struct vpc_lb_vip *vip, struct lb_vip_record *ret_record, struct vpc_error *error) {
	char text[VPC_LB_SERVICE_TEXT];
	struct lb_vip_record record = {
		.port = htons(vip->service.port),
		.protocol = vip->service.protocol,
		.flags = vip->affinity ? LB_VIP_AFFINITY : 0,
		.table_size = vip->table_size ?: VPC_MAGLEV_DEFAULT,
		.connections = vip->connections ?: CONNECTIONS,
	};
	memcpy(record.address, vip->service.address, sizeof record.address);
	vpc_lb_service_format(&vip->service, text);
	if (record.protocol != VPC_LB_TCP && record.protocol != VPC_LB_UDP)
		return vpc_fail(error, -EINVAL, "VIP %s: protocol %u is neither TCP nor UDP", text, record.protocol);
	if (record.port == 0)
		return vpc_fail(error, -EINVAL, "VIP %s: port 0 is none", text);
	if (!vpc_maglev_is_size(record.table_size))
		return vpc_fail(error, -EINVAL, "VIP %s: %u is no table size; a prime of %d to %d is, like 16381 or 65537", text, record.table_size,
			VPC_MAGLEV_SMALLEST, VPC_MAGLEV_LARGEST);
	if (record.connections < FEWEST_CONNECTIONS || record.connections > MOST_CONNECTIONS)
		return vpc_fail(error, -EINVAL, "VIP %s: %u connections are not within %d to %d", text, record.connections, FEWEST_CONNECTIONS,
			MOST_CONNECTIONS);
	*ret_record = record;
	return 0;
}

static int find_free_slot(const struct vpc_lb *lb, struct vpc_error *error) {
	for (int i = 1; i < LB_VIPS; i++)
		if (lb->vips[i].protocol == 0)
			return i;
	return vpc_fail(error, -ENOSPC, "the balancer on %s has %d VIPs, and no room for another", lb->interface, LB_VIPS - 1);
}

static bool has_vip(const struct vpc_lb *lb, const struct lb_vip_record *record) {
	struct lb_vip value;
	struct lb_vip4_key key4 = {.address = record->address[3], .port = record->port, .protocol = record->protocol};
	struct lb_vip6_key key6 = {.port = record->port, .protocol = record->protocol};
	memcpy(key6.address, record->address, sizeof key6.address);
	return (vpc_lb_is_ipv4(record->address) ? bpf_map_lookup_elem(lb->vips4, &key4, &value) : bpf_map_lookup_elem(lb->vips6, &key6, &value)) == 0;
}

/* The VIP itself comes last: when packets find it, all is there. */
static int make_vip(const struct vpc_lb *lb, uint32_t slot, const struct lb_vip_record *record) {
	const struct lb_vip value = {.index = slot, .flags = record->flags, .table_size = record->table_size};
	const struct lb_vip address = {.flags = LB_VIP_ADDRESS};
	int result = clear_counts(lb, slot);
	result = result ?: make_inner_maps(lb, slot, record);
	result = result ?: put_vip(lb, record, true, &address);
	return result ?: put_vip(lb, record, false, &value);
}

int vpc_lb_vip_add(struct vpc_lb *lb, const struct vpc_lb_vip *vip, struct vpc_error *error) {
	struct lb_vip_record record;
	char text[VPC_LB_SERVICE_TEXT];
	if (!lb || !vip)
		return vpc_fail(error, -EINVAL, "balancer: there is no VIP to add");
	int result = check_vip(vip, &record, error);
	if (result)
		return result;
	LB_LOCKED(lb, error);
	int slot = slot_of(lb, &vip->service);
	if (slot >= 0 && memcmp(&lb->vips[slot], &record, sizeof record))
		return vpc_fail(error, -EEXIST, "VIP %s is there with another table size, number of connections or affinity; remove it first",
			vpc_lb_service_format(&vip->service, text));
	if (slot >= 0 && has_vip(lb, &record))
		return 0;
	if (slot < 0)
		slot = find_free_slot(lb, error);
	if (slot < 0)
		return slot;
	lb->vips[slot] = record; /* first: who dies here leaves no entry without an owner */
	result = make_vip(lb, (uint32_t)slot, &record);
	if (result == 0)
		return 0;
	put_vip(lb, &record, false, NULL);
	drop_inner_maps(lb, (uint32_t)slot);
	lb->vips[slot] = (struct lb_vip_record){0};
	return vpc_lb_map_failed(lb, "of VIPs", result, error);
}

static bool is_address_used(const struct vpc_lb *lb, int but_for, const __be32 address[4]) {
	for (int i = 1; i < LB_VIPS; i++)
		if (i != but_for && lb->vips[i].protocol && memcmp(lb->vips[i].address, address, 16) == 0)
			return true;
	return false;
}

int vpc_lb_vip_remove(struct vpc_lb *lb, const struct vpc_lb_service *service, struct vpc_error *error) {
	if (!lb || !service)
		return vpc_fail(error, -EINVAL, "balancer: there is no VIP to remove");
	LB_LOCKED(lb, error);
	int slot = vpc_lb_find_vip(lb, service, error);
	if (slot < 0)
		return slot;
	int result = put_vip(lb, &lb->vips[slot], false, NULL);
	if (result == 0 && !is_address_used(lb, slot, lb->vips[slot].address))
		result = put_vip(lb, &lb->vips[slot], true, NULL);
	if (result && result != -ENOENT)
		return vpc_lb_map_failed(lb, "vips", result, error);
	result = vpc_lb_drop_backends(lb, (uint32_t)slot, error);
	drop_inner_maps(lb, (uint32_t)slot);
	memset(&lb->vips[slot], 0, sizeof lb->vips[slot]);
	return result;
}

int vpc_lb_vip_each(struct vpc_lb *lb, int (*visit)(const struct vpc_lb_vip *vip, void *context), void *context, struct vpc_error *error) {
	int result = 0;
	if (!lb || !visit)
		return vpc_fail(error, -EINVAL, "balancer: there is nothing to visit VIPs with");
	for (int i = 1; i < LB_VIPS && !result; i++) {
		const struct lb_vip_record *record = &lb->vips[i];
		if (record->protocol == 0)
			continue;
		struct vpc_lb_vip vip = {.service = vpc_lb_service_of(record), .table_size = record->table_size,
			.connections = record->connections, .affinity = record->flags & LB_VIP_AFFINITY};
		result = visit(&vip, context);
	}
	return result;
}
