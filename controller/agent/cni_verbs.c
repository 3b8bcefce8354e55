// SPDX-License-Identifier: Apache-2.0
/* DEL, CHECK, STATUS and GC. */
#include "../cleanup.h"
#include "binding.h"
#include "cni_server.h"
#include "links.h"
#include "log.h"
#include "membership.h"
#include "pods.h"
#include "reconciler.h"
#include "text.h"

#include <string.h>

static void answer(struct cni_request *request, cni_reply reply, void *context, int code, const struct vpc_error *error) {
	_cleanup_(free_memory) char *body = code ? cni_print_error(request->version, code, error->text, request->container) : NULL;
	reply(context, code, body, 0);
	cni_request_release(request);
}

/* A Pod without a state file is known by its interface only, and prevResult of a DEL may name that. */
static struct record *find_by_interface(const struct agent *agent, const struct cni_request *request) {
	struct cni_interface interface;
	struct link link;
	if (!request->previous || !*request->interface || cni_request_interface(request, &interface, NULL))
		return NULL;
	for (size_t i = 0; i < interface.host_count; i++) {
		struct record *record = link_find(interface.host_names[i], &link) == 0 ? record_find_interface(agent, link.ifindex) : NULL;
		if (record && !*record->container)
			return record;
	}
	return NULL;
}

static void detach(struct agent *agent, struct record *record) {
	struct vpc_error error = {""};
	if (reconciler_detach(agent->reconciler, record, &error) == 0)
		return;
	record->leaving = true; /* the reconciler tries again */
	log_event(LOG_ERROR, record->name, "PodNotDetached", "%s", error.text);
}

static int do_del(struct agent *agent, const struct cni_request *request) {
	cni_add_abort(agent, request->container);
	pods_note_departed(agent->pods, request->container);
	struct record *record = record_find(agent, request->container);
	if (record && *request->interface && strcmp(record->interface, request->interface))
		return 0; /* another interface of that container */
	if (!record)
		record = find_by_interface(agent, request);
	if (record)
		detach(agent, record);
	return 0;
}

static int do_check(struct agent *agent, const struct cni_request *request, struct vpc_error *error) {
	const struct record *record = record_find(agent, request->container);
	const struct object *pod = agent_find(agent, KIND_POD, request->pod_namespace, request->pod_name);
	const char *name = NULL;
	if (record && !agent->datapath)
		return fail(error, CNI_TRY_AGAIN, "%s", agent->not_ready);
	if (record)
		return vpc_datapath_check_pod(agent->datapath, &record->pod, error) < 0 ? CNI_CHECK_FAILED : 0;
	const struct binding *binding = pod ? binding_of(agent, pod) : NULL;
	int code = binding || !pod ? 0 : membership_annotation(agent, pod, &name, error);
	if (binding)
		name = binding->vpc_name;
	if (!code && name)
		code =
		    fail(error, CNI_CHECK_FAILED, "Pod %s/%s asks for VPC %s but is not attached", request->pod_namespace, request->pod_name, name);
	return code;
}

static int do_status(const struct agent *agent, struct vpc_error *error) {
	if (!agent->synced)
		return fail(error, CNI_UNAVAILABLE, "the agent has not read the objects yet");
	return *agent->not_ready ? fail(error, CNI_UNAVAILABLE_LIMITED, "%s", agent->not_ready) : 0;
}

static bool is_valid(const cJSON *attachments, const struct record *record) {
	const cJSON *one;
	cJSON_ArrayForEach(one, attachments) {
		const char *container = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(one, "containerID"));
		const char *interface = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(one, "ifname"));
		if (container && interface && !strcmp(container, record->container) && !strcmp(interface, record->interface))
			return true;
	}
	return false;
}

/*
 * libcni writes an empty list as null, and none at all if its caller has none, after it has sent a DEL for all that it knows
 * of: then there is nothing to go by, and nothing is removed.
 */
static int do_gc(struct agent *agent, const struct cni_request *request, struct vpc_error *error) {
	const cJSON *attachments = cJSON_GetObjectItemCaseSensitive(request->configuration, "cni.dev/valid-attachments");
	if (!attachments)
		return 0;
	if (!cJSON_IsArray(attachments) && !cJSON_IsNull(attachments))
		return fail(error, CNI_INVALID_CONFIGURATION, "cni.dev/valid-attachments is no list: nothing was removed");
	size_t count = 0;
	struct record **records = allocate((agent->records.count + 1) * sizeof *records);
	TABLE_EACH(&agent->records, entry) {
		struct record *record = entry->value;
		if (*record->container && !is_valid(attachments, record))
			records[count++] = record;
	}
	for (size_t i = 0; i < count; i++) {
		log_event(LOG_INFO, records[i]->name, "PodCollected", "container %s is not among the valid attachments", records[i]->container);
		pods_note_departed(agent->pods, records[i]->container);
		detach(agent, records[i]);
	}
	free(records);
	return 0;
}

void cni_perform(struct agent *agent, struct cni_request *request, cni_reply reply, void *context) {
	struct vpc_error error = {""};
	int code = 0;
	switch (request->command) {
	case VPC_CNI_ADD: cni_add(agent, request, reply, context); return;
	case VPC_CNI_DEL: code = do_del(agent, request); break;
	case VPC_CNI_CHECK: code = do_check(agent, request, &error); break;
	case VPC_CNI_STATUS: code = do_status(agent, &error); break;
	case VPC_CNI_GC: code = do_gc(agent, request, &error); break;
	}
	answer(request, reply, context, code, &error);
}
