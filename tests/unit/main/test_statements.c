/* SPDX-License-Identifier: MIT */
/*
 * Every statement that core and the modules declare can run on the tables that the
 * migrations make, and those on a hot path use an index.
 */
#include "store/store.h"

#include "core/internal.h"
#include "core/loader.h"
#include "store/internal.h"

#include "unit/store/kept.h"

#ifdef HAVE_MARIADB
/* What a column of a row gets; an owner has several rows. */
static const char *
example_of(const char *column, const char *type)
{
	if (strcmp(type, "bigint") == 0)
		return "seq";
	return strcmp(column, "owner") == 0 ? "concat('owner', seq % 20)" : "concat('x', seq)";
}

/* Rows in every table: of an empty one, a plan tells nothing. */
static void
fill_tables(void)
{
	static const char columns[] =
		"SELECT table_name, column_name, data_type FROM information_schema.columns"
		" WHERE table_schema = database() AND column_name <> 'rest'"
		" ORDER BY table_name, ordinal_position";
	struct text names = { 0 }, values = { 0 };
	MYSQL *db = server_connect(kept.database);
	MYSQL_RES *rows = NULL;
	MYSQL_ROW row, next;

	if (mysql_query(db, columns) == 0)
		rows = mysql_store_result(db);
	assert_non_null(rows);
	for (row = mysql_fetch_row(rows); row != NULL; row = next) {
		char *sql;

		text_addf(&names, "%s`%s`", names.length > 0 ? ", " : "", row[1]);
		text_addf(&values, "%s%s", values.length > 0 ? ", " : "",
			  example_of(row[1], row[2]));
		next = mysql_fetch_row(rows);
		if (next != NULL && strcmp(next[0], row[0]) == 0)
			continue;
		sql = format_text("INSERT IGNORE INTO `%s` (%s) SELECT %s FROM seq_1_to_500",
				  row[0], names.bytes, values.bytes);
		if (mysql_query(db, sql) != 0)
			fail_msg("%s: %s", sql, mysql_error(db));
		free(sql);
		sql = format_text("ANALYZE TABLE `%s`", row[0]);
		assert_int_equal(mysql_query(db, sql), 0);
		mysql_free_result(mysql_store_result(db));
		free(sql);
		text_empty(&names);
		text_empty(&values);
	}
	mysql_free_result(rows);
	mysql_close(db);
	text_clear(&names);
	text_clear(&values);
}
#else
static void
fill_tables(void)
{
}
#endif

static int
open_shipped(void **state)
{
	const char **modules = loader_migrating(NULL);
	struct err err = { 0 };

	(void)state;
	folder_make();
	kept.settings.schemas = getenv("STENTOR_SCHEMAS");
	kept.store = store_open(&kept.settings, &err);
	if (kept.store == NULL || !store_migrate(kept.store, modules, &err))
		fail_msg("%s", err.text);
	free(modules);
	if (on_mariadb())
		fill_tables();
	return 0;
}

typedef void each_fn(const struct statement *statement);

static unsigned
each_of(const struct statement *const *statements, each_fn *fn)
{
	unsigned count = 0;

	for (; statements != NULL && statements[count] != NULL; count++)
		fn(statements[count]);
	return count;
}

static void
each_statement(each_fn *fn)
{
	unsigned of_modules = 0;

	assert_true(each_of(migration_statements, fn) > 0);
	assert_true(each_of(document_statements, fn) > 0);
	assert_true(each_of(move_statements, fn) > 0);
	assert_true(each_of(account_statements, fn) > 0);
	assert_true(each_of(credentials_statements, fn) > 0);
	assert_true(each_of(id_statements, fn) > 0);
	assert_true(each_of(roster_statements, fn) > 0);
	assert_true(each_of(core_keep_statements, fn) > 0);
	for (const struct module *module = NULL; (module = loader_next(module)) != NULL;)
		of_modules += each_of(module->statements, fn);
	assert_true(of_modules > 0);
}

static unsigned
places_in(const char *sql)
{
	unsigned count = 0;
	bool quoted = false;

	for (; *sql != '\0'; sql++) {
		if (*sql == '\'')
			quoted = !quoted;
		count += *sql == '?' && !quoted;
	}
	return count;
}

/* The LIMIT of a page is not among the types. */
static void
is_well_declared(const struct statement *statement)
{
	const char *texts[] = { statement->sqlite, statement->mariadb };

	for (size_t i = 0; i < COUNT(texts); i++) {
		unsigned places = texts[i] != NULL ? places_in(texts[i]) : 0;

		if (texts[i] == NULL && i > 0)
			continue;
		if (texts[i] == NULL ||
		    (places != strlen(statement->in) &&
		     (places != strlen(statement->in) + 1 || strstr(texts[i], "LIMIT ?") == NULL)))
			fail_msg("\"%s\" has %u parameters, not \"%s\"", statement->name, places,
				 statement->in);
	}
}

static void
statements_have_the_parameters_they_declare(void **state)
{
	(void)state;
	each_statement(is_well_declared);
}

static void
runs(const struct statement *statement)
{
	struct arena *arena = arena_new();
	const char *plan = store_explain(kept.store, arena, statement);

	if (strstr(plan, "cannot run") != NULL)
		fail_msg("%s", plan);
	if (statement->hot && strstr(plan, "SCAN") != NULL)
		fail_msg("\"%s\" is hot and reads a whole table: %s", statement->name, plan);
	arena_drop(arena);
}

static void
statements_run_and_the_hot_use_an_index(void **state)
{
	(void)state;
	each_statement(runs);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(statements_have_the_parameters_they_declare),
		cmocka_unit_test_setup_teardown(statements_run_and_the_hot_use_an_index,
						open_shipped, close_kept),
	};
	const char *modules = getenv("STENTOR_MODULES");
	struct err err;
	int failed;

	if (!loader_open(modules != NULL ? modules : "modules/.libs", &err)) {
		print_error("%s\n", err.text);
		return 1;
	}
	failed = kept_run("main/statements", tests, COUNT(tests));
	loader_close();
	return failed;
}
