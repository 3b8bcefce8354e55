/* SPDX-License-Identifier: Apache-2.0 */
/* A hash table from text to a pointer. Keys are copied, values belong to the caller. */
#ifndef AGENT_TABLE_H
#define AGENT_TABLE_H

#include <stddef.h>

struct table_entry {
	char *key; /* NULL: free place */
	void *value;
};

/* All zeros is an empty table. */
struct table {
	struct table_entry *entries;
	size_t count, capacity;
};

/* NULL if there is none. */
void *table_get(const struct table *table, const char *key);
/* Returns the value that stood there before, or NULL. The value must not be NULL. */
void *table_put(struct table *table, const char *key, void *value);
/* Takes the key out and returns its value, or NULL. */
void *table_remove(struct table *table, const char *key);
/* Frees keys and places, not the values. */
void table_release(struct table *table);

/*
 * The next entry at or after *position, or NULL; *position starts at 0. Order is arbitrary. The table may not change
 * during the walk.
 */
const struct table_entry *table_next(const struct table *table, size_t *position);

#define TABLE_EACH(table, entry) \
	for (size_t position_##entry = 0, once_##entry = 1; once_##entry; once_##entry = 0) \
		for (const struct table_entry *entry = table_next((table), &position_##entry); entry; \
		     entry = table_next((table), &position_##entry))

#endif
