// SPDX-License-Identifier: Apache-2.0
#include "events.h"
#include "../cleanup.h"
#include "queue.h"
#include "text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define SETTLE_MS 20 /* no ADD waits behind an Event */
#define TICK_MS 10000
#define BACKOFF_FIRST_MS 1000
#define BACKOFF_LAST_MS 60000
#define REPEAT_MS 30000  /* an Event that comes again and again is written so often */
#define FORGET_MS 600000 /* one that does not come again is no longer counted */
#define MOST_EVENTS 512
#define MOST_AT_ONCE 16 /* writes in each second */

/* One Event: an object and a reason. */
struct note {
	struct events *events;
	struct object *event; /* as it shall be written; its UID and version as the source has it */
	char *key;
	bool busy, fresh, exists, counted; /* counted: what an earlier run counted is in it */
	bool is_others;                    /* another node told of it first, and goes on telling */
	uint64_t told_at;                  /* uv_now */
};

struct events {
	struct agent *agent;
	uv_timer_t tick;
	struct queue *queue; /* of "namespace/name" of Events */
	struct table notes;  /* by the same: struct note */
};

struct subject subject_of(const struct object *object) {
	return (struct subject){object->kind, object->metadata.namespace, object->metadata.name, object->metadata.uid};
}

struct subject subject_of_record(const struct record *record) {
	return (struct subject){KIND_POD, *record->namespace ? record->namespace : NULL, record->name, *record->uid ? record->uid : NULL};
}

struct subject subject_of_node(const struct agent *agent) {
	const struct object *node = agent_find(agent, KIND_NODE, NULL, agent->options.node);
	return (struct subject){KIND_NODE, NULL, agent->options.node, node ? node->metadata.uid : NULL};
}

/*
 * A name says what the Event is about, so that it is found again after a restart, and is no other's; but what every node
 * says of the ConfigMap is one Event.
 */
static char *event_name(const struct agent *agent, const struct subject *subject, const char *reason) {
	uint64_t hash = hash_text(1, kind_name(subject->kind));
	hash = hash_text(hash, subject->namespace ? subject->namespace : "");
	hash = hash_text(hash, subject->uid ? subject->uid : "");
	hash = hash_text(hash, reason);
	hash = hash_text(hash, subject->kind == KIND_CONFIG ? "" : agent->options.node);
	return format_text("%.200s.%016" PRIx64, subject->name, hash);
}

static struct object *make_event(const struct agent *agent, const struct subject *subject, const char *name, const char *namespace, const char *reason) {
	struct object *object = object_new(KIND_EVENT, namespace, name);
	struct event_object *event = &object->event;
	event->involved.api_version = duplicate(kind_api_version(subject->kind));
	event->involved.kind = duplicate(kind_name(subject->kind));
	event->involved.namespace = duplicate(subject->namespace);
	event->involved.name = duplicate(subject->name);
	event->involved.uid = duplicate(subject->uid);
	event->reason = duplicate(reason);
	event->component = duplicate("vpc-controller");
	event->instance = duplicate(agent->options.node);
	return object;
}

static void drop_note(struct events *events, struct note *note) {
	table_remove(&events->notes, note->key);
	object_unref(note->event);
	free(note->key);
	free(note);
}

/* Of too many the one that was told longest ago goes; NULL if all are being written. */
static struct note *oldest(struct events *events) {
	struct note *found = NULL;
	TABLE_EACH(&events->notes, entry) {
		struct note *note = entry->value;
		if (!note->busy && (!found || note->told_at < found->told_at))
			found = note;
	}
	return found;
}

static struct note *note_of(struct events *events, const struct subject *subject, const char *reason) {
	const char *namespace = subject->namespace ? subject->namespace : "default"; /* where Events of cluster-scoped objects live */
	_cleanup_(free_memory) char *name = event_name(events->agent, subject, reason);
	_cleanup_(free_memory) char *key = format_text("%s/%s", namespace, name);
	struct note *note = table_get(&events->notes, key);
	if (note)
		return note;
	struct note *old = events->notes.count < MOST_EVENTS ? NULL : oldest(events);
	if (old)
		drop_note(events, old);
	note = allocate(sizeof *note);
	note->events = events;
	note->key = duplicate(key);
	note->event = make_event(events->agent, subject, name, namespace, reason);
	table_put(&events->notes, key, note);
	return note;
}

static void count_one(struct events *events, enum log_level level, const struct subject *subject, const char *reason, const char *message) {
	char now[32];
	struct note *note = note_of(events, subject, reason);
	struct event_object *event = &note->event->event;
	time_format(time(NULL), now, sizeof now);
	set_text(&event->type, level > LOG_INFO ? "Warning" : "Normal");
	set_text(&event->message, message);
	set_text(&event->last, now);
	if (!event->first)
		set_text(&event->first, now);
	event->count++;
	note->fresh = true;
	note->told_at = uv_now(&events->agent->loop);
	queue_add(events->queue, note->key);
}

void tell(const struct agent *agent, enum log_level level, struct subject subject, const char *reason, const char *format, ...) {
	char message[1024]; /* as much as an Event may hold */
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(message, sizeof message, format, arguments);
	va_end(arguments);
	log_hide_secrets(message);
	_cleanup_(free_memory) char *key = object_key(subject.kind, subject.namespace, subject.name);
	log_event(level, key, reason, "%s", message);
	if (agent->events)
		count_one(agent->events, level, &subject, reason, message);
}

/* ---- writing ---- */

/* The source's state of it, from this run or an earlier one. */
static void take_over(struct note *note, const struct object *object, bool earlier) {
	struct event_object *event = &note->event->event;
	note->exists = true;
	set_text(&note->event->metadata.uid, object->metadata.uid);
	set_text(&note->event->metadata.resource_version, object->metadata.resource_version);
	bool adds = earlier && !note->counted;
	note->counted = true;
	note->is_others = object->event.instance && strcmp(object->event.instance, note->event->event.instance);
	if (!adds)
		return;
	event->count += object->event.count;
	if (object->event.first)
		set_text(&event->first, object->event.first);
	note->fresh = true;
}

/* Negative: again after a backoff, unless the server will never take it. */
static void end(struct note *note, int result) {
	note->busy = false;
	note->fresh |= result < 0 && result != -EINVAL;
	queue_done(note->events->queue, note->key, note->fresh ? result : 0);
}

static void note_read(void *context, int result, const struct object *object, const struct vpc_error *error) {
	struct note *note = context;
	(void)error;
	if (result == 0)
		take_over(note, object, true);
	else
		note->exists = false;
	note->fresh |= !note->is_others;
	end(note, 0);
	queue_add(note->events->queue, note->key);
}

static void note_written(void *context, int result, const struct object *object, const struct vpc_error *error) {
	struct note *note = context;
	struct source *source = note->events->agent->source;
	const struct metadata *metadata = &note->event->metadata;
	if (result == -EEXIST || result == -EAGAIN) { /* of an earlier run, or made anew */
		source->verbs->get(source, KIND_EVENT, metadata->namespace, metadata->name, note_read, note);
		return;
	}
	if (result == 0)
		take_over(note, object, false);
	else if (result == -ENOENT)
		note->exists = false, note->fresh = true; /* expired: made anew */
	else
		log_event(LOG_DETAIL, metadata->name, "EventNotWritten", "%s", error->text);
	if (result == 0)
		queue_pause(note->events->queue, note->key, REPEAT_MS);
	end(note, result == -ENOENT ? 0 : result);
	if (result == -ENOENT)
		queue_add(note->events->queue, note->key);
}

static void look(void *context, const char *key) {
	struct events *events = context;
	struct source *source = events->agent->source;
	struct note *note = table_get(&events->notes, key);
	if (!note || !note->fresh || note->is_others)
		return;
	if (!events->agent->synced) {
		queue_add_after(events->queue, key, BACKOFF_FIRST_MS);
		return;
	}
	struct object *object = object_clone(note->event);
	note->busy = true;
	note->fresh = false;
	queue_hold(events->queue, key);
	if (note->exists)
		source->verbs->update(source, object, note_written, note);
	else
		source->verbs->create(source, object, note_written, note);
	object_unref(object);
}

static void look_often(uv_timer_t *timer) {
	struct events *events = timer->data;
	for (struct note *old; (old = oldest(events));) {
		if (old->fresh || uv_now(&events->agent->loop) < old->told_at + FORGET_MS)
			return;
		drop_note(events, old);
	}
}

struct events *events_open(struct agent *agent) {
	struct events *events = allocate(sizeof *events);
	struct queue_options options = {.settle = SETTLE_MS,
	    .backoff_first = BACKOFF_FIRST_MS,
	    .backoff_last = BACKOFF_LAST_MS,
	    .most = MOST_AT_ONCE,
	    .work = look,
	    .context = events};
	events->agent = agent;
	events->queue = queue_open(&agent->loop, &options);
	uv_timer_init(&agent->loop, &events->tick);
	events->tick.data = events;
	uv_timer_start(&events->tick, look_often, TICK_MS, TICK_MS);
	return events;
}
