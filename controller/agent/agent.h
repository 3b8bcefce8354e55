/* SPDX-License-Identifier: Apache-2.0 */
/* The agent as a whole: what its parts share. One process, one loop, no threads. */
#ifndef AGENT_AGENT_H
#define AGENT_AGENT_H

#include "config.h"
#include "options.h"
#include "record.h"
#include "source.h"
#include "table.h"

#include <uv.h>

struct allocator;
struct publisher;
struct reconciler;
struct cni_server;
struct addition;
struct events;
struct counts;
struct pods;

struct agent {
	uv_loop_t loop;
	struct options options;
	struct source *source;
	bool synced, told_ready;
	struct table objects[KINDS]; /* by name, or "namespace/name" */
	struct config config;        /* in force */
	const char *settings_reason; /* CamelCase: why other settings than the ConfigMap's are in force; NULL: they are the same */
	char settings_trouble[600];
	bool settings_lacking; /* the ConfigMap is wrong, and there are no earlier settings */
	bool node_busy;        /* the Node's status is being written, or its taint lifted */
	struct allocator *allocator;
	struct publisher *publisher;
	struct reconciler *reconciler;
	struct events *events;
	struct counts *counts;
	struct pods *pods;
	struct cni_server *server;
	struct addition *additions; /* ADDs under way */
	uv_timer_t wake, tick;
	uv_timer_cb on_wake;

	int state_folder;
	int bindings_folder;
	struct table bindings; /* UID of a Pod to struct binding */
	struct table readings; /* name of a Namespace to struct reading */
	struct table records; /* "container/interface" to struct record: the Pods that this node has in VPCs */

	struct vpc_datapath *datapath; /* NULL: see not_ready */
	char not_ready[600];           /* why ADD cannot be served; "" if it can */
	const char *plugin_reason;     /* CamelCase: how vpc-cni is installed; "": that is none of ours */
	char plugin_trouble[600];      /* why the runtime does not ask vpc-cni about every Pod; "" if it does, or is none of ours */
	uint64_t started;              /* uv_hrtime() */
	uint8_t underlay[16];          /* own address, IPv4-mapped for IPv4 */
	uint32_t uplink_ifindex;
	uint8_t uplink_mac[6];
};

/* NULL if there is none. namespace: NULL for cluster-scoped kinds. The agent keeps it. */
const struct object *agent_find(const struct agent *agent, enum kind kind, const char *namespace, const char *name);
/* The VPC of that UID, or NULL. */
const struct object *agent_find_vpc(const struct agent *agent, const char *uid);

/*
 * Starts the parts. 0 or negative errno. There is no way back but the end of the process, which may come at any time:
 * whatever must last is on disk and in the kernel.
 */
int agent_start(struct agent *agent, const struct options *options, struct vpc_error *error);
/* Makes or removes the ready file and logs the change. */
void agent_tell_ready(struct agent *agent);

#endif
