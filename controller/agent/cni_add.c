// SPDX-License-Identifier: Apache-2.0
/*
 * ADD: find the Pod, its VPC and the identifier, waiting a little for what is on its way; publish; read VPC and claim
 * anew; attach; answer.
 */
#include "address.h"
#include "allocator.h"
#include "binding.h"
#include "../cleanup.h"
#include "cni_server.h"
#include "events.h"
#include "links.h"
#include "log.h"
#include "membership.h"
#include "namespaces.h"
#include "node.h"
#include "publisher.h"
#include "reconciler.h"
#include "text.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define WAIT_MS 2000

/* One ADD under way. */
struct addition {
	struct addition *next;
	struct agent *agent;
	struct cni_request request;
	cni_reply reply;
	void *context;
	uint64_t deadline;
	char *vpc_uid, *vpc_name; /* once reserved */
	enum vpc_encapsulation encapsulation;
	uint32_t id;
	bool asked_pod, asked_vpc; /* live, after memory had none */
	bool knows_namespace;      /* it was read live */
	bool reading, aborted;     /* an answer of the source is awaited */
};

static void advance(struct addition *addition);

static void release(struct addition *addition) {
	for (struct addition **at = &addition->agent->additions; *at; at = &(*at)->next)
		if (*at == addition) {
			*at = addition->next;
			break;
		}
	if (addition->vpc_uid)
		publisher_unreserve(addition->agent->publisher, addition->vpc_uid);
	cni_request_release(&addition->request);
	free(addition->vpc_uid);
	free(addition->vpc_name);
	free(addition);
}

static void end_failed(struct addition *addition, int code, const char *message) {
	const struct cni_request *request = &addition->request;
	_cleanup_(free_memory) char *name = format_text("Pod/%s/%s", request->pod_namespace, request->pod_name);
	_cleanup_(free_memory) char *body = cni_print_error(request->version, code, message, name);
	const struct object *pod = *request->pod_name ? agent_find(addition->agent, KIND_POD, request->pod_namespace, request->pod_name) : NULL;
	const char *reason = code == CNI_TRY_AGAIN ? "AddDelayed" : "AddRefused";
	if (pod)
		tell(addition->agent, LOG_WARNING, subject_of(pod), reason, "%s (code %d, container %s)", message, code, request->container);
	else /* nobody's Event */
		log_event(LOG_WARNING, name, reason, "%s (code %d, container %s)", message, code, request->container);
	addition->reply(addition->context, code, body, 0);
	release(addition);
}

static void end_well(struct addition *addition, uint32_t mtu) {
	_cleanup_(free_memory) char *body = cni_print_result(&addition->request);
	addition->reply(addition->context, 0, body, mtu);
	release(addition);
}

/* ---- what must be known first ---- */

static void note_live(void *context, int result, const struct object *object, const struct vpc_error *error) {
	struct addition *addition = context;
	(void)result, (void)object, (void)error; /* memory has it now, or there is none */
	addition->reading = false;
	advance(addition);
}

static void read_live(struct addition *addition, bool *asked, enum kind kind, const char *namespace, const char *name) {
	struct source *source = addition->agent->source;
	if (*asked)
		return;
	*asked = addition->reading = true;
	source->verbs->get(source, kind, namespace, name, note_live, addition);
}

/* What a manifest without a UID was given by the source, no runtime knows. */
static bool is_asked_for(const struct object *pod, const char *uid) {
	const char *static_uid = membership_static_uid(pod);
	return !pod->uid_given || !*uid || !strcmp(pod->metadata.uid, uid) || (static_uid && !strcmp(static_uid, uid));
}

static int find_pod(struct addition *addition, const struct object **ret_pod, struct vpc_error *error) {
	const struct cni_request *request = &addition->request;
	const struct agent *agent = addition->agent;
	if (!*request->pod_name || !*request->pod_namespace)
		return fail(error, CNI_INVALID_ENVIRONMENT, "CNI_ARGS must hold K8S_POD_NAMESPACE and K8S_POD_NAME");
	if (!agent->synced)
		return fail(error, CNI_TRY_AGAIN, "the agent has not read the objects yet");
	const struct object *pod = agent_find(agent, KIND_POD, request->pod_namespace, request->pod_name);
	bool is_right = pod && is_asked_for(pod, request->pod_uid);
	if (!is_right)
		read_live(addition, &addition->asked_pod, KIND_POD, request->pod_namespace, request->pod_name);
	if (!pod)
		return fail(error, CNI_TRY_AGAIN, "Pod %s/%s is not known", request->pod_namespace, request->pod_name);
	if (!is_right)
		return fail(error, CNI_TRY_AGAIN, "Pod %s/%s has UID %s, the runtime asks for %s", request->pod_namespace, request->pod_name,
		    pod->metadata.uid, request->pod_uid);
	if (pod->pod.node_name && strcmp(pod->pod.node_name, agent->options.node))
		return fail(error, CNI_REFUSED, "Pod %s/%s is bound to node %s", request->pod_namespace, request->pod_name, pod->pod.node_name);
	*ret_pod = pod;
	return 0;
}

static void note_namespace(void *context, int result, const struct object *space, const struct vpc_error *error) {
	struct addition *addition = context;
	(void)space; /* memory has it now */
	addition->reading = false;
	if (result < 0 && result != -ENOENT && !addition->aborted) {
		_cleanup_(free_memory) char *text = format_text("Namespace %s, whose annotation may concern the Pod: %s", addition->request.pod_namespace, error->text);
		end_failed(addition, CNI_TRY_AGAIN, text);
		return;
	}
	addition->knows_namespace = true;
	advance(addition);
}

/* By the UID that the runtime has: what a Pod says of itself is not asked. */
static const struct binding *find_binding(const struct addition *addition, const struct object *pod) {
	return binding_find(addition->agent, *addition->request.pod_uid ? addition->request.pod_uid : pod->metadata.uid);
}

/* NULL: none. What the Pod was bound to holds; else its own annotation decides, else its Namespace's as it is now. */
static int find_membership(struct addition *addition, const struct object *pod, const char **ret_name, struct vpc_error *error) {
	struct agent *agent = addition->agent;
	const struct binding *binding = find_binding(addition, pod);
	if (binding) {
		*ret_name = binding->vpc_name;
		return 0;
	}
	if (!membership_is_own(pod) && !addition->knows_namespace) {
		addition->reading = true;
		namespace_read(agent, pod->metadata.namespace, note_namespace, addition);
		return fail(error, CNI_TRY_AGAIN, "Namespace %s is being read", pod->metadata.namespace);
	}
	int code = membership_annotation(agent, pod, ret_name, error);
	return code || !*ret_name ? code : membership_eligible(agent, pod, NULL, error);
}

static int find_vpc(struct addition *addition, const struct object *pod, const char *name, const struct object **ret_vpc, struct vpc_error *error) {
	const struct binding *binding = find_binding(addition, pod);
	const struct object *vpc = agent_find(addition->agent, KIND_VPC, NULL, name);
	if (!vpc) {
		read_live(addition, &addition->asked_vpc, KIND_VPC, NULL, name);
		return fail(error, CNI_TRY_AGAIN, "there is no VPC '%s'", name);
	}
	if (binding && binding->vpc_uid && strcmp(binding->vpc_uid, vpc->metadata.uid))
		return fail(error, CNI_REFUSED, "VPC %s was deleted and made anew since the Pod joined it: recreate the Pod", name);
	*ret_vpc = vpc;
	return 0;
}

/* The identifier, and this node's VPCEndpoints in the source. */
static int reserve(struct addition *addition, const struct object *vpc, struct vpc_error *error) {
	struct agent *agent = addition->agent;
	enum vpc_encapsulation encapsulation;
	uint32_t id;
	if (allocator_agreed(agent, vpc, &encapsulation, &id, error) < 0) {
		allocator_hurry(agent->allocator, vpc->metadata.uid);
		return CNI_TRY_AGAIN;
	}
	if (addition->vpc_uid && strcmp(addition->vpc_uid, vpc->metadata.uid))
		return fail(error, CNI_TRY_AGAIN, "VPC %s was made anew meanwhile", vpc->metadata.name);
	addition->encapsulation = encapsulation;
	addition->id = id;
	if (!addition->vpc_uid) {
		addition->vpc_uid = duplicate(vpc->metadata.uid);
		addition->vpc_name = duplicate(vpc->metadata.name);
		publisher_reserve(agent->publisher, vpc, encapsulation, id);
	}
	if (!publisher_exists(agent->publisher, vpc->metadata.uid))
		return fail(error, CNI_TRY_AGAIN, "this node's VPCEndpoints of VPC %s could not be published", vpc->metadata.name);
	return 0;
}

/* For the Pod's life. A manifest without a UID is decided on anew each time. */
static void keep_binding(const struct addition *addition, const struct object *pod, const char *vpc_name, const char *vpc_uid) {
	struct vpc_error error = {""};
	const char *uid = *addition->request.pod_uid ? addition->request.pod_uid : pod->metadata.uid;
	if (pod->uid_given && binding_store(addition->agent, uid, vpc_name, vpc_uid, &error) < 0)
		log_event(LOG_WARNING, pod->metadata.name, "StateNotWritten", "%s", error.text);
}

/* 0: all is there; -1: answered already; else a code, to be answered or, with CNI_TRY_AGAIN, waited for. */
static int prepare(struct addition *addition, const struct object **ret_pod, struct vpc_error *error) {
	const struct object *pod = NULL, *vpc = NULL;
	const char *name = NULL;
	const struct binding *binding = binding_find(addition->agent, addition->request.pod_uid);
	bool is_plain = binding && !binding->vpc_uid; /* also while nothing can be asked */
	int code = is_plain ? 0 : find_pod(addition, &pod, error);
	if (!code && !is_plain)
		code = find_membership(addition, pod, &name, error);
	if (!code && !name) {
		if (pod)
			keep_binding(addition, pod, NULL, NULL);
		end_well(addition, 0);
		return -1;
	}
	if (!code && *addition->agent->not_ready)
		code = fail(error, CNI_TRY_AGAIN, "%s", addition->agent->not_ready);
	if (!code)
		code = find_vpc(addition, pod, name, &vpc, error);
	if (!code)
		code = membership_admit(addition->agent, pod, vpc, find_binding(addition, pod), error);
	if (!code)
		code = reserve(addition, vpc, error);
	if (!code)
		*ret_pod = pod;
	return code;
}

/* ---- the interface ---- */

bool cni_main_is_unsupported(const char *main_plugin) {
	static const char *const NAMES[] = {"ipvlan", "macvlan", "host-device", "sriov", "vlan", "cilium-cni", "ovs", "dummy", "tap"};
	for (size_t i = 0; i < COUNT_OF(NAMES); i++)
		if (!strcmp(main_plugin, NAMES[i]))
			return true;
	return false;
}

static int refuse_kind(const char *interface, const char *kind, struct vpc_error *error) {
	if (!strcmp(kind, "macvlan") || !strcmp(kind, "ipvlan"))
		return fail(error, CNI_UNSUPPORTED_MAIN, "main plugin %s cannot be confined: %s is no veth; use ptp or bridge", kind, interface);
	return fail(error, CNI_UNSUPPORTED_MAIN,
	    "%s is of kind %s, not a veth: a main plugin like host-device or SR-IOV cannot be confined; use ptp or bridge", interface,
	    *kind ? kind : "hardware");
}

/* The Pod's end, as the kernel has it. */
static int find_inner(const struct cni_request *request, struct link *ret_inner, struct vpc_error *error) {
	if (cni_main_is_unsupported(request->main_plugin))
		return fail(error, CNI_UNSUPPORTED_MAIN, "main plugin %s cannot be confined; use ptp or bridge", request->main_plugin);
	int result = link_find_in(request->network_namespace, request->interface, ret_inner);
	if (result < 0)
		return fail(error, CNI_UNKNOWN_CONTAINER, "%s in %.200s: %s", request->interface, request->network_namespace, strerror(-result));
	return strcmp(ret_inner->kind, "veth") ? refuse_kind(request->interface, ret_inner->kind, error) : 0;
}

/* The host's end, which the result names among others. */
static int find_host(const struct cni_request *request, const struct cni_interface *interface, const struct link *inner,
    struct link *ret_host, struct vpc_error *error) {
	for (size_t i = 0; i < interface->host_count; i++)
		if (link_find(interface->host_names[i], ret_host) == 0 && ret_host->ifindex == inner->peer && !strcmp(ret_host->kind, "veth"))
			return 0;
	return fail(error, CNI_UNSUPPORTED_MAIN, "none of the host's interfaces in prevResult is the other end of %s", request->interface);
}

/* What fits: the uplink's MTU less the encapsulation, and no more than the main plugin gave. */
static int find_mtu(
    const struct agent *agent, enum vpc_encapsulation encapsulation, const struct link *inner, uint32_t *ret_mtu, struct vpc_error *error) {
	struct link uplink;
	int result = link_find_index(agent->uplink_ifindex, &uplink);
	if (result < 0)
		return fail(error, CNI_TRY_AGAIN, "the uplink (interface %u) is gone", agent->uplink_ifindex);
	uint32_t overhead = node_overhead(agent, encapsulation);
	if (uplink.mtu < 576 + overhead)
		return fail(error, CNI_INVALID_CONFIGURATION, "uplink %s has an MTU of %u, too small", uplink.name, uplink.mtu);
	*ret_mtu = uplink.mtu - overhead < inner->mtu ? uplink.mtu - overhead : inner->mtu;
	return 0;
}

static struct record *make_record(const struct addition *addition, const struct object *pod, struct vpc_error *error, int *ret_code) {
	const struct cni_request *request = &addition->request;
	struct cni_interface interface;
	struct link inner, host;
	uint32_t mtu = 0;
	char now[32];
	*ret_code = find_inner(request, &inner, error);
	if (!*ret_code)
		*ret_code = cni_request_interface(request, &interface, error);
	if (!*ret_code)
		*ret_code = find_host(request, &interface, &inner, &host, error);
	if (!*ret_code)
		*ret_code = find_mtu(addition->agent, addition->encapsulation, &inner, &mtu, error);
	if (*ret_code)
		return NULL;
	struct record *record = allocate(sizeof *record);
	time_format(time(NULL), now, sizeof now);
	*record = (struct record){.container = duplicate(request->container),
	    .interface = duplicate(request->interface),
	    .network_namespace = duplicate(request->network_namespace),
	    .namespace = duplicate(pod->metadata.namespace),
	    .name = duplicate(pod->metadata.name),
	    .uid = duplicate(pod->metadata.uid),
	    .vpc_name = duplicate(addition->vpc_name),
	    .vpc_uid = duplicate(addition->vpc_uid),
	    .created = duplicate(pod->metadata.created ? pod->metadata.created : now)};
	record->pod = (struct vpc_pod){.ifindex = host.ifindex,
	    .encapsulation = addition->encapsulation,
	    .network_id = addition->id,
	    .mtu = mtu,
	    .next_hop_count = interface.next_hop_count};
	memcpy(record->pod.mac, inner.mac, 6); /* as the kernel has it, whatever the result says */
	memcpy(record->pod.host_mac, host.mac, 6);
	memcpy(record->pod.ipv4, interface.ipv4, 4);
	memcpy(record->pod.ipv6, interface.ipv6, 16);
	memcpy(record->pod.next_hops, interface.next_hops, sizeof record->pod.next_hops);
	return record;
}

/* ---- attaching ---- */

/* ADD came again for what stands already. */
static bool is_same_pod(const struct record *old, const struct record *new) {
	const struct vpc_pod *a = &old->pod, *b = &new->pod;
	return !strcmp(old->container, new->container) && a->ifindex == b->ifindex && a->encapsulation == b->encapsulation &&
	       a->network_id == b->network_id && !memcmp(a->mac, b->mac, 6) && !memcmp(a->ipv4, b->ipv4, 4) && !memcmp(a->ipv6, b->ipv6, 16);
}

static bool collides(const struct record *old, const struct record *new) {
	static const uint8_t none[16];
	const struct vpc_pod *a = &old->pod, *b = &new->pod;
	if (is_same_pod(old, new))
		return false;
	if (!strcmp(old->container, new->container) || a->ifindex == b->ifindex)
		return true;
	if (a->encapsulation != b->encapsulation || a->network_id != b->network_id)
		return false;
	return (memcmp(a->ipv4, none, 4) && !memcmp(a->ipv4, b->ipv4, 4)) || (memcmp(a->ipv6, none, 16) && !memcmp(a->ipv6, b->ipv6, 16));
}

/*
 * A DEL that never came: another interface, to which the main plugin no longer leads the container or the address, is given
 * up.
 */
static int give_up_others(struct agent *agent, const struct record *record, struct vpc_error *error) {
	for (bool again = true; again;) {
		again = false;
		TABLE_EACH(&agent->records, entry) {
			struct record *old = entry->value;
			if (old->pod.ifindex == record->pod.ifindex || !collides(old, record))
				continue;
			int result = reconciler_retire(agent->reconciler, old, error);
			if (result < 0)
				return result;
			again = true;
			break;
		}
	}
	return 0;
}

/* What the interface has of an earlier Pod is replaced there, so that it is never open: only the record goes. */
static void replace_record(struct agent *agent, struct record *record) {
	struct record *old = record_find_interface(agent, record->pod.ifindex);
	if (old && strcmp(old->container, record->container)) {
		_cleanup_(free_memory) char *key = record_key(old);
		record_unlink(agent, old);
		record_free(table_remove(&agent->records, key));
	}
	record_free(table_put(&agent->records, record->container, record));
}

static void tell_attached(const struct record *record, const struct vpc_timing *timing) {
	log_event(LOG_INFO, record->name, "PodAttached",
	    "to VPC %s (%s %u), container %s, interface %u, %llu us (patch %llu, load %llu, attach %llu)", record->vpc_name,
	    encapsulation_text(record->pod.encapsulation), record->pod.network_id, record->container, record->pod.ifindex,
	    (unsigned long long)timing->total / 1000, (unsigned long long)timing->patch / 1000, (unsigned long long)timing->load / 1000,
	    (unsigned long long)timing->attach / 1000);
}

static void attach(struct addition *addition, const struct object *pod) {
	struct agent *agent = addition->agent;
	struct vpc_timing timing = {0};
	struct vpc_error error = {""};
	int code = 0;
	struct record *record = make_record(addition, pod, &error, &code);
	if (!record) {
		end_failed(addition, code, error.text);
		return;
	}
	if (give_up_others(agent, record, &error) < 0 || record_store(agent, record, &error) < 0) {
		record_free(record);
		end_failed(addition, CNI_TRY_AGAIN, error.text);
		return;
	}
	uint32_t mtu = record->pod.mtu;
	replace_record(agent, record);
	int result = reconciler_attach(agent->reconciler, record, &timing, &error);
	if (result < 0) {
		end_failed(addition,
		    result == -ENOSPC || result == -ENOMEM || result == -EAGAIN || result == -E2BIG ? CNI_TRY_AGAIN : CNI_DATAPATH_FAILURE,
		    error.text);
		return;
	}
	keep_binding(addition, pod, record->vpc_name, record->vpc_uid);
	end_well(addition, mtu);
	tell_attached(record, &timing);
}

static void note_claim(void *context, int result, const struct object *claim, const struct vpc_error *error) {
	struct addition *addition = context;
	struct vpc_error why = {""};
	const struct object *pod = NULL;
	addition->reading = false;
	if (addition->aborted || result < 0) {
		end_failed(addition, CNI_TRY_AGAIN, addition->aborted ? "DEL came meanwhile" : error->text);
		return;
	}
	enum vpc_encapsulation encapsulation = addition->encapsulation;
	uint32_t id = addition->id;
	int code = prepare(addition, &pod, &why);
	if (code == -1 || addition->reading) /* what was known is to be read again: its answer goes on */
		return;
	bool ours = !strcmp(claim->network_id.vpc_uid, addition->vpc_uid ? addition->vpc_uid : "") && !claim->network_id.released_at;
	if (!code && (!ours || encapsulation != addition->encapsulation || id != addition->id))
		code = fail(&why, CNI_TRY_AGAIN, "the claim of VPC %s changed meanwhile", addition->vpc_name);
	if (code)
		end_failed(addition, code, why.text);
	else
		attach(addition, pod);
}

/* Published before this read: whoever takes the identifier back sees the publication, or this read sees the VPC gone. */
static void note_vpc(void *context, int result, const struct object *vpc, const struct vpc_error *error) {
	struct addition *addition = context;
	struct source *source = addition->agent->source;
	char name[20];
	bool same = result == 0 && !strcmp(vpc->metadata.uid, addition->vpc_uid);
	if (addition->aborted || !same) {
		addition->reading = false;
		end_failed(addition, CNI_TRY_AGAIN,
		    addition->aborted ? "DEL came meanwhile"
		    : result < 0      ? error->text
		                      : "the VPC was made anew meanwhile");
		return;
	}
	source->verbs->get(source, KIND_NETWORK_ID, NULL, claim_name(addition->encapsulation, addition->id, name), note_claim, addition);
}

static void advance(struct addition *addition) {
	struct vpc_error error = {""};
	struct source *source = addition->agent->source;
	const struct object *pod;
	if (addition->reading)
		return;
	if (addition->aborted) {
		end_failed(addition, CNI_TRY_AGAIN, "DEL came meanwhile");
		return;
	}
	int code = prepare(addition, &pod, &error);
	if (code == -1)
		return;
	if (code == 0) {
		addition->reading = true;
		source->verbs->get(source, KIND_VPC, NULL, addition->vpc_name, note_vpc, addition);
	} else if (!addition->reading && (code != CNI_TRY_AGAIN || uv_now(&addition->agent->loop) >= addition->deadline)) {
		end_failed(addition, code, error.text);
	}
}

void cni_wake(struct agent *agent) {
	for (struct addition *addition = agent->additions, *next; addition; addition = next) {
		next = addition->next;
		advance(addition);
	}
}

bool cni_add_is_under_way(const struct agent *agent, const char *namespace, const char *name) {
	for (const struct addition *addition = agent->additions; addition; addition = addition->next)
		if (!strcmp(addition->request.pod_namespace, namespace) && !strcmp(addition->request.pod_name, name))
			return true;
	return false;
}

void cni_add_abort(struct agent *agent, const char *container) {
	for (struct addition *addition = agent->additions; addition; addition = addition->next)
		if (!strcmp(addition->request.container, container))
			addition->aborted = true;
}

void cni_add(struct agent *agent, struct cni_request *request, cni_reply reply, void *context) {
	struct addition *addition = allocate(sizeof *addition);
	*addition = (struct addition){
	    .agent = agent, .request = *request, .reply = reply, .context = context, .deadline = uv_now(&agent->loop) + WAIT_MS};
	addition->next = agent->additions;
	agent->additions = addition;
	if (!uv_is_active((uv_handle_t *)&agent->tick))
		uv_timer_again(&agent->tick);
	advance(addition);
}
