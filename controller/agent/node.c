// SPDX-License-Identifier: Apache-2.0
#include "node.h"
#include "address.h"
#include "../cleanup.h"
#include "events.h"
#include "files.h"
#include "firewall.h"
#include "links.h"
#include "log.h"
#include "taint.h"
#include "text.h"
#include "vxlan.h"

#include <arpa/inet.h>
#include <cjson/cJSON.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

struct owner_search {
	const uint8_t *address;
	uint32_t ifindex;
};

static void compare_owner(void *context, const struct link_change *change) {
	struct owner_search *search = context;
	if (!memcmp(change->address, search->address, 16))
		search->ifindex = change->ifindex;
}

#define KEPT_FILE "node.json"

/* For a start while nobody tells of the Node. */
static void keep_underlay(const struct agent *agent, const uint8_t underlay[16]) {
	char address[INET6_ADDRSTRLEN];
	_cleanup_(free_memory) char *text = format_text("{\"underlay\":\"%s\"}", address_format(underlay, address));
	_cleanup_(free_memory) char *old = NULL;
	size_t length;
	_cleanup_(close_fd) int folder = folder_open(agent->options.state, true);
	if (folder >= 0 && file_read(folder, KEPT_FILE, &old, &length, NULL) == 0 && !strcmp(old, text))
		return;
	int result = folder < 0 ? folder : file_write(folder, KEPT_FILE, text, strlen(text), FILE_REPLACE, NULL);
	if (result < 0)
		log_event(LOG_WARNING, "node", "UnderlayNotKept", "%s/" KEPT_FILE ": %s", agent->options.state, strerror(-result));
}

static int find_kept_underlay(const struct agent *agent, uint8_t ret_underlay[16]) {
	_cleanup_(free_memory) char *text = NULL;
	size_t length;
	_cleanup_(close_fd) int folder = folder_open(agent->options.state, true);
	int result = folder < 0 ? folder : file_read(folder, KEPT_FILE, &text, &length, NULL);
	cJSON *json = result < 0 ? NULL : cJSON_Parse(text);
	const char *address = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "underlay"));
	result = address ? address_parse(address, ret_underlay) : -ENOENT;
	cJSON_Delete(json);
	return result;
}

static int find_underlay(struct agent *agent, uint8_t ret_underlay[16], struct vpc_error *error) {
	if (agent->options.underlay)
		return address_parse(agent->options.underlay, ret_underlay) < 0
		           ? fail(error, -EINVAL, "--underlay %s is no address", agent->options.underlay)
		           : 0;
	const struct object *node = agent_find(agent, KIND_NODE, NULL, agent->options.node);
	if (!node && !agent->synced && find_kept_underlay(agent, ret_underlay) == 0)
		return 0;
	if (!node)
		return fail(
		    error, -EAGAIN, "there is no Node %s: give --underlay, or the Node's manifest with its InternalIP", agent->options.node);
	for (size_t i = 0; i < node->node.addresses.count; i++) {
		const struct node_address *one = &node->node.addresses.items[i];
		if (!strcmp(one->type, "InternalIP") && address_parse(one->address, ret_underlay) == 0 &&
		    address_is_ipv4(ret_underlay) == (agent->config.underlay_family == 4))
			return 0;
	}
	return fail(error, -EAGAIN, "Node %s has no InternalIP of family IPv%d", agent->options.node, agent->config.underlay_family);
}

static int find_uplink(struct agent *agent, const uint8_t underlay[16], struct link *ret_link, struct vpc_error *error) {
	char text[INET6_ADDRSTRLEN];
	struct owner_search search = {.address = underlay};
	int result = addresses_each(compare_owner, &search);
	if (result < 0 || !search.ifindex)
		return fail(error, result < 0 ? result : -EADDRNOTAVAIL, "no interface of this node holds the underlay address %s",
		    address_format(underlay, text));
	const char *name = agent->options.uplink ? agent->options.uplink : agent->config.uplink;
	result = *name ? link_find(name, ret_link) : link_find_index(search.ifindex, ret_link);
	return result < 0 ? fail(error, result, "uplink %s: %s", name, strerror(-result)) : 0;
}

int node_open(struct agent *agent, struct vpc_error *error) {
	uint8_t underlay[16];
	struct link uplink;
	if (agent->settings_lacking)
		return fail(error, -EINVAL, "ConfigMap %s: %s; there are no earlier settings", CONFIG_NAME, agent->settings_trouble);
	int result = find_underlay(agent, underlay, error);
	if (result == 0)
		result = find_uplink(agent, underlay, &uplink, error);
	if (result < 0)
		return result;
	memcpy(agent->underlay, underlay, 16);
	agent->uplink_ifindex = uplink.ifindex;
	memcpy(agent->uplink_mac, uplink.mac, 6);
	result = vxlan_drop_old(agent, !address_is_ipv4(underlay), error);
	if (result < 0)
		return result;
	int made_rule = firewall_open(agent, error);
	if (made_rule < 0)
		return made_rule;
	struct vpc_datapath_options options = {.size = sizeof options,
	    .pin_directory = agent->options.bpffs,
	    .uplink_ifindex = uplink.ifindex,
	    .udp_port = agent->config.udp_port};
	memcpy(options.underlay, underlay, 16);
	result = vpc_datapath_open(&options, &agent->datapath, error);
	if (result < 0 && made_rule && agent->records.count == 0) /* Pods of an earlier life need the rule all the same */
		firewall_remove(NULL);
	if (result == 0)
		keep_underlay(agent, underlay);
	if (result == 0 && vpc_datapath_migrated_from(agent->datapath))
		log_event(LOG_INFO, "agent", "LayoutMigrated", "the maps of layout %u were taken over", vpc_datapath_migrated_from(agent->datapath));
	return result;
}

uint32_t node_overhead(const struct agent *agent, enum vpc_encapsulation encapsulation) {
	return encapsulation == VPC_VLAN ? 0 : address_is_ipv4(agent->underlay) ? 50 : 70;
}

/* ---- conditions ---- */

static void note_written(void *context, int result, const struct object *object, const struct vpc_error *error) {
	struct agent *agent = context;
	(void)object;
	agent->node_busy = false;
	if (result < 0 && result != -EAGAIN) /* on a race the next round writes it */
		log_event(LOG_WARNING, "node", "StatusNotWritten", "%s", error->text);
}

static void set_node_condition(struct agent *agent, const char *type, bool good, const char *reason, const char *message) {
	const struct object *node = agent_find(agent, KIND_NODE, NULL, agent->options.node);
	if (!node || agent->node_busy)
		return; /* there is another round soon */
	struct object *changed = object_clone(node);
	if (condition_set(&changed->node.conditions, type, good ? "True" : "False", reason, message, node->metadata.generation)) {
		tell(agent, good ? LOG_INFO : LOG_WARNING, subject_of(node), reason, "%s", message);
		agent->node_busy = true;
		agent->source->verbs->update(agent->source, changed, note_written, agent);
	}
	object_unref(changed);
}

void node_tell_conditions(struct agent *agent) {
	bool ready = !*agent->not_ready;
	set_node_condition(agent, "VPCReady", ready, ready ? "DatapathOpen" : "DatapathUnavailable",
	    ready ? "Pods can join VPCs" : agent->not_ready);
	set_node_condition(agent, "VPCSettings", !agent->settings_reason, agent->settings_reason ? agent->settings_reason : "SettingsInForce",
	    agent->settings_reason ? agent->settings_trouble : "every setting is in force");
	bool in_place = !*agent->plugin_trouble;
	if (*agent->plugin_reason)
		set_node_condition(agent, "VPCPlugin", in_place, agent->plugin_reason,
		    in_place ? "vpc-cni is installed, and in the main plugin's list" : agent->plugin_trouble);
	taint_lift(agent);
}

void node_check_routes(struct agent *agent, const uint8_t (*nodes)[16], size_t count) {
	char peer[INET6_ADDRSTRLEN], found[INET6_ADDRSTRLEN], published[INET6_ADDRSTRLEN];
	_cleanup_(free_memory) char *message = NULL;
	uint8_t source[16];
	for (size_t i = 0; i < count && !message; i++) {
		if (address_is_ipv4(nodes[i]) != address_is_ipv4(agent->underlay))
			continue;
		int result = route_source(nodes[i], source);
		if (result == 0 && !memcmp(source, agent->underlay, 16))
			continue;
		message = result < 0
		              ? format_text("no route to node %s: %s", address_format(nodes[i], peer), strerror(-result))
		              : format_text("packets to node %s would leave with source %s, but %s is published: the other node would drop them",
		                    address_format(nodes[i], peer), address_format(source, found), address_format(agent->underlay, published));
	}
	set_node_condition(agent, "VPCUnderlay", !message, message ? "UnderlayMismatch" : "UnderlayMatches",
	    message ? message : "routing gives the published source address for every node");
}
