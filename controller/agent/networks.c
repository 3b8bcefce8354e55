// SPDX-License-Identifier: Apache-2.0
#include "networks.h"
#include "address.h"
#include "allocation.h"
#include "../cleanup.h"
#include "text.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

/* The first published underlay address of this node's family. */
static bool underlay_of(const struct agent *agent, const struct endpoints_object *endpoints, uint8_t ret_address[16]) {
	for (size_t i = 0; i < endpoints->underlay.count; i++)
		if (address_parse(endpoints->underlay.items[i], ret_address) == 0 &&
		    address_is_ipv4(ret_address) == address_is_ipv4(agent->underlay))
			return true;
	return false;
}

/* A published address, and whose it is. */
struct candidate {
	struct vpc_remote remote;
	const struct endpoint *endpoint;
	const char *node;
};

struct candidates {
	struct candidate *items;
	size_t count;
};

static void add_candidate(struct candidates *candidates, const struct candidate *candidate) {
	if ((candidates->count & (candidates->count - 1)) == 0)
		candidates->items = reallocate(candidates->items, (candidates->count ? candidates->count * 2 : 1) * sizeof *candidates->items);
	candidates->items[candidates->count++] = *candidate;
}

static void collect_endpoints(const struct agent *agent, const struct endpoints_object *endpoints, struct candidates *candidates) {
	struct candidate one = {.remote = {.encapsulation = encapsulation_of(endpoints->encapsulation), .network_id = endpoints->id},
	    .node = endpoints->node};
	if (!underlay_of(agent, endpoints, one.remote.node) || mac_parse(endpoints->uplink_mac, one.remote.node_mac) < 0)
		return;
	for (size_t i = 0; i < endpoints->pods.count; i++) {
		one.endpoint = &endpoints->pods.items[i];
		if (mac_parse(one.endpoint->mac, one.remote.mac) < 0)
			continue;
		for (size_t j = 0; j < one.endpoint->addresses.count; j++)
			if (address_parse(one.endpoint->addresses.items[j], one.remote.address) == 0)
				add_candidate(candidates, &one);
	}
}

/* Times of RFC 3339 in UTC sort as texts; one that is not known comes first. Every node must decide alike: the UID is the last word. */
static int compare_age(const char *a_created, const char *a_uid, const char *b_created, const char *b_uid) {
	int order = strcmp(a_created ? a_created : "", b_created ? b_created : "");
	return order ? order : strcmp(a_uid, b_uid);
}

/* By address, the newer one first. */
static int compare_candidates(const void *a, const void *b) {
	const struct candidate *left = a, *right = b;
	int order = memcmp(left->remote.address, right->remote.address, 16);
	return order ? order : -compare_age(left->endpoint->created, left->endpoint->uid, right->endpoint->created, right->endpoint->uid);
}

static int compare_with_address(const void *address, const void *candidate) {
	return memcmp(address, ((const struct candidate *)candidate)->remote.address, 16);
}

static void add_conflict(struct conflicts *conflicts, const struct conflict *conflict) {
	conflicts->items = reallocate(conflicts->items, (conflicts->count + 1) * sizeof *conflicts->items);
	conflicts->items[conflicts->count++] = *conflict;
}

static void find_own_conflict(const struct agent *agent, const struct record *record, const uint8_t address[16],
    const struct candidates *candidates, struct conflicts *conflicts) {
	const struct candidate *other =
	    candidates->count ? bsearch(address, candidates->items, candidates->count, sizeof *candidates->items, compare_with_address) : NULL;
	if (!other || address_is_zero(address))
		return;
	bool own_is_newer = compare_age(record->created, record->uid, other->endpoint->created, other->endpoint->uid) > 0;
	struct conflict conflict = {.own = record,
	    .newer = own_is_newer ? NULL : other->endpoint,
	    .older = own_is_newer ? other->endpoint : NULL,
	    .newer_node = own_is_newer ? agent->options.node : other->node,
	    .older_node = own_is_newer ? other->node : agent->options.node};
	memcpy(conflict.address, address, 16);
	add_conflict(conflicts, &conflict);
}

static void find_own_conflicts(const struct agent *agent, const char *vpc_uid, const struct candidates *candidates, struct conflicts *conflicts) {
	TABLE_EACH(&agent->records, entry) {
		const struct record *record = entry->value;
		uint8_t ipv4[16] = {[10] = 0xff, [11] = 0xff};
		static const uint8_t none[4];
		if (!record->attached || strcmp(record->vpc_uid, vpc_uid))
			continue;
		memcpy(ipv4 + 12, record->pod.ipv4, 4);
		if (memcmp(record->pod.ipv4, none, 4))
			find_own_conflict(agent, record, ipv4, candidates, conflicts);
		find_own_conflict(agent, record, record->pod.ipv6, candidates, conflicts);
	}
}

static void find_conflict_of(const struct candidate *newer, const struct candidate *older, struct conflicts *conflicts) {
	struct conflict conflict = {
	    .newer = newer->endpoint, .older = older->endpoint, .newer_node = newer->node, .older_node = older->node};
	memcpy(conflict.address, newer->remote.address, 16);
	if (strcmp(newer->endpoint->uid, older->endpoint->uid) || strcmp(newer->node, older->node))
		add_conflict(conflicts, &conflict);
}

void collect_remotes(const struct agent *agent, const char *vpc_uid, enum vpc_encapsulation encapsulation, uint32_t id,
    struct remotes *ret_remotes, struct conflicts *ret_conflicts) {
	struct candidates candidates = {0};
	struct remotes remotes = {0};
	struct conflicts conflicts = {0};
	TABLE_EACH(&agent->objects[KIND_ENDPOINTS], entry) {
		const struct endpoints_object *endpoints = &((const struct object *)entry->value)->endpoints;
		if (!strcmp(endpoints->vpc_uid, vpc_uid) && strcmp(endpoints->node, agent->options.node) &&
		    encapsulation_of(endpoints->encapsulation) == encapsulation && endpoints->id == id)
			collect_endpoints(agent, endpoints, &candidates);
	}
	if (candidates.count) {
		qsort(candidates.items, candidates.count, sizeof *candidates.items, compare_candidates);
		remotes.items = allocate(candidates.count * sizeof *remotes.items);
	}
	for (size_t i = 0; i < candidates.count; i++)
		if (!remotes.count || memcmp(remotes.items[remotes.count - 1].address, candidates.items[i].remote.address, 16))
			remotes.items[remotes.count++] = candidates.items[i].remote;
		else
			find_conflict_of(&candidates.items[i - 1], &candidates.items[i], &conflicts);
	find_own_conflicts(agent, vpc_uid, &candidates, &conflicts);
	free(candidates.items);
	*ret_remotes = remotes;
	*ret_conflicts = conflicts;
}

static void add_rule(struct rule_specs *rules, const struct vpc_rule_spec *rule) {
	rules->items = reallocate(rules->items, (rules->count + 1) * sizeof *rules->items);
	rules->items[rules->count++] = *rule;
}

static uint8_t protocol_of(const char *name) {
	static const struct {
		const char *name;
		uint8_t number;
	} PROTOCOLS[] = {
	    {"TCP", IPPROTO_TCP}, {"UDP", IPPROTO_UDP}, {"SCTP", IPPROTO_SCTP}, {"ICMP", IPPROTO_ICMP}, {"ICMPv6", IPPROTO_ICMPV6}};
	for (size_t i = 0; name && i < COUNT_OF(PROTOCOLS); i++)
		if (!strcmp(name, PROTOCOLS[i].name))
			return PROTOCOLS[i].number;
	return IPPROTO_TCP;
}

static void collect_rule(const struct rule *rule, bool from, struct rule_specs *rules) {
	struct prefix prefix;
	if (prefix_parse(rule->cidr, &prefix, NULL) < 0)
		return;
	struct vpc_rule_spec spec = {.from = from, .prefix = prefix.bits, .is_ipv4 = prefix.is_ipv4, .last_port = 65535};
	memcpy(spec.address, prefix.address, 16);
	if (!rule->ports.count)
		add_rule(rules, &spec);
	for (size_t i = 0; i < rule->ports.count; i++) {
		const struct rule_port *port = &rule->ports.items[i];
		spec.protocol = protocol_of(port->protocol);
		spec.first_port = port->port;
		spec.last_port = port->end_port ? port->end_port : port->port ? port->port : 65535;
		add_rule(rules, &spec);
	}
}

static void add_dns(struct rule_specs *rules, const uint8_t address[16]) {
	for (size_t i = 0; i < rules->count; i++)
		if (!rules->items[i].from && !memcmp(rules->items[i].address, address, 16))
			return; /* the ConfigMap may name what the Service has */
	for (int tcp = 0; tcp < 2; tcp++) {
		bool ipv4 = address_is_ipv4(address);
		struct vpc_rule_spec spec = {
		    .prefix = ipv4 ? 32 : 128, .is_ipv4 = ipv4, .protocol = tcp ? IPPROTO_TCP : IPPROTO_UDP, .first_port = 53, .last_port = 53};
		memcpy(spec.address, address, 16);
		add_rule(rules, &spec);
	}
}

/* What every Pod may ask; never servers that a Pod names in its own dnsConfig. */
static void collect_dns(const struct agent *agent, struct rule_specs *rules) {
	const struct object *service = agent_find(agent, KIND_SERVICE, SYSTEM_NAMESPACE, DNS_SERVICE);
	uint8_t address[16];
	for (size_t i = 0; i < agent->config.cluster_dns_count; i++)
		add_dns(rules, agent->config.cluster_dns[i]);
	for (size_t i = 0; service && i < service->service.cluster_ips.count; i++)
		if (address_parse(service->service.cluster_ips.items[i], address) == 0)
			add_dns(rules, address);
}

void collect_rules(const struct agent *agent, const struct object *vpc, struct rule_specs *ret_rules) {
	*ret_rules = (struct rule_specs){0};
	for (size_t i = 0; i < vpc->vpc.allow.count; i++)
		collect_rule(&vpc->vpc.allow.items[i], false, ret_rules);
	for (size_t i = 0; i < vpc->vpc.allow_from.count; i++)
		collect_rule(&vpc->vpc.allow_from.items[i], true, ret_rules);
	if (!vpc->vpc.allow.items)
		collect_dns(agent, ret_rules);
}

static void add_node(struct node_list *list, const uint8_t address[16]) {
	for (size_t i = 0; i < list->count; i++)
		if (!memcmp(list->items[i], address, 16))
			return;
	list->items = reallocate(list->items, (list->count + 1) * sizeof *list->items);
	memcpy(list->items[list->count++], address, 16);
}

static int compare_addresses(const void *a, const void *b) {
	return memcmp(a, b, 16);
}

void collect_nodes(const struct agent *agent, struct node_list *ret_nodes) {
	uint8_t address[16];
	struct node_list nodes = {0};
	TABLE_EACH(&agent->objects[KIND_NODE], entry) {
		const struct node_object *node = &((const struct object *)entry->value)->node;
		if (!strcmp(entry->key, agent->options.node))
			continue;
		for (size_t i = 0; i < node->addresses.count; i++)
			if (!strcmp(node->addresses.items[i].type, "InternalIP") && address_parse(node->addresses.items[i].address, address) == 0)
				add_node(&nodes, address);
	}
	TABLE_EACH(&agent->objects[KIND_ENDPOINTS], entry) {
		const struct endpoints_object *endpoints = &((const struct object *)entry->value)->endpoints;
		if (strcmp(endpoints->node, agent->options.node) && underlay_of(agent, endpoints, address))
			add_node(&nodes, address);
	}
	if (nodes.count)
		qsort(nodes.items, nodes.count, sizeof *nodes.items, compare_addresses);
	*ret_nodes = nodes;
}
