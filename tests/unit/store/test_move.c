/* SPDX-License-Identifier: MIT */
/* A whole store into one of the other kind, and back, also when it is interrupted. */
#include "store/store.h"

#include "kept.h"

#ifdef HAVE_MARIADB

#include "base/arena.h"

/* Both kinds have the shipped tables; `kept.store` is the one on MariaDB. */
static struct store *file;
static struct store_settings file_settings;

static const char *const modules[] = { "core", "blocking", "offline", NULL };

static struct store *
open_one(const struct store_settings *settings)
{
	struct err err;
	struct store *store = store_open(settings, &err);

	if (store == NULL)
		fail_msg("%s", err.text);
	return store;
}

static int
open_both(void **state)
{
	(void)state;
	folder_make();
	kept.settings.schemas = getenv("STENTOR_SCHEMAS");
	kept.settings.moving = true;
	file_settings = (struct store_settings) {
		.driver = "sqlite",
		.folder = kept.folder,
		.path = "file.sqlite",
		.schemas = kept.settings.schemas,
		.moving = true,
	};
	file = open_one(&file_settings);
	kept.store = open_one(&kept.settings);
	return 0;
}

static int
close_both(void **state)
{
	store_close(&file);
	return close_kept(state);
}

static void
run(struct store *store, const char *sql)
{
	struct statement statement = { .name = "run", .in = "", .out = "", .sqlite = sql };
	struct err err;

	if (!store_write_now(store, &statement, NULL, &err))
		fail_msg("%s", err.text);
}

static int64_t
number(struct store *store, const char *sql)
{
	struct statement statement = { .name = "number", .in = "", .out = "i", .sqlite = sql };
	int64_t answer = -1;
	size_t length;
	bool found;
	struct err err;

	if (!store_read_now(store, &statement, NULL, &answer, sizeof answer, &length, &found, &err))
		fail_msg("%s", err.text);
	return answer;
}

static void
roster_fill(struct store *store, unsigned owners, unsigned contacts)
{
	static const struct statement put = {
		.name = "put",
		.in = "ttti",
		.out = "",
		.sqlite = "REPLACE INTO roster (owner, contact, name, groups, how, pending_out,"
			  " pending_in, approved, listed, request, version)"
			  " VALUES (?, ?, ?, '', 3, 0, 0, 0, 1, NULL, ?)",
	};
	struct err err;

	for (unsigned i = 0; i < owners; i++)
		for (unsigned j = 0; j < contacts; j++) {
			char owner[64], contact[64];
			struct value in[] = {
				text_value(owner), text_value(contact),
				text_value(j % 3 == 0 ? NULL : "N\xc3\xa4me \xf0\x9f\x98\x80"),
				INTEGER_VALUE(j)
			};

			snprintf(owner, sizeof owner, "owner%u@localhost", i);
			snprintf(contact, sizeof contact, "contact%u@localhost", j);
			in[0] = text_value(owner);
			in[1] = text_value(contact);
			if (!store_write_now(store, &put, in, &err))
				fail_msg("%s", err.text);
		}
}

static void
blobs_fill(struct store *store)
{
	static const struct statement put = {
		.name = "put",
		.in = "tb",
		.out = "",
		.sqlite = "INSERT INTO secrets (name, value) VALUES (?, ?)",
	};
	struct err err;

	assert_true(store_write_now(store, &put,
				    (struct value[]) { text_value("a"), blob_value("x\0y\xff", 4) },
				    &err));
	assert_true(store_write_now(store, &put,
				    (struct value[]) { text_value("b"), blob_value("", 0) }, &err));
}

static void
moves(struct store *from, struct store *to, const char *table, uint64_t rows)
{
	struct store_move move = { .arena = arena_new() };
	struct err err;
	bool found = false;

	if (!store_move(from, to, modules, &move, &err))
		fail_msg("%s", err.text);
	for (size_t i = 0; i < move.count; i++)
		if (strcmp(move.tables[i].name, table) == 0) {
			assert_int_equal(move.tables[i].rows, rows);
			assert_true((move.tables[i].checksum != 0) == (rows > 0));
			found = true;
		}
	assert_true(found);
	arena_drop(move.arena);
}

static void
does_not_move(struct store *from, struct store *to, enum err_kind kind, const char *why)
{
	struct store_move move = { .arena = arena_new() };
	struct err err = { 0 };

	assert_false(store_move(from, to, modules, &move, &err));
	if (strstr(err.text, why) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", err.text, why);
	assert_int_equal(err.kind, kind);
	arena_drop(move.arena);
}

static void
what_was_moved_is_the_same_and_can_be_moved_back(void **state)
{
	struct store_settings again = file_settings;
	struct store *back;

	(void)state;
	assert_true(store_migrate(file, modules, NULL));
	roster_fill(file, 4, 300);
	blobs_fill(file);
	moves(file, kept.store, "roster", 1200);
	assert_int_equal(number(kept.store, "SELECT count(*) FROM roster"), 1200);
	assert_int_equal(number(kept.store, "SELECT count(*) FROM roster WHERE name IS NULL"), 400);
	assert_int_equal(number(kept.store, "SELECT length(value) FROM secrets WHERE name = 'a'"),
			 4);

	again.path = "back.sqlite";
	back = open_one(&again);
	moves(kept.store, back, "roster", 1200);
	assert_int_equal(number(back, "SELECT count(*) FROM roster"), 1200);
	assert_int_equal(number(back, "SELECT count(*) FROM secrets WHERE typeof(value) = 'blob'"),
			 2);
	assert_int_equal(number(back, "SELECT count(*) FROM roster WHERE typeof(owner) = 'text'"),
			 1200);
	store_close(&back);
}

/* More rows of one owner than a page has: from MariaDB, whose key has only the owner whole. */
static void
large_groups_are_moved_whole(void **state)
{
	(void)state;
	assert_true(store_migrate(kept.store, modules, NULL));
	run(kept.store,
	    "INSERT INTO roster (owner, contact, how, pending_out, pending_in, approved,"
	    " listed, version) SELECT concat('owner', seq % 3), concat('c', seq), 3, 0,"
	    " 0, 0, 1, seq FROM seq_1_to_9000");
	run(kept.store,
	    "INSERT INTO roster (owner, contact, how, pending_out, pending_in, approved,"
	    " listed, version) SELECT concat('z', seq), 'c', 3, 0, 0, 0, 1, seq FROM"
	    " seq_1_to_2000");
	moves(kept.store, file, "roster", 11000);
	assert_int_equal(number(file, "SELECT count(*) FROM roster WHERE owner = 'owner1'"), 3000);
}

/* Rows that are too large to be read by the page. */
static void
large_rows_are_moved(void **state)
{
	(void)state;
	assert_true(store_migrate(kept.store, modules, NULL));
	run(kept.store, "INSERT INTO offline (owner, id, stanza) SELECT 'owner', seq,"
			" repeat('x', 1000000) FROM seq_1_to_90");
	moves(kept.store, file, "offline", 90);
	assert_int_equal(number(file, "SELECT sum(length(stanza)) FROM offline"), 90000000);
}

/* --- interrupted --- */

static bool
leave_early(struct store_move *move, uint64_t rows)
{
	return strcmp(move->table, "roster") != 0 || rows < 1000;
}

static void
is_interrupted(struct store *from, struct store *to)
{
	struct store_move move = { .arena = arena_new(), .progress = leave_early };
	struct err err;

	assert_false(store_move(from, to, modules, &move, &err));
	assert_string_equal(err.text, "table \"roster\": interrupted");
	arena_drop(move.arena);
}

static void
what_was_interrupted_goes_on(void **state)
{
	struct store_settings servers = kept.settings;
	struct err err;

	(void)state;
	assert_true(store_migrate(file, modules, NULL));
	roster_fill(file, 6, 300);
	is_interrupted(file, kept.store);
	assert_int_equal(number(kept.store, "SELECT count(*) FROM roster"), 1000);

	/* Meanwhile no server takes it for a store. */
	servers.moving = false;
	store_close(&kept.store);
	assert_null(store_open(&servers, &err));
	assert_non_null(strstr(err.text, "not all was moved there yet"));
	kept.store = open_one(&kept.settings);

	moves(file, kept.store, "roster", 1800);
	assert_int_equal(number(kept.store, "SELECT count(*) FROM migrations WHERE module ="
					    " 'moving'"),
			 0);
	store_close(&kept.store);
	kept.store = open_one(&servers);
}

/* Between two tries a server used the old store: what was copied first is not true any more. */
static void
what_changed_between_two_tries_is_seen(void **state)
{
	(void)state;
	assert_true(store_migrate(file, modules, NULL));
	roster_fill(file, 6, 300);
	is_interrupted(file, kept.store);
	run(file, "DELETE FROM roster WHERE owner = 'owner0@localhost' AND contact ="
		  " 'contact7@localhost'");
	run(file, "UPDATE roster SET name = 'changed' WHERE owner = 'owner1@localhost' AND contact"
		  " = 'contact1@localhost'");
	moves(file, kept.store, "roster", 1799);
	assert_int_equal(number(kept.store, "SELECT count(*) FROM roster WHERE name = 'changed'"),
			 1);
	assert_int_equal(number(kept.store, "SELECT count(*) FROM roster"), 1799);
}

static void
an_interrupted_move_back_goes_on(void **state)
{
	(void)state;
	assert_true(store_migrate(kept.store, modules, NULL));
	run(kept.store,
	    "INSERT INTO roster (owner, contact, how, pending_out, pending_in, approved,"
	    " listed, version) SELECT concat('owner', seq % 30), concat('c', seq), 3, 0,"
	    " 0, 0, 1, seq FROM seq_1_to_3000");
	is_interrupted(kept.store, file);
	moves(kept.store, file, "roster", 3000);
	assert_int_equal(number(file, "SELECT count(*) FROM roster"), 3000);
}

/* --- refused --- */

static void
what_is_not_new_is_not_written_to(void **state)
{
	(void)state;
	assert_true(store_migrate(file, modules, NULL));
	assert_true(store_migrate(kept.store, modules, NULL));
	does_not_move(file, kept.store, ERR_EXISTS, "holds something already");
	does_not_move(kept.store, file, ERR_EXISTS, "holds something already");
	does_not_move(file, file, ERR_REFUSED, "both stores are of the kind");
}

static void
what_is_older_is_migrated_first(void **state)
{
	static const char *const few[] = { "core", NULL };

	(void)state;
	assert_true(store_migrate(file, few, NULL));
	does_not_move(file, kept.store, ERR_REFUSED, "store migrate");
}

static void
a_table_that_nobody_knows_is_not_left_behind_silently(void **state)
{
	(void)state;
	assert_true(store_migrate(file, modules, NULL));
	run(file, "CREATE TABLE old (a INTEGER PRIMARY KEY)");
	run(file, "INSERT INTO old VALUES (1)");
	does_not_move(file, kept.store, ERR_ABSENT, "no module here makes the table \"old\"");
	run(file, "DELETE FROM old");
	moves(file, kept.store, "roster", 0);
}

static void
a_text_that_is_none_is_named(void **state)
{
	(void)state;
	assert_true(store_migrate(file, modules, NULL));
	run(file, "INSERT INTO offline (owner, id, stanza) VALUES ('a', 1, CAST(x'ff41' AS TEXT))");
	does_not_move(file, kept.store, ERR_REFUSED, "table \"offline\"");
}

#define BOTH(test) cmocka_unit_test_setup_teardown(test, open_both, close_both)

#endif

int
main(void)
{
#ifdef HAVE_MARIADB
	const struct CMUnitTest tests[] = {
		BOTH(what_was_moved_is_the_same_and_can_be_moved_back),
		BOTH(large_groups_are_moved_whole),
		BOTH(large_rows_are_moved),
		BOTH(what_was_interrupted_goes_on),
		BOTH(what_changed_between_two_tries_is_seen),
		BOTH(an_interrupted_move_back_goes_on),
		BOTH(what_is_not_new_is_not_written_to),
		BOTH(what_is_older_is_migrated_first),
		BOTH(a_table_that_nobody_knows_is_not_left_behind_silently),
		BOTH(a_text_that_is_none_is_named),
	};

	if (on_mariadb())
		return kept_run("store/move", tests, COUNT(tests));
#endif
	printf("skipped: there is no MariaDB\n");
	return 77;
}
