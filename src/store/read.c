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

#define PROBE_MS 1000

static void reading_new(struct store *store, const struct statement *statement, const char *owner,
			const struct value *in, size_t limit, store_read_fn *fn, void *ctx);
static void reading_work(struct job *job);
static struct connection *connection_take(struct store *store, bool *trial);
static void connection_give_and_lock(struct store *store, struct connection *connection);
static bool reading_try(struct reading *reading, struct connection *connection, bool trial,
			struct failure *failure);
static void reading_done(void *arg);
static void reading_given_up(void *arg);

static void probe_wait(void *arg);
static void probe_begin(void *arg);
static void probe_work(struct job *job);

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
	struct connection *connection;
	struct failure failure;
	int64_t began = now_us(), took;
	bool trial, good;

	connection = connection_take(store, &trial);
	good = reading_try(reading, connection, trial, &failure);

	took = now_us() - began;
	connection_give_and_lock(store, connection);
	store->counted.reads++;
	if (took > store->counted.slowest_us)
		store->counted.slowest_us = took;
	if (good)
		store_works(store, &store->reading);
	else if (failure.fault != FAULT_OWN)
		store_fails(store, &store->reading, failure.text);
	else
		store->counted.failures++;
	if (store->reading.down)
		probe_start(store);
	store_unlock(store);

	if (!good && failure.fault == FAULT_OWN)
		store_complain(store, "could not read \"%s\": %s", reading->statement->name,
			       failure.text);
	reading->result = good ? STORE_OK : STORE_FAILED;
	shard_post(reading->home, &reading->post, reading_done, reading);
}

/* One of the readers' connections, or the only one there is. */
static struct connection *
connection_take(struct store *store, bool *trial)
{
	struct connection *connection = store->lanes[0].connection;

	if (store->vault->single)
		pthread_mutex_lock(&store->lanes[0].using);
	store_lock(store);
	*trial = store_is_on_trial(store);
	if (!store->vault->single) {
		must(store->idle_count > 0); /* there are as many as threads */
		connection = store->idle[--store->idle_count];
	}
	store_unlock(store);
	return connection;
}

static void
connection_give_and_lock(struct store *store, struct connection *connection)
{
	if (store->vault->single)
		pthread_mutex_unlock(&store->lanes[0].using);
	store_lock(store);
	if (!store->vault->single)
		store->idle[store->idle_count++] = connection;
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

/* --- whether reading works again --- */

void
probe_start(struct store *store)
{
	if (store->probe.on || store->closing)
		return;
	store->probe.on = true;
	store->holds++;
	shard_post(shard_at(0), &store->probe.post, probe_wait, store);
}

static void
probe_wait(void *arg)
{
	struct store *store = arg;

	store_lock(store);
	if (!store->closing)
		timer_start(&store->probe.timer, PROBE_MS, probe_begin, store);
	store_drop_and_unlock(store);
}

static void
probe_begin(void *arg)
{
	struct store *store = arg;

	if (!helper_start(store->readers, &store->probe.job, 0, probe_work, NULL))
		timer_start(&store->probe.timer, PROBE_MS, probe_begin, store);
}

/* Not counted as a statement by those who want the n-th to fail. */
static void
probe_work(struct job *job)
{
	struct store *store = CONTAINER(job, struct store, probe.job);
	struct arena *arena = arena_new();
	struct failure failure;
	struct connection *connection;
	struct rows rows;
	bool trial, good;

	connection = connection_take(store, &trial);
	good = store->driver->read(connection, &probe_read, NULL, 0, 1, arena, &rows, &failure);
	connection_give_and_lock(store, connection);
	if (good && store->fail_nth >= 0)
		store_works(store, &store->reading);
	store->probe.on = false;
	if (store->reading.down)
		probe_start(store);
	store_unlock(store);
	arena_drop(arena);
}
