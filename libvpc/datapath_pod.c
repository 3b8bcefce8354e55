// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <inttypes.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "datapath_internal.h"

enum {
	OVERHEAD_IPV4 = 50, /* inner Ethernet 14, VXLAN 8, UDP 8, outer IPv4 20 */
	OVERHEAD_IPV6 = 70,
	LEAST_MTU = 576,
	LARGEST_MTU = 65535,
};

static int compare_addresses(const void *a, const void *b) {
	return memcmp(a, b, sizeof((struct vpc_pod *)0)->next_hops[0]);
}

static int check_identity(const struct vpc_pod *pod, struct vpc_error *error) {
	if (pod->ifindex == 0)
		return vpc_fail(error, -EINVAL, "0 is no interface index of a Pod");
	if (vpc_is_zero(pod->mac, sizeof pod->mac) || pod->mac[0] & 1)
		return vpc_fail(error, -EINVAL, "the MAC address of the Pod at interface %" PRIu32 " is none of an interface", pod->ifindex);
	if (vpc_is_zero(pod->ipv4, sizeof pod->ipv4) && vpc_is_zero(pod->ipv6, sizeof pod->ipv6))
		return vpc_fail(error, -EINVAL, "the Pod at interface %" PRIu32 " has neither an IPv4 nor an IPv6 address", pod->ifindex);
	return vpc_network_check(pod->encapsulation, pod->network_id, error);
}

static uint32_t usual_mtu(const struct vpc_datapath *datapath, enum vpc_encapsulation encapsulation) {
	uint32_t overhead = encapsulation == VPC_VLAN ? 0 : vpc_is_mapped_ipv4(datapath->underlay) ? OVERHEAD_IPV4 : OVERHEAD_IPV6;
	uint32_t mtu = datapath->uplink.mtu - overhead;
	return mtu < LARGEST_MTU ? mtu : LARGEST_MTU;
}

/* The Pod with what was left open, in the one form in which Pods are compared. */
static int complete(const struct vpc_datapath *datapath, const struct vpc_pod *pod, struct vpc_pod *ret_pod, struct vpc_error *error) {
	int result = check_identity(pod, error);
	if (result)
		return result;
	if (pod->next_hop_count > VPC_POD_NEXT_HOPS)
		return vpc_fail(error, -EINVAL, "the Pod at interface %" PRIu32 " has %" PRIu32 " next hops, at most %d are kept", pod->ifindex,
			pod->next_hop_count, VPC_POD_NEXT_HOPS);
	struct vpc_pod whole = {
		.ifindex = pod->ifindex,
		.encapsulation = pod->encapsulation,
		.network_id = pod->network_id,
		.mtu = pod->mtu ? pod->mtu : usual_mtu(datapath, pod->encapsulation),
	};
	if (whole.mtu < LEAST_MTU || whole.mtu > LARGEST_MTU)
		return vpc_fail(error, -ERANGE, "MTU %" PRIu32 " of the Pod at interface %" PRIu32 " is not within %d to %d", whole.mtu, pod->ifindex, LEAST_MTU,
			LARGEST_MTU);
	memcpy(whole.mac, pod->mac, sizeof whole.mac);
	memcpy(whole.host_mac, pod->host_mac, sizeof whole.host_mac);
	memcpy(whole.ipv4, pod->ipv4, sizeof whole.ipv4);
	memcpy(whole.ipv6, pod->ipv6, sizeof whole.ipv6);
	for (uint32_t i = 0; i < pod->next_hop_count; i++) {
		bool known = false;
		for (uint32_t j = 0; j < whole.next_hop_count; j++)
			known |= memcmp(whole.next_hops[j], pod->next_hops[i], sizeof *whole.next_hops) == 0;
		if (!known)
			memcpy(whole.next_hops[whole.next_hop_count++], pod->next_hops[i], sizeof *whole.next_hops);
	}
	qsort(whole.next_hops, whole.next_hop_count, sizeof *whole.next_hops, compare_addresses);
	*ret_pod = whole;
	return 0;
}

/* Whether both are the same Pod: by that, not by the interface's index alone, which may be used again. */
static bool is_same_pod(const struct vpc_pod *a, const struct vpc_pod *b) {
	return a->ifindex == b->ifindex && a->encapsulation == b->encapsulation && a->network_id == b->network_id &&
		memcmp(a->mac, b->mac, sizeof a->mac) == 0 && memcmp(a->ipv4, b->ipv4, sizeof a->ipv4) == 0 && memcmp(a->ipv6, b->ipv6, sizeof a->ipv6) == 0;
}

static bool is_equal(const struct vpc_pod *a, const struct vpc_pod *b) {
	return is_same_pod(a, b) && a->mtu == b->mtu && memcmp(a->host_mac, b->host_mac, sizeof a->host_mac) == 0 &&
		a->next_hop_count == b->next_hop_count && memcmp(a->next_hops, b->next_hops, a->next_hop_count * sizeof *a->next_hops) == 0;
}

static int check(struct vpc_datapath *datapath, const struct vpc_known_pod *known, struct vpc_error *error) {
	if (known->is_stale)
		return vpc_fail(error, -ESTALE, "programs of the Pod at interface %" PRIu32 " refer to maps that are no longer pinned; put the Pod again",
			known->pod.ifindex);
	int result = vpc_pod_check_programs(datapath, &known->pod, error);
	return result ?: vpc_pod_check_entries(datapath, &known->pod, error);
}

/* Forgets the flows of the Pod, unless another Pod has its address by now, whose flows they are. */
static int forget_flows(struct vpc_datapath *datapath, const struct vpc_pod *pod, struct vpc_error *error) {
	uint8_t addresses[2][16];
	size_t count = vpc_pod_addresses(pod, addresses);
	struct vpc_member_key key = {.network = vpc_network_key(pod->encapsulation, pod->network_id)};
	struct vpc_member member;
	int result = 0;
	for (size_t i = 0; i < count && !result; i++) {
		memcpy(&key.address, addresses[i], sizeof key.address);
		if (vpc_map_get(vpc_datapath_map(datapath, VPC_MAP_members), &key, &member) || !member.ifindex)
			result = vpc_datapath_forget_flows(datapath, key.network, addresses[i], error);
	}
	return result;
}

/* Takes away all entries of the Pod but not its programs; its network's too if it was the last one there. */
static int remove_entries(struct vpc_datapath *datapath, const struct vpc_pod *pod, struct vpc_error *error) {
	struct vpc_pod_table *pods = &datapath->pods;
	uint32_t network = vpc_network_key(pod->encapsulation, pod->network_id);
	const struct vpc_known_pod *known = vpc_pod_table_find(pods, pod->ifindex);
	int result = vpc_pod_delete_membership(datapath, pod, error);
	result = result ?: forget_flows(datapath, pod, error);
	result = result ?: vpc_pod_delete_record(datapath, pod, error);
	if (result)
		return result;
	if (known && is_same_pod(&known->pod, pod))
		vpc_pod_table_delete(pods, pod->ifindex);
	if (vpc_pod_table_has_network(pods, pod->encapsulation, pod->network_id))
		return 0;
	vpc_to_pods_delete(&datapath->to_pods, network);
	return vpc_datapath_delete_network(datapath, network, error);
}

/* The Pod of this node that is a member under the address, if it is another one. */
static const struct vpc_pod *find_holder(struct vpc_datapath *datapath, const struct vpc_pod *pod, const uint8_t address[16]) {
	struct vpc_member_key key = {.network = vpc_network_key(pod->encapsulation, pod->network_id)};
	struct vpc_member member;
	memcpy(&key.address, address, sizeof key.address);
	if (vpc_map_get(vpc_datapath_map(datapath, VPC_MAP_members), &key, &member) || !member.ifindex || member.ifindex == pod->ifindex)
		return NULL;
	const struct vpc_known_pod *known = vpc_pod_table_find(&datapath->pods, member.ifindex);
	return known ? &known->pod : NULL;
}

/* An address belongs to one Pod. One whose interface has vanished gives it up. */
static int take_over_addresses(struct vpc_datapath *datapath, const struct vpc_pod *pod, struct vpc_error *error) {
	char interface[VPC_INTERFACE_TEXT], text[VPC_ADDRESS_TEXT], network[VPC_NETWORK_TEXT], name[IF_NAMESIZE];
	uint8_t addresses[2][16];
	size_t count = vpc_pod_addresses(pod, addresses);
	int result = 0;
	for (size_t i = 0; i < count && !result; i++) {
		const struct vpc_pod *found = find_holder(datapath, pod, addresses[i]);
		if (!found)
			continue;
		struct vpc_pod holder = *found;
		if (if_indextoname(holder.ifindex, name) || errno != ENXIO)
			return vpc_fail(error, -EADDRINUSE, "address %s of network %s belongs to the Pod at interface %s; delete that Pod first",
				vpc_address_text(addresses[i], text), vpc_network_text(pod->encapsulation, pod->network_id, network),
				vpc_interface_text(holder.ifindex, interface));
		result = vpc_datapath_delete_pod(datapath, &holder, error);
	}
	return result;
}

/* After a failure: the Pod as it was, if it was there and is the same, else confined without any entry. */
static void fall_back(struct vpc_datapath *datapath, const struct vpc_pod *pod, const struct vpc_pod *before) {
	struct vpc_timing timing = {0};
	vpc_pod_delete_record(datapath, pod, NULL);
	if (before && vpc_pod_put_record(datapath, before, NULL) == 0 && vpc_pod_put_programs(datapath, before, &timing, NULL) == 0 &&
		vpc_pod_put_membership(datapath, before, NULL) == 0)
		return;
	if (before)
		remove_entries(datapath, before, NULL);
	remove_entries(datapath, pod, NULL);
	vpc_pod_confine_programs(datapath, pod->ifindex, NULL);
}

static int put(struct vpc_datapath *datapath, const struct vpc_pod *pod, const struct vpc_pod *before, struct vpc_timing *timing,
	struct vpc_error *error) {
	int result = vpc_pod_put_record(datapath, pod, error);
	result = result ?: vpc_pod_put_programs(datapath, pod, timing, error);
	result = result ?: vpc_pod_put_membership(datapath, pod, error);
	if (result)
		fall_back(datapath, pod, before);
	else
		vpc_pod_table_put(&datapath->pods, pod);
	return result;
}

int vpc_datapath_put_pod(struct vpc_datapath *datapath, const struct vpc_pod *pod, struct vpc_timing *ret_timing, struct vpc_error *error) {
	struct vpc_timing timing = {0};
	struct vpc_pod wanted, before;
	uint64_t start = vpc_nanoseconds();
	int result = complete(datapath, pod, &wanted, error);
	if (result)
		return result;
	const struct vpc_known_pod *known = vpc_pod_table_find(&datapath->pods, wanted.ifindex);
	bool is_there = known && is_equal(&known->pod, &wanted) && check(datapath, known, NULL) == 0;
	if (!is_there) {
		bool is_same = known && is_same_pod(&known->pod, &wanted);
		if (vpc_pod_table_reserve(&datapath->pods))
			return vpc_fail(error, -ENOMEM, "no memory for another Pod");
		result = take_over_addresses(datapath, &wanted, error);
		known = vpc_pod_table_find(&datapath->pods, wanted.ifindex);
		if (known)
			before = known->pod;
		if (!result && known && !is_same) /* another Pod, or other addresses: nothing of the old ones may lead here */
			result = remove_entries(datapath, &before, error);
		result = result ?: put(datapath, &wanted, known && is_same ? &before : NULL, &timing, error);
	}
	if (result)
		return result;
	timing.total = vpc_nanoseconds() - start;
	if (ret_timing)
		*ret_timing = timing;
	return 0;
}

int vpc_datapath_confine(struct vpc_datapath *datapath, uint32_t ifindex, struct vpc_error *error) {
	const struct vpc_known_pod *known = vpc_pod_table_find(&datapath->pods, ifindex);
	int result = 0;
	if (known) {
		struct vpc_pod pod = known->pod;
		result = vpc_pod_delete_membership(datapath, &pod, error);
		result = result ?: vpc_pod_confine_programs(datapath, ifindex, error);
		return result ?: remove_entries(datapath, &pod, error);
	}
	return vpc_pod_confine_programs(datapath, ifindex, error);
}

int vpc_datapath_delete_pod(struct vpc_datapath *datapath, const struct vpc_pod *pod, struct vpc_error *error) {
	const struct vpc_known_pod *known = vpc_pod_table_find(&datapath->pods, pod->ifindex);
	bool names_pod = !vpc_is_zero(pod->mac, sizeof pod->mac); /* else whichever is there is meant */
	if (known && names_pod && !is_same_pod(&known->pod, pod))
		return 0; /* the interface's index is another Pod's by now, and with it everything that is left */
	struct vpc_pod gone = known ? known->pod : *pod;
	int result = vpc_pod_delete_membership(datapath, &gone, error);
	result = result ?: vpc_pod_delete_programs(datapath, gone.ifindex, error);
	return result ?: remove_entries(datapath, &gone, error);
}

int vpc_datapath_check_pod(struct vpc_datapath *datapath, const struct vpc_pod *pod, struct vpc_error *error) {
	struct vpc_pod wanted;
	char interface[VPC_INTERFACE_TEXT];
	int result = complete(datapath, pod, &wanted, error);
	if (result)
		return result;
	const struct vpc_known_pod *known = vpc_pod_table_find(&datapath->pods, wanted.ifindex);
	if (!known)
		return vpc_fail(error, -ENOENT, "no Pod was put at interface %s", vpc_interface_text(wanted.ifindex, interface));
	if (!is_equal(&known->pod, &wanted))
		return vpc_fail(error, -ESTALE, "the Pod at interface %s was put with other values; put it again", vpc_interface_text(wanted.ifindex, interface));
	return check(datapath, known, error);
}

int vpc_datapath_each_pod(struct vpc_datapath *datapath, int (*visit)(const struct vpc_pod *pod, void *context), void *context,
	struct vpc_error *error) {
	size_t count = datapath->pods.count;
	_cleanup_(free_memory) struct vpc_known_pod *list = malloc((count + 1) * sizeof *list);
	if (!list)
		return vpc_fail(error, -ENOMEM, "no memory for a list of %zu Pods", count);
	if (count) /* visit may change the table, so it walks a copy */
		memcpy(list, datapath->pods.list, count * sizeof *list);
	int result = 0;
	for (size_t i = 0; i < count && !result; i++)
		result = visit(&list[i].pod, context);
	return result;
}
