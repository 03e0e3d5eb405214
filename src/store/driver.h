/* SPDX-License-Identifier: MIT */
/*
 * What a driver is: a small struct of functions that speak to one kind of database.
 *
 * A *vault* is the database, opened once; a *connection* to it is used by one thread at a
 * time, and everything here blocks.  The queues, the deadlines, the grouping and the
 * order are the store's business, not a driver's.
 *
 * A driver tells kinds of failure apart.  One is the statement's own: it would fail again.
 * Another is the database's: what was begun is to be rolled back, and the same may work
 * later, or even at once when two transactions were only in each other's way.  A commit that
 * failed has left nothing behind; when a driver cannot be sure of that now, it says so, and
 * is asked again until it knows.
 */
#pragma once

#include "store/store.h"

struct connection;

struct vault {
	char *where;      /* for people */
	unsigned writers; /* connections that may write at once */
	bool single;      /* one connection serves all */
};

enum fault {
	FAULT_OWN,
	FAULT_DOWN,
	FAULT_AGAIN, /* in a transaction: all of it may be tried again at once */
	FAULT_DOUBT, /* of a commit: whether it happened is not known now */
};

struct failure {
	enum fault fault;
	char text[200];
};

/* Fills `failure` and returns false. */
bool failure_set(struct failure *failure, enum fault fault, const char *format, ...)
	PRINTF_LIKE(3, 4);

enum connection_use { TO_READ, TO_WRITE, TO_TEND };

struct driver {
	const char *name;
	/* Tables are changed on a connection of its own, TO_TEND, which one process has at a
	 * time, and not on the first writer's. */
	bool tends;

	/* Opens the database, makes it and its table of migrations (module, number, name,
	 * applied) where they are missing. */
	struct vault *(*open)(const struct store_settings *settings, struct err *err);
	void (*close)(struct vault **vault);
	int64_t (*bytes)(const struct vault *vault);

	struct connection *(*connect)(struct vault *vault, enum connection_use use,
				      struct err *err);
	void (*disconnect)(struct connection **connection);

	bool (*begin)(struct connection *connection, struct failure *failure);
	bool (*commit)(struct connection *connection, struct failure *failure);
	/* After a commit in doubt: finds out whether it happened.  False: still in doubt. */
	bool (*settle)(struct connection *connection, bool *committed, struct failure *failure);
	void (*rollback)(struct connection *connection); /* no harm outside a transaction */

	/* A place in a transaction to which it can be undone; one at a time. */
	bool (*mark)(struct connection *connection, struct failure *failure);
	bool (*unmark)(struct connection *connection, struct failure *failure);
	bool (*undo)(struct connection *connection, struct failure *failure);

	/* Runs the statement for each of `rows`, in order.  When one fails, `*at` is its index,
	 * or SIZE_MAX when that cannot be told. */
	bool (*write)(struct connection *connection, const struct statement *statement,
		      const struct value *const *rows, size_t count, size_t *at,
		      struct failure *failure);
	/* Reads at most `most` rows (`rows->more`: there are others) into `arena`; `in` are
	 * `count` parameters. */
	bool (*read)(struct connection *connection, const struct statement *statement,
		     const struct value *in, size_t count, size_t most, struct arena *arena,
		     struct rows *rows, struct failure *failure);
	/* Runs all statements of a migration. */
	bool (*script)(struct connection *connection, const char *sql, struct failure *failure);
	/* How the database would run the statement, in `arena`; NULL when it cannot. */
	char *(*explain)(struct connection *connection, const struct statement *statement,
			 struct arena *arena, struct failure *failure);

	/* `shared` is the connection of a vault that is single. */
	bool (*check)(struct vault *vault, struct connection *shared, struct err *err);
	bool (*backup)(struct vault *vault, struct connection *shared, const char *path,
		       struct err *err);
	/* Keeps a copy beside the database before its tables are changed; NULL: cannot. */
	bool (*keep_copy)(struct vault *vault, struct err *err);
	bool (*restore)(const struct store_settings *settings, const char *path, struct err *err);
};

extern const struct driver sqlite_driver;
#ifdef HAVE_MARIADB
extern const struct driver mariadb_driver;
#endif
