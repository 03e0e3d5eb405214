/* SPDX-License-Identifier: MIT */
/*
 * Every table that keeps something of a user is exported and erased: what the migrations of
 * each driver make is compared with what core and the modules declare.
 */
#include "core/keep.h"

#include "base/arena.h"
#include "base/text.h"
#include "core/internal.h"
#include "core/loader.h"

#include <ctype.h>
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum driver { SQLITE, MARIADB };
static const char *const drivers[] = { "sqlite", "mariadb" };

/* --- what is declared --- */

static bool
names(const char *sql, const char *table)
{
	size_t length = strlen(table);
	const char *at = sql;

	for (; (at = strstr(at, table)) != NULL; at += length)
		if ((at == sql || (!isalnum((unsigned char)at[-1]) && at[-1] != '_')) &&
		    !isalnum((unsigned char)at[length]) && at[length] != '_')
			return true;
	return false;
}

static bool
statement_names(const struct statement *statement, enum driver driver, const char *table)
{
	const char *sql;

	if (statement == NULL)
		return false;
	sql = driver == MARIADB && statement->mariadb != NULL ? statement->mariadb
							      : statement->sqlite;
	return names(sql, table);
}

/* What is missing for the table; NULL: nothing. */
static const char *
missing(enum driver driver, const char *table)
{
	bool is_said = false, is_erased = false;
	struct kept_kind kept = { 0 };

	while (kept_next(&kept)) {
		const struct keep *keep = kept.keep;
		bool erases = statement_names(keep->erase, driver, table);

		if (text_is(keep->shared, table))
			return NULL;
		/* Without rows its owner has said that there is nothing to say of it. */
		is_said |= statement_names(keep->rows, driver, table) ||
			   (erases && keep->rows == NULL);
		is_erased |= erases;
	}
	/* An erased account leaves its name behind, and `account remove --erase` not even that. */
	is_erased |= strcmp(table, "accounts") == 0;
	return !is_said ? "no keep exports it" : !is_erased ? "no keep erases it" : NULL;
}

/* --- what there is --- */

static const char *
pass_space(const char *at)
{
	while (isspace((unsigned char)*at))
		at++;
	return at;
}

static bool
take_word(const char **at, const char *word)
{
	size_t length = strlen(word);

	*at = pass_space(*at);
	if (strncasecmp(*at, word, length) != 0 || isalnum((unsigned char)(*at)[length]))
		return false;
	*at += length;
	return true;
}

/* The next table in a text of SQL that has an `owner`; returns where to go on, NULL at the end. */
static const char *
next_owned(struct arena *arena, const char *sql, const char **table)
{
	const char *at, *end, *column;
	size_t length;

	while ((sql = strcasestr(sql, "CREATE TABLE")) != NULL) {
		at = sql + strlen("CREATE TABLE");
		sql = at;
		if (take_word(&at, "IF"))
			(void)(take_word(&at, "NOT") && take_word(&at, "EXISTS"));
		at = pass_space(at);
		at += *at == '`' || *at == '"';
		length = strspn(at, "abcdefghijklmnopqrstuvwxyz0123456789_");
		*table = arena_copy_bytes(arena, at, length);
		end = strchr(at, ';');
		if (end == NULL)
			end = at + strlen(at);
		for (column = strchr(at, '('); column != NULL && column < end;
		     column = strchr(column, '\n')) {
			column = pass_space(column + 1);
			if (take_word(&column, "owner") || take_word(&column, "`owner`") ||
			    take_word(&column, "\"owner\""))
				return end;
		}
	}
	return NULL;
}

static char *
read_file(const char *folder, const char *name)
{
	char *path = format_text("%s/%s", folder, name);
	FILE *file = fopen(path, "re");
	struct text text = { 0 };
	char line[4096];

	assert_non_null(file);
	while (fgets(line, sizeof line, file) != NULL) {
		char *remark = strstr(line, "--");

		if (remark != NULL)
			*remark = '\0';
		text_add(&text, line);
		text_add(&text, "\n");
	}
	fclose(file);
	free(path);
	return text_take(&text);
}

/* How many tables of a driver there are with an owner; names those that are not covered. */
static unsigned
look_at(enum driver driver, struct text *faults)
{
	const char *schemas = getenv("STENTOR_SCHEMAS");
	char *folder = format_text("%s/%s", schemas != NULL ? schemas : "schemas", drivers[driver]);
	struct arena *arena = arena_new();
	DIR *dir = opendir(folder);
	const struct dirent *file;
	unsigned count = 0;

	assert_non_null(dir);
	while ((file = readdir(dir)) != NULL) {
		size_t length = strlen(file->d_name);
		const char *at, *table, *what;
		char *sql;

		if (length < 4 || strcmp(file->d_name + length - 4, ".sql") != 0)
			continue;
		sql = read_file(folder, file->d_name);
		for (at = sql; (at = next_owned(arena, at, &table)) != NULL; count++)
			if ((what = missing(driver, table)) != NULL)
				text_addf(faults, "%s/%s: table \"%s\": %s\n", drivers[driver],
					  file->d_name, table, what);
		free(sql);
	}
	closedir(dir);
	arena_drop(arena);
	free(folder);
	return count;
}

static void
tables_with_an_owner_are_exported_and_erased(void **state)
{
	struct text faults = { 0 };

	(void)state;
	for (enum driver driver = SQLITE; driver <= MARIADB; driver++)
		assert_true(look_at(driver, &faults) >= 8);
	if (faults.length > 0)
		fail_msg("%s", faults.bytes);
}

/* The test itself: a table that nobody has declared is found, however it is written. */
static void
a_table_that_was_forgotten_is_found(void **state)
{
	static const char *const texts[] = {
		"CREATE TABLE IF NOT EXISTS gossip (\n\towner TEXT NOT NULL,\n\twhat TEXT\n);",
		"create table gossip (id INTEGER,\n  `owner` VARBINARY(3071) NOT NULL);",
		"CREATE TABLE other (x INT);\nCREATE TABLE gossip (owner INT);",
	};
	struct arena *arena = arena_new();
	const char *table;

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		assert_non_null(next_owned(arena, texts[i], &table));
		assert_string_equal(table, "gossip");
	}
	assert_null(next_owned(arena, "CREATE TABLE secrets (name TEXT, value BLOB);", &table));
	assert_non_null(missing(SQLITE, "gossip"));
	assert_non_null(missing(MARIADB, "gossip"));
	assert_null(missing(SQLITE, "roster"));
	assert_null(missing(SQLITE, "caps"));
	assert_non_null(missing(SQLITE, "rost"));
	arena_drop(arena);
}

/* A name is where an export goes on, and how rows find back. */
static void
rows_have_names_of_their_own(void **state)
{
	struct kept_kind one = { 0 }, other;

	(void)state;
	while (kept_next(&one)) {
		if (one.keep->rows == NULL)
			continue;
		assert_int_equal(one.keep->rows->in[0], 't');
		assert_true(strlen(one.keep->rows->in) <= 2);
		/* A page goes on behind its first column. */
		if (one.keep->rows->in[1] != '\0')
			assert_int_equal(one.keep->rows->in[1], one.keep->rows->out[0]);
		if (one.keep->put != NULL)
			assert_int_equal(strlen(one.keep->put->in),
					 strlen(one.keep->rows->out) + 1);
		other = one;
		while (kept_next(&other))
			if (other.keep->rows != NULL)
				assert_string_not_equal(one.keep->rows->name,
							other.keep->rows->name);
	}
}

/* What can be said can be taken again. */
static void
what_is_exported_is_imported(void **state)
{
	struct kept_kind kept = { 0 };

	(void)state;
	while (kept_next(&kept)) {
		const struct keep *keep = kept.keep;
		bool is_taken = keep->put != NULL;

		for (const struct form *form = keep->forms; form != NULL && form->ns != NULL;
		     form++)
			is_taken |= form->take != NULL;
		if (keep->rows != NULL && !is_taken)
			fail_msg("\"%s\" of %s is exported and never imported", keep->what,
				 kept.by);
		assert_true(keep->forms == NULL || keep->forms->show != NULL);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tables_with_an_owner_are_exported_and_erased),
		cmocka_unit_test(a_table_that_was_forgotten_is_found),
		cmocka_unit_test(rows_have_names_of_their_own),
		cmocka_unit_test(what_is_exported_is_imported),
	};
	const char *modules = getenv("STENTOR_MODULES");
	struct err err;
	int failed;

	if (!loader_open(modules != NULL ? modules : "modules/.libs", &err)) {
		print_error("%s\n", err.text);
		return 1;
	}
	failed = cmocka_run_group_tests_name("main/keeps", tests, NULL, NULL);
	loader_close();
	return failed;
}
