/* SPDX-License-Identifier: MIT */
/* Every shard is asked, and every answer comes home. */
#include "main/census.h"

#include "loop/shard.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define SHARDS 4

static json_t *found;
static unsigned asked_at;

static json_t *
number_here(void *ctx)
{
	unsigned shard = shard_index(shard_here());

	assert_string_equal(ctx, "question");
	if (shard == 2)
		return NULL;
	return json_pack("{s:i, s:[i]}", "number", (int)(shard + 1), "list", (int)shard);
}

static json_t *
list_here(void *ctx)
{
	(void)ctx;
	return json_pack("[i, i]", (int)shard_index(shard_here()), 7);
}

static void
known(void *ctx, json_t *answers)
{
	assert_string_equal(ctx, "question");
	assert_int_equal(shard_index(shard_here()), asked_at);
	found = answers;
	shards_stop();
}

static void
ask_numbers(void *arg)
{
	if (shard_index(shard_here()) == asked_at)
		census_start(number_here, known, arg);
}

static void
ask_lists(void *arg)
{
	if (shard_index(shard_here()) == asked_at)
		census_start(list_here, known, arg);
}

static void
answers_stand_in_the_order_of_shards(void **state)
{
	(void)state;
	for (asked_at = 0; asked_at < SHARDS; asked_at++) {
		shards_open(SHARDS);
		shards_run(ask_numbers, (char *)"question");
		shards_close();
		assert_int_equal(json_array_size(found), SHARDS);
		assert_true(json_is_null(json_array_get(found, 2)));
		assert_int_equal(json_integer_value(
					 json_object_get(json_array_get(found, 3), "number")),
				 4);
		assert_int_equal(census_sum(found, "number"), 1 + 2 + 4);
		assert_int_equal(census_sum(found, "absent"), 0);
		json_decref(found);
	}
}

static void
lists_are_joined(void **state)
{
	(void)state;
	asked_at = 0;
	shards_open(SHARDS);
	shards_run(ask_lists, (char *)"question");
	shards_close();
	found = census_join(found);
	assert_int_equal(json_array_size(found), 2 * SHARDS);
	assert_int_equal(json_integer_value(json_array_get(found, 4)), 2);
	json_decref(found);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_stand_in_the_order_of_shards),
		cmocka_unit_test(lists_are_joined),
	};

	return cmocka_run_group_tests_name("main/census", tests, NULL, NULL);
}
