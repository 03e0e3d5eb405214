/* SPDX-License-Identifier: MIT */
/*
 * A hash table of chains.  The number of buckets is a power of two and follows the
 * number of entries, upwards and downwards, whenever something is added; removing
 * never moves anything, so that a walk may remove what it has met.
 */
#include "base/table.h"
#include "base/random.h"

#include <stdlib.h>
#include <string.h>

enum { FEWEST_BUCKETS = 4 };

static struct {
	uint64_t a, b;
} secret;

/* Before main, so that no thread has to ask whether it is there. */
__attribute__((constructor)) static void
make_secret(void)
{
	random_bytes(&secret, sizeof secret);
}

/* --- hashes --- */

#define ROTATE(x, n) (((x) << (n)) | ((x) >> (64 - (n))))

#define SIP_ROUND(v)                            \
	do {                                    \
		v[0] += v[1];                   \
		v[2] += v[3];                   \
		v[1] = ROTATE(v[1], 13) ^ v[0]; \
		v[3] = ROTATE(v[3], 16) ^ v[2]; \
		v[0] = ROTATE(v[0], 32);        \
		v[2] += v[1];                   \
		v[0] += v[3];                   \
		v[1] = ROTATE(v[1], 17) ^ v[2]; \
		v[3] = ROTATE(v[3], 21) ^ v[0]; \
		v[2] = ROTATE(v[2], 32);        \
	} while (0)

static uint64_t
little_endian(const unsigned char *bytes, size_t count)
{
	uint64_t word = 0;

	if (count == 8) {
		memcpy(&word, bytes, 8);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
		word = __builtin_bswap64(word);
#endif
		return word;
	}
	for (size_t i = 0; i < count; i++)
		word |= (uint64_t)bytes[i] << (8 * i);
	return word;
}

uint64_t
hash_bytes(const void *bytes, size_t length)
{
	const unsigned char *at = bytes;
	size_t left = length;
	uint64_t word;
	uint64_t v[4] = {
		secret.a ^ UINT64_C(0x736f6d6570736575),
		secret.b ^ UINT64_C(0x646f72616e646f6d),
		secret.a ^ UINT64_C(0x6c7967656e657261),
		secret.b ^ UINT64_C(0x7465646279746573),
	};

	for (; left >= 8; at += 8, left -= 8) {
		word = little_endian(at, 8);
		v[3] ^= word;
		SIP_ROUND(v);
		SIP_ROUND(v);
		v[0] ^= word;
	}
	word = little_endian(at, left) | (uint64_t)length << 56;
	v[3] ^= word;
	SIP_ROUND(v);
	SIP_ROUND(v);
	v[0] ^= word;
	v[2] ^= 0xff;
	SIP_ROUND(v);
	SIP_ROUND(v);
	SIP_ROUND(v);
	SIP_ROUND(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

uint64_t
hash_stable(const void *bytes, size_t length)
{
	const unsigned char *at = bytes;
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < length; i++)
		hash = (hash ^ at[i]) * UINT64_C(0x100000001b3);
	return hash;
}

unsigned
hash_place(uint64_t hash, unsigned count)
{
	must(count > 0);
	/* The lowest bit of FNV-1a is the parity of the lowest bits of all bytes: names that
	 * count upwards would take turns. */
	hash ^= hash >> 33;
	hash *= UINT64_C(0xff51afd7ed558ccd);
	hash ^= hash >> 33;
	return (unsigned)(hash % count);
}

/* --- the table --- */

static uint32_t
bucket_count(const struct table *table)
{
	return table->buckets != NULL ? table->mask + 1 : 0;
}

static void
rehash(struct table *table, uint32_t count)
{
	struct entry **buckets = zalloc(count * sizeof *buckets);
	uint32_t before = bucket_count(table);

	for (uint32_t i = 0; i < before; i++) {
		struct entry *entry, *next;

		for (entry = table->buckets[i]; entry != NULL; entry = next) {
			struct entry **place = &buckets[entry->hash & (count - 1)];

			next = entry->next;
			entry->next = *place;
			*place = entry;
		}
	}
	free(table->buckets);
	table->buckets = buckets;
	table->mask = count - 1;
}

static struct entry *
find(const struct table *table, const char *key, uint64_t hash)
{
	struct entry *entry = table->buckets[hash & table->mask];

	while (entry != NULL && (entry->hash != hash || strcmp(entry->key, key) != 0))
		entry = entry->next;
	return entry;
}

void
table_put(struct table *table, struct entry *entry, const char *key)
{
	uint32_t buckets = bucket_count(table);
	struct entry **place;

	if (buckets == 0)
		rehash(table, FEWEST_BUCKETS);
	else if (table->count >= buckets && buckets < UINT32_C(1) << 31)
		rehash(table, buckets * 2);
	else if (table->count < buckets / 8 && buckets > FEWEST_BUCKETS)
		rehash(table, buckets / 2);

	entry->key = key;
	entry->hash = hash_bytes(key, strlen(key));
	must(find(table, key, entry->hash) == NULL);
	place = &table->buckets[entry->hash & table->mask];
	entry->next = *place;
	*place = entry;
	table->count++;
}

struct entry *
table_get(const struct table *table, const char *key)
{
	if (table->count == 0)
		return NULL;
	return find(table, key, hash_bytes(key, strlen(key)));
}

void
table_remove(struct table *table, struct entry *entry)
{
	struct entry **place;

	must(table->count > 0);
	place = &table->buckets[entry->hash & table->mask];
	while (*place != NULL && *place != entry)
		place = &(*place)->next;
	must(*place == entry);
	/* The entry keeps its own `next`: a walk may be standing on it. */
	*place = entry->next;
	table->count--;
}

void
table_clear(struct table *table)
{
	free(table->buckets);
	*table = (struct table) { 0 };
}

struct entry *
table_next(const struct table *table, struct entry *before)
{
	uint32_t i = 0;

	if (table->buckets == NULL)
		return NULL;
	if (before != NULL) {
		if (before->next != NULL)
			return before->next;
		i = (uint32_t)(before->hash & table->mask) + 1;
	}
	for (; i <= table->mask; i++)
		if (table->buckets[i] != NULL)
			return table->buckets[i];
	return NULL;
}
