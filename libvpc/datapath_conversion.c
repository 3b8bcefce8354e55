// SPDX-License-Identifier: Apache-2.0
#include "datapath_conversion.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/bpf.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bpf_syscall.h"
#include "cleanup.h"
#include "layout_before.h"
#include "pins.h"

#define AS_MOVE(map_, part_, before_, now_, field_) \
	{#map_, part_, offsetof(before_, field_), offsetof(now_, field_), sizeof((now_ *)0)->field_},
#define AS_KEY_MOVE(map_, before_, now_, field_) AS_MOVE(map_, VPC_PART_KEY, before_, now_, field_)
#define AS_VALUE_MOVE(map_, before_, now_, field_) AS_MOVE(map_, VPC_PART_VALUE, before_, now_, field_)
#define AS_CHECK(map_, before_, now_, field_) \
	_Static_assert(sizeof((before_ *)0)->field_ == sizeof((now_ *)0)->field_, #map_ ": " #field_ " has another size");
VPC_LAYOUT_BEFORE(AS_CHECK, AS_CHECK)

/* The last one is none, so that there may be no other. */
static const struct vpc_move MOVES[] = {VPC_LAYOUT_BEFORE(AS_KEY_MOVE, AS_VALUE_MOVE){.map = ""}};
enum { MOVE_COUNT = sizeof MOVES / sizeof *MOVES - 1 };
_Static_assert(MOVE_COUNT <= VPC_CONVERSION_MOVES, "more moves than a conversion holds");

static const uint32_t FIRST = 0;

void vpc_conversion_forth(struct vpc_conversion *ret_conversion) {
	*ret_conversion = (struct vpc_conversion){
		.format = VPC_CONVERSION_FORMAT, .from = VPC_LAYOUT_VERSION - 1, .to = VPC_LAYOUT_VERSION, .count = MOVE_COUNT};
	memcpy(ret_conversion->moves, MOVES, sizeof MOVES - sizeof *MOVES);
}

void vpc_conversion_back(struct vpc_conversion *ret_conversion) {
	vpc_conversion_forth(ret_conversion);
	ret_conversion->from = VPC_LAYOUT_VERSION;
	ret_conversion->to = VPC_LAYOUT_VERSION - 1;
	for (uint32_t i = 0; i < ret_conversion->count; i++) {
		struct vpc_move *move = &ret_conversion->moves[i];
		uint16_t from = move->from;
		move->from = move->to;
		move->to = from;
	}
}

int vpc_conversion_pin(const char *directory, const struct vpc_conversion *conversion, struct vpc_error *error) {
	char path[VPC_PIN_PATH], next[VPC_PIN_PATH + 2];
	snprintf(path, sizeof path, "%s/" VPC_CONVERSION_PIN, directory);
	snprintf(next, sizeof next, "%s+", path);
	_cleanup_(close_fd) int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, VPC_CONVERSION_PIN, sizeof FIRST, sizeof *conversion, 1, NULL);
	if (fd < 0 || bpf_map_update_elem(fd, &FIRST, conversion, BPF_ANY))
		return vpc_fail(error, -errno, "map " VPC_CONVERSION_PIN " cannot be made: %s", strerror(errno));
	unlink(next);
	int result = vpc_bpf_pin(fd, next);
	if (!result && rename(next, path))
		result = -errno;
	return result ? vpc_fail(error, result, "%s cannot be pinned: %s", path, strerror(-result)) : 0;
}

int vpc_conversion_read(const char *directory, struct vpc_conversion *ret_conversion, struct vpc_error *error) {
	char path[VPC_PIN_PATH];
	struct vpc_conversion conversion;
	struct vpc_map map;
	snprintf(path, sizeof path, "%s/" VPC_CONVERSION_PIN, directory);
	_cleanup_(close_fd) int fd = vpc_bpf_get(path);
	if (fd < 0)
		return vpc_fail(error, fd, "%s: %s", path, strerror(-fd));
	int result = vpc_map_describe(VPC_CONVERSION_PIN, fd, &map, error);
	if (result)
		return result;
	if (map.type != BPF_MAP_TYPE_ARRAY || map.value_size != sizeof conversion || bpf_map_lookup_elem(fd, &FIRST, &conversion) ||
		conversion.format != VPC_CONVERSION_FORMAT || conversion.count > VPC_CONVERSION_MOVES)
		return vpc_fail(error, -EPROTO, "%s tells a way back that this version does not understand; run the newer version", path);
	*ret_conversion = conversion;
	return 0;
}

/* A move of the map, from the index on; the count if there is no more. */
static uint32_t find_move(const struct vpc_conversion *conversion, const char *map, uint32_t index) {
	while (index < conversion->count && strncmp(conversion->moves[index].map, map, sizeof conversion->moves[index].map))
		index++;
	return index;
}

bool vpc_conversion_changes(const struct vpc_conversion *conversion, const char *map) {
	return find_move(conversion, map, 0) < conversion->count;
}

static bool changes_part(const struct vpc_conversion *conversion, const char *map, enum vpc_part part) {
	for (uint32_t i = find_move(conversion, map, 0); i < conversion->count; i = find_move(conversion, map, i + 1))
		if (conversion->moves[i].part == part)
			return true;
	return false;
}

static int check_part(const struct vpc_conversion *conversion, const char *map, enum vpc_part part, uint32_t from_size, uint32_t to_size,
	struct vpc_error *error) {
	const char *name = part == VPC_PART_KEY ? "key" : "value";
	for (uint32_t i = find_move(conversion, map, 0); i < conversion->count; i = find_move(conversion, map, i + 1)) {
		const struct vpc_move *move = &conversion->moves[i];
		if (move->part == part && ((uint32_t)move->from + move->length > from_size || (uint32_t)move->to + move->length > to_size))
			return vpc_fail(error, -EPROTO,
				"map %s: a field of the %s lies beyond its end (%" PRIu32 " bytes in layout %" PRIu32 ", %" PRIu32 " in %" PRIu32 ")", map, name, from_size, conversion->from, to_size, conversion->to);
	}
	if (from_size != to_size && !changes_part(conversion, map, part))
		return vpc_fail(error, -EPROTO,
			"map %s: the %s has %" PRIu32 " bytes in layout %" PRIu32 " and %" PRIu32 " in %" PRIu32 ", and no fields are declared", map, name, from_size, conversion->from, to_size, conversion->to);
	return 0;
}

int vpc_conversion_check(const struct vpc_conversion *conversion, const struct vpc_map *from, const struct vpc_map *to, struct vpc_error *error) {
	int result = check_part(conversion, from->name, VPC_PART_KEY, from->key_size, to->key_size, error);
	return result ?: check_part(conversion, from->name, VPC_PART_VALUE, from->value_size, to->value_size, error);
}

static void convert(const struct vpc_conversion *conversion, const char *map, enum vpc_part part, const uint8_t *from, uint8_t *ret_to,
	uint32_t size) {
	if (!changes_part(conversion, map, part)) {
		memcpy(ret_to, from, size);
		return;
	}
	memset(ret_to, 0, size);
	for (uint32_t i = find_move(conversion, map, 0); i < conversion->count; i = find_move(conversion, map, i + 1)) {
		const struct vpc_move *move = &conversion->moves[i];
		if (move->part == part)
			memcpy(ret_to + move->to, from + move->from, move->length);
	}
}

void vpc_conversion_key(const struct vpc_conversion *conversion, const struct vpc_map *from, const struct vpc_map *to, const void *key,
	void *ret_key) {
	convert(conversion, from->name, VPC_PART_KEY, key, ret_key, to->key_size);
}

void vpc_conversion_value(const struct vpc_conversion *conversion, const struct vpc_map *from, const struct vpc_map *to, const void *value,
	void *ret_value) {
	uint32_t from_stride = (from->value_size + 7) / 8 * 8, to_stride = (to->value_size + 7) / 8 * 8;
	bool is_per_cpu = from->read_size != from->value_size;
	size_t cpus = is_per_cpu ? from->read_size / from_stride : 1;
	memset(ret_value, 0, to->read_size);
	for (size_t i = 0; i < cpus; i++)
		convert(conversion, from->name, VPC_PART_VALUE, (const uint8_t *)value + i * from_stride, (uint8_t *)ret_value + i * to_stride, to->value_size);
}
