// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <string.h>

#include "cleanup.h"
#include "datapath_internal.h"

/* Members of the network on other nodes. */
static bool is_remote_of(const void *key, const void *value, const void *network) {
	return ((const struct vpc_member_key *)key)->network == *(const uint32_t *)network && ((const struct vpc_member *)value)->ifindex == 0;
}

static int check_remote(const struct vpc_datapath *datapath, const struct vpc_remote *remote, enum vpc_encapsulation encapsulation,
	uint32_t network_id, struct vpc_error *error) {
	char address[VPC_ADDRESS_TEXT], network[VPC_NETWORK_TEXT];
	vpc_address_text(remote->address, address);
	vpc_network_text(encapsulation, network_id, network);
	if (remote->encapsulation != encapsulation || remote->network_id != network_id)
		return vpc_fail(error, -EINVAL, "remote member %s is not of network %s", address, network);
	if (vpc_is_zero(remote->address, sizeof remote->address))
		return vpc_fail(error, -EINVAL, "a remote member of network %s has no address", network);
	if (vpc_is_zero(remote->mac, sizeof remote->mac) || remote->mac[0] & 1)
		return vpc_fail(error, -EINVAL, "remote member %s of network %s: its MAC address is none of an interface", address, network);
	if (vpc_is_zero(remote->node, sizeof remote->node) || memcmp(remote->node, datapath->underlay, sizeof remote->node) == 0)
		return vpc_fail(error, -EINVAL, "remote member %s of network %s: its node has no underlay address, or that of this node", address, network);
	if (encapsulation == VPC_VXLAN && vpc_is_mapped_ipv4(remote->node) != vpc_is_mapped_ipv4(datapath->underlay))
		return vpc_fail(error, -EINVAL, "remote member %s of network %s: the underlay address of its node is of another IP version than ours",
			address, network);
	if (encapsulation == VPC_VLAN && vpc_is_zero(remote->node_mac, sizeof remote->node_mac))
		return vpc_fail(error, -EINVAL, "remote member %s of network %s: the MAC address of its node's uplink is missing", address, network);
	return 0;
}

static int want_remote(struct vpc_datapath *datapath, const struct vpc_remote *remote, struct vpc_entries *wanted) {
	struct vpc_member_key key = {.network = vpc_network_key(remote->encapsulation, remote->network_id)};
	struct vpc_member member = {.ifindex = 0}, present;
	memcpy(&key.address, remote->address, sizeof key.address);
	memcpy(&member.node, remote->node, sizeof member.node);
	memcpy(member.mac, remote->mac, sizeof member.mac);
	memcpy(member.node_mac, remote->node_mac, sizeof member.node_mac);
	if (vpc_map_get(vpc_datapath_map(datapath, VPC_MAP_members), &key, &present) == 0 && present.ifindex)
		return 0; /* a Pod of this node has the address by now */
	return vpc_entries_add(wanted, &key, &member);
}

/* One address cannot be at two places; the same line twice counts once. */
static int drop_duplicates(struct vpc_entries *wanted, struct vpc_error *error) {
	char address[VPC_ADDRESS_TEXT];
	size_t kept = 0;
	vpc_entries_sort(wanted);
	for (size_t i = 0; i < wanted->count; i++) {
		const struct vpc_member_key *key = vpc_entry_key(wanted, i);
		if (kept && memcmp(vpc_entry_key(wanted, kept - 1), key, wanted->key_size) == 0) {
			if (memcmp(vpc_entry_value(wanted, kept - 1), vpc_entry_value(wanted, i), wanted->value_size))
				return vpc_fail(error, -EEXIST, "remote member %s is given twice, with different places", vpc_address_text(key->address.bytes, address));
			continue;
		}
		if (kept != i)
			memcpy(vpc_entry_key(wanted, kept), key, vpc_entries_stride(wanted));
		kept++;
	}
	wanted->count = kept;
	return 0;
}

int vpc_datapath_set_remotes(struct vpc_datapath *datapath, enum vpc_encapsulation encapsulation, uint32_t network_id,
	const struct vpc_remote *remotes, size_t count, struct vpc_error *error) {
	const struct vpc_map *members = vpc_datapath_map(datapath, VPC_MAP_members);
	_cleanup_(vpc_entries_free) struct vpc_entries present = VPC_ENTRIES_EMPTY(members), wanted = VPC_ENTRIES_EMPTY(members);
	uint32_t network = vpc_network_key(encapsulation, network_id);

	int result = vpc_network_check(encapsulation, network_id, error);
	for (size_t i = 0; i < count && !result; i++) {
		result = check_remote(datapath, &remotes[i], encapsulation, network_id, error);
		if (!result && want_remote(datapath, &remotes[i], &wanted))
			result = vpc_fail(error, -ENOMEM, "no memory for %zu remote members", count);
	}
	result = result ?: drop_duplicates(&wanted, error);
	result = result ?: vpc_map_read(members, is_remote_of, &network, &present, error);
	return result ?: vpc_map_make_exact(members, &present, &wanted, error);
}

/* Makes a map whose keys are addresses exactly these. */
static int set_addresses(const struct vpc_map *map, const uint8_t (*addresses)[16], size_t count, struct vpc_error *error) {
	_cleanup_(vpc_entries_free) struct vpc_entries present = VPC_ENTRIES_EMPTY(map), wanted = VPC_ENTRIES_EMPTY(map);
	const uint8_t one = 1;
	for (size_t i = 0; i < count; i++) {
		struct vpc_address key;
		memcpy(&key, addresses[i], sizeof key);
		if (vpc_is_zero(&key, sizeof key))
			return vpc_fail(error, -EINVAL, "address %zu for map %s is zero", i, map->name);
		if (vpc_entries_add(&wanted, &key, &one))
			return vpc_fail(error, -ENOMEM, "no memory for %zu addresses", count);
	}
	int result = vpc_map_read(map, NULL, NULL, &present, error);
	return result ?: vpc_map_make_exact(map, &present, &wanted, error);
}

int vpc_datapath_set_nodes(struct vpc_datapath *datapath, const uint8_t (*addresses)[16], size_t count, struct vpc_error *error) {
	return set_addresses(vpc_datapath_map(datapath, VPC_MAP_nodes), addresses, count, error);
}

int vpc_datapath_set_node_addresses(struct vpc_datapath *datapath, const uint8_t (*addresses)[16], size_t count, struct vpc_error *error) {
	return set_addresses(vpc_datapath_map(datapath, VPC_MAP_node_addresses), addresses, count, error);
}
