/* SPDX-License-Identifier: MIT */
/* Ids: they grow, no two are the same, and none is given again. */
#include "core/id.h"

#include "base/clock.h"
#include "loop/shard.h"
#include "store/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define NOON          INT64_C(1700000000000)
#define ROUNDS_AT_END 20
#define ROUND_US      1000

static struct {
	struct store *store;
	void (*play)(void);
	unsigned rounds;
	struct post post;
	uint64_t first, last, other;
} stage;

static void
at_rest(void *arg)
{
	struct store_state state;

	(void)arg;
	store_state(stage.store, &state);
	stage.rounds = state.waiting_rows == 0 ? stage.rounds + 1 : 0;
	if (stage.rounds > ROUNDS_AT_END) {
		shards_stop();
		return;
	}
	usleep(ROUND_US);
	shard_post(shard_here(), &stage.post, at_rest, NULL);
}

static void
started(void *arg)
{
	(void)arg;
	if (shard_index(shard_here()) != 0)
		return;
	stage.play();
	stage.rounds = 0;
	shard_post(shard_here(), &stage.post, at_rest, NULL);
}

/* Plays on shard 0, and lets the store come to rest. */
static void
play(void (*fn)(void))
{
	stage.play = fn;
	shards_open(2);
	shards_run(started, NULL);
	shards_close();
}

static void
begin(void)
{
	struct err err = { 0 };

	if (!ids_open(stage.store, &err))
		fail_msg("%s", err.text);
}

static int
open_store(void **state)
{
	static const char *const modules[] = { "core", NULL };
	struct store_settings settings = {
		.driver = "sqlite",
		.folder = "/tmp",
		.path = ":memory:",
		.schemas = getenv("STENTOR_SCHEMAS"),
		.automigrate = true,
	};
	struct err err = { 0 };

	(void)state;
	clock_freeze(NOON);
	shards_open(2);
	stage.store = store_open(&settings, &err);
	if (stage.store == NULL || !store_migrate(stage.store, modules, &err))
		fail_msg("%s", err.text);
	shards_close();
	begin();
	return 0;
}

static int
close_store(void **state)
{
	(void)state;
	ids_close();
	store_close(&stage.store);
	return 0;
}

/* --- giving --- */

static void
give_many(void)
{
	uint64_t before = 0;

	for (unsigned i = 0; i < 10000; i++) {
		uint64_t id = id_next(0);

		assert_true(id > before);
		before = id;
	}
	assert_true(id_unix_ms(before) <= NOON + 10000 / 256 + 1);
	assert_true(id_next(before + 1000) > before + 1000);
}

static void
ids_grow_within_a_millisecond_and_behind_others(void **state)
{
	(void)state;
	play(give_many);
}

static void
give_before_and_after(void)
{
	uint64_t before, behind;

	before = id_next(0);
	clock_freeze(NOON - 3600000);
	assert_true(id_next(0) > before);
	clock_freeze(NOON + 5000);
	behind = id_next(0);
	assert_int_equal(id_unix_ms(behind), NOON + 5000);
	assert_true(id_at(NOON + 5000) <= behind && behind < id_at(NOON + 5001));
}

static void
ids_grow_when_the_clock_steps_back(void **state)
{
	(void)state;
	play(give_before_and_after);
}

static void
times_outside_the_range_have_ids(void **state)
{
	(void)state;
	assert_true(id_at(0) == 0);
	assert_true(id_at(INT64_MIN) == 0);
	assert_true(id_at(INT64_MAX) <= INT64_MAX);
	assert_true(id_at(NOON) < id_at(NOON + 1));
}

static void
give_here(void *arg)
{
	(void)arg;
	stage.other = id_next(0);
}

static void
give_on_both(void)
{
	static struct post post;

	stage.first = id_next(0);
	shard_post(shard_at(1), &post, give_here, NULL);
}

static void
two_shards_give_different_ids_at_one_time(void **state)
{
	(void)state;
	play(give_on_both);
	assert_true(stage.first != stage.other);
	assert_int_equal(id_unix_ms(stage.first), id_unix_ms(stage.other));
}

/* --- a restart --- */

static void
keep_one(void)
{
	struct batch *batch = batch_new(stage.store, "juliet@capulet.example");

	stage.last = id_next(0);
	id_keep(batch, stage.last);
	batch_commit(batch, NULL, NULL);
}

static void
give_first(void)
{
	stage.first = id_next(0);
}

static void
nothing_is_given_again_after_a_crash_with_a_clock_that_went_back(void **state)
{
	(void)state;
	play(keep_one);
	begin(); /* nothing was closed */
	clock_freeze(NOON - 3600000);
	play(give_first);
	assert_true(stage.first > stage.last);
}

static uint64_t
rows_written(void)
{
	struct store_state state;

	store_state(stage.store, &state);
	return state.rows;
}

/* The mark has a write of its own, which may come too late for the first id after a pause. */
static void
only_the_batch_of_the_first_id_carries_the_mark(void **state)
{
	(void)state;
	play(keep_one);
	assert_int_equal(rows_written(), 2);
	clock_advance(100);
	play(keep_one);
	assert_int_equal(rows_written(), 2);
	clock_advance(60000);
	play(keep_one);
	assert_int_equal(rows_written(), 4);
}

static void
keep_many_over_time(void)
{
	for (unsigned i = 0; i < 100; i++) {
		keep_one();
		clock_advance(100);
	}
}

static void
after_a_crash_ids_are_some_seconds_ahead_and_after_a_stop_not(void **state)
{
	(void)state;
	play(keep_many_over_time);
	begin();
	play(give_first);
	assert_true(id_unix_ms(stage.first) <= now_unix_ms() + 3100);

	play(keep_one);
	ids_close();
	begin();
	play(give_first);
	assert_true(stage.first > stage.last);
	assert_true(id_unix_ms(stage.first) <= id_unix_ms(stage.last) + 1);
}

/* --- as text --- */

static void
a_text_is_read_as_what_was_written(void **state)
{
	uint64_t id, read;
	char text[ID_TEXT], again[ID_TEXT];

	(void)state;
	for (id = 1; id < INT64_MAX / 3; id = id * 3 + 1) {
		id_write(text, id);
		assert_int_equal(strlen(text), ID_TEXT - 1);
		assert_int_equal(strspn(text, "0123456789abcdefghijklmnopqrstuv"), ID_TEXT - 1);
		assert_true(id_read(&read, text));
		assert_true(read == id);
	}
	begin(); /* the key is the store's */
	id_write(again, read);
	assert_string_equal(text, again);
}

static void
other_texts_are_refused(void **state)
{
	static const char *const texts[] = { "",
					     "0",
					     "000000000000",
					     "00000000000000",
					     "vvvvvvvvvvvvv",
					     "000000000000w",
					     "00000000 0000",
					     "de305d54-75b4-431b-adb2-eb6b9e546013" };
	uint64_t id = 7;
	char text[ID_TEXT];

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++)
		assert_false(id_read(&id, texts[i]));
	id_write(text, UINT64_MAX);
	assert_false(id_read(&id, text));
	assert_true(id == 7);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_store, close_store)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(ids_grow_within_a_millisecond_and_behind_others),
		TEST(ids_grow_when_the_clock_steps_back),
		TEST(times_outside_the_range_have_ids),
		TEST(two_shards_give_different_ids_at_one_time),
		TEST(nothing_is_given_again_after_a_crash_with_a_clock_that_went_back),
		TEST(only_the_batch_of_the_first_id_carries_the_mark),
		TEST(after_a_crash_ids_are_some_seconds_ahead_and_after_a_stop_not),
		TEST(a_text_is_read_as_what_was_written),
		TEST(other_texts_are_refused),
	};

	return cmocka_run_group_tests_name("core/id", tests, NULL, NULL);
}
