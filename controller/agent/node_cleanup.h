/* SPDX-License-Identifier: Apache-2.0 */
/* vpc-controller cleanup: takes everything of libvpc off a node. */
#ifndef AGENT_NODE_CLEANUP_H
#define AGENT_NODE_CLEANUP_H

#include "options.h"

/*
 * At no moment is a Pod of a VPC open to what it could not reach: it is refused while there are such Pods; with options.force
 * their interfaces are taken down before the programs go. What cannot be removed is logged, and the rest is done all the same.
 * Returns the exit status: 0 nothing is left, 1 something is, 3 refused.
 */
int node_cleanup(const struct options *options);

#endif
