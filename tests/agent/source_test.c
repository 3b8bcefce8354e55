// SPDX-License-Identifier: Apache-2.0
/*
 * Two sources ("agents") on one folder, as in life.
 *
 *   first --+-- folder --+-- second
 */
#include "source.h"
#include "text.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>
#include <cmocka.h>

#define VPC(name) "{apiVersion: libvpc.io/v1alpha1, kind: VPC, metadata: {name: " name "}, spec: {encapsulation: vxlan, namespaces: [a]}}\n"

struct watcher {
	struct source *source;
	bool synced;
	char events[512]; /* "+VPC/red=vxlan " added, "~" modified, "-" deleted */
	char uid[64];     /* of the last object told of */
	int result;       /* of the last answer; 1: none yet */
	struct object *object;
};

static uv_loop_t loop;
static char folder[] = "/tmp/agent-source-XXXXXX";
static struct watcher first, second;

static void note_event(void *context, enum source_event event, const struct object *object) {
	struct watcher *watcher = context;
	size_t length = strlen(watcher->events);
	snprintf(watcher->events + length, sizeof watcher->events - length, "%c%s ", "+~-"[event], object->metadata.name);
	snprintf(watcher->uid, sizeof watcher->uid, "%s", object->metadata.uid ? object->metadata.uid : "");
}

static void note_synced(void *context) {
	((struct watcher *)context)->synced = true;
}

static void note_answer(void *context, int result, const struct object *object, const struct vpc_error *error) {
	struct watcher *watcher = context;
	(void)error;
	watcher->result = result;
	object_unref(watcher->object);
	watcher->object = object ? object_ref(object) : NULL;
}

static void ignore_tick(uv_timer_t *timer) {
	(void)timer;
}

/* Runs the loop until the condition holds, at most 30 s. */
#define UNTIL(condition) do { \
	uv_timer_t tick; \
	uv_timer_init(&loop, &tick); \
	uv_timer_start(&tick, ignore_tick, 20, 20); \
	uint64_t deadline = uv_now(&loop) + 30000; \
	while (!(condition) && uv_now(&loop) < deadline) \
		uv_run(&loop, UV_RUN_ONCE); \
	uv_close((uv_handle_t *)&tick, NULL); \
	uv_run(&loop, UV_RUN_NOWAIT); \
	if (!(condition)) \
		fail_msg("not in time: %s (first '%s', second '%s')", #condition, first.events, second.events); \
} while (0)

#define ASK(watcher, verb, ...) do { \
	(watcher)->result = 1; \
	(watcher)->source->verbs->verb((watcher)->source, __VA_ARGS__, note_answer, (watcher)); \
	assert_int_equal((watcher)->result, 1); /* never inside the call */ \
	UNTIL((watcher)->result != 1); \
} while (0)

static void write_file(const char *name, const char *text) {
	char path[128], hidden[128];
	snprintf(path, sizeof path, "%s/%s", folder, name);
	snprintf(hidden, sizeof hidden, "%s/.hidden", folder);
	FILE *file = fopen(hidden, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
	assert_int_equal(rename(hidden, path), 0);
}

static void remove_file(const char *name) {
	char path[128];
	snprintf(path, sizeof path, "%s/%s", folder, name);
	assert_int_equal(unlink(path), 0);
}

static void open_source(struct watcher *watcher) {
	struct vpc_error error = {""};
	struct source_watcher functions = {watcher, note_event, note_synced};
	*watcher = (struct watcher){0};
	if (source_directory_open(&loop, folder, &functions, &watcher->source, &error) < 0)
		fail_msg("%s", error.text);
	UNTIL(watcher->synced);
}

static void close_source(struct watcher *watcher) {
	watcher->source->verbs->free(watcher->source);
	object_unref(watcher->object);
	watcher->object = NULL;
	uv_run(&loop, UV_RUN_NOWAIT);
}

static int set_up(void **state) {
	(void)state;
	strcpy(folder + strlen(folder) - 6, "XXXXXX");
	assert_non_null(mkdtemp(folder));
	uv_loop_init(&loop);
	open_source(&first);
	open_source(&second);
	return 0;
}

static int tear_down(void **state) {
	char command[64];
	(void)state;
	close_source(&first);
	close_source(&second);
	assert_int_equal(uv_loop_close(&loop), 0);
	snprintf(command, sizeof command, "rm -r %s", folder);
	return system(command);
}

static void forget_events(void) {
	first.events[0] = second.events[0] = '\0';
}

static void tells_of_files(void **state) {
	(void)state;
	write_file("a.yaml", VPC("red") "---\n" VPC("blue"));
	UNTIL(strstr(first.events, "+red +blue") && strstr(second.events, "+red +blue"));
	assert_string_equal(first.uid, second.uid);
	forget_events();
	write_file("a.yaml", VPC("red"));
	UNTIL(strstr(first.events, "-blue") && strstr(second.events, "-blue"));
	forget_events();
	remove_file("a.yaml");
	UNTIL(strstr(first.events, "-red") && strstr(second.events, "-red"));
}

static void keeps_what_a_broken_file_said(void **state) {
	(void)state;
	write_file("a.yaml", VPC("red"));
	UNTIL(strstr(first.events, "+red"));
	forget_events();
	write_file("a.yaml", "{{{\n---\n" VPC("blue"));
	UNTIL(strstr(first.events, "+blue"));
	assert_null(strstr(first.events, "-red"));
	assert_false(first.source->verbs->complete(first.source));
	write_file("a.yaml", VPC("blue"));
	UNTIL(strstr(first.events, "-red"));
	assert_true(first.source->verbs->complete(first.source));
}

static void one_name_in_two_files(void **state) {
	(void)state;
	write_file("a.yaml", VPC("red"));
	UNTIL(strstr(first.events, "+red"));
	write_file("b.yaml", VPC("red"));
	UNTIL(!first.source->verbs->complete(first.source));
	forget_events();
	remove_file("a.yaml"); /* now the second file's counts */
	UNTIL(first.source->verbs->complete(first.source) && strstr(first.events, "+red"));
}

static void a_recreated_vpc_is_another(void **state) {
	char uid[64];
	(void)state;
	write_file("a.yaml", VPC("red"));
	UNTIL(strstr(first.events, "+red") && strstr(second.events, "+red"));
	strcpy(uid, first.uid);
	write_file("a.yaml", "{apiVersion: libvpc.io/v1alpha1, kind: VPC, metadata: {name: red}, spec: {encapsulation: vxlan, namespaces: [b]}}\n");
	UNTIL(strstr(first.events, "~red") && strstr(second.events, "~red"));
	assert_string_equal(first.uid, uid);
	remove_file("a.yaml");
	UNTIL(strstr(first.events, "-red") && strstr(second.events, "-red"));
	forget_events();
	write_file("a.yaml", VPC("red"));
	UNTIL(strstr(first.events, "+red") && strstr(second.events, "+red"));
	assert_string_not_equal(first.uid, uid);
	assert_string_equal(first.uid, second.uid);
}

static struct object *claim(void) {
	struct object *object = object_new(KIND_NETWORK_ID, NULL, "vxlan-77");
	object->network_id.vpc_name = strdup("red");
	object->network_id.vpc_uid = strdup("r");
	return object;
}

static void creation_is_exclusive(void **state) {
	struct object *object = claim();
	(void)state;
	ASK(&first, create, object);
	assert_int_equal(first.result, 0);
	assert_string_equal(first.object->metadata.resource_version, "1");
	ASK(&second, create, object);
	assert_int_equal(second.result, -EEXIST);
	ASK(&second, get, KIND_NETWORK_ID, NULL, "vxlan-77");
	assert_int_equal(second.result, 0);
	assert_string_equal(second.object->metadata.uid, first.object->metadata.uid);
	object_unref(object);
}

static void updates_and_deletions_have_preconditions(void **state) {
	struct object *object = claim();
	(void)state;
	ASK(&first, create, object);
	ASK(&second, get, KIND_NETWORK_ID, NULL, "vxlan-77");
	struct object *mine = object_clone(first.object), *theirs = object_clone(second.object);
	mine->network_id.released_at = strdup("2026-01-01T00:00:00Z");
	ASK(&first, update, mine);
	assert_int_equal(first.result, 0);
	assert_string_equal(first.object->metadata.resource_version, "2");
	ASK(&second, update, theirs);
	assert_int_equal(second.result, -EAGAIN);
	ASK(&second, delete, theirs);
	assert_int_equal(second.result, -EAGAIN);
	set_text(&mine->metadata.uid, "another");
	set_text(&mine->metadata.resource_version, "2");
	ASK(&first, delete, mine);
	assert_int_equal(first.result, -EAGAIN);
	ASK(&second, get, KIND_NETWORK_ID, NULL, "vxlan-77");
	struct object *current = object_ref(second.object);
	ASK(&second, delete, current);
	assert_int_equal(second.result, 0);
	ASK(&first, get, KIND_NETWORK_ID, NULL, "vxlan-77");
	assert_int_equal(first.result, -ENOENT);
	object_unref(current);
	object_unref(mine);
	object_unref(theirs);
	object_unref(object);
}

static void a_status_belongs_to_one_uid(void **state) {
	(void)state;
	write_file("a.yaml", VPC("red"));
	UNTIL(strstr(first.events, "+red") && strstr(second.events, "+red"));
	ASK(&first, get, KIND_VPC, NULL, "red");
	struct object *changed = object_clone(first.object);
	changed->vpc.status.id = 77;
	ASK(&first, update, changed);
	assert_int_equal(first.result, 0);
	ASK(&second, update, changed); /* the version has moved on */
	assert_int_equal(second.result, -EAGAIN);
	ASK(&second, get, KIND_VPC, NULL, "red");
	assert_int_equal(second.object->vpc.status.id, 77);
	remove_file("a.yaml");
	UNTIL(strstr(first.events, "-red") && strstr(second.events, "-red"));
	write_file("a.yaml", VPC("red"));
	ASK(&second, get, KIND_VPC, NULL, "red");
	assert_int_equal(second.object->vpc.status.id, 0);
	object_unref(changed);
}

static void endpoints_end_with_their_node(void **state) {
	struct object *object = object_new(KIND_ENDPOINTS, NULL, "vxlan-5.n1");
	(void)state;
	write_file("n.yaml", "{apiVersion: v1, kind: Node, metadata: {name: n1}}\n");
	UNTIL(strstr(first.events, "+n1") && strstr(second.events, "+n1"));
	set_text(&object->endpoints.node, "n1");
	set_text(&object->endpoints.vpc_name, "red");
	set_text(&object->endpoints.vpc_uid, "r");
	set_text(&object->endpoints.encapsulation, "vxlan");
	object->endpoints.id = 5;
	set_text(&object->endpoints.uplink_mac, "02:00:00:00:00:01");
	object->metadata.owners.items = calloc(1, sizeof *object->metadata.owners.items);
	object->metadata.owners.count = 1;
	set_text(&object->metadata.owners.items->kind, "Node");
	set_text(&object->metadata.owners.items->uid, first.uid);
	ASK(&first, create, object);
	assert_int_equal(first.result, 0);
	UNTIL(strstr(second.events, "+vxlan-5.n1"));
	remove_file("n.yaml");
	UNTIL(strstr(first.events, "-vxlan-5.n1") && strstr(second.events, "-vxlan-5.n1"));
	object_unref(object);
}

static void people_may_not_write_claims(void **state) {
	(void)state;
	write_file("a.yaml", "{apiVersion: libvpc.io/v1alpha1, kind: NetworkID, metadata: {name: vxlan-5}, spec: {vpc: {name: red, uid: r}}}\n");
	UNTIL(!first.source->verbs->complete(first.source));
	ASK(&first, get, KIND_NETWORK_ID, NULL, "vxlan-5");
	assert_int_equal(first.result, -ENOENT);
}

static struct object *make_event(void) {
	struct object *event = object_new(KIND_EVENT, "default", "pod-a.1");
	event->event.involved.kind = strdup("Pod");
	event->event.involved.name = strdup("a");
	event->event.reason = strdup("AddRefused");
	event->event.count = 1;
	return event;
}

static void writes_events(void **state) {
	(void)state;
	char path[160];
	_Static_assert(sizeof path > sizeof folder + 32, "room for the file's name");
	struct object *event = make_event();
	ASK(&first, create, event);
	assert_int_equal(first.result, 0);
	ASK(&second, create, event); /* exclusive by name */
	assert_int_equal(second.result, -EEXIST);
	ASK(&second, get, KIND_EVENT, "default", "pod-a.1");
	assert_int_equal(second.result, 0);
	assert_string_equal(second.object->event.reason, "AddRefused");
	object_unref(event);

	event = object_clone(second.object);
	event->event.count = 2;
	ASK(&second, update, event);
	assert_int_equal(second.result, 0);
	ASK(&first, update, event); /* of an old version */
	assert_int_equal(first.result, -EAGAIN);
	ASK(&first, get, KIND_EVENT, "default", "pod-a.1");
	assert_int_equal(first.object->event.count, 2);
	object_unref(event);

	write_file("events/pod-a.1.yaml", "no event\n");
	ASK(&first, get, KIND_EVENT, "default", "pod-a.1");
	assert_true(first.source->verbs->complete(first.source)); /* nobody's decisions hang on Events */
	snprintf(path, sizeof path, "%s/events/pod-a.1.yaml", folder);
	assert_int_equal(unlink(path), 0);
	ASK(&second, get, KIND_EVENT, "default", "pod-a.1");
	assert_int_equal(second.result, -ENOENT);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(tells_of_files, set_up, tear_down),
		cmocka_unit_test_setup_teardown(keeps_what_a_broken_file_said, set_up, tear_down),
		cmocka_unit_test_setup_teardown(one_name_in_two_files, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_recreated_vpc_is_another, set_up, tear_down),
		cmocka_unit_test_setup_teardown(creation_is_exclusive, set_up, tear_down),
		cmocka_unit_test_setup_teardown(updates_and_deletions_have_preconditions, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_status_belongs_to_one_uid, set_up, tear_down),
		cmocka_unit_test_setup_teardown(endpoints_end_with_their_node, set_up, tear_down),
		cmocka_unit_test_setup_teardown(people_may_not_write_claims, set_up, tear_down),
		cmocka_unit_test_setup_teardown(writes_events, set_up, tear_down),
	};
	return cmocka_run_group_tests_name("source", tests, NULL, NULL);
}
