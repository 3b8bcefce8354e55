/* SPDX-License-Identifier: Apache-2.0 */
/* What this agent has attached to interfaces, as the kernel's records tell, beside what it knows of Pods. */
#ifndef AGENT_ATTACHMENTS_H
#define AGENT_ATTACHMENTS_H

#include "agent.h"

/*
 * Compares all attachments with the records. What interfaces that vanished have left is removed, and so is what stands on
 * a former uplink; an interface that stands without a record gets one, without a container, by which it is closed.
 */
void attachments_compare(struct agent *agent);
/* True if that program of this agent stands at the interface's ingress. */
bool attachments_has(const struct agent *agent, uint32_t ifindex, const char *program);
/* True if nothing passes the interface, in both directions. */
bool attachments_are_closed(const struct agent *agent, uint32_t ifindex);
/* Takes away what stands on the interface. 0, also if there was nothing, or negative errno. */
int attachments_remove(const struct agent *agent, uint32_t ifindex, struct vpc_error *error);

#endif
