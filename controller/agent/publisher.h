/* SPDX-License-Identifier: Apache-2.0 */
/*
 * This node's VPCEndpoints, made from its records. The object exists before a Pod of the VPC is attached and goes after
 * the last one's kernel state, since it is what keeps the VPC's identifier from being given to another.
 */
#ifndef AGENT_PUBLISHER_H
#define AGENT_PUBLISHER_H

#include "agent.h"

struct publisher *publisher_open(struct agent *agent);

/* A Pod is about to join: the object shall exist. Each reservation is given back once the record stands or has failed. */
void publisher_reserve(struct publisher *publisher, const struct object *vpc, enum vpc_encapsulation encapsulation, uint32_t id);
void publisher_unreserve(struct publisher *publisher, const char *vpc_uid);
/* True once the object exists in the source. */
bool publisher_exists(const struct publisher *publisher, const char *vpc_uid);
/* Records changed. */
void publisher_wake(struct publisher *publisher);
/* An object changed, or is gone. */
void publisher_note(struct publisher *publisher, const struct object *object);

#endif
