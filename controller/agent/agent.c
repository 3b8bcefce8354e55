// SPDX-License-Identifier: Apache-2.0
#include "agent.h"
#include "allocator.h"
#include "binding.h"
#include "../cleanup.h"
#include "cni_install.h"
#include "cni_server.h"
#include "counts.h"
#include "events.h"
#include "http_server.h"
#include "log.h"
#include "pages.h"
#include "pods.h"
#include "publisher.h"
#include "reconciler.h"
#include "settings.h"
#include "text.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

static char *short_key(enum kind kind, const char *namespace, const char *name) {
	return kind_namespaced(kind) ? format_text("%s/%s", namespace ? namespace : "default", name) : duplicate(name);
}

const struct object *agent_find(const struct agent *agent, enum kind kind, const char *namespace, const char *name) {
	_cleanup_(free_memory) char *key = short_key(kind, namespace, name);
	return table_get(&agent->objects[kind], key);
}

const struct object *agent_find_vpc(const struct agent *agent, const char *uid) {
	TABLE_EACH(&agent->objects[KIND_VPC], entry) {
		const struct object *vpc = entry->value;
		if (vpc->metadata.uid && !strcmp(vpc->metadata.uid, uid))
			return vpc;
	}
	return NULL;
}

static void wake_all(struct agent *agent) {
	if (!agent->synced)
		return;
	reconciler_wake(agent->reconciler);
	uv_timer_start(&agent->wake, agent->on_wake, 0, 0);
}

static bool concerns_pods(enum kind kind) {
	return kind == KIND_POD || kind == KIND_NAMESPACE || kind == KIND_VPC || kind == KIND_NETWORK_POLICY || kind == KIND_CONFIG;
}

static void note_event(void *context, enum source_event event, const struct object *object) {
	struct agent *agent = context;
	struct table *table = &agent->objects[object->kind];
	if (object->kind == KIND_EVENT)
		return; /* its own words */
	_cleanup_(free_memory) char *key = short_key(object->kind, object->metadata.namespace, object->metadata.name);
	const struct object *before = event == SOURCE_DELETED ? table_remove(table, key) : table_put(table, key, object_ref(object));
	object_unref(before);
	allocator_note(agent->allocator, event, object);
	publisher_note(agent->publisher, object);
	counts_note(agent->counts, object);
	if (object->kind == KIND_CONFIG && agent->synced) {
		settings_take(agent);
		allocator_wake(agent->allocator);
	}
	if (concerns_pods(object->kind))
		pods_wake(agent->pods);
	wake_all(agent);
}

static void note_synced(void *context) {
	struct agent *agent = context;
	agent->synced = true;
	settings_take(agent);
	log_event(LOG_INFO, "agent", "Synced", "%zu VPCs, %zu Pods, %zu identifiers", agent->objects[KIND_VPC].count,
	    agent->objects[KIND_POD].count, agent->objects[KIND_NETWORK_ID].count);
	allocator_wake(agent->allocator);
	publisher_wake(agent->publisher);
	counts_wake(agent->counts);
	pages_give_back(); /* what reading it all took */
	wake_all(agent);
	agent_tell_ready(agent);
}

void agent_tell_ready(struct agent *agent) {
	bool ready = agent->synced && (agent->options.no_datapath || !*agent->not_ready);
	if (ready == agent->told_ready)
		return;
	agent->told_ready = ready;
	if (agent->options.ready_file && ready) {
		int fd = open(agent->options.ready_file, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
		close_fd(&fd);
	} else if (agent->options.ready_file) {
		unlink(agent->options.ready_file);
	}
	pages_give_back(); /* what opening the datapath took */
	log_event(LOG_INFO, "agent", ready ? "Ready" : "NotReady", "%s", ready ? agent->options.socket : agent->not_ready);
	cni_server_take_queue(agent->server);
	cni_wake(agent);
}

/* The tick ends with the last ADD; the next one begins it again. */
static void wake_additions(uv_timer_t *timer) {
	struct agent *agent = timer->data;
	cni_wake(agent);
	if (!agent->additions)
		uv_timer_stop(&agent->tick);
}

static int open_source(struct agent *agent, struct vpc_error *error) {
	const struct options *options = &agent->options;
	struct source_watcher watcher = {agent, note_event, note_synced};
	struct kubernetes_options kubernetes = {.kubeconfig = options->kubeconfig, .context = options->context, .node = options->node};
	int result = options->manifests ? source_directory_open(&agent->loop, options->manifests, &watcher, &agent->source, error)
	                                : source_kubernetes_open(&agent->loop, &kubernetes, &watcher, &agent->source, error);
	if (result < 0)
		return result;
	TABLE_EACH(&agent->records, entry) /* what the kernel has must be known before anything is taken from it */
	agent->source->verbs->follow(agent->source, ((const struct record *)entry->value)->vpc_uid, true);
	return 0;
}

int agent_start(struct agent *agent, const struct options *options, struct vpc_error *error) {
	*agent = (struct agent){.options = *options, .state_folder = -1, .on_wake = wake_additions, .plugin_reason = "", .started = uv_hrtime()};
	pages_give_back();
	snprintf(agent->not_ready, sizeof agent->not_ready, "%s",
	    options->no_datapath ? "the agent runs with --no-datapath" : "the agent is starting");
	uv_loop_init(&agent->loop);
	uv_timer_init(&agent->loop, &agent->wake);
	uv_timer_init(&agent->loop, &agent->tick);
	agent->wake.data = agent->tick.data = agent;
	if (options->ready_file)
		unlink(options->ready_file);
	config_parse(NULL, &agent->config, NULL);
	int result = options->no_datapath ? 0 : records_load(agent, error);
	if (result == 0 && !options->no_datapath)
		result = bindings_load(agent, error);
	if (result < 0)
		return result;
	cni_install_open(agent); /* first of all: until ADD is served, a Pod waits, but does not start beside its VPC */
	result = open_source(agent, error);
	if (result < 0)
		return result;
	agent->events = events_open(agent);
	agent->counts = counts_open(agent, NULL);
	agent->allocator = allocator_open(agent);
	agent->publisher = publisher_open(agent);
	agent->reconciler = reconciler_open(agent);
	agent->pods = pods_open(agent);
	uv_timer_start(&agent->tick, wake_additions, 100, 100); /* deadlines of ADDs that wait */
	result = options->http ? http_server_open(agent, error) : 0;
	return result < 0 ? result : cni_server_open(agent, &agent->server, error);
}
