/* SPDX-License-Identifier: MIT */
/*
 * Reads.
 *
 * A reading is made at home and goes to a reader, at once or when the writes that it must
 * see are done; those of one owner go to the same thread and keep their order.  A reader
 * fills the reading's arena with rows and posts it home, where it is answered and gone.
 * An answer that takes too long is given up at home: then it is "cannot tell", and what
 * the reader brings later is dropped.
 */
#include "store/store.h"

#include <string.h>

#include "base/clock.h"
#include "store/internal.h"

static void reading_new(struct store *store, const struct statement *statement, const char *owner,
			const struct value *in, size_t limit, store_read_fn *fn, void *ctx);
static void reading_work(struct job *job);
static bool reading_try(struct reading *reading, struct connection *connection, bool trial,
			struct failure *failure);
static void reading_done(void *arg);
static void reading_given_up(void *arg);

void
store_read(struct store *store, const struct statement *statement, const char *owner,
	   const struct value *in, store_read_fn *fn, void *ctx)
{
	reading_new(store, statement, owner, in, 0, fn, ctx);
}

void
store_page(struct store *store, const struct statement *statement, const char *owner,
	   const struct value *in, unsigned limit, store_read_fn *fn, void *ctx)
{
	must(limit > 0);
	reading_new(store, statement, owner, in, limit, fn, ctx);
}

static void
reading_new(struct store *store, const struct statement *statement, const char *owner,
	    const struct value *in, size_t limit, store_read_fn *fn, void *ctx)
{
	size_t count = values_check(statement, in);
	struct arena *arena = arena_new();
	struct reading *reading = NEW(arena, struct reading);
	struct value *copy = values_copy(arena, in, count);
	bool delayed;

	must(shard_here() != NULL);
	if (limit > 0) {
		if (limit >= STORE_READ_MAX)
			limit = STORE_READ_MAX - 1;
		copy[count++] = INTEGER_VALUE(limit + 1); /* values_copy leaves room for it */
	}
	*reading = (struct reading) {
		.arena = arena,
		.store = store,
		.statement = statement,
		.in = copy,
		.count = count,
		.limit = limit,
		.key = owner != NULL ? hash_bytes(owner, strlen(owner)) | 1 : 0,
		.result = STORE_FAILED,
		.home = shard_here(),
		.fn = fn,
		.ctx = ctx,
	};
	timer_start(&reading->timer, READ_MS, reading_given_up, reading);

	store_lock(store);
	delayed = owner != NULL && owner_delays(store, owner, reading);
	store_unlock(store);
	if (!delayed)
		reading_start(reading);
}

void
reading_start(struct reading *reading)
{
	if (!helper_start(reading->store->readers, &reading->job, reading->key, reading_work, NULL))
		shard_post(reading->home, &reading->post, reading_done, reading);
}

static void
reading_work(struct job *job)
{
	struct reading *reading = CONTAINER(job, struct reading, job);
	struct store *store = reading->store;
	struct lane *lane = store->vault->single ? &store->lanes[0] : NULL;
	struct connection *connection;
	struct failure failure;
	int64_t began = now_us(), took;
	bool trial, good;

	if (lane != NULL)
		pthread_mutex_lock(&lane->using);
	store_lock(store);
	trial = store_is_on_trial(store);
	must(lane != NULL || store->idle_count > 0);
	connection = lane != NULL ? lane->connection : store->idle[--store->idle_count];
	store_unlock(store);

	good = reading_try(reading, connection, trial, &failure);

	took = now_us() - began;
	store_lock(store);
	if (lane == NULL)
		store->idle[store->idle_count++] = connection;
	store->counted.reads++;
	if (took > store->counted.slowest_us)
		store->counted.slowest_us = took;
	if (good)
		store_works(store, &store->reading);
	else if (failure.fault == FAULT_DOWN)
		store_fails(store, &store->reading, "read", failure.text);
	else
		store->counted.failures++;
	store_unlock(store);
	if (lane != NULL)
		pthread_mutex_unlock(&lane->using);

	if (!good && failure.fault == FAULT_OWN)
		store_complain(store, "could not read \"%s\": %s", reading->statement->name,
			       failure.text);
	reading->result = good ? STORE_OK : STORE_FAILED;
	shard_post(reading->home, &reading->post, reading_done, reading);
}

static bool
reading_try(struct reading *reading, struct connection *connection, bool trial,
	    struct failure *failure)
{
	struct store *store = reading->store;
	struct rows *rows = &reading->rows;

	if (trial && !store_trial(store, FAULT_DOWN, failure))
		return false;
	if (!store->driver->read(connection, reading->statement, reading->in, reading->count,
				 STORE_READ_MAX, reading->arena, rows, failure))
		return false;
	if (reading->limit > 0 && rows->count > reading->limit) {
		rows->count = reading->limit;
		rows->more = true;
	}
	return true;
}

/* --- at home --- */

static void
reading_done(void *arg)
{
	struct reading *reading = arg;

	timer_stop(&reading->timer);
	if (!reading->answered)
		reading->fn(reading->ctx, reading->result,
			    reading->result == STORE_OK ? &reading->rows : &(struct rows) { 0 });
	arena_drop(reading->arena);
}

static void
reading_given_up(void *arg)
{
	struct reading *reading = arg;

	reading->answered = true;
	reading->fn(reading->ctx, STORE_FAILED, &(struct rows) { 0 });
}
