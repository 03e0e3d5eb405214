/* SPDX-License-Identifier: MIT */
/*
 * The driver for SQLite.
 *
 * The file is in WAL mode, so that readers see the last commit while the writer writes,
 * and synchronous is FULL: a commit returns when it is on the disk.  A connection keeps
 * what it has prepared, found by the text of its SQL, because a module that is loaded
 * anew brings its statements at other addresses.
 */
#include "store/driver.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "store/sqlite.h"

#define BUSY_MS        2000
#define PREPARED_MAX   1000
#define READ_BYTES_MAX ((size_t)64 << 20)

static const char *const writer_setup[] = {
	"PRAGMA journal_mode = WAL",
	/* 16 MB: four times the usual, so that a page that many batches change is copied into
	 * the file less often: a fifth less CPU and up to twice the rows a second. */
	"PRAGMA wal_autocheckpoint = 4000",
	"PRAGMA journal_size_limit = 67108864", /* a WAL that a long read made large shrinks */
	NULL,
};
static const char *const reader_setup[] = { "PRAGMA query_only = ON", NULL };
static const char *const common_setup[] = {
	"PRAGMA synchronous = FULL",
	"PRAGMA foreign_keys = ON",
	"PRAGMA trusted_schema = OFF",
	"PRAGMA temp_store = MEMORY",
	"PRAGMA cell_size_check = ON",
	"PRAGMA cache_size = -8000", /* KiB */
	NULL,
};
static const char migrations_table[] =
	"CREATE TABLE IF NOT EXISTS migrations (\n"
	"	module  TEXT    NOT NULL,\n"
	"	number  INTEGER NOT NULL,\n"
	"	name    TEXT    NOT NULL,\n"
	"	applied INTEGER NOT NULL,\n" /* seconds since 1970 */
	"	PRIMARY KEY (module, number)\n"
	") WITHOUT ROWID";

struct prepared {
	struct entry entry;
	sqlite3_stmt *stmt;
	char sql[];
};

static bool file_make(const char *file, struct err *err);
static bool vault_set_up(struct sqlite_vault *vault, struct err *err);
static bool is_wal(sqlite3 *db);
static bool setup_run(sqlite3 *db, const char *const *setup, int *code);
static bool failed(struct failure *failure, struct connection *connection, int code);
static sqlite3_stmt *prepare(struct connection *connection, const struct statement *statement,
			     struct failure *failure);
static void forget_prepared(struct connection *connection);
static bool bind(sqlite3_stmt *stmt, const struct value *in, size_t count);
static bool bind_one(sqlite3_stmt *stmt, int at, const struct value *value);
static bool collect(struct connection *connection, sqlite3_stmt *stmt, const char *out, size_t most,
		    struct arena *arena, struct rows *rows, struct failure *failure);
static size_t column_read(struct value *value, sqlite3_stmt *stmt, int column, char type,
			  struct arena *arena);
static bool simple(struct connection *connection, const char *sql, struct failure *failure);

/* --- the file --- */

char *
sqlite_file(const struct store_settings *settings)
{
	const char *path = settings->path;

	if (strcmp(path, ":memory:") == 0)
		return NULL;
	if (path[0] == '/' || settings->folder == NULL)
		return copy_text(path);
	return format_text("%s/%s", settings->folder, path);
}

static struct vault *
vault_open(const struct store_settings *settings, struct err *err)
{
	struct sqlite_vault *vault = zalloc(sizeof *vault);
	struct vault *opened = &vault->vault;

	vault->file = sqlite_file(settings);
	vault->folder = copy_text(settings->folder);
	vault->schemas = copy_text(settings->schemas);
	opened->where = copy_text(vault->file != NULL ? vault->file : ":memory:");
	opened->writers = 1;
	opened->single = vault->file == NULL;
	if (vault->file != NULL && (!file_make(vault->file, err) || !vault_set_up(vault, err)))
		sqlite_driver.close(&opened);
	return opened;
}

/* A new file is ours alone; SQLite gives what it makes beside it the same rights. */
static bool
file_make(const char *file, struct err *err)
{
	int fd = open(file, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0 && errno != EEXIST)
		return err_fail(err, ERR_SYSTEM, "could not make the store \"%s\": %s", file,
				strerror(errno));
	if (fd >= 0)
		close(fd);
	return true;
}

/* Before anybody connects for good: the file must be a database, and have our table. */
static bool
vault_set_up(struct sqlite_vault *vault, struct err *err)
{
	struct connection *connection = sqlite_driver.connect(&vault->vault, TO_WRITE, err);

	if (connection == NULL)
		return false;
	sqlite_driver.disconnect(&connection);
	return true;
}

static void
vault_close(struct vault **closed)
{
	struct sqlite_vault *vault = CONTAINER(*closed, struct sqlite_vault, vault);

	free(vault->file);
	free(vault->folder);
	free(vault->schemas);
	free(vault->vault.where);
	free(vault);
	*closed = NULL;
}

static int64_t
vault_bytes(const struct vault *opened)
{
	const struct sqlite_vault *vault = CONTAINER(opened, const struct sqlite_vault, vault);
	int64_t bytes = 0;
	struct stat about;
	char *wal;

	if (vault->file == NULL)
		return 0;
	wal = format_text("%s-wal", vault->file);
	if (stat(vault->file, &about) == 0)
		bytes += about.st_size;
	if (stat(wal, &about) == 0)
		bytes += about.st_size;
	free(wal);
	return bytes;
}

/* --- connections --- */

static struct connection *
connection_open(struct vault *opened, enum connection_use use, struct err *err)
{
	struct sqlite_vault *vault = CONTAINER(opened, struct sqlite_vault, vault);
	struct connection *connection = zalloc(sizeof *connection);
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, code;

	code = sqlite3_open_v2(vault->file != NULL ? vault->file : ":memory:", &connection->db,
			       flags, NULL);
	must(connection->db != NULL);
	sqlite3_extended_result_codes(connection->db, 1);
	sqlite3_busy_timeout(connection->db, BUSY_MS);
	if (code == SQLITE_OK && setup_run(connection->db, common_setup, &code) &&
	    setup_run(connection->db, use == TO_READ ? reader_setup : writer_setup, &code) &&
	    (use == TO_READ || sqlite_run(connection->db, migrations_table, NULL, &code))) {
		if (use == TO_READ || opened->single || is_wal(connection->db))
			return connection;
		err_fail(err, ERR_SYSTEM,
			 "\"%s\": this file system cannot do what SQLite's WAL needs",
			 opened->where);
	} else {
		sqlite_fail(err, opened->where, connection->db, code);
	}
	sqlite_driver.disconnect(&connection);
	return NULL;
}

static bool
is_wal(sqlite3 *db)
{
	struct text mode = { 0 };
	int code;
	bool is = sqlite_run(db, "PRAGMA journal_mode", &mode, &code) && text_is(mode.bytes, "wal");

	text_clear(&mode);
	return is;
}

static bool
setup_run(sqlite3 *db, const char *const *setup, int *code)
{
	for (size_t i = 0; setup[i] != NULL; i++)
		if (!sqlite_run(db, setup[i], NULL, code))
			return false;
	return true;
}

static void
connection_close(struct connection **closed)
{
	struct connection *connection = *closed;

	forget_prepared(connection);
	must(sqlite3_close(connection->db) == SQLITE_OK);
	free(connection);
	*closed = NULL;
}

bool
sqlite_run(sqlite3 *db, const char *sql, struct text *answer, int *code)
{
	sqlite3_stmt *stmt = NULL;

	*code = sqlite3_prepare_v2(db, sql, -1, &stmt, NULL);
	while (*code == SQLITE_OK || *code == SQLITE_ROW) {
		*code = sqlite3_step(stmt);
		if (*code == SQLITE_ROW && answer != NULL) {
			if (answer->length > 0)
				text_add(answer, "\n");
			for (int i = 0; i < sqlite3_column_count(stmt); i++) {
				const char *words = (const char *)sqlite3_column_text(stmt, i);

				text_addf(answer, "%s%s", i > 0 ? "|" : "", words ? words : "");
			}
		}
	}
	sqlite3_finalize(stmt);
	return *code == SQLITE_DONE;
}

/* --- what went wrong --- */

const char *
sqlite_words(sqlite3 *db, int code)
{
	static _Thread_local char words[160];
	int error = db != NULL ? sqlite3_system_errno(db) : 0;
	const char *why = error != 0 ? strerror(error) : "unknown";

	switch (code & 0xff) {
	case SQLITE_FULL:
		return "disk full";
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return "it is locked by another process";
	case SQLITE_NOTADB:
		return "the file is not an SQLite database";
	case SQLITE_CORRUPT:
		return "the file is damaged (`stentorctl store restore` puts a backup in its "
		       "place)";
	case SQLITE_READONLY:
		return code == SQLITE_READONLY_DBMOVED ? "the file was moved or deleted"
						       : "the file or its folder cannot be written";
	case SQLITE_IOERR:
		snprintf(words, sizeof words, "input/output error (%s)", why);
		return words;
	case SQLITE_CANTOPEN:
		snprintf(words, sizeof words, "it cannot be opened (%s)", why);
		return words;
	default:
		return db != NULL ? sqlite3_errmsg(db) : sqlite3_errstr(code);
	}
}

bool
sqlite_fail(struct err *err, const char *file, sqlite3 *db, int code)
{
	return err_fail(err, (code & 0xff) == SQLITE_BUSY ? ERR_DOWN : ERR_SYSTEM, "\"%s\": %s",
			file, sqlite_words(db, code));
}

/* What would fail again is the statement's own fault; all else is the database's. */
static bool
failed(struct failure *failure, struct connection *connection, int code)
{
	enum fault fault = FAULT_DOWN;

	switch (code & 0xff) {
	case SQLITE_ERROR:
	case SQLITE_CONSTRAINT:
	case SQLITE_TOOBIG:
	case SQLITE_MISMATCH:
	case SQLITE_RANGE:
	case SQLITE_MISUSE:
		fault = FAULT_OWN;
		break;
	default:
		break;
	}
	return failure_set(failure, fault, "%s", sqlite_words(connection->db, code));
}

/* --- transactions --- */

static bool
begin(struct connection *connection, struct failure *failure)
{
	int moved = 0;

	/* Otherwise we would go on writing into a file that is gone with our end. */
	sqlite3_file_control(connection->db, "main", SQLITE_FCNTL_HAS_MOVED, &moved);
	if (moved)
		return failed(failure, connection, SQLITE_READONLY_DBMOVED);
	if (!simple(connection, "BEGIN IMMEDIATE", failure)) {
		failure->fault = FAULT_DOWN;
		return false;
	}
	return true;
}

static bool
commit(struct connection *connection, struct failure *failure)
{
	if (simple(connection, "COMMIT", failure))
		return true;
	failure->fault = FAULT_DOWN;
	return false;
}

static void
rollback(struct connection *connection)
{
	int code;

	/* Some errors have rolled back already. */
	if (!sqlite3_get_autocommit(connection->db))
		sqlite_run(connection->db, "ROLLBACK", NULL, &code);
}

static bool
mark(struct connection *connection, struct failure *failure)
{
	return simple(connection, "SAVEPOINT batch", failure);
}

static bool
unmark(struct connection *connection, struct failure *failure)
{
	return simple(connection, "RELEASE batch", failure);
}

static bool
undo(struct connection *connection, struct failure *failure)
{
	return simple(connection, "ROLLBACK TO batch", failure) &&
	       simple(connection, "RELEASE batch", failure);
}

/* A statement without parameters and rows. */
static bool
simple(struct connection *connection, const char *sql, struct failure *failure)
{
	const struct statement statement = { .name = sql, .in = "", .out = "", .sqlite = sql };
	const struct value *none = NULL;
	size_t at;

	return sqlite_driver.write(connection, &statement, &none, 1, &at, failure);
}

/* --- statements --- */

static sqlite3_stmt *
prepare(struct connection *connection, const struct statement *statement, struct failure *failure)
{
	const char *sql = statement->sqlite;
	struct prepared *prepared = connection->last;
	sqlite3_stmt *stmt;
	size_t size;
	int code;

	must(sql != NULL);
	if (prepared != NULL && strcmp(prepared->sql, sql) == 0)
		return prepared->stmt;
	prepared = TABLE_ITEM(table_get(&connection->prepared, sql), struct prepared, entry);
	if (prepared == NULL) {
		code = sqlite3_prepare_v3(connection->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &stmt,
					  NULL);
		if (code != SQLITE_OK || stmt == NULL) {
			failed(failure, connection, code);
			return NULL;
		}
		if (connection->prepared.count >= PREPARED_MAX)
			forget_prepared(connection);
		size = strlen(sql) + 1;
		prepared = zalloc(sizeof *prepared + size);
		prepared->stmt = stmt;
		memcpy(prepared->sql, sql, size);
		table_put(&connection->prepared, &prepared->entry, prepared->sql);
	}
	connection->last = prepared;
	return prepared->stmt;
}

static void
forget_prepared(struct connection *connection)
{
	struct entry *entry;

	connection->last = NULL;
	while ((entry = table_next(&connection->prepared, NULL)) != NULL) {
		struct prepared *prepared = CONTAINER(entry, struct prepared, entry);

		table_remove(&connection->prepared, entry);
		sqlite3_finalize(prepared->stmt);
		free(prepared);
	}
	table_clear(&connection->prepared);
}

static bool
bind(sqlite3_stmt *stmt, const struct value *in, size_t count)
{
	must((size_t)sqlite3_bind_parameter_count(stmt) == count);
	for (size_t i = 0; i < count; i++)
		if (!bind_one(stmt, (int)i + 1, &in[i]))
			return false;
	return true;
}

static bool
bind_one(sqlite3_stmt *stmt, int at, const struct value *value)
{
	if (value->null)
		return sqlite3_bind_null(stmt, at) == SQLITE_OK;
	switch (value->type) {
	case STORE_INTEGER:
		return sqlite3_bind_int64(stmt, at, value->integer) == SQLITE_OK;
	case STORE_TEXT:
		return sqlite3_bind_text64(stmt, at, value->bytes, value->length, SQLITE_STATIC,
					   SQLITE_UTF8) == SQLITE_OK;
	case STORE_BLOB:
		return sqlite3_bind_blob64(stmt, at, value->bytes, value->length, SQLITE_STATIC) ==
		       SQLITE_OK;
	}
	must(false);
}

static bool
write_rows(struct connection *connection, const struct statement *statement,
	   const struct value *const *rows, size_t count, size_t *at, struct failure *failure)
{
	sqlite3_stmt *stmt = prepare(connection, statement, failure);
	size_t parameters = strlen(statement->in);

	*at = 0;
	if (stmt == NULL)
		return false;
	for (; *at < count; (*at)++) {
		int code = SQLITE_ERROR;

		if (bind(stmt, rows[*at], parameters))
			do
				code = sqlite3_step(stmt);
			while (code == SQLITE_ROW);
		else
			code = sqlite3_errcode(connection->db);
		if (code != SQLITE_DONE)
			failed(failure, connection, code);
		sqlite3_reset(stmt);
		if (code != SQLITE_DONE)
			break;
	}
	sqlite3_clear_bindings(stmt);
	return *at == count;
}

static bool
read_rows(struct connection *connection, const struct statement *statement, const struct value *in,
	  size_t count, size_t most, struct arena *arena, struct rows *rows,
	  struct failure *failure)
{
	sqlite3_stmt *stmt = prepare(connection, statement, failure);
	bool good;

	if (stmt == NULL)
		return false;
	if (!sqlite3_stmt_readonly(stmt))
		return failure_set(failure, FAULT_OWN, "it writes, and was asked to read");
	if (bind(stmt, in, count))
		good = collect(connection, stmt, statement->out, most, arena, rows, failure);
	else
		good = failed(failure, connection, sqlite3_errcode(connection->db));
	sqlite3_reset(stmt);
	sqlite3_clear_bindings(stmt);
	return good;
}

static bool
collect(struct connection *connection, sqlite3_stmt *stmt, const char *out, size_t most,
	struct arena *arena, struct rows *rows, struct failure *failure)
{
	size_t columns = strlen(out), room = 0, bytes = 0;
	struct value *values = NULL;
	int code = SQLITE_ROW;

	must((size_t)sqlite3_column_count(stmt) == columns);
	*rows = (struct rows) { .columns = columns };
	while ((code = sqlite3_step(stmt)) == SQLITE_ROW) {
		if (rows->count == most || bytes > READ_BYTES_MAX) {
			rows->more = true;
			code = SQLITE_DONE;
			break;
		}
		if (rows->count == room) {
			room = room == 0 ? 8 : 2 * room;
			values = resize(values, room * columns * sizeof *values);
		}
		for (size_t i = 0; i < columns; i++)
			bytes += column_read(&values[rows->count * columns + i], stmt, (int)i,
					     out[i], arena);
		rows->count++;
	}
	if (values != NULL)
		arena_at_end(arena, free, values);
	rows->values = values;
	if (code != SQLITE_DONE)
		return failed(failure, connection, code);
	if (bytes > READ_BYTES_MAX)
		return failure_set(failure, FAULT_OWN, "its rows are more than %zu bytes",
				   READ_BYTES_MAX);
	return true;
}

static size_t
column_read(struct value *value, sqlite3_stmt *stmt, int column, char type, struct arena *arena)
{
	const void *bytes;
	size_t length;

	*value = (struct value) { .type = (enum store_type)type };
	if (sqlite3_column_type(stmt, column) == SQLITE_NULL) {
		value->null = true;
		return sizeof *value;
	}
	if (value->type == STORE_INTEGER) {
		value->integer = sqlite3_column_int64(stmt, column);
		return sizeof *value;
	}
	must(value->type == STORE_TEXT || value->type == STORE_BLOB);
	bytes = value->type == STORE_TEXT ? (const void *)sqlite3_column_text(stmt, column)
					  : sqlite3_column_blob(stmt, column);
	length = (size_t)sqlite3_column_bytes(stmt, column);
	value->length = length;
	value->bytes = arena_copy_bytes(arena, length > 0 ? bytes : "", length);
	return sizeof *value + length;
}

static bool
run_script(struct connection *connection, const char *sql, struct failure *failure)
{
	char *words = NULL;
	int code = sqlite3_exec(connection->db, sql, NULL, NULL, &words);

	if (code != SQLITE_OK)
		failed(failure, connection, code);
	sqlite3_free(words);
	return code == SQLITE_OK;
}

static char *
explain(struct connection *connection, const struct statement *statement, struct arena *arena,
	struct failure *failure)
{
	struct text plan = { 0 };
	sqlite3_stmt *stmt;
	char *sql, *copy;
	int code;

	must(statement->sqlite != NULL);
	sql = format_text("EXPLAIN QUERY PLAN %s", statement->sqlite);
	code = sqlite3_prepare_v2(connection->db, sql, -1, &stmt, NULL);
	free(sql);
	if (code != SQLITE_OK) {
		failed(failure, connection, code);
		return NULL;
	}
	while ((code = sqlite3_step(stmt)) == SQLITE_ROW)
		text_addf(&plan, "%s\n", (const char *)sqlite3_column_text(stmt, 3));
	sqlite3_finalize(stmt);
	copy = arena_copy(arena, plan.bytes != NULL ? plan.bytes : "");
	text_clear(&plan);
	return copy;
}

const struct driver sqlite_driver = {
	.name = "sqlite",
	.open = vault_open,
	.close = vault_close,
	.bytes = vault_bytes,
	.connect = connection_open,
	.disconnect = connection_close,
	.begin = begin,
	.commit = commit,
	.rollback = rollback,
	.mark = mark,
	.unmark = unmark,
	.undo = undo,
	.write = write_rows,
	.read = read_rows,
	.script = run_script,
	.explain = explain,
	.check = sqlite_check,
	.backup = sqlite_backup,
	.keep_copy = sqlite_keep_copy,
	.restore = sqlite_restore,
};
