/* SPDX-License-Identifier: Apache-2.0 */
/* From objects to what the datapath is told: remote members, rules, nodes. Pure: nothing here touches the kernel. */
#ifndef AGENT_NETWORKS_H
#define AGENT_NETWORKS_H

#include "agent.h"

/* A growing array of plain structures; all zeros is empty. Released with free(items). */
struct remotes {
	struct vpc_remote *items;
	size_t count;
};

struct rule_specs {
	struct vpc_rule_spec *items;
	size_t count;
};

struct node_list {
	uint8_t (*items)[16];
	size_t count;
};

/* The VPC's Pods on other nodes, as their agents published them under this encapsulation and identifier. */
void collect_remotes(
    const struct agent *agent, const char *vpc_uid, enum vpc_encapsulation encapsulation, uint32_t id, struct remotes *ret_remotes);
/* allow and allowFrom of the VPC, and the cluster's DNS. */
void collect_rules(const struct agent *agent, const struct object *vpc, struct rule_specs *ret_rules);
/* Underlay addresses of the other nodes, each once. */
void collect_nodes(const struct agent *agent, struct node_list *ret_nodes);

#endif
