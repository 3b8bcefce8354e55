/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looks after Pods that run: what they are bound to beside what annotations and lists say by now, and those that were
 * started without their ADD.
 */
#ifndef AGENT_PODS_H
#define AGENT_PODS_H

#include "agent.h"

struct pods *pods_open(struct agent *agent);
/* Pods, Namespaces, VPCs, policies or settings changed. */
void pods_wake(struct pods *pods);
/* DEL or GC has come for the container: what is left of it is about to go. */
void pods_note_departed(struct pods *pods, const char *container);

#endif
