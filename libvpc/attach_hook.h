/* SPDX-License-Identifier: Apache-2.0 */
/* What the kinds of hook have in common. The caller holds the pin directory's lock. */
#ifndef VPC_ATTACH_HOOK_H
#define VPC_ATTACH_HOOK_H

#include "bpf_syscall.h"
#include "record.h"

/* Ours, as it stands on a hook. */
struct vpc_standing {
	uint32_t program_id;
	uint64_t program_tag;
	bool first;     /* nothing of others runs before it */
	char ahead[128];/* if not first: what runs before, for messages */
};

struct vpc_hook_kind {
	/* Notes in the record, before it is staged, what put() is going to make besides the attachment. May be NULL. */
	int (*prepare)(const struct vpc_place *place, struct vpc_record *record, struct vpc_error *error);
	/*
	 * Makes the program stand first, in place of what we had there. Returns -ENOTSUP if the kernel or the interface lacks
	 * the hook, -EBUSY if others hold it. On failure all is as it was.
	 */
	int (*put)(const struct vpc_place *place, int program_fd, const struct vpc_record *record, struct vpc_error *error);
	/* Reads back. -ENOENT if nothing of ours stands there, or the interface is gone. */
	int (*look)(const struct vpc_place *place, struct vpc_standing *ret_standing, struct vpc_error *error);
	/* Whether our pin is there and names that program. May be NULL: look() finds what stands by the pin. */
	bool (*is_pinned)(const struct vpc_place *place, uint32_t program_id);
	/* Takes ours away, pins included. 0 also if nothing was there, or the interface is gone. */
	int (*drop)(const struct vpc_place *place, const struct vpc_record *record, struct vpc_error *error);
};

extern const struct vpc_hook_kind vpc_hook_tcx, vpc_hook_clsact, vpc_hook_xdp;

const struct vpc_hook_kind *vpc_hook_kind_of(enum vpc_hook hook);
/* "tcx", "clsact", "xdp native", ...: for messages */
const char *vpc_hook_name(enum vpc_hook hook);

/* Removes the clsact qdisc of the interface if no filter is left on it. */
void vpc_clsact_remove_qdisc(const struct vpc_place *place);

/* The live link of that type at our pin and what the kernel tells of it. -ENOENT if there is none, or a dead one. */
int vpc_hook_get_link(const struct vpc_place *place, uint32_t type, int *ret_fd, struct vpc_bpf_link *ret_link);
/* drop() for hooks with a link. */
int vpc_hook_drop_link(const struct vpc_place *place, const struct vpc_record *record, struct vpc_error *error);

/* Says in a sentence why the kernel refused `what` on the place, with the remedy for codes with a known one; returns code. */
int vpc_hook_fail(const struct vpc_place *place, int code, const char *what, struct vpc_error *error);

#endif
