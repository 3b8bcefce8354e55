// SPDX-License-Identifier: Apache-2.0
#include "allocator.h"
#include "../cleanup.h"
#include "events.h"
#include "text.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define SETTLE_MS 5
#define TICK_MS 250
#define RANK_MS 250 /* each agent that comes before this one gets so much time */
#define RANK_LIMIT_MS 4000
#define RECHECK_MS 20000 /* between live looks at a claim whose VPC is gone while its Pods are not */
#define GARBAGE_MS 3000 /* so long a claim must look like garbage before it is looked at live */

/* What is under way or was seen for a VPC or a claim. */
struct task {
	struct allocator *allocator;
	char *key; /* UID of the VPC, or name of the claim */
	bool busy, hurry;
	uint64_t since;        /* uv_now when the need was seen first; 0: no need */
	struct object *object; /* while busy: the claim or VPC at hand */
	size_t users;          /* VPCEndpoints that a live look has counted */
};

struct allocator {
	struct agent *agent;
	uv_timer_t soon, tick;
	struct table vpcs, claims; /* UID and name to struct task */
};

static struct task *task_of(struct allocator *allocator, struct table *table, const char *key) {
	struct task *task = table_get(table, key);
	if (task)
		return task;
	task = allocate(sizeof *task);
	*task = (struct task){.allocator = allocator, .key = duplicate(key)};
	table_put(table, key, task);
	return task;
}

static void drop_task(struct table *table, struct task *task) {
	table_remove(table, task->key);
	object_unref(task->object);
	free(task->key);
	free(task);
}

static void begin(struct task *task, const struct object *object) {
	task->busy = true;
	task->object = object_unref(task->object);
	task->object = object_ref(object);
}

static void end(struct task *task) {
	task->busy = false;
	task->object = object_unref(task->object);
	allocator_wake(task->allocator);
}

/* True once this agent's turn has come: at once with a waiting Pod, else by its rank. */
static bool is_due(struct task *task, const char *uid, uint64_t extra) {
	struct agent *agent = task->allocator->agent;
	uint64_t now = uv_now(&agent->loop);
	if (!task->since)
		task->since = now ? now : 1;
	uint64_t delay = (uint64_t)rendezvous_rank(uid, agent->options.node, &agent->objects[KIND_NODE]) * RANK_MS;
	return now >= task->since + (task->hurry ? 0 : delay < RANK_LIMIT_MS ? delay : RANK_LIMIT_MS) + extra;
}

/* ---- one VPC: claim, then status ---- */

static void note_answer(void *context, int result, const struct object *object, const struct vpc_error *error) {
	struct task *task = context;
	(void)object;
	if (result < 0 && result != -EEXIST && result != -EAGAIN && result != -ENOENT) {
		_cleanup_(free_memory) char *key = key_of(task->object);
		log_event(LOG_WARNING, key, "WriteFailed", "%s", error->text);
		task->since = uv_now(&task->allocator->agent->loop); /* not at once again */
	}
	end(task);
}

/* Somebody was faster: a live read brings the state of the object, the next look decides on it. */
static void look_again(void *context, int result, const struct object *object, const struct vpc_error *error) {
	struct task *task = context;
	struct source *source = task->allocator->agent->source;
	if (result == -EEXIST || result == -EAGAIN)
		source->verbs->get(source, task->object->kind, NULL, task->object->metadata.name, note_answer, task);
	else
		note_answer(context, result, object, error);
}

static void note_created(void *context, int result, const struct object *claim, const struct vpc_error *error) {
	if (result == 0) {
		_cleanup_(free_memory) char *key = key_of(claim);
		log_event(LOG_INFO, key, "IdentifierClaimed", "for VPC %s", claim->network_id.vpc_name);
	}
	look_again(context, result, claim, error);
}

static void create_claim(struct task *task, const struct object *vpc, const struct decision *decision) {
	char name[20];
	struct source *source = task->allocator->agent->source;
	struct object *claim = object_new(KIND_NETWORK_ID, NULL, claim_name(decision->encapsulation, decision->id, name));
	claim->network_id.vpc_name = duplicate(vpc->metadata.name);
	claim->network_id.vpc_uid = duplicate(vpc->metadata.uid);
	map_set(&claim->metadata.labels, UID_LABEL, vpc->metadata.uid);
	begin(task, claim);
	source->verbs->create(source, claim, note_created, task);
	object_unref(claim);
}

static void revive_claim(struct task *task, const struct decision *decision) {
	char name[20];
	struct agent *agent = task->allocator->agent;
	const struct object *claim = agent_find(agent, KIND_NETWORK_ID, NULL, claim_name(decision->encapsulation, decision->id, name));
	struct object *changed = object_clone(claim);
	set_text(&changed->network_id.released_at, NULL);
	begin(task, changed);
	agent->source->verbs->update(agent->source, changed, look_again, task);
	object_unref(changed);
}

/* Writes the status if it says anything new. */
static bool write_status(struct task *task, const struct object *vpc, const struct decision *decision) {
	bool ready = decision->kind == DECISION_AGREED || decision->kind == DECISION_ADOPT;
	struct agent *agent = task->allocator->agent;
	struct object *changed = object_clone(vpc);
	struct vpc_object *status = &changed->vpc;
	bool differs = condition_set(
	    &status->status.conditions, "Ready", ready ? "True" : "False", decision->reason, decision->message, vpc->metadata.generation);
	if (decision->kind == DECISION_ADOPT) {
		status->status.id = decision->id;
		set_text(&status->status.encapsulation, encapsulation_text(decision->encapsulation));
		differs = true;
	}
	if (differs && (decision->kind == DECISION_ADOPT || is_due(task, vpc->metadata.uid, 0))) {
		bool well = ready && strcmp(decision->reason, "ImmutableChanged");
		tell(agent, well ? LOG_INFO : LOG_WARNING, subject_of(vpc), decision->reason, "%s", decision->message);
		begin(task, changed);
		agent->source->verbs->update(agent->source, changed, look_again, task);
	}
	object_unref(changed);
	return differs;
}

static void look_at_vpc(struct allocator *allocator, const struct object *vpc) {
	struct decision decision;
	struct task *task = task_of(allocator, &allocator->vpcs, vpc->metadata.uid);
	if (task->busy)
		return;
	allocation_decide(vpc, &allocator->agent->config, &allocator->agent->objects[KIND_NETWORK_ID], &decision);
	bool need = true;
	switch (decision.kind) {
	case DECISION_CLAIM:
		if (is_due(task, vpc->metadata.uid, 0))
			create_claim(task, vpc, &decision);
		break;
	case DECISION_REVIVE:
		if (is_due(task, vpc->metadata.uid, 0))
			revive_claim(task, &decision);
		break;
	case DECISION_ADOPT:
		/* The claim's maker writes the status right away; if it was killed in between, another does when its turn comes. */
		if (is_due(task, vpc->metadata.uid, 0))
			write_status(task, vpc, &decision);
		break;
	case DECISION_AGREED:
	case DECISION_REFUSE: need = write_status(task, vpc, &decision); break;
	}
	if (!need) {
		task->since = 0;
		task->hurry = false;
	}
}

/* ---- one claim: garbage, release, end of the hold-down ---- */

static bool is_loser(const struct object *claim, const struct object *vpc) {
	char name[20];
	return vpc->vpc.status.id &&
	       strcmp(claim->metadata.name, claim_name(encapsulation_of(vpc->vpc.status.encapsulation), vpc->vpc.status.id, name)) != 0;
}

/* The VPC is gone, its Pods are gone on every node: from now on the hold-down runs. */
static void release_claim(struct task *task, const struct object *claim) {
	char now[32];
	struct agent *agent = task->allocator->agent;
	_cleanup_(free_memory) char *key = key_of(claim);
	struct object *changed = object_clone(claim);
	time_format(time(NULL), now, sizeof now);
	set_text(&changed->network_id.released_at, now);
	log_event(
	    LOG_INFO, key, "IdentifierReleased", "VPC %s is gone; free again in %u s", claim->network_id.vpc_name, agent->config.hold_down);
	begin(task, changed);
	agent->source->verbs->update(agent->source, changed, look_again, task);
	object_unref(changed);
}

static void delete_claim(struct task *task, const struct object *claim, const char *why) {
	struct agent *agent = task->allocator->agent;
	_cleanup_(free_memory) char *key = key_of(claim);
	log_event(LOG_INFO, key, "ClaimDeleted", "%s", why);
	begin(task, claim);
	agent->source->verbs->delete (agent->source, claim, look_again, task);
}

/* What is found live ends the look; the next one is not at once. */
static void pause_claim(struct task *task, int result, const struct vpc_error *error) {
	note_answer(task, result, NULL, error);
	task->since = uv_now(&task->allocator->agent->loop) + RECHECK_MS;
}

static void note_user(void *context, const struct object *endpoints) {
	(void)endpoints;
	((struct task *)context)->users++;
}

static void note_users(void *context, int result, const struct object *object, const struct vpc_error *error) {
	struct task *task = context;
	(void)object;
	_cleanup_(object_release) struct object *claim = object_ref(task->object);
	if (result < 0 || task->users)
		pause_claim(task, result, error);
	else
		release_claim(task, claim);
}

static void note_vpc(void *context, int result, const struct object *vpc, const struct vpc_error *error) {
	struct task *task = context;
	struct source *source = task->allocator->agent->source;
	_cleanup_(object_release) struct object *claim = object_ref(task->object);
	const char *uid = claim->network_id.vpc_uid;
	bool stands = result == 0 && vpc->metadata.uid && !strcmp(vpc->metadata.uid, uid);
	task->users = 0;
	if (stands && is_loser(claim, vpc))
		delete_claim(task, claim, "another agent's claim won");
	else if (stands || (result < 0 && result != -ENOENT))
		pause_claim(task, result, error);
	else
		source->verbs->list(source, KIND_ENDPOINTS, UID_LABEL, uid, note_user, note_users, task);
}

/* Live, since memory may lag behind: the VPC first and its VPCEndpoints then, the other way round than an ADD. */
static void recheck_claim(struct task *task, const struct object *claim) {
	struct source *source = task->allocator->agent->source;
	begin(task, claim);
	source->verbs->get(source, KIND_VPC, NULL, claim->network_id.vpc_name, note_vpc, task);
}

static bool is_used_here(const struct agent *agent, const char *vpc_uid) {
	TABLE_EACH(&agent->objects[KIND_ENDPOINTS], entry)
	if (!strcmp(((const struct object *)entry->value)->endpoints.vpc_uid, vpc_uid))
		return true;
	return false;
}

static bool look_at_claim(struct allocator *allocator, const struct object *claim) {
	struct task *task = task_of(allocator, &allocator->claims, claim->metadata.name);
	struct agent *agent = allocator->agent;
	int64_t released;
	if (task->busy)
		return false;
	const struct object *vpc = agent_find_vpc(agent, claim->network_id.vpc_uid);
	bool loser = vpc && is_loser(claim, vpc);
	if ((vpc && !loser) || !agent->source->verbs->complete(agent->source)) {
		task->since = 0;
		return false;
	}
	if (!loser && claim->network_id.released_at) {
		if (time_parse(claim->network_id.released_at, &released) == 0 && time(NULL) >= released + agent->config.hold_down &&
		    is_due(task, claim->metadata.name, 0))
			delete_claim(task, claim, "its hold-down is over");
		return task->busy;
	}
	if (!loser && is_used_here(agent, claim->network_id.vpc_uid)) {
		task->since = 0;
		return false;
	}
	if (!is_due(task, claim->metadata.name, loser ? GARBAGE_MS : 0))
		return false;
	recheck_claim(task, claim);
	return false;
}

/* ---- the round ---- */

static void look_at_all(struct allocator *allocator) {
	struct agent *agent = allocator->agent;
	if (!agent->synced)
		return;
	TABLE_EACH(&agent->objects[KIND_VPC], vpc)
	look_at_vpc(allocator, vpc->value);
	TABLE_EACH(&agent->objects[KIND_NETWORK_ID], claim)
	if (look_at_claim(allocator, claim->value)) {
		allocator_wake(allocator); /* the rest in the next round */
		break;
	}
}

/* Tasks of VPCs and claims that are no more. */
static void drop_old_tasks(struct allocator *allocator) {
	for (bool again = true; again;) {
		again = false;
		TABLE_EACH(&allocator->vpcs, entry) {
			struct task *task = entry->value;
			if (!task->busy && !agent_find_vpc(allocator->agent, task->key)) {
				drop_task(&allocator->vpcs, task);
				again = true;
				break;
			}
		}
		TABLE_EACH(&allocator->claims, entry) {
			struct task *task = entry->value;
			if (!task->busy && !agent_find(allocator->agent, KIND_NETWORK_ID, NULL, task->key)) {
				drop_task(&allocator->claims, task);
				again = true;
				break;
			}
		}
	}
}

static void look_soon(uv_timer_t *timer) {
	look_at_all(timer->data);
}

static void look_often(uv_timer_t *timer) {
	look_at_all(timer->data);
	drop_old_tasks(timer->data);
}

void allocator_wake(struct allocator *allocator) {
	if (allocator && !uv_is_active((uv_handle_t *)&allocator->soon))
		uv_timer_start(&allocator->soon, look_soon, SETTLE_MS, 0);
}

void allocator_hurry(struct allocator *allocator, const char *vpc_uid) {
	task_of(allocator, &allocator->vpcs, vpc_uid)->hurry = true;
	allocator_wake(allocator);
}

int allocator_agreed(const struct agent *agent, const struct object *vpc, enum vpc_encapsulation *ret_encapsulation, uint32_t *ret_id,
    struct vpc_error *error) {
	struct decision decision;
	allocation_decide(vpc, &agent->config, &agent->objects[KIND_NETWORK_ID], &decision);
	if (decision.kind != DECISION_AGREED)
		return fail(error, -EAGAIN, "VPC %s has no identifier yet: %s", vpc->metadata.name,
		    decision.kind == DECISION_REFUSE ? decision.message : "its claim is under way");
	*ret_encapsulation = decision.encapsulation;
	*ret_id = decision.id;
	return 0;
}

struct allocator *allocator_open(struct agent *agent) {
	struct allocator *allocator = allocate(sizeof *allocator);
	allocator->agent = agent;
	uv_timer_init(&agent->loop, &allocator->soon);
	uv_timer_init(&agent->loop, &allocator->tick);
	allocator->soon.data = allocator->tick.data = allocator;
	uv_timer_start(&allocator->tick, look_often, TICK_MS, TICK_MS);
	return allocator;
}
