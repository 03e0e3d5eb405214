/* SPDX-License-Identifier: MIT */
/* Backups: made in use, checked, and put back without ever being without a store. */
#include "store/store.h"

#include "kept.h"

#include <sqlite3.h>

static bool
opens_with(const char *name, const char *want)
{
	struct store_settings settings = kept.settings;
	struct value in[] = { text_value("juliet") };
	static const struct statement all = {
		.name = "all",
		.in = "t",
		.out = "t",
		.sqlite =
			"SELECT group_concat(id || '|' || words, ' ') FROM things WHERE owner = ?",
	};
	char words[4096] = "";
	size_t length = 0;
	bool found;
	struct store *store;
	struct err err;

	settings.path = name;
	store = store_open(&settings, &err);
	if (store == NULL)
		print_error("%s\n", err.text);
	assert_non_null(store);
	assert_true(
		store_read_now(store, &all, in, words, sizeof words - 1, &length, &found, &err));
	store_close(&store);
	words[length] = '\0';
	if (want != NULL && strcmp(words, want) != 0)
		print_error("\"%s\"\n", words);
	return want == NULL || strcmp(words, want) == 0;
}

static void
put_now(int64_t id, const char *words)
{
	struct err err;

	assert_true(store_write_now(kept.store, &things_put,
				    (struct value[]) { text_value("juliet"), INTEGER_VALUE(id),
						       text_value(words) },
				    &err));
}

static void
restore_fails(const char *name, const char *why)
{
	struct err err = { 0 };

	assert_false(store_restore(&kept.settings, path_of(name), &err));
	if (strstr(err.text, why) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", err.text, why);
	assert_false(file_is_there("test.sqlite.partial"));
}

static int
open_at_rest(void **state)
{
	open_folder(state);
	store_make();
	return 0;
}

static int
open_memory_at_rest(void **state)
{
	open_folder(state);
	kept.settings.path = ":memory:";
	store_make();
	return 0;
}

static void
a_backup_is_one_file_with_all_in_it(void **state)
{
	struct stat about;
	struct err err;

	(void)state;
	put_now(1, "a");
	assert_true(store_backup(kept.store, path_of("copy"), &err));
	assert_false(file_is_there("copy.partial"));
	assert_false(file_is_there("copy-wal"));
	assert_int_equal(stat(path_of("copy"), &about), 0);
	assert_int_equal(about.st_mode & 0777, 0600);
	put_now(2, "b");
	kept.settings.path = "test.sqlite";
	assert_true(opens_with("copy", "1|a"));
}

static void
a_backup_overwrites_nothing(void **state)
{
	struct err err;

	(void)state;
	write_file("copy", "precious");
	assert_false(store_backup(kept.store, path_of("copy"), &err));
	assert_int_equal(err.kind, ERR_EXISTS);
	assert_false(store_backup(kept.store, path_of("test.sqlite"), &err));
	assert_false(store_backup(kept.store, "/nonexistent/copy", &err));
	assert_non_null(strstr(err.text, "/nonexistent/copy"));
}

/* While batches of two rows are written, a copy holds both or neither, and a beginning of
 * what was written. */
static void
a_backup_is_one_moment_of_a_busy_store(void **state)
{
	enum { WRITES = 400 };
	static struct ticket tickets[WRITES];
	static struct row rows[WRITES][2];
	static const struct statement halves = {
		.name = "halves",
		.in = "",
		.out = "i",
		.sqlite = "SELECT (SELECT count(*) FROM things WHERE owner = 'juliet') -"
			  " (SELECT count(*) FROM things WHERE owner = 'romeo') +"
			  " 1000 * ((SELECT coalesce(max(id) + 1, 0) FROM things WHERE owner = "
			  "'juliet') <>"
			  " (SELECT count(*) FROM things WHERE owner = 'juliet'))",
	};
	struct err err;

	(void)state;
	for (size_t i = 0; i < WRITES; i++) {
		rows[i][0] = (struct row)PUT("juliet", i, "x");
		rows[i][1] = (struct row)PUT("romeo", i, "x");
	}
	for (size_t round = 0; round < 4; round++) {
		struct store_settings settings = kept.settings;
		int64_t difference = -1;
		struct store *copy;
		char name[16];
		size_t length;
		bool found;

		for (size_t i = round * 100; i < round * 100 + 100; i++)
			write_start(&tickets[i], "juliet", rows[i], 2);
		snprintf(name, sizeof name, "copy%zu", round);
		assert_true(store_backup(kept.store, path_of(name), &err));
		for (size_t i = round * 100; i < round * 100 + 100; i++)
			assert_int_equal(ticket_wait(&tickets[i]), STORE_OK);
		settings.path = name;
		copy = store_open(&settings, &err);
		assert_non_null(copy);
		assert_true(store_read_now(copy, &halves, NULL, &difference, sizeof difference,
					   &length, &found, &err));
		assert_int_equal(difference, 0);
		store_close(&copy);
	}
}

static void
a_backup_comes_back(void **state)
{
	struct err err;

	(void)state;
	put_now(1, "a");
	assert_true(store_backup(kept.store, path_of("copy"), &err));
	put_now(2, "b");
	store_close(&kept.store);
	assert_true(store_restore(&kept.settings, path_of("copy"), &err));
	assert_true(opens_with("test.sqlite", "1|a"));
	assert_true(opens_with("test.sqlite.replaced", "1|a 2|b"));
	assert_true(opens_with("copy", "1|a"));

	/* What was replaced first is not replaced by what is replaced second. */
	assert_true(store_restore(&kept.settings, path_of("test.sqlite.replaced"), &err));
	assert_true(opens_with("test.sqlite", "1|a 2|b"));
	assert_true(opens_with("test.sqlite.replaced", "1|a 2|b"));
	assert_true(opens_with("test.sqlite-2.replaced", "1|a"));
}

static void
a_backup_can_be_the_first_store(void **state)
{
	struct err err;

	(void)state;
	put_now(1, "a");
	assert_true(store_backup(kept.store, path_of("copy"), &err));
	store_close(&kept.store);
	unlink(path_of("test.sqlite"));
	assert_true(store_restore(&kept.settings, path_of("copy"), &err));
	assert_false(file_is_there("test.sqlite.replaced"));
	assert_true(opens_with("test.sqlite", "1|a"));
}

/* The old store was not closed well: what its WAL holds is its own, and must neither get
 * lost nor into the new one. */
static void
the_wal_of_the_old_store_stays_with_it(void **state)
{
	struct err err;
	char command[600];

	(void)state;
	put_now(1, "a");
	assert_true(store_backup(kept.store, path_of("copy"), &err));
	put_now(2, "b");
	snprintf(command, sizeof command, "cp %s %s; cp %s-wal %s-wal", path_of("test.sqlite"),
		 path_of("crashed"), path_of("test.sqlite"), path_of("crashed"));
	assert_int_equal(system(command), 0);
	store_close(&kept.store);
	kept.settings.path = "crashed";
	assert_true(store_restore(&kept.settings, path_of("copy"), &err));
	assert_true(opens_with("crashed", "1|a"));
	assert_true(opens_with("crashed.replaced", "1|a 2|b"));
}

static void
a_damaged_store_can_be_replaced(void **state)
{
	struct err err;

	(void)state;
	put_now(1, "a");
	assert_true(store_backup(kept.store, path_of("copy"), &err));
	store_close(&kept.store);
	write_file("test.sqlite", "This was a database once, but now it is a story about one that "
				  "somebody has overwritten; and there is even a log beside it.");
	write_file("test.sqlite-wal", "old");
	assert_true(store_restore(&kept.settings, path_of("copy"), &err));
	assert_true(opens_with("test.sqlite", "1|a"));
	assert_true(file_is_there("test.sqlite.replaced"));
	assert_true(file_is_there("test.sqlite.replaced-wal"));
}

static void
what_is_no_backup_changes_nothing(void **state)
{
	struct err err;
	sqlite3 *db;
	FILE *file;

	(void)state;
	put_now(1, "a");
	assert_true(store_backup(kept.store, path_of("copy"), &err));
	store_close(&kept.store);

	restore_fails("absent", "absent\"");
	restore_fails("test.sqlite", "is the store itself");
	write_file("letter",
		   "This is a letter and not a database, though it is quite long, at least "
		   "a hundred characters, because SQLite looks at that many.");
	restore_fails("letter", "the file is not an SQLite database");
	assert_int_equal(sqlite3_open(path_of("other"), &db), SQLITE_OK);
	sqlite3_exec(db, "CREATE TABLE x (x)", NULL, NULL, NULL);
	sqlite3_close(db);
	restore_fails("other", "is not a store: it has no table of migrations");

	file = fopen(path_of("copy"), "r+e");
	fseek(file, 4096 * 3 + 8, SEEK_SET);
	for (int i = 0; i < 4000; i++)
		fputc('?', file);
	fclose(file);
	restore_fails("copy", "damaged");

	assert_true(opens_with("test.sqlite", "1|a"));
	assert_false(file_is_there("test.sqlite.replaced"));
}

static void
a_newer_backup_is_refused(void **state)
{
	struct err err;

	(void)state;
	write_file("schemas/sqlite/things-002-new.sql", "CREATE TABLE new (x TEXT);\n");
	assert_true(store_migrate(kept.store, things_modules, &err));
	assert_true(store_backup(kept.store, path_of("copy"), &err));
	store_close(&kept.store);
	unlink(path_of("schemas/sqlite/things-002-new.sql"));
	restore_fails("copy", "module \"things\" is at 2, this one knows 1");
}

static void
a_store_in_use_is_not_replaced(void **state)
{
	struct err err;

	(void)state;
	assert_true(store_backup(kept.store, path_of("copy"), &err));
	put_now(1, "a");
	restore_fails("copy", "locked by another process");
	put_now(2, "b");
	store_close(&kept.store);
	assert_true(opens_with("test.sqlite", "1|a 2|b"));
}

#define AT_REST(test) cmocka_unit_test_setup_teardown(test, open_at_rest, close_kept)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		AT_REST(a_backup_is_one_file_with_all_in_it),
		{ "a_backup_is_one_file_with_all_in_it (in memory)",
		  a_backup_is_one_file_with_all_in_it, open_memory_at_rest, close_kept, NULL },
		AT_REST(a_backup_overwrites_nothing),
		cmocka_unit_test_setup_teardown(a_backup_is_one_moment_of_a_busy_store, open_kept,
						close_kept),
		AT_REST(a_backup_comes_back),
		AT_REST(a_backup_can_be_the_first_store),
		AT_REST(the_wal_of_the_old_store_stays_with_it),
		AT_REST(a_damaged_store_can_be_replaced),
		AT_REST(what_is_no_backup_changes_nothing),
		AT_REST(a_newer_backup_is_refused),
		AT_REST(a_store_in_use_is_not_replaced),
	};

	return cmocka_run_group_tests_name("store/store_sqlite_copy", tests, NULL, NULL);
}
