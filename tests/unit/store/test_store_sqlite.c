/* SPDX-License-Identifier: MIT */
/* What is particular to SQLite: its file, its settings, its errors. */
#include "store/store.h"

#include "kept.h"

#include "base/arena.h"

#include <sqlite3.h>
#include <sys/wait.h>

static void
open_fails(const char *why)
{
	struct err err = { 0 };

	assert_null(store_open(&kept.settings, &err));
	if (strstr(err.text, why) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", err.text, why);
	assert_non_null(strstr(err.text, kept.settings.path));
}

static void
a_new_file_is_for_us_alone(void **state)
{
	static const char *const names[] = { "test.sqlite", "test.sqlite-wal", "test.sqlite-shm" };
	struct stat about;

	(void)state;
	WRITE("juliet", PUT("juliet", 1, "a"));
	for (size_t i = 0; i < COUNT(names); i++) {
		assert_int_equal(stat(path_of(names[i]), &about), 0);
		assert_int_equal(about.st_mode & 0777, 0600);
	}
}

static int64_t
pragma(const char *name)
{
	struct statement ask = { .name = name, .in = "", .out = "i", .sqlite = name };
	int64_t number = 0;
	size_t length;
	bool found;
	struct err err;

	assert_true(store_read_now(kept.store, &ask, NULL, &number, sizeof number, &length, &found,
				   &err));
	return number;
}

static void
the_writer_is_durable(void **state)
{
	FILE *file = fopen(path_of("test.sqlite"), "re");

	(void)state;
	assert_int_equal(pragma("PRAGMA synchronous"), 2);
	assert_int_equal(pragma("PRAGMA foreign_keys"), 1);
	fseek(file, 18, SEEK_SET); /* the file format: 2 is WAL */
	assert_int_equal(fgetc(file), 2);
	fclose(file);
}

static void
what_is_no_database_is_refused_by_name(void **state)
{
	(void)state;
	write_file("test.sqlite",
		   "This is a letter and not a database, though it is quite long, at "
		   "least a hundred characters, because SQLite looks at that many.");
	open_fails("the file is not an SQLite database");
}

static void
a_missing_folder_is_named(void **state)
{
	(void)state;
	kept.settings.path = "nowhere/test.sqlite";
	open_fails("No such file or directory");
}

static void
a_file_that_is_no_file_is_refused(void **state)
{
	(void)state;
	kept.settings.path = "schemas";
	open_fails("cannot be");
}

static void
an_absolute_path_is_taken_as_it_is(void **state)
{
	struct err err;

	(void)state;
	kept.settings.path = path_of("elsewhere.sqlite");
	kept.settings.folder = "/nonexistent";
	kept.store = store_open(&kept.settings, &err);
	assert_non_null(kept.store);
	assert_true(file_is_there("elsewhere.sqlite"));
}

static void
a_locked_file_says_so(void **state)
{
	sqlite3 *db;

	(void)state;
	assert_int_equal(sqlite3_open(path_of("test.sqlite"), &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "CREATE TABLE x (x); BEGIN EXCLUSIVE", NULL, NULL, NULL),
			 SQLITE_OK);
	open_fails("it is locked by another process");
	sqlite3_close(db);
}

/* Somebody else writes for a while: our write waits and comes through. */
static void
a_lock_that_goes_away_is_only_a_delay(void **state)
{
	static struct ticket ticket;
	struct row row = PUT("juliet", 1, "a");
	sqlite3 *db;

	(void)state;
	assert_int_equal(sqlite3_open(path_of("test.sqlite"), &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	write_start(&ticket, "juliet", &row, 1);
	sleep_ms(2600);                               /* longer than a statement waits by itself */
	assert_string_equal(things_of("juliet"), ""); /* readers do not care */
	sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
	sqlite3_close(db);
	assert_int_equal(ticket_wait(&ticket), STORE_OK);
	assert_int_equal(logged_count("could not commit: it is locked by another process"), 1);
}

static void
damage(off_t from, size_t length)
{
	FILE *file = fopen(path_of("test.sqlite"), "r+e");

	assert_non_null(file);
	fseek(file, from, SEEK_SET);
	while (length-- > 0)
		fputc('?', file);
	fclose(file);
}

static void
damage_is_found_by_the_check(void **state)
{
	struct err err;

	(void)state;
	for (int i = 0; i < 200; i++) {
		struct value in[] = { text_value("juliet"), INTEGER_VALUE(i),
				      text_value("some words that take a bit of room") };

		assert_true(store_write_now(kept.store, &things_put, in, &err));
	}
	assert_true(store_check(kept.store, &err));
	store_close(&kept.store);
	damage(4096 * 6 + 100, 3000);
	kept.store = store_open(&kept.settings, &err);
	assert_non_null(kept.store);
	assert_false(store_check(kept.store, &err));
	assert_non_null(strstr(err.text, path_of("test.sqlite")));
	assert_non_null(strstr(err.text, "damaged"));
}

static void
a_damaged_head_is_refused_at_once(void **state)
{
	(void)state;
	store_close(&kept.store);
	damage(100, 400);
	open_fails("the file is damaged");
}

/* More different statements than a connection keeps prepared. */
static void
statements_come_and_go(void **state)
{
	struct err err;
	char sql[80];

	(void)state;
	for (int i = 0; i < 2500; i++) {
		struct statement ask = { .name = "n", .in = "", .out = "i", .sqlite = sql };
		int64_t number = -1;
		size_t length;
		bool found;

		snprintf(sql, sizeof sql, "SELECT %d", i);
		assert_true(store_read_now(kept.store, &ask, NULL, &number, sizeof number, &length,
					   &found, &err));
		assert_int_equal(number, i);
	}
}

/* A module that was loaded anew may have another statement where the old one was. */
static void
a_statement_is_known_by_its_words(void **state)
{
	struct statement ask = { .name = "n", .in = "", .out = "i", .sqlite = "SELECT 1" };
	int64_t number = 0;
	size_t length;
	bool found;
	struct err err;

	(void)state;
	store_read_now(kept.store, &ask, NULL, &number, sizeof number, &length, &found, &err);
	assert_int_equal(number, 1);
	ask.sqlite = "SELECT 2";
	store_read_now(kept.store, &ask, NULL, &number, sizeof number, &length, &found, &err);
	assert_int_equal(number, 2);
}

static void
foreign_keys_are_kept(void **state)
{
	static const struct statement parent = {
		.name = "parent",
		.in = "",
		.out = "",
		.sqlite = "CREATE TABLE p (id INTEGER PRIMARY KEY)"
	};
	static const struct statement child = { .name = "child",
						.in = "",
						.out = "",
						.sqlite = "CREATE TABLE c (p REFERENCES p (id))" };
	static const struct statement orphan = {
		.name = "orphan", .in = "i", .out = "", .sqlite = "INSERT INTO c VALUES (?)"
	};

	(void)state;
	WRITE(NULL, { &parent, NULL, { { 0 } } }, { &child, NULL, { { 0 } } });
	assert_int_equal(WRITE(NULL, { &orphan, NULL, { INTEGER_VALUE(7) } }), STORE_FAILED);
	assert_int_equal(logged_count("FOREIGN KEY constraint failed"), 1);
}

static int
open_at_rest(void **state)
{
	open_folder(state);
	store_make();
	return 0;
}

#define FOLDER(test)  cmocka_unit_test_setup_teardown(test, open_folder, close_kept)
#define AT_REST(test) cmocka_unit_test_setup_teardown(test, open_at_rest, close_kept)
#define OPENED(test)  cmocka_unit_test_setup_teardown(test, open_kept, close_kept)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		OPENED(a_new_file_is_for_us_alone),
		AT_REST(the_writer_is_durable),
		FOLDER(what_is_no_database_is_refused_by_name),
		FOLDER(a_missing_folder_is_named),
		FOLDER(a_file_that_is_no_file_is_refused),
		FOLDER(an_absolute_path_is_taken_as_it_is),
		FOLDER(a_locked_file_says_so),
		OPENED(a_lock_that_goes_away_is_only_a_delay),
		AT_REST(damage_is_found_by_the_check),
		AT_REST(a_damaged_head_is_refused_at_once),
		AT_REST(statements_come_and_go),
		AT_REST(a_statement_is_known_by_its_words),
		OPENED(foreign_keys_are_kept),
	};

	return cmocka_run_group_tests_name("store/store_sqlite", tests, NULL, NULL);
}
