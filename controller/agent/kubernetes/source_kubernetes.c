// SPDX-License-Identifier: Apache-2.0
/* The Kubernetes API as a source: which collections are watched, and when all of them are known. */
#include "../../cleanup.h"
#include "../log.h"
#include "kubernetes.h"

#include <cjson/cJSON.h>
#include <string.h>
#include <sys/random.h>

#define OLDEST_MINOR 32 /* of Kubernetes 1: tokens carry the node's name, fields of custom resources select */

const struct kubernetes_timing KUBERNETES_TIMING = {
    .request = 15000, .silence = 75000, .watch = 300000, .backoff_first = 400, .backoff_last = 4000, .nodes = 600000};

uint32_t kubernetes_random(struct kubernetes *kube, uint32_t limit) {
	kube->random ^= kube->random << 13;
	kube->random ^= kube->random >> 7;
	kube->random ^= kube->random << 17;
	return limit ? kube->random % limit : 0;
}

uint32_t kubernetes_backoff(struct kubernetes *kube, unsigned failures) {
	uint64_t most = (uint64_t)kube->timing.backoff_first << (failures < 16 ? failures - 1 : 15);
	if (most > kube->timing.backoff_last)
		most = kube->timing.backoff_last;
	return most / 2 + kubernetes_random(kube, most / 2 + 1);
}

void kubernetes_note_synced(struct kubernetes *kube) {
	if (kube->synced || !kube->started)
		return;
	for (enum kind kind = 0; kind < KINDS; kind++)
		if (kube->watches[kind] && !watch_synced(kube->watches[kind]))
			return;
	if (!shards_all(kube, watch_synced) || uv_is_active((uv_handle_t *)&kube->settle))
		return;
	kube->synced = true;
	if (kube->watcher.synced)
		kube->watcher.synced(kube->watcher.context);
}

static bool is_complete(struct source *source) {
	struct kubernetes *kube = (struct kubernetes *)source;
	for (enum kind kind = 0; kind < KINDS; kind++)
		if (kube->watches[kind] && !watch_complete(kube->watches[kind]))
			return false;
	return kube->synced && shards_all(kube, watch_complete);
}

/* ---- the collections ---- */

static struct watch *open_watch(struct kubernetes *kube, enum kind kind, const char *namespace, const char *field, uint32_t every) {
	struct buffer path = {0};
	_cleanup_(free_memory) char *base = api_path(kind, namespace, NULL, NULL);
	buffer_text(&path, base);
	if (field)
		api_query(&path, "fieldSelector", field);
	struct watch *watch = watch_open(kube, kind, path.bytes, every);
	buffer_release(&path);
	return watch;
}

static void open_watches(struct kubernetes *kube) {
	_cleanup_(free_memory) char *own_pods = format_text("spec.nodeName=%s", kube->node);
	_cleanup_(free_memory) char *own_node = format_text("metadata.name=%s", kube->node);
	_cleanup_(free_memory) char *other_nodes = format_text("metadata.name!=%s", kube->node);
	_cleanup_(free_memory) char *own_endpoints = format_text("spec.node=%s", kube->node);
	kube->watches[KIND_VPC] = open_watch(kube, KIND_VPC, NULL, NULL, 0);
	kube->watches[KIND_NETWORK_ID] = open_watch(kube, KIND_NETWORK_ID, NULL, NULL, 0);
	kube->watches[KIND_NAMESPACE] = open_watch(kube, KIND_NAMESPACE, NULL, NULL, 0);
	kube->watches[KIND_NETWORK_POLICY] = open_watch(kube, KIND_NETWORK_POLICY, NULL, NULL, 0);
	kube->watches[KIND_CONFIG] = open_watch(kube, KIND_CONFIG, SYSTEM_NAMESPACE, "metadata.name=" CONFIG_NAME, 0);
	kube->watches[KIND_SERVICE] = open_watch(kube, KIND_SERVICE, SYSTEM_NAMESPACE, "metadata.name=" DNS_SERVICE, 0);
	kube->watches[KIND_POD] = open_watch(kube, KIND_POD, NULL, own_pods, 0);
	kube->watches[KIND_NODE] = open_watch(kube, KIND_NODE, NULL, own_node, 0);
	kube->watches[KIND_ENDPOINTS] = open_watch(kube, KIND_ENDPOINTS, NULL, own_endpoints, 0);
	kube->nodes = open_watch(kube, KIND_NODE, NULL, other_nodes, kube->timing.nodes);
}

static void start_watches(struct kubernetes *kube) {
	kube->started = true;
	for (enum kind kind = 0; kind < KINDS; kind++)
		if (kube->watches[kind])
			watch_start(kube->watches[kind]);
	watch_start(kube->nodes);
	shards_start(kube);
}

/* ---- the server's version ---- */

static void ask_version(uv_timer_t *timer);

static bool is_too_old(const char *body, char *ret_version, size_t size) {
	cJSON *root = cJSON_Parse(body);
	const cJSON *major = cJSON_GetObjectItemCaseSensitive(root, "major"), *minor = cJSON_GetObjectItemCaseSensitive(root, "minor");
	bool known = cJSON_IsString(major) && cJSON_IsString(minor);
	bool old = known && atoi(major->valuestring) == 1 && atoi(minor->valuestring) < OLDEST_MINOR;
	snprintf(ret_version, size, "%.10s.%.10s", known ? major->valuestring : "?", known ? minor->valuestring : "?");
	cJSON_Delete(root);
	return old;
}

static void note_version(void *context, const struct http_answer *answer) {
	struct kubernetes *kube = context;
	char version[24];
	kube->asking_version = NULL;
	if (answer->result == 0 && !is_too_old(answer->body, version, sizeof version)) {
		log_event(LOG_INFO, "agent", "ServerFound", "%s, Kubernetes %s", access_config_of(kube->access)->server, version);
		start_watches(kube);
		return;
	}
	if (answer->result == 0)
		log_event(LOG_ERROR, "agent", "ServerTooOld", "Kubernetes %s; libvpc needs 1.%d or later", version, OLDEST_MINOR);
	else
		log_event(kube->version_failures ? LOG_DETAIL : LOG_WARNING, "agent", "ServerNotReached", "%s; trying again", answer->error.text);
	kube->version_failures++;
	uv_timer_start(
	    &kube->version, ask_version, answer->retry_after ? answer->retry_after : kubernetes_backoff(kube, kube->version_failures), 0);
}

static void ask_version(uv_timer_t *timer) {
	struct kubernetes *kube = timer->data;
	struct http_call call = {.method = "GET", .path = "/version", .deadline = kube->timing.request, .done = note_version, .context = kube};
	kube->asking_version = http_start(kube->http, &call);
}

/* ---- opening and closing ---- */

static void follow(struct source *source, const char *vpc_uid, bool wanted) {
	shard_follow((struct kubernetes *)source, vpc_uid, wanted);
}

static void note_closed(uv_handle_t *handle) {
	struct kubernetes *kube = handle->data;
	if (--kube->handles)
		return;
	free(kube->node);
	free(kube);
}

static struct source *close_source(struct source *source) {
	if (!source)
		return NULL;
	struct kubernetes *kube = (struct kubernetes *)source;
	kube->watcher = (struct source_watcher){0};
	http_cancel(kube->asking_version);
	operations_close(kube);
	for (enum kind kind = 0; kind < KINDS; kind++)
		watch_close(kube->watches[kind]);
	watch_close(kube->nodes);
	shards_close(kube);
	http_close(kube->http);
	access_close(kube->access);
	uv_close((uv_handle_t *)&kube->version, note_closed);
	uv_close((uv_handle_t *)&kube->settle, note_closed);
	return NULL;
}

static const struct source_verbs VERBS = {
    operation_get, operation_list, operation_create, operation_update, operation_delete, operation_lift_taint, follow, is_complete, close_source};

int source_kubernetes_open(uv_loop_t *loop, const struct kubernetes_options *options, const struct source_watcher *watcher,
    struct source **ret_source, struct vpc_error *error) {
	struct access_config config;
	int result = options->kubeconfig ? access_config_read(options->kubeconfig, options->context, &config, error)
	                                 : access_config_in_cluster(&config, error);
	if (result < 0)
		return result;
	struct kubernetes *kube = allocate(sizeof *kube);
	*kube = (struct kubernetes){.source = {&VERBS},
	    .watcher = *watcher,
	    .timing = options->timing ? *options->timing : KUBERNETES_TIMING,
	    .loop = loop,
	    .node = duplicate(options->node),
	    .handles = 2};
	if (getrandom(&kube->random, sizeof kube->random, 0) < 0 || !kube->random)
		kube->random = 1;
	kube->access = access_open(loop, &config);
	result = http_open(loop, kube->access, &kube->http, error);
	if (result < 0) {
		access_close(kube->access);
		free(kube->node);
		free(kube);
		return result;
	}
	uv_timer_init(loop, &kube->version);
	uv_timer_init(loop, &kube->settle);
	kube->version.data = kube->settle.data = kube;
	open_watches(kube);
	uv_timer_start(&kube->version, ask_version, 0, 0);
	*ret_source = &kube->source;
	return 0;
}
