// SPDX-License-Identifier: Apache-2.0
#include "pods.h"
#include "binding.h"
#include "../cleanup.h"
#include "events.h"
#include "late.h"
#include "membership.h"
#include "text.h"

#include <stdio.h>
#include <string.h>

#define SETTLE_MS 50
#define TICK_MS 2000
#define PLAIN_MS 10000     /* so long a Pod that passed no ADD must run without an annotation until that is what it is bound to */
#define DEPARTED_MS 600000 /* within that a runtime has removed what it gave up */

/* What is told of a Pod once, until it is otherwise. */
enum told { TOLD_REFUSED, TOLD_CHANGED, TOLD_VPC_GONE, TOLD_NOT_LISTED, TOLD_POLICY, TOLD_KINDS };

/* What was seen of a Pod so far. */
struct watched {
	bool seen;
	uint64_t since;            /* uv_now */
	uint64_t told[TOLD_KINDS]; /* hash of the message; 0: nothing */
	struct late late;
};

struct pods {
	struct agent *agent;
	uv_timer_t soon, tick;
	struct table watched;  /* UID to struct watched */
	struct table departed; /* container to struct departure */
};

struct departure {
	uint64_t at; /* uv_now */
};

__attribute__((format(printf, 7, 8))) static void tell_once(const struct agent *agent, struct watched *watched, enum told what, bool holds,
    const struct object *pod, const char *reason, const char *format, ...) {
	char message[600];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(message, sizeof message, format, arguments);
	va_end(arguments);
	uint64_t hash = holds ? hash_text(hash_text(0, reason), message) : 0;
	if (hash && hash != watched->told[what])
		tell(agent, LOG_WARNING, subject_of(pod), reason, "%s", message);
	watched->told[what] = hash;
}

/* ---- bound ---- */

/* wanted: what annotations say by now; NULL: nothing. wrong: why they cannot be read; "": they can. */
static void compare_annotation(const struct agent *agent, struct watched *watched, const struct object *pod, const struct binding *binding,
    const char *wanted, const char *wrong) {
	char now[400];
	bool differs = *wrong || (wanted && binding->vpc_name ? strcmp(wanted, binding->vpc_name) != 0 : wanted != binding->vpc_name);
	if (*wrong)
		snprintf(now, sizeof now, "%s", wrong);
	else if (wanted)
		snprintf(now, sizeof now, "the annotation says VPC %s by now", wanted);
	else
		snprintf(now, sizeof now, "the annotation is gone");
	tell_once(agent, watched, TOLD_CHANGED, differs, pod, "MembershipChanged", "%s; the Pod stays in %s%s until it is recreated", now,
	    binding->vpc_name ? "VPC " : "no VPC", binding->vpc_name ? binding->vpc_name : "");
}

static void compare_vpc(const struct agent *agent, struct watched *watched, const struct object *pod, const struct binding *binding) {
	const struct object *vpc = agent_find_vpc(agent, binding->vpc_uid);
	const struct object *policy = membership_policy(agent, pod);
	bool is_gone = !vpc && agent->source->verbs->complete(agent->source);
	tell_once(agent, watched, TOLD_VPC_GONE, is_gone, pod, "VPCGone", "VPC %s was deleted%s; the Pod keeps its network until it ends", binding->vpc_name,
	    agent_find(agent, KIND_VPC, NULL, binding->vpc_name) ? ", and the one of that name is another" : "");
	tell_once(agent, watched, TOLD_NOT_LISTED, vpc && !membership_is_listed(vpc, pod->metadata.namespace), pod, "NamespaceNotAdmitted",
	    "VPC %s does not admit namespace %s any more; the Pod keeps its network until it ends", binding->vpc_name, pod->metadata.namespace);
	tell_once(agent, watched, TOLD_POLICY, policy, pod, "NetworkPolicyNotEnforced", "NetworkPolicy %s/%s does not act inside a VPC",
	    policy ? policy->metadata.namespace : "", policy ? policy->metadata.name : "");
}

/* ---- not bound ---- */

/* Runs, and was not seen to start: if nothing asks for a VPC by now, an annotation that comes later is a change. */
static void bind_to_none(struct agent *agent, const struct watched *watched, const struct object *pod) {
	struct vpc_error error = {""};
	bool is_old = uv_now(&agent->loop) - watched->since >= PLAIN_MS;
	if (is_old && pod->uid_given && pod->pod.addresses.count && binding_store(agent, pod->metadata.uid, NULL, NULL, &error) < 0)
		log_event(LOG_WARNING, pod->metadata.name, "StateNotWritten", "%s", error.text);
}

static void look_at_unbound(struct pods *pods, struct watched *watched, const struct object *pod, const struct record *record, const char *wrong) {
	struct agent *agent = pods->agent;
	struct vpc_error error = {""};
	const char *reason = "AnnotationRefused";
	bool is_refused = *wrong || membership_eligible(agent, pod, &reason, &error);
	bool is_seen = !*wrong || pod->pod.host_network || pod->pod.addresses.count; /* else its ADD is refused, and tells */
	tell_once(agent, watched, TOLD_REFUSED, is_refused && is_seen, pod, reason, "%s", *wrong ? wrong : error.text);
	if (!pod->pod.host_network)
		late_look(agent, &watched->late, pod, record, &pods->departed, is_refused);
}

/* ---- all ---- */

static void look_at_pod(struct pods *pods, struct watched *watched, const struct object *pod, const struct record *record) {
	struct agent *agent = pods->agent;
	struct vpc_error error = {""};
	const char *wanted = NULL;
	const struct binding *binding = binding_of(agent, pod), of_record = {record ? record->vpc_name : NULL, record ? record->vpc_uid : NULL};
	bool is_wrong = membership_annotation(agent, pod, &wanted, &error);
	bool is_settled = record && !record->late && !record->closed;
	if (!binding && is_settled && *record->vpc_uid) /* a manifest without a UID, or a record of an earlier version */
		binding = &of_record;
	if (binding) {
		tell_once(agent, watched, TOLD_REFUSED, false, pod, "", "%s", "");
		compare_annotation(agent, watched, pod, binding, wanted, is_wrong ? error.text : "");
		if (binding->vpc_uid)
			compare_vpc(agent, watched, pod, binding);
		if (binding->vpc_uid && !is_settled)
			late_look(agent, &watched->late, pod, record, &pods->departed, false);
	} else if (is_wrong || wanted) {
		look_at_unbound(pods, watched, pod, record, is_wrong ? error.text : "");
	} else {
		tell_once(agent, watched, TOLD_REFUSED, false, pod, "", "%s", "");
		bind_to_none(agent, watched, pod);
	}
}

static bool is_ours(const struct agent *agent, const struct object *pod) {
	return pod->metadata.uid && pod->pod.node_name && !strcmp(pod->pod.node_name, agent->options.node) && !pod_completed(pod);
}

static struct watched *watched_of(struct pods *pods, const char *uid) {
	struct watched *watched = table_get(&pods->watched, uid);
	if (!watched) {
		watched = allocate(sizeof *watched);
		watched->since = uv_now(&pods->agent->loop);
		table_put(&pods->watched, uid, watched);
	}
	watched->seen = true;
	return watched;
}

static void forget_unseen(struct pods *pods) {
	struct table kept = {0};
	TABLE_EACH(&pods->watched, entry) {
		struct watched *watched = entry->value;
		if (watched->seen)
			table_put(&kept, entry->key, watched);
		else
			free(watched);
	}
	TABLE_EACH(&kept, entry) {
		struct watched *watched = entry->value;
		watched->seen = false;
	}
	table_release(&pods->watched);
	pods->watched = kept;
}

static void look_at_all(struct pods *pods) {
	struct agent *agent = pods->agent;
	struct table records = {0}; /* by the Pod's UID */
	if (!agent->synced || !agent->datapath)
		return;
	TABLE_EACH(&agent->records, entry)
	table_put(&records, ((struct record *)entry->value)->uid, entry->value);
	TABLE_EACH(&agent->objects[KIND_POD], entry) {
		const struct object *pod = entry->value;
		if (is_ours(agent, pod))
			look_at_pod(pods, watched_of(pods, pod->metadata.uid), pod, table_get(&records, pod->metadata.uid));
	}
	table_release(&records);
}

static void look_soon(uv_timer_t *timer) {
	look_at_all(timer->data);
}

static void sweep_departed(struct pods *pods) {
	struct table kept = {0};
	TABLE_EACH(&pods->departed, entry) {
		struct departure *departure = entry->value;
		if (uv_now(&pods->agent->loop) - departure->at < DEPARTED_MS)
			table_put(&kept, entry->key, departure);
		else
			free(departure);
	}
	table_release(&pods->departed);
	pods->departed = kept;
}

static void look_often(uv_timer_t *timer) {
	struct pods *pods = timer->data;
	struct agent *agent = pods->agent;
	look_at_all(pods);
	if (!agent->synced || !agent->datapath)
		return;
	forget_unseen(pods);
	sweep_departed(pods);
	if (agent->source->verbs->complete(agent->source))
		bindings_sweep(agent);
}

void pods_wake(struct pods *pods) {
	if (pods && !uv_is_active((uv_handle_t *)&pods->soon))
		uv_timer_start(&pods->soon, look_soon, SETTLE_MS, 0);
}

void pods_note_departed(struct pods *pods, const char *container) {
	struct departure *departure = allocate(sizeof *departure);
	departure->at = uv_now(&pods->agent->loop);
	free(table_put(&pods->departed, container, departure));
}

struct pods *pods_open(struct agent *agent) {
	struct pods *pods = allocate(sizeof *pods);
	pods->agent = agent;
	uv_timer_init(&agent->loop, &pods->soon);
	uv_timer_init(&agent->loop, &pods->tick);
	pods->soon.data = pods->tick.data = pods;
	uv_timer_start(&pods->tick, look_often, TICK_MS, TICK_MS);
	return pods;
}
