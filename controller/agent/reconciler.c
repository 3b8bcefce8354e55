// SPDX-License-Identifier: Apache-2.0
#include "reconciler.h"
#include "address.h"
#include "allocation.h"
#include "attachments.h"
#include "../cleanup.h"
#include "events.h"
#include "firewall.h"
#include "links.h"
#include "local_addresses.h"
#include "log.h"
#include "metrics.h"
#include "networks.h"
#include "node.h"
#include "publisher.h"
#include "settings.h"
#include "text.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#define SETTLE_MS 2
#define ALONE_MS 3000 /* without a word of the source, what is on disk must do */
#define CHECK_MS 2000  /* what was removed or displaced is back within 5 s */
#define STEP_MS 10     /* an ADD waits behind a few Pods' check at most */
#define SWEEP_FLOWS 16384 /* looked at in each round: a full table within four */
#define TABLE_MS 30000 /* maps are compared anew although nothing changed here */

struct reconciler {
	struct agent *agent;
	uv_timer_t soon, often, step;
	uv_poll_t links;
	int links_fd;
	struct local_addresses addresses;
	uint64_t started; /* uv_now */
	bool told_alone;
	bool learned;     /* what the kernel has without a record was looked at */
	bool addresses_due, routes_due; /* to be told to the datapath; to be compared with the nodes */
	struct table applied; /* "vxlan-4097" to struct applied */
	uint64_t nodes_hash, forget_at;
	size_t position; /* in agent->records: whose check comes next */
};

/* What the datapath was told last of one network. */
struct applied {
	uint64_t remotes, rules; /* hashes; 0: nothing yet */
	uint64_t conflicts;      /* hash of those that were told */
	bool used;
};

static struct applied *applied_of(struct reconciler *reconciler, enum vpc_encapsulation encapsulation, uint32_t id) {
	char name[20];
	struct applied *applied = table_get(&reconciler->applied, claim_name(encapsulation, id, name));
	if (!applied) {
		applied = allocate(sizeof *applied);
		table_put(&reconciler->applied, name, applied);
	}
	return applied;
}

static void complain(const char *object, const char *reason, const struct vpc_error *error) {
	log_event(LOG_ERROR, object, reason, "%s", error->text);
}

static void complain_of_pod(const struct agent *agent, const struct record *record, const char *reason, const struct vpc_error *error) {
	tell(agent, LOG_ERROR, subject_of_record(record), reason, "%s", error->text);
}

static void complain_of_vpc(const struct agent *agent, const struct record *record, const char *reason, const struct vpc_error *error) {
	tell(agent, LOG_ERROR, (struct subject){KIND_VPC, NULL, record->vpc_name, record->vpc_uid}, reason, "node %s: %s", agent->options.node,
	    error->text);
}

static void complain_of_node(const struct agent *agent, const char *reason, const struct vpc_error *error) {
	tell(agent, LOG_ERROR, subject_of_node(agent), reason, "%s", error->text);
}

/* ---- one network ---- */

/* The Events are those of the nodes whose Pods they are; a node between two others only logs. */
static void tell_conflict(const struct agent *agent, const struct conflict *conflict, const char *vpc) {
	char address[INET6_ADDRSTRLEN];
	const struct endpoint *newer = conflict->newer, *older = conflict->older, *other = newer ? newer : older;
	address_format(conflict->address, address);
	if (conflict->own)
		tell(agent, LOG_WARNING, subject_of_record(conflict->own), "AddressConflict",
		    "Pod %s/%s on node %s has address %s of VPC %s, too, and is %s: other nodes send to %s", other->namespace, other->name,
		    newer ? conflict->newer_node : conflict->older_node, address, vpc, newer ? "newer" : "older", newer ? "it" : "this Pod");
	else
		log_event(LOG_WARNING, vpc, "AddressConflict", "%s is of Pod %s/%s on node %s and of %s/%s on %s, which is older and gets nothing", address,
		    newer->namespace, newer->name, conflict->newer_node, older->namespace, older->name, conflict->older_node);
}

static void tell_conflicts(const struct agent *agent, struct applied *applied, const struct record *record, const struct conflicts *conflicts) {
	uint64_t hash = 0;
	for (size_t i = 0; i < conflicts->count; i++) {
		const struct conflict *one = &conflicts->items[i];
		hash = hash_bytes(hash, one->address, sizeof one->address);
		hash = hash_text(hash, one->newer ? one->newer->uid : one->own->uid);
		hash = hash_text(hash, one->older ? one->older->uid : one->own->uid);
	}
	if (hash == applied->conflicts)
		return;
	applied->conflicts = hash;
	for (size_t i = 0; i < conflicts->count; i++)
		tell_conflict(agent, &conflicts->items[i], record->vpc_name);
}

static void apply_remotes(struct agent *agent, struct applied *applied, const struct record *record) {
	struct remotes remotes;
	struct conflicts conflicts;
	struct vpc_error error = {""};
	collect_remotes(agent, record->vpc_uid, record->pod.encapsulation, record->pod.network_id, &remotes, &conflicts);
	tell_conflicts(agent, applied, record, &conflicts);
	uint64_t hash = hash_bytes(1, remotes.items, remotes.count * sizeof *remotes.items);
	if (hash != applied->remotes) {
		int result = vpc_datapath_set_remotes(
		    agent->datapath, record->pod.encapsulation, record->pod.network_id, remotes.items, remotes.count, &error);
		applied->remotes = result < 0 ? 0 : hash;
		if (result < 0)
			complain_of_vpc(agent, record, "RemotesNotSet", &error);
	}
	free(remotes.items);
	free(conflicts.items);
}

/* A VPC that is gone leaves its Pods the rules that it had. */
static void apply_rules(struct agent *agent, struct applied *applied, const struct record *record) {
	struct rule_specs rules;
	struct vpc_error error = {""};
	const struct object *vpc = agent_find_vpc(agent, record->vpc_uid);
	if (!vpc)
		return;
	collect_rules(agent, vpc, &rules);
	uint64_t hash = hash_bytes(1, rules.items, rules.count * sizeof *rules.items);
	if (hash != applied->rules) {
		int result =
		    vpc_datapath_set_rules(agent->datapath, record->pod.encapsulation, record->pod.network_id, rules.items, rules.count, &error);
		applied->rules = result < 0 ? 0 : hash;
		if (result < 0)
			complain_of_vpc(agent, record, "RulesNotSet", &error);
	}
	free(rules.items);
}

static void apply_network(struct reconciler *reconciler, const struct record *record) {
	struct applied *applied = applied_of(reconciler, record->pod.encapsulation, record->pod.network_id);
	if (applied->used)
		return;
	applied->used = true;
	apply_rules(reconciler->agent, applied, record);
	apply_remotes(reconciler->agent, applied, record);
}

/* The last Pod of a network has gone: neither rules nor remote members are needed. */
static void clear_network(struct agent *agent, const char *name) {
	struct vpc_error error = {""};
	enum vpc_encapsulation encapsulation = strncmp(name, "vlan-", 5) ? VPC_VXLAN : VPC_VLAN;
	uint32_t id = strtoul(strchr(name, '-') + 1, NULL, 10);
	if (vpc_datapath_set_remotes(agent->datapath, encapsulation, id, NULL, 0, &error) < 0)
		complain(name, "RemotesNotCleared", &error);
	if (vpc_datapath_set_rules(agent->datapath, encapsulation, id, NULL, 0, &error) < 0)
		complain(name, "RulesNotCleared", &error);
}

static void apply_networks(struct reconciler *reconciler) {
	struct agent *agent = reconciler->agent;
	TABLE_EACH(&reconciler->applied, entry)
	((struct applied *)entry->value)->used = false;
	TABLE_EACH(&agent->records, entry) {
		const struct record *record = entry->value;
		if (record->attached && *record->vpc_uid) /* else nobody knows what its network should have */
			apply_network(reconciler, record);
	}
	for (bool again = true; again;) {
		again = false;
		TABLE_EACH(&reconciler->applied, entry) {
			struct applied *applied = entry->value;
			if (applied->used)
				continue;
			clear_network(agent, entry->key);
			table_remove(&reconciler->applied, entry->key);
			free(applied);
			again = true;
			break;
		}
	}
}

/* ---- the node ---- */

static void apply_node_addresses(struct reconciler *reconciler) {
	struct vpc_error error = {""};
	size_t count;
	if (!reconciler->addresses.known)
		reconciler->addresses_due = local_addresses_read(&reconciler->addresses) == 0;
	if (!reconciler->addresses_due)
		return;
	uint8_t(*list)[16] = local_addresses_list(&reconciler->addresses, &count);
	int result = vpc_datapath_set_node_addresses(reconciler->agent->datapath, (const uint8_t(*)[16])list, count, &error);
	reconciler->addresses_due = result < 0;
	if (result < 0)
		complain_of_node(reconciler->agent, "AddressesNotSet", &error);
	free(list);
}

static void apply_nodes(struct reconciler *reconciler) {
	struct node_list nodes;
	struct vpc_error error = {""};
	collect_nodes(reconciler->agent, &nodes);
	uint64_t hash = hash_bytes(1, nodes.items, nodes.count * 16);
	reconciler->routes_due = reconciler->routes_due || hash != reconciler->nodes_hash;
	if (hash != reconciler->nodes_hash) {
		int result = vpc_datapath_set_nodes(reconciler->agent->datapath, (const uint8_t(*)[16])nodes.items, nodes.count, &error);
		reconciler->nodes_hash = result < 0 ? 0 : hash;
		if (result < 0)
			complain_of_node(reconciler->agent, "NodesNotSet", &error);
	}
	if (reconciler->routes_due)
		node_check_routes(reconciler->agent, (const uint8_t(*)[16])nodes.items, nodes.count);
	reconciler->routes_due = false;
	free(nodes.items);
}

/* ---- Pods ---- */

/* An interface index may be used again by another interface: the MAC tells. */
static bool interface_is_gone(const struct record *record) {
	struct link link;
	int result = link_find_index(record->pod.ifindex, &link);
	return result == -ENODEV || (result == 0 && memcmp(link.mac, record->pod.host_mac, 6));
}

int reconciler_detach(struct reconciler *reconciler, struct record *record, struct vpc_error *error) {
	struct agent *agent = reconciler->agent;
	if (!agent->datapath)
		return fail(error, -EAGAIN, "%s", agent->not_ready);
	bool only_closed = record->closed && (record->late || !*record->container);
	int result = only_closed ? attachments_remove(agent, record->pod.ifindex, error) : vpc_datapath_delete_pod(agent->datapath, &record->pod, error);
	if (result < 0)
		return result;
	log_event(LOG_INFO, record->name, "PodDetached", "from VPC %s, container %s", record->vpc_name, record->container);
	record_remove(agent, record);
	publisher_wake(agent->publisher);
	reconciler_wake(reconciler);
	return 0;
}

/* Whatever stood there. Where it does not succeed, the next round tries again. */
static void close_pod(struct agent *agent, struct record *record) {
	struct vpc_error error = {""};
	record->attached = false;
	record->closed = true;
	if (vpc_datapath_confine(agent->datapath, record->pod.ifindex, &error) < 0)
		complain_of_pod(agent, record, "PodNotClosed", &error);
	if (*record->container && !record->late && record_store(agent, record, &error) < 0) {
		record_unlink(agent, record); /* a restart must not attach it; the kernel's own record tells that it is closed */
		complain_of_pod(agent, record, "StateNotWritten", &error);
	}
}

void reconciler_close(struct reconciler *reconciler, struct record *record) {
	close_pod(reconciler->agent, record);
}

int reconciler_retire(struct reconciler *reconciler, struct record *record, struct vpc_error *error) {
	struct agent *agent = reconciler->agent;
	if (interface_is_gone(record))
		return reconciler_detach(reconciler, record, error);
	_cleanup_(free_memory) char *old_key = record_key(record);
	record_unlink(agent, record);
	table_remove(&agent->records, old_key);
	record->container[0] = '\0';
	_cleanup_(free_memory) char *key = record_key(record);
	table_put(&agent->records, key, record);
	tell(agent, LOG_WARNING, subject_of_record(record), "PodRetired", "interface %u stands still, but container or address are another's: closed",
	    record->pod.ifindex);
	close_pod(agent, record);
	return 0;
}

int reconciler_attach(struct reconciler *reconciler, struct record *record, struct vpc_timing *ret_timing, struct vpc_error *error) {
	struct agent *agent = reconciler->agent;
	struct vpc_timing timing = {0};
	int result = vpc_datapath_put_pod(agent->datapath, &record->pod, &timing, error);
	if (result < 0) {
		close_pod(agent, record);
		return result;
	}
	if (ret_timing)
		*ret_timing = timing;
	metrics_observe(TIME_INJECTION, timing.total / 1e9);
	record->attached = true;
	applied_of(reconciler, record->pod.encapsulation, record->pod.network_id)->used = false;
	apply_network(reconciler, record);
	publisher_wake(agent->publisher);
	return 0;
}

static const struct endpoint *find_endpoint(const struct agent *agent, const struct vpc_pod *pod, const struct object **ret_object) {
	TABLE_EACH(&agent->objects[KIND_ENDPOINTS], entry) {
		const struct object *object = entry->value;
		if (strcmp(object->endpoints.node, agent->options.node) || object->endpoints.id != pod->network_id ||
		    encapsulation_of(object->endpoints.encapsulation) != pod->encapsulation)
			continue;
		for (size_t i = 0; i < object->endpoints.pods.count; i++) {
			uint8_t mac[6];
			*ret_object = object;
			if (mac_parse(object->endpoints.pods.items[i].mac, mac) == 0 && !memcmp(mac, pod->mac, 6))
				return &object->endpoints.pods.items[i];
		}
	}
	return NULL;
}

/* In the kernel, without a record: its file was broken or lost. It stays as it is, and stays published. */
static int adopt(const struct vpc_pod *pod, void *context) {
	struct agent *agent = context;
	const struct object *object = NULL;
	if (record_find_interface(agent, pod->ifindex))
		return 0;
	const struct endpoint *endpoint = find_endpoint(agent, pod, &object);
	struct record *record = allocate(sizeof *record);
	*record = (struct record){.container = duplicate(""),
	    .interface = duplicate(""),
	    .network_namespace = duplicate(""),
	    .namespace = duplicate(endpoint && endpoint->namespace ? endpoint->namespace : ""),
	    .name = duplicate(endpoint && endpoint->name ? endpoint->name : "unknown"),
	    .uid = duplicate(endpoint ? endpoint->uid : ""),
	    .vpc_name = duplicate(endpoint ? object->endpoints.vpc_name : "unknown"),
	    .vpc_uid = duplicate(endpoint ? object->endpoints.vpc_uid : ""),
	    .created = duplicate(endpoint && endpoint->created ? endpoint->created : ""),
	    .pod = *pod,
	    .attached = true};
	_cleanup_(free_memory) char *key = record_key(record);
	table_put(&agent->records, key, record);
	log_event(LOG_WARNING, key, "PodWithoutRecord", "%s %u: no state file; kept as the kernel has it until its interface is gone",
	    encapsulation_text(pod->encapsulation), pod->network_id);
	return 0;
}

static void check_record(struct reconciler *reconciler, struct record *record) {
	struct agent *agent = reconciler->agent;
	struct vpc_error error = {""};
	if (record->leaving || interface_is_gone(record)) {
		if (reconciler_detach(reconciler, record, &error) < 0)
			complain_of_pod(agent, record, "PodNotDetached", &error);
		return;
	}
	if (record->closed) {
		if (!attachments_are_closed(agent, record->pod.ifindex)) {
			tell(agent, LOG_WARNING, subject_of_record(record), "PodClosed", "interface %u: what keeps it closed is put there", record->pod.ifindex);
			close_pod(agent, record);
		}
		return;
	}
	if (!*record->container)
		return; /* known from the kernel only: there is nothing to compare with */
	bool repair = record->attached;
	if (record->attached && vpc_datapath_check_pod(agent->datapath, &record->pod, &error) == 0)
		return;
	if (repair)
		tell(agent, LOG_WARNING, subject_of_record(record), "PodTampered", "%s", error.text);
	int result = vpc_datapath_put_pod(agent->datapath, &record->pod, NULL, &error);
	if (result < 0) {
		complain_of_pod(agent, record, repair ? "PodNotRepaired" : "PodNotAttached", &error);
		return;
	}
	record->attached = true;
	if (repair)
		metrics_count(COUNT_REPAIRS, "what=\"pod\"");
	if (repair)
		tell(agent, LOG_INFO, subject_of_record(record), "PodRepaired", "VPC %s, interface %u", record->vpc_name, record->pod.ifindex);
	else
		log_event(LOG_INFO, record->name, "PodKept", "VPC %s, interface %u", record->vpc_name, record->pod.ifindex);
	publisher_wake(agent->publisher);
}

static void check_records(struct reconciler *reconciler) {
	struct agent *agent = reconciler->agent;
	size_t count = 0;
	struct record **records = allocate((agent->records.count + 1) * sizeof *records);
	TABLE_EACH(&agent->records, entry)
	records[count++] = entry->value;
	for (size_t i = 0; i < count; i++)
		check_record(reconciler, records[i]);
	free(records);
}

/* ---- rounds ---- */

/* Another underlay than that of the Pods' ADD may leave less room. */
static void fit_mtus(struct agent *agent) {
	struct vpc_error error = {""};
	struct link uplink;
	if (link_find_index(agent->uplink_ifindex, &uplink) < 0)
		return;
	TABLE_EACH(&agent->records, entry) {
		struct record *record = entry->value;
		uint32_t room = uplink.mtu - node_overhead(agent, record->pod.encapsulation);
		if (!*record->container || record->pod.mtu <= room)
			continue;
		record->pod.mtu = room;
		if (record_store(agent, record, &error) < 0)
			complain_of_pod(agent, record, "StateNotWritten", &error);
	}
}

/* Whose what the kernel has is, only the source may know. */
static void learn_kernel(struct reconciler *reconciler) {
	struct agent *agent = reconciler->agent;
	struct vpc_error error = {""};
	if (vpc_datapath_each_pod(agent->datapath, adopt, agent, &error) < 0)
		complain_of_node(agent, "KernelNotRead", &error);
	attachments_compare(agent);
	reconciler->learned = true;
}

/*
 * The source may be away when the agent starts. Pods of an earlier run are looked after all the same, by what is on disk: what
 * somebody removes comes back, and DEL is done. What other nodes and VPCs say stays as the kernel has it.
 */
static bool may_open(struct reconciler *reconciler) {
	struct agent *agent = reconciler->agent;
	bool is_alone = !agent->synced && uv_now(&agent->loop) >= reconciler->started + ALONE_MS;
	if (agent->synced || agent->datapath)
		return true;
	if (!is_alone || !agent->records.count || !settings_take_kept(agent))
		return false;
	if (!reconciler->told_alone)
		log_event(LOG_WARNING, "agent", "Alone", "no word of the source: %zu Pods are kept as they are, no other joins a VPC", agent->records.count);
	reconciler->told_alone = true;
	return true;
}

static bool open_datapath(struct reconciler *reconciler) {
	struct agent *agent = reconciler->agent;
	struct vpc_error error = {""};
	if (agent->datapath)
		return true;
	int result = node_open(agent, &error);
	if (result < 0) {
		if (strcmp(agent->not_ready, error.text))
			log_event(LOG_ERROR, "agent", "NotReady", "%s", error.text);
		snprintf(agent->not_ready, sizeof agent->not_ready, "%s", error.text);
		return false;
	}
	if (agent->synced)
		learn_kernel(reconciler);
	fit_mtus(agent);
	check_records(reconciler);
	agent->not_ready[0] = '\0';
	return true;
}

static void look_soon(uv_timer_t *timer) {
	struct reconciler *reconciler = timer->data;
	struct agent *agent = reconciler->agent;
	if (agent->options.no_datapath || !may_open(reconciler))
		return;
	uint64_t started = uv_hrtime();
	bool open = open_datapath(reconciler);
	if (open)
		apply_node_addresses(reconciler);
	if (!agent->synced)
		return;
	node_tell_conditions(agent);
	if (!open)
		return;
	if (!reconciler->learned)
		learn_kernel(reconciler);
	apply_nodes(reconciler);
	apply_networks(reconciler);
	metrics_observe(TIME_RECONCILE, (uv_hrtime() - started) / 1e9);
	agent_tell_ready(agent);
}

/* All Pods are checked once in each round, a few at a time, so that no ADD waits behind all of them. */
static void check_some(uv_timer_t *timer) {
	struct reconciler *reconciler = timer->data;
	struct agent *agent = reconciler->agent;
	size_t places = agent->records.capacity, pause = places ? CHECK_MS / places : CHECK_MS;
	size_t share = places * STEP_MS / CHECK_MS + 1;
	uv_timer_start(timer, check_some, pause > STEP_MS ? pause : STEP_MS, 0);
	if (!agent->datapath)
		return;
	if (reconciler->position >= places)
		reconciler->position = 0;
	for (size_t end = reconciler->position + share; reconciler->position < end;) {
		size_t position = reconciler->position++;
		const struct table_entry *entry = table_next(&agent->records, &position);
		if (entry && position == reconciler->position)
			check_record(reconciler, entry->value);
	}
}

static void look_often(uv_timer_t *timer) {
	struct reconciler *reconciler = timer->data;
	struct agent *agent = reconciler->agent;
	struct vpc_error error = {""};
	if (agent->datapath) {
		int repairs = vpc_datapath_repair(agent->datapath, &error);
		if (repairs < 0)
			complain_of_node(agent, "NodeNotRepaired", &error);
		for (int i = 0; i < repairs; i++)
			metrics_count(COUNT_REPAIRS, "what=\"node\"");
		if (repairs > 0)
			tell(agent, LOG_WARNING, subject_of_node(agent), "NodeRepaired",
			    "%d of the node's programs and pins had been removed or displaced", repairs);
		if (vpc_datapath_sweep(agent->datapath, SWEEP_FLOWS, &error) < 0)
			complain_of_node(agent, "FlowsNotSwept", &error);
		firewall_keep(agent);
		if (reconciler->learned && uv_now(&agent->loop) >= reconciler->forget_at)
			attachments_compare(agent);
	}
	reconciler->routes_due = true;
	if (reconciler->links_fd < 0)
		reconciler->addresses.known = false;
	if (uv_now(&agent->loop) >= reconciler->forget_at) {
		reconciler->forget_at = uv_now(&agent->loop) + TABLE_MS;
		reconciler->nodes_hash = 0;
		reconciler->addresses.known = false;
		TABLE_EACH(&reconciler->applied, entry)
		((struct applied *)entry->value)->remotes = ((struct applied *)entry->value)->rules = 0;
	}
	look_soon(&reconciler->soon);
}

static void note_change(void *context, const struct link_change *change) {
	struct reconciler *reconciler = context;
	if (!local_addresses_follow(&reconciler->addresses, change) && change->ifindex != reconciler->agent->uplink_ifindex)
		return;
	reconciler->addresses_due = reconciler->routes_due = true;
	if (reconciler->agent->datapath) /* else the changes may be what an attempt to open it made and undid */
		reconciler_wake(reconciler);
}

static void note_links(uv_poll_t *poll, int status, int events) {
	struct reconciler *reconciler = poll->data;
	(void)status, (void)events;
	links_drain(reconciler->links_fd, note_change, reconciler);
}

void reconciler_wake(struct reconciler *reconciler) {
	if (reconciler && !uv_is_active((uv_handle_t *)&reconciler->soon))
		uv_timer_start(&reconciler->soon, look_soon, SETTLE_MS, 0);
}

struct reconciler *reconciler_open(struct agent *agent) {
	struct reconciler *reconciler = allocate(sizeof *reconciler);
	reconciler->agent = agent;
	reconciler->started = uv_now(&agent->loop);
	uv_timer_init(&agent->loop, &reconciler->soon);
	uv_timer_init(&agent->loop, &reconciler->often);
	uv_timer_init(&agent->loop, &reconciler->step);
	reconciler->soon.data = reconciler->often.data = reconciler->step.data = reconciler->links.data = reconciler;
	uv_timer_start(&reconciler->step, check_some, STEP_MS, 0);
	uv_timer_start(&reconciler->often, look_often, CHECK_MS, CHECK_MS);
	reconciler->links_fd = links_watch();
	if (reconciler->links_fd >= 0 && uv_poll_init(&agent->loop, &reconciler->links, reconciler->links_fd) == 0)
		uv_poll_start(&reconciler->links, UV_READABLE, note_links);
	else
		log_event(LOG_WARNING, "agent", "LinksNotWatched", "address changes are noticed every %d ms only", CHECK_MS);
	return reconciler;
}
