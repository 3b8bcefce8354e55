/* SPDX-License-Identifier: Apache-2.0 */
/* What people may write, and what agents do, from the tables that the agent itself reads by. */
#ifndef AGENT_REFERENCE_H
#define AGENT_REFERENCE_H

#include <stdio.h>

/* Writes Markdown: the fields of VPC, NetworkID and VPCEndpoints, and the keys of the ConfigMap. 0 or negative errno. */
int reference_print(FILE *file);

#endif
