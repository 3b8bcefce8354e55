/* SPDX-License-Identifier: Apache-2.0 */
/* Which VPC a Pod is to join, and whether it may: pure decisions on objects. */
#ifndef AGENT_MEMBERSHIP_H
#define AGENT_MEMBERSHIP_H

#include "agent.h"
#include "cni_request.h"

/*
 * The annotation that counts for the Pod: its own, else its Namespace's. *ret_name is NULL if there is none; it lives as
 * long as the objects. Returns 0, or CNI_REFUSED for an empty or malformed value: that is never "no VPC".
 */
int membership_annotation(const struct agent *agent, const struct object *pod, const char **ret_name, struct vpc_error *error);

/* Whether the Pod may join this VPC. 0 or CNI_REFUSED and why. A NetworkPolicy that is only warned about is logged. */
int membership_admit(const struct agent *agent, const struct object *pod, const struct object *vpc, struct vpc_error *error);

/* True if the policy's podSelector selects the Pod (same namespace, all labels, all expressions). */
bool policy_selects(const struct object *policy, const struct object *pod);

#endif
