/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests to one API server, all on the agent's loop. Watches have connections of their own, so that nothing waits behind
 * them. A request carries the credential of the moment; an answer 401 fetches a new one and asks again, once.
 */
#ifndef AGENT_HTTP_H
#define AGENT_HTTP_H

#include "access.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

/* How an exchange ended. */
struct http_answer {
	/* 0: a whole answer with a status of 2xx, else a negative errno (see http_result_of). */
	int result;
	long status;          /* 0: none came */
	uint32_t retry_after; /* milliseconds; 0: not told */
	const char *body;     /* of other than 2xx, and of 2xx where take is NULL; terminated */
	size_t length;
	struct vpc_error error; /* for people, without secrets */
};

struct http_call {
	const char *method, *path; /* path: with the query, escaped */
	const char *body;          /* JSON; NULL: none */
	const char *content_type, *accept;
	bool watch;        /* goes over the connections of watches */
	uint32_t deadline; /* milliseconds for the whole; 0: none */
	uint32_t silence;  /* milliseconds without a byte; 0: any */
	/* Bytes of an answer with 2xx as they come; a negative result ends the exchange with it. NULL: collected for done. */
	int (*take)(void *context, const char *bytes, size_t length);
	/* Once, unless cancelled; never inside http_start. */
	void (*done)(void *context, const struct http_answer *answer);
	void *context;
};

struct http;
struct http_exchange;

/* access: lives as long. */
int http_open(uv_loop_t *loop, struct access *access, struct http **ret_http, struct vpc_error *error);
/* Texts of the call are copied. */
struct http_exchange *http_start(struct http *http, const struct http_call *call);
/* Ends it without an answer; not from inside take. Accepts NULL and returns NULL. */
struct http_exchange *http_cancel(struct http_exchange *exchange);
/* Cancels what is under way and ends all connections. */
void http_close(struct http *http);

/* Appends text escaped for a query. */
void http_escape(struct buffer *buffer, const char *text);

#endif
