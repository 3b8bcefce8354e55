/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a Pod was bound to when it started: a VPC, or none. That holds for the Pod's life, also when its sandbox is made
 * anew, whatever becomes of annotations and lists: `STATE/bindings/UID` says "none", or "vpc NAME UID". An empty file, which a power
 * cut may leave, says nothing.
 */
#ifndef AGENT_BINDING_H
#define AGENT_BINDING_H

#include "agent.h"

struct binding {
	char *vpc_name, *vpc_uid; /* NULL: the Pod is in no VPC */
};

/* 0, or negative errno if the folder cannot be used. A file that cannot be read is reported and removed: then nothing is known. */
int bindings_load(struct agent *agent, struct vpc_error *error);
/* By the UID that the runtime has. NULL if nothing is known. */
const struct binding *binding_find(const struct agent *agent, const char *uid);
/* By any UID that the runtime may have of this Pod: a static Pod's is not that of its mirror. */
const struct binding *binding_of(const struct agent *agent, const struct object *pod);
/* vpc_name NULL: none. 0, or -EINVAL if that can be no UID, -ENOSPC and others. */
int binding_store(struct agent *agent, const char *uid, const char *vpc_name, const char *vpc_uid, struct vpc_error *error);
/* Forgets those whose Pods are no more. To be called only while everything could be read. */
void bindings_sweep(struct agent *agent);

#endif
