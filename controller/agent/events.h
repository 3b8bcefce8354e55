/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What happened to an object, in the log and as an Event beside the object. Equal Events, of one object and reason, are one:
 * counted, and written again no more often than every 30 s.
 */
#ifndef AGENT_EVENTS_H
#define AGENT_EVENTS_H

#include "agent.h"
#include "log.h"

/* What an Event is about. namespace and uid may be NULL. */
struct subject {
	enum kind kind;
	const char *namespace, *name, *uid;
};

struct subject subject_of(const struct object *object);
/* The Pod of a record. */
struct subject subject_of_record(const struct record *record);
/* This node's Node. */
struct subject subject_of_node(const struct agent *agent);

struct events *events_open(struct agent *agent);

/* Logs at once; the Event is written soon, from the loop. level: LOG_INFO is "Normal", above is "Warning". reason: CamelCase. */
__attribute__((format(printf, 5, 6))) void tell(
    const struct agent *agent, enum log_level level, struct subject subject, const char *reason, const char *format, ...);

#endif
