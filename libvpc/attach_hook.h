/* SPDX-License-Identifier: Apache-2.0 */
/* What the kinds of hook have in common. The caller holds the pin directory's lock. */
#ifndef VPC_ATTACH_HOOK_H
#define VPC_ATTACH_HOOK_H

#include "record.h"

/* Ours, as it stands on a hook. */
struct vpc_standing {
	uint32_t program_id;
	uint64_t program_tag;
	bool first;     /* nothing of others runs before it */
	char ahead[96]; /* else: what does, for messages */
};

struct vpc_hook_kind {
	/*
	 * Makes the program stand first, in place of what we had there. Returns -ENOTSUP if the kernel or the interface lacks
	 * the hook. On failure the hook is as it was. Flags of the record may be set.
	 */
	int (*put)(const struct vpc_place *place, int program_fd, struct vpc_record *record, struct vpc_error *error);
	/* Reads back through our pins. -ENOENT if nothing of ours stands there. */
	int (*look)(const struct vpc_place *place, const struct vpc_record *record, struct vpc_standing *ret_standing, struct vpc_error *error);
	/* Takes ours away, pins included. 0 also if nothing was there. */
	int (*drop)(const struct vpc_place *place, const struct vpc_record *record, struct vpc_error *error);
};

extern const struct vpc_hook_kind vpc_hook_tcx, vpc_hook_clsact, vpc_hook_xdp;

/* "tcx", "clsact", "xdp native", "xdp generic" */
const char *vpc_hook_name(enum vpc_hook hook);

/* Says in a sentence why the kernel refused `what` on the place, with the remedy for codes with a known one; returns code. */
int vpc_hook_fail(const struct vpc_place *place, int code, const char *what, struct vpc_error *error);

#endif
