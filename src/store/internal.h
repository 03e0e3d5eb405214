/* SPDX-License-Identifier: MIT */
/*
 * What the files of the store share.
 *
 * One mutex, held for moments, guards all that several threads touch: the queues, who
 * has writes that wait, the counters.  What blocks is done without it.
 */
#pragma once

#include <pthread.h>

#include "base/list.h"
#include "base/log.h"
#include "base/table.h"
#include "loop/helper.h"
#include "loop/timer.h"
#include "store/driver.h"

#define GROUP_ROWS    500
#define WAITING_ROWS  100000
#define WAITING_BYTES ((size_t)64 << 20)
#define READS_WAITING 20000
#define WRITE_MS      10000
#define READ_MS       10000

/* A read on its way: made at home, filled by a reader, at home again given to `fn`. */
struct reading {
	struct arena *arena; /* in which it lies itself */
	struct store *store;
	const struct statement *statement;
	const struct value *in;
	size_t count; /* of `in` */
	size_t limit; /* 0: all */
	uint64_t key;
	struct reading *next; /* of those that wait for the same batch */
	struct job job;
	enum stored result;
	struct rows rows;
	struct shard *home;
	struct post post;
	struct timer timer; /* at home */
	bool answered;      /* at home */
	store_read_fn *fn;
	void *ctx;
};

/* Whether reading or writing works, to say so once a change. */
struct health {
	bool down;
	int64_t since; /* seconds since 1970 */
	int64_t began; /* now_ms() */
};

/* One writing connection and what waits for it.  All batches of an owner are in one lane. */
struct lane {
	struct store *store;
	pthread_mutex_t using; /* the connection; always taken before the store's lock */
	struct connection *connection;
	struct list queue;
	struct list doubt; /* a group that may have been committed, or not */
	enum { IDLE, WORKING, PAUSED } state;
	struct job job;
	struct post post;
	struct timer timer;
	int64_t pause; /* ms until the next try */
	struct health health;
};

struct store {
	const struct driver *driver;
	struct vault *vault;
	char *schemas;
	struct log_scope scope;

	pthread_mutex_t lock;
	/* Itself until it is closed, and every batch and post that will come back for it. */
	unsigned holds;
	bool closing;
	struct helper_pool *writers, *readers;
	struct connection **idle; /* the readers' connections that nobody uses now */
	unsigned idle_count, reader_count;
	struct table owners; /* who has writes that wait */
	size_t waiting_rows, waiting_bytes;
	struct health reading;
	struct probe {
		struct job job;
		struct post post;
		struct timer timer;
		bool on;
	} probe; /* asks whether reading works again */
	struct store_state counted;
	long fail_nth;
	unsigned slow_ms;
	int64_t complained; /* now_ms() of the first line of these */
	unsigned complaints, unsaid;

	unsigned lane_count;
	struct lane lanes[];
};

/* --- store.c --- */

void store_lock(struct store *store);
void store_unlock(struct store *store);
/* Gives back one hold, with the lock held, and unlocks. */
void store_drop_and_unlock(struct store *store);
/* A line in the log, unless there were many just now. */
void store_complain(struct store *store, const char *format, ...) PRINTF_LIKE(2, 3);
/* With the lock held: tells what works and what does not, when that changes. */
void store_works(struct store *store, struct health *health);
void store_fails(struct store *store, struct health *health, const char *why);
/* Whether tests want statements to fail or be slow; with the lock held. */
bool store_is_on_trial(const struct store *store);
bool store_fails_always(struct store *store); /* without the lock */
/* Lets a statement run, or not; without the lock, and only when on trial. */
bool store_trial(struct store *store, enum fault fault, struct failure *failure);
/* How many parameters; each must be of its type. */
size_t values_check(const struct statement *statement, const struct value *in);
struct value *values_copy(struct arena *arena, const struct value *in, size_t count);

/* --- batch.c --- */

void lane_init(struct lane *lane, struct store *store);
/* Commits what waits in a lane whose helpers are gone, or fails it. */
void lane_drain(struct lane *lane);
/* With the lock held: whether `owner` has writes that wait; `reading` is then started
 * when they are done. */
bool owner_delays(struct store *store, const char *owner, struct reading *reading);

const char *batch_owner(const struct batch *batch);

/* --- read.c --- */

/* With the lock held: asks the readers from time to time, until they work again. */
void probe_start(struct store *store);
/* Gives it to the readers; any thread, with or without the lock. */
void reading_start(struct reading *reading);

/* --- move.c --- */

/* Stands among the migrations of a store into which another is being copied. */
#define MOVING "moving"
extern const struct statement *const move_statements[]; /* NULL-terminated */

/* --- document.c --- */

extern const struct statement *const document_statements[]; /* NULL-terminated */

/* --- migrate.c --- */

/* Whether a store whose `module` is at `have` can be used by us. */
bool version_is_known(const char *schemas, const char *driver, const char *module, int have,
		      struct err *err);
/* A write that changes nothing, and a read: whether the database works. */
extern const struct statement probe_write, probe_read;
extern const struct statement *const migration_statements[]; /* NULL-terminated */
/* The same for all that is recorded; `moving`: a move may be under way. */
bool versions_check(struct store *store, bool moving, struct err *err);
