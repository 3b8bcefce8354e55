// SPDX-License-Identifier: Apache-2.0
#include "filter_maps.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "bpf_syscall.h"
#include "cleanup.h"

static const struct {
	const char *name;
	size_t fd; /* where it stands in struct vpc_filter_maps */
	uint32_t type, value_size, max_entries;
} MAPS[] = {
	{"filter_ports", offsetof(struct vpc_filter_maps, ports_fd), BPF_MAP_TYPE_ARRAY, 1, VPC_FILTER_KEYS},
	{"filter_settings", offsetof(struct vpc_filter_maps, settings_fd), BPF_MAP_TYPE_ARRAY, sizeof(struct vpc_filter_settings), 1},
	{"filter_counters", offsetof(struct vpc_filter_maps, counters_fd), BPF_MAP_TYPE_PERCPU_ARRAY, sizeof(uint64_t), VPC_FILTER_VERDICT_COUNT},
	{"filter_sockets", offsetof(struct vpc_filter_maps, sockets_fd), BPF_MAP_TYPE_XSKMAP, 4, VPC_FILTER_QUEUES},
};
enum { MAP_COUNT = sizeof MAPS / sizeof *MAPS, MOST_MAPS = 64, PORTS_SIZE = VPC_FILTER_KEYS * 8 };

static int *fd_of(struct vpc_filter_maps *maps, size_t index) {
	return (int *)((char *)maps + MAPS[index].fd);
}

void vpc_filter_maps_close(struct vpc_filter_maps *maps) {
	if (maps->ports)
		munmap(maps->ports, PORTS_SIZE);
	if (maps->settings)
		munmap(maps->settings, sizeof *maps->settings);
	for (size_t i = 0; i < MAP_COUNT; i++)
		close_fd(fd_of(maps, i));
	*maps = (struct vpc_filter_maps)VPC_FILTER_MAPS_CLOSED;
}

static int check_layout(size_t index, int fd, struct vpc_error *error) {
	struct bpf_map_info info = {0};
	uint32_t length = sizeof info;
	if (bpf_obj_get_info_by_fd(fd, &info, &length))
		return vpc_fail(error, -errno, "port filter: map %s: %s", MAPS[index].name, strerror(errno));
	if (info.type == MAPS[index].type && info.value_size == MAPS[index].value_size && info.max_entries == MAPS[index].max_entries)
		return 0;
	return vpc_fail(error, -EPROTO, "port filter: map %s is of another version; detach that filter with the version that attached it",
		MAPS[index].name);
}

static int map_memory(int fd, size_t size, const char *name, void **ret_memory, struct vpc_error *error) {
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (memory == MAP_FAILED)
		return vpc_fail(error, -errno, "port filter: map %s cannot be mapped into memory: %s", name, strerror(errno));
	*ret_memory = memory;
	return 0;
}

/* All descriptors are open. */
static int check_and_map(struct vpc_filter_maps *maps, struct vpc_error *error) {
	void *ports = NULL, *settings = NULL;
	int result = 0;
	for (size_t i = 0; i < MAP_COUNT && result == 0; i++)
		result = check_layout(i, *fd_of(maps, i), error);
	result = result ?: map_memory(maps->ports_fd, PORTS_SIZE, "filter_ports", &ports, error);
	maps->ports = ports;
	result = result ?: map_memory(maps->settings_fd, sizeof *maps->settings, "filter_settings", &settings, error);
	maps->settings = settings;
	return result;
}

int vpc_filter_maps_open_pinned(const char *directory, struct vpc_filter_maps *ret_maps, struct vpc_error *error) {
	_cleanup_(vpc_filter_maps_close) struct vpc_filter_maps maps = VPC_FILTER_MAPS_CLOSED;
	char path[512];
	for (size_t i = 0; i < MAP_COUNT; i++) {
		snprintf(path, sizeof path, "%s/%s", directory, MAPS[i].name);
		int fd = vpc_bpf_get(path);
		if (fd < 0)
			return vpc_fail(error, fd, "port filter: %s: %s", path, strerror(-fd));
		*fd_of(&maps, i) = fd;
	}
	int result = check_and_map(&maps, error);
	if (result)
		return result;
	*ret_maps = maps;
	maps = (struct vpc_filter_maps)VPC_FILTER_MAPS_CLOSED;
	return 0;
}

/* Keeps the map if it is one of ours that is not there yet. */
static int take_map(struct vpc_filter_maps *maps, uint32_t id) {
	struct bpf_map_info info = {0};
	uint32_t length = sizeof info;
	_cleanup_(close_fd) int fd = bpf_map_get_fd_by_id(id);
	if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &length))
		return -errno;
	for (size_t i = 0; i < MAP_COUNT; i++)
		if (strcmp(info.name, MAPS[i].name) == 0 && *fd_of(maps, i) < 0)
			*fd_of(maps, i) = steal_fd(&fd);
	return 0;
}

static int take_maps(struct vpc_filter_maps *maps, uint32_t program_id) {
	uint32_t ids[MOST_MAPS];
	struct bpf_prog_info info = {.nr_map_ids = MOST_MAPS, .map_ids = (uintptr_t)ids};
	uint32_t length = sizeof info;
	_cleanup_(close_fd) int fd = bpf_prog_get_fd_by_id(program_id);
	if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &length))
		return -errno;
	for (uint32_t i = 0; i < info.nr_map_ids && i < MOST_MAPS; i++) {
		int result = take_map(maps, ids[i]);
		if (result)
			return result;
	}
	for (size_t i = 0; i < MAP_COUNT; i++)
		if (*fd_of(maps, i) < 0)
			return -ENOENT;
	return 0;
}

int vpc_filter_maps_open_program(uint32_t program_id, struct vpc_filter_maps *ret_maps, struct vpc_error *error) {
	_cleanup_(vpc_filter_maps_close) struct vpc_filter_maps maps = VPC_FILTER_MAPS_CLOSED;
	int result = take_maps(&maps, program_id);
	if (result == -ENOENT)
		return vpc_fail(error, result, "program %u is no port filter", program_id);
	if (result)
		return vpc_fail(error, result, "program %u: its maps cannot be found: %s%s", program_id, strerror(-result),
			result == -EPERM ? "; that needs CAP_SYS_ADMIN, since another tool loaded it" : "");
	result = check_and_map(&maps, error);
	if (result)
		return result;
	*ret_maps = maps;
	maps = (struct vpc_filter_maps)VPC_FILTER_MAPS_CLOSED;
	return 0;
}

uint32_t vpc_filter_key(const struct vpc_port *port) {
	switch (port->protocol) {
	case IPPROTO_TCP: return VPC_FILTER_KEY(VPC_FILTER_TCP, port->port);
	case IPPROTO_UDP: return VPC_FILTER_KEY(VPC_FILTER_UDP, port->port);
	default: return VPC_FILTER_KEY(VPC_FILTER_PROTOCOL_NUMBER, port->protocol);
	}
}

struct vpc_port vpc_filter_port_of(const struct vpc_filter_maps *maps, uint32_t key) {
	uint8_t flags = __atomic_load_n(maps->ports[key], __ATOMIC_RELAXED) & VPC_FILTER_FLAGS;
	switch ((enum vpc_filter_kind)(key >> 16)) {
	case VPC_FILTER_TCP: return (struct vpc_port){IPPROTO_TCP, (uint16_t)key, flags};
	case VPC_FILTER_UDP: return (struct vpc_port){IPPROTO_UDP, (uint16_t)key, flags};
	case VPC_FILTER_PROTOCOL_NUMBER: break;
	}
	return (struct vpc_port){(uint8_t)key, 0, flags};
}

size_t vpc_filter_count_open(const struct vpc_filter_maps *maps) {
	size_t count = 0;
	for (uint32_t key = 0; key < VPC_FILTER_KEYS; key++)
		count += (maps->ports[key][0] & VPC_FILTER_FLAGS) != 0;
	return count;
}

void vpc_filter_put_ports(const struct vpc_filter_maps *maps, const struct vpc_port *ports, size_t count) {
	static const uint8_t EARLIER = VPC_FILTER_FLAGS << VPC_FILTER_EARLIER_SHIFT;
	for (size_t i = 0; i < count; i++)
		__atomic_fetch_or(maps->ports[vpc_filter_key(&ports[i])], ports[i].flags, __ATOMIC_RELAXED);
	for (uint32_t key = 0; key < VPC_FILTER_KEYS; key++) {
		uint8_t flags = 0, present = maps->ports[key][0];
		if (!(present & VPC_FILTER_FLAGS))
			continue;
		for (size_t i = 0; i < count; i++)
			if (vpc_filter_key(&ports[i]) == key)
				flags |= ports[i].flags;
		__atomic_store_n(maps->ports[key], (uint8_t)((present & EARLIER) | flags), __ATOMIC_RELAXED);
	}
}

void vpc_filter_keep_ports(const struct vpc_filter_maps *maps) {
	for (uint32_t key = 0; key < VPC_FILTER_KEYS; key++) {
		uint8_t present = maps->ports[key][0], flags = present & VPC_FILTER_FLAGS;
		if (present)
			__atomic_store_n(maps->ports[key], (uint8_t)(flags << VPC_FILTER_EARLIER_SHIFT | flags), __ATOMIC_RELAXED);
	}
}

void vpc_filter_restore_ports(const struct vpc_filter_maps *maps) {
	for (uint32_t key = 0; key < VPC_FILTER_KEYS; key++) {
		uint8_t present = maps->ports[key][0], flags = present >> VPC_FILTER_EARLIER_SHIFT;
		if (present)
			__atomic_store_n(maps->ports[key], (uint8_t)(flags << VPC_FILTER_EARLIER_SHIFT | flags), __ATOMIC_RELAXED);
	}
}

void vpc_filter_set_deadline(const struct vpc_filter_maps *maps, uint64_t deadline) {
	__atomic_store_n((uint64_t *)&maps->settings->deadline, deadline, __ATOMIC_SEQ_CST);
}

uint64_t vpc_filter_now(void) {
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t vpc_filter_time_left(const struct vpc_filter_maps *maps) {
	uint64_t deadline = __atomic_load_n((uint64_t *)&maps->settings->deadline, __ATOMIC_SEQ_CST), now = vpc_filter_now();
	if (deadline == 0)
		return UINT64_MAX;
	return deadline > now ? deadline - now : 0;
}
