/* SPDX-License-Identifier: MIT */
/*
 * Writes, in batches.
 *
 * A batch is gathered by its owner, then waits in the queue of a lane.  An idle lane
 * starts at once on a helper, a busy one takes all that came meanwhile, up to GROUP_ROWS,
 * into one transaction.  What happens to a batch:
 *
 *	GATHERING	it is the caller's
 *	WAITING		in its lane's queue; its timer at home may take it out and fail it
 *	TAKEN		in the transaction of its lane; only the lane may end it
 *	ENDED		its result is known and on its way home
 *
 * A transaction is tried boldly first: all rows one after another, without those that a
 * later row of the same key replaces.  When a row is refused, its batch has failed, all
 * is rolled back and tried again carefully: every row, and a mark before each batch, so
 * that those which are refused are undone alone.  When the database itself fails, all
 * is rolled back, the batches go back to the head of the queue and the lane pauses.  When
 * the database was cut off while it committed, the batches stay TAKEN until the driver knows
 * what became of them.  So a batch ends only by a commit that it was in, or outside any
 * transaction.
 */
#include "store/store.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "store/internal.h"

#define FIRST_PAUSE_MS   50
#define LONGEST_PAUSE_MS 1000
#define LOOK_AGAIN_MS    100
#define LAST_TRIES       10
#define LAST_MS          SECONDS(5) /* for all of them */
#define AGAIN_TRIES      5
#define LAST_PAUSE_NS    100000000L

struct write {
	struct write *next;
	const struct statement *statement;
	const struct value *in;
	struct entry key; /* key.key NULL: replaces nothing */
	bool replaced;    /* by a later one of the same transaction */
	struct batch *batch;
};

/* Somebody who has writes that wait. */
struct owner {
	struct entry entry;
	struct list batches; /* in the order given */
	char name[];
};

struct batch {
	struct arena *arena; /* in which it lies itself */
	struct store *store;
	struct lane *lane;
	const char *name;    /* of the owner, or NULL */
	struct owner *owner; /* until it ends */
	struct list sibling; /* among the owner's */
	struct list place;   /* in the lane's queue or group, then among the ended */
	enum { GATHERING, WAITING, TAKEN, ENDED } state;
	struct write *first, *last;
	unsigned rows;
	bool replaces; /* some write has a key */
	size_t bytes;
	int64_t patience, deadline;
	enum stored result;
	struct reading *reads, *last_read; /* that must see this batch */
	struct shard *home;
	struct post post;
	struct timer timer; /* at home, when somebody waits */
	store_done_fn *fn;
	void *ctx;
};

static void batch_write(struct batch *batch, const struct statement *statement, const char *key,
			const struct value *in);
static struct lane *lane_for(struct store *store, const char *owner);
static void batch_refuse(struct batch *batch);
static void batch_wait(struct batch *batch);
static void lane_start(struct lane *lane);
static void batch_late(void *arg);
static void batch_end(struct batch *batch, enum stored result);
static void batch_go_home(struct batch *batch);
static void batch_home(void *arg);
static void owner_add(struct batch *batch);
static void owner_remove(struct batch *batch);
static void reads_append(struct batch *batch, struct reading *first, struct reading *last);

enum tried { WORKED, REFUSED, SICK, BLOCKED, UNSURE };
typedef enum tried write_fn(struct lane *lane, struct list *group, bool trial,
			    struct failure *failure);

static void lane_work(struct job *job);
static bool lane_run(struct lane *lane);
static bool lane_probe(struct lane *lane, bool trial, struct failure *failure);
static void lane_pause(struct lane *lane);
static void lane_paused(void *arg);
static void lane_resumed(void *arg);
static unsigned group_take(struct lane *lane, struct list *group, struct list *ended);
static void group_replace(struct list *group);
static bool lane_settle(struct lane *lane, struct list *ended);
static enum tried group_commit(struct lane *lane, struct list *group, bool trial,
			       struct failure *failure);
static enum tried group_try(struct lane *lane, struct list *group, bool trial, write_fn *write,
			    struct failure *failure);
static enum tried tried_of(const struct failure *failure);
static bool group_has_writes(struct list *group);
static enum tried write_boldly(struct lane *lane, struct list *group, bool trial,
			       struct failure *failure);
static enum tried write_carefully(struct lane *lane, struct list *group, bool trial,
				  struct failure *failure);
static void batch_refused(struct write *write, const struct failure *failure);
static void group_end(struct lane *lane, struct list *group, bool good, struct list *ended);
static void all_go_home(struct list *ended);

/* --- gathering --- */

struct batch *
batch_new(struct store *store, const char *owner)
{
	struct arena *arena = arena_new();
	struct batch *batch = NEW(arena, struct batch);

	batch->arena = arena;
	batch->store = store;
	batch->name = owner != NULL ? arena_copy(arena, owner) : NULL;
	batch->patience = WRITE_MS;
	return batch;
}

const char *
batch_owner(const struct batch *batch)
{
	return batch->name;
}

void
batch_add(struct batch *batch, const struct statement *statement, const struct value *in)
{
	batch_write(batch, statement, NULL, in);
}

void
batch_coalesce(struct batch *batch, const struct statement *statement, const char *key,
	       const struct value *in)
{
	batch_write(batch, statement, key, in);
}

static void
batch_write(struct batch *batch, const struct statement *statement, const char *key,
	    const struct value *in)
{
	struct write *write = NEW(batch->arena, struct write);
	size_t count = values_check(statement, in);

	must(batch->state == GATHERING);
	write->batch = batch;
	write->statement = statement;
	write->in = values_copy(batch->arena, in, count);
	if (key != NULL) {
		write->key.key = arena_format(batch->arena, "%s\x1f%s\x1f%s", statement->name, key,
					      batch->name != NULL ? batch->name : "");
		batch->replaces = true;
	}
	if (batch->last != NULL)
		batch->last->next = write;
	else
		batch->first = write;
	batch->last = write;
	batch->rows++;
	batch->bytes += sizeof *write + count * sizeof in[0];
	for (size_t i = 0; i < count; i++)
		batch->bytes += write->in[i].bytes != NULL ? write->in[i].length : 0;
}

void
batch_set_deadline(struct batch *batch, int64_t ms)
{
	batch->patience = ms;
}

void
batch_forget(struct batch *batch)
{
	must(batch->state == GATHERING);
	arena_drop(batch->arena);
}

/* --- waiting --- */

void
batch_commit(struct batch *batch, store_done_fn *fn, void *ctx)
{
	struct store *store = batch->store;
	bool fits, down;

	must(batch->state == GATHERING && shard_here() != NULL);
	batch->fn = fn;
	batch->ctx = ctx;
	batch->home = shard_here();
	batch->deadline = now_ms() + batch->patience;
	batch->lane = lane_for(store, batch->name);

	/* Nobody else knows it yet, so this may be done before. */
	if (fn != NULL)
		timer_start(&batch->timer, batch->patience, batch_late, batch);

	store_lock(store);
	must(!store->closing);
	if (fn != NULL)
		store->holds++;
	fits = store->waiting_rows + batch->rows <= WAITING_ROWS &&
	       store->waiting_bytes + batch->bytes <= WAITING_BYTES;
	down = batch->lane->health.down;
	if (fits)
		batch_wait(batch);
	else
		batch->state = ENDED;
	store_unlock(store);

	if (!fits) {
		store_complain(store, "a write was turned away: too much is waiting%s",
			       down ? ", the store is down" : "");
		batch_refuse(batch);
	}
}

static struct lane *
lane_for(struct store *store, const char *owner)
{
	if (owner == NULL || store->lane_count == 1)
		return &store->lanes[0];
	return &store->lanes[hash_place(hash_stable(owner, strlen(owner)), store->lane_count)];
}

bool
store_together(const struct store *store, const char *one, const char *other)
{
	/* Only which lane it is is asked for. */
	return lane_for((struct store *)store, one) == lane_for((struct store *)store, other);
}

static void
batch_refuse(struct batch *batch)
{
	batch->result = STORE_FAILED;
	batch_go_home(batch);
}

static void
batch_wait(struct batch *batch)
{
	batch->state = WAITING;
	batch->store->waiting_rows += batch->rows;
	batch->store->waiting_bytes += batch->bytes;
	if (batch->name != NULL)
		owner_add(batch);
	list_append(&batch->lane->queue, &batch->place);
	if (batch->lane->state == IDLE)
		lane_start(batch->lane);
}

static void
lane_start(struct lane *lane)
{
	lane->state = WORKING;
	/* This pool has no bound. */
	must(helper_start(lane->store->writers, &lane->job,
			  (uint64_t)(lane - lane->store->lanes) + 1, lane_work, NULL));
}

/* Its time is over.  When it is in a transaction just now, the lane decides what becomes
 * of it; until then we only look again. */
static void
batch_late(void *arg)
{
	struct batch *batch = arg;
	struct store *store = batch->store;
	bool waits;

	store_lock(store);
	waits = batch->state == WAITING;
	if (waits) {
		list_remove(&batch->place);
		batch_end(batch, STORE_FAILED);
	} else if (batch->state == TAKEN) {
		timer_start(&batch->timer, LOOK_AGAIN_MS, batch_late, batch);
	}
	store_unlock(store);
	if (waits)
		batch_home(batch);
}

/* With the lock held: its result is known, and who waited for it may go on. */
static void
batch_end(struct batch *batch, enum stored result)
{
	struct store *store = batch->store;

	batch->state = ENDED;
	batch->result = result;
	store->waiting_rows -= batch->rows;
	store->waiting_bytes -= batch->bytes;
	if (batch->owner != NULL)
		owner_remove(batch);
	for (struct reading *reading = batch->reads, *next; reading != NULL; reading = next) {
		next = reading->next;
		reading_start(reading);
	}
}

static void
batch_go_home(struct batch *batch)
{
	if (batch->fn != NULL)
		shard_post(batch->home, &batch->post, batch_home, batch);
	else
		arena_drop(batch->arena);
}

static void
batch_home(void *arg)
{
	struct batch *batch = arg;
	struct store *store = batch->store;

	timer_stop(&batch->timer);
	store_lock(store);
	store_drop_and_unlock(store);
	batch->fn(batch->ctx, batch->result);
	arena_drop(batch->arena);
}

/* --- owners --- */

static void
owner_add(struct batch *batch)
{
	struct table *owners = &batch->store->owners;
	struct owner *owner = TABLE_ITEM(table_get(owners, batch->name), struct owner, entry);

	if (owner == NULL) {
		size_t size = strlen(batch->name) + 1;

		owner = zalloc(sizeof *owner + size);
		memcpy(owner->name, batch->name, size);
		list_init(&owner->batches);
		table_put(owners, &owner->entry, owner->name);
	}
	list_append(&owner->batches, &batch->sibling);
	batch->owner = owner;
}

/* Who waits for a batch waits for all that were given before it too; when it ends before
 * them (it had less time), they wait for the one before. */
static void
owner_remove(struct batch *batch)
{
	struct owner *owner = batch->owner;
	struct list *before = batch->sibling.prev;

	if (before != &owner->batches && batch->reads != NULL) {
		struct batch *earlier = LIST_ITEM(before, struct batch, sibling);

		reads_append(earlier, batch->reads, batch->last_read);
		batch->reads = batch->last_read = NULL;
	}
	list_remove(&batch->sibling);
	batch->owner = NULL;
	if (list_is_empty(&owner->batches)) {
		table_remove(&batch->store->owners, &owner->entry);
		free(owner);
	}
}

bool
owner_delays(struct store *store, const char *name, struct reading *reading)
{
	struct owner *owner = TABLE_ITEM(table_get(&store->owners, name), struct owner, entry);

	if (owner == NULL)
		return false;
	reads_append(LIST_ITEM(owner->batches.prev, struct batch, sibling), reading, reading);
	return true;
}

static void
reads_append(struct batch *batch, struct reading *first, struct reading *last)
{
	if (batch->last_read != NULL)
		batch->last_read->next = first;
	else
		batch->reads = first;
	batch->last_read = last;
}

/* --- the lane --- */

void
lane_init(struct lane *lane, struct store *store)
{
	lane->store = store;
	list_init(&lane->queue);
	list_init(&lane->doubt);
	must(pthread_mutex_init(&lane->using, NULL) == 0);
}

static void
lane_work(struct job *job)
{
	lane_run(CONTAINER(job, struct lane, job));
}

/* Commits group after group until nothing waits (true), or the database fails.  A lane that
 * failed and has nothing left to write asks until it works again.  In either case the lane may be
 * at work again, on another thread, when this returns. */
static bool
lane_run(struct lane *lane)
{
	struct store *store = lane->store;
	struct list group, ended;
	enum tried tried;

	list_init(&group);
	list_init(&ended);
	do {
		struct failure failure;
		int64_t began;
		unsigned late;
		bool none, trial;
		struct list *node;

		if (!list_is_empty(&lane->doubt) && !lane_settle(lane, &ended))
			return false;
		store_lock(store);
		late = group_take(lane, &group, &ended);
		none = list_is_empty(&group) && (!lane->health.down || store->closing);
		if (none)
			lane->state = IDLE;
		trial = store_is_on_trial(store);
		store_unlock(store);
		all_go_home(&ended);
		if (late > 0)
			store_complain(store, "gave up writes that waited too long count=%u", late);
		if (none)
			return true;

		began = now_us();
		pthread_mutex_lock(&lane->using);
		if (!list_is_empty(&group))
			tried = group_commit(lane, &group, trial, &failure);
		else
			tried = lane_probe(lane, trial, &failure) ? WORKED : SICK;
		pthread_mutex_unlock(&lane->using);

		store_lock(store);
		if (now_us() - began > store->counted.slowest_us)
			store->counted.slowest_us = now_us() - began;
		if (tried == UNSURE)
			while ((node = list_shift(&group)) != NULL)
				list_append(&lane->doubt, node);
		else
			group_end(lane, &group, tried == WORKED, &ended);
		if (tried == WORKED) {
			store_works(store, &lane->health);
			lane->pause = 0;
		} else {
			store_fails(store, &lane->health, failure.text);
			lane_pause(lane);
		}
		store_unlock(store);
		all_go_home(&ended);
	} while (tried == WORKED);
	return false;
}

/* Asks what became of a group that was cut off while it was committed; false: that is still
 * not known, and the lane pauses. */
static bool
lane_settle(struct lane *lane, struct list *ended)
{
	struct store *store = lane->store;
	struct failure failure;
	bool committed, good;

	pthread_mutex_lock(&lane->using);
	good = store->driver->settle(lane->connection, &committed, &failure);
	pthread_mutex_unlock(&lane->using);

	store_lock(store);
	if (good) {
		group_end(lane, &lane->doubt, committed, ended);
		store_works(store, &lane->health);
		lane->pause = 0;
	} else {
		store_fails(store, &lane->health, failure.text);
		lane_pause(lane);
	}
	store_unlock(store);
	all_go_home(ended);
	return good;
}

/* Whether the database commits.  Not counted as a statement by those who want the n-th to
 * fail. */
static bool
lane_probe(struct lane *lane, bool trial, struct failure *failure)
{
	const struct driver *driver = lane->store->driver;
	const struct value *none = NULL;
	size_t at;
	bool good;

	if (trial && store_fails_always(lane->store))
		return failure_set(failure, FAULT_DOWN, "it was made to fail");
	good = driver->begin(lane->connection, failure) &&
	       driver->write(lane->connection, &probe_write, &none, 1, &at, failure) &&
	       driver->commit(lane->connection, failure);
	if (!good)
		driver->rollback(lane->connection);
	return good;
}

/* The database is sick: we try again in a while, by a timer, because a helper must not
 * sleep and because tests make time stand still. */
static void
lane_pause(struct lane *lane)
{
	struct store *store = lane->store;

	lane->pause = lane->pause == 0 ? FIRST_PAUSE_MS : 2 * lane->pause;
	if (lane->pause > LONGEST_PAUSE_MS)
		lane->pause = LONGEST_PAUSE_MS;
	lane->state = PAUSED;
	if (store->closing)
		return;
	store->holds++;
	shard_post(shard_at(0), &lane->post, lane_paused, lane);
}

static void
lane_paused(void *arg)
{
	struct lane *lane = arg;
	struct store *store = lane->store;

	store_lock(store);
	if (!store->closing)
		timer_start(&lane->timer, lane->pause, lane_resumed, lane);
	store_drop_and_unlock(store);
}

static void
lane_resumed(void *arg)
{
	struct lane *lane = arg;
	struct store *store = lane->store;

	store_lock(store);
	must(lane->state == PAUSED && !store->closing);
	lane_start(lane);
	store_unlock(store);
}

void
lane_drain(struct lane *lane)
{
	const struct timespec pause = { .tv_nsec = LAST_PAUSE_NS };
	struct store *store = lane->store;
	struct list *node, ended;
	unsigned lost = 0, doubtful = 0;
	int64_t began = now_ms();

	if (shard_here() != NULL)
		timer_stop(&lane->timer);
	for (unsigned tries = 1;
	     !lane_run(lane) && tries < LAST_TRIES && now_ms() - began < LAST_MS; tries++)
		nanosleep(&pause, NULL);

	list_init(&ended);
	store_lock(store);
	for (; (node = list_shift(&lane->queue)) != NULL; lost++) {
		batch_end(LIST_ITEM(node, struct batch, place), STORE_FAILED);
		list_append(&ended, node);
	}
	for (; (node = list_shift(&lane->doubt)) != NULL; doubtful++) {
		batch_end(LIST_ITEM(node, struct batch, place), STORE_FAILED);
		list_append(&ended, node);
	}
	store_unlock(store);
	all_go_home(&ended);
	if (doubtful > 0)
		log_error(&store->scope,
			  "closed before it was known whether all was written batches=%u",
			  doubtful);
	if (lost > 0)
		log_error(&store->scope, "closed before all was written, lost batches=%u", lost);
}

/* --- a group: what goes into one transaction --- */

/* Takes what comes next, at least one batch when there is one; those that are too late
 * are ended, and counted when nobody waits for them. */
static unsigned
group_take(struct lane *lane, struct list *group, struct list *ended)
{
	unsigned rows = 0, late = 0;
	bool replaces = false;
	int64_t now = now_ms();

	while (!list_is_empty(&lane->queue)) {
		struct batch *batch = LIST_ITEM(lane->queue.next, struct batch, place);

		if (rows > 0 && rows + batch->rows > GROUP_ROWS)
			break;
		list_remove(&batch->place);
		if (batch->deadline <= now) {
			late += batch->fn == NULL;
			batch_end(batch, STORE_FAILED);
			list_append(ended, &batch->place);
			continue;
		}
		batch->state = TAKEN;
		batch->result = STORE_OK;
		list_append(group, &batch->place);
		rows += batch->rows;
		replaces = replaces || batch->replaces;
	}
	if (replaces)
		group_replace(group);
	return late;
}

/* Of the writes with one key only the last is needed. */
static void
group_replace(struct list *group)
{
	struct table seen = { 0 };
	struct batch *batch;

	LIST_EACH (group, batch, struct batch, place)
		for (struct write *write = batch->first; write != NULL; write = write->next) {
			struct write *earlier;

			write->replaced = false;
			if (write->key.key == NULL)
				continue;
			earlier = TABLE_ITEM(table_get(&seen, write->key.key), struct write, key);
			if (earlier != NULL) {
				earlier->replaced = true;
				table_remove(&seen, &earlier->key);
			}
			table_put(&seen, &write->key, write->key.key);
		}
	table_clear(&seen);
}

static enum tried
group_commit(struct lane *lane, struct list *group, bool trial, struct failure *failure)
{
	enum tried tried = BLOCKED;

	for (unsigned tries = 0; tried == BLOCKED && tries < AGAIN_TRIES; tries++) {
		tried = group_try(lane, group, trial, write_boldly, failure);
		if (tried == REFUSED)
			tried = group_try(lane, group, trial, write_carefully, failure);
		must(tried != REFUSED);
	}
	return tried;
}

static enum tried
group_try(struct lane *lane, struct list *group, bool trial, write_fn *write,
	  struct failure *failure)
{
	const struct driver *driver = lane->store->driver;
	enum tried tried = SICK;

	if (!group_has_writes(group))
		return WORKED;
	if ((!trial || store_trial(lane->store, FAULT_DOWN, failure)) &&
	    driver->begin(lane->connection, failure))
		tried = write(lane, group, trial, failure);
	if (tried == WORKED && ((trial && !store_trial(lane->store, FAULT_DOWN, failure)) ||
				!driver->commit(lane->connection, failure)))
		tried = tried_of(failure);
	if (tried != WORKED)
		driver->rollback(lane->connection);
	return tried;
}

static enum tried
tried_of(const struct failure *failure)
{
	switch (failure->fault) {
	case FAULT_OWN:
		return REFUSED;
	case FAULT_DOWN:
		return SICK;
	case FAULT_AGAIN:
		return BLOCKED;
	case FAULT_DOUBT:
		return UNSURE;
	}
	must(false);
}

static bool
group_has_writes(struct list *group)
{
	struct batch *batch;

	LIST_EACH (group, batch, struct batch, place)
		if (batch->result == STORE_OK && batch->first != NULL)
			return true;
	return false;
}

/* All rows in order; those of one statement that follow each other go to the driver
 * together. */
static enum tried
write_boldly(struct lane *lane, struct list *group, bool trial, struct failure *failure)
{
	const struct driver *driver = lane->store->driver;
	const struct value **rows;
	struct write **writes;
	size_t room = 0, count = 0, same;
	bool good = true;
	struct batch *batch;

	LIST_EACH (group, batch, struct batch, place)
		room += batch->rows;
	writes = resize(NULL, room * sizeof writes[0]);
	rows = resize(NULL, room * sizeof rows[0]);
	LIST_EACH (group, batch, struct batch, place)
		for (struct write *write = batch->first; write != NULL; write = write->next)
			if (!write->replaced) {
				rows[count] = write->in;
				writes[count++] = write;
			}

	for (size_t i = 0; good && i < count; i += same) {
		const struct statement *statement = writes[i]->statement;
		size_t at = 0;

		for (same = 1; !trial && i + same < count; same++)
			if (writes[i + same]->statement != statement)
				break;
		good = (!trial || store_trial(lane->store, FAULT_OWN, failure)) &&
		       driver->write(lane->connection, statement, rows + i, same, &at, failure);
		if (!good && failure->fault == FAULT_OWN && at < same)
			batch_refused(writes[i + at], failure);
	}
	free(writes);
	free(rows);
	return good ? WORKED : tried_of(failure);
}

/* Every row, also those that are replaced, because what replaces them may be refused. */
static enum tried
write_carefully(struct lane *lane, struct list *group, bool trial, struct failure *failure)
{
	const struct driver *driver = lane->store->driver;
	struct connection *connection = lane->connection;
	struct batch *batch;

	LIST_EACH (group, batch, struct batch, place) {
		bool good = batch->result == STORE_OK;

		if (!good)
			continue;
		if (!driver->mark(connection, failure))
			return failure->fault == FAULT_AGAIN ? BLOCKED : SICK;
		for (struct write *write = batch->first; good && write != NULL;
		     write = write->next) {
			size_t at;

			good = (!trial || store_trial(lane->store, FAULT_OWN, failure)) &&
			       driver->write(connection, write->statement, &write->in, 1, &at,
					     failure);
			if (!good && failure->fault != FAULT_OWN)
				return tried_of(failure);
			if (!good)
				batch_refused(write, failure);
		}
		if (!(good ? driver->unmark(connection, failure)
			   : driver->undo(connection, failure)))
			return SICK;
	}
	return WORKED;
}

static void
batch_refused(struct write *write, const struct failure *failure)
{
	write->batch->result = STORE_FAILED;
	store_complain(write->batch->store, "could not write \"%s\": %s", write->statement->name,
		       failure->text);
}

/* After a commit all of it ends; after a failure only what was refused, and the rest goes
 * back to where it came from. */
static void
group_end(struct lane *lane, struct list *group, bool good, struct list *ended)
{
	struct store_state *counted = &lane->store->counted;
	struct list *node, back;
	bool committed = false;

	list_init(&back);
	while ((node = list_shift(group)) != NULL) {
		struct batch *batch = LIST_ITEM(node, struct batch, place);

		if (batch->result == STORE_OK && !good) {
			batch->state = WAITING;
			list_prepend(&back, node);
			continue;
		}
		if (batch->result == STORE_OK) {
			counted->batches++;
			counted->rows += batch->rows;
			committed = true;
		} else {
			counted->failures++;
		}
		batch_end(batch, batch->result);
		list_append(ended, node);
	}
	counted->transactions += committed;
	while ((node = list_shift(&back)) != NULL)
		list_prepend(&lane->queue, node);
}

static void
all_go_home(struct list *ended)
{
	struct list *node;

	while ((node = list_shift(ended)) != NULL)
		batch_go_home(LIST_ITEM(node, struct batch, place));
}
