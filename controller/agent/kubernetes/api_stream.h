/* SPDX-License-Identifier: Apache-2.0 */
/* What an API server answers to list and watch, object by object as the bytes arrive; never a list as a whole. */
#ifndef AGENT_API_STREAM_H
#define AGENT_API_STREAM_H

#include "json_object.h"

enum api_event { API_LISTED, API_ADDED, API_MODIFIED, API_DELETED, API_BOOKMARK, API_ERROR, API_EVENTS };

/* An API server's Status: why something did not go. */
struct api_status {
	int64_t code, retry_after; /* HTTP's; seconds */
	char *reason, *message;    /* NULL: not told */
};

/*
 * object: as it is told; what does not fit has its metadata only, as far as they were read, and fault says what is wrong
 * (NULL: it fits). Belongs to the stream. A negative result ends the stream with it.
 */
typedef int (*api_visit)(void *context, enum api_event event, struct object *object, const char *fault);

struct api_stream {
	struct json_stream json;
	struct json_reader reader;
	enum kind kind;
	bool watch, metadata_only;
	bool inside, in_items; /* of the event or list; of its items */
	int field;             /* the value that follows */
	bool reading;          /* the reader takes the tokens */
	unsigned skipped;      /* levels */
	int event;             /* -1: not told yet */
	struct object *object;
	uint64_t object_at; /* byte */
	bool has_object, ended;
	struct api_status status; /* after API_ERROR */
	struct metadata bookmark; /* of API_BOOKMARK: version and annotations */
	char *version, *more;     /* of a list: its version; how to ask for the rest, NULL: nothing is left */
	api_visit visit;
	void *context;
	struct vpc_error why;
};

/* metadata_only: the server was asked for PartialObjectMetadata. */
void api_stream_open(struct api_stream *stream, enum kind kind, bool watch, bool metadata_only, api_visit visit, void *context);
/* 0, -EBADMSG, or what visit returned. After a failure error says why, and the stream must be closed. */
int api_stream_feed(struct api_stream *stream, const char *bytes, size_t length, struct vpc_error *error);
/* A whole list, or whole events only. */
bool api_stream_complete(const struct api_stream *stream);
void api_stream_close(struct api_stream *stream);

/* Reads a Status from the body of an answer; what is no Status leaves *ret_status empty. */
void api_status_read(const char *body, size_t length, struct api_status *ret_status);
void api_status_release(struct api_status *status);

/* -1, 0, 1 like strcmp; versions are decimal numbers of any length. */
int api_version_compare(const char *left, const char *right);

#endif
