/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The counts in a VPC's status: Pods and nodes. One node writes them, the one of the highest rendezvous hash among those
 * that publish VPCEndpoints of the VPC, and the next where that one does not; where there is none left, among all Nodes.
 */
#ifndef AGENT_COUNTS_H
#define AGENT_COUNTS_H

#include "agent.h"

struct counts *counts_open(struct agent *agent);
/* An object changed, or is gone. */
void counts_note(struct counts *counts, const struct object *object);
/* Everything is known now. */
void counts_wake(struct counts *counts);

#endif
