/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the source that asks a Kubernetes API server. */
#ifndef AGENT_KUBERNETES_H
#define AGENT_KUBERNETES_H

#include "../source.h"
#include "../table.h"
#include "api_stream.h"
#include "http.h"

#define SHARD_VPCS 32 /* VPCs whose VPCEndpoints share a watch */
#define INITIAL_EVENTS_END "k8s.io/initial-events-end"

struct watch;
struct operation;
struct shard;

struct kubernetes {
	struct source source;
	struct source_watcher watcher;
	struct kubernetes_timing timing;
	uv_loop_t *loop;
	struct access *access;
	struct http *http;
	char *node;
	bool no_initial_events; /* the server does not know sendInitialEvents */
	bool started, synced;
	uint64_t random;

	struct watch *watches[KINDS]; /* NULL: not watched; VPCEndpoints: this node's own */
	struct shard *shards;         /* VPCEndpoints of other nodes */
	struct table followed;        /* UID of a VPC to its struct shard */
	struct watch *nodes;          /* names of the others, listed now and then */
	struct operation *operations;
	uv_timer_t version, settle; /* the question for the server's version; changes of shards */
	unsigned version_failures;
	struct http_exchange *asking_version;
	unsigned handles;
};

/* A number below the limit, by chance. */
uint32_t kubernetes_random(struct kubernetes *kube, uint32_t limit);
/* Milliseconds to wait after so many failures in a row (1 at least): doubling, by chance between half of it and all. */
uint32_t kubernetes_backoff(struct kubernetes *kube, unsigned failures);
/* Told by watches when their first state is there. */
void kubernetes_note_synced(struct kubernetes *kube);

/* path.c */

/* "/api/v1/namespaces/default/pods", "/apis/libvpc.io/v1alpha1/vpcs/red/status"; namespace, name, part may be NULL. Caller frees. */
char *api_path(enum kind kind, const char *namespace, const char *name, const char *part);
/* What of the kind agents write: its status, by a subresource, or all of it. */
bool api_has_status(enum kind kind);
/* Appends "?name=value" or "&name=value", the value escaped. */
void api_query(struct buffer *path, const char *name, const char *value);

/* watch.c */

/*
 * Keeps told what a collection holds. path: with the query that chooses, not ended. every_ms: 0: a watch; else a list of
 * metadata only, so often.
 */
struct watch *watch_open(struct kubernetes *kube, enum kind kind, const char *path, uint32_t every_ms);
void watch_start(struct watch *watch);
/* Another choice: what is known stays until the new first state shows that it is gone. */
void watch_move(struct watch *watch, const char *path);
bool watch_synced(const struct watch *watch);
/* False while an object of it does not fit. */
bool watch_complete(const struct watch *watch);
/* A live read or the answer to a write brought this. */
void watch_note(struct watch *watch, const struct object *object);
/* The object of that UID is gone, as a live answer says. */
void watch_note_gone(struct watch *watch, const char *key, const char *uid);
/* NULL if it is not known. */
const struct object *watch_find(const struct watch *watch, const char *key);
/* Forgets, and tells so, every object that the choice no longer wants. */
void watch_drop(struct watch *watch, bool (*wanted)(void *context, const struct object *object), void *context);
/* Tells nothing. Accepts NULL and returns NULL. */
struct watch *watch_close(struct watch *watch);

/* shard.c */

/* The watch that tells of such an object, or NULL. */
struct watch *shard_watch_of(struct kubernetes *kube, const struct object *object);
void shard_follow(struct kubernetes *kube, const char *vpc_uid, bool wanted);
/* True if all shards satisfy it. */
bool shards_all(const struct kubernetes *kube, bool (*holds)(const struct watch *watch));
void shards_start(struct kubernetes *kube);
void shards_close(struct kubernetes *kube);

/* operation.c */

void operation_get(struct source *source, enum kind kind, const char *namespace, const char *name, source_answer answer, void *context);
void operation_list(struct source *source, enum kind kind, const char *label, const char *value,
    void (*visit)(void *context, const struct object *object), source_answer answer, void *context);
void operation_create(struct source *source, const struct object *object, source_answer answer, void *context);
void operation_update(struct source *source, const struct object *object, source_answer answer, void *context);
void operation_delete(struct source *source, const struct object *object, source_answer answer, void *context);
void operation_lift_taint(struct source *source, const struct object *node, const char *key, source_answer answer, void *context);
void operations_close(struct kubernetes *kube);
/* The watch that knows such an object, or NULL. */
struct watch *kubernetes_watch_of(struct kubernetes *kube, const struct object *object);

#endif
