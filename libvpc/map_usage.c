// SPDX-License-Identifier: Apache-2.0
#include <linux/bpf.h>
#include <stdio.h>
#include <string.h>

#include "bpf_syscall.h"
#include "cleanup.h"
#include "datapath_internal.h"
#include "datapath_map.h"
#include "pins.h"

/* Arrays have all their entries from the start. */
static bool can_fill(const struct vpc_map *map) {
	return map->type == BPF_MAP_TYPE_HASH || map->type == BPF_MAP_TYPE_PERCPU_HASH || map->type == BPF_MAP_TYPE_LRU_HASH ||
		map->type == BPF_MAP_TYPE_LPM_TRIE;
}

/* Keeps none. */
static bool count(const void *key, const void *value, const void *context) {
	(void)key, (void)value;
	struct vpc_map_usage *usage = *(struct vpc_map_usage *const *)context;
	usage->entries++;
	return false;
}

static int measure(const char *directory, const char *name, struct vpc_map_usage *ret_usage, struct vpc_error *error) {
	char path[VPC_PIN_PATH];
	struct vpc_map map;
	snprintf(path, sizeof path, "%s/%s", directory, name);
	_cleanup_(close_fd) int fd = vpc_bpf_get(path);
	if (fd < 0)
		return vpc_fail(error, fd, "%s: %s%s", path, strerror(-fd), fd == -ENOENT ? "; no datapath was opened here" : "");
	int result = vpc_map_describe(name, fd, &map, error);
	if (result || !can_fill(&map))
		return result;
	struct vpc_map_usage usage = {.name = name, .max_entries = map.max_entries}, *place = &usage;
	_cleanup_(vpc_entries_free) struct vpc_entries none = VPC_ENTRIES_EMPTY(&map);
	result = vpc_map_read(&map, count, &place, &none, error);
	if (!result)
		*ret_usage = usage;
	return result;
}

int vpc_map_usage_each(
	const char *pin_directory, int (*visit)(const struct vpc_map_usage *usage, void *context), void *context, struct vpc_error *error) {
	static const char *const NAMES[] = {
#define MAP_AS_TEXT(name_) #name_,
		VPC_DATAPATH_MAPS(MAP_AS_TEXT)
#undef MAP_AS_TEXT
	};
	struct vpc_pins pins = VPC_PINS_CLOSED;
	int result = vpc_pins_open(pin_directory, VPC_PINS_SHARED, &pins, error);
	if (result)
		return result;
	vpc_pins_close(&pins);
	for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES && !result; i++) {
		struct vpc_map_usage usage = {.max_entries = 0};
		result = measure(pins.directory, NAMES[i], &usage, error);
		if (!result && usage.max_entries)
			result = visit(&usage, context);
	}
	return result;
}
