/* SPDX-License-Identifier: Apache-2.0 */
/* Whether Pods of this node get their VPC, and if not, why: what /readyz, the metrics and the Node's taint go by. */
#ifndef AGENT_READINESS_H
#define AGENT_READINESS_H

#include "agent.h"

/* One part that has to be in order. */
struct readiness {
	const char *part;   /* "objects", "datapath", "plugin" */
	const char *reason; /* NULL: in order; else a sentence, which lives until the loop goes on */
};

#define READINESS_PARTS 3

void readiness_read(const struct agent *agent, struct readiness ret_parts[READINESS_PARTS]);
/* True if every part is in order. */
bool readiness_is_given(const struct agent *agent);

#endif
