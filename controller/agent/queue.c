// SPDX-License-Identifier: Apache-2.0
#include "queue.h"
#include "table.h"
#include "text.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define NEVER UINT64_MAX

struct item {
	struct queue *queue;
	char *key;
	uv_timer_t timer;
	bool held;
	unsigned failures;
	uint64_t due, not_before; /* uv_now; NEVER: no look is wanted */
};

struct queue {
	uv_loop_t *loop;
	struct queue_options options;
	struct table items; /* only keys of which there is something to remember */
	uint64_t random, second;
	unsigned looks; /* in that second */
};

static void free_item(uv_handle_t *handle) {
	struct item *item = handle->data;
	free(item->key);
	free(item);
}

static void drop_item(struct item *item) {
	table_remove(&item->queue->items, item->key);
	uv_close((uv_handle_t *)&item->timer, free_item);
}

static struct item *item_of(struct queue *queue, const char *key) {
	struct item *item = table_get(&queue->items, key);
	if (item)
		return item;
	item = allocate(sizeof *item);
	*item = (struct item){.queue = queue, .key = duplicate(key), .due = NEVER};
	uv_timer_init(queue->loop, &item->timer);
	item->timer.data = item;
	table_put(&queue->items, key, item);
	return item;
}

static void look(uv_timer_t *timer);

/* Sets the timer for what comes next; with nothing left to come the key is forgotten. */
static void schedule(struct item *item) {
	uint64_t now = uv_now(item->queue->loop);
	uv_timer_stop(&item->timer);
	if (item->held)
		return;
	if (item->due == NEVER && !item->failures && item->not_before <= now) {
		drop_item(item);
		return;
	}
	uint64_t when = item->due == NEVER || item->due < item->not_before ? item->not_before : item->due;
	uv_timer_start(&item->timer, look, when > now ? when - now : 0, 0);
}

/* False if this second has had its share. */
static bool take_share(struct queue *queue) {
	uint64_t second = uv_now(queue->loop) / 1000;
	if (second != queue->second)
		queue->looks = 0;
	queue->second = second;
	return !queue->options.most || queue->looks++ < queue->options.most;
}

static void look(uv_timer_t *timer) {
	struct item *item = timer->data;
	struct queue *queue = item->queue;
	if (item->due == NEVER) { /* a pause is over */
		item->failures = 0;
		schedule(item);
		return;
	}
	if (!take_share(queue)) {
		uv_timer_start(timer, look, 1000 - uv_now(queue->loop) % 1000, 0);
		return;
	}
	item->due = NEVER;
	char *key = duplicate(item->key); /* the item may be dropped by what the look calls */
	queue->options.work(queue->options.context, key);
	item = table_get(&queue->items, key);
	free(key);
	if (item && !item->held)
		schedule(item);
}

void queue_add_after(struct queue *queue, const char *key, uint32_t delay) {
	struct item *item = item_of(queue, key);
	uint64_t due = uv_now(queue->loop) + delay;
	if (due >= item->due)
		return;
	item->due = due;
	schedule(item);
}

void queue_add(struct queue *queue, const char *key) {
	queue_add_after(queue, key, queue->options.settle);
}

void queue_pause(struct queue *queue, const char *key, uint32_t delay) {
	struct item *item = item_of(queue, key);
	uint64_t until = uv_now(queue->loop) + delay;
	if (until > item->not_before)
		item->not_before = until;
	schedule(item);
}

void queue_hold(struct queue *queue, const char *key) {
	struct item *item = item_of(queue, key);
	item->held = true;
	uv_timer_stop(&item->timer);
}

static uint32_t backoff(struct queue *queue, unsigned failures) {
	uint64_t most = (uint64_t)queue->options.backoff_first << (failures < 16 ? failures - 1 : 15);
	if (most > queue->options.backoff_last)
		most = queue->options.backoff_last;
	queue->random = hash_bytes(queue->random, &most, sizeof most);
	return most / 2 + queue->random % (most / 2 + 1);
}

void queue_done(struct queue *queue, const char *key, int result) {
	struct item *item = item_of(queue, key);
	item->held = false;
	item->failures = result < 0 ? item->failures + 1 : 0;
	if (result < 0) {
		item->due = uv_now(queue->loop) + backoff(queue, item->failures);
		if (item->not_before < item->due)
			item->not_before = item->due; /* whatever is added meanwhile waits as well */
	}
	schedule(item);
}

unsigned queue_failures(const struct queue *queue, const char *key) {
	const struct item *item = table_get(&queue->items, key);
	return item ? item->failures : 0;
}

struct queue *queue_open(uv_loop_t *loop, const struct queue_options *options) {
	struct queue *queue = allocate(sizeof *queue);
	*queue = (struct queue){.loop = loop, .options = *options};
	queue->random = hash_bytes(uv_hrtime(), &queue, sizeof queue);
	return queue;
}

void queue_close(struct queue *queue) {
	TABLE_EACH(&queue->items, entry)
	uv_close((uv_handle_t *)&((struct item *)entry->value)->timer, free_item);
	table_release(&queue->items);
	free(queue);
}
