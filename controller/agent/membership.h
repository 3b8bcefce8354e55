/* SPDX-License-Identifier: Apache-2.0 */
/* Which VPC a Pod is to join, and whether it may: pure decisions on objects. */
#ifndef AGENT_MEMBERSHIP_H
#define AGENT_MEMBERSHIP_H

#include "agent.h"
#include "binding.h"
#include "cni_request.h"

/*
 * The annotation that counts for the Pod: its own, else its Namespace's. *ret_name is NULL if there is none; it lives as
 * long as the objects. Returns 0, or CNI_REFUSED for an empty or malformed value: that is never "no VPC". What the Namespace
 * says is as memory has it; namespaces.h reads it live.
 */
int membership_annotation(const struct agent *agent, const struct object *pod, const char **ret_name, struct vpc_error *error);

/* False if its Namespace decides. */
bool membership_is_own(const struct object *pod);

/* The UID that the runtime has of a static Pod, beside that of its mirror in the API; NULL for other Pods. */
const char *membership_static_uid(const struct object *pod);

/*
 * Whether the Pod can be in any VPC, whichever the annotation names: not with hostNetwork, not a static one, not in an excluded
 * namespace. 0, or CNI_REFUSED and why, *ret_reason (may be NULL) in one word.
 */
int membership_eligible(const struct agent *agent, const struct object *pod, const char **ret_reason, struct vpc_error *error);

/* True if the VPC's list names the namespace. */
bool membership_is_listed(const struct object *vpc, const char *namespace);

/*
 * Whether the Pod may join this VPC: it is listed, or bound to this VPC already (binding may be NULL), and no NetworkPolicy selects it (unless
 * they are only warned about). 0 or CNI_REFUSED and why.
 */
int membership_admit(
    const struct agent *agent, const struct object *pod, const struct object *vpc, const struct binding *binding, struct vpc_error *error);

/* The first NetworkPolicy that selects the Pod, or NULL. */
const struct object *membership_policy(const struct agent *agent, const struct object *pod);

/* True if the policy's podSelector selects the Pod (same namespace, all labels, all expressions). */
bool policy_selects(const struct object *policy, const struct object *pod);

#endif
