/* SPDX-License-Identifier: MIT */
/* Migrations: in order, once, whole, and never backwards. */
#include "store/store.h"

#include "kept.h"

#include "base/arena.h"

#include <dirent.h>

static const char *const modules[] = { "things", "store", NULL };

static const struct statement applied = {
	.name = "applied",
	.in = "",
	.out = "t",
	.sqlite = "SELECT group_concat(module || number, ' ') FROM"
		  " (SELECT * FROM migrations ORDER BY module, number)",
	.mariadb = "SELECT group_concat(concat(module, number) ORDER BY module, number SEPARATOR"
		   " ' ') FROM migrations",
};

static int
open_only(void **state)
{
	struct err err;

	open_folder(state);
	kept.store = store_open(&kept.settings, &err);
	assert_non_null(kept.store);
	return 0;
}

static void
reopen(void)
{
	struct err err;

	store_close(&kept.store);
	kept.store = store_open(&kept.settings, &err);
	assert_non_null(kept.store);
}

static const char *
what_is_applied(void)
{
	static char words[400];
	size_t length = 0;
	bool found = false;
	struct err err;

	assert_true(store_read_now(kept.store, &applied, NULL, words, sizeof words - 1, &length,
				   &found, &err));
	words[length] = '\0';
	return words;
}

static unsigned
backups(void)
{
	DIR *folder = opendir(kept.folder);
	struct dirent *file;
	unsigned count = 0;

	while ((file = readdir(folder)) != NULL)
		if (strncmp(file->d_name, "backup-before-migration-", 24) == 0) {
			assert_string_equal(file->d_name + strlen(file->d_name) - 3, ".db");
			count++;
		}
	closedir(folder);
	return count;
}

static void
migrate_fails(const char *why)
{
	struct err err = { 0 };

	assert_false(store_migrate(kept.store, modules, &err));
	if (strstr(err.text, why) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", err.text, why);
}

static void
a_plan_shows_what_would_run(void **state)
{
	struct arena *arena = arena_new();
	struct store_plan *plans;
	struct err err;
	size_t count;

	(void)state;
	write_schema("things-002-more.sql", "ALTER TABLE things ADD more TEXT;\n");
	assert_true(store_plan(kept.store, arena, modules, &plans, &count, &err));
	assert_int_equal(count, 2);
	assert_string_equal(plans[0].module, "store");
	assert_int_equal(plans[0].have, 0);
	assert_int_equal(plans[0].want, 1);
	assert_string_equal(plans[1].module, "things");
	assert_int_equal(plans[1].want, 2);
	assert_non_null(strstr(plans[1].sql, "CREATE TABLE IF NOT EXISTS things"));
	assert_non_null(strstr(plans[1].sql, "ALTER TABLE things ADD more TEXT"));
	assert_true(strstr(plans[1].sql, "CREATE") < strstr(plans[1].sql, "ALTER"));
	assert_string_equal(what_is_applied(), "");

	assert_true(store_migrate(kept.store, modules, &err));
	assert_true(store_plan(kept.store, arena, modules, &plans, &count, &err));
	assert_int_equal(count, 0);
	arena_drop(arena);
}

static void
migrations_run_in_order_and_once(void **state)
{
	struct err err;

	(void)state;
	assert_true(store_migrate(kept.store, modules, &err));
	assert_string_equal(what_is_applied(), "store1 things1");
	assert_int_equal(backups(), 0);
	write_schema("things-003-third.sql", "ALTER TABLE more RENAME TO most;\n");
	write_schema("things-002-second.sql", "CREATE TABLE more (x TEXT);\n");
	reopen();
	assert_true(store_migrate(kept.store, modules, &err));
	assert_true(store_migrate(kept.store, modules, &err));
	assert_string_equal(what_is_applied(), "store1 things1 things2 things3");
	assert_int_equal(backups(), EITHER(1, 0));
	assert_int_equal(logged_count("migrated module=things to=3"), 1);
}

static void
a_migration_that_fails_leaves_nothing(void **state)
{
	(void)state;
	write_schema("things-002-bad.sql",
		     "CREATE TABLE half (x TEXT);\nINSERT INTO nowhere VALUES (1);\n");
	migrate_fails("things-002-bad.sql\": no such table: nowhere");
	assert_string_equal(what_is_applied(), "store1 things1");
	write_schema("things-002-bad.sql", "CREATE TABLE half (x TEXT);\n");
	assert_true(store_migrate(kept.store, modules, NULL));
	assert_string_equal(what_is_applied(), "store1 things1 things2");
}

/* MariaDB cannot undo a table; the file is run again from its beginning. */
static void
a_migration_that_failed_half_way_is_run_again(void **state)
{
	(void)state;
	write_schema("things-002-bad.sql", "CREATE TABLE IF NOT EXISTS half (x INT);\n"
					   "INSERT INTO nowhere VALUES (1);\n");
	migrate_fails("things-002-bad.sql\": Table");
	assert_string_equal(what_is_applied(), "store1 things1");
	write_schema("things-002-bad.sql", "CREATE TABLE IF NOT EXISTS half (x INT);\n"
					   "INSERT INTO half VALUES (1);\n");
	assert_true(store_migrate(kept.store, modules, NULL));
	assert_string_equal(what_is_applied(), "store1 things1 things2");
}

static void
a_newer_store_is_refused_by_name(void **state)
{
	struct err err;

	(void)state;
	write_schema("things-002-new.sql", "CREATE TABLE new (x TEXT);\n");
	write_schema("things-003-newer.sql", "CREATE TABLE newer (x TEXT);\n");
	assert_true(store_migrate(kept.store, modules, &err));
	remove_schema("things-003-newer.sql");
	migrate_fails(
		"the store was written by a newer version: module \"things\" is at 3, this one "
		"knows 2");
	store_close(&kept.store);
	assert_null(store_open(&kept.settings, &err));
	assert_string_equal(err.text,
			    "the store was written by a newer version: module \"things\" is "
			    "at 3, this one knows 2");
	assert_int_equal(err.kind, ERR_REFUSED);
}

static void
what_a_removed_module_left_hinders_nobody(void **state)
{
	const char *none[] = { NULL };
	struct err err;

	(void)state;
	assert_true(store_migrate(kept.store, modules, &err));
	remove_schema("things-001-things.sql");
	reopen();
	assert_true(store_migrate(kept.store, none, &err));
	migrate_fails("module \"things\" is at 1, this one knows 0");
}

static void
numbers_must_be_in_line(void **state)
{
	(void)state;
	write_schema("things-003-third.sql", "SELECT 1;");
	migrate_fails("migration 002 is missing before \"things-003-third.sql\"");
	remove_schema("things-003-third.sql");
	write_schema("things-001-other.sql", "SELECT 1;");
	migrate_fails("has two migrations 001");
}

static void
names_that_only_look_alike_are_left_alone(void **state)
{
	static const char *const others[] = {
		"things-extra-001-x.sql",
		"thingsx-001-x.sql",
		"things-01-x.sql",
		"things-002-x.sql~",
		"things-0022-x.sql",
		"things-000-x.sql",
		"README",
		"things-",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(others); i++) {
		write_schema(others[i], "this is no SQL");
	}
	assert_true(store_migrate(kept.store, modules, NULL));
	assert_string_equal(what_is_applied(), "store1 things1");
}

static void
a_missing_folder_is_named(void **state)
{
	struct err err;

	(void)state;
	kept.store = store_open(&kept.settings, &err);
	assert_non_null(kept.store);
	assert_true(store_migrate(kept.store, modules, &err));
	store_close(&kept.store);
	kept.settings.schemas = "/nonexistent";
	assert_null(store_open(&kept.settings, &err));
	assert_non_null(
		strstr(err.text, EITHER("\"/nonexistent/sqlite\": No such file or directory",
					"\"/nonexistent/mariadb\": No such file or directory")));
}

static void
the_copy_before_a_migration_is_the_store_as_it_was(void **state)
{
	struct store_settings settings;
	char name[256] = "";
	struct err err;
	struct dirent *file;
	DIR *folder;

	(void)state;
	assert_true(store_migrate(kept.store, modules, &err));
	assert_true(store_write_now(kept.store, &things_put,
				    (struct value[]) { text_value("juliet"), INTEGER_VALUE(1),
						       text_value("x") },
				    &err));
	write_schema("things-002-drop.sql", "DROP TABLE things;\n");
	assert_true(store_migrate(kept.store, modules, &err));
	store_close(&kept.store);
	folder = opendir(kept.folder);
	while ((file = readdir(folder)) != NULL)
		if (strncmp(file->d_name, "backup-", 7) == 0)
			snprintf(name, sizeof name, "%s", file->d_name);
	closedir(folder);
	settings = kept.settings;
	settings.path = name;
	kept.store = store_open(&settings, &err);
	assert_non_null(kept.store);
	loops_start(1);
	assert_string_equal(things_of("juliet"), "1|x");
}

static void
in_memory_everything_is_new(void **state)
{
	struct err err;

	(void)state;
	store_close(&kept.store);
	kept.settings.path = ":memory:";
	kept.store = store_open(&kept.settings, &err);
	assert_non_null(kept.store);
	assert_true(store_migrate(kept.store, modules, &err));
	write_schema("things-002-second.sql", "CREATE TABLE more (x TEXT);\n");
	assert_true(store_migrate(kept.store, modules, &err));
	assert_string_equal(what_is_applied(), "store1 things1 things2");
	assert_int_equal(backups(), 0);
}

#define OPENED(test) cmocka_unit_test_setup_teardown(test, open_only, close_kept)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		OPENED(a_plan_shows_what_would_run),
		OPENED(migrations_run_in_order_and_once),
		ONLY_ON("sqlite", a_migration_that_fails_leaves_nothing, open_only),
		ONLY_ON("mariadb", a_migration_that_failed_half_way_is_run_again, open_only),
		OPENED(a_newer_store_is_refused_by_name),
		OPENED(what_a_removed_module_left_hinders_nobody),
		OPENED(numbers_must_be_in_line),
		OPENED(names_that_only_look_alike_are_left_alone),
		ONLY_ON("sqlite", the_copy_before_a_migration_is_the_store_as_it_was, open_only),
		ONLY_ON("sqlite", in_memory_everything_is_new, open_only),
		cmocka_unit_test_setup_teardown(a_missing_folder_is_named, open_folder, close_kept),
	};

	return kept_run("store/migrate", tests, COUNT(tests));
}
