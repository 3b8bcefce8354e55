// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "cleanup.h"
#include "datapath_internal.h"

static uint32_t network_of(const struct vpc_pod *pod) {
	return vpc_network_key(pod->encapsulation, pod->network_id);
}

size_t vpc_pod_addresses(const struct vpc_pod *pod, uint8_t ret_addresses[2][16]) {
	size_t count = 0;
	if (!vpc_is_zero(pod->ipv4, sizeof pod->ipv4))
		vpc_map_ipv4(pod->ipv4, ret_addresses[count++]);
	if (!vpc_is_zero(pod->ipv6, sizeof pod->ipv6))
		memcpy(ret_addresses[count++], pod->ipv6, sizeof pod->ipv6);
	return count;
}

static struct vpc_pod_record make_record(const struct vpc_pod *pod) {
	struct vpc_pod_record record = {.mtu = pod->mtu};
	if (!vpc_is_zero(pod->ipv4, sizeof pod->ipv4))
		vpc_map_ipv4(pod->ipv4, record.ipv4.bytes);
	memcpy(&record.ipv6, pod->ipv6, sizeof record.ipv6);
	memcpy(record.mac, pod->mac, sizeof record.mac);
	memcpy(record.host_mac, pod->host_mac, sizeof record.host_mac);
	return record;
}

static struct vpc_next_hop_key make_next_hop(const struct vpc_pod *pod, uint32_t index) {
	struct vpc_next_hop_key key = {.network = network_of(pod), .ifindex = pod->ifindex};
	memcpy(&key.address, pod->next_hops[index], sizeof key.address);
	return key;
}

static bool has_next_hop(const struct vpc_pod *pod, const uint8_t address[16]) {
	for (uint32_t i = 0; i < pod->next_hop_count; i++)
		if (memcmp(pod->next_hops[i], address, sizeof pod->next_hops[i]) == 0)
			return true;
	return false;
}

int vpc_pod_put_record(struct vpc_datapath *datapath, const struct vpc_pod *pod, struct vpc_error *error) {
	const struct vpc_known_pod *before = vpc_pod_table_find(&datapath->pods, pod->ifindex);
	const struct vpc_map *next_hops = vpc_datapath_map(datapath, VPC_MAP_next_hops);
	const struct vpc_pod_key key = {.network = network_of(pod), .ifindex = pod->ifindex};
	const struct vpc_pod_record record = make_record(pod);
	const uint8_t one = 1;
	int result = vpc_datapath_put_network(datapath, key.network, error);
	if (result >= 0)
		result = vpc_map_put(vpc_datapath_map(datapath, VPC_MAP_pods), &key, &record, error);
	for (uint32_t i = 0; i < pod->next_hop_count && result >= 0; i++) {
		struct vpc_next_hop_key next_hop = make_next_hop(pod, i);
		result = vpc_map_put(next_hops, &next_hop, &one, error);
	}
	for (uint32_t i = 0; before && i < before->pod.next_hop_count && result >= 0; i++) {
		struct vpc_next_hop_key next_hop = make_next_hop(&before->pod, i);
		if (!has_next_hop(pod, before->pod.next_hops[i]))
			result = vpc_map_delete(next_hops, &next_hop, error);
	}
	return result < 0 ? result : 0;
}

int vpc_pod_delete_record(struct vpc_datapath *datapath, const struct vpc_pod *pod, struct vpc_error *error) {
	const struct vpc_pod_key key = {.network = network_of(pod), .ifindex = pod->ifindex};
	int result = 0;
	for (uint32_t i = 0; i < pod->next_hop_count && result >= 0; i++) {
		struct vpc_next_hop_key next_hop = make_next_hop(pod, i);
		result = vpc_map_delete(vpc_datapath_map(datapath, VPC_MAP_next_hops), &next_hop, error);
	}
	if (result >= 0)
		result = vpc_map_delete(vpc_datapath_map(datapath, VPC_MAP_pods), &key, error);
	return result < 0 ? result : 0;
}

static struct vpc_member_key make_member_key(const struct vpc_pod *pod, const uint8_t address[16]) {
	struct vpc_member_key key = {.network = network_of(pod)};
	memcpy(&key.address, address, sizeof key.address);
	return key;
}

static struct vpc_member make_member(const struct vpc_pod *pod) {
	struct vpc_member member = {.ifindex = pod->ifindex};
	memcpy(member.mac, pod->mac, sizeof member.mac);
	return member;
}

int vpc_pod_put_membership(struct vpc_datapath *datapath, const struct vpc_pod *pod, struct vpc_error *error) {
	const struct vpc_member member = make_member(pod);
	uint8_t addresses[2][16];
	size_t count = vpc_pod_addresses(pod, addresses);
	int result = 0;
	for (size_t i = 0; i < count && result >= 0; i++) {
		struct vpc_member_key key = make_member_key(pod, addresses[i]);
		result = vpc_map_put(vpc_datapath_map(datapath, VPC_MAP_members), &key, &member, error);
	}
	return result < 0 ? result : 0;
}

int vpc_pod_delete_membership(struct vpc_datapath *datapath, const struct vpc_pod *pod, struct vpc_error *error) {
	const struct vpc_map *members = vpc_datapath_map(datapath, VPC_MAP_members);
	uint8_t addresses[2][16];
	size_t count = vpc_pod_addresses(pod, addresses);
	int result = 0;
	for (size_t i = 0; i < count && result >= 0; i++) {
		struct vpc_member_key key = make_member_key(pod, addresses[i]);
		struct vpc_member member;
		if (vpc_map_get(members, &key, &member) == 0 && member.ifindex == pod->ifindex)
			result = vpc_map_delete(members, &key, error);
	}
	return result < 0 ? result : 0;
}

static int check_entry(const struct vpc_map *map, const struct vpc_pod *pod, const void *key, const void *wanted, struct vpc_error *error) {
	uint8_t present[map->read_size];
	char interface[VPC_INTERFACE_TEXT];
	if (vpc_map_get(map, key, present) == 0 && memcmp(present, wanted, map->value_size) == 0)
		return 0;
	return vpc_fail(error, -ESTALE, "map %s: the entry of the Pod at interface %s is missing or another; put the Pod again", map->name,
		vpc_interface_text(pod->ifindex, interface));
}

int vpc_pod_check_entries(struct vpc_datapath *datapath, const struct vpc_pod *pod, struct vpc_error *error) {
	const struct vpc_pod_key key = {.network = network_of(pod), .ifindex = pod->ifindex};
	const struct vpc_pod_record record = make_record(pod);
	const struct vpc_member member = make_member(pod);
	const uint8_t one = 1;
	struct vpc_network network;
	uint8_t addresses[2][16];
	size_t count = vpc_pod_addresses(pod, addresses);
	int result = check_entry(vpc_datapath_map(datapath, VPC_MAP_pods), pod, &key, &record, error);
	for (size_t i = 0; i < count && !result; i++) {
		struct vpc_member_key member_key = make_member_key(pod, addresses[i]);
		result = check_entry(vpc_datapath_map(datapath, VPC_MAP_members), pod, &member_key, &member, error);
	}
	for (uint32_t i = 0; i < pod->next_hop_count && !result; i++) {
		struct vpc_next_hop_key next_hop = make_next_hop(pod, i);
		result = check_entry(vpc_datapath_map(datapath, VPC_MAP_next_hops), pod, &next_hop, &one, error);
	}
	if (!result && vpc_map_get(vpc_datapath_map(datapath, VPC_MAP_networks), &key.network, &network))
		result = vpc_fail(error, -ESTALE, "map networks: the network of the Pod at interface %" PRIu32 " is missing; put the Pod again", pod->ifindex);
	return result;
}

static struct vpc_pod read_pod(const struct vpc_pod_key *key, const struct vpc_pod_record *record) {
	struct vpc_pod pod = {
		.ifindex = key->ifindex,
		.encapsulation = key->network & VPC_NETWORK_VLAN ? VPC_VLAN : VPC_VXLAN,
		.network_id = key->network & ~VPC_NETWORK_VLAN,
		.mtu = record->mtu,
	};
	if (vpc_is_mapped_ipv4(record->ipv4.bytes))
		memcpy(pod.ipv4, record->ipv4.bytes + 12, sizeof pod.ipv4);
	memcpy(pod.ipv6, &record->ipv6, sizeof pod.ipv6);
	memcpy(pod.mac, record->mac, sizeof pod.mac);
	memcpy(pod.host_mac, record->host_mac, sizeof pod.host_mac);
	return pod;
}

static void read_next_hop(struct vpc_pod_table *pods, const struct vpc_next_hop_key *key) {
	struct vpc_known_pod *known = vpc_pod_table_find(pods, key->ifindex);
	if (known && network_of(&known->pod) == key->network && known->pod.next_hop_count < VPC_POD_NEXT_HOPS)
		memcpy(known->pod.next_hops[known->pod.next_hop_count++], &key->address, sizeof key->address);
}

static bool is_network_without_pod(const void *key, const void *value, const void *pods) {
	uint32_t network = *(const uint32_t *)key;
	(void)value;
	return !vpc_pod_table_has_network(pods, network & VPC_NETWORK_VLAN ? VPC_VLAN : VPC_VXLAN, network & ~VPC_NETWORK_VLAN);
}

static bool is_member_without_pod(const void *key, const void *value, const void *pods) {
	const struct vpc_member_key *member_key = key;
	const struct vpc_member *member = value;
	const struct vpc_known_pod *known = vpc_pod_table_find(pods, member->ifindex);
	return member->ifindex && (!known || network_of(&known->pod) != member_key->network);
}

/* What a process left that died while it put or removed a Pod. */
static int remove_orphans(struct vpc_datapath *datapath, struct vpc_error *error) {
	const struct vpc_map *members = vpc_datapath_map(datapath, VPC_MAP_members), *networks = vpc_datapath_map(datapath, VPC_MAP_networks);
	_cleanup_(vpc_entries_free) struct vpc_entries left = VPC_ENTRIES_EMPTY(members), unused = VPC_ENTRIES_EMPTY(networks);
	int result = vpc_map_read(members, is_member_without_pod, &datapath->pods, &left, error);
	for (size_t i = 0; i < left.count && result >= 0; i++)
		result = vpc_map_delete(members, vpc_entry_key(&left, i), error);
	if (result >= 0)
		result = vpc_map_read(networks, is_network_without_pod, &datapath->pods, &unused, error);
	for (size_t i = 0; i < unused.count && result >= 0; i++)
		result = vpc_datapath_delete_network(datapath, *(uint32_t *)vpc_entry_key(&unused, i), error);
	return result < 0 ? result : 0;
}

int vpc_datapath_read_pods(struct vpc_datapath *datapath, struct vpc_error *error) {
	const struct vpc_map *pods = vpc_datapath_map(datapath, VPC_MAP_pods), *next_hops = vpc_datapath_map(datapath, VPC_MAP_next_hops);
	_cleanup_(vpc_entries_free) struct vpc_entries records = VPC_ENTRIES_EMPTY(pods), hops = VPC_ENTRIES_EMPTY(next_hops);
	int result = vpc_map_read(pods, NULL, NULL, &records, error);
	result = result ?: vpc_map_read(next_hops, NULL, NULL, &hops, error);
	for (size_t i = 0; i < records.count && !result; i++) {
		struct vpc_pod pod = read_pod(vpc_entry_key(&records, i), vpc_entry_value(&records, i));
		result = vpc_pod_table_reserve(&datapath->pods);
		if (result)
			return vpc_fail(error, result, "no memory for %zu Pods", records.count);
		vpc_pod_table_put(&datapath->pods, &pod);
	}
	vpc_entries_sort(&hops);
	for (size_t i = 0; i < hops.count && !result; i++)
		read_next_hop(&datapath->pods, vpc_entry_key(&hops, i));
	return result ?: remove_orphans(datapath, error);
}
