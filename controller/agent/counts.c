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

struct counts {
	struct agent *agent;
	uv_timer_t often;
	struct table writes; /* UID of the VPC to struct write */
};

/* What this node wrote last of a VPC. */
struct write {
	bool busy;
	uint64_t not_before;
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

/* With no Pods left it is any node's business, and memory may lack what only others have: the source is asked. */
static bool is_empty(const struct agent *agent, struct count *count) {
	struct source *source = agent->source;
	return rendezvous_rank(count->uid, agent->options.node, &agent->objects[KIND_NODE]) == 0 &&
	       source->verbs->list(source, KIND_ENDPOINTS, add_endpoints, count) == 0 && source->verbs->complete(source) && !count->nodes;
}

static void note_written(void *context, int result, const struct object *object, const struct vpc_error *error) {
	struct write *write = context;
	(void)object;
	write->busy = false;
	if (result < 0 && result != -EAGAIN && result != -ENOENT) /* on a race the next look writes */
		log_event(LOG_WARNING, "counts", "StatusNotWritten", "%s", error->text);
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
	_cleanup_(object_release) struct object *changed = object_clone(vpc);
	if (count.first_node ? strcmp(count.first_node, agent->options.node) : !is_empty(agent, &count))
		return;
	if (!write) {
		write = allocate(sizeof *write);
		table_put(&counts->writes, changed->metadata.uid, write);
	}
	*write = (struct write){true, uv_now(&agent->loop) + WRITE_MS};
	changed->vpc.status.pods = count.pods;
	changed->vpc.status.nodes = count.nodes;
	agent->source->verbs->update(agent->source, changed, note_written, write);
}

static void drop_old_writes(struct counts *counts) {
	for (bool again = true; again;) {
		again = false;
		TABLE_EACH(&counts->writes, entry) {
			struct write *write = entry->value;
			if (write->busy || agent_find_vpc(counts->agent, entry->key))
				continue;
			table_remove(&counts->writes, entry->key);
			free(write);
			again = true;
			break;
		}
	}
}

static void look_often(uv_timer_t *timer) {
	struct counts *counts = timer->data;
	struct agent *agent = counts->agent;
	size_t count = 0;
	if (!agent->synced)
		return;
	const struct object **vpcs = allocate((agent->objects[KIND_VPC].count + 1) * sizeof *vpcs);
	TABLE_EACH(&agent->objects[KIND_VPC], entry)
	vpcs[count++] = object_ref(entry->value); /* asking the source may change the table */
	for (size_t i = 0; i < count; i++) {
		if (vpcs[i]->metadata.uid)
			look_at(counts, vpcs[i]);
		object_unref(vpcs[i]);
	}
	free(vpcs);
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
