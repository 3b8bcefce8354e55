// SPDX-License-Identifier: Apache-2.0
#include "table.h"
#include "text.h"

#include <stdlib.h>
#include <string.h>

/* Linear probing; a removal moves later entries of the same run back, so there are no tombstones. */

static size_t home(const struct table *table, const char *key) {
	return hash_text(0, key) & (table->capacity - 1);
}

static size_t next_place(const struct table *table, size_t place) {
	return (place + 1) & (table->capacity - 1);
}

/* The key's place, or the free one where it belongs. The table has at least one free place. */
static size_t find(const struct table *table, const char *key) {
	size_t place = home(table, key);
	while (table->entries[place].key && strcmp(table->entries[place].key, key) != 0)
		place = next_place(table, place);
	return place;
}

static void grow(struct table *table) {
	struct table old = *table;
	table->capacity = old.capacity ? old.capacity * 2 : 16;
	table->entries = allocate(table->capacity * sizeof *table->entries);
	for (size_t i = 0; i < old.capacity; i++)
		if (old.entries[i].key)
			table->entries[find(table, old.entries[i].key)] = old.entries[i];
	free(old.entries);
}

void *table_get(const struct table *table, const char *key) {
	return table->count ? table->entries[find(table, key)].value : NULL;
}

void *table_put(struct table *table, const char *key, void *value) {
	if ((table->count + 1) * 4 > table->capacity * 3)
		grow(table);
	struct table_entry *entry = &table->entries[find(table, key)];
	void *before = entry->value;
	if (!entry->key) {
		entry->key = duplicate(key);
		table->count++;
	}
	entry->value = value;
	return before;
}

void *table_remove(struct table *table, const char *key) {
	if (!table->count)
		return NULL;
	size_t hole = find(table, key);
	void *value = table->entries[hole].value;
	if (!table->entries[hole].key)
		return NULL;
	free(table->entries[hole].key);
	table->entries[hole] = (struct table_entry){0};
	table->count--;
	for (size_t place = next_place(table, hole); table->entries[place].key; place = next_place(table, place)) {
		size_t distance = (place - home(table, table->entries[place].key)) & (table->capacity - 1);
		if (distance < ((place - hole) & (table->capacity - 1)))
			continue; /* it would land before its home */
		table->entries[hole] = table->entries[place];
		table->entries[place] = (struct table_entry){0};
		hole = place;
	}
	return value;
}

void table_release(struct table *table) {
	for (size_t i = 0; i < table->capacity; i++)
		free(table->entries[i].key);
	free(table->entries);
	*table = (struct table){0};
}

const struct table_entry *table_next(const struct table *table, size_t *position) {
	while (*position < table->capacity) {
		const struct table_entry *entry = &table->entries[(*position)++];
		if (entry->key)
			return entry;
	}
	return NULL;
}
