// SPDX-License-Identifier: Apache-2.0
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "cleanup.h"
#include "datapath_internal.h"

/* The datapath's second bucket of a network, beside that of its ICMP answers (bpf/budget.h). */
#define BUDGET_FRAGMENTS 0x40000000u

int vpc_datapath_put_network(struct vpc_datapath *datapath, uint32_t network, struct vpc_error *error) {
	struct vpc_network value = {.flow_quota = vpc_datapath_map(datapath, VPC_MAP_flows)->max_entries / VPC_FLOW_QUOTA_SHARE}, present;
	const struct vpc_map *networks = vpc_datapath_map(datapath, VPC_MAP_networks);
	if (vpc_map_get(networks, &network, &present) == 0 && memcmp(&present, &value, sizeof value) == 0)
		return 0; /* most Pods come to a network that is there */
	int result = vpc_map_put(networks, &network, &value, error);
	return result < 0 ? result : 0;
}

static bool is_drop_of(const void *key, const void *value, const void *network) {
	(void)value;
	return ((const struct vpc_drop_key *)key)->network == *(const uint32_t *)network;
}

int vpc_datapath_delete_network(struct vpc_datapath *datapath, uint32_t network, struct vpc_error *error) {
	const struct vpc_map *drops = vpc_datapath_map(datapath, VPC_MAP_drops), *budget = vpc_datapath_map(datapath, VPC_MAP_icmp_budget);
	_cleanup_(vpc_entries_free) struct vpc_entries entries = VPC_ENTRIES_EMPTY(drops);
	uint32_t fragments = network | BUDGET_FRAGMENTS;
	int result = vpc_map_delete(vpc_datapath_map(datapath, VPC_MAP_networks), &network, error);
	if (result >= 0)
		result = vpc_map_delete(vpc_datapath_map(datapath, VPC_MAP_network_flows), &network, error);
	if (result >= 0)
		result = vpc_map_delete(budget, &network, error);
	if (result >= 0)
		result = vpc_map_delete(budget, &fragments, error);
	if (result >= 0)
		result = vpc_map_read(drops, is_drop_of, &network, &entries, error);
	for (size_t i = 0; i < entries.count && result >= 0; i++)
		result = vpc_map_delete(drops, vpc_entry_key(&entries, i), error);
	return result < 0 ? result : 0;
}

int vpc_datapath_forget_flow(struct vpc_datapath *datapath, const struct vpc_flow_key *key, bool even_if_alive, struct vpc_error *error) {
	struct vpc_forget forget = {.even_if_alive = even_if_alive, .key = *key};
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = &forget, .data_size_in = sizeof forget, .repeat = 1);
	if (!datapath->forget_flow) {
		int result = vpc_instance_load(datapath->steps, "forget_flow", NULL, 0, &datapath->forget_flow, error);
		if (result)
			return result;
	}
	if (bpf_prog_test_run_opts(vpc_instance_fd(datapath->forget_flow), &options))
		return vpc_fail(error, -errno, "program forget_flow: %s", strerror(errno));
	return options.retval == 1;
}

/* Whose flows. */
struct owner {
	uint32_t network;
	const uint8_t *address;
};

static bool is_flow_of(const void *key, const void *value, const void *context) {
	const struct vpc_flow_key *flow = key;
	const struct owner *owner = context;
	(void)value;
	return flow->network == owner->network && memcmp(&flow->pod, owner->address, sizeof flow->pod) == 0;
}

int vpc_datapath_forget_flows(struct vpc_datapath *datapath, uint32_t network, const uint8_t address[16], struct vpc_error *error) {
	const struct vpc_map *flows = vpc_datapath_map(datapath, VPC_MAP_flows);
	_cleanup_(vpc_entries_free) struct vpc_entries entries = VPC_ENTRIES_EMPTY(flows);
	const struct owner owner = {network, address};
	uint64_t count = 0;
	if (vpc_map_get(vpc_datapath_map(datapath, VPC_MAP_network_flows), &network, &count) || count == 0)
		return 0; /* spares the reading of the whole table */
	int result = vpc_map_read(flows, is_flow_of, &owner, &entries, error);
	for (size_t i = 0; i < entries.count && result >= 0; i++)
		result = vpc_datapath_forget_flow(datapath, vpc_entry_key(&entries, i), true, error);
	return result < 0 ? result : 0;
}

/* As is_allowed() of bpf/rule.h decides. */
static bool is_allowed(const struct vpc_rule *rule, uint8_t protocol, uint16_t port) {
	bool has_ports = protocol == IPPROTO_TCP || protocol == IPPROTO_UDP || protocol == IPPROTO_SCTP;
	for (uint32_t i = 0; i < rule->count && i < VPC_RULE_PORTS; i++) {
		const struct vpc_port_range *range = &rule->ports[i];
		if (!range->protocol || (range->protocol == protocol && (!has_ports || (port >= range->first && port <= range->last))))
			return true;
	}
	return false;
}

static bool is_still_allowed(struct vpc_datapath *datapath, const struct vpc_flow_key *flow, bool from) {
	struct vpc_rule_key key = {
		.prefix_length = 64 + 128,
		.network = htonl(flow->network),
		.direction = htonl(from ? VPC_RULE_ALLOW_FROM : VPC_RULE_ALLOW),
	};
	struct vpc_rule rule;
	memcpy(key.address, &flow->peer, sizeof key.address);
	return vpc_map_get(vpc_datapath_map(datapath, VPC_MAP_rules), &key, &rule) == 0 &&
		is_allowed(&rule, flow->protocol, ntohs(from ? flow->pod_port : flow->peer_port));
}

static bool began_by_rule(const void *key, const void *value, const void *network) {
	return ((const struct vpc_flow_key *)key)->network == *(const uint32_t *)network && ((const struct vpc_flow *)value)->origin != VPC_FLOW_NODE;
}

int vpc_datapath_forget_disallowed(struct vpc_datapath *datapath, uint32_t network, struct vpc_error *error) {
	const struct vpc_map *flows = vpc_datapath_map(datapath, VPC_MAP_flows);
	_cleanup_(vpc_entries_free) struct vpc_entries entries = VPC_ENTRIES_EMPTY(flows);
	uint64_t count = 0;
	if (vpc_map_get(vpc_datapath_map(datapath, VPC_MAP_network_flows), &network, &count) || count == 0)
		return 0; /* spares the reading of the whole table */
	int result = vpc_map_read(flows, began_by_rule, &network, &entries, error);
	for (size_t i = 0; i < entries.count && result >= 0; i++) {
		const struct vpc_flow_key *key = vpc_entry_key(&entries, i);
		const struct vpc_flow *flow = vpc_entry_value(&entries, i);
		if (!is_still_allowed(datapath, key, flow->origin == VPC_FLOW_ALLOW_FROM))
			result = vpc_datapath_forget_flow(datapath, key, true, error);
	}
	return result < 0 ? result : 0;
}
