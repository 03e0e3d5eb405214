/* SPDX-License-Identifier: MIT */
/*
 * The store as a whole: opened and closed, whether it works, and what is done on the
 * calling thread.
 *
 * Writes are in batch.c, reads in read.c, documents in document.c, migrations in
 * migrate.c.  A store is freed when it was closed and the last batch that it still owed
 * an answer has come home.
 */
#include "store/store.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/text.h"
#include "store/internal.h"

#define COMPLAINTS    10
#define COMPLAINTS_MS SECONDS(10)
#define READERS       2
#define READERS_MAX   64

static const struct driver *const drivers[] = {
	&sqlite_driver,
#ifdef HAVE_MARIADB
	&mariadb_driver,
#endif
};

static const struct driver *driver_find(const char *name, struct err *err);
static bool connections_open(struct store *store, struct err *err);
static void connections_close(struct store *store);
static void describe(const struct log_scope *scope, char *out, size_t room);
static void state_add(struct store_state *state, const struct health *health);
static bool now_failed(const struct statement *statement, const struct failure *failure,
		       struct err *err);
static bool answer_copy(void *out, size_t room, size_t *length, const struct value *value,
			const struct statement *statement, struct err *err);

struct value
text_value(const char *text)
{
	return (struct value) {
		.type = STORE_TEXT,
		.null = text == NULL,
		.bytes = text,
		.length = text != NULL ? strlen(text) : 0,
	};
}

struct value
blob_value(const void *bytes, size_t length)
{
	return (struct value) {
		.type = STORE_BLOB,
		.null = bytes == NULL,
		.bytes = bytes,
		.length = length,
	};
}

size_t
values_check(const struct statement *statement, const struct value *in)
{
	size_t i;

	for (i = 0; statement->in[i] != '\0'; i++)
		must(in[i].null || (char)in[i].type == statement->in[i]);
	return i;
}

struct value *
values_copy(struct arena *arena, const struct value *in, size_t count)
{
	struct value *copy = arena_alloc(arena, (count + 1) * sizeof *copy);

	for (size_t i = 0; i < count; i++) {
		copy[i] = in[i];
		copy[i].bytes = NULL;
		if (in[i].type != STORE_INTEGER && !in[i].null)
			copy[i].bytes = arena_copy_bytes(arena, in[i].bytes, in[i].length);
	}
	return copy;
}

bool
failure_set(struct failure *failure, enum fault fault, const char *format, ...)
{
	va_list args;

	failure->fault = fault;
	va_start(args, format);
	vsnprintf(failure->text, sizeof failure->text, format, args);
	va_end(args);
	return false;
}

/* --- opening and closing --- */

struct store *
store_open(const struct store_settings *settings, struct err *err)
{
	const struct driver *driver = driver_find(settings->driver, err);
	struct vault *vault = driver != NULL ? driver->open(settings, err) : NULL;
	struct store *store;

	if (vault == NULL)
		return NULL;
	must(vault->writers > 0 && (!vault->single || vault->writers == 1));
	store = zalloc(sizeof *store + vault->writers * sizeof store->lanes[0]);
	store->driver = driver;
	store->vault = vault;
	store->schemas = copy_text(settings->schemas);
	store->scope = (struct log_scope) { .parent = &log_root, .describe = describe };
	store->holds = 1;
	store->reader_count = settings->readers > 0 ? settings->readers : READERS;
	if (store->reader_count > READERS_MAX)
		store->reader_count = READERS_MAX;
	if (vault->single)
		store->reader_count = 1;
	store->idle = zalloc(store->reader_count * sizeof store->idle[0]);
	pthread_mutex_init(&store->lock, NULL);
	store->lane_count = vault->writers;
	for (unsigned i = 0; i < store->lane_count; i++)
		lane_init(&store->lanes[i], store);

	if (!connections_open(store, err) || !versions_check(store, settings->moving, err)) {
		store_close(&store);
		return NULL;
	}
	return store;
}

static const struct driver *
driver_find(const char *name, struct err *err)
{
	for (size_t i = 0; i < COUNT(drivers); i++)
		if (text_is(drivers[i]->name, name))
			return drivers[i];
	if (text_is(name, "mariadb"))
		err_fail(err, ERR_ABSENT, "this program was built without MariaDB");
	else
		err_fail(err, ERR_ABSENT, "there is no store driver \"%s\"",
			 name != NULL ? name : "");
	return NULL;
}

static bool
connections_open(struct store *store, struct err *err)
{
	for (unsigned i = 0; i < store->lane_count; i++) {
		struct connection *new = store->driver->connect(store->vault, TO_WRITE, err);

		if (new == NULL)
			return false;
		store->lanes[i].connection = new;
	}
	while (!store->vault->single && store->idle_count < store->reader_count) {
		struct connection *new = store->driver->connect(store->vault, TO_READ, err);

		if (new == NULL)
			return false;
		store->idle[store->idle_count++] = new;
	}
	store->writers = helper_pool_new("store-write", store->lane_count, 0);
	store->readers = helper_pool_new("store-read", store->reader_count, READS_WAITING);
	return true;
}

static void
connections_close(struct store *store)
{
	while (store->idle_count > 0)
		store->driver->disconnect(&store->idle[--store->idle_count]);
	for (unsigned i = 0; i < store->lane_count; i++)
		if (store->lanes[i].connection != NULL)
			store->driver->disconnect(&store->lanes[i].connection);
	store->driver->close(&store->vault);
}

void
store_close(struct store **closed)
{
	struct store *store = *closed;

	if (store == NULL)
		return;
	store_lock(store);
	store->closing = true;
	store_unlock(store);
	if (shard_here() != NULL)
		timer_stop(&store->probe.timer);
	helper_pool_free(&store->writers);
	for (unsigned i = 0; i < store->lane_count; i++)
		lane_drain(&store->lanes[i]);
	helper_pool_free(&store->readers); /* reads may have waited for the writes */
	connections_close(store);
	table_clear(&store->owners);
	*closed = NULL;
	store_lock(store);
	store_drop_and_unlock(store);
}

void
store_drop_and_unlock(struct store *store)
{
	bool last = --store->holds == 0;

	store_unlock(store);
	if (!last)
		return;
	for (unsigned i = 0; i < store->lane_count; i++)
		pthread_mutex_destroy(&store->lanes[i].using);
	pthread_mutex_destroy(&store->lock);
	free(store->idle);
	free(store->schemas);
	free(store);
}

void
store_lock(struct store *store)
{
	must(pthread_mutex_lock(&store->lock) == 0);
}

void
store_unlock(struct store *store)
{
	must(pthread_mutex_unlock(&store->lock) == 0);
}

/* --- how it is --- */

static void
describe(const struct log_scope *scope, char *out, size_t room)
{
	const struct store *store = CONTAINER(scope, struct store, scope);

	snprintf(out, room, "store %s", store->driver->name);
}

void
store_complain(struct store *store, const char *format, ...)
{
	unsigned unsaid = 0;
	char text[400];
	va_list args;
	bool says;

	store_lock(store);
	if (store->complaints == 0 || now_ms() - store->complained >= COMPLAINTS_MS) {
		store->complained = now_ms();
		store->complaints = 0;
		unsaid = store->unsaid;
		store->unsaid = 0;
	}
	says = store->complaints < COMPLAINTS;
	if (says)
		store->complaints++;
	else
		store->unsaid++;
	store_unlock(store);

	if (unsaid > 0)
		log_error(&store->scope, "there were %u more complaints like these", unsaid);
	if (!says)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	log_error(&store->scope, "%s", text);
}

void
store_works(struct store *store, struct health *health)
{
	if (!health->down)
		return;
	health->down = false;
	log_info(&store->scope, "%s again after=%llds",
		 health == &store->reading ? "reads" : "commits",
		 (long long)(now_ms() - health->began) / 1000);
}

void
store_fails(struct store *store, struct health *health, const char *why)
{
	bool reads = health == &store->reading;

	store->counted.failures++;
	snprintf(store->counted.trouble, sizeof store->counted.trouble, "could not %s: %s",
		 reads ? "read" : "commit", why);
	if (health->down)
		return;
	health->down = true;
	health->since = now_seconds();
	health->began = now_ms();
	log_error(&store->scope, "%s%s where=\"%s\"", store->counted.trouble,
		  reads ? "" : "; writes wait", store->vault->where);
}

void
store_state(struct store *store, struct store_state *state)
{
	int64_t bytes = store->driver->bytes(store->vault);

	store_lock(store);
	*state = store->counted;
	state->driver = store->driver->name;
	state->where = store->vault->where;
	state->up = true;
	state_add(state, &store->reading);
	for (unsigned i = 0; i < store->lane_count; i++)
		state_add(state, &store->lanes[i].health);
	state->waiting_rows = (unsigned)store->waiting_rows;
	state->bytes = bytes;
	store_unlock(store);
}

static void
state_add(struct store_state *state, const struct health *health)
{
	if (!health->down)
		return;
	if (state->up || health->since < state->down_since)
		state->down_since = health->since;
	state->up = false;
}

/* --- trials --- */

void
store_fail(struct store *store, long nth)
{
	store_lock(store);
	store->fail_nth = nth;
	store_unlock(store);
}

void
store_slow(struct store *store, unsigned ms)
{
	store_lock(store);
	store->slow_ms = ms;
	store_unlock(store);
}

bool
store_is_on_trial(const struct store *store)
{
	return store->fail_nth != 0 || store->slow_ms != 0;
}

bool
store_fails_always(struct store *store)
{
	bool always;

	store_lock(store);
	always = store->fail_nth < 0;
	store_unlock(store);
	return always;
}

bool
store_trial(struct store *store, enum fault fault, struct failure *failure)
{
	struct timespec pause;
	unsigned ms;
	bool fails;

	store_lock(store);
	ms = store->slow_ms;
	fails = store->fail_nth < 0 || store->fail_nth == 1;
	if (store->fail_nth > 0)
		store->fail_nth--;
	store_unlock(store);

	pause = (struct timespec) { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L };
	if (ms > 0)
		nanosleep(&pause, NULL);
	return !fails || failure_set(failure, fault, "it was made to fail");
}

/* --- on the calling thread --- */

bool
store_read_now(struct store *store, const struct statement *statement, const struct value *in,
	       void *out, size_t room, size_t *length, bool *found, struct err *err)
{
	size_t count = values_check(statement, in);
	struct lane *lane = &store->lanes[0];
	struct arena *arena = arena_new();
	struct failure failure;
	struct rows rows = { 0 };
	bool good;

	pthread_mutex_lock(&lane->using);
	good = store_trial(store, FAULT_DOWN, &failure) &&
	       store->driver->read(lane->connection, statement, in, count, 1, arena, &rows,
				   &failure);
	pthread_mutex_unlock(&lane->using);

	if (!good)
		now_failed(statement, &failure, err);
	else if (rows.count > 0)
		good = answer_copy(out, room, length, &ROW(&rows, 0)[0], statement, err);
	if (good)
		*found = rows.count > 0;
	arena_drop(arena);
	return good;
}

static bool
answer_copy(void *out, size_t room, size_t *length, const struct value *value,
	    const struct statement *statement, struct err *err)
{
	const void *bytes = value->type == STORE_INTEGER ? (const void *)&value->integer
							 : (const void *)value->bytes;
	size_t size = value->type == STORE_INTEGER ? sizeof value->integer : value->length;

	if (value->null)
		size = 0;
	if (size > room)
		return err_fail(err, ERR_LIMIT, "\"%s\" gives %zu bytes, more than %zu",
				statement->name, size, room);
	if (size > 0)
		memcpy(out, bytes, size);
	*length = size;
	return true;
}

bool
store_write_now(struct store *store, const struct statement *statement, const struct value *in,
		struct err *err)
{
	const struct driver *driver = store->driver;
	struct lane *lane = &store->lanes[0];
	struct failure failure;
	size_t at;
	bool good;

	values_check(statement, in);
	pthread_mutex_lock(&lane->using);
	good = driver->begin(lane->connection, &failure) &&
	       store_trial(store, FAULT_DOWN, &failure) &&
	       driver->write(lane->connection, statement, &in, 1, &at, &failure) &&
	       driver->commit(lane->connection, &failure);
	if (!good)
		driver->rollback(lane->connection);
	pthread_mutex_unlock(&lane->using);
	return good || now_failed(statement, &failure, err);
}

static bool
now_failed(const struct statement *statement, const struct failure *failure, struct err *err)
{
	return err_fail(err, failure->fault == FAULT_OWN ? ERR_REFUSED : ERR_DOWN,
			"the store could not do \"%s\": %s", statement->name, failure->text);
}

char *
store_explain(struct store *store, struct arena *arena, const struct statement *statement)
{
	struct lane *lane = &store->lanes[0];
	struct failure failure;
	char *plan;

	pthread_mutex_lock(&lane->using);
	plan = store->driver->explain(lane->connection, statement, arena, &failure);
	pthread_mutex_unlock(&lane->using);
	return plan != NULL ? plan
			    : arena_format(arena, "\"%s\" cannot run: %s", statement->name,
					   failure.text);
}

bool
store_check(struct store *store, struct err *err)
{
	struct lane *lane = &store->lanes[0];
	bool good;

	if (!store->vault->single)
		return store->driver->check(store->vault, NULL, err);
	pthread_mutex_lock(&lane->using);
	good = store->driver->check(store->vault, lane->connection, err);
	pthread_mutex_unlock(&lane->using);
	return good;
}

bool
store_backup(struct store *store, const char *path, struct err *err)
{
	struct lane *lane = &store->lanes[0];
	bool good;

	if (!store->vault->single)
		return store->driver->backup(store->vault, NULL, path, err);
	pthread_mutex_lock(&lane->using);
	good = store->driver->backup(store->vault, lane->connection, path, err);
	pthread_mutex_unlock(&lane->using);
	return good;
}

bool
store_restore(const struct store_settings *settings, const char *path, struct err *err)
{
	const struct driver *driver = driver_find(settings->driver, err);

	return driver != NULL && driver->restore(settings, path, err);
}
