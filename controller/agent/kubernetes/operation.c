// SPDX-License-Identifier: Apache-2.0
/* Single questions to the API server. What they bring is told to the watch of that kind first, the asker then. */
#include "../../cleanup.h"
#include "kubernetes.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define PAGE "500"

enum verb { VERB_GET, VERB_LIST, VERB_CREATE, VERB_UPDATE, VERB_DELETE };

struct operation {
	struct operation *next, **link;
	struct kubernetes *kube;
	enum verb verb;
	struct object *object; /* what is to be written; for a read its kind, namespace and name only */
	char *known_uid;       /* of a read: what memory had when it was asked */
	char *method, *path, *body;
	const char *content_type;
	source_answer answer;
	void *context;
	struct http_exchange *exchange;
	uv_timer_t timer; /* to ask again */
	unsigned failures;
	uint64_t deadline; /* uv_now */

	/* of lists */
	void (*visit)(void *context, const struct object *object);
	struct api_stream stream;
	struct object **found;
	size_t found_count;
	struct vpc_error broken; /* the first that does not fit */
	char *more; /* how to ask for the rest; NULL: from the start */
	bool whole; /* in one part: the rest of an earlier one expired */
};

static void ask(uv_timer_t *timer);

struct watch *kubernetes_watch_of(struct kubernetes *kube, const struct object *object) {
	const char *node = object->kind == KIND_POD ? object->pod.node_name : object->kind == KIND_NODE ? object->metadata.name : NULL;
	if (object->kind == KIND_ENDPOINTS)
		return shard_watch_of(kube, object);
	if ((object->kind == KIND_POD || object->kind == KIND_NODE) && (!node || strcmp(node, kube->node) != 0))
		return NULL;
	const char *only = object->kind == KIND_CONFIG ? CONFIG_NAME : object->kind == KIND_SERVICE ? DNS_SERVICE : NULL;
	if (only && (strcmp(object->metadata.namespace, SYSTEM_NAMESPACE) || strcmp(object->metadata.name, only)))
		return NULL;
	return kube->watches[object->kind];
}

/* ---- ends ---- */

static void note_closed(uv_handle_t *handle) {
	struct operation *operation = handle->data;
	object_unref(operation->object);
	free(operation->known_uid);
	free(operation->method);
	free(operation->path);
	free(operation->body);
	free(operation->more);
	for (size_t i = 0; i < operation->found_count; i++)
		object_unref(operation->found[i]);
	free(operation->found);
	free(operation);
}

static void release(struct operation *operation) {
	http_cancel(operation->exchange);
	if (operation->verb == VERB_LIST)
		api_stream_close(&operation->stream);
	*operation->link = operation->next;
	if (operation->next)
		operation->next->link = operation->link;
	uv_close((uv_handle_t *)&operation->timer, note_closed);
}

static void conclude(struct operation *operation, int result, const struct object *object, const struct vpc_error *error) {
	if (result == 0)
		for (size_t i = 0; i < operation->found_count; i++)
			operation->visit(operation->context, operation->found[i]);
	operation->answer(operation->context, result, object, error);
	release(operation);
}

void operations_close(struct kubernetes *kube) {
	while (kube->operations)
		release(kube->operations);
}

/* ---- answers ---- */

static int errno_of(long status, const struct api_status *told) {
	switch (status) {
	case 400:
	case 422: return -EINVAL;
	case 401:
	case 403: return -EACCES;
	case 404: return -ENOENT;
	case 409: return told->reason && !strcmp(told->reason, "AlreadyExists") ? -EEXIST : -EAGAIN;
	case 410: return -ESTALE;
	case 413: return -EFBIG;
	case 429:
	case 503: return -EBUSY;
	default: return -EIO;
	}
}

static void note_missing(struct operation *operation) {
	_cleanup_(free_memory) char *key = key_of(operation->object);
	const char *uid = operation->verb == VERB_GET ? operation->known_uid : operation->object->metadata.uid;
	struct watch *watch = operation->object->kind == KIND_ENDPOINTS ? NULL : operation->kube->watches[operation->object->kind];
	if (operation->object->kind == KIND_ENDPOINTS && operation->object->endpoints.node)
		watch = shard_watch_of(operation->kube, operation->object);
	if (watch && uid)
		watch_note_gone(watch, key, uid);
}

static void note_object(struct operation *operation, const struct http_answer *answer) {
	_cleanup_(object_release) struct object *object = NULL;
	struct vpc_error error = {""};
	int result = json_read_object(operation->object->kind, answer->body, answer->length, &object, &error);
	if (result < 0) {
		conclude(operation, -EBADMSG, NULL, &error);
		return;
	}
	struct watch *watch = kubernetes_watch_of(operation->kube, object);
	if (watch)
		watch_note(watch, object);
	conclude(operation, 0, object, &error);
}

static void note_listed(struct operation *operation) {
	if (operation->stream.more && *operation->stream.more) {
		set_text(&operation->more, operation->stream.more);
		uv_timer_start(&operation->timer, ask, 0, 0);
		return;
	}
	bool broken = *operation->broken.text;
	conclude(operation, broken ? -EBADMSG : 0, NULL, &operation->broken);
}

static bool try_again(struct operation *operation, uint32_t retry_after) {
	operation->failures++;
	uint32_t delay =
	    retry_after ? retry_after + kubernetes_random(operation->kube, 200) : kubernetes_backoff(operation->kube, operation->failures);
	if (uv_now(operation->kube->loop) + delay >= operation->deadline)
		return false;
	uv_timer_start(&operation->timer, ask, delay, 0);
	return true;
}

/* A part of the list expired: from the start, and all of it at once. */
static void list_anew(struct operation *operation) {
	for (size_t i = 0; i < operation->found_count; i++)
		object_unref(operation->found[i]);
	operation->found_count = 0;
	operation->whole = true;
	set_text(&operation->more, NULL);
	uv_timer_start(&operation->timer, ask, 0, 0);
}

static void note_refused(struct operation *operation, const struct http_answer *answer) {
	struct api_status told;
	struct vpc_error error;
	api_status_read(answer->body, answer->length, &told);
	int result = errno_of(answer->status, &told);
	uint32_t retry_after = answer->retry_after ? answer->retry_after : told.retry_after * 1000;
	fail(&error, result, "%s %.120s: HTTP %ld: %.250s", operation->method, operation->path, answer->status,
	    told.message  ? told.message
	    : told.reason ? told.reason
	                  : "no reason given");
	api_status_release(&told);
	if (result == -EBUSY && try_again(operation, retry_after))
		return;
	if (result == -ESTALE && operation->more) {
		list_anew(operation);
		return;
	}
	if (result == -ENOENT && operation->verb != VERB_LIST && operation->verb != VERB_CREATE)
		note_missing(operation);
	conclude(operation, result, NULL, &error);
}

static void note_done(void *context, const struct http_answer *answer) {
	struct operation *operation = context;
	struct vpc_error error = answer->error;
	operation->exchange = NULL;
	if (answer->result == 0 && operation->verb == VERB_DELETE) {
		note_missing(operation);
		conclude(operation, 0, NULL, &error);
	} else if (answer->result == 0 && operation->verb == VERB_LIST) {
		if (api_stream_complete(&operation->stream))
			note_listed(operation);
		else
			conclude(operation, -EBADMSG, NULL, &error);
	} else if (answer->result == 0) {
		note_object(operation, answer);
	} else if (answer->status >= 300) {
		note_refused(operation, answer);
	} else {
		conclude(operation, answer->result, NULL, &error);
	}
}

/* ---- questions ---- */

static int take_listed(void *context, enum api_event event, struct object *object, const char *fault) {
	struct operation *operation = context;
	(void)event;
	if (fault) {
		if (!*operation->broken.text)
			fail(&operation->broken, -EBADMSG, "%s", fault);
		return 0;
	}
	operation->found = reallocate(operation->found, (operation->found_count + 1) * sizeof *operation->found);
	operation->found[operation->found_count++] = object_ref(object);
	return 0;
}

static int take_bytes(void *context, const char *bytes, size_t length) {
	struct operation *operation = context;
	return api_stream_feed(&operation->stream, bytes, length, &operation->stream.why);
}

static void ask(uv_timer_t *timer) {
	struct operation *operation = timer->data;
	struct buffer path = {0};
	buffer_text(&path, operation->path);
	if (operation->verb == VERB_LIST) {
		if (!operation->whole)
			api_query(&path, "limit", PAGE);
		if (operation->more)
			api_query(&path, "continue", operation->more);
		api_stream_close(&operation->stream);
		api_stream_open(&operation->stream, operation->object->kind, false, false, take_listed, operation);
	}
	uint64_t now = uv_now(operation->kube->loop);
	struct http_call call = {.method = operation->method,
	    .path = path.bytes,
	    .body = operation->body,
	    .content_type = operation->content_type,
	    .deadline = operation->deadline > now ? operation->deadline - now : 1,
	    .take = operation->verb == VERB_LIST ? take_bytes : NULL,
	    .done = note_done,
	    .context = operation};
	operation->exchange = http_start(operation->kube->http, &call);
	buffer_release(&path);
}

static struct operation *start(
    struct kubernetes *kube, enum verb verb, const char *method, struct object *object, char *path, source_answer answer, void *context) {
	struct operation *operation = allocate(sizeof *operation);
	*operation = (struct operation){.kube = kube,
	    .verb = verb,
	    .object = object,
	    .method = duplicate(method),
	    .path = path,
	    .answer = answer,
	    .context = context,
	    .deadline = uv_now(kube->loop) + kube->timing.request,
	    .next = kube->operations,
	    .link = &kube->operations};
	if (kube->operations)
		kube->operations->link = &operation->next;
	kube->operations = operation;
	uv_timer_init(kube->loop, &operation->timer);
	operation->timer.data = operation;
	uv_timer_start(&operation->timer, ask, 0, 0);
	return operation;
}

static struct kubernetes *kube_of(struct source *source) {
	return (struct kubernetes *)source; /* the first member */
}

void operation_get(struct source *source, enum kind kind, const char *namespace, const char *name, source_answer answer, void *context) {
	struct kubernetes *kube = kube_of(source);
	struct object *wanted = object_new(kind, namespace ? namespace : "default", name);
	_cleanup_(free_memory) char *key = key_of(wanted);
	struct operation *operation =
	    start(kube, VERB_GET, "GET", wanted, api_path(kind, wanted->metadata.namespace, name, NULL), answer, context);
	const struct object *known = kube->watches[kind] ? watch_find(kube->watches[kind], key) : NULL;
	operation->known_uid = known ? duplicate(known->metadata.uid) : NULL;
}

void operation_list(struct source *source, enum kind kind, const char *label, const char *value,
    void (*visit)(void *context, const struct object *object), source_answer answer, void *context) {
	struct buffer path = {0};
	_cleanup_(free_memory) char *base = api_path(kind, NULL, NULL, NULL);
	_cleanup_(free_memory) char *selector = label ? format_text("%s=%s", label, value) : NULL;
	buffer_text(&path, base);
	if (selector)
		api_query(&path, "labelSelector", selector);
	struct operation *operation = start(kube_of(source), VERB_LIST, "GET", object_new(kind, NULL, NULL), path.bytes, answer, context);
	operation->visit = visit;
	api_stream_open(&operation->stream, kind, false, false, take_listed, operation);
}

void operation_create(struct source *source, const struct object *object, source_answer answer, void *context) {
	struct buffer body = {0};
	struct operation *operation = start(kube_of(source), VERB_CREATE, "POST", object_ref(object),
	    api_path(object->kind, object->metadata.namespace, NULL, NULL), answer, context);
	json_write_object(&body, object);
	operation->body = body.bytes;
}

/* The conditions that are not as memory has them: all others belong to whoever wrote them. */
static void write_node_conditions(struct buffer *body, const struct object *object, const struct object *known) {
	struct node_object changed = {0};
	changed.conditions.items = allocate(object->node.conditions.count * sizeof *changed.conditions.items);
	for (size_t i = 0; i < object->node.conditions.count; i++) {
		const struct condition *condition = &object->node.conditions.items[i];
		const struct condition *before = known ? condition_find(&known->node.conditions, condition->type) : NULL;
		bool same = before && !strcmp(before->status, condition->status) &&
		            !strcmp(before->reason ? before->reason : "", condition->reason ? condition->reason : "") &&
		            !strcmp(before->message ? before->message : "", condition->message ? condition->message : "");
		if (!same)
			changed.conditions.items[changed.conditions.count++] = *condition;
	}
	struct object view = {.kind = KIND_NODE, .node = changed};
	json_write_fields(body, kind_field(KIND_NODE, "status")->nested, &view, false);
	free(changed.conditions.items);
}

/* Only the status, and every field that is declared: what another version of the agent may have added stays. */
static void write_status(struct kubernetes *kube, struct operation *operation, const struct object *object) {
	struct buffer body = {0};
	_cleanup_(free_memory) char *key = key_of(object);
	buffer_text(&body, "{\"metadata\":{\"resourceVersion\":");
	buffer_quoted(&body, object->metadata.resource_version ? object->metadata.resource_version : "");
	buffer_text(&body, "},\"status\":");
	if (object->kind == KIND_NODE)
		write_node_conditions(&body, object, watch_find(kube->watches[KIND_NODE], key));
	else
		json_write_fields(&body, kind_field(object->kind, "status")->nested, object, true);
	buffer_text(&body, "}");
	operation->body = body.bytes;
	operation->content_type = object->kind == KIND_NODE ? "application/strategic-merge-patch+json" : "application/merge-patch+json";
}

void operation_update(struct source *source, const struct object *object, source_answer answer, void *context) {
	struct kubernetes *kube = kube_of(source);
	bool status = api_has_status(object->kind);
	char *path = api_path(object->kind, object->metadata.namespace, object->metadata.name, status ? "status" : NULL);
	struct operation *operation = start(kube, VERB_UPDATE, status ? "PATCH" : "PUT", object_ref(object), path, answer, context);
	if (status) {
		write_status(kube, operation, object);
		return;
	}
	struct buffer body = {0};
	json_write_object(&body, object);
	operation->body = body.bytes;
}

/* Taints have no key by which a patch could merge them, but places, which hold as long as the version does: else it is a conflict. */
void operation_lift_taint(struct source *source, const struct object *node, const char *key, source_answer answer, void *context) {
	struct buffer body = {0};
	struct operation *operation = start(kube_of(source), VERB_UPDATE, "PATCH", object_ref(node),
	    api_path(KIND_NODE, NULL, node->metadata.name, NULL), answer, context);
	buffer_text(&body, "[{\"op\":\"replace\",\"path\":\"/metadata/resourceVersion\",\"value\":");
	buffer_quoted(&body, node->metadata.resource_version ? node->metadata.resource_version : "");
	buffer_text(&body, "}");
	for (size_t i = node->node.taints.count; i-- > 0;)
		if (!strcmp(node->node.taints.items[i].key, key))
			buffer_format(&body, ",{\"op\":\"remove\",\"path\":\"/spec/taints/%zu\"}", i);
	buffer_text(&body, "]");
	operation->body = body.bytes;
	operation->content_type = "application/json-patch+json";
}

void operation_delete(struct source *source, const struct object *object, source_answer answer, void *context) {
	struct buffer body = {0};
	struct operation *operation = start(kube_of(source), VERB_DELETE, "DELETE", object_ref(object),
	    api_path(object->kind, object->metadata.namespace, object->metadata.name, NULL), answer, context);
	buffer_text(&body, "{\"apiVersion\":\"v1\",\"kind\":\"DeleteOptions\",\"preconditions\":{");
	if (object->metadata.uid) {
		buffer_text(&body, "\"uid\":");
		buffer_quoted(&body, object->metadata.uid);
	}
	if (object->metadata.resource_version && *object->metadata.resource_version) {
		buffer_text(&body, object->metadata.uid ? ",\"resourceVersion\":" : "\"resourceVersion\":");
		buffer_quoted(&body, object->metadata.resource_version);
	}
	buffer_text(&body, "}}");
	operation->body = body.bytes;
}
