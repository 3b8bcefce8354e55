/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the maps of one layout to those of another, under traffic.
 *
 *	begin     v<own>+ is filled: maps that are the same in both layouts are pinned there too, the others made and filled;
 *	          records and pins of attachments are the same in both. All programs are loaded once, to see that they can be.
 *	          Then v<own>+ becomes v<own>, in one step.
 *	switch    the shared programs are exchanged, which Pods' programs of either layout call; entries that programs made
 *	          meanwhile are copied right before and after.
 *	end       Pods' programs are exchanged, the last entries copied, and the other directory is removed.
 *
 * Until v<own> stands, the other layout goes on as if nothing had been. From then on both directories are whole; whichever
 * version starts takes what the other layout has and its own has not, puts its own programs in place of all others, and
 * removes the other directory. An older version may do so only while `release` is pinned in the newer directory: as long
 * as the migration is not over, and when the newer version was asked for it.
 *
 * A flow that begins in the moment between the exchange of the program that sees it leave and that which sees the answer
 * may lose its first answer. What is counted in a map that is another one is not counted between the copy and the end.
 */
#ifndef VPC_DATAPATH_MIGRATION_H
#define VPC_DATAPATH_MIGRATION_H

#include "datapath_internal.h"

struct vpc_migration;

/* Does nothing where there is no other layout. -EPROTO: one that is not to be touched. Before the datapath's maps are opened. */
int vpc_migration_begin(struct vpc_datapath *datapath, const struct vpc_datapath_options *options, struct vpc_error *error);
/* Our directory is locked: removes what processes left that died while they filled another. -EAGAIN if another layout has appeared. */
int vpc_migration_confirm(const struct vpc_datapath *datapath, const struct vpc_datapath_options *options, struct vpc_error *error);
/* Copies what programs have added to the other layout's maps since. These three do nothing if none is under way. */
int vpc_migration_catch_up(struct vpc_datapath *datapath, struct vpc_error *error);
/* Puts a shared program at its place in the other layout's array also, if that is not the same. */
int vpc_migration_put_step(struct vpc_datapath *datapath, uint32_t step, int program_fd, struct vpc_error *error);
/* The node's own programs stand: does the rest. A Pod whose programs cannot be exchanged stays stale. */
int vpc_migration_end(struct vpc_datapath *datapath, struct vpc_error *error);
void vpc_migration_free(struct vpc_datapath *datapath);

#endif
