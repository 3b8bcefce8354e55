// SPDX-License-Identifier: Apache-2.0
#include "datapath_map.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/bpf.h>
#include <string.h>

#include "cleanup.h"
#include "probe.h"

enum { BATCH = 4096 }; /* entries of one system call; more than any bucket holds */

#define KERNEL_ENOTSUPP 524 /* a number of the kernel's own (include/linux/errno.h), with which old ones answer users, too */

static bool is_per_cpu(uint32_t type) {
	return type == BPF_MAP_TYPE_PERCPU_HASH || type == BPF_MAP_TYPE_PERCPU_ARRAY;
}

int vpc_map_describe(const char *name, int fd, struct vpc_map *ret_map, struct vpc_error *error) {
	struct bpf_map_info info = {0};
	uint32_t size = sizeof info;
	if (bpf_obj_get_info_by_fd(fd, &info, &size))
		return vpc_fail(error, -errno, "map %s: %s", name, strerror(errno));
	int cpus = libbpf_num_possible_cpus();
	if (cpus < 0)
		return vpc_fail(error, cpus, "number of CPUs: %s; is /sys mounted?", strerror(-cpus));
	*ret_map = (struct vpc_map){
		.name = name,
		.fd = fd,
		.id = info.id,
		.type = info.type,
		.key_size = info.key_size,
		.value_size = info.value_size,
		.max_entries = info.max_entries,
		.flags = info.map_flags,
		.read_size = is_per_cpu(info.type) ? (info.value_size + 7) / 8 * 8 * (uint32_t)cpus : info.value_size,
	};
	return 0;
}

int vpc_map_fail(const struct vpc_map *map, int code, const char *doing, struct vpc_error *error) {
	char permission[VPC_PERMISSION_TEXT];
	switch (code) {
	case -E2BIG:
	case -ENOSPC:
		return vpc_fail(error, code, "map %s is full (%" PRIu32 " entries): %s; fewer Pods, members or rules must be on this node", map->name,
			map->max_entries, doing);
	case -ENOMEM:
		return vpc_fail(error, code, "the kernel has no memory for an entry of map %s (%" PRIu32 " bytes): %s", map->name,
			map->key_size + map->value_size, doing);
	case -EPERM: return vpc_fail(error, code, "map %s: %s: %s", map->name, doing, vpc_probe_permission(permission));
	default: return vpc_fail(error, code, "map %s: %s: %s", map->name, doing, strerror(-code));
	}
}

int vpc_map_get(const struct vpc_map *map, const void *key, void *ret_value) {
	return bpf_map_lookup_elem(map->fd, key, ret_value) ? -errno : 0;
}

int vpc_map_put(const struct vpc_map *map, const void *key, const void *value, struct vpc_error *error) {
	uint8_t present[map->read_size];
	if (bpf_map_update_elem(map->fd, key, value, BPF_NOEXIST) == 0)
		return 1; /* most entries are new */
	if (vpc_map_get(map, key, present) == 0 && memcmp(present, value, map->value_size) == 0)
		return 0;
	return bpf_map_update_elem(map->fd, key, value, BPF_ANY) ? vpc_map_fail(map, -errno, "adding an entry", error) : 1;
}

int vpc_map_delete(const struct vpc_map *map, const void *key, struct vpc_error *error) {
	if (bpf_map_delete_elem(map->fd, key) == 0)
		return 1;
	return errno == ENOENT ? 0 : vpc_map_fail(map, -errno, "removing an entry", error);
}

int vpc_entries_add(struct vpc_entries *entries, const void *key, const void *value) {
	if (entries->count == entries->capacity) {
		size_t capacity = entries->capacity ? entries->capacity * 2 : 16;
		uint8_t *bytes = reallocarray(entries->bytes, capacity, vpc_entries_stride(entries));
		if (!bytes)
			return -ENOMEM;
		entries->bytes = bytes;
		entries->capacity = capacity;
	}
	memcpy(vpc_entry_key(entries, entries->count), key, entries->key_size);
	memcpy(vpc_entry_value(entries, entries->count), value, entries->value_size);
	entries->count++;
	return 0;
}

static int compare_keys(const void *a, const void *b, void *size) {
	return memcmp(a, b, *(size_t *)size);
}

void vpc_entries_sort(struct vpc_entries *entries) {
	if (entries->count > 1)
		qsort_r(entries->bytes, entries->count, vpc_entries_stride(entries), compare_keys, &entries->key_size);
}

void vpc_entries_free(struct vpc_entries *entries) {
	free(entries->bytes);
	*entries = (struct vpc_entries){.key_size = entries->key_size, .value_size = entries->value_size};
}

/* What one reading of a map carries about. */
struct reading {
	const struct vpc_map *map;
	bool (*is_wanted)(const void *key, const void *value, const void *context);
	const void *context;
	struct vpc_entries *entries;
};

static int take(const struct reading *reading, const void *key, const void *value) {
	if (reading->is_wanted && !reading->is_wanted(key, value, reading->context))
		return 0;
	return vpc_entries_add(reading->entries, key, value);
}

static int read_in_batches(const struct reading *reading) {
	const struct vpc_map *map = reading->map;
	uint32_t position[(map->key_size + 3) / 4 + 1], next[(map->key_size + 3) / 4 + 1];
	uint32_t batch = map->max_entries < BATCH ? map->max_entries : BATCH;
	_cleanup_(free_memory) uint8_t *keys = malloc((size_t)batch * map->key_size);
	_cleanup_(free_memory) uint8_t *values = malloc((size_t)batch * map->read_size);
	if (!keys || !values)
		return -ENOMEM;
	for (bool first = true, last = false; !last; first = false) {
		uint32_t count = batch;
		if (bpf_map_lookup_batch(map->fd, first ? NULL : position, next, keys, values, &count, NULL)) {
			if (errno != ENOENT)
				return -errno;
			last = true;
		}
		for (uint32_t i = 0; i < count; i++) {
			int result = take(reading, keys + (size_t)i * map->key_size, values + (size_t)i * map->read_size);
			if (result)
				return result;
		}
		memcpy(position, next, sizeof position);
	}
	return 0;
}

/* For kinds of map that know no batches: prefixes before 5.13, for one. */
static int read_one_by_one(const struct reading *reading) {
	const struct vpc_map *map = reading->map;
	uint8_t key[map->key_size], next[map->key_size], value[map->read_size];
	for (bool first = true; bpf_map_get_next_key(map->fd, first ? NULL : key, next) == 0; first = false) {
		memcpy(key, next, sizeof key);
		if (vpc_map_get(map, key, value))
			continue; /* has just gone */
		int result = take(reading, key, value);
		if (result)
			return result;
	}
	return errno == ENOENT ? 0 : -errno;
}

int vpc_map_read(const struct vpc_map *map, bool (*is_wanted)(const void *key, const void *value, const void *context), const void *context,
	struct vpc_entries *entries, struct vpc_error *error) {
	const struct reading reading = {map, is_wanted, context, entries};
	size_t before = entries->count;
	int result = read_in_batches(&reading);
	if (result == -KERNEL_ENOTSUPP || result == -ENOTSUP || result == -EINVAL || result == -ENOSPC) {
		entries->count = before;
		result = read_one_by_one(&reading);
	}
	return result ? vpc_map_fail(map, result, "reading all entries", error) : 0;
}

/* The present entry of the key, by which both lists are sorted; moves *at, from which no earlier key is asked for. */
static const void *find(const struct vpc_entries *present, const void *key, size_t *at) {
	while (*at < present->count && memcmp(vpc_entry_key(present, *at), key, present->key_size) < 0)
		++*at;
	return *at < present->count && memcmp(vpc_entry_key(present, *at), key, present->key_size) == 0 ? vpc_entry_value(present, *at) : NULL;
}

static void undo(const struct vpc_map *map, const struct vpc_entries *present, const struct vpc_entries *wanted, size_t count) {
	for (size_t i = 0, at = 0; i < count; i++) {
		const void *key = vpc_entry_key(wanted, i), *old = find(present, key, &at);
		if (!old)
			bpf_map_delete_elem(map->fd, key);
		else if (memcmp(old, vpc_entry_value(wanted, i), map->value_size))
			bpf_map_update_elem(map->fd, key, old, BPF_ANY);
	}
}

int vpc_map_make_exact(const struct vpc_map *map, struct vpc_entries *present, struct vpc_entries *wanted, struct vpc_error *error) {
	vpc_entries_sort(present);
	vpc_entries_sort(wanted);
	for (size_t i = 0, at = 0; i < wanted->count; i++) {
		const void *key = vpc_entry_key(wanted, i), *value = vpc_entry_value(wanted, i), *old = find(present, key, &at);
		if (old && memcmp(old, value, map->value_size) == 0)
			continue;
		if (bpf_map_update_elem(map->fd, key, value, BPF_ANY)) {
			int result = vpc_map_fail(map, -errno, "adding an entry", error);
			undo(map, present, wanted, i);
			return result;
		}
	}
	for (size_t i = 0, at = 0; i < present->count; i++) {
		const void *key = vpc_entry_key(present, i);
		int result = find(wanted, key, &at) ? 0 : vpc_map_delete(map, key, error);
		if (result < 0)
			return result;
	}
	return 0;
}
