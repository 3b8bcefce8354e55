/* SPDX-License-Identifier: Apache-2.0 */
/* The VXLAN device of an earlier start with other settings. */
#ifndef AGENT_VXLAN_H
#define AGENT_VXLAN_H

#include "agent.h"

/*
 * Removes this agent's VXLAN device if its UDP port or underlay family is not as set now, so that the datapath makes it
 * anew. A device of somebody else stays. 0 or negative errno.
 */
int vxlan_drop_old(const struct agent *agent, bool ipv6, struct vpc_error *error);

#endif
