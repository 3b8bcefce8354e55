// SPDX-License-Identifier: Apache-2.0
#include <bpf/bpf.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "datapath_internal.h"
#include "flow_age.h"

/* ---- the numbers of flows ---- */

/* A network while the table is gone through. */
struct tally {
	uint64_t noted; /* flows by network_flows, at the beginning */
	uint64_t found;
	int64_t drift; /* by how much too few were noted, at the end of the round before */
};

static int compare_networks(const void *a, const void *b) {
	return memcmp(a, b, sizeof(uint32_t));
}

static struct tally *find_tally(const struct vpc_entries *tallies, uint32_t network) {
	void *entry = tallies->count ? bsearch(&network, tallies->bytes, tallies->count, vpc_entries_stride(tallies), compare_networks) : NULL;
	return entry ? vpc_entry_value(tallies, (size_t)((uint8_t *)entry - tallies->bytes) / vpc_entries_stride(tallies)) : NULL;
}

static int begin_count(struct vpc_datapath *datapath, struct vpc_error *error) {
	const struct vpc_map *numbers = vpc_datapath_map(datapath, VPC_MAP_network_flows);
	_cleanup_(vpc_entries_free) struct vpc_entries noted = VPC_ENTRIES_EMPTY(numbers);
	struct vpc_entries tallies = {.key_size = sizeof(uint32_t), .value_size = sizeof(struct tally)};
	int result = vpc_map_read(numbers, NULL, NULL, &noted, error);
	for (size_t i = 0; i < noted.count && !result; i++) {
		uint32_t network = *(uint32_t *)vpc_entry_key(&noted, i);
		const struct tally *before = find_tally(&datapath->sweep.tallies, network);
		struct tally tally = {.noted = *(uint64_t *)vpc_entry_value(&noted, i), .drift = before ? before->drift : 0};
		if (vpc_entries_add(&tallies, &network, &tally))
			result = vpc_fail(error, -ENOMEM, "no memory to count the flows of %zu networks", noted.count);
	}
	if (result) {
		vpc_entries_free(&tallies);
		return result;
	}
	vpc_entries_sort(&tallies);
	vpc_entries_free(&datapath->sweep.tallies);
	datapath->sweep.tallies = tallies;
	return 0;
}

/*
 * A number that changed meanwhile says nothing, and a flow that begins just now stands in the table before it is counted:
 * only what was wrong by the same in two rounds is corrected. A flow that begins between reading and writing may be lost
 * to the count, until the next correction.
 */
static int end_count(struct vpc_datapath *datapath, struct vpc_error *error) {
	const struct vpc_map *numbers = vpc_datapath_map(datapath, VPC_MAP_network_flows);
	int result = 0;
	for (size_t i = 0; i < datapath->sweep.tallies.count && result >= 0; i++) {
		const void *network = vpc_entry_key(&datapath->sweep.tallies, i);
		struct tally *tally = vpc_entry_value(&datapath->sweep.tallies, i);
		uint64_t now;
		if (vpc_map_get(numbers, network, &now))
			continue; /* the network has gone */
		int64_t drift = now == tally->noted ? (int64_t)(tally->found - now) : 0;
		bool is_certain = drift && drift == tally->drift;
		if (is_certain)
			result = vpc_map_put(numbers, network, &tally->found, error);
		tally->drift = is_certain ? 0 : drift;
	}
	return result < 0 ? result : 0;
}

/* ---- ageing ---- */

/* Where to go on; 1 if there is none to look at. */
static int first_flow(struct vpc_datapath *datapath, struct vpc_flow_key *ret_key, struct vpc_error *error) {
	struct vpc_sweep *sweep = &datapath->sweep;
	const struct vpc_map *flows = vpc_datapath_map(datapath, VPC_MAP_flows);
	struct vpc_flow flow;
	bool goes_on = sweep->is_under_way && vpc_map_get(flows, &sweep->flow, &flow) == 0; /* behind one that went there is no place */
	sweep->is_under_way = false;
	int result = goes_on ? 0 : begin_count(datapath, error);
	if (result)
		return result;
	if (bpf_map_get_next_key(flows->fd, goes_on ? &sweep->flow : NULL, ret_key) == 0)
		return 0;
	result = end_count(datapath, error);
	return result ?: 1;
}

static int sweep_flows(struct vpc_datapath *datapath, uint32_t budget, struct vpc_error *error) {
	const struct vpc_map *flows = vpc_datapath_map(datapath, VPC_MAP_flows);
	struct vpc_sweep *sweep = &datapath->sweep;
	struct vpc_flow_key key, next;
	struct vpc_flow flow;
	uint64_t time = vpc_nanoseconds();
	int removed = 0, result = first_flow(datapath, &next, error);
	if (result)
		return result < 0 ? result : 0;
	for (uint32_t looked = 0; looked < budget; looked++) {
		key = next;
		bool is_last = bpf_map_get_next_key(flows->fd, &key, &next) != 0;
		if (vpc_map_get(flows, &key, &flow) == 0 && vpc_flow_is_expired(&flow, key.protocol, time)) {
			result = vpc_datapath_forget_flow(datapath, &key, false, error);
			if (result < 0)
				return result;
			removed += result;
		} else {
			struct tally *tally = find_tally(&sweep->tallies, key.network);
			if (tally)
				tally->found++;
			sweep->flow = key; /* stays, so that the next call can go on behind it */
			sweep->is_under_way = true;
		}
		if (is_last) {
			sweep->is_under_way = false;
			result = end_count(datapath, error);
			return result ?: removed;
		}
	}
	return removed;
}

static bool is_old_fragment(const void *key, const void *value, const void *time) {
	(void)key;
	return vpc_fragment_is_expired(value, *(const uint64_t *)time);
}

static int sweep_fragments(struct vpc_datapath *datapath, struct vpc_error *error) {
	const struct vpc_map *fragments = vpc_datapath_map(datapath, VPC_MAP_fragments);
	_cleanup_(vpc_entries_free) struct vpc_entries entries = VPC_ENTRIES_EMPTY(fragments);
	uint64_t time = vpc_nanoseconds();
	int removed = 0, result = vpc_map_read(fragments, is_old_fragment, &time, &entries, error);
	for (size_t i = 0; i < entries.count && result >= 0; i++, removed += result > 0)
		result = vpc_map_delete(fragments, vpc_entry_key(&entries, i), error);
	return result < 0 ? result : removed;
}

/* Also says anew which is the smallest of those that count. */
static int sweep_paths(struct vpc_datapath *datapath, struct vpc_error *error) {
	const struct vpc_map *paths = vpc_datapath_map(datapath, VPC_MAP_paths), *smallest = vpc_datapath_map(datapath, VPC_MAP_smallest_path);
	_cleanup_(vpc_entries_free) struct vpc_entries entries = VPC_ENTRIES_EMPTY(paths);
	const uint32_t first = 0;
	uint32_t least = 0;
	uint64_t time = vpc_nanoseconds();
	int removed = 0, result = vpc_map_read(paths, NULL, NULL, &entries, error);
	for (size_t i = 0; i < entries.count && result >= 0; i++) {
		const struct vpc_path *path = vpc_entry_value(&entries, i);
		if ((int64_t)(time - path->learned) > (int64_t)VPC_PATH_LIFE)
			removed += (result = vpc_map_delete(paths, vpc_entry_key(&entries, i), error)) > 0;
		else if (!least || path->mtu < least)
			least = path->mtu;
	}
	if (removed && result >= 0)
		result = vpc_map_put(smallest, &first, &least, error);
	return result < 0 ? result : removed;
}

int vpc_datapath_sweep(struct vpc_datapath *datapath, uint32_t budget, struct vpc_error *error) {
	int flows = sweep_flows(datapath, budget, error);
	int fragments = flows < 0 ? flows : sweep_fragments(datapath, error);
	int paths = fragments < 0 ? fragments : sweep_paths(datapath, error);
	return paths < 0 ? paths : flows + fragments + paths;
}
