// SPDX-License-Identifier: Apache-2.0
#include "counts.h"
#include "allocation.h"
#include "../cleanup.h"
#include "log.h"
#include "queue.h"
#include "text.h"

#include <errno.h>
#include <string.h>

#define BACKOFF_FIRST_MS 1000
#define BACKOFF_LAST_MS 60000

const struct counts_timing COUNTS_TIMING = {.settle = 2000, .write = 10000, .ask = 300000, .rank = 20000};

struct counts {
	struct agent *agent;
	struct counts_timing timing;
	struct queue *queue; /* of UIDs of VPCs */
	struct table wrong;  /* by the same: struct wrong */
};

/* A VPC whose status is not as this node counts. */
struct wrong {
	struct counts *counts;
	char *uid;
	uint64_t since; /* uv_now */
	size_t users;   /* VPCEndpoints with Pods that a live look has counted */
	bool was_near;  /* VPCEndpoints of it were known here until now */
};

struct count {
	const char *uid;
	uint64_t own_weight;
	int64_t pods, nodes;
	uint32_t before; /* nodes that come before this one */
	bool is_here;    /* this node has Pods of it */
};

static struct wrong *wrong_of(struct counts *counts, const char *uid) {
	struct wrong *wrong = table_get(&counts->wrong, uid);
	if (wrong)
		return wrong;
	wrong = allocate(sizeof *wrong);
	*wrong = (struct wrong){.counts = counts, .uid = duplicate(uid), .since = uv_now(&counts->agent->loop)};
	table_put(&counts->wrong, uid, wrong);
	return wrong;
}

static void drop_wrong(struct counts *counts, const char *uid) {
	struct wrong *wrong = table_remove(&counts->wrong, uid);
	if (!wrong)
		return;
	free(wrong->uid);
	free(wrong);
}

static void add_endpoints(const struct agent *agent, struct count *count, const struct object *object) {
	const struct endpoints_object *endpoints = &object->endpoints;
	if (!endpoints->pods.count || strcmp(endpoints->vpc_uid, count->uid))
		return;
	count->pods += endpoints->pods.count;
	count->nodes++;
	if (!strcmp(endpoints->node, agent->options.node))
		count->is_here = true;
	else if (rendezvous_weight(count->uid, endpoints->node) > count->own_weight)
		count->before++;
}

static void note_written(void *context, int result, const struct object *object, const struct vpc_error *error) {
	struct wrong *wrong = context;
	struct queue *queue = wrong->counts->queue;
	(void)object;
	bool raced = result == -EAGAIN || result == -ENOENT; /* the next look decides anew */
	if (result < 0 && !raced)
		log_event(LOG_WARNING, "counts", "StatusNotWritten", "%s", error->text);
	queue_done(queue, wrong->uid, raced ? 0 : result);
	queue_add(queue, wrong->uid);
}

static void write_counts(struct wrong *wrong, const struct object *vpc, const struct count *count) {
	struct source *source = wrong->counts->agent->source;
	_cleanup_(object_release) struct object *changed = object_clone(vpc);
	changed->vpc.status.pods = count->pods;
	changed->vpc.status.nodes = count->nodes;
	queue_hold(wrong->counts->queue, wrong->uid);
	queue_pause(wrong->counts->queue, wrong->uid, wrong->counts->timing.write);
	source->verbs->update(source, changed, note_written, wrong);
}

static void note_user(void *context, const struct object *endpoints) {
	struct wrong *wrong = context;
	wrong->users += endpoints->endpoints.pods.count > 0;
}

static void note_users(void *context, int result, const struct object *object, const struct vpc_error *error) {
	struct wrong *wrong = context;
	const struct object *vpc = agent_find_vpc(wrong->counts->agent, wrong->uid);
	if (result == 0 && !wrong->users && vpc && (vpc->vpc.status.pods || vpc->vpc.status.nodes))
		write_counts(wrong, vpc, &(struct count){.uid = wrong->uid});
	else
		note_written(context, result, object, error);
}

/* With no Pods left it is any node's business, and memory may lack what only others have: the source is asked. */
static void look_for_users(struct wrong *wrong) {
	struct agent *agent = wrong->counts->agent;
	if (!wrong->was_near && rendezvous_rank(wrong->uid, agent->options.node, &agent->objects[KIND_NODE]) != 0)
		return;
	wrong->was_near = false;
	wrong->users = 0;
	queue_hold(wrong->counts->queue, wrong->uid);
	queue_pause(wrong->counts->queue, wrong->uid, wrong->counts->timing.ask);
	agent->source->verbs->list(agent->source, KIND_ENDPOINTS, UID_LABEL, wrong->uid, note_user, note_users, wrong);
}

/* A node that should write and does not may be down: the next one writes then. */
static void write_in_turn(struct wrong *wrong, const struct object *vpc, const struct count *count) {
	uint64_t now = uv_now(&wrong->counts->agent->loop), turn = wrong->since + (uint64_t)count->before * wrong->counts->timing.rank;
	if (now >= turn)
		write_counts(wrong, vpc, count);
	else
		queue_add_after(wrong->counts->queue, wrong->uid, turn - now);
}

static void look(void *context, const char *uid) {
	struct counts *counts = context;
	struct agent *agent = counts->agent;
	const struct object *vpc = agent_find_vpc(agent, uid);
	struct count count = {.uid = uid, .own_weight = rendezvous_weight(uid, agent->options.node)};
	if (!agent->synced)
		return; /* counts_wake comes then */
	TABLE_EACH(&agent->objects[KIND_ENDPOINTS], entry)
	add_endpoints(agent, &count, entry->value);
	if (!vpc || (count.pods == vpc->vpc.status.pods && count.nodes == vpc->vpc.status.nodes))
		drop_wrong(counts, uid);
	else if (count.is_here)
		write_in_turn(wrong_of(counts, uid), vpc, &count);
	else if (!count.nodes)
		look_for_users(wrong_of(counts, uid));
}

void counts_note(struct counts *counts, const struct object *object) {
	if (!counts)
		return;
	if (object->kind == KIND_VPC && object->metadata.uid) {
		queue_add(counts->queue, object->metadata.uid);
	} else if (object->kind == KIND_ENDPOINTS) {
		wrong_of(counts, object->endpoints.vpc_uid)->was_near = true;
		queue_add(counts->queue, object->endpoints.vpc_uid);
	}
}

void counts_wake(struct counts *counts) {
	TABLE_EACH(&counts->agent->objects[KIND_VPC], entry)
	counts_note(counts, entry->value);
}

struct counts *counts_open(struct agent *agent, const struct counts_timing *timing) {
	struct counts *counts = allocate(sizeof *counts);
	counts->timing = timing ? *timing : COUNTS_TIMING;
	struct queue_options options = {.settle = counts->timing.settle,
	    .backoff_first = BACKOFF_FIRST_MS,
	    .backoff_last = BACKOFF_LAST_MS,
	    .work = look,
	    .context = counts};
	counts->agent = agent;
	counts->queue = queue_open(&agent->loop, &options);
	return counts;
}

void counts_close(struct counts *counts) {
	for (size_t position = 0; counts->wrong.count; position = 0)
		drop_wrong(counts, table_next(&counts->wrong, &position)->key);
	table_release(&counts->wrong);
	queue_close(counts->queue);
	free(counts);
}
