/* SPDX-License-Identifier: Apache-2.0 */
/* Carries out what allocation.h decides: claims, status, garbage, tombstones. */
#ifndef AGENT_ALLOCATOR_H
#define AGENT_ALLOCATOR_H

#include "agent.h"
#include "allocation.h"

struct allocator *allocator_open(struct agent *agent);
/* An object changed, or is gone, and the agent's tables say so already: looks at what may follow from it. */
void allocator_note(struct allocator *allocator, enum source_event event, const struct object *object);
/* Everything is known now, or the settings changed: looks at all VPCs and claims. */
void allocator_wake(struct allocator *allocator);
/* A Pod waits for this VPC's identifier: this agent hardly holds back. */
void allocator_hurry(struct allocator *allocator, const char *vpc_uid);

/* The VPC's identifier, if claim and status agree in what the agent knows; else -EAGAIN and why not. */
int allocator_agreed(const struct agent *agent, const struct object *vpc, enum vpc_encapsulation *ret_encapsulation, uint32_t *ret_id,
    struct vpc_error *error);

#endif
