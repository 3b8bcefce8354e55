// SPDX-License-Identifier: Apache-2.0
/*
 * One collection, kept told:
 *
 *   REST --> FIRST (a watch that begins with all objects) --> WATCH --> REST --> WATCH ...
 *       \--> LIST (where the server cannot do that) -------/     \--> after 410: FIRST or LIST
 *
 * What was told is kept with its version, so that stale, repeated and reordered events change nothing.
 */
#include "../../cleanup.h"
#include "../log.h"
#include "../metrics.h"
#include "kubernetes.h"

#include <stdio.h>
#include <string.h>

#define GONE_MS 300000 /* so long a late event of a deleted object is recognised */
#define GOOD_MS 2000   /* a watch that lasted so long is no failure */
#define BROKEN_LIMIT 3 /* so often the same place may be unreadable before all is read anew */

enum phase { PHASE_REST, PHASE_FIRST, PHASE_LIST, PHASE_WATCH };

struct known {
	struct object *object;
	uint32_t round;
};

/* What left the collection: whatever is told of it later, but is no later version, is late. */
struct gone {
	uint64_t since; /* uv_now */
	char *version;  /* NULL: the object is no more, and no version of it is a later one */
};

struct watch {
	struct kubernetes *kube;
	enum kind kind;
	char *path;
	uint32_t every;
	enum phase phase;
	struct http_exchange *exchange;
	struct api_stream stream;
	bool open; /* the stream is */
	uv_timer_t timer;

	char *version; /* all before it was told; NULL: not known */
	char *highest; /* version ever told; what the server may not fall behind */
	char *more;    /* of a list in parts */
	bool reset;    /* this round is believed though it is older */
	bool synced;
	uint32_t round; /* of first states */
	uint64_t round_began, watch_began;
	unsigned failures, expired_in_a_row, broken_in_a_row, behind_in_a_row;
	bool told_failing;
	struct table known;  /* key to struct known */
	struct table gone;   /* UID to struct gone */
	struct table broken; /* key of what does not fit to its round */
};

static void begin(uv_timer_t *timer);

static void rest(struct watch *watch, uint32_t delay) {
	watch->phase = PHASE_REST;
	uv_timer_start(&watch->timer, begin, delay, 0);
}

/* ---- what is known ---- */

static void emit(struct watch *watch, enum source_event event, const struct object *object) {
	if (watch->kube->watcher.event)
		watch->kube->watcher.event(watch->kube->watcher.context, event, object);
}

static void free_gone(struct gone *gone) {
	if (gone)
		free(gone->version);
	free(gone);
}

static void note_gone(struct watch *watch, const char *uid, const char *version) {
	if (!uid)
		return;
	struct gone *gone = allocate(sizeof *gone);
	*gone = (struct gone){uv_now(watch->kube->loop), duplicate(version)};
	free_gone(table_put(&watch->gone, uid, gone));
}

static bool is_gone(const struct watch *watch, const char *uid, const char *version) {
	const struct gone *gone = uid ? table_get(&watch->gone, uid) : NULL;
	return gone && (!gone->version || api_version_compare(version, gone->version) <= 0);
}

static void sweep_gone(struct watch *watch) {
	struct table kept = {0};
	TABLE_EACH(&watch->gone, entry) {
		struct gone *gone = entry->value;
		if (uv_now(watch->kube->loop) - gone->since < GONE_MS)
			table_put(&kept, entry->key, gone);
		else
			free_gone(gone);
	}
	table_release(&watch->gone);
	watch->gone = kept;
}

static void forget(struct watch *watch, const char *key) {
	struct known *known = table_remove(&watch->known, key);
	emit(watch, SOURCE_DELETED, known->object);
	object_unref(known->object);
	free(known);
}

static const char *version_of(const struct object *object) {
	return object->metadata.resource_version ? object->metadata.resource_version : "0";
}

static bool same_uid(const struct object *left, const struct object *right) {
	const char *a = left->metadata.uid, *b = right->metadata.uid;
	return a && b ? !strcmp(a, b) : a == b;
}

static void note_deleted(struct watch *watch, const char *key, const struct object *object) {
	struct known *known = table_get(&watch->known, key);
	if (is_gone(watch, object->metadata.uid, version_of(object)))
		return;
	note_gone(watch, object->metadata.uid, version_of(object));
	if (known && same_uid(known->object, object) && api_version_compare(version_of(known->object), version_of(object)) <= 0)
		forget(watch, key);
}

static void note_present(struct watch *watch, const char *key, const struct object *object) {
	struct known *known = table_get(&watch->known, key);
	if (is_gone(watch, object->metadata.uid, version_of(object)) && !watch->reset)
		return;
	if (known) {
		int order = api_version_compare(version_of(object), version_of(known->object));
		known->round = watch->round;
		if (order == 0 || (order < 0 && !watch->reset))
			return;
		if (same_uid(known->object, object)) {
			object_unref(known->object);
			known->object = object_ref(object);
			emit(watch, SOURCE_MODIFIED, object);
			return;
		}
		note_gone(watch, known->object->metadata.uid, NULL);
		forget(watch, key);
	}
	known = allocate(sizeof *known);
	*known = (struct known){object_ref(object), watch->round};
	table_put(&watch->known, key, known);
	emit(watch, SOURCE_ADDED, object);
}

void watch_note(struct watch *watch, const struct object *object) {
	_cleanup_(free_memory) char *key = key_of(object);
	table_remove(&watch->broken, key);
	note_present(watch, key, object);
}

void watch_note_gone(struct watch *watch, const char *key, const char *uid) {
	struct known *known = table_get(&watch->known, key);
	note_gone(watch, uid, NULL);
	if (known && known->object->metadata.uid && !strcmp(known->object->metadata.uid, uid))
		forget(watch, key);
}

const struct object *watch_find(const struct watch *watch, const char *key) {
	const struct known *known = table_get(&watch->known, key);
	return known ? known->object : NULL;
}

bool watch_synced(const struct watch *watch) {
	return watch->synced;
}

bool watch_complete(const struct watch *watch) {
	return watch->synced && !watch->broken.count;
}

/* Forgets each that is chosen; the table may not change while it is walked. version: since when they are gone; NULL: not. */
static void forget_each(struct watch *watch, bool (*chosen)(void *context, const struct known *known), void *context, const char *version) {
	struct texts keys = {0};
	TABLE_EACH(&watch->known, entry)
	if (chosen(context, entry->value))
		texts_add(&keys, entry->key);
	for (size_t i = 0; i < keys.count; i++) {
		if (version)
			note_gone(watch, watch_find(watch, keys.items[i])->metadata.uid, version);
		forget(watch, keys.items[i]);
		free(keys.items[i]);
	}
	free(keys.items);
}

struct choice {
	bool (*wanted)(void *context, const struct object *object);
	void *context;
};

static bool is_unwanted(void *context, const struct known *known) {
	struct choice *choice = context;
	return !choice->wanted(choice->context, known->object);
}

void watch_drop(struct watch *watch, bool (*wanted)(void *context, const struct object *object), void *context) {
	struct choice choice = {wanted, context};
	forget_each(watch, is_unwanted, &choice, NULL);
}

static void tell_failing(struct watch *watch, const char *why) {
	struct buffer labels = {0};
	metrics_label(&labels, "kind", kind_name(watch->kind));
	metrics_count(COUNT_WATCH_RESTARTS, labels.bytes);
	buffer_release(&labels);
	log_event(watch->told_failing ? LOG_DETAIL : LOG_WARNING, kind_name(watch->kind), "WatchFailed", "%s; trying again", why);
	watch->told_failing = true;
}

static void tell_well(struct watch *watch) {
	if (watch->told_failing)
		log_event(LOG_INFO, kind_name(watch->kind), "WatchRestored", "%s", watch->version ? watch->version : "");
	watch->told_failing = false;
}

/* ---- the first state ---- */

/* Not in a whole first state, and not made after it. */
static bool was_left_out(void *context, const struct known *known) {
	const struct watch *watch = context;
	return known->round != watch->round && (watch->reset || api_version_compare(version_of(known->object), watch->version) <= 0);
}

static void forget_old_faults(struct watch *watch) {
	struct table kept = {0};
	TABLE_EACH(&watch->broken, entry)
	if ((uintptr_t)entry->value == watch->round)
		table_put(&kept, entry->key, entry->value);
	table_release(&watch->broken);
	watch->broken = kept;
}

static void end_first_state(struct watch *watch, const char *version) {
	set_text(&watch->version, version);
	if (watch->reset || !watch->highest || api_version_compare(version, watch->highest) > 0)
		set_text(&watch->highest, version);
	forget_each(watch, was_left_out, watch, watch->version);
	forget_old_faults(watch);
	watch->reset = false;
	watch->behind_in_a_row = 0;
	tell_well(watch);
	if (!watch->synced) {
		watch->synced = true;
		kubernetes_note_synced(watch->kube);
	}
}

/* True if the server tells of a past that is over: another one may answer next time. */
static bool is_behind(const struct watch *watch, const char *version) {
	return !watch->reset && watch->highest && api_version_compare(version, watch->highest) < 0;
}

/* ---- events ---- */

static void move_version(struct watch *watch, const char *version) {
	if (!version || (watch->version && api_version_compare(version, watch->version) <= 0))
		return;
	set_text(&watch->version, version);
	if (!watch->highest || api_version_compare(version, watch->highest) > 0)
		set_text(&watch->highest, version);
}

static int take_bookmark(struct watch *watch) {
	const struct metadata *mark = &watch->stream.bookmark;
	if (watch->phase == PHASE_FIRST) {
		const char *end = map_get(&mark->annotations, INITIAL_EVENTS_END);
		if (!end || strcmp(end, "true") != 0)
			return 0;
		if (is_behind(watch, mark->resource_version))
			return -ESTALE;
		end_first_state(watch, mark->resource_version);
		watch->phase = PHASE_WATCH;
		watch->watch_began = uv_now(watch->kube->loop);
		return 0;
	}
	move_version(watch, mark->resource_version);
	return 0;
}

static void take_broken(struct watch *watch, const char *key, const struct object *object, const char *fault) {
	struct known *known = table_get(&watch->known, key);
	if (known && same_uid(known->object, object))
		known->round = watch->round; /* what it said before stays in force */
	if (!table_get(&watch->broken, key))
		log_event(LOG_ERROR, key, "BrokenObject", "%s", fault);
	table_put(&watch->broken, key, (void *)(uintptr_t)watch->round);
}

static int take_event(void *context, enum api_event event, struct object *object, const char *fault) {
	struct watch *watch = context;
	if (event == API_ERROR)
		return -EREMOTEIO;
	if (watch->phase == PHASE_WATCH)
		tell_well(watch);
	if (event == API_BOOKMARK)
		return take_bookmark(watch);
	if (!object->metadata.name) {
		log_event(LOG_ERROR, kind_name(watch->kind), "BrokenObject", "%s", fault);
		return 0;
	}
	_cleanup_(free_memory) char *key = key_of(object);
	if (event == API_DELETED) {
		table_remove(&watch->broken, key);
		note_deleted(watch, key, object);
	} else if (fault) {
		take_broken(watch, key, object, fault);
	} else {
		table_remove(&watch->broken, key);
		note_present(watch, key, object);
	}
	if (watch->phase == PHASE_WATCH)
		move_version(watch, object->metadata.resource_version);
	return 0;
}

static int take_bytes(void *context, const char *bytes, size_t length) {
	struct watch *watch = context;
	return api_stream_feed(&watch->stream, bytes, length, &watch->stream.why);
}

/* ---- ends ---- */

static void retry(struct watch *watch, uint32_t retry_after, const char *why) {
	watch->failures++;
	uint32_t delay = kubernetes_backoff(watch->kube, watch->failures);
	if (retry_after)
		delay = retry_after + kubernetes_random(watch->kube, retry_after / 4 + 100);
	tell_failing(watch, why);
	rest(watch, delay);
}

/* From here on nothing is taken for granted: the next round reads all. */
static void read_anew(struct watch *watch) {
	set_text(&watch->version, NULL);
	set_text(&watch->more, NULL);
}

static void end_list(struct watch *watch) {
	if (watch->stream.more && *watch->stream.more) {
		set_text(&watch->more, watch->stream.more);
		rest(watch, 0);
		return;
	}
	set_text(&watch->more, NULL);
	if (is_behind(watch, watch->stream.version)) {
		watch->behind_in_a_row++;
		retry(watch, 0, "the server's list is older than what is known");
		return;
	}
	end_first_state(watch, watch->stream.version);
	if (watch->every) {
		watch->failures = 0;
		read_anew(watch);
	}
	rest(watch, watch->every ? watch->every + kubernetes_random(watch->kube, watch->every / 5) : 0);
}

static bool is_expired(long code, const char *reason) {
	return code == 410 || (reason && (!strcmp(reason, "Expired") || !strcmp(reason, "Gone")));
}

static bool is_too_new(const struct api_status *status) {
	return status->message && strstr(status->message, "Too large resource version");
}

static void note_refused(struct watch *watch, long code, const struct api_status *status, uint32_t retry_after) {
	char why[400];
	snprintf(why, sizeof why, "HTTP %ld %s: %.250s", code, status->reason ? status->reason : "", status->message ? status->message : "");
	if (watch->phase == PHASE_FIRST && (code == 400 || code == 422)) {
		watch->kube->no_initial_events = true;
		rest(watch, 0);
	} else if (is_expired(code, status->reason)) {
		/* What failed before does not count: the server answers, and another question is asked next. */
		bool is_first = !watch->more && watch->expired_in_a_row++ == 0;
		read_anew(watch);
		if (is_first)
			rest(watch, kubernetes_random(watch->kube, 100));
		else
			retry(watch, 0, why);
	} else if (is_too_new(status)) {
		watch->behind_in_a_row++;
		retry(watch, retry_after, why);
	} else if (code == 404 && watch->kind != KIND_POD) {
		retry(watch, 0, "the server does not know this kind; apply deploy/libvpc.yaml");
	} else {
		retry(watch, retry_after, why);
	}
}

static void note_cut(struct watch *watch, const struct http_answer *answer) {
	if (answer->result == -EBADMSG && ++watch->broken_in_a_row >= BROKEN_LIMIT) {
		watch->broken_in_a_row = 0;
		read_anew(watch);
	}
	if (answer->result == -ESTALE)
		watch->behind_in_a_row++;
	retry(watch, answer->retry_after,
	    answer->result == -EBADMSG  ? watch->stream.why.text
	    : answer->result == -ESTALE ? "the server's state is older than what is known"
	                                : answer->error.text);
}

static void note_end(struct watch *watch, const struct http_answer *answer) {
	bool whole = api_stream_complete(&watch->stream);
	bool lasted = watch->phase == PHASE_WATCH && uv_now(watch->kube->loop) - watch->watch_began >= GOOD_MS;
	if (answer->result == 0 && whole)
		watch->broken_in_a_row = 0;
	if (lasted)
		watch->failures = watch->expired_in_a_row = 0;
	if (answer->result == -EREMOTEIO && watch->stream.status.code) {
		note_refused(watch, watch->stream.status.code, &watch->stream.status, watch->stream.status.retry_after * 1000);
	} else if (answer->status && (answer->status < 200 || answer->status > 299)) {
		struct api_status status;
		api_status_read(answer->body, answer->length, &status);
		note_refused(watch, answer->status, &status, answer->retry_after ? answer->retry_after : status.retry_after * 1000);
		api_status_release(&status);
	} else if (answer->result < 0) {
		note_cut(watch, answer);
	} else if (watch->phase == PHASE_LIST && whole) {
		end_list(watch);
	} else if (lasted) {
		rest(watch, kubernetes_random(watch->kube, 100));
	} else {
		retry(watch, 0, "the answer was cut off");
	}
}

static void note_done(void *context, const struct http_answer *answer) {
	struct watch *watch = context;
	watch->exchange = NULL;
	note_end(watch, answer);
	api_stream_close(&watch->stream);
	watch->open = false;
}

/* ---- beginnings ---- */

static void add_timeout(struct watch *watch, struct buffer *path) {
	char seconds[16];
	uint32_t least = watch->kube->timing.watch / 1000;
	snprintf(seconds, sizeof seconds, "%u", least + kubernetes_random(watch->kube, least));
	api_query(path, "timeoutSeconds", seconds);
	api_query(path, "allowWatchBookmarks", "true");
	api_query(path, "watch", "true");
}

/* A server may fall behind for a moment; one that stays so was restored from a backup, and is believed. */
static void begin_round(struct watch *watch) {
	watch->round++;
	watch->round_began = uv_now(watch->kube->loop);
	watch->reset = watch->behind_in_a_row >= 3;
}

static void set_query(struct watch *watch, struct buffer *path) {
	if (watch->phase == PHASE_WATCH) {
		api_query(path, "resourceVersion", watch->version);
		add_timeout(watch, path);
	} else if (watch->phase == PHASE_FIRST) {
		api_query(path, "sendInitialEvents", "true");
		api_query(path, "resourceVersionMatch", "NotOlderThan");
		if (watch->highest && !watch->reset)
			api_query(path, "resourceVersion", watch->highest);
		add_timeout(watch, path);
	} else if (watch->more) {
		api_query(path, "limit", "500");
		api_query(path, "continue", watch->more);
	} else if (watch->reset) {
		api_query(path, "limit", "500");
	} else {
		api_query(path, "resourceVersion", watch->highest ? watch->highest : "0");
		if (watch->highest)
			api_query(path, "resourceVersionMatch", "NotOlderThan");
	}
}

static void begin(uv_timer_t *timer) {
	struct watch *watch = timer->data;
	struct kubernetes *kube = watch->kube;
	struct buffer path = {0};
	bool listed = watch->every || kube->no_initial_events;
	sweep_gone(watch);
	watch->phase = watch->version ? PHASE_WATCH : listed ? PHASE_LIST : PHASE_FIRST;
	if (!watch->version && !watch->more)
		begin_round(watch);
	watch->watch_began = uv_now(kube->loop);
	buffer_text(&path, watch->path);
	set_query(watch, &path);
	api_stream_open(&watch->stream, watch->kind, watch->phase != PHASE_LIST, watch->every, take_event, watch);
	watch->open = true;
	struct http_call call = {.method = "GET",
	    .path = path.bytes,
	    .accept = watch->every ? "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1" : "application/json",
	    .watch = true,
	    .silence = watch->phase == PHASE_LIST ? kube->timing.request : kube->timing.silence,
	    .take = take_bytes,
	    .done = note_done,
	    .context = watch};
	watch->exchange = http_start(kube->http, &call);
	buffer_release(&path);
}

/* ---- opening and closing ---- */

struct watch *watch_open(struct kubernetes *kube, enum kind kind, const char *path, uint32_t every_ms) {
	struct watch *watch = allocate(sizeof *watch);
	*watch = (struct watch){.kube = kube, .kind = kind, .path = duplicate(path), .every = every_ms};
	uv_timer_init(kube->loop, &watch->timer);
	watch->timer.data = watch;
	return watch;
}

void watch_start(struct watch *watch) {
	if (watch->phase == PHASE_REST && !watch->exchange)
		rest(watch, 0);
}

static void stop_stream(struct watch *watch) {
	watch->exchange = http_cancel(watch->exchange);
	if (watch->open)
		api_stream_close(&watch->stream);
	watch->open = false;
}

void watch_move(struct watch *watch, const char *path) {
	stop_stream(watch);
	set_text(&watch->path, path);
	read_anew(watch);
	rest(watch, 0);
}

static void note_closed(uv_handle_t *handle) {
	free(handle->data);
}

struct watch *watch_close(struct watch *watch) {
	if (!watch)
		return NULL;
	stop_stream(watch);
	TABLE_EACH(&watch->known, entry) {
		object_unref(((struct known *)entry->value)->object);
		free(entry->value);
	}
	TABLE_EACH(&watch->gone, entry)
	free_gone(entry->value);
	table_release(&watch->known);
	table_release(&watch->gone);
	table_release(&watch->broken);
	free(watch->path);
	free(watch->version);
	free(watch->highest);
	free(watch->more);
	uv_close((uv_handle_t *)&watch->timer, note_closed);
	return NULL;
}
