// SPDX-License-Identifier: Apache-2.0
#include "agent.h"
#include "allocation.h"
#include "counts.h"
#include "text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/*
 * Node "here" of the nodes "here", "before" and "after", named by their place in the order of the VPC's UID. Times are those
 * of an agent, divided by a hundred: settle 20, write 100, ask 3000, rank 200.
 */
static const char UID[] = "uid-of-red";

static const struct {
	const char *description;
	int pods[3];          /* published by: before, here, after; -1: nothing */
	int64_t pods_told, nodes_told; /* in the status at first */
	int64_t elsewhere;    /* VPCEndpoints with Pods that only a live look finds */
	int changes;          /* so often another Pod of this node is published, each 20 ms */
	int writes_least, writes_most;
	uint64_t not_before;  /* no write sooner than */
	int64_t pods_in_the_end, nodes_in_the_end;
	int lists;
} CASES[] = {
	/* description                                  pods          told   elsewhere changes writes not before  in the end lists */
	{"nothing to say",                              {-1, 3, -1},  3, 1,  0,        0,      0, 0,  0,          3, 1,      0},
	{"the only node writes",                        {-1, 3, -1},  0, 0,  0,        0,      1, 1,  20,         3, 1,      0},
	{"the first node writes for all",               {-1, 3, 4},   0, 0,  0,        0,      1, 1,  20,         7, 2,      0},
	{"another comes first, and does not write",     {2, 3, -1},   0, 0,  0,        0,      1, 1,  200,        5, 2,      0},
	{"another comes first, and has written",        {2, 3, -1},   5, 2,  0,        0,      0, 0,  0,          5, 2,      0},
	{"published without Pods does not count",       {0, 3, 0},    0, 0,  0,        0,      1, 1,  20,         3, 1,      0},
	{"many changes, few writes",                    {-1, 3, -1},  0, 0,  0,        10,     1, 5,  20,         13, 1,     0},
	{"none left anywhere: asked, and told",         {-1, -1, -1}, 4, 1,  0,        0,      1, 1,  20,         0, 0,      1},
	{"none known here, but elsewhere: left alone",  {-1, -1, -1}, 4, 1,  2,        0,      0, 0,  0,          4, 1,      1},
};

struct run {
	struct source source;
	struct agent agent;
	size_t number;
	char nodes[3][24];
	int writes, lists, changes;
	uint64_t start, first_write, last_write;
	bool too_soon;
	uv_timer_t timer, answer;
	source_answer tell;
	void *context;
	struct object *answered;
};

static struct run *run_of(struct source *source) {
	return (struct run *)source;
}

static void give_answer(uv_timer_t *timer) {
	struct run *run = timer->data;
	struct vpc_error error = {""};
	struct object *object = run->answered;
	run->answered = NULL;
	run->tell(run->context, 0, object, &error);
	object_unref(object);
}

static void answer_soon(struct run *run, source_answer tell, void *context, struct object *object) {
	run->tell = tell;
	run->context = context;
	run->answered = object;
	uv_timer_start(&run->answer, give_answer, 1, 0);
}

static void put(struct run *run, struct object *object) {
	object_unref(table_put(&run->agent.objects[object->kind], object->metadata.name, object));
	counts_note(run->agent.counts, object);
}

static void update(struct source *source, const struct object *object, source_answer answer, void *context) {
	struct run *run = run_of(source);
	uint64_t now = uv_now(&run->agent.loop) - run->start;
	run->too_soon |= run->writes && now - run->last_write < 100;
	run->first_write = run->writes++ ? run->first_write : now;
	run->last_write = now;
	put(run, object_clone(object)); /* an event of a write comes before the answer to that write */
	answer_soon(run, answer, context, object_ref(object));
}

static void list(struct source *source, enum kind kind, const char *label, const char *value,
    void (*visit)(void *context, const struct object *object), source_answer answer, void *context) {
	struct run *run = run_of(source);
	assert_int_equal(kind, KIND_ENDPOINTS);
	assert_string_equal(label, UID_LABEL);
	assert_string_equal(value, UID);
	run->lists++;
	for (int64_t i = 0; i < CASES[run->number].elsewhere; i++) {
		struct object *object = object_new(KIND_ENDPOINTS, NULL, "vxlan-77.elsewhere");
		object->endpoints.pods.items = allocate(sizeof *object->endpoints.pods.items);
		object->endpoints.pods.count = 1;
		visit(context, object);
		object_unref(object);
	}
	answer_soon(run, answer, context, NULL);
}

static void publish(struct run *run, int place, int pods) {
	char *name = format_text("vxlan-77.%s", run->nodes[place]);
	struct object *object = object_new(KIND_ENDPOINTS, NULL, name);
	object->endpoints.node = duplicate(run->nodes[place]);
	object->endpoints.vpc_uid = duplicate(UID);
	object->endpoints.pods.items = allocate((pods + 1) * sizeof *object->endpoints.pods.items);
	object->endpoints.pods.count = pods;
	put(run, object);
	free(name);
}

static void change(uv_timer_t *timer) {
	struct run *run = timer->data;
	if (run->changes < CASES[run->number].changes) {
		publish(run, 1, CASES[run->number].pods[1] + ++run->changes);
		uv_timer_start(timer, change, 20, 0);
	} else if (run->changes++ == CASES[run->number].changes) {
		uv_timer_start(timer, change, 500, 0); /* what is still to come */
	} else {
		uv_stop(timer->loop);
	}
}

/* Three names in the order of rendezvous hashing; the node of this agent is the first of all where it has no Pods. */
static void name_nodes(struct run *run, bool here_is_first) {
	for (int i = 0; i < 3; i++)
		snprintf(run->nodes[i], sizeof run->nodes[i], "node-%d", i);
	for (int i = 0; i < 3; i++)
		for (int j = i + 1; j < 3; j++)
			if (rendezvous_weight(UID, run->nodes[j]) > rendezvous_weight(UID, run->nodes[i])) {
				char name[sizeof run->nodes[0]];
				memcpy(name, run->nodes[i], sizeof name);
				memcpy(run->nodes[i], run->nodes[j], sizeof name);
				memcpy(run->nodes[j], name, sizeof name);
			}
	run->agent.options.node = run->nodes[here_is_first ? 0 : 1];
}

static void run_case(size_t number) {
	static const struct source_verbs VERBS = {.list = list, .update = update};
	static const struct counts_timing TIMING = {.settle = 20, .write = 100, .ask = 3000, .rank = 200};
	struct run run = {.source = {&VERBS}, .number = number};
	run.agent.source = &run.source;
	run.agent.synced = true;
	uv_loop_init(&run.agent.loop);
	uv_timer_init(&run.agent.loop, &run.timer);
	uv_timer_init(&run.agent.loop, &run.answer);
	run.timer.data = run.answer.data = &run;
	name_nodes(&run, CASES[number].pods[1] < 0);
	run.agent.counts = counts_open(&run.agent, &TIMING);
	run.start = uv_now(&run.agent.loop);
	for (int i = 0; i < 3; i++)
		put(&run, object_new(KIND_NODE, NULL, run.nodes[i]));
	struct object *vpc = object_new(KIND_VPC, NULL, "red");
	vpc->metadata.uid = duplicate(UID);
	vpc->vpc.status.pods = CASES[number].pods_told;
	vpc->vpc.status.nodes = CASES[number].nodes_told;
	put(&run, vpc);
	for (int i = 0; i < 3; i++)
		if (CASES[number].pods[i] >= 0)
			publish(&run, i, CASES[number].pods[i]);
	uv_timer_start(&run.timer, change, 0, 0);
	uv_run(&run.agent.loop, UV_RUN_DEFAULT);

	const struct object *told = table_get(&run.agent.objects[KIND_VPC], "red");
	assert_int_equal(told->vpc.status.pods, CASES[number].pods_in_the_end);
	assert_int_equal(told->vpc.status.nodes, CASES[number].nodes_in_the_end);
	assert_in_range(run.writes, CASES[number].writes_least, CASES[number].writes_most);
	assert_int_equal(run.lists, CASES[number].lists);
	assert_false(run.too_soon);
	if (run.writes)
		assert_in_range(run.first_write, CASES[number].not_before, 1000000);

	counts_close(run.agent.counts);
	uv_close((uv_handle_t *)&run.timer, NULL);
	uv_close((uv_handle_t *)&run.answer, NULL);
	uv_run(&run.agent.loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&run.agent.loop), 0);
	for (enum kind kind = 0; kind < KINDS; kind++) {
		TABLE_EACH(&run.agent.objects[kind], entry)
		object_unref(entry->value);
		table_release(&run.agent.objects[kind]);
	}
}

static void one_node_counts(void **state) {
	(void)state;
	for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
		print_message("  %s\n", CASES[i].description);
		run_case(i);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {cmocka_unit_test(one_node_counts)};
	return cmocka_run_group_tests_name("counts", tests, NULL, NULL);
}
