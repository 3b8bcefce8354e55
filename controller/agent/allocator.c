// SPDX-License-Identifier: Apache-2.0
#include "allocator.h"
#include "../cleanup.h"
#include "events.h"
#include "queue.h"
#include "text.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define SETTLE_MS 5
#define BACKOFF_FIRST_MS 500
#define BACKOFF_LAST_MS 4000
#define RANK_MS 500       /* each agent that comes before this one gets so much time */
#define HURRIED_RANK_MS 15 /* the same where a Pod waits: what a claim takes to be made and seen */
#define SLOWEST_LOOK_MS 5000
#define BURST 8         /* work of so many keys at once halves the speed at which patience wears off */
#define INCOMPLETE_MS 5000 /* until the source is asked again whether it knows all */
#define RECHECK_MS 20000   /* between live looks at a claim whose VPC is gone while its Pods are not */
#define RECHECK_RANKS 30
#define GARBAGE_MS 3000    /* so long a claim must look like garbage before it is looked at live */

/*
 * What is under way or was seen for a VPC or a claim. It waits its turn in two clocks: that of the loop, and the allocator's
 * patience, which runs slower the more there is to be done. So the agents of higher rank do not join in a thousand claims
 * that a busy server takes its time for, and take over soon when one of lower rank is gone.
 */
struct task {
	struct allocator *allocator;
	char *key, *uid; /* of the queue; of the VPC: one made anew begins anew */
	bool waits, hurry;
	uint64_t since, patience;    /* uv_now and the allocator's patience when the need was seen first */
	const struct object *object; /* while work is under way: the claim or VPC at hand */
	size_t users;                /* VPCEndpoints that a live look has counted */
};

struct allocator {
	struct agent *agent;
	struct queue *queue; /* of keys like VPC/red and NetworkID/vxlan-77 */
	struct table tasks;  /* by the same keys */
	struct table owned;  /* UID of a VPC to the name of the first of its claims */
	size_t waiting;      /* tasks */
	uint64_t patience, patience_at; /* in 1/256 ms, as of that uv_now */
};

static struct task *task_of(struct allocator *allocator, const char *key) {
	struct task *task = table_get(&allocator->tasks, key);
	if (task)
		return task;
	task = allocate(sizeof *task);
	*task = (struct task){.allocator = allocator, .key = duplicate(key)};
	table_put(&allocator->tasks, key, task);
	return task;
}

static void wait_no_more(struct task *task) {
	task->allocator->waiting -= task->waits;
	task->waits = task->hurry = false;
}

static void drop_task(struct task *task) {
	wait_no_more(task);
	table_remove(&task->allocator->tasks, task->key);
	object_unref(task->object);
	free(task->key);
	free(task->uid);
	free(task);
}

static void begin(struct task *task, const struct object *object) {
	object_unref(task->object);
	task->object = object_ref(object);
	queue_hold(task->allocator->queue, task->key);
}

/* Negative: again after a backoff, else soon: what was done may not be all. */
static void end(struct task *task, int result) {
	struct queue *queue = task->allocator->queue;
	task->object = object_unref(task->object);
	queue_done(queue, task->key, result);
	if (result >= 0)
		queue_add(queue, task->key);
}

static uint64_t patience_of(struct allocator *allocator) {
	uint64_t now = uv_now(&allocator->agent->loop);
	allocator->patience += (now - allocator->patience_at) * 256 * BURST / (BURST + allocator->waiting);
	allocator->patience_at = now;
	return allocator->patience / 256;
}

/*
 * True once this agent's turn has come: by its rank, soon with a waiting Pod, and not before `least` has passed. Else the
 * key is looked at again then.
 */
static bool is_due(struct task *task, const char *uid, uint64_t least) {
	struct allocator *allocator = task->allocator;
	struct agent *agent = allocator->agent;
	uint64_t now = uv_now(&agent->loop), patience = patience_of(allocator);
	if (!task->waits) {
		task->waits = true;
		task->since = now;
		task->patience = patience;
		allocator->waiting++;
	}
	uint32_t rank = rendezvous_rank(uid, agent->options.node, &agent->objects[KIND_NODE]);
	uint64_t passed = task->hurry ? now - task->since : patience - task->patience;
	uint64_t wanted = rank_patience(rank, task->hurry ? HURRIED_RANK_MS : RANK_MS);
	uint64_t left = passed < wanted ? wanted - passed : 0;
	if (!task->hurry)
		left += left * allocator->waiting / BURST;
	if (now < task->since + least && left < task->since + least - now)
		left = task->since + least - now;
	if (left)
		queue_add_after(allocator->queue, task->key, left < SLOWEST_LOOK_MS ? left : SLOWEST_LOOK_MS);
	return !left;
}

/* ---- one VPC: claim, then status ---- */

static void note_answer(void *context, int result, const struct object *object, const struct vpc_error *error) {
	struct task *task = context;
	(void)object;
	bool failed = result < 0 && result != -EEXIST && result != -EAGAIN && result != -ENOENT;
	if (failed)
		log_event(queue_failures(task->allocator->queue, task->key) ? LOG_DETAIL : LOG_WARNING, task->key, "WriteFailed",
		    "%s; trying again", error->text);
	end(task, failed ? result : 0);
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

static void decide(const struct agent *agent, const struct object *vpc, struct decision *ret_decision) {
	const struct table *objects = agent->objects;
	struct allocation_view view = {&agent->config, &objects[KIND_NETWORK_ID], &agent->allocator->owned, &objects[KIND_VPC]};
	allocation_decide(vpc, &view, ret_decision);
}

static void look_at_vpc(struct allocator *allocator, const char *key, const struct object *vpc) {
	struct decision decision;
	struct task *task = task_of(allocator, key);
	bool need = true;
	if (!task->uid || strcmp(task->uid, vpc->metadata.uid)) {
		wait_no_more(task);
		set_text(&task->uid, vpc->metadata.uid);
	}
	decide(allocator->agent, vpc, &decision);
	switch (decision.kind) {
	case DECISION_CLAIM:
		if (is_due(task, task->uid, 0))
			create_claim(task, vpc, &decision);
		break;
	case DECISION_REVIVE:
		if (is_due(task, task->uid, 0))
			revive_claim(task, &decision);
		break;
	case DECISION_ADOPT:
		/* The claim's maker writes the status right away; if it was killed in between, another does when its turn comes. */
		if (is_due(task, task->uid, 0))
			write_status(task, vpc, &decision);
		break;
	case DECISION_AGREED:
	case DECISION_REFUSE: need = write_status(task, vpc, &decision); break;
	}
	if (!need)
		wait_no_more(task);
}

/* ---- one claim: garbage, release, end of the hold-down ---- */

static bool is_loser(const struct object *claim, const struct object *vpc) {
	char name[20];
	return vpc->vpc.status.id &&
	       strcmp(claim->metadata.name, claim_name(encapsulation_of(vpc->vpc.status.encapsulation), vpc->vpc.status.id, name)) != 0;
}

/* Nobody uses it: of a VPC that is gone the hold-down runs from now on. No claim is deleted that was not released. */
static void release_claim(struct task *task, const struct object *claim, const char *why) {
	char now[32];
	struct agent *agent = task->allocator->agent;
	struct object *changed = object_clone(claim);
	time_format(time(NULL), now, sizeof now);
	set_text(&changed->network_id.released_at, now);
	log_event(LOG_INFO, task->key, "IdentifierReleased", "%s", why);
	begin(task, changed);
	agent->source->verbs->update(agent->source, changed, look_again, task);
	object_unref(changed);
}

static void delete_claim(struct task *task, const struct object *claim, const char *why) {
	struct agent *agent = task->allocator->agent;
	log_event(LOG_INFO, task->key, "ClaimDeleted", "%s", why);
	begin(task, claim);
	agent->source->verbs->delete (agent->source, claim, look_again, task);
}

/* What is found live ends the look; the next one is not at once, and the later the more agents come before this one. */
static void pause_claim(struct task *task, int result, const struct vpc_error *error) {
	const struct agent *agent = task->allocator->agent;
	uint32_t rank = rendezvous_rank(task->object->metadata.name, agent->options.node, &agent->objects[KIND_NODE]);
	queue_pause(task->allocator->queue, task->key, RECHECK_MS * (1 + (rank < RECHECK_RANKS ? rank : RECHECK_RANKS)));
	wait_no_more(task);
	note_answer(task, result, NULL, error);
}

static void note_user(void *context, const struct object *endpoints) {
	(void)endpoints;
	((struct task *)context)->users++;
}

static void note_users(void *context, int result, const struct object *object, const struct vpc_error *error) {
	struct task *task = context;
	(void)object;
	_cleanup_(object_release) struct object *claim = object_ref(task->object);
	if (result < 0 || task->users) {
		pause_claim(task, result, error);
		return;
	}
	_cleanup_(free_memory) char *why =
	    format_text("VPC %s is gone; free again in %u s", claim->network_id.vpc_name, task->allocator->agent->config.hold_down);
	release_claim(task, claim, why);
}

static void note_vpc(void *context, int result, const struct object *vpc, const struct vpc_error *error) {
	struct task *task = context;
	struct source *source = task->allocator->agent->source;
	_cleanup_(object_release) struct object *claim = object_ref(task->object);
	const char *uid = claim->network_id.vpc_uid;
	bool stands = result == 0 && vpc->metadata.uid && !strcmp(vpc->metadata.uid, uid);
	task->users = 0;
	if (stands && is_loser(claim, vpc) && claim->network_id.released_at)
		delete_claim(task, claim, "another agent's claim won");
	else if (stands && is_loser(claim, vpc))
		release_claim(task, claim, "another agent's claim won");
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

static bool is_used_here(const struct agent *agent, const struct object *claim) {
	_cleanup_(free_memory) char *name = format_text("%s.%s", claim->metadata.name, agent->options.node);
	return agent_find(agent, KIND_ENDPOINTS, NULL, name);
}

/* A tombstone: the time stands there in whole seconds, cut off, so one more is waited for. */
static void look_at_tombstone(struct task *task, const struct object *claim) {
	struct allocator *allocator = task->allocator;
	int64_t released, now = time(NULL);
	if (time_parse(claim->network_id.released_at, &released) < 0)
		return;
	int64_t left = released + allocator->agent->config.hold_down + 1 - now;
	if (left > 0) {
		wait_no_more(task);
		queue_add_after(allocator->queue, task->key, left < 3600 ? left * 1000 : 3600000);
	} else if (is_due(task, claim->metadata.name, 0)) {
		delete_claim(task, claim, "its hold-down is over");
	}
}

static void look_at_claim(struct allocator *allocator, const char *key, const struct object *claim) {
	struct agent *agent = allocator->agent;
	struct task *task = task_of(allocator, key);
	const struct object *vpc = agent_find(agent, KIND_VPC, NULL, claim->network_id.vpc_name);
	if (vpc && strcmp(vpc->metadata.uid, claim->network_id.vpc_uid))
		vpc = NULL;
	bool loser = vpc && is_loser(claim, vpc);
	if (vpc && !loser) {
		wait_no_more(task);
	} else if (!agent->source->verbs->complete(agent->source)) {
		wait_no_more(task);
		queue_add_after(allocator->queue, key, INCOMPLETE_MS);
	} else if (!loser && claim->network_id.released_at) {
		look_at_tombstone(task, claim);
	} else if (!loser && is_used_here(agent, claim)) {
		wait_no_more(task); /* once that is deleted it is looked at again */
	} else if (is_due(task, claim->metadata.name, GARBAGE_MS)) {
		recheck_claim(task, claim);
	}
}

/* ---- what wants a look ---- */

static void look(void *context, const char *key) {
	struct allocator *allocator = context;
	struct agent *agent = allocator->agent;
	enum kind kind = strncmp(key, "VPC/", 4) ? KIND_NETWORK_ID : KIND_VPC;
	const struct object *object = agent_find(agent, kind, NULL, strchr(key, '/') + 1);
	if (!agent->synced)
		return; /* allocator_wake comes then */
	if (!object) {
		struct task *task = table_get(&allocator->tasks, key);
		if (task)
			drop_task(task);
	} else if (kind == KIND_NETWORK_ID) {
		look_at_claim(allocator, key, object);
	} else if (object->metadata.uid) {
		look_at_vpc(allocator, key, object);
	}
}

static void add(struct allocator *allocator, enum kind kind, const char *name) {
	_cleanup_(free_memory) char *key = object_key(kind, NULL, name);
	queue_add(allocator->queue, key);
}

/* The order of a VPC's claims is kept, so that a look need not go through all claims. */
static void note_claim(struct allocator *allocator, bool deleted, const struct object *claim) {
	const char *uid = claim->network_id.vpc_uid, *name = claim->metadata.name;
	const char *first = table_get(&allocator->owned, uid);
	const struct object *next = NULL;
	if (deleted && first && !strcmp(first, name)) {
		next = allocation_own_claim(&allocator->agent->objects[KIND_NETWORK_ID], uid);
		free(table_remove(&allocator->owned, uid));
	} else if (!deleted && (!first || claim_compare(name, first) < 0)) {
		next = claim;
	}
	if (next)
		free(table_put(&allocator->owned, uid, duplicate(next->metadata.name)));
}

/* Those that an identifier may be missing for. */
static void add_unassigned(struct allocator *allocator) {
	TABLE_EACH(&allocator->agent->objects[KIND_VPC], entry)
	if (!((const struct object *)entry->value)->vpc.status.id)
		add(allocator, KIND_VPC, entry->key);
}

static void add_claims_of(struct allocator *allocator, const char *vpc_uid) {
	TABLE_EACH(&allocator->agent->objects[KIND_NETWORK_ID], entry)
	if (!strcmp(((const struct object *)entry->value)->network_id.vpc_uid, vpc_uid))
		add(allocator, KIND_NETWORK_ID, entry->key);
}

void allocator_note(struct allocator *allocator, enum source_event event, const struct object *object) {
	bool deleted = event == SOURCE_DELETED;
	char claim[20];
	if (!allocator)
		return;
	switch (object->kind) {
	case KIND_VPC:
		add(allocator, KIND_VPC, object->metadata.name);
		if (object->metadata.uid && (deleted || table_get(&allocator->owned, object->metadata.uid)))
			add_claims_of(allocator, object->metadata.uid);
		if (deleted && !object->vpc.status.id && allocator->agent->synced)
			add_unassigned(allocator); /* one waits less */
		break;
	case KIND_NETWORK_ID:
		note_claim(allocator, deleted, object);
		add(allocator, KIND_NETWORK_ID, object->metadata.name);
		add(allocator, KIND_VPC, object->network_id.vpc_name);
		if (deleted && allocator->agent->synced)
			add_unassigned(allocator);
		break;
	case KIND_ENDPOINTS:
		if (deleted)
			add(allocator, KIND_NETWORK_ID, claim_name(encapsulation_of(object->endpoints.encapsulation), object->endpoints.id, claim));
		break;
	default: break;
	}
}

void allocator_wake(struct allocator *allocator) {
	if (!allocator)
		return;
	TABLE_EACH(&allocator->agent->objects[KIND_VPC], vpc)
	add(allocator, KIND_VPC, vpc->key);
	TABLE_EACH(&allocator->agent->objects[KIND_NETWORK_ID], claim)
	add(allocator, KIND_NETWORK_ID, claim->key);
}

void allocator_hurry(struct allocator *allocator, const char *vpc_uid) {
	const struct object *vpc = agent_find_vpc(allocator->agent, vpc_uid);
	if (!vpc)
		return;
	_cleanup_(free_memory) char *key = key_of(vpc);
	struct task *task = task_of(allocator, key);
	task->hurry = true;
	queue_add(allocator->queue, key);
}

int allocator_agreed(const struct agent *agent, const struct object *vpc, enum vpc_encapsulation *ret_encapsulation, uint32_t *ret_id,
    struct vpc_error *error) {
	struct decision decision;
	if (!vpc->metadata.uid)
		return fail(error, -EAGAIN, "VPC %s has no UID yet", vpc->metadata.name);
	decide(agent, vpc, &decision);
	if (decision.kind != DECISION_AGREED)
		return fail(error, -EAGAIN, "VPC %s has no identifier yet: %s", vpc->metadata.name,
		    decision.kind == DECISION_REFUSE ? decision.message : "its claim is under way");
	*ret_encapsulation = decision.encapsulation;
	*ret_id = decision.id;
	return 0;
}

struct allocator *allocator_open(struct agent *agent) {
	struct allocator *allocator = allocate(sizeof *allocator);
	struct queue_options options = {
	    .settle = SETTLE_MS, .backoff_first = BACKOFF_FIRST_MS, .backoff_last = BACKOFF_LAST_MS, .work = look, .context = allocator};
	allocator->agent = agent;
	allocator->queue = queue_open(&agent->loop, &options);
	return allocator;
}
