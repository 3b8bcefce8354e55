/* SPDX-License-Identifier: Apache-2.0 */
/* Live reads of Namespaces, for many ADDs at once. */
#ifndef AGENT_NAMESPACES_H
#define AGENT_NAMESPACES_H

#include "agent.h"

/*
 * Reads the Namespace as it is now: what is answered was asked for after this call. Calls that come while a question is
 * under way share the next one. Memory has the object when the answer comes.
 */
void namespace_read(struct agent *agent, const char *name, source_answer answer, void *context);

#endif
