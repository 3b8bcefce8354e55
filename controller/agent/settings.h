/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the ConfigMap to the settings in force. A wrong ConfigMap leaves the last good one in force, which the state folder
 * keeps for the next start. Settings of the datapath (uplink, underlay family, UDP port) are kept until the agent starts
 * anew: while some nodes have the new ones and others the old, packets between them would be lost without a trace.
 */
#ifndef AGENT_SETTINGS_H
#define AGENT_SETTINGS_H

#include "agent.h"

/* The ConfigMap is there, changed or gone. What is not in force is told: settings_reason, the log, an Event. */
void settings_take(struct agent *agent);
/* Before the source has told anything: those of an earlier start. False if there are none. */
bool settings_take_kept(struct agent *agent);

#endif
