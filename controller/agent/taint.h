/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The taint with which operators may start nodes, so that no Pod is bound to one whose agent cannot give it its VPC yet. The
 * agent takes it off its own Node once, and never puts it there.
 */
#ifndef AGENT_TAINT_H
#define AGENT_TAINT_H

#include "agent.h"

#define NOT_READY_TAINT "libvpc.io/agent-not-ready"

/* Lifts it if it is there and the agent is ready; else does nothing. Call it in each round. */
void taint_lift(struct agent *agent);

#endif
