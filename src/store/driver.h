/* SPDX-License-Identifier: MIT */
/*
 * What a driver is: a small struct of functions that speak to one kind of database.
 *
 * A *vault* is the database, opened once; a *connection* to it is used by one thread at a
 * time, and everything here blocks.  The queues, the deadlines, the grouping and the
 * order are the store's business, not a driver's.
 *
 * A driver tells two kinds of failure apart.  One is the statement's own: it would fail
 * again.  The other is the database's: what was begun is to be rolled back, and the same
 * may work later.  A commit that failed has left nothing behind; a driver whose database
 * cannot be sure of that must find out before it says so.
 */
#pragma once

#include "store/store.h"

struct connection;

struct vault {
	char *where;      /* for people */
	unsigned writers; /* connections that may write at once */
	bool single;      /* one connection serves all */
};

enum fault { FAULT_OWN, FAULT_DOWN };

struct failure {
	enum fault fault;
	char text[200];
};

/* Fills `failure` and returns false. */
bool failure_set(struct failure *failure, enum fault fault, const char *format, ...)
	PRINTF_LIKE(3, 4);

enum connection_use { TO_READ, TO_WRITE };

struct driver {
	const char *name;

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
