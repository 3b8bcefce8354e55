/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How entries of one layout become entries of another: fields that both have are moved, all else is zero. It is data, so
 * that a newer version can hand its way back to an older one, which knows nothing of it: pinned as `release`, an array of
 * this one value in host byte order.
 */
#ifndef VPC_DATAPATH_CONVERSION_H
#define VPC_DATAPATH_CONVERSION_H

#include <stdbool.h>
#include <stdint.h>

#include "datapath_map.h"

enum vpc_part { VPC_PART_KEY, VPC_PART_VALUE };

/* A field that both layouts have: offsets and length in bytes. */
struct vpc_move {
	char map[16];
	uint16_t part; /* enum vpc_part */
	uint16_t from, to, length;
};

#define VPC_CONVERSION_FORMAT 1 /* of this structure, whatever the layouts are */
#define VPC_CONVERSION_MOVES 256
#define VPC_CONVERSION_PIN "release"

struct vpc_conversion {
	uint32_t format;
	uint32_t from, to; /* layouts */
	uint32_t count;
	struct vpc_move moves[VPC_CONVERSION_MOVES];
};

/* From the layout before this library's to its own, and back. */
void vpc_conversion_forth(struct vpc_conversion *ret_conversion);
void vpc_conversion_back(struct vpc_conversion *ret_conversion);

/* Pins the conversion in that directory; one that is there is replaced. */
int vpc_conversion_pin(const char *directory, const struct vpc_conversion *conversion, struct vpc_error *error);
/* -ENOENT if none is pinned there; -EPROTO if it is not one that this library understands. */
int vpc_conversion_read(const char *directory, struct vpc_conversion *ret_conversion, struct vpc_error *error);

/* Whether entries of the map are other ones in the other layout. */
bool vpc_conversion_changes(const struct vpc_conversion *conversion, const char *map);
/* -EPROTO if entries of the one cannot become entries of the other by it: fields beyond the end, or sizes that nothing explains. */
int vpc_conversion_check(const struct vpc_conversion *conversion, const struct vpc_map *from, const struct vpc_map *to, struct vpc_error *error);
/* Writes the whole key or value, of all CPUs where the map has one for each. Checked before. */
void vpc_conversion_key(const struct vpc_conversion *conversion, const struct vpc_map *from, const struct vpc_map *to, const void *key,
	void *ret_key);
void vpc_conversion_value(const struct vpc_conversion *conversion, const struct vpc_map *from, const struct vpc_map *to, const void *value,
	void *ret_value);

#endif
