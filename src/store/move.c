/* SPDX-License-Identifier: MIT */
/*
 * A whole store copied into one of another kind.
 *
 * Nothing here knows the tables: they, their columns and keys are read from both databases.
 * What SQLite calls a column's type is what it is, for MariaDB keeps texts and bytes alike in
 * VARBINARY.  A column that only MariaDB has (`rest`) fills itself.
 *
 * Rows are read in the order of their key, a page after another, and written a page a
 * transaction.  In the order it happens:
 *
 *   move_begin	the other store must be new, or one to which this has been begun before; a row
 *		"moving" among its migrations keeps servers away from it
 *   table_copy	each table, going on after the last row that is there already
 *   table_same	both are read as a whole; numbers of rows and checksums must be the same.  A table
 *		that differs (the old store was used between two tries) is emptied and copied anew
 *   move_end	the row "moving" goes
 */
#include "store/store.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "store/internal.h"

#define PAGE_ROWS   500
#define COLUMNS_MAX 32
#define KEYS_MAX    4

static const struct statement tables_list = {
	.name = "move.tables",
	.in = "",
	.out = "ttti",
	.sqlite = "SELECT m.name, p.name, p.type, p.pk FROM sqlite_master m"
		  " JOIN pragma_table_info(m.name) p"
		  " WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite@_%' ESCAPE '@'"
		  " AND m.name <> 'migrations' ORDER BY m.name, p.cid",
	/* A column that is in the key with its first bytes only is none that rows are found by. */
	.mariadb = "SELECT c.table_name, c.column_name, c.data_type,"
		   " if(s.sub_part IS NULL, coalesce(s.seq_in_index, 0), 0)"
		   " FROM information_schema.tables t JOIN information_schema.columns c"
		   " ON c.table_schema = t.table_schema AND c.table_name = t.table_name"
		   " LEFT JOIN information_schema.statistics s"
		   " ON s.table_schema = c.table_schema AND s.table_name = c.table_name"
		   " AND s.column_name = c.column_name AND s.index_name = 'PRIMARY'"
		   " WHERE t.table_schema = database() AND t.table_type = 'BASE TABLE'"
		   " AND t.table_name NOT IN ('migrations', 'writers')"
		   " ORDER BY c.table_name, c.ordinal_position",
};
static const struct statement moving_begin = {
	.name = "move.begin",
	.in = "ti",
	.out = "",
	.sqlite = "REPLACE INTO migrations (module, number, name, applied)"
		  " VALUES ('" MOVING "', 1, ?, ?)",
};
static const struct statement moving_end = {
	.name = "move.end",
	.in = "",
	.out = "",
	.sqlite = "DELETE FROM migrations WHERE module = '" MOVING "'",
};
static const struct statement moving_from = {
	.name = "move.from",
	.in = "",
	.out = "t",
	.sqlite = "SELECT name FROM migrations WHERE module = '" MOVING "'",
};

const struct statement *const move_statements[] = {
	&tables_list, &moving_begin, &moving_end, &moving_from, NULL,
};

/* A table of one of the stores, with the columns that both have. */
struct table_about {
	const char *name;
	size_t count;
	const char *columns[COLUMNS_MAX];
	char types[COLUMNS_MAX + 1]; /* as statements say them */
	/* The columns by which rows are found, in order, by their place in `columns`. */
	unsigned keys[KEYS_MAX], key_count;
	bool has_key[KEYS_MAX];
	bool unique; /* the key is the table's whole key */
};

struct tables_about {
	struct table_about *tables;
	size_t count;
};

/* Where a walk through a table is. */
struct walk {
	struct store *store;
	const struct table_about *table;
	struct arena *arena;
	struct statement first, next;
	struct value at[KEYS_MAX];
	bool began, ended, shrunk;
	unsigned page;
};

struct sum {
	uint64_t rows, checksum;
};

static bool modules_are_whole(struct store *store, const char *const *modules, struct err *err);
static bool move_begin(struct store *from, struct store *to, const char *const *modules,
		       struct err *err);
static bool move_end(struct store *to, struct err *err);
static bool tables_read(struct store *store, struct arena *arena, struct tables_about *found,
			struct err *err);
static bool tables_agree(struct arena *arena, struct store *from, struct tables_about *ours,
			 struct tables_about *theirs, struct err *err);
static bool table_agree(struct table_about *ours, struct table_about *theirs, bool types_are_ours,
			struct err *err);
static bool table_copy(struct store *from, struct store *to, const struct table_about *ours,
		       const struct table_about *theirs, struct store_move *move, struct err *err);
static bool table_empty(struct store *to, const struct table_about *table, struct err *err);
static bool table_same(struct store *from, struct store *to, const struct table_about *ours,
		       const struct table_about *theirs, struct sum *sum, bool *same,
		       struct err *err);
static bool table_sum(struct store *store, const struct table_about *table, struct sum *sum,
		      struct err *err);
static void walk_begin(struct walk *walk, struct store *store, const struct table_about *table);
static void walk_after(struct walk *walk, const struct value *row);
static bool walk_page(struct walk *walk, struct arena *arena, struct rows *rows, struct err *err);
static void walk_end(struct walk *walk);
static bool ask(struct store *store, const struct statement *statement, const struct value *in,
		size_t count, struct arena *arena, struct rows *rows, struct err *err);
static bool tell(struct store *store, const struct statement *statement,
		 const struct value *const *rows, size_t count, struct err *err);

bool
store_move(struct store *from, struct store *to, const char *const *modules,
	   struct store_move *move, struct err *err)
{
	struct arena *arena = move->arena;
	struct tables_about ours, theirs;
	bool good;

	if (from->driver == to->driver)
		return err_fail(err, ERR_REFUSED,
				"both stores are of the kind \"%s\": that is a matter of the "
				"database's own tools",
				from->driver->name);
	good = modules_are_whole(from, modules, err) && move_begin(from, to, modules, err) &&
	       tables_read(from, arena, &ours, err) && tables_read(to, arena, &theirs, err) &&
	       tables_agree(arena, from, &ours, &theirs, err);
	if (!good)
		return false;
	move->tables = arena_alloc(arena, (ours.count + 1) * sizeof move->tables[0]);
	for (size_t i = 0; i < ours.count; i++) {
		struct sum sum = { 0 };
		bool same = false;

		move->table = ours.tables[i].name;
		if (!table_copy(from, to, &ours.tables[i], &theirs.tables[i], move, err) ||
		    !table_same(from, to, &ours.tables[i], &theirs.tables[i], &sum, &same, err))
			return err_add(err, "table \"%s\"", ours.tables[i].name);
		if (!same &&
		    (!table_empty(to, &theirs.tables[i], err) ||
		     !table_copy(from, to, &ours.tables[i], &theirs.tables[i], move, err) ||
		     !table_same(from, to, &ours.tables[i], &theirs.tables[i], &sum, &same, err)))
			return err_add(err, "table \"%s\"", ours.tables[i].name);
		if (!same)
			return err_fail(err, ERR_SYSTEM,
					"table \"%s\" is not the same after it was copied",
					ours.tables[i].name);
		move->tables[move->count].name = ours.tables[i].name;
		move->tables[move->count].rows = sum.rows;
		move->tables[move->count++].checksum = sum.checksum;
	}
	return move_end(to, err);
}

/* --- beginning and ending --- */

static bool
modules_are_whole(struct store *store, const char *const *modules, struct err *err)
{
	struct arena *arena = arena_new();
	struct store_plan *plans;
	size_t count = 0;
	bool good = store_plan(store, arena, modules, &plans, &count, err);

	arena_drop(arena);
	return good && (count == 0 || err_fail(err, ERR_REFUSED,
					       "%s: its tables are older than this version: run  "
					       "stentorctl store migrate  first",
					       store->vault->where));
}

static bool
move_begin(struct store *from, struct store *to, const char *const *modules, struct err *err)
{
	const struct value in[] = { text_value(from->driver->name), INTEGER_VALUE(now_seconds()) };
	const struct value *row = in;
	struct arena *arena = arena_new();
	struct rows rows;
	bool good = ask(to, &moving_from, NULL, 0, arena, &rows, err);

	if (good && rows.count == 0)
		good = store_is_new(to) ||
		       err_fail(err, ERR_EXISTS, "%s holds something already", to->vault->where);
	if (good && rows.count == 0)
		good = tell(to, &moving_begin, &row, 1, err);
	arena_drop(arena);
	return good && store_migrate(to, modules, err);
}

static bool
move_end(struct store *to, struct err *err)
{
	const struct value *none = NULL;

	return tell(to, &moving_end, &none, 1, err);
}

/* --- what there is --- */

static bool
tables_read(struct store *store, struct arena *arena, struct tables_about *found, struct err *err)
{
	struct rows rows;
	struct table_about *table = NULL;

	if (!ask(store, &tables_list, NULL, 0, arena, &rows, err))
		return false;
	*found = (struct tables_about) { arena_alloc(arena, (rows.count + 1) * sizeof *table), 0 };
	for (size_t i = 0; i < rows.count; i++) {
		const struct value *row = ROW(&rows, i);
		int64_t key = row[3].integer;

		if (table == NULL || strcmp(table->name, row[0].bytes) != 0) {
			table = &found->tables[found->count++];
			table->name = row[0].bytes;
		}
		if (table->count == COLUMNS_MAX || key > KEYS_MAX)
			return err_fail(err, ERR_LIMIT, "table \"%s\" has too many columns",
					table->name);
		if (key > 0) {
			table->keys[key - 1] = (unsigned)table->count;
			table->has_key[key - 1] = true;
		}
		/* Of SQLite's words only these are used. */
		table->types[table->count] = strcmp(row[2].bytes, "INTEGER") == 0 ? 'i'
					     : strcmp(row[2].bytes, "BLOB") == 0  ? 'b'
										  : 't';
		table->columns[table->count++] = row[1].bytes;
	}
	/* As far as there is no gap. */
	for (size_t i = 0; i < found->count; i++)
		while (found->tables[i].key_count < KEYS_MAX &&
		       found->tables[i].has_key[found->tables[i].key_count])
			found->tables[i].key_count++;
	return true;
}

/* Brings the tables of both into one order, and their columns, too. */
static bool
tables_agree(struct arena *arena, struct store *from, struct tables_about *ours,
	     struct tables_about *theirs, struct err *err)
{
	struct table_about *paired = arena_alloc(arena, (ours->count + 1) * sizeof *paired);
	struct table_about *kept = arena_alloc(arena, (ours->count + 1) * sizeof *kept);
	size_t count = 0;

	for (size_t i = 0; i < ours->count; i++) {
		struct table_about *table = &ours->tables[i], *other = NULL;
		struct sum sum;

		for (size_t j = 0; other == NULL && j < theirs->count; j++)
			if (strcmp(theirs->tables[j].name, table->name) == 0)
				other = &theirs->tables[j];
		if (other == NULL) {
			/* What a module left that is not installed any more. */
			if (!table_sum(from, table, &sum, err))
				return false;
			if (sum.rows > 0)
				return err_fail(err, ERR_ABSENT,
						"no module here makes the table \"%s\", and it "
						"holds rows: install its module, or drop the table",
						table->name);
			continue;
		}
		if (!table_agree(table, other, strcmp(from->driver->name, "sqlite") == 0, err))
			return false;
		kept[count] = *table;
		paired[count++] = *other;
	}
	*ours = (struct tables_about) { kept, count };
	*theirs = (struct tables_about) { paired, count };
	return true;
}

/* The columns in the order in which SQLite has them, and its types, for both. */
static bool
table_agree(struct table_about *ours, struct table_about *theirs, bool types_are_ours,
	    struct err *err)
{
	const struct table_about *model = types_are_ours ? ours : theirs;
	struct table_about *other = types_are_ours ? theirs : ours, new = *other;

	new.count = model->count;
	memcpy(new.columns, model->columns, sizeof new.columns);
	memcpy(new.types, model->types, sizeof new.types);
	for (size_t i = 0; i < model->count; i++) {
		size_t j = 0;

		while (j < other->count && strcmp(other->columns[j], model->columns[i]) != 0)
			j++;
		if (j == other->count)
			return err_fail(err, ERR_ABSENT,
					"only one of both has a column \"%s\".\"%s\"", model->name,
					model->columns[i]);
		for (unsigned k = 0; k < other->key_count; k++)
			if (other->keys[k] == j)
				new.keys[k] = (unsigned)i;
	}
	*other = new;
	ours->unique = ours->key_count == model->key_count;
	theirs->unique = theirs->key_count == model->key_count;
	if (ours->key_count == 0 || theirs->key_count == 0)
		return err_fail(err, ERR_SYNTAX, "table \"%s\" has no primary key", model->name);
	return true;
}

/* --- copying --- */

static void
add_columns(struct text *sql, const struct table_about *table)
{
	for (size_t i = 0; i < table->count; i++)
		text_addf(sql, "%s\"%s\"", i > 0 ? ", " : "", table->columns[i]);
}

static bool
table_copy(struct store *from, struct store *to, const struct table_about *ours,
	   const struct table_about *theirs, struct store_move *move, struct err *err)
{
	struct text sql = { 0 };
	struct statement last = { .name = "move.last", .in = "", .out = theirs->types };
	struct statement put = { .name = "move.put", .in = ours->types, .out = "" };
	struct walk walk;
	struct arena *arena = arena_new();
	struct rows rows;
	uint64_t copied = 0;
	bool good;

	walk_begin(&walk, from, ours);

	/* Where an earlier try came to. */
	text_add(&sql, "SELECT ");
	add_columns(&sql, theirs);
	text_addf(&sql, " FROM \"%s\" ORDER BY ", theirs->name);
	for (unsigned i = 0; i < ours->key_count; i++)
		text_addf(&sql, "%s\"%s\" DESC", i > 0 ? ", " : "", ours->columns[ours->keys[i]]);
	text_add(&sql, " LIMIT 1");
	last.sqlite = sql.bytes;
	good = ask(to, &last, NULL, 0, arena, &rows, err);
	/* Of a group there may be more to come. */
	if (good && rows.count > 0 && ours->unique)
		walk_after(&walk, ROW(&rows, 0));
	else if (good && rows.count > 0)
		good = table_empty(to, theirs, err);

	text_empty(&sql);
	text_addf(&sql, "REPLACE INTO \"%s\" (", theirs->name);
	add_columns(&sql, ours);
	text_add(&sql, ") VALUES (");
	for (size_t i = 0; i < ours->count; i++)
		text_add(&sql, i > 0 ? ", ?" : "?");
	text_add(&sql, ")");
	put.sqlite = sql.bytes;
	while (good && !walk.ended) {
		const struct value **list;

		arena_drop(arena);
		arena = arena_new();
		good = walk_page(&walk, arena, &rows, err);
		if (!good || rows.count == 0)
			continue;
		list = arena_alloc(arena, rows.count * sizeof *list);
		for (size_t i = 0; i < rows.count; i++)
			list[i] = ROW(&rows, i);
		good = tell(to, &put, list, rows.count, err);
		copied += rows.count;
		if (good && move->progress != NULL && !move->progress(move, copied))
			good = err_fail(err, ERR_REFUSED, "interrupted");
	}
	arena_drop(arena);
	walk_end(&walk);
	text_clear(&sql);
	return good;
}

/* In pieces, for the database has a patience. */
static bool
table_empty(struct store *to, const struct table_about *table, struct err *err)
{
	struct statement delete = { .name = "move.empty", .out = "" };
	char types[KEYS_MAX + 1] = "";
	struct text sql = { 0 };
	struct walk walk;
	bool good = true;

	text_addf(&sql, "DELETE FROM \"%s\" WHERE ", table->name);
	for (unsigned i = 0; i < table->key_count; i++) {
		text_addf(&sql, "%s\"%s\" = ?", i > 0 ? " AND " : "",
			  table->columns[table->keys[i]]);
		types[i] = table->types[table->keys[i]];
	}
	delete.in = types;
	delete.sqlite = sql.bytes;
	walk_begin(&walk, to, table);
	while (good && !walk.ended) {
		struct arena *arena = arena_new();
		struct value(*keys)[KEYS_MAX];
		const struct value **list;
		struct rows rows;

		good = walk_page(&walk, arena, &rows, err);
		if (good && rows.count > 0) {
			keys = arena_alloc(arena, rows.count * sizeof *keys);
			list = arena_alloc(arena, rows.count * sizeof *list);
			for (size_t i = 0; i < rows.count; i++) {
				for (unsigned k = 0; k < table->key_count; k++)
					keys[i][k] = ROW(&rows, i)[table->keys[k]];
				list[i] = keys[i];
			}
			good = tell(to, &delete, list, rows.count, err);
		}
		arena_drop(arena);
	}
	walk_end(&walk);
	text_clear(&sql);
	return good;
}

/* --- comparing --- */

static bool
table_same(struct store *from, struct store *to, const struct table_about *ours,
	   const struct table_about *theirs, struct sum *sum, bool *same, struct err *err)
{
	struct sum other;

	if (!table_sum(from, ours, sum, err) || !table_sum(to, theirs, &other, err))
		return false;
	*same = sum->rows == other.rows && sum->checksum == other.checksum;
	return true;
}

/* The sum of the rows' hashes, so that their order does not matter. */
static bool
table_sum(struct store *store, const struct table_about *table, struct sum *sum, struct err *err)
{
	struct text bytes = { 0 };
	struct walk walk;
	bool good = true;

	*sum = (struct sum) { 0 };
	walk_begin(&walk, store, table);
	while (good && !walk.ended) {
		struct arena *arena = arena_new();
		struct rows rows;

		good = walk_page(&walk, arena, &rows, err);
		for (size_t i = 0; good && i < rows.count; i++) {
			text_empty(&bytes);
			for (size_t j = 0; j < rows.columns; j++) {
				const struct value *value = &ROW(&rows, i)[j];

				text_addf(&bytes, "%c%d%zu:%" PRId64 ":", (char)value->type,
					  value->null, value->length, value->integer);
				if (value->bytes != NULL)
					text_add_bytes(&bytes, value->bytes, value->length);
			}
			sum->checksum += hash_stable(bytes.bytes, bytes.length);
		}
		sum->rows += good ? rows.count : 0;
		arena_drop(arena);
	}
	walk_end(&walk);
	text_clear(&bytes);
	return good;
}

/* --- walking --- */

/*
 * By a whole key each page begins behind the last row of the one before.  Where MariaDB has only
 * a part of the key (an owner), a page is of whole groups: of a full page the last group is left
 * for the next, and when it is all there is the page grows.
 */
static void
walk_begin(struct walk *walk, struct store *store, const struct table_about *table)
{
	struct text sql = { 0 };
	char types[2 * KEYS_MAX * KEYS_MAX + 1] = "";

	*walk = (struct walk) {
		.store = store, .table = table, .arena = arena_new(), .page = PAGE_ROWS
	};
	text_add(&sql, "SELECT ");
	add_columns(&sql, table);
	text_addf(&sql, " FROM \"%s\"", table->name);
	walk->first = (struct statement) {
		.name = "move.first",
		.in = "",
		.out = table->types,
	};
	walk->next = walk->first;
	walk->next.name = "move.next";
	for (int next = 0; next < 2; next++) {
		size_t before = sql.length;

		/* a > ? OR (a = ? AND b > ?) OR ... */
		for (unsigned i = 0; next && i < table->key_count; i++) {
			text_add(&sql, i == 0 ? " WHERE (" : " OR (");
			for (unsigned j = 0; j <= i; j++) {
				text_addf(&sql, "%s\"%s\" %s ?", j > 0 ? " AND " : "",
					  table->columns[table->keys[j]], j < i ? "=" : ">");
				types[strlen(types)] = table->types[table->keys[j]];
			}
			text_add(&sql, ")");
		}
		text_add(&sql, " ORDER BY ");
		for (unsigned i = 0; i < table->key_count; i++)
			text_addf(&sql, "%s\"%s\"", i > 0 ? ", " : "",
				  table->columns[table->keys[i]]);
		text_add(&sql, " LIMIT ?");
		*(next ? &walk->next.sqlite : &walk->first.sqlite) =
			arena_copy(walk->arena, sql.bytes);
		sql.length = before;
		sql.bytes[before] = '\0';
	}
	walk->next.in = arena_copy(walk->arena, types);
	text_clear(&sql);
}

static void
walk_after(struct walk *walk, const struct value *row)
{
	for (unsigned i = 0; i < walk->table->key_count; i++) {
		const struct value *value = &row[walk->table->keys[i]];

		walk->at[i] = *value;
		if (value->bytes != NULL)
			walk->at[i].bytes =
				arena_copy_bytes(walk->arena, value->bytes, value->length);
	}
	walk->began = true;
}

static bool
are_of_one_group(const struct table_about *table, const struct value *one,
		 const struct value *other)
{
	for (unsigned i = 0; i < table->key_count; i++) {
		const struct value *a = &one[table->keys[i]], *b = &other[table->keys[i]];

		if (a->null != b->null || a->integer != b->integer || a->length != b->length ||
		    (a->length > 0 && memcmp(a->bytes, b->bytes, a->length) != 0))
			return false;
	}
	return true;
}

static bool
walk_page(struct walk *walk, struct arena *arena, struct rows *rows, struct err *err)
{
	const struct table_about *table = walk->table;
	struct value in[KEYS_MAX * KEYS_MAX + 1];
	size_t count = 0, whole;

	for (unsigned i = 0; walk->began && i < table->key_count; i++)
		for (unsigned j = 0; j <= i; j++)
			in[count++] = walk->at[j];
	in[count++] = INTEGER_VALUE(walk->page);
	while (!ask(walk->store, walk->began ? &walk->next : &walk->first, in, count, arena, rows,
		    err)) {
		/* The rows may be too large to be taken together. */
		if (err->kind != ERR_REFUSED || walk->page == 1)
			return false;
		walk->page = (walk->page + 1) / 2;
		walk->shrunk = true;
		in[count - 1] = INTEGER_VALUE(walk->page);
	}
	walk->ended = rows->count < walk->page && !rows->more;
	if (!table->unique && !walk->ended) {
		for (whole = rows->count; whole > 0; whole--)
			if (!are_of_one_group(table, ROW(rows, whole - 1),
					      ROW(rows, rows->count - 1)))
				break;
		if (whole == 0 && (walk->shrunk || walk->page >= STORE_READ_MAX))
			return err_fail(err, ERR_LIMIT, "too many rows of one key");
		if (whole == 0)
			walk->page =
				2 * walk->page < STORE_READ_MAX ? 2 * walk->page : STORE_READ_MAX;
		rows->count = whole;
	}
	if (rows->count > 0)
		walk_after(walk, ROW(rows, rows->count - 1));
	return true;
}

static void
walk_end(struct walk *walk)
{
	arena_drop(walk->arena);
}

/* --- speaking with a store --- */

static bool
ask(struct store *store, const struct statement *statement, const struct value *in, size_t count,
    struct arena *arena, struct rows *rows, struct err *err)
{
	struct lane *lane = &store->lanes[0];
	struct failure failure;
	bool good;

	pthread_mutex_lock(&lane->using);
	good = store->driver->read(lane->connection, statement, in, count, STORE_READ_MAX, arena,
				   rows, &failure);
	pthread_mutex_unlock(&lane->using);
	return good || err_fail(err, failure.fault == FAULT_OWN ? ERR_REFUSED : ERR_DOWN, "%s: %s",
				store->vault->where, failure.text);
}

static bool
tell(struct store *store, const struct statement *statement, const struct value *const *rows,
     size_t count, struct err *err)
{
	const struct driver *driver = store->driver;
	struct lane *lane = &store->lanes[0];
	struct failure failure;
	size_t at;
	bool good;

	pthread_mutex_lock(&lane->using);
	good = driver->begin(lane->connection, &failure) &&
	       driver->write(lane->connection, statement, rows, count, &at, &failure) &&
	       driver->commit(lane->connection, &failure);
	if (!good)
		driver->rollback(lane->connection);
	pthread_mutex_unlock(&lane->using);
	return good || err_fail(err, failure.fault == FAULT_OWN ? ERR_REFUSED : ERR_DOWN, "%s: %s",
				store->vault->where, failure.text);
}
