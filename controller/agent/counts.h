/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The counts in a VPC's status: Pods and nodes. One node writes them, the one of the highest rendezvous hash among those
 * that publish VPCEndpoints of the VPC; where there is none left, among all Nodes.
 */
#ifndef AGENT_COUNTS_H
#define AGENT_COUNTS_H

#include "agent.h"

struct counts *counts_open(struct agent *agent);

#endif
