// SPDX-License-Identifier: Apache-2.0
/*
 * A source over the Kubernetes API with nothing behind it: keeps what it is told, checks that it is told in order, and does
 * what lines on stdin say.
 *
 *   probe real|patient|hasty NODE KUBECONFIG [UID...]      UIDs of VPCs to follow from the start
 *
 *   dump                      "obj KEY UID VERSION MARK" for each object, then "end"; MARK: the annotation "mark"
 *   get KIND NAMESPACE NAME   "answer get RESULT VERSION"; "-": no namespace
 *   list KIND LABEL VALUE     "answer list RESULT COUNT"; "-": no label
 *   claim NAME VPC UID        creates a NetworkID
 *   release NAME              sets its releasedAt
 *   drop NAME                 deletes it
 *   follow UID, leave UID, complete
 */
#include "../../controller/cleanup.h"
#include "kubernetes/api_stream.h"
#include "source.h"
#include "table.h"
#include "text.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <uv.h>

static uv_loop_t loop;
static struct source *source;
static struct table objects;
static struct table versions; /* UID to the latest version ever told */
static bool synced;
static char line[4096];
static size_t line_length, listed;

/* Patient: the times of a real agent, but for those that a test of faults would have to wait for. Hasty: meets many. */
static const struct kubernetes_timing PATIENT = {
    .request = 3000, .silence = 1500, .watch = 3000, .backoff_first = 400, .backoff_last = 4000, .nodes = 2000};
static const struct kubernetes_timing HASTY = {
    .request = 3000, .silence = 700, .watch = 1000, .backoff_first = 10, .backoff_last = 100, .nodes = 500};

static const struct kubernetes_timing *timing_named(const char *name) {
	return !strcmp(name, "hasty") ? &HASTY : !strcmp(name, "patient") ? &PATIENT : &KUBERNETES_TIMING;
}

__attribute__((format(printf, 1, 2))) static void say(const char *format, ...) {
	va_list arguments;
	va_start(arguments, format);
	vprintf(format, arguments);
	va_end(arguments);
	putchar('\n');
	fflush(stdout);
}

static bool same(const char *a, const char *b) {
	return !strcmp(a ? a : "", b ? b : "");
}

/* Nothing may be told of a past that is over, nor a change that is none. */
static void check_version(const char *key, const struct metadata *metadata, bool added) {
	char *before = table_put(&versions, metadata->uid, duplicate(metadata->resource_version));
	if (before && api_version_compare(before, metadata->resource_version) >= added)
		say("violation %s went from version %s to %s", key, before, metadata->resource_version);
	free(before);
}

static void note_event(void *context, enum source_event event, const struct object *object) {
	(void)context;
	char *key = key_of(object);
	const struct object *before = table_get(&objects, key);
	bool in_order = event == SOURCE_ADDED ? !before : before && same(before->metadata.uid, object->metadata.uid);
	if (!in_order)
		say("violation %s event %d", key, event);
	if (event == SOURCE_DELETED) {
		table_remove(&objects, key);
	} else {
		check_version(key, &object->metadata, event == SOURCE_ADDED);
		table_put(&objects, key, object_ref(object));
	}
	object_unref(before);
	free(key);
}

static void note_synced(void *context) {
	(void)context;
	if (synced)
		say("violation synced twice");
	synced = true;
	say("synced");
}

static void note_answer(void *context, int result, const struct object *object, const struct vpc_error *error) {
	if (result == 0 && object) {
		char *key = key_of(object);
		const struct object *known = table_get(&objects, key);
		if (object->kind == KIND_NETWORK_ID && (!known || !same(known->metadata.resource_version, object->metadata.resource_version)))
			say("violation %s answered before it was told", key);
		free(key);
	}
	if (result < 0)
		fprintf(stderr, "probe: %s\n", error->text);
	say("answer %s %d %s", (const char *)context, result,
	    object && object->metadata.resource_version ? object->metadata.resource_version : "-");
}

static void note_one(void *context, const struct object *object) {
	(void)context, (void)object;
	listed++;
}

static void note_listed(void *context, int result, const struct object *object, const struct vpc_error *error) {
	(void)object;
	if (result < 0)
		fprintf(stderr, "probe: %s\n", error->text);
	say("answer %s %d %zu", (const char *)context, result, listed);
}

static void dump(void) {
	TABLE_EACH(&objects, entry) {
		const struct metadata *metadata = &((const struct object *)entry->value)->metadata;
		const char *mark = map_get(&metadata->annotations, "mark");
		say("obj %s %s %s %s", entry->key, metadata->uid, metadata->resource_version, mark ? mark : "-");
	}
	say("end");
}

static enum kind kind_named(const char *name) {
	for (enum kind kind = 0; kind < KINDS; kind++)
		if (!strcmp(kind_name(kind), name))
			return kind;
	return KINDS;
}

static void claim(const char *name, const char *vpc, const char *uid) {
	struct object *object = object_new(KIND_NETWORK_ID, NULL, name);
	object->network_id.vpc_name = duplicate(vpc);
	object->network_id.vpc_uid = duplicate(uid);
	map_set(&object->metadata.labels, UID_LABEL, uid);
	source->verbs->create(source, object, note_answer, "claim");
	object_unref(object);
}

static void release_or_drop(bool drop, const char *name) {
	char *key = object_key(KIND_NETWORK_ID, NULL, name);
	const struct object *known = table_get(&objects, key);
	free(key);
	if (!known) {
		say("answer none %d -", -ENOENT);
		return;
	}
	struct object *object = object_clone(known);
	set_text(&object->network_id.released_at, "2026-01-01T00:00:00Z");
	if (drop)
		source->verbs->delete (source, object, note_answer, "drop");
	else
		source->verbs->update(source, object, note_answer, "release");
	object_unref(object);
}

static void perform(char *command) {
	char *words[4] = {NULL}, *rest = command;
	for (size_t i = 0; i < COUNT_OF(words); i++)
		words[i] = strsep(&rest, " ");
	const char *verb = words[0];
	if (!strcmp(verb, "dump"))
		dump();
	else if (!strcmp(verb, "get"))
		source->verbs->get(source, kind_named(words[1]), *words[2] == '-' ? NULL : words[2], words[3], note_answer, "get");
	else if (!strcmp(verb, "list")) {
		listed = 0;
		bool all = *words[2] == '-';
		source->verbs->list(source, kind_named(words[1]), all ? NULL : words[2], all ? NULL : words[3], note_one, note_listed, "list");
	} else if (!strcmp(verb, "claim"))
		claim(words[1], words[2], words[3]);
	else if (!strcmp(verb, "release") || !strcmp(verb, "drop"))
		release_or_drop(*verb == 'd', words[1]);
	else if (!strcmp(verb, "follow") || !strcmp(verb, "leave"))
		source->verbs->follow(source, words[1], *verb == 'f');
	else if (!strcmp(verb, "complete"))
		say("answer complete %d -", source->verbs->complete(source));
	else
		say("violation unknown command %s", verb);
}

static void give_space(uv_handle_t *handle, size_t suggested, uv_buf_t *ret_space) {
	(void)handle, (void)suggested;
	*ret_space = uv_buf_init(line + line_length, sizeof line - line_length);
}

static void note_input(uv_stream_t *stream, ssize_t length, const uv_buf_t *space) {
	(void)space;
	if (length < 0) {
		uv_close((uv_handle_t *)stream, NULL);
		source = source->verbs->free(source);
		return;
	}
	line_length += length;
	for (char *end; (end = memchr(line, '\n', line_length));) {
		size_t used = end + 1 - line;
		*end = '\0';
		perform(line);
		memmove(line, line + used, line_length - used);
		line_length -= used;
	}
}

int main(int count, char **arguments) {
	struct vpc_error error = {""};
	struct source_watcher watcher = {NULL, note_event, note_synced};
	if (count < 3)
		return 2;
	struct kubernetes_options options = {.kubeconfig = arguments[3], .node = arguments[2], .timing = timing_named(arguments[1])};
	uv_pipe_t input;
	signal(SIGPIPE, SIG_IGN);
	uv_loop_init(&loop);
	if (source_kubernetes_open(&loop, &options, &watcher, &source, &error) < 0) {
		say("refused %s", error.text);
		return 1;
	}
	for (int i = 4; i < count; i++)
		source->verbs->follow(source, arguments[i], true);
	uv_pipe_init(&loop, &input, 0);
	uv_pipe_open(&input, 0);
	uv_read_start((uv_stream_t *)&input, give_space, note_input);
	uv_run(&loop, UV_RUN_DEFAULT);
	TABLE_EACH(&objects, entry)
	object_unref(entry->value);
	table_release(&objects);
	TABLE_EACH(&versions, entry)
	free(entry->value);
	table_release(&versions);
	int open = uv_loop_close(&loop);
	if (open)
		say("violation the source leaves handles open");
	return open ? 1 : 0;
}
