/* SPDX-License-Identifier: MIT */
/*
 * Everything that is kept: one interface, drivers behind it.
 *
 * The store speaks SQL but not to its callers: a caller declares *statements* (named,
 * typed, one text a driver) and *migrations* (numbered SQL files a module and driver),
 * and then reads, pages and writes by statement.  Nothing here blocks a loop: an answer
 * comes once, later, on the shard that asked.
 *
 * Three answers, never two: rows or none (STORE_OK), or STORE_FAILED: cannot tell now.
 *
 * Writes are grouped.  A batch is atomic; batches of one owner are committed in the
 * order given; an idle writer commits at once, a busy one takes up to 500 rows into one
 * transaction.  A read that names an owner sees that owner's earlier writes.
 * Waiting writes are bounded (rows and bytes) and have a deadline: a write that could
 * not be committed by then is reported STORE_FAILED and is *not* applied later.  When the
 * database was cut off while it committed, it is reported when that is known, however long
 * it takes.
 */
#pragma once

#include "base/arena.h"
#include "base/err.h"

struct store;

enum store_type { STORE_INTEGER = 'i', STORE_TEXT = 't', STORE_BLOB = 'b' };

/*
 * One SQL statement.  `in` and `out` name the types of its parameters and columns, a
 * character each ("tti"); parameters are '?' in order, and each is named once.
 *
 * `sqlite` is for every driver, `mariadb` only where MariaDB must be told in other words;
 * doc/modules.md says what both understand.  A test prepares every statement on both.
 */
struct statement {
	const char *name; /* "roster.load": unique; for logs, metrics and plan tests */
	const char *in, *out;
	const char *sqlite;
	const char *mariadb; /* NULL: the same text */
	bool hot;            /* on a hot path: a test demands that it uses an index */
};

struct value { /* a parameter or a column; type as declared */
	enum store_type type;
	bool null;
	int64_t integer;
	const char *bytes; /* NUL-terminated after `length` when it is a column */
	size_t length;
};

#define INTEGER_VALUE(n) ((struct value) { .type = STORE_INTEGER, .integer = (int64_t)(n) })
PUBLIC struct value text_value(const char *text); /* NULL: SQL NULL */
PUBLIC struct value blob_value(const void *bytes, size_t length);

struct rows { /* good during the callback only */
	size_t count, columns;
	const struct value *values; /* count * columns, row by row */
	bool more;                  /* page: there are rows behind these */
};
#define ROW(rows, i) (&(rows)->values[(i) * (rows)->columns])

enum stored { STORE_OK, STORE_FAILED };

typedef void store_read_fn(void *ctx, enum stored result, const struct rows *rows);
typedef void store_done_fn(void *ctx, enum stored result);

/* Runs a query and gives all its rows (at most `STORE_READ_MAX`).  `owner` (a bare
 * address or another stable name; NULL: none) is whose earlier writes must be seen.
 * Values are copied. */
#define STORE_READ_MAX 100000
PUBLIC void store_read(struct store *store, const struct statement *statement, const char *owner,
		       const struct value *in, store_read_fn *fn, void *ctx);
/* The same for at most `limit` rows: the statement's last parameter is the SQL LIMIT
 * and is added by the store (limit + 1, to know whether there is more). */
PUBLIC void store_page(struct store *store, const struct statement *statement, const char *owner,
		       const struct value *in, unsigned limit, store_read_fn *fn, void *ctx);

/* Several writes that happen together or not at all. */
struct batch;
PUBLIC struct batch *batch_new(struct store *store, const char *owner);
PUBLIC void batch_add(struct batch *batch, const struct statement *statement,
		      const struct value *in);
/* A write that replaces an earlier one of this statement and `key` that still waits in
 * the same owner's queue (one row a conversation or session a transaction). */
PUBLIC void batch_coalesce(struct batch *batch, const struct statement *statement, const char *key,
			   const struct value *in);
/* Gives the batch away; `fn` (NULL: nobody waits; a failure is logged) comes once, later. */
PUBLIC void batch_commit(struct batch *batch, store_done_fn *fn, void *ctx);
PUBLIC void batch_forget(struct batch *batch); /* instead of committing */
/* Whether the writes of two owners go one way: then those of the one that were given first are not
 * committed later than those of the other. */
PUBLIC bool store_together(const struct store *store, const char *one, const char *other);
/* How long a write may wait before it fails; 10 s unless set. */
PUBLIC void batch_set_deadline(struct batch *batch, int64_t ms);

/* Small documents, for modules whose needs are not worth a table: (owner, collection,
 * key) -> text.  Built on a generic table and the calls above. */
PUBLIC void store_get(struct store *store, const char *owner, const char *collection,
		      const char *key, store_read_fn *fn, void *ctx); /* rows: (key, text) */
PUBLIC void store_list(struct store *store, const char *owner, const char *collection,
		       store_read_fn *fn, void *ctx);
PUBLIC void batch_put(struct batch *batch, const char *collection, const char *key,
		      const char *text);
PUBLIC void batch_unput(struct batch *batch, const char *collection, const char *key);
PUBLIC void batch_unput_all(struct batch *batch, const char *collection);

/* --- opening and caring for: main/ and tools; these block, never on a loop --- */

/* What the configuration says of the store. */
struct store_settings {
	const char *driver;           /* "sqlite", "mariadb" */
	const char *folder;           /* the data folder */
	const char *path;             /* sqlite: the file, below folder; ":memory:" in tests */
	const char *schemas;          /* where the SQL files are: schemas/DRIVER/... */
	unsigned readers;             /* threads that read */
	bool moving;                  /* it is opened by who moves another store there */
	bool automigrate, autocreate; /* the latter is for a store that is new */

	/* mariadb */
	const char *host; /* unless there is a socket */
	unsigned port;
	const char *socket;
	const char *user;
	const char *password_file; /* its first line; NULL: no password */
	const char *database;
	const char *tls;  /* "required", "optional", "off" */
	const char *ca;   /* a file of certificates; NULL: those the system trusts */
	unsigned writers; /* connections that write */
	unsigned seconds; /* how long the server may take to answer */
};

/* Opens, takes what locks the driver needs, starts its helpers.  NULL with the reason:
 * locked, corrupt, a newer schema ("... was written by a newer version: MODULE is at 7,
 * this one knows 5"), a disk that says no. */
struct store *store_open(const struct store_settings *settings, struct err *err);
/* Commits what waits, ends the helpers, closes. */
void store_close(struct store **store);

/* Before the first use of a module's statements: its migrations are those named
 * schemas/DRIVER/MODULE-NNN-words.sql, applied in order and recorded a module. */
struct store_plan {
	const char *module;
	int have, want;
	const char *sql; /* what would run, in `arena` */
};
/* Fills `plans` (in `arena`) with what is not applied yet; false with the reason. */
bool store_plan(struct store *store, struct arena *arena, const char *const *modules,
		struct store_plan **plans, size_t *count, struct err *err);
/* Whether nothing was ever applied to it; false, too, when that cannot be told. */
bool store_is_new(struct store *store);
/* Applies it, after a backup copy when the driver can make one and there was data. */
bool store_migrate(struct store *store, const char *const *modules, struct err *err);

/* Copies all that is in one store into another of another kind, which must be new, or the one
 * to which this was begun before; verified by numbers of rows and checksums.  Servers do not
 * open the other before this is done, and must not use the one meanwhile. */
struct store_move {
	struct arena *arena;
	/* So many rows of `table` are there; false: leave it for now.  Or NULL. */
	bool (*progress)(struct store_move *move, uint64_t rows);
	void *ctx;
	const char *table;
	struct store_moved {
		const char *name;
		uint64_t rows, checksum;
	} * tables; /* what was moved */
	size_t count;
};
bool store_move(struct store *from, struct store *to, const char *const *modules,
		struct store_move *move, struct err *err);

/* Copies the whole store into `path` while it is in use, opens the copy and checks it. */
bool store_backup(struct store *store, const char *path, struct err *err);
/* Puts a backup in the place of the store of a server that does not run. */
bool store_restore(const struct store_settings *settings, const char *path, struct err *err);
/* Reads on the calling thread, which must not be a loop: for tools that work while no
 * server runs, and for tests. */
bool store_check(struct store *store, struct err *err); /* integrity */
/* One statement on the calling thread, outside any batch: at start and in tools, where no
 * loop runs yet.  The first column of the first row goes to `out`. */
bool store_read_now(struct store *store, const struct statement *statement, const struct value *in,
		    void *out, size_t room, size_t *length, bool *found, struct err *err);
bool store_write_now(struct store *store, const struct statement *statement, const struct value *in,
		     struct err *err);
/* The driver's query plan of a statement, as text: for the index tests. */
char *store_explain(struct store *store, struct arena *arena, const struct statement *statement);

struct store_state {
	const char *driver, *where;
	bool up;
	int64_t down_since; /* seconds since 1970; 0 when up */
	char trouble[200];  /* the last failure's sentence */
	uint64_t reads, batches, rows, transactions, failures;
	unsigned waiting_rows;
	int64_t bytes;
	int64_t slowest_us;
};
void store_state(struct store *store, struct store_state *state); /* any thread */

/* For tests: the n-th statement from now fails (0: none; -1: all, until set to 0), and
 * each takes `ms` longer. */
void store_fail(struct store *store, long nth);
void store_slow(struct store *store, unsigned ms);
