/* SPDX-License-Identifier: MIT */
/*
 * What the files of the MariaDB driver share: store_mariadb.c has the transactions,
 * store_mariadb_link.c connects and tells failures apart, store_mariadb_rows.c brings values
 * to statements and rows back.
 */
#pragma once

#ifdef HAVE_MARIADB

#include <mysql.h>
#include <pthread.h>

#include "base/table.h"
#include "store/driver.h"

enum maria_tls { MARIA_TLS_REQUIRED, MARIA_TLS_OPTIONAL, MARIA_TLS_OFF };

struct maria_vault {
	struct vault vault;
	char *host, *socket, *user, *password_file, *database, *ca;
	unsigned port;
	enum maria_tls tls;
	unsigned seconds;          /* how long the server may take to answer */
	struct connection *holder; /* of the lock that says that the database is in use */

	pthread_mutex_t lock; /* of what follows */
	/* Since the server could not be reached: only one thread tries, and not too often. */
	int64_t pause, retry_at;
	bool trying;
	struct failure failure;
	int64_t bytes, bytes_at;
};

/* TO_TEND has no limit of time. */
enum maria_use { MARIA_READS, MARIA_WRITES, MARIA_TENDS };

struct connection {
	struct maria_vault *vault;
	enum maria_use use;
	MYSQL *db;             /* NULL: not connected; whoever needs it connects */
	struct table prepared; /* by their SQL */
	struct prepared *last; /* the one used last, found without looking */
	size_t packet_max;
	unsigned long id;  /* the server's number for it, also when it is lost */
	int64_t since;     /* now_ms() when it was made */
	bool began;        /* a transaction */
	unsigned error;    /* the number of its last failure */
	char name[33];     /* a writer's, in the table "writers" */
	uint64_t sequence; /* of its transactions */
};

/* --- store_mariadb_link.c --- */

/* Connects unless it is connected.  While the server cannot be reached, it fails at once
 * until it is time for another try. */
bool maria_connect(struct connection *connection, struct failure *failure);
/* The same without asking whether it is time. */
bool maria_connect_now(struct connection *connection, struct failure *failure);
void maria_disconnect(struct connection *connection);
/* Whether what just failed is worth another try at once: it was lost, quickly, with a
 * connection that had served before.  Its server may have been started anew, or had no
 * patience with a connection that nobody used.  True once at most, never in a transaction. */
struct stale {
	bool served;
	int64_t began;
};
struct stale stale_look(const struct connection *connection);
bool stale_was(struct stale *stale, const struct connection *connection);
/* Fills `failure` from what the library says; disconnects when the connection is lost. */
bool maria_failed(struct connection *connection, struct failure *failure);
bool maria_statement_failed(struct connection *connection, MYSQL_STMT *stmt,
			    struct failure *failure);
/* One of the server's locks on this database, waited for that long; it goes with the
 * connection. */
bool maria_lock(struct connection *connection, const char *what, unsigned ms, bool *got,
		struct failure *failure);
/* SQL without parameters and rows. */
bool maria_run(struct connection *connection, const char *sql, struct failure *failure);
/* The first column of the first row as a number; 0 when there is none. */
bool maria_number(struct connection *connection, const char *sql, int64_t *number,
		  struct failure *failure);

/* --- store_mariadb_rows.c --- */

bool maria_write(struct connection *connection, const struct statement *statement,
		 const struct value *const *rows, size_t count, size_t *at,
		 struct failure *failure);
bool maria_read(struct connection *connection, const struct statement *statement,
		const struct value *in, size_t count, size_t most, struct arena *arena,
		struct rows *rows, struct failure *failure);
char *maria_explain(struct connection *connection, const struct statement *statement,
		    struct arena *arena, struct failure *failure);
void maria_forget_prepared(struct connection *connection);

#endif
