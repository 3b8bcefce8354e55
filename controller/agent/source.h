/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where objects come from: a directory of manifests, or the Kubernetes API; the same verbs for both. All calls return
 * at once; what was asked is done and answered later, from the event loop, never inside the call. Objects are shared and
 * immutable: whoever keeps one refers to it (object_ref), whoever changes one works on a clone.
 */
#ifndef AGENT_SOURCE_H
#define AGENT_SOURCE_H

#include "object.h"

enum source_event { SOURCE_ADDED, SOURCE_MODIFIED, SOURCE_DELETED };

/* What a source tells of itself. An event of a write comes before the answer to that write. */
struct source_watcher {
	void *context;
	/* SOURCE_DELETED hands the last state. An object that was made anew (another UID) is deleted and added. */
	void (*event)(void *context, enum source_event event, const struct object *object);
	/* Once, after every object that was there at the start. */
	void (*synced)(void *context);
};

/*
 * The answer to a verb: 0, or -ENOENT no such object, -EEXIST created already, -EAGAIN another version or UID stands
 * there, or another errno. object: as it is now; NULL on failure and after a deletion.
 */
typedef void (*source_answer)(void *context, int result, const struct object *object, const struct vpc_error *error);

struct source;

struct source_verbs {
	/* A live read, not from memory. namespace: NULL for cluster-scoped kinds. */
	void (*get)(struct source *source, enum kind kind, const char *namespace, const char *name, source_answer answer, void *context);
	/*
	 * A live read of all, or of those with that label (NULL: all): visit is called for each, then answer, with NULL as the
	 * object. Nothing is visited unless all could be read: -EBADMSG if one does not fit.
	 */
	void (*list)(struct source *source, enum kind kind, const char *label, const char *value,
	    void (*visit)(void *context, const struct object *object), source_answer answer, void *context);
	/* Exclusive by name. */
	void (*create)(struct source *source, const struct object *object, source_answer answer, void *context);
	/* Only if metadata.resourceVersion and uid still stand there. VPC and Node: the status, nothing else. */
	void (*update)(struct source *source, const struct object *object, source_answer answer, void *context);
	/* Only if that UID and version still stand there; an empty version in the object: any version. */
	void (*delete)(struct source *source, const struct object *object, source_answer answer, void *context);
	/*
	 * Takes the taints of that key off a Node, whatever their effect, only if metadata.resourceVersion still stands there. NULL:
	 * this source has Nodes that nobody schedules by.
	 */
	void (*lift_taint)(struct source *source, const struct object *node, const char *key, source_answer answer, void *context);
	/*
	 * Whether VPCEndpoints of the VPC of that UID are told of; those of this node always are. Of VPCs that are followed
	 * before the loop runs, synced waits for them. A source may tell of more.
	 */
	void (*follow)(struct source *source, const char *vpc_uid, bool wanted);
	/* False while something could not be read, so that "not there" proves nothing. */
	bool (*complete)(struct source *source);
	struct source *(*free)(struct source *source);
};

struct source {
	const struct source_verbs *verbs;
};

struct uv_loop_s;

/* folder must exist; the agents' folders in it are made. 0 or negative errno. */
int source_directory_open(
    struct uv_loop_s *loop, const char *folder, const struct source_watcher *watcher, struct source **ret_source, struct vpc_error *error);

/* Milliseconds. */
struct kubernetes_timing {
	uint32_t request;       /* for an answer, further tries included */
	uint32_t silence;       /* a watch that is silent for longer is made anew; a server sends a bookmark once a minute */
	uint32_t watch;         /* least length of a watch; at most twice that */
	uint32_t backoff_first; /* after one failure; doubling, up to: */
	uint32_t backoff_last;
	uint32_t nodes; /* between two lists of the names of all nodes */
};
extern const struct kubernetes_timing KUBERNETES_TIMING;

struct kubernetes_options {
	const char *kubeconfig, *context; /* NULL: as a Pod of the cluster; the file's current context */
	const char *node;                 /* whose Pods are watched */
	const struct kubernetes_timing *timing; /* NULL: KUBERNETES_TIMING */
};

/* Only what can be known without asking fails here: the server is asked from the loop, until it answers. */
int source_kubernetes_open(struct uv_loop_s *loop, const struct kubernetes_options *options, const struct source_watcher *watcher,
    struct source **ret_source, struct vpc_error *error);

#endif
