/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pods that were started without their ADD: the plugin came late, or was missing from the main plugin's list. Their
 * interface is found by what the runtime's CNI library keeps (cni_cache.h), closed at once, and then gets what an ADD would
 * have given it.
 */
#ifndef AGENT_LATE_H
#define AGENT_LATE_H

#include "agent.h"

/* What was done about one Pod; all zeros at first. */
struct late {
	uint64_t since;    /* uv_now when it was looked for first */
	uint64_t retry_at; /* uv_now of the next try */
	uint32_t pause;    /* milliseconds between the last two */
	bool told, told_missing;
};

/*
 * Looks for the Pod's interface, which no ADD of ours has seen. record: the Pod's, closed, or NULL. departed: containers whose
 * DEL has come. only_close: it may join no VPC.
 */
void late_look(struct agent *agent, struct late *late, const struct object *pod, const struct record *record, const struct table *departed,
    bool only_close);

#endif
