/* SPDX-License-Identifier: MIT */
/*
 * Ids: given, kept from being given again, shown.
 *
 * The mark in the store is AHEAD_MS ahead of what is given.  While ids are given it is moved
 * on by a write of its own, in time; where that was too late (the first id after a pause) the
 * batch that keeps the id carries the mark itself, so no id is kept without one.
 */
#include "core/id.h"

#include <string.h>

#include "base/clock.h"
#include "base/random.h"
#include "base/scramble.h"
#include "core/internal.h"

/* 41 bits of time, enough until 2089, 14 of place, 8 of sequence. */
#define EPOCH_MS      INT64_C(1577836800000) /* 2020 */
#define TIME_SHIFT    22
#define PLACE_SHIFT   8
#define SEQUENCE_MASK UINT64_C(0xff)
#define TIME_MAX      ((INT64_C(1) << 41) - 1)

#define AHEAD_MS      SECONDS(3)
#define RENEW_MS      SECONDS(1)

struct place { /* of one shard, on lines of its own */
	uint64_t last, marked;
	bool marking;
	uint64_t wanted; /* while marking */
} __attribute__((aligned(64)));

static struct place places[SHARDS_MAX];
/* Shared by all shards, never changed between open and close. */
static struct store *marks;
static struct scramble order;

static const struct statement mark_read = {
	.name = "id.mark",
	.in = "",
	.out = "i",
	.sqlite = "SELECT coalesce(max(mark), 0) FROM id_marks",
};
static const struct statement mark_raise = {
	.name = "id.raise",
	.in = "ii",
	.sqlite = "INSERT INTO id_marks (place, mark) VALUES (?, ?)"
		  " ON CONFLICT (place) DO UPDATE SET mark = max(mark, excluded.mark)",
	.mariadb = "INSERT INTO id_marks (place, mark) VALUES (?, ?)"
		   " ON DUPLICATE KEY UPDATE mark = GREATEST(mark, VALUES(mark))",
};
static const struct statement mark_set = {
	.name = "id.set",
	.in = "ii",
	.sqlite = "REPLACE INTO id_marks (place, mark) VALUES (?, ?)",
};
static const struct statement key_read = {
	.name = "id.key",
	.in = "",
	.out = "b",
	.sqlite = "SELECT value FROM secrets WHERE name = 'ids'",
};
static const struct statement key_write = {
	.name = "id.set-key",
	.in = "b",
	.sqlite = "INSERT INTO secrets (name, value) VALUES ('ids', ?)",
};

const struct statement *const id_statements[] = {
	&mark_read, &mark_raise, &mark_set, &key_read, &key_write, NULL,
};

static void mark_move(struct place *place, uint64_t number);
static void mark_moved(void *ctx, enum stored result);

/* --- opening --- */

static bool
key_open(struct store *store, struct err *err)
{
	uint8_t key[SCRAMBLE_KEY_BYTES];
	size_t length = 0;
	bool found = false;

	if (!store_read_now(store, &key_read, NULL, key, sizeof key, &length, &found, err))
		return false;
	if (!found || length != sizeof key) {
		random_bytes(key, sizeof key);
		if (!store_write_now(store, &key_write,
				     (struct value[]) { blob_value(key, sizeof key) }, err))
			return false;
	}
	scramble_init(&order, key);
	return true;
}

bool
ids_open(struct store *store, struct err *err)
{
	int64_t mark = 0;
	size_t length;
	bool found;

	if (!key_open(store, err) ||
	    !store_read_now(store, &mark_read, NULL, &mark, sizeof mark, &length, &found, err))
		return false;
	for (unsigned i = 0; i < SHARDS_MAX; i++)
		places[i] = (struct place) { .last = (uint64_t)mark, .marked = (uint64_t)mark };
	marks = store;
	return true;
}

void
ids_close(void)
{
	struct err err;

	for (unsigned i = 0; marks != NULL && i < SHARDS_MAX; i++)
		if (places[i].marked > places[i].last &&
		    !store_write_now(marks, &mark_set,
				     (struct value[]) { INTEGER_VALUE(i),
							INTEGER_VALUE(places[i].last) },
				     &err))
			log_debug(&log_root, "the mark of ids stays ahead: %s", err.text);
	marks = NULL;
}

/* --- giving --- */

int64_t
id_unix_ms(uint64_t id)
{
	return (int64_t)(id >> TIME_SHIFT) + EPOCH_MS;
}

uint64_t
id_at(int64_t unix_ms)
{
	int64_t time = unix_ms - EPOCH_MS;

	if (unix_ms < EPOCH_MS)
		time = 0;
	if (time > TIME_MAX)
		time = TIME_MAX;
	return (uint64_t)time << TIME_SHIFT;
}

/* The least id of this place behind `id`. */
static uint64_t
id_behind(uint64_t id, uint64_t place)
{
	uint64_t time = id >> TIME_SHIFT, given_by = id >> PLACE_SHIFT & 0x3fff;

	if (given_by == place && (id & SEQUENCE_MASK) < SEQUENCE_MASK)
		return id + 1;
	return (given_by < place ? time : time + 1) << TIME_SHIFT | place << PLACE_SHIFT;
}

uint64_t
id_next(uint64_t after)
{
	uint64_t number = shard_index(shard_here());
	struct place *place = &places[number];
	uint64_t id = id_at(now_unix_ms()) | number << PLACE_SHIFT;
	uint64_t before = after > place->last ? after : place->last;

	if (id <= before)
		id = id_behind(before, number);
	place->last = id;
	if (!place->marking && id + ((uint64_t)RENEW_MS << TIME_SHIFT) > place->marked)
		mark_move(place, number);
	return id;
}

/* --- the mark --- */

static uint64_t
ahead(uint64_t id)
{
	return id + ((uint64_t)AHEAD_MS << TIME_SHIFT);
}

static void
mark_move(struct place *place, uint64_t number)
{
	struct batch *batch = batch_new(marks, NULL);

	place->marking = true;
	place->wanted = ahead(place->last);
	batch_add(batch, &mark_raise,
		  (struct value[]) { INTEGER_VALUE(number), INTEGER_VALUE(place->wanted) });
	batch_commit(batch, mark_moved, place);
}

static void
mark_moved(void *ctx, enum stored result)
{
	struct place *place = ctx;

	place->marking = false;
	if (result == STORE_OK)
		place->marked = place->wanted;
}

void
id_keep(struct batch *batch, uint64_t id)
{
	unsigned number = shard_index(shard_here());

	if (id > places[number].marked)
		batch_coalesce(batch, &mark_raise, "mark",
			       (struct value[]) { INTEGER_VALUE(number),
						  INTEGER_VALUE(ahead(id)) });
}

/* --- as text --- */

static const char digits[] = "0123456789abcdefghijklmnopqrstuv";

void
id_write(char out[ID_TEXT], uint64_t id)
{
	uint64_t number = scramble(&order, id);

	for (unsigned i = ID_TEXT - 1; i-- > 0; number >>= 5)
		out[i] = digits[number & 31];
	out[ID_TEXT - 1] = '\0';
}

bool
id_read(uint64_t *id, const char *text)
{
	uint64_t number = 0, found;

	if (strlen(text) != ID_TEXT - 1)
		return false;
	for (; *text != '\0'; text++) {
		const char *digit = strchr(digits, *text);

		if (digit == NULL || number >> 59 != 0)
			return false;
		number = number << 5 | (uint64_t)(digit - digits);
	}
	found = unscramble(&order, number);
	if (found == 0 || found > INT64_MAX)
		return false;
	*id = found;
	return true;
}
