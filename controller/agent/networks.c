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

static void add_remote(struct remotes *remotes, const struct vpc_remote *remote) {
	if ((remotes->count & (remotes->count - 1)) == 0)
		remotes->items = reallocate(remotes->items, (remotes->count ? remotes->count * 2 : 1) * sizeof *remotes->items);
	remotes->items[remotes->count++] = *remote;
}

static void collect_endpoints(const struct agent *agent, const struct endpoints_object *endpoints, struct remotes *remotes) {
	struct vpc_remote remote = {.encapsulation = encapsulation_of(endpoints->encapsulation), .network_id = endpoints->id};
	if (!underlay_of(agent, endpoints, remote.node) || mac_parse(endpoints->uplink_mac, remote.node_mac) < 0)
		return;
	for (size_t i = 0; i < endpoints->pods.count; i++) {
		const struct endpoint *pod = &endpoints->pods.items[i];
		if (mac_parse(pod->mac, remote.mac) < 0)
			continue;
		for (size_t j = 0; j < pod->addresses.count; j++)
			if (address_parse(pod->addresses.items[j], remote.address) == 0)
				add_remote(remotes, &remote);
	}
}

static int compare_remotes(const void *a, const void *b) {
	return memcmp(((const struct vpc_remote *)a)->address, ((const struct vpc_remote *)b)->address, 16);
}

void collect_remotes(
    const struct agent *agent, const char *vpc_uid, enum vpc_encapsulation encapsulation, uint32_t id, struct remotes *ret_remotes) {
	struct remotes remotes = {0};
	TABLE_EACH(&agent->objects[KIND_ENDPOINTS], entry) {
		const struct endpoints_object *endpoints = &((const struct object *)entry->value)->endpoints;
		if (!strcmp(endpoints->vpc_uid, vpc_uid) && strcmp(endpoints->node, agent->options.node) &&
		    encapsulation_of(endpoints->encapsulation) == encapsulation && endpoints->id == id)
			collect_endpoints(agent, endpoints, &remotes);
	}
	if (remotes.count)
		qsort(remotes.items, remotes.count, sizeof *remotes.items, compare_remotes);
	size_t kept = 0; /* an address that two nodes publish belongs to one of them only: the first in the table's order */
	for (size_t i = 0; i < remotes.count; i++)
		if (!kept || memcmp(remotes.items[kept - 1].address, remotes.items[i].address, 16))
			remotes.items[kept++] = remotes.items[i];
	remotes.count = kept;
	*ret_remotes = remotes;
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

static void collect_dns(const struct config *config, struct rule_specs *rules) {
	for (size_t i = 0; i < config->cluster_dns_count; i++)
		for (int tcp = 0; tcp < 2; tcp++) {
			bool ipv4 = address_is_ipv4(config->cluster_dns[i]);
			struct vpc_rule_spec spec = {
			    .prefix = ipv4 ? 32 : 128, .is_ipv4 = ipv4, .protocol = tcp ? IPPROTO_TCP : IPPROTO_UDP, .first_port = 53, .last_port = 53};
			memcpy(spec.address, config->cluster_dns[i], 16);
			add_rule(rules, &spec);
		}
}

void collect_rules(const struct agent *agent, const struct object *vpc, struct rule_specs *ret_rules) {
	*ret_rules = (struct rule_specs){0};
	for (size_t i = 0; i < vpc->vpc.allow.count; i++)
		collect_rule(&vpc->vpc.allow.items[i], false, ret_rules);
	for (size_t i = 0; i < vpc->vpc.allow_from.count; i++)
		collect_rule(&vpc->vpc.allow_from.items[i], true, ret_rules);
	collect_dns(&agent->config, ret_rules);
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
