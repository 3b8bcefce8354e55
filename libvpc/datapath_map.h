/* SPDX-License-Identifier: Apache-2.0 */
/* Maps of the datapath: errors that name the map, reading all of one, and making a part of one exactly what is wanted. */
#ifndef VPC_DATAPATH_MAP_H
#define VPC_DATAPATH_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"

struct vpc_map {
	const char *name;
	int fd; /* owned by the template that was prepared with it */
	uint32_t id, type, key_size, value_size, max_entries, flags;
	uint32_t read_size; /* bytes of a value in user space: value_size, or 8 for each possible CPU */
};

/* Reads what the kernel tells of the map. */
int vpc_map_describe(const char *name, int fd, struct vpc_map *ret_map, struct vpc_error *error);

/* What failed on the map, why, and the remedy for a full one, missing memory and missing permission. Returns code. */
int vpc_map_fail(const struct vpc_map *map, int code, const char *doing, struct vpc_error *error);

/* The calls below return 0 or a negative errno; put and delete say why in error. */

/* -ENOENT without a message if there is no such entry. */
int vpc_map_get(const struct vpc_map *map, const void *key, void *ret_value);
/* Writes only if the entry is not there with that value. Returns 1 if it wrote. */
int vpc_map_put(const struct vpc_map *map, const void *key, const void *value, struct vpc_error *error);
/* Returns 1 if it was there. */
int vpc_map_delete(const struct vpc_map *map, const void *key, struct vpc_error *error);

/* Keys and values of a map, each aligned to 8 bytes; freed by vpc_entries_free(). */
struct vpc_entries {
	uint8_t *bytes;
	size_t count, capacity;
	size_t key_size, value_size;
};

#define VPC_ENTRIES_EMPTY(map_) {.key_size = (map_)->key_size, .value_size = (map_)->read_size}

static inline size_t vpc_entries_stride(const struct vpc_entries *entries) {
	return (entries->key_size + 7) / 8 * 8 + (entries->value_size + 7) / 8 * 8;
}
static inline void *vpc_entry_key(const struct vpc_entries *entries, size_t index) {
	return entries->bytes + index * vpc_entries_stride(entries);
}
static inline void *vpc_entry_value(const struct vpc_entries *entries, size_t index) {
	return (uint8_t *)vpc_entry_key(entries, index) + (entries->key_size + 7) / 8 * 8;
}
int vpc_entries_add(struct vpc_entries *entries, const void *key, const void *value);
void vpc_entries_sort(struct vpc_entries *entries);
void vpc_entries_free(struct vpc_entries *entries);

/* Adds every entry that `is_wanted` (may be NULL) accepts, in no order. */
int vpc_map_read(const struct vpc_map *map, bool (*is_wanted)(const void *key, const void *value, const void *context), const void *context,
	struct vpc_entries *entries, struct vpc_error *error);

/*
 * Turns the present entries into the wanted ones by their difference: additions and changes first, then removals. Both are
 * sorted by key here. If an addition fails, those before it are undone, and the map is as it was.
 */
int vpc_map_make_exact(const struct vpc_map *map, struct vpc_entries *present, struct vpc_entries *wanted, struct vpc_error *error);

#endif
