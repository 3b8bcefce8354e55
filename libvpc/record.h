/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was attached where: one pinned hash map for each pin directory, <directory>/records.
 *
 * A change is first staged, then made in the kernel, then committed:
 *
 *	stage: records[place, staged] = new      attach: link or filter is made or exchanged
 *	commit: records[place] = new, delete records[place, staged]
 *
 * Whoever finds a staged record under the lock finds the work of a process that died: the program that stands on the hook
 * tells whether the staged record or the older one is the true one.
 */
#ifndef VPC_RECORD_H
#define VPC_RECORD_H

#include <stdint.h>

#include "pins.h"

#define VPC_RECORD_LIMIT 8192 /* attachments of a node, staged ones included */

struct vpc_record_key {
	uint64_t netns; /* inode number */
	uint32_t ifindex;
	uint16_t direction; /* enum vpc_direction */
	uint16_t staged;    /* 0 or 1 */
};

enum { VPC_RECORD_QDISC_OURS = 1 }; /* the clsact qdisc was made for this attachment */

struct vpc_record {
	uint64_t program_tag;
	uint32_t program_id;
	uint16_t hook;  /* enum vpc_hook */
	uint16_t flags; /* VPC_RECORD_* */
	char owner[16];
	char program[32];
	uint8_t template_hash[32];
	char values[512]; /* ends in " ..." if there was more */
};

/* Opens the map; makes and pins it if it is not there and `make` is set, else -ENOENT. Returns a descriptor. */
int vpc_records_open(const struct vpc_pins *pins, bool make, struct vpc_error *error);
/* The inode number of the map's pin, by which it is told whether it is still the same; 0 if there is none. */
uint64_t vpc_records_inode(const struct vpc_pins *pins);
/* Removes the pin if no record is left. */
void vpc_records_remove_empty(const struct vpc_pins *pins, int records_fd);

/* -ENOENT if there is none. */
int vpc_record_get(int records_fd, const struct vpc_place *place, bool staged, struct vpc_record *ret_record);
int vpc_record_stage(int records_fd, const struct vpc_place *place, const struct vpc_record *record, struct vpc_error *error);
int vpc_record_commit(int records_fd, const struct vpc_place *place, const struct vpc_record *record, struct vpc_error *error);
/* Forgets the staged record; the older one stays. */
void vpc_record_unstage(int records_fd, const struct vpc_place *place);
/* Removes both. */
int vpc_record_delete(int records_fd, const struct vpc_place *place);

/* Every key, in an array that the caller frees with free(). */
int vpc_record_keys(int records_fd, struct vpc_record_key **ret_keys, size_t *ret_count);

void vpc_record_fill(const struct vpc_instance *instance, enum vpc_hook hook, const char *owner, struct vpc_record *ret_record);
void vpc_record_tell(const struct vpc_place *place, const struct vpc_record *record, struct vpc_attachment *ret_attachment);

#endif
