/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compares what should be (objects, records) with what is (kernel), and acts on differences. A restart therefore changes
 * nothing, and what somebody removed comes back.
 */
#ifndef AGENT_RECONCILER_H
#define AGENT_RECONCILER_H

#include "agent.h"

struct reconciler *reconciler_open(struct agent *agent);
/* Objects changed: looks at everything soon. */
void reconciler_wake(struct reconciler *reconciler);

/*
 * Attaches a Pod and gives its network the rules and remote members, at once. The record is in agent->records and on disk
 * already; the caller tells what it took. 0 or negative errno; on failure the Pod is closed: nothing passes, and the record says so.
 */
int reconciler_attach(struct reconciler *reconciler, struct record *record, struct vpc_timing *ret_timing, struct vpc_error *error);
/* Closes the interface of a record that is in agent->records: nothing passes. Where that does not succeed, it is tried again. */
void reconciler_close(struct reconciler *reconciler, struct record *record);
/* Removes the Pod's kernel state, then its record; later its published endpoint. 0 or negative errno: then the record stays. */
int reconciler_detach(struct reconciler *reconciler, struct record *record, struct vpc_error *error);
/*
 * Container or address of this Pod are another's now. Removes what stands of it or, while its interface does, closes that.
 * The record may be gone afterwards. 0 or negative errno.
 */
int reconciler_retire(struct reconciler *reconciler, struct record *record, struct vpc_error *error);

#endif
