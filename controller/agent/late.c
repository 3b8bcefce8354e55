// SPDX-License-Identifier: Apache-2.0
#include "late.h"
#include "attachments.h"
#include "binding.h"
#include "../cleanup.h"
#include "cni_cache.h"
#include "cni_server.h"
#include "events.h"
#include "links.h"
#include "membership.h"
#include "reconciler.h"
#include "text.h"

#include <string.h>

#define FIRST_PAUSE_MS 500 /* between two tries for one Pod; doubling, up to: */
#define LAST_PAUSE_MS 30000
#define MISSING_MS 10000 /* so long an interface is looked for before it is told that there is none */

/* ---- where it is ---- */

struct search {
	const struct object *pod;
	const struct table *departed;
	struct cni_request *found;
	struct link inner;
};

static bool is_of_pod(const struct object *pod, const struct cni_request *request) {
	const char *static_uid = membership_static_uid(pod);
	if (pod->uid_given && *request->pod_uid)
		return !strcmp(request->pod_uid, pod->metadata.uid) || (static_uid && !strcmp(request->pod_uid, static_uid));
	return !strcmp(request->pod_namespace, pod->metadata.namespace) && !strcmp(request->pod_name, pod->metadata.name);
}

/* Of several sandboxes of a Pod the one counts that still stands. */
static bool take_if_it_stands(void *context, struct cni_request *request) {
	struct search *search = context;
	if (!is_of_pod(search->pod, request) || table_get(search->departed, request->container) ||
	    link_find_in(request->network_namespace, request->interface, &search->inner) < 0)
		return false;
	*search->found = *request;
	return true;
}

static bool find_interface(const struct object *pod, const struct table *departed, struct cni_request *ret_request, struct link *ret_inner) {
	struct search search = {.pod = pod, .departed = departed, .found = ret_request};
	*ret_request = (struct cni_request){0};
	cni_cache_each(CNI_CACHE, take_if_it_stands, &search);
	*ret_inner = search.inner;
	return ret_request->configuration;
}

static void tell_missing(const struct agent *agent, struct late *late, const struct object *pod, const char *why) {
	if (!late->told_missing)
		tell(agent, LOG_ERROR, subject_of(pod), "InterfaceNotFound", "the Pod was started without passing vpc-cni and may be unconfined: %s; recreate it", why);
	late->told_missing = true;
}

/* ---- closed ---- */

static struct record *make_record(const struct object *pod, const struct cni_request *request, const struct link *host) {
	struct record *record = allocate(sizeof *record);
	*record = (struct record){.container = duplicate(request->container),
	    .interface = duplicate(request->interface),
	    .network_namespace = duplicate(request->network_namespace),
	    .namespace = duplicate(pod->metadata.namespace),
	    .name = duplicate(pod->metadata.name),
	    .uid = duplicate(pod->metadata.uid),
	    .vpc_name = duplicate(""),
	    .vpc_uid = duplicate(""),
	    .created = duplicate(""),
	    .pod = {.ifindex = host->ifindex},
	    .closed = true,
	    .late = true};
	memcpy(record->pod.host_mac, host->mac, sizeof record->pod.host_mac);
	return record;
}

/* False if it cannot be closed, or if somebody else's record has the interface. */
static bool close_interface(
    struct agent *agent, struct late *late, const struct object *pod, const struct cni_request *request, const struct link *inner, bool only_close) {
	struct link host;
	if (strcmp(inner->kind, "veth") || link_find_index(inner->peer, &host) < 0 || strcmp(host.kind, "veth")) {
		tell_missing(agent, late, pod, "its interface is no veth of this node's");
		return false;
	}
	struct record *old = record_find_interface(agent, host.ifindex);
	if (old && old->late)
		return true;
	if (old && (!old->closed || *old->container))
		return false;
	if (old) { /* an earlier run closed it, or its record was lost */
		_cleanup_(free_memory) char *key = record_key(old);
		record_free(table_remove(&agent->records, key));
	}
	struct record *record = make_record(pod, request, &host);
	record_free(table_put(&agent->records, record->container, record));
	if (!attachments_are_closed(agent, host.ifindex))
		reconciler_close(agent->reconciler, record);
	if (!late->told)
		tell(agent, LOG_WARNING, subject_of(pod), "StartedUnconfined",
		    "the Pod was started without passing vpc-cni; nothing passes %s%s", host.name, only_close ? "" : " until the programs of its VPC are there");
	late->told = true;
	return true;
}

/* ---- what its ADD would have done ---- */

struct belated {
	struct agent *agent;
	char *container;
};

static void set_mtu(const struct record *record, uint32_t mtu) {
	int result = link_set_mtu_in(record->network_namespace, record->interface, mtu);
	if (result < 0)
		log_event(LOG_WARNING, record->name, "MTUNotSet", "%s in %s: %s", record->interface, record->network_namespace, strerror(-result));
}

static void note_added(void *context, int code, const char *body, uint32_t mtu) {
	struct belated *belated = context;
	struct vpc_error error = {""};
	struct record *record = record_find(belated->agent, belated->container);
	(void)body; /* a failure was told; what is closed stays closed */
	if (!code && record && record->late && reconciler_detach(belated->agent->reconciler, record, &error) < 0) /* it is to be in no VPC */
		log_event(LOG_ERROR, record->name, "PodNotDetached", "%s", error.text);
	else if (!code && record && !record->late && mtu)
		set_mtu(record, mtu);
	free(belated->container);
	free(belated);
}

static void add(struct agent *agent, struct cni_request *request) {
	struct belated *belated = allocate(sizeof *belated);
	*belated = (struct belated){agent, duplicate(request->container)};
	cni_add(agent, request, note_added, belated);
}

/* A status without addresses says that there is no sandbox yet; a manifest may have no status at all. */
static bool may_run(const struct object *pod) {
	return pod->pod.addresses.count || !pod->pod.phase;
}

void late_look(struct agent *agent, struct late *late, const struct object *pod, const struct record *record, const struct table *departed,
    bool only_close) {
	struct cni_request request;
	struct link inner;
	uint64_t now = uv_now(&agent->loop);
	if (!may_run(pod) || (record && !record->late) || now < late->retry_at || cni_add_is_under_way(agent, pod->metadata.namespace, pod->metadata.name))
		return;
	late->since = late->since ? late->since : now ? now : 1;
	late->pause = late->pause < LAST_PAUSE_MS / 2 ? (late->pause ? 2 * late->pause : FIRST_PAUSE_MS) : LAST_PAUSE_MS;
	late->retry_at = now + late->pause;
	if (!find_interface(pod, departed, &request, &inner)) {
		bool is_told = pod->pod.addresses.count && !pod->metadata.deleted && !binding_of(agent, pod) && now - late->since >= MISSING_MS;
		if (is_told)
			tell_missing(agent, late, pod, "no interface of it is among those in " CNI_CACHE);
		return;
	}
	if (close_interface(agent, late, pod, &request, &inner, only_close) && !only_close)
		add(agent, &request);
	else
		cni_request_release(&request);
}
