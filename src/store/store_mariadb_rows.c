/* SPDX-License-Identifier: MIT */
/*
 * Statements of a MariaDB connection: prepared once, given values, and read.
 *
 * Several rows of one statement go to the server in one piece, column by column ("bulk"),
 * which costs a tenth of what single rows cost.  When one of them is refused, it cannot be
 * told which.
 */
#include "store/mariadb.h"

#ifdef HAVE_MARIADB

#include <mysqld_error.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

#define PREPARED_MAX   1000
#define READ_BYTES_MAX ((size_t)64 << 20)
#define VALUES_MAX     64
#define PIECE_BYTES    ((size_t)2 << 20)
#define ROW_OVERHEAD   16 /* bytes a value of a row on its way has at most beside its own */

struct prepared {
	struct entry entry;
	MYSQL_STMT *stmt;
	bool single; /* the server takes one row at a time */
	char sql[];
};

/* The columns of several rows, each as an array. */
struct piece {
	MYSQL_BIND binds[VALUES_MAX];
	int64_t *integers;
	char **bytes;
	unsigned long *lengths;
	char *indicators;
};

static struct prepared *prepare(struct connection *connection, const char *sql,
				struct failure *failure);
static bool write_one(struct connection *connection, struct prepared *prepared,
		      const struct value *in, size_t count, struct failure *failure);
static bool write_piece(struct connection *connection, struct prepared *prepared,
			const struct value *const *rows, size_t count, size_t columns,
			struct failure *failure);
static size_t piece_size(const struct value *const *rows, size_t count, size_t columns,
			 size_t limit);
static size_t row_bytes(const struct value *in, size_t columns);
static void piece_fill(struct piece *piece, const struct value *const *rows, size_t count,
		       size_t columns);
static enum enum_field_types type_of(enum store_type type);
static bool execute(struct connection *connection, MYSQL_STMT *stmt, MYSQL_BIND *binds,
		    unsigned rows, struct failure *failure);
static void bind_values(MYSQL_BIND *binds, const struct value *in, size_t count);
static bool read_once(struct connection *connection, const struct statement *statement,
		      const struct value *in, size_t count, size_t most, struct arena *arena,
		      struct rows *rows, struct failure *failure);
static bool collect(struct connection *connection, MYSQL_STMT *stmt, const char *out, size_t most,
		    struct arena *arena, struct rows *rows, struct failure *failure);
static size_t column_take(struct value *value, MYSQL_STMT *stmt, unsigned column, char type,
			  struct arena *arena);
static void example_sql(struct text *sql, const struct statement *statement);
static bool columns_match(MYSQL_STMT *stmt, const struct statement *statement,
			  struct failure *failure);

static const char *
text_of(const struct statement *statement)
{
	const char *sql = statement->mariadb != NULL ? statement->mariadb : statement->sqlite;

	must(sql != NULL);
	return sql;
}

/* --- prepared statements --- */

static struct prepared *
prepare(struct connection *connection, const char *sql, struct failure *failure)
{
	struct prepared *prepared = connection->last;
	MYSQL_STMT *stmt;
	size_t size;

	if (prepared != NULL && strcmp(prepared->sql, sql) == 0)
		return prepared;
	prepared = TABLE_ITEM(table_get(&connection->prepared, sql), struct prepared, entry);
	if (prepared == NULL) {
		stmt = mysql_stmt_init(connection->db);
		must(stmt != NULL);
		if (mysql_stmt_prepare(stmt, sql, strlen(sql)) != 0) {
			maria_statement_failed(connection, stmt, failure);
			mysql_stmt_close(stmt);
			return NULL;
		}
		if (connection->prepared.count >= PREPARED_MAX)
			maria_forget_prepared(connection);
		size = strlen(sql) + 1;
		prepared = zalloc(sizeof *prepared + size);
		prepared->stmt = stmt;
		memcpy(prepared->sql, sql, size);
		table_put(&connection->prepared, &prepared->entry, prepared->sql);
	}
	connection->last = prepared;
	return prepared;
}

void
maria_forget_prepared(struct connection *connection)
{
	struct entry *entry;

	connection->last = NULL;
	while ((entry = table_next(&connection->prepared, NULL)) != NULL) {
		struct prepared *prepared = CONTAINER(entry, struct prepared, entry);

		table_remove(&connection->prepared, entry);
		mysql_stmt_close(prepared->stmt);
		free(prepared);
	}
	table_clear(&connection->prepared);
}

/* `rows`: 0 when there are no arrays. */
static bool
execute(struct connection *connection, MYSQL_STMT *stmt, MYSQL_BIND *binds, unsigned rows,
	struct failure *failure)
{
	if (mysql_stmt_attr_set(stmt, STMT_ATTR_ARRAY_SIZE, &rows) == 0 &&
	    (mysql_stmt_param_count(stmt) == 0 || mysql_stmt_bind_param(stmt, binds) == 0) &&
	    mysql_stmt_execute(stmt) == 0)
		return true;
	return maria_statement_failed(connection, stmt, failure);
}

static enum enum_field_types
type_of(enum store_type type)
{
	switch (type) {
	case STORE_INTEGER:
		return MYSQL_TYPE_LONGLONG;
	case STORE_TEXT:
		return MYSQL_TYPE_STRING;
	case STORE_BLOB:
		return MYSQL_TYPE_BLOB;
	}
	must(false);
}

/* The library reads from where the values are, and only while it executes. */
static void
bind_values(MYSQL_BIND *binds, const struct value *in, size_t count)
{
	static my_bool null = 1;

	must(count <= VALUES_MAX);
	memset(binds, 0, count * sizeof binds[0]);
	for (size_t i = 0; i < count; i++) {
		binds[i].buffer_type = type_of(in[i].type);
		binds[i].is_null = in[i].null ? &null : NULL;
		if (in[i].type == STORE_INTEGER) {
			binds[i].buffer = (void *)&in[i].integer;
		} else {
			binds[i].buffer = (void *)in[i].bytes;
			binds[i].buffer_length = in[i].length;
		}
	}
}

/* --- writing --- */

bool
maria_write(struct connection *connection, const struct statement *statement,
	    const struct value *const *rows, size_t count, size_t *at, struct failure *failure)
{
	size_t columns = strlen(statement->in);
	struct prepared *prepared;
	bool good = true;

	*at = 0;
	if (connection->db == NULL)
		return failure_set(failure, FAULT_DOWN, "the connection was lost");
	prepared = prepare(connection, text_of(statement), failure);
	if (prepared == NULL)
		return false;
	must(mysql_stmt_param_count(prepared->stmt) == columns);
	while (good && *at < count) {
		size_t piece = columns == 0 || prepared->single
				       ? 1
				       : piece_size(rows + *at, count - *at, columns,
						    connection->packet_max / 2);

		if (row_bytes(rows[*at], columns) >= connection->packet_max) {
			good = failure_set(failure, FAULT_OWN,
					   "a row is larger than the server's max_allowed_packet");
		} else if (piece == 1) {
			good = write_one(connection, prepared, rows[*at], columns, failure);
		} else {
			good = write_piece(connection, prepared, rows + *at, piece, columns,
					   failure);
			if (!good && connection->db != NULL && prepared->single) {
				good = true; /* the server wants them one by one */
				continue;
			}
		}
		if (good)
			*at += piece;
		else if (piece > 1)
			*at = SIZE_MAX;
	}
	return good;
}

static bool
write_one(struct connection *connection, struct prepared *prepared, const struct value *in,
	  size_t count, struct failure *failure)
{
	MYSQL_BIND binds[VALUES_MAX];
	bool good;

	bind_values(binds, in, count);
	good = execute(connection, prepared->stmt, binds, 0, failure);
	if (good && mysql_stmt_field_count(prepared->stmt) > 0)
		mysql_stmt_free_result(prepared->stmt);
	return good;
}

static bool
write_piece(struct connection *connection, struct prepared *prepared,
	    const struct value *const *rows, size_t count, size_t columns, struct failure *failure)
{
	size_t cells = count * columns;
	struct piece piece = {
		.integers = zalloc(cells * sizeof piece.integers[0]),
		.bytes = zalloc(cells * sizeof piece.bytes[0]),
		.lengths = zalloc(cells * sizeof piece.lengths[0]),
		.indicators = zalloc(cells),
	};
	bool good;

	piece_fill(&piece, rows, count, columns);
	good = execute(connection, prepared->stmt, piece.binds, (unsigned)count, failure);
	if (!good && connection->db != NULL &&
	    mysql_stmt_errno(prepared->stmt) == ER_UNSUPPORTED_PS)
		prepared->single = true;
	free(piece.integers);
	free(piece.bytes);
	free(piece.lengths);
	free(piece.indicators);
	return good;
}

/* How many rows go together: what fits into one packet of a moderate size. */
static size_t
piece_size(const struct value *const *rows, size_t count, size_t columns, size_t limit)
{
	size_t bytes = 0, size = 0;

	if (limit > PIECE_BYTES)
		limit = PIECE_BYTES;
	for (; size < count; size++) {
		bytes += row_bytes(rows[size], columns);
		if (size > 0 && bytes > limit)
			break;
	}
	return size;
}

static size_t
row_bytes(const struct value *in, size_t columns)
{
	size_t bytes = ROW_OVERHEAD;

	for (size_t i = 0; i < columns; i++)
		bytes += ROW_OVERHEAD + (in[i].null ? 0 : in[i].length);
	return bytes;
}

static void
piece_fill(struct piece *piece, const struct value *const *rows, size_t count, size_t columns)
{
	must(columns <= VALUES_MAX);
	for (size_t i = 0; i < columns; i++) {
		MYSQL_BIND *bind = &piece->binds[i];
		size_t from = i * count;

		bind->buffer_type = type_of(rows[0][i].type);
		bind->u.indicator = piece->indicators + from;
		for (size_t j = 0; j < count; j++) {
			const struct value *value = &rows[j][i];

			if (value->null)
				piece->indicators[from + j] = STMT_INDICATOR_NULL;
			piece->integers[from + j] = value->integer;
			piece->bytes[from + j] = (char *)value->bytes;
			piece->lengths[from + j] = value->null ? 0 : value->length;
		}
		if (rows[0][i].type == STORE_INTEGER) {
			bind->buffer = piece->integers + from;
		} else {
			bind->buffer = piece->bytes + from;
			bind->length = piece->lengths + from;
		}
	}
}

/* --- reading --- */

bool
maria_read(struct connection *connection, const struct statement *statement, const struct value *in,
	   size_t count, size_t most, struct arena *arena, struct rows *rows,
	   struct failure *failure)
{
	struct stale stale = stale_look(connection);

	if (connection->began && connection->db == NULL)
		return failure_set(failure, FAULT_DOWN, "the connection was lost");
	do
		if (maria_connect(connection, failure) &&
		    read_once(connection, statement, in, count, most, arena, rows, failure))
			return true;
	while (stale_was(&stale, connection));
	return false;
}

static bool
read_once(struct connection *connection, const struct statement *statement, const struct value *in,
	  size_t count, size_t most, struct arena *arena, struct rows *rows,
	  struct failure *failure)
{
	struct prepared *prepared = prepare(connection, text_of(statement), failure);
	MYSQL_BIND binds[VALUES_MAX];
	bool good;

	if (prepared == NULL)
		return false;
	must(mysql_stmt_param_count(prepared->stmt) == count);
	if (mysql_stmt_field_count(prepared->stmt) == 0)
		return failure_set(failure, FAULT_OWN, "it writes, and was asked to read");
	bind_values(binds, in, count);
	good = execute(connection, prepared->stmt, binds, 0, failure) &&
	       collect(connection, prepared->stmt, statement->out, most, arena, rows, failure);
	if (connection->db != NULL)
		mysql_stmt_free_result(prepared->stmt);
	/* A writer's read begins a transaction, and nothing else would end it. */
	if (good && connection->use == MARIA_WRITES && !connection->began &&
	    mysql_rollback(connection->db) != 0)
		good = maria_failed(connection, failure);
	return good;
}

/* Texts and blobs come with their length only, and are then taken to where they stay. */
static bool
collect(struct connection *connection, MYSQL_STMT *stmt, const char *out, size_t most,
	struct arena *arena, struct rows *rows, struct failure *failure)
{
	size_t columns = strlen(out), room = 0, bytes = 0;
	MYSQL_BIND binds[VALUES_MAX] = { 0 };
	struct value *values = NULL, row[VALUES_MAX];
	unsigned long lengths[VALUES_MAX];
	my_bool nulls[VALUES_MAX];
	int code = MYSQL_NO_DATA;

	must(columns <= VALUES_MAX && mysql_stmt_field_count(stmt) == columns);
	*rows = (struct rows) { .columns = columns };
	for (size_t i = 0; i < columns; i++) {
		row[i] = (struct value) { .type = (enum store_type)out[i] };
		binds[i].buffer_type = type_of(row[i].type);
		binds[i].is_null = &nulls[i];
		binds[i].length = &lengths[i];
		if (row[i].type == STORE_INTEGER)
			binds[i].buffer = &row[i].integer;
	}
	if (mysql_stmt_bind_result(stmt, binds) != 0)
		return maria_statement_failed(connection, stmt, failure);
	while ((code = mysql_stmt_fetch(stmt)) == 0 || code == MYSQL_DATA_TRUNCATED) {
		struct value *to;

		if (rows->count == most || bytes > READ_BYTES_MAX) {
			rows->more = true;
			code = MYSQL_NO_DATA;
			break;
		}
		if (rows->count == room) {
			room = room == 0 ? 8 : 2 * room;
			values = resize(values, room * columns * sizeof *values);
		}
		to = &values[rows->count++ * columns];
		for (size_t i = 0; i < columns; i++) {
			to[i] = row[i];
			to[i].null = nulls[i];
			to[i].length = nulls[i] ? 0 : lengths[i];
			bytes += column_take(&to[i], stmt, (unsigned)i, out[i], arena);
		}
	}
	if (values != NULL)
		arena_at_end(arena, free, values);
	rows->values = values;
	if (code != MYSQL_NO_DATA)
		return maria_statement_failed(connection, stmt, failure);
	if (bytes > READ_BYTES_MAX)
		return failure_set(failure, FAULT_OWN, "its rows are more than %zu bytes",
				   READ_BYTES_MAX);
	return true;
}

static size_t
column_take(struct value *value, MYSQL_STMT *stmt, unsigned column, char type, struct arena *arena)
{
	unsigned long length = value->length;
	MYSQL_BIND bind = {
		.buffer_type = type_of((enum store_type)type),
		.buffer_length = value->length,
		.length = &length,
	};
	char *bytes;

	if (type == STORE_INTEGER) {
		value->integer = value->null ? 0 : value->integer;
		value->length = 0;
		return sizeof *value;
	}
	if (value->null)
		return sizeof *value;
	bytes = arena_bytes(arena, value->length + 1);
	bind.buffer = bytes;
	if (value->length > 0)
		must(mysql_stmt_fetch_column(stmt, &bind, column, 0) == 0);
	bytes[value->length] = '\0';
	value->bytes = bytes;
	return sizeof *value + value->length;
}

/* --- explaining --- */

char *
maria_explain(struct connection *connection, const struct statement *statement, struct arena *arena,
	      struct failure *failure)
{
	struct text sql = { 0 }, plan = { 0 };
	struct prepared *prepared;
	MYSQL_RES *result = NULL;
	MYSQL_ROW row;
	char *copy = NULL;

	if (!maria_connect(connection, failure))
		return NULL;
	prepared = prepare(connection, text_of(statement), failure);
	if (prepared == NULL || !columns_match(prepared->stmt, statement, failure))
		return NULL;
	example_sql(&sql, statement);
	if (mysql_real_query(connection->db, sql.bytes, sql.length) == 0)
		result = mysql_store_result(connection->db);
	if (result == NULL) {
		maria_failed(connection, failure);
	} else {
		/* id, select_type, table, type, possible_keys, key, key_len, ref, rows, Extra;
		 * to add a row is no search, though the type is "ALL". */
		while ((row = mysql_fetch_row(result)) != NULL)
			text_addf(&plan, "%s %s%s%s%s%s\n",
				  text_is(row[1], "INSERT") || text_is(row[1], "REPLACE") ? "ADD"
				  : text_is(row[3], "ALL")                                ? "SCAN"
							   : "SEARCH",
				  row[2] != NULL ? row[2] : "-", row[5] != NULL ? " USING " : "",
				  row[5] != NULL ? row[5] : "", row[9] != NULL ? ": " : "",
				  row[9] != NULL ? row[9] : "");
		mysql_free_result(result);
		copy = arena_copy(arena, plan.bytes != NULL ? plan.bytes : "");
	}
	text_clear(&sql);
	text_clear(&plan);
	return copy;
}

/* "EXPLAIN ..." with some value for each parameter. */
static void
example_sql(struct text *sql, const struct statement *statement)
{
	const char *type = statement->in;
	bool quoted = false;

	text_add(sql, "EXPLAIN ");
	for (const char *at = text_of(statement); *at != '\0'; at++) {
		if (*at == '\'')
			quoted = !quoted;
		if (*at != '?' || quoted)
			text_add_char(sql, *at);
		else
			text_add(sql, *type == '\0' || *type == STORE_INTEGER ? "7" : "'x'");
		if (*at == '?' && !quoted && *type != '\0')
			type++;
	}
}

static bool
columns_match(MYSQL_STMT *stmt, const struct statement *statement, struct failure *failure)
{
	const char *out = statement->out != NULL ? statement->out : "";
	MYSQL_RES *about = mysql_stmt_result_metadata(stmt);
	unsigned count = about != NULL ? mysql_num_fields(about) : 0;
	bool good = count == strlen(out);

	for (unsigned i = 0; good && i < count; i++) {
		enum enum_field_types type = mysql_fetch_field_direct(about, i)->type;
		bool number = type <= MYSQL_TYPE_DOUBLE || type == MYSQL_TYPE_LONGLONG ||
			      type == MYSQL_TYPE_INT24 || type == MYSQL_TYPE_NEWDECIMAL;

		good = number == (out[i] == STORE_INTEGER);
	}
	if (about != NULL)
		mysql_free_result(about);
	return good || failure_set(failure, FAULT_OWN, "its columns are not \"%s\"", out);
}

#endif
