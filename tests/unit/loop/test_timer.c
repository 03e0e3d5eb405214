/* SPDX-License-Identifier: MIT */
/* Timers on a wheel, with a clock that only we move. */
#include "loop/timer.h"

#include "base/clock.h"
#include "base/random.h"
#include "loop/internal.h"
#include "loop/shard.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

struct bell {
	struct timer timer;
	int rings;
	int64_t at;
	struct bell *other;
};

static void
ring(void *arg)
{
	struct bell *bell = arg;

	bell->rings++;
	bell->at = now_ms();
}

static void
ring_and_stop_other(void *arg)
{
	struct bell *bell = arg;

	ring(bell);
	timer_stop(&bell->other->timer);
}

static void
ring_again(void *arg)
{
	struct bell *bell = arg;

	ring(bell);
	timer_start(&bell->timer, 1000, ring_again, bell);
}

/* Lets time pass as a shard would see it: waking when it is told to. */
static unsigned
pass(int64_t ms)
{
	int64_t until = now_ms() + ms;
	unsigned wakings = 0;

	for (;;) {
		int64_t next = timers_next(shard_timers());

		if (next < 0 || next > until)
			break;
		if (next > now_ms())
			clock_advance(next - now_ms());
		timers_run(shard_timers());
		wakings++;
	}
	clock_advance(until - now_ms());
	timers_run(shard_timers());
	return wakings;
}

static void
a_zeroed_timer_is_off(void **state)
{
	struct timer timer = { 0 };

	(void)state;
	assert_false(timer_is_on(&timer));
	timer_stop(&timer);
	assert_false(timer_is_on(&timer));
}

static void
a_timer_fires_once_and_is_off_then(void **state)
{
	struct bell bell = { 0 };

	(void)state;
	timer_start(&bell.timer, 1000, ring, &bell);
	assert_true(timer_is_on(&bell.timer));
	pass(999);
	assert_int_equal(bell.rings, 0);
	pass(101);
	assert_int_equal(bell.rings, 1);
	assert_false(timer_is_on(&bell.timer));
	pass(5000);
	assert_int_equal(bell.rings, 1);
}

static void
none_is_early_and_none_later_than_100_ms(void **state)
{
	enum { MANY = 20000 };
	struct bell *bells = zalloc(MANY * sizeof *bells);

	(void)state;
	for (int i = 0; i < MANY; i++) {
		/* From at once to 12 days, as many short ones as long ones. */
		int64_t ms = (int64_t)(random_number() >> (34 + random_number() % 30));

		timer_start(&bells[i].timer, ms, ring, &bells[i]);
		if (i % 7 == 0)
			pass(random_number() % 200);
	}
	pass((int64_t)14 * 86400 * 1000);
	for (int i = 0; i < MANY; i++) {
		assert_int_equal(bells[i].rings, 1);
		assert_true(bells[i].at >= bells[i].timer.due);
		assert_true(bells[i].at <= bells[i].timer.due + 100);
	}
	free(bells);
}

static void
one_that_is_years_away_keeps(void **state)
{
	struct bell bell = { 0 };

	(void)state;
	timer_start(&bell.timer, INT64_MAX / 4, ring, &bell);
	pass((int64_t)400 * 86400 * 1000);
	assert_int_equal(bell.rings, 0);
	assert_true(timer_is_on(&bell.timer));
	timer_stop(&bell.timer);
	assert_int_equal(timers_next(shard_timers()), -1);
}

static void
a_negative_time_is_now(void **state)
{
	struct bell bell = { 0 };

	(void)state;
	timer_start(&bell.timer, -5, ring, &bell);
	assert_int_equal(bell.rings, 0); /* later, never inside the call */
	pass(100);
	assert_int_equal(bell.rings, 1);
}

static void
starting_anew_moves_it(void **state)
{
	struct bell bell = { 0 };

	(void)state;
	timer_start(&bell.timer, 1000, ring, &bell);
	pass(900);
	timer_start(&bell.timer, 1000, ring, &bell);
	pass(900);
	assert_int_equal(bell.rings, 0);
	pass(200);
	assert_int_equal(bell.rings, 1);
}

static void
one_may_stop_another_that_is_due_too(void **state)
{
	struct bell first = { 0 }, second = { 0 };

	(void)state;
	first.other = &second;
	second.other = &first;
	timer_start(&first.timer, 1000, ring_and_stop_other, &first);
	timer_start(&second.timer, 1000, ring_and_stop_other, &second);
	pass(2000);
	assert_int_equal(first.rings + second.rings, 1);
}

static void
one_may_start_itself_anew(void **state)
{
	struct bell bell = { 0 };

	(void)state;
	timer_start(&bell.timer, 1000, ring_again, &bell);
	pass(60000);
	assert_in_range(bell.rings, 54, 60);
	timer_stop(&bell.timer);
}

static void
a_leap_of_time_fires_all(void **state)
{
	struct bell bells[100] = { 0 };

	(void)state;
	for (int i = 0; i < 100; i++)
		timer_start(&bells[i].timer, i * i * 100, ring, &bells[i]);
	clock_advance((int64_t)3 * 86400 * 1000);
	timers_run(shard_timers());
	for (int i = 0; i < 100; i++)
		assert_int_equal(bells[i].rings, 1);
}

static void
a_shard_with_timers_far_away_sleeps(void **state)
{
	enum { MANY = 10000 };
	struct bell *bells = zalloc(MANY * sizeof *bells);

	(void)state;
	for (int i = 0; i < MANY; i++)
		timer_start(&bells[i].timer, SECONDS(3600) + i, ring, &bells[i]);
	assert_in_range(pass(SECONDS(3500)), 0, 8);
	for (int i = 0; i < MANY; i++)
		timer_stop(&bells[i].timer);
	assert_int_equal(timers_next(shard_timers()), -1);
	free(bells);
}

static int
open_shards(void **state)
{
	(void)state;
	clock_freeze(1000000000000);
	shards_open(1);
	return 0;
}

static int
close_shards(void **state)
{
	(void)state;
	shards_close();
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_zeroed_timer_is_off),
		cmocka_unit_test(a_timer_fires_once_and_is_off_then),
		cmocka_unit_test(none_is_early_and_none_later_than_100_ms),
		cmocka_unit_test(one_that_is_years_away_keeps),
		cmocka_unit_test(a_negative_time_is_now),
		cmocka_unit_test(starting_anew_moves_it),
		cmocka_unit_test(one_may_stop_another_that_is_due_too),
		cmocka_unit_test(one_may_start_itself_anew),
		cmocka_unit_test(a_leap_of_time_fires_all),
		cmocka_unit_test(a_shard_with_timers_far_away_sleeps),
	};

	return cmocka_run_group_tests_name("loop/timer", tests, open_shards, close_shards);
}
