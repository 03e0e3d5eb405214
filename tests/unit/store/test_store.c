/* SPDX-License-Identifier: MIT */
/* The store as a whole: opening, asking on the spot, plans, the state. */
#include "store/store.h"

#include "kept.h"

#include "base/arena.h"

static const struct statement things_count = {
	.name = "things.count",
	.in = "",
	.out = "i",
	.sqlite = "SELECT count(*) FROM things",
};
static const struct statement things_words = {
	.name = "things.words",
	.in = "ti",
	.out = "t",
	.sqlite = "SELECT words FROM things WHERE owner = ? AND id = ?",
};
static const struct statement things_scan = {
	.name = "things.scan",
	.in = "t",
	.out = "t",
	.sqlite = "SELECT owner FROM things WHERE words = ?",
};

static void
open_fails(enum err_kind kind, const char *why)
{
	struct err err = { 0 };

	assert_null(store_open(&kept.settings, &err));
	assert_int_equal(err.kind, kind);
	if (strstr(err.text, why) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", err.text, why);
}

static void
an_unknown_driver_is_refused(void **state)
{
	(void)state;
	kept.settings.driver = "papyrus";
	open_fails(ERR_ABSENT, "there is no store driver \"papyrus\"");
	kept.settings.driver = NULL;
	open_fails(ERR_ABSENT, "there is no store driver \"\"");
}

static void
what_was_said_on_the_spot_can_be_read_on_the_spot(void **state)
{
	struct value in[] = { text_value("juliet"), INTEGER_VALUE(7), text_value("words") };
	struct err err;
	int64_t count = 0;
	char words[16];
	size_t length;
	bool found;

	(void)state;
	assert_true(store_read_now(kept.store, &things_words, in, words, sizeof words, &length,
				   &found, &err));
	assert_false(found);
	assert_true(store_write_now(kept.store, &things_put, in, &err));
	assert_true(store_read_now(kept.store, &things_words, in, words, sizeof words, &length,
				   &found, &err));
	assert_true(found);
	assert_int_equal(length, 5);
	assert_memory_equal(words, "words", 5);
	assert_true(store_read_now(kept.store, &things_count, NULL, &count, sizeof count, &length,
				   &found, &err));
	assert_int_equal(count, 1);

	assert_false(
		store_read_now(kept.store, &things_words, in, words, 4, &length, &found, &err));
	assert_int_equal(err.kind, ERR_LIMIT);
	assert_false(store_write_now(kept.store, &things_put, in, &err));
	assert_int_equal(err.kind, ERR_REFUSED);
	assert_non_null(strstr(err.text, EITHER("\"things.put\": UNIQUE constraint failed",
						"\"things.put\": Duplicate entry")));

	store_fail(kept.store, -1);
	in[1] = INTEGER_VALUE(8);
	assert_false(store_write_now(kept.store, &things_put, in, &err));
	assert_int_equal(err.kind, ERR_DOWN);
	assert_false(store_read_now(kept.store, &things_count, NULL, &count, sizeof count, &length,
				    &found, &err));
	store_fail(kept.store, 0);
	assert_true(store_write_now(kept.store, &things_put, in, &err));
}

static void
a_null_on_the_spot_is_nothing(void **state)
{
	struct value in[] = { text_value("juliet"), INTEGER_VALUE(7), text_value(NULL) };
	char words[16];
	size_t length = 99;
	bool found = false;
	struct err err;

	(void)state;
	assert_true(store_write_now(kept.store, &things_put, in, &err));
	assert_true(store_read_now(kept.store, &things_words, in, words, sizeof words, &length,
				   &found, &err));
	assert_true(found);
	assert_int_equal(length, 0);
}

static void
a_plan_tells_a_search_from_a_scan(void **state)
{
	struct statement wrong = things_scan;
	struct arena *arena = arena_new();

	(void)state;
	assert_non_null(strstr(store_explain(kept.store, arena, &things_all), "SEARCH things"));
	assert_null(strstr(store_explain(kept.store, arena, &things_all), "SCAN"));
	assert_non_null(strstr(store_explain(kept.store, arena, &things_scan), "SCAN things"));
	wrong.sqlite = "SELECT x FROM nowhere";
	assert_non_null(strstr(store_explain(kept.store, arena, &wrong),
			       EITHER("no such table", "doesn't exist")));
	arena_drop(arena);
}

static void
the_state_counts(void **state)
{
	struct store_state now;

	(void)state;
	WRITE("juliet", PUT("juliet", 1, "a"), PUT("juliet", 2, "b"));
	WRITE("juliet", PUT("juliet", 1, "again"));
	things_of("juliet");
	store_state(kept.store, &now);
	assert_string_equal(now.driver, EITHER("sqlite", "mariadb"));
	assert_true(now.up);
	assert_int_equal(now.down_since, 0);
	assert_int_equal(now.reads, 1);
	assert_int_equal(now.batches, 1);
	assert_int_equal(now.rows, 2);
	assert_int_equal(now.transactions, 1);
	assert_int_equal(now.failures, 1);
	assert_int_equal(now.waiting_rows, 0);
	assert_true(now.slowest_us > 0);
	if (on_mariadb()) {
		assert_non_null(strstr(now.where, kept.database));
		assert_true(now.bytes > 4096);
	} else if (strcmp(now.where, ":memory:") != 0) {
		assert_string_equal(now.where, path_of("test.sqlite"));
		assert_true(now.bytes > 4096);
	}
}

static void
slow_statements_show(void **state)
{
	struct store_state now;

	(void)state;
	store_slow(kept.store, 40);
	WRITE("juliet", PUT("juliet", 1, "a"));
	store_slow(kept.store, 0);
	store_state(kept.store, &now);
	assert_true(now.slowest_us >= 120000); /* begin, write, commit */
}

static void
it_is_opened_again_with_all_it_held(void **state)
{
	(void)state;
	WRITE("juliet", PUT("juliet", 1, "a"));
	loops_end();
	store_make();
	loops_start(1);
	assert_string_equal(things_of("juliet"), "1|a");
}

static void
a_closed_store_leaves_one_file(void **state)
{
	(void)state;
	WRITE("juliet", PUT("juliet", 1, "a"));
	assert_true(file_is_there("test.sqlite-wal"));
	loops_end();
	assert_true(file_is_there("test.sqlite"));
	assert_false(file_is_there("test.sqlite-wal"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(an_unknown_driver_is_refused, open_folder,
						close_kept),
		ON_BOTH(what_was_said_on_the_spot_can_be_read_on_the_spot),
		ON_BOTH(a_null_on_the_spot_is_nothing),
		ON_BOTH(a_plan_tells_a_search_from_a_scan),
		ON_BOTH(the_state_counts),
		ON_BOTH(slow_statements_show),
		ON_DISK(it_is_opened_again_with_all_it_held),
		ONLY_ON("sqlite", a_closed_store_leaves_one_file, open_kept),
	};

	return kept_run("store/store", tests, COUNT(tests));
}
