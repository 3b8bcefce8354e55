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

/* Two Pods of one network with one address, of which the newer one has it. The objects own the texts. */
struct conflict {
	uint8_t address[16];
	const struct endpoint *newer, *older; /* NULL: this node's */
	const char *newer_node, *older_node;
	const struct record *own;             /* NULL: both are on other nodes */
};

struct conflicts {
	struct conflict *items;
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

/*
 * The VPC's Pods on other nodes, as their agents published them under this encapsulation and identifier, each address once:
 * of two Pods it is the newer one's. On a Pod's own node the address is that Pod's, whatever others say; that is told among
 * the conflicts, too.
 */
void collect_remotes(const struct agent *agent, const char *vpc_uid, enum vpc_encapsulation encapsulation, uint32_t id,
    struct remotes *ret_remotes, struct conflicts *ret_conflicts);
/* allow and allowFrom of the VPC; where it has no allow, port 53 of the cluster's DNS. */
void collect_rules(const struct agent *agent, const struct object *vpc, struct rule_specs *ret_rules);
/* Underlay addresses of the other nodes, each once. */
void collect_nodes(const struct agent *agent, struct node_list *ret_nodes);

#endif
