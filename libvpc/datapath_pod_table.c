// SPDX-License-Identifier: Apache-2.0
#include "datapath_pod_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The place of the first Pod whose interface index is not lower. Indices grow, so the newest Pod is mostly the last. */
static size_t find_place(const struct vpc_pod_table *table, uint32_t ifindex) {
	size_t low = 0, high = table->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (table->list[middle].pod.ifindex < ifindex)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct vpc_known_pod *vpc_pod_table_find(const struct vpc_pod_table *table, uint32_t ifindex) {
	size_t place = find_place(table, ifindex);
	return place < table->count && table->list[place].pod.ifindex == ifindex ? &table->list[place] : NULL;
}

int vpc_pod_table_reserve(struct vpc_pod_table *table) {
	if (table->count < table->capacity)
		return 0;
	size_t capacity = table->capacity ? table->capacity * 2 : 16;
	struct vpc_known_pod *list = reallocarray(table->list, capacity, sizeof *list);
	if (!list)
		return -ENOMEM;
	table->list = list;
	table->capacity = capacity;
	return 0;
}

void vpc_pod_table_put(struct vpc_pod_table *table, const struct vpc_pod *pod) {
	size_t place = find_place(table, pod->ifindex);
	struct vpc_known_pod *known = &table->list[place];
	if (place == table->count || known->pod.ifindex != pod->ifindex) {
		memmove(known + 1, known, (table->count - place) * sizeof *known);
		table->count++;
	}
	*known = (struct vpc_known_pod){.pod = *pod};
}

void vpc_pod_table_delete(struct vpc_pod_table *table, uint32_t ifindex) {
	struct vpc_known_pod *known = vpc_pod_table_find(table, ifindex);
	if (!known)
		return;
	table->count--;
	memmove(known, known + 1, (size_t)(table->list + table->count - known) * sizeof *known);
}

bool vpc_pod_table_has_network(const struct vpc_pod_table *table, enum vpc_encapsulation encapsulation, uint32_t network_id) {
	for (size_t i = 0; i < table->count; i++)
		if (table->list[i].pod.encapsulation == encapsulation && table->list[i].pod.network_id == network_id)
			return true;
	return false;
}

void vpc_pod_table_free(struct vpc_pod_table *table) {
	free(table->list);
	*table = (struct vpc_pod_table){0};
}
