/* SPDX-License-Identifier: MIT */
/*
 * A hash table from strings to objects, through a member embedded in the object.
 * The key is the object's own string, which must not change while it is listed.
 * Hashes are keyed by a random secret of the process, so that strangers cannot aim
 * for collisions.  A zeroed table is empty; table_clear frees its buckets, never
 * the objects.
 */
#pragma once

#include "base/base.h"

struct entry {
	struct entry *next;
	const char *key;
	uint64_t hash;
};

struct table {
	struct entry **buckets;
	uint32_t count, mask;
};

/* Adds an object under entry->key = `key`; there must be none of that key. */
PUBLIC void table_put(struct table *table, struct entry *entry, const char *key);
PUBLIC struct entry *table_get(const struct table *table, const char *key);
PUBLIC void table_remove(struct table *table, struct entry *entry);
PUBLIC void table_clear(struct table *table);

/* Walks the table: start with `before` NULL; NULL at the end.  The entry returned may be
 * removed before the next call (whoever frees it asks for the next one first); nothing
 * may be added meanwhile. */
PUBLIC struct entry *table_next(const struct table *table, struct entry *before);

#define TABLE_ITEM(entry, type, member) ((entry) ? CONTAINER(entry, type, member) : NULL)

/* SipHash-2-4 under the process's secret: for tables and limits in memory only. */
PUBLIC uint64_t hash_bytes(const void *bytes, size_t length);
/* FNV-1a, the same in every process and on every node: for finding homes. */
PUBLIC uint64_t hash_stable(const void *bytes, size_t length);
/* One of `count` (at least 1) places for a hash, evenly for names that differ in little. */
PUBLIC unsigned hash_place(uint64_t hash, unsigned count);
