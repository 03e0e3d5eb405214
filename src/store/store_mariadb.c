/* SPDX-License-Identifier: MIT */
/*
 * The driver for MariaDB.
 *
 * Each transaction of a writer raises the writer's number in the table "writers" first.
 * When a commit gets no answer, that number tells later whether it happened: the row is
 * locked as long as the old transaction lives on in the server, so whoever then reads it
 * with a lock waits for its end.  For the same reason a writer that was cut off and comes
 * back cannot overtake itself.
 */
#include "store/mariadb.h"

#ifdef HAVE_MARIADB

#include <errmsg.h>
#include <mysqld_error.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/random.h"
#include "base/text.h"
#include "store/internal.h"

#define WRITERS_MAX     16
#define BYTES_MS        SECONDS(60)
#define LOCK_SECONDS    10
#define FORGOTTEN_AFTER (7 * 86400)

static const char *const tables[] = {
	"CREATE TABLE IF NOT EXISTS migrations (\n"
	"	module  VARBINARY(64)  NOT NULL,\n"
	"	number  BIGINT         NOT NULL,\n"
	"	name    VARBINARY(255) NOT NULL,\n"
	"	applied BIGINT         NOT NULL,\n" /* seconds since 1970 */
	"	PRIMARY KEY (module, number)\n"
	") ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_nopad_bin",
	"CREATE TABLE IF NOT EXISTS writers (\n"
	"	name   VARBINARY(64) NOT NULL PRIMARY KEY,\n"
	"	number BIGINT        NOT NULL,\n" /* of its last transaction */
	"	used   BIGINT        NOT NULL\n"  /* seconds since 1970 */
	") ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_nopad_bin",
};

static const struct statement writer_raise = {
	.name = "writer.raise",
	.in = "tii",
	.mariadb = "INSERT INTO writers (name, number, used) VALUES (?, ?, ?)"
		   " ON DUPLICATE KEY UPDATE number = VALUES(number), used = VALUES(used)",
};
static const struct statement writer_number = {
	.name = "writer.number",
	.in = "t",
	.out = "i",
	.mariadb = "SELECT number FROM writers WHERE name = ? FOR UPDATE",
};
static const struct statement writer_forget = {
	.name = "writer.forget",
	.in = "ti",
	.mariadb = "DELETE FROM writers WHERE name = ? OR used < ?",
};

static pthread_once_t once = PTHREAD_ONCE_INIT;

static bool vault_set_up(struct maria_vault *vault, struct err *err);
static bool is_no(const struct connection *connection);
static bool tables_are_there(struct connection *connection);
static char *where_of(const struct maria_vault *vault);
static bool transaction_begin(struct connection *connection, struct failure *failure);
static void connection_free(struct connection **freed);
static bool lock_take(struct connection *connection, struct failure *failure);
static bool settle(struct connection *connection, bool *committed, struct failure *failure);
static void bytes_look(struct connection *connection);

/* --- the vault --- */

static void
library_start(void)
{
	must(mysql_server_init(0, NULL, NULL) == 0);
}

static struct vault *
vault_open(const struct store_settings *settings, struct err *err)
{
	struct maria_vault *vault = zalloc(sizeof *vault);
	struct vault *opened = &vault->vault;

	pthread_once(&once, library_start);
	vault->host = copy_text(settings->host);
	vault->port = settings->port;
	vault->socket = copy_text(settings->socket);
	vault->user = copy_text(settings->user);
	vault->password_file = copy_text(settings->password_file);
	vault->database = copy_text(settings->database);
	vault->ca = copy_text(settings->ca);
	vault->tls = text_is(settings->tls, "off")        ? MARIA_TLS_OFF
		     : text_is(settings->tls, "optional") ? MARIA_TLS_OPTIONAL
							  : MARIA_TLS_REQUIRED;
	vault->seconds = settings->seconds > 0 ? settings->seconds : 5;
	must(pthread_mutex_init(&vault->lock, NULL) == 0);
	opened->where = where_of(vault);
	opened->writers = settings->writers > 0 ? settings->writers : 1;
	if (opened->writers > WRITERS_MAX)
		opened->writers = WRITERS_MAX;
	if (!vault_set_up(vault, err))
		mariadb_driver.close(&opened);
	return opened;
}

/* "stentor@db.example:3306/stentor", "stentor@/run/mysqld/mysqld.sock/stentor" */
static char *
where_of(const struct maria_vault *vault)
{
	bool brackets = vault->host != NULL && strchr(vault->host, ':') != NULL;

	if (vault->socket != NULL)
		return format_text("%s@%s/%s", vault->user, vault->socket, vault->database);
	return format_text("%s@%s%s%s:%u/%s", vault->user, brackets ? "[" : "", vault->host,
			   brackets ? "]" : "", vault->port, vault->database);
}

/* Before anybody connects for good: it must be the right kind of server, and have our tables. */
static bool
vault_set_up(struct maria_vault *vault, struct err *err)
{
	struct connection connection = { .vault = vault, .use = MARIA_TENDS };
	struct failure failure;
	bool good;

	good = maria_connect_now(&connection, &failure);
	if (good && !tables_are_there(&connection))
		for (size_t i = 0; good && i < COUNT(tables); i++)
			good = maria_run(&connection, tables[i], &failure);
	if (good)
		bytes_look(&connection);
	maria_disconnect(&connection);
	return good || err_fail(err, is_no(&connection) ? ERR_REFUSED : ERR_DOWN, "%s: %s",
				vault->vault.where, failure.text);
}

/* A server that is there and does not want us: that takes an admin, not patience. */
static bool
is_no(const struct connection *connection)
{
	switch (connection->error) {
	case ER_ACCESS_DENIED_ERROR:
	case ER_DBACCESS_DENIED_ERROR:
	case ER_TABLEACCESS_DENIED_ERROR:
	case ER_BAD_DB_ERROR:
	case CR_SSL_CONNECTION_ERROR:
		return true;
	default:
		return false;
	}
}

/* Who may not make tables can use those that are there. */
static bool
tables_are_there(struct connection *connection)
{
	struct failure failure;
	int64_t count = 0;

	return maria_number(connection,
			    "SELECT count(*) FROM information_schema.tables WHERE table_schema ="
			    " database() AND table_name IN ('migrations', 'writers')",
			    &count, &failure) &&
	       count == COUNT(tables);
}

static void
vault_close(struct vault **closed)
{
	struct maria_vault *vault = CONTAINER(*closed, struct maria_vault, vault);

	pthread_mutex_destroy(&vault->lock);
	free(vault->host);
	free(vault->socket);
	free(vault->user);
	free(vault->password_file);
	free(vault->database);
	free(vault->ca);
	free(vault->vault.where);
	free(vault);
	*closed = NULL;
}

/* --- how large it is: asked from time to time by a reader, since asking takes a while --- */

static int64_t
vault_bytes(const struct vault *opened)
{
	struct maria_vault *vault = CONTAINER(opened, struct maria_vault, vault);
	int64_t bytes;

	pthread_mutex_lock(&vault->lock);
	bytes = vault->bytes;
	pthread_mutex_unlock(&vault->lock);
	return bytes;
}

static void
bytes_look(struct connection *connection)
{
	struct maria_vault *vault = connection->vault;
	struct failure failure;
	int64_t bytes = 0;
	bool old;

	pthread_mutex_lock(&vault->lock);
	old = vault->bytes_at == 0 || now_ms() - vault->bytes_at >= BYTES_MS;
	if (old)
		vault->bytes_at = now_ms();
	pthread_mutex_unlock(&vault->lock);
	if (!old || !maria_number(connection,
				  "SELECT sum(data_length + index_length) FROM"
				  " information_schema.tables WHERE table_schema = database()",
				  &bytes, &failure))
		return;
	pthread_mutex_lock(&vault->lock);
	vault->bytes = bytes;
	pthread_mutex_unlock(&vault->lock);
}

/* --- connections --- */

static struct connection *
connection_open(struct vault *opened, enum connection_use use, struct err *err)
{
	struct connection *connection = zalloc(sizeof *connection);
	struct failure failure;
	uint8_t name[16];

	connection->vault = CONTAINER(opened, struct maria_vault, vault);
	connection->use = use == TO_READ    ? MARIA_READS
			  : use == TO_WRITE ? MARIA_WRITES
					    : MARIA_TENDS;
	random_bytes(name, sizeof name);
	for (size_t i = 0; i < sizeof name; i++)
		(void)snprintf(connection->name + 2 * i, 3, "%02x", name[i]);
	if (use == TO_WRITE && connection->vault->holder == NULL)
		connection->vault->holder = connection;
	if (maria_connect_now(connection, &failure) &&
	    (use != TO_TEND || lock_take(connection, &failure)))
		return connection;
	err_fail(err, ERR_DOWN, "%s: %s", opened->where, failure.text);
	connection_free(&connection);
	return NULL;
}

/* One at a time changes tables. */
static bool
lock_take(struct connection *connection, struct failure *failure)
{
	bool got = false;

	return maria_lock(connection, "tables", LOCK_SECONDS * 1000, &got, failure) &&
	       (got ||
		failure_set(failure, FAULT_DOWN, "somebody else is changing its tables just now"));
}

static void
connection_close(struct connection **closed)
{
	struct connection *connection = *closed;
	const struct value in[] = { text_value(connection->name),
				    INTEGER_VALUE(now_seconds() - FORGOTTEN_AFTER) };
	const struct value *row = in;
	struct failure failure;
	size_t at;

	if (connection->use == MARIA_WRITES && connection->db != NULL &&
	    maria_write(connection, &writer_forget, &row, 1, &at, &failure))
		mysql_commit(connection->db);
	connection_free(closed);
}

static void
connection_free(struct connection **freed)
{
	struct connection *connection = *freed;

	maria_disconnect(connection);
	if (connection->vault->holder == connection)
		connection->vault->holder = NULL;
	free(connection);
	*freed = NULL;
}

/* --- transactions --- */

static bool
begin(struct connection *connection, struct failure *failure)
{
	struct stale stale = stale_look(connection);

	do
		if (maria_connect(connection, failure) && transaction_begin(connection, failure))
			return true;
	while (stale_was(&stale, connection));
	/* Only the database can be the reason that nothing can be begun. */
	if (failure->fault == FAULT_OWN)
		failure->fault = FAULT_DOWN;
	return false;
}

static bool
transaction_begin(struct connection *connection, struct failure *failure)
{
	const struct value in[] = { text_value(connection->name),
				    INTEGER_VALUE(connection->sequence + 1),
				    INTEGER_VALUE(now_seconds()) };
	const struct value *row = in;
	size_t at;

	/* Migrations cannot be undone, and can be done twice. */
	if (connection->use != MARIA_TENDS &&
	    !maria_write(connection, &writer_raise, &row, 1, &at, failure))
		return false;
	connection->sequence++;
	connection->began = true;
	return true;
}

static bool
commit(struct connection *connection, struct failure *failure)
{
	bool committed = false;

	connection->began = false;
	if (connection->db != NULL && mysql_commit(connection->db) == 0)
		return true;
	if (connection->db != NULL)
		maria_failed(connection, failure);
	else
		failure_set(failure, FAULT_DOWN, "the connection was lost");
	/* Whatever was said: the number knows. */
	maria_disconnect(connection);
	failure->fault = FAULT_DOWN;
	if (connection->use != MARIA_TENDS && !settle(connection, &committed, NULL))
		failure->fault = FAULT_DOUBT;
	return committed;
}

/* Which transaction was the last; `failure` may be NULL. */
static bool
settle(struct connection *connection, bool *committed, struct failure *failure)
{
	const struct value in[] = { text_value(connection->name) };
	struct arena *arena = arena_new();
	struct failure why;
	struct rows rows;
	bool good;

	good = maria_read(connection, &writer_number, in, 1, 1, arena, &rows, &why);
	if (good)
		*committed =
			rows.count > 0 && ROW(&rows, 0)[0].integer == (int64_t)connection->sequence;
	else if (failure != NULL)
		*failure = why;
	arena_drop(arena);
	return good;
}

static void
rollback(struct connection *connection)
{
	if (connection->db != NULL && connection->began && mysql_rollback(connection->db) != 0)
		maria_disconnect(connection);
	connection->began = false;
}

static bool
simple(struct connection *connection, const char *sql, struct failure *failure)
{
	if (connection->db == NULL)
		return failure_set(failure, FAULT_DOWN, "the connection was lost");
	return maria_run(connection, sql, failure);
}

static bool
mark(struct connection *connection, struct failure *failure)
{
	return simple(connection, "SAVEPOINT batch", failure);
}

static bool
unmark(struct connection *connection, struct failure *failure)
{
	return simple(connection, "RELEASE SAVEPOINT batch", failure);
}

static bool
undo(struct connection *connection, struct failure *failure)
{
	return simple(connection, "ROLLBACK TO SAVEPOINT batch", failure) &&
	       simple(connection, "RELEASE SAVEPOINT batch", failure);
}

/* --- caring for it --- */

static bool
run_script(struct connection *connection, const char *sql, struct failure *failure)
{
	MYSQL *db = connection->db;
	int code;

	if (db == NULL)
		return failure_set(failure, FAULT_DOWN, "the connection was lost");
	if (mysql_set_server_option(db, MYSQL_OPTION_MULTI_STATEMENTS_ON) != 0 ||
	    mysql_real_query(db, sql, strlen(sql)) != 0)
		return maria_failed(connection, failure);
	do
		mysql_free_result(mysql_store_result(db));
	while ((code = mysql_next_result(db)) == 0);
	return (code < 0 && mysql_set_server_option(db, MYSQL_OPTION_MULTI_STATEMENTS_OFF) == 0) ||
	       maria_failed(connection, failure);
}

/* What CHECK TABLE says of each: a line that is not "status OK" is what is wrong. */
static bool
table_check(struct connection *connection, const char *table, struct err *err)
{
	char *sql = format_text("CHECK TABLE `%s`", table);
	struct failure failure;
	MYSQL_RES *result = NULL;
	MYSQL_ROW row;
	bool good = true;

	if (mysql_real_query(connection->db, sql, strlen(sql)) == 0)
		result = mysql_store_result(connection->db);
	free(sql);
	if (result == NULL) {
		maria_failed(connection, &failure);
		return err_fail(err, ERR_DOWN, "table \"%s\": %s", table, failure.text);
	}
	while (good && (row = mysql_fetch_row(result)) != NULL)
		if (!text_is(row[2], "status") || !text_is(row[3], "OK"))
			good = text_is(row[2], "note") ||
			       err_fail(err, ERR_SYSTEM, "table \"%s\" is damaged: %s", table,
					row[3] != NULL ? row[3] : "");
	mysql_free_result(result);
	return good;
}

static bool
check(struct vault *opened, struct connection *shared, struct err *err)
{
	static const char list[] = "SELECT table_name FROM information_schema.tables WHERE"
				   " table_schema = database() AND table_type = 'BASE TABLE'";
	struct connection connection = { .vault = CONTAINER(opened, struct maria_vault, vault),
					 .use = MARIA_TENDS };
	struct failure failure;
	MYSQL_RES *result = NULL;
	MYSQL_ROW row;
	bool good;

	(void)shared;
	good = maria_connect_now(&connection, &failure);
	if (good && mysql_real_query(connection.db, list, strlen(list)) == 0)
		result = mysql_store_result(connection.db);
	if (good && result == NULL)
		good = maria_failed(&connection, &failure);
	if (!good)
		err_fail(err, ERR_DOWN, "%s: %s", opened->where, failure.text);
	while (good && (row = mysql_fetch_row(result)) != NULL)
		good = table_check(&connection, row[0], err);
	mysql_free_result(result);
	maria_disconnect(&connection);
	return good;
}

static bool
backup(struct vault *opened, struct connection *shared, const char *path, struct err *err)
{
	(void)shared;
	(void)path;
	return err_fail(err, ERR_REFUSED,
			"%s: a MariaDB server is backed up with its own tools: mariadb-backup, or "
			"mariadb-dump --single-transaction",
			opened->where);
}

static bool
restore(const struct store_settings *settings, const char *path, struct err *err)
{
	(void)path;
	return err_fail(err, ERR_REFUSED,
			"the database \"%s\" is restored with MariaDB's own tools, as it was "
			"backed up",
			settings->database);
}

static bool
read_rows(struct connection *connection, const struct statement *statement, const struct value *in,
	  size_t count, size_t most, struct arena *arena, struct rows *rows,
	  struct failure *failure)
{
	bool good = maria_read(connection, statement, in, count, most, arena, rows, failure);

	if (good && connection->use == MARIA_READS)
		bytes_look(connection);
	return good;
}

const struct driver mariadb_driver = {
	.name = "mariadb",
	.tends = true,
	.open = vault_open,
	.close = vault_close,
	.bytes = vault_bytes,
	.connect = connection_open,
	.disconnect = connection_close,
	.begin = begin,
	.commit = commit,
	.settle = settle,
	.rollback = rollback,
	.mark = mark,
	.unmark = unmark,
	.undo = undo,
	.write = maria_write,
	.read = read_rows,
	.script = run_script,
	.explain = maria_explain,
	.check = check,
	.backup = backup,
	.restore = restore,
};

#endif
