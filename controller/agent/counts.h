/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The counts in a VPC's status: Pods and nodes. One node writes them, the one of the highest rendezvous hash among those
 * that publish VPCEndpoints of the VPC, and the next where that one does not; where there is none left, among all Nodes.
 */
#ifndef AGENT_COUNTS_H
#define AGENT_COUNTS_H

#include "agent.h"

/* Milliseconds. */
struct counts_timing {
	uint32_t settle;
	uint32_t write; /* between two writes of one VPC's counts */
	uint32_t ask;   /* between two live looks at a VPC of which this node knows no Pods */
	uint32_t rank;  /* each node that comes before this one has so much time to write */
};
extern const struct counts_timing COUNTS_TIMING;

/* timing: NULL: COUNTS_TIMING. */
struct counts *counts_open(struct agent *agent, const struct counts_timing *timing);
/* Forgets all, with no work under way. */
void counts_close(struct counts *counts);
/* An object changed, or is gone. */
void counts_note(struct counts *counts, const struct object *object);
/* Everything is known now. */
void counts_wake(struct counts *counts);

#endif
