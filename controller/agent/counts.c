// SPDX-License-Identifier: Apache-2.0
#include "counts.h"
#include "allocation.h"
#include "../cleanup.h"
#include "log.h"
#include "text.h"

#include <errno.h>
#include <string.h>

#define LOOK_MS 2000
#define WRITE_MS 10000 /* between two writes of one VPC's counts */
#define ASK_MS 30000   /* between two live looks at a VPC of which this node has no Pods */

struct counts {
	struct agent *agent;
	uv_timer_t often;
	struct table writes; /* UID of the VPC to struct write */
};

/* What this node wrote last of a VPC. */
struct write {
	struct counts *counts;
	char *uid;
	bool busy;
	uint64_t not_before;
	size_t users; /* VPCEndpoints with Pods that a live look has counted */
};

struct count {
	const char *uid;
	int64_t pods, nodes;
	const char *first_node; /* of the highest hash */
};

static void add_endpoints(void *context, const struct object *object) {
	struct count *count = context;
	const struct endpoints_object *endpoints = &object->endpoints;
	if (strcmp(endpoints->vpc_uid, count->uid) || !endpoints->pods.count)
		return;
	count->pods += endpoints->pods.count;
	count->nodes++;
	if (!count->first_node || rendezvous_weight(count->uid, endpoints->node) > rendezvous_weight(count->uid, count->first_node))
		count->first_node = endpoints->node;
}

static void note_written(void *context, int result, const struct object *object, const struct vpc_error *error) {
	struct write *write = context;
	(void)object;
	write->busy = false;
	if (result < 0 && result != -EAGAIN && result != -ENOENT) /* on a race the next look writes */
		log_event(LOG_WARNING, "counts", "StatusNotWritten", "%s", error->text);
}

static void begin(struct write *write, uint32_t pause) {
	write->busy = true;
	write->not_before = uv_now(&write->counts->agent->loop) + pause;
}

static void write_counts(struct write *write, const struct object *vpc, const struct count *count) {
	struct source *source = write->counts->agent->source;
	_cleanup_(object_release) struct object *changed = object_clone(vpc);
	changed->vpc.status.pods = count->pods;
	changed->vpc.status.nodes = count->nodes;
	begin(write, WRITE_MS);
	source->verbs->update(source, changed, note_written, write);
}

static void note_user(void *context, const struct object *endpoints) {
	struct write *write = context;
	write->users += endpoints->endpoints.pods.count > 0;
}

static void note_users(void *context, int result, const struct object *object, const struct vpc_error *error) {
	struct write *write = context;
	const struct object *vpc = agent_find_vpc(write->counts->agent, write->uid);
	(void)object, (void)error;
	write->busy = false;
	if (result == 0 && !write->users && vpc && (vpc->vpc.status.pods || vpc->vpc.status.nodes))
		write_counts(write, vpc, &(struct count){.uid = write->uid});
}

/* With no Pods left it is any node's business, and memory may lack what only others have: the source is asked. */
static void look_for_users(struct write *write) {
	struct agent *agent = write->counts->agent;
	if (rendezvous_rank(write->uid, agent->options.node, &agent->objects[KIND_NODE]) != 0)
		return;
	write->users = 0;
	begin(write, ASK_MS);
	agent->source->verbs->list(agent->source, KIND_ENDPOINTS, UID_LABEL, write->uid, note_user, note_users, write);
}

static void look_at(struct counts *counts, const struct object *vpc) {
	struct agent *agent = counts->agent;
	struct count count = {.uid = vpc->metadata.uid};
	struct write *write = table_get(&counts->writes, count.uid);
	TABLE_EACH(&agent->objects[KIND_ENDPOINTS], entry)
	add_endpoints(&count, entry->value);
	if ((count.pods == vpc->vpc.status.pods && count.nodes == vpc->vpc.status.nodes) ||
	    (write && (write->busy || uv_now(&agent->loop) < write->not_before)))
		return;
	if (!write) {
		write = allocate(sizeof *write);
		*write = (struct write){.counts = counts, .uid = duplicate(count.uid)};
		table_put(&counts->writes, count.uid, write);
	}
	if (!count.first_node)
		look_for_users(write);
	else if (!strcmp(count.first_node, agent->options.node))
		write_counts(write, vpc, &count);
}

static void drop_old_writes(struct counts *counts) {
	for (bool again = true; again;) {
		again = false;
		TABLE_EACH(&counts->writes, entry) {
			struct write *write = entry->value;
			if (write->busy || agent_find_vpc(counts->agent, entry->key))
				continue;
			table_remove(&counts->writes, write->uid);
			free(write->uid);
			free(write);
			again = true;
			break;
		}
	}
}

static void look_often(uv_timer_t *timer) {
	struct counts *counts = timer->data;
	struct agent *agent = counts->agent;
	if (!agent->synced)
		return;
	TABLE_EACH(&agent->objects[KIND_VPC], entry) {
		const struct object *vpc = entry->value;
		if (vpc->metadata.uid)
			look_at(counts, vpc);
	}
	drop_old_writes(counts);
}

struct counts *counts_open(struct agent *agent) {
	struct counts *counts = allocate(sizeof *counts);
	counts->agent = agent;
	uv_timer_init(&agent->loop, &counts->often);
	counts->often.data = counts;
	uv_timer_start(&counts->often, look_often, LOOK_MS, LOOK_MS);
	return counts;
}
