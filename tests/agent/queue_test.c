// SPDX-License-Identifier: Apache-2.0
#include "queue.h"
#include "text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* What is done to a queue at which time, and the looks that follow. Times are in milliseconds; settle 10, backoff 40 to 160. */
enum step { END, ADD, ADD_AFTER_50, PAUSE_60, DONE, FAIL };

static const struct {
	const char *description;
	bool holds;   /* a look goes on until DONE or FAIL */
	bool fails;   /* the look itself ends its work, and it failed */
	unsigned most;
	struct {
		unsigned at;
		enum step step;
		const char *key;
	} steps[8];
	unsigned until;
	const char *looks;         /* keys in their order; NULL: any */
	unsigned least, at_most;   /* number of looks */
	unsigned first_at, last_at; /* no look sooner than */
} CASES[] = {
	/* description                          holds  fails  most steps                                                                       until looks  least most first last */
	{"one key, one look",                   false, false, 0,   {{0, ADD, "a"}},                                                            60,   "a",     1, 1,  10,  10},
	{"added often, one look",               false, false, 0,   {{0, ADD, "a"}, {1, ADD, "a"}, {5, ADD, "a"}},                              60,   "a",     1, 1,  10,  10},
	{"two keys, two looks",                 false, false, 0,   {{0, ADD, "a"}, {0, ADD, "b"}},                                             60,   "ab",    2, 2,  10,  10},
	{"added again after the look",          false, false, 0,   {{0, ADD, "a"}, {40, ADD, "a"}},                                            80,   "aa",    2, 2,  10,  50},
	{"later, and then sooner",              false, false, 0,   {{0, ADD_AFTER_50, "a"}, {1, ADD, "a"}},                                    100,  "a",     1, 1,  10,  10},
	{"sooner, and then later",              false, false, 0,   {{0, ADD, "a"}, {1, ADD_AFTER_50, "a"}},                                    100,  "a",     1, 1,  10,  10},
	{"later alone",                         false, false, 0,   {{0, ADD_AFTER_50, "a"}},                                                   100,  "a",     1, 1,  50,  50},
	{"a pause outlasts what is added",      false, false, 0,   {{0, PAUSE_60, "a"}, {1, ADD, "a"}, {5, ADD, "a"}},                         100,  "a",     1, 1,  60,  60},
	{"a pause is of one key",               false, false, 0,   {{0, PAUSE_60, "a"}, {1, ADD, "a"}, {1, ADD, "b"}},                         100,  "ba",    2, 2,  11,  60},
	{"a pause brings no look",              false, false, 0,   {{0, PAUSE_60, "a"}},                                                       100,  "",      0, 0,  0,   0},
	{"held: no second look meanwhile",      true,  false, 0,   {{0, ADD, "a"}, {20, ADD, "a"}, {30, ADD, "a"}},                            80,   "a",     1, 1,  10,  10},
	{"held: one more look afterwards",      true,  false, 0,   {{0, ADD, "a"}, {20, ADD, "a"}, {30, ADD, "a"}, {60, DONE, "a"}},           100,  "aa",    2, 2,  10,  60},
	{"held, nothing added: none after",     true,  false, 0,   {{0, ADD, "a"}, {30, DONE, "a"}},                                           80,   "a",     1, 1,  10,  10},
	{"held: others go on",                  true,  false, 0,   {{0, ADD, "a"}, {20, ADD, "b"}},                                            60,   "ab",    2, 2,  10,  30},
	{"a failure is tried again, later",     true,  false, 0,   {{0, ADD, "a"}, {20, FAIL, "a"}},                                           100,  "aa",    2, 2,  10,  40},
	{"adding does not shorten a backoff",   true,  false, 0,   {{0, ADD, "a"}, {20, FAIL, "a"}, {21, ADD, "a"}},                           100,  "aa",    2, 2,  10,  40},
	{"a failure is of one key",             true,  false, 0,   {{0, ADD, "a"}, {20, FAIL, "a"}, {20, ADD, "b"}},                           36,   "ab",    2, 2,  10,  30},
	{"backoff doubles up to its limit",     false, true,  0,   {{0, ADD, "a"}},                                                            900,  NULL,    2, 14, 10,  10},
	{"one in each second",                  false, false, 1,   {{0, ADD, "a"}, {0, ADD, "b"}, {0, ADD, "c"}},                               2600, NULL,    3, 3,  10,  1000},
};

struct run {
	uv_loop_t loop;
	struct queue *queue;
	size_t number, step;
	uint64_t start;
	uv_timer_t timer;
	char looks[64];
	size_t count;
	uint64_t first, last;
	bool waited, over;
	bool failed_sooner; /* the n-th failure was tried again before its least time */
};

static uint64_t passed(const struct run *run) {
	return uv_now(&run->loop) - run->start;
}

static void work(void *context, const char *key) {
	struct run *run = context;
	uint64_t now = passed(run);
	if (run->over)
		return;
	if (run->count && CASES[run->number].fails && now - run->last < (run->count < 3 ? 20u << (run->count - 1) : 80u))
		run->failed_sooner = true;
	if (!run->count)
		run->first = now;
	run->last = now;
	if (run->count + 1 < sizeof run->looks)
		run->looks[run->count++] = *key;
	if (CASES[run->number].holds || CASES[run->number].fails)
		queue_hold(run->queue, key);
	if (CASES[run->number].fails)
		queue_done(run->queue, key, -1);
}

static void do_step(uv_timer_t *timer) {
	struct run *run = timer->data;
	const __typeof__(CASES[0].steps[0]) *steps = CASES[run->number].steps;
	while (run->step < 8 && steps[run->step].step != END && passed(run) >= steps[run->step].at) {
		const char *key = steps[run->step].key;
		switch (steps[run->step++].step) {
		case ADD: queue_add(run->queue, key); break;
		case ADD_AFTER_50: queue_add_after(run->queue, key, 50); break;
		case PAUSE_60: queue_pause(run->queue, key, 60); break;
		case DONE: queue_done(run->queue, key, 0); break;
		case FAIL: queue_done(run->queue, key, -1); break;
		case END: break;
		}
	}
	if (run->step < 8 && steps[run->step].step != END)
		uv_timer_start(timer, do_step, steps[run->step].at - passed(run), 0);
	else if (!run->waited) /* from the last step on, however late it was */
		run->waited = true, uv_timer_start(timer, do_step, CASES[run->number].until - (run->step ? steps[run->step - 1].at : 0), 0);
	else
		run->over = true, uv_stop(timer->loop); /* timers that are due as well still run */
}

static void run_case(size_t number) {
	struct run run = {.number = number};
	uv_loop_init(&run.loop);
	struct queue_options options = {
	    .settle = 10, .backoff_first = 40, .backoff_last = 160, .most = CASES[number].most, .work = work, .context = &run};
	run.queue = queue_open(&run.loop, &options);
	run.start = uv_now(&run.loop);
	uv_timer_init(&run.loop, &run.timer);
	run.timer.data = &run;
	uv_timer_start(&run.timer, do_step, 0, 0);
	uv_run(&run.loop, UV_RUN_DEFAULT);
	if (CASES[number].looks)
		assert_string_equal(run.looks, CASES[number].looks);
	assert_in_range(run.count, CASES[number].least, CASES[number].at_most);
	assert_false(run.failed_sooner);
	if (run.count) {
		assert_in_range(run.first, CASES[number].first_at, 1000000);
		assert_in_range(run.last, CASES[number].last_at, 1000000);
	}
	queue_close(run.queue);
	uv_close((uv_handle_t *)&run.timer, NULL);
	uv_run(&run.loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&run.loop), 0);
}

static void looks_as_the_table_says(void **state) {
	(void)state;
	for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
		print_message("  %s\n", CASES[i].description);
		run_case(i);
	}
}

int main(void) {
	const struct CMUnitTest tests[] = {cmocka_unit_test(looks_as_the_table_says)};
	return cmocka_run_group_tests_name("queue", tests, NULL, NULL);
}
