/* SPDX-License-Identifier: Apache-2.0 */
/* What the agent said of its Node, taken back. */
#ifndef AGENT_NODE_RETRACT_H
#define AGENT_NODE_RETRACT_H

#include "options.h"

#include <vpc/vpc.h>

/*
 * Removes the agent's conditions from the Node that options name, by the API server of options.kubeconfig or of the Pod that
 * this is. Waits for the answer. 0, also if there is no such Node; else a negative errno.
 */
int node_retract(const struct options *options, struct vpc_error *error);

#endif
