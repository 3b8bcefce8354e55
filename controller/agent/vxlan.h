/* SPDX-License-Identifier: Apache-2.0 */
/* The VXLAN device: that of an earlier start with other settings, and its end. */
#ifndef AGENT_VXLAN_H
#define AGENT_VXLAN_H

#include "agent.h"

/*
 * Removes this agent's VXLAN device if its UDP port or underlay family is not as set now, so that the datapath makes it
 * anew. A device of somebody else stays. 0 or negative errno.
 */
int vxlan_drop_old(const struct agent *agent, bool ipv6, struct vpc_error *error);
/* Removes the device for good. 0, also if there was none, or negative errno. */
int vxlan_remove(struct vpc_error *error);

#endif
