/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A deduplicating work queue: keys that want a look, each at its own time. A key stands in it once, however often it is
 * added. What is added while the key is being worked on brings one more look afterwards. A failure defers the next look at
 * that key, and at no other. Each look is at the newest state, since nothing but the key is kept.
 */
#ifndef AGENT_QUEUE_H
#define AGENT_QUEUE_H

#include <stdint.h>
#include <uv.h>

struct queue;

/* Milliseconds. */
struct queue_options {
	uint32_t settle;                      /* from queue_add to the look: what comes together is looked at together */
	uint32_t backoff_first, backoff_last; /* after one failure; doubling, by chance between half of it and all, up to */
	unsigned most;                        /* looks in each second; 0: any number */
	/* One look, from the loop. It may call all of the functions below but queue_close. */
	void (*work)(void *context, const char *key);
	void *context;
};

struct queue *queue_open(uv_loop_t *loop, const struct queue_options *options);
/* A look soon. */
void queue_add(struct queue *queue, const char *key);
/* A look after that time at the latest: one that is due earlier stands. */
void queue_add_after(struct queue *queue, const char *key, uint32_t delay);
/* No look at the key before that time has passed, whatever is added. */
void queue_pause(struct queue *queue, const char *key, uint32_t delay);
/* The key is being worked on, beyond the end of the look: no further one until queue_done. */
void queue_hold(struct queue *queue, const char *key);
/* That work has ended. Negative: a look after a backoff; else failures are forgotten. */
void queue_done(struct queue *queue, const char *key, int result);
/* How often in a row work at the key failed. */
unsigned queue_failures(const struct queue *queue, const char *key);
/* Its memory goes with the loop's next turn. */
void queue_close(struct queue *queue);

#endif
