/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON (RFC 8259) as bytes arrive: each token is told of once, nothing else is kept. A stream may hold any number of values
 * one after the other. Numbers are handed on as they are written.
 */
#ifndef AGENT_JSON_STREAM_H
#define AGENT_JSON_STREAM_H

#include "../text.h"

#include <stdbool.h>

#define JSON_DEPTH_LIMIT 256
#define JSON_TEXT_LIMIT (2u << 20) /* bytes; an API server stores no object of more than 1.5 MiB */

enum json_token {
	JSON_OBJECT,
	JSON_OBJECT_END,
	JSON_LIST,
	JSON_LIST_END,
	JSON_KEY,
	JSON_TEXT,
	JSON_NUMBER,
	JSON_TRUE,
	JSON_FALSE,
	JSON_NULL,
};

/*
 * text: of keys, texts (unescaped, terminated, may hold NULs) and numbers; else "". Until the next token only. A negative
 * result ends the stream with it.
 */
typedef int (*json_visit)(void *context, enum json_token token, const char *text, size_t length);

struct json_stream {
	json_visit visit;
	void *context;
	int expect; /* enum expectation */
	int lexeme; /* enum lexeme: what the bytes at hand are part of */
	bool key;   /* the string at hand is one */
	unsigned depth;
	uint8_t lists[JSON_DEPTH_LIMIT / 8]; /* one bit a level: a list, not an object */
	struct buffer text;                  /* the token at hand */
	uint32_t unit, high;                 /* of \uXXXX; high: a first surrogate that waits for its second */
	unsigned digits;
	uint64_t consumed; /* bytes so far */
};

void json_stream_open(struct json_stream *stream, json_visit visit, void *context);
/* 0, or -EBADMSG and what is wrong at which byte, or what visit returned. After a failure the stream must be closed. */
int json_stream_feed(struct json_stream *stream, const char *bytes, size_t length, struct vpc_error *error);
/* True between values: nothing is cut off if the bytes end here. */
bool json_stream_complete(const struct json_stream *stream);
void json_stream_close(struct json_stream *stream);

#endif
