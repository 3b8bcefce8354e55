/* SPDX-License-Identifier: Apache-2.0 */
/* What this node is towards the others: underlay address, uplink, and its conditions. */
#ifndef AGENT_NODE_H
#define AGENT_NODE_H

#include "agent.h"

/* Finds underlay address and uplink, and opens the datapath. 0 or negative errno with a message that says what is missing. */
int node_open(struct agent *agent, struct vpc_error *error);
/* Bytes that the encapsulation costs on this node's underlay. */
uint32_t node_overhead(const struct agent *agent, enum vpc_encapsulation encapsulation);
/* Conditions of this node: whether ADD can be served, and whether the settings are in force. */
void node_tell_conditions(struct agent *agent);
/* The source address that routing gives for each node must be the published one; else a condition says so. */
void node_check_routes(struct agent *agent, const uint8_t (*nodes)[16], size_t count);

#endif
