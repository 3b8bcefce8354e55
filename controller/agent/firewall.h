/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The nftables rule against forged VXLAN: a packet that this node only forwards may not go to the VXLAN port, since a
 * masqueraded one would arrive elsewhere with this node's address. Table `inet libvpc`; both families.
 */
#ifndef AGENT_FIREWALL_H
#define AGENT_FIREWALL_H

#include "agent.h"

/* Puts the rule in place. 0 if it stood there, 1 if not, or a negative errno with nftables' words. */
int firewall_open(struct agent *agent, struct vpc_error *error);
/* Takes the table away. 0, also if there was none, or a negative errno with nftables' words. */
int firewall_remove(struct vpc_error *error);
/* Puts it back if somebody changed or removed it, and reports that. */
void firewall_keep(struct agent *agent);

#endif
