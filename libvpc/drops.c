// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "bpf_syscall.h"
#include "cleanup.h"
#include "datapath_map.h"
#include "datapath_maps.h"
#include "drop_reasons.h"
#include "pins.h"

static const struct {
	const char *name, *text;
} REASONS[VPC_DROP_REASON_COUNT] = {
#define AS_TEXT(name_, text_) [VPC_DROP_##name_] = {#name_, text_},
	VPC_DROP_REASONS(AS_TEXT)
#undef AS_TEXT
};

static int open_drops(const char *directory, int *ret_fd, struct vpc_error *error) {
	struct vpc_pins pins = VPC_PINS_CLOSED;
	char path[VPC_PIN_PATH];
	int result = vpc_pins_open(directory, VPC_PINS_SHARED, &pins, error);
	if (result)
		return result;
	vpc_pins_close(&pins);
	snprintf(path, sizeof path, "%s/drops", pins.directory);
	int fd = vpc_bpf_get(path);
	if (fd < 0)
		return vpc_fail(error, fd, "counters of drops, %s: %s%s", path, strerror(-fd), fd == -ENOENT ? "; no datapath was opened here" : "");
	*ret_fd = fd;
	return 0;
}

static int compare(const void *a, const void *b) {
	const struct vpc_drop_key *left = a, *right = b;
	if (left->network != right->network)
		return left->network < right->network ? -1 : 1;
	return (left->reason > right->reason) - (left->reason < right->reason);
}

static struct vpc_drop tell(const struct vpc_drop_key *key, const uint64_t *counts, size_t cpus) {
	struct vpc_drop drop = {.network_id = key->network & ~VPC_NETWORK_VLAN, .reason = "UNKNOWN", .description = "reason of a newer version"};
	if (key->network)
		drop.encapsulation = key->network & VPC_NETWORK_VLAN ? VPC_VLAN : VPC_VXLAN;
	if (key->reason < VPC_DROP_REASON_COUNT && REASONS[key->reason].name) {
		drop.reason = REASONS[key->reason].name;
		drop.description = REASONS[key->reason].text;
	}
	for (size_t i = 0; i < cpus; i++)
		drop.count += counts[i];
	return drop;
}

int vpc_drops_each(const char *pin_directory, int (*visit)(const struct vpc_drop *drop, void *context), void *context, struct vpc_error *error) {
	_cleanup_(close_fd) int fd = -1;
	struct vpc_map map;
	int result = open_drops(pin_directory, &fd, error);
	result = result ?: vpc_map_describe("drops", fd, &map, error);
	if (result)
		return result;
	_cleanup_(vpc_entries_free) struct vpc_entries entries = VPC_ENTRIES_EMPTY(&map);
	result = vpc_map_read(&map, NULL, NULL, &entries, error);
	if (entries.count > 1)
		qsort(entries.bytes, entries.count, vpc_entries_stride(&entries), compare);
	for (size_t i = 0; i < entries.count && !result; i++) {
		struct vpc_drop drop = tell(vpc_entry_key(&entries, i), vpc_entry_value(&entries, i), map.read_size / sizeof(uint64_t));
		result = visit(&drop, context);
	}
	return result;
}
