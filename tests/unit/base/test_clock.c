/* SPDX-License-Identifier: MIT */
/* The time, real and frozen. */
#include "base/clock.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <time.h>

static void
real_time_goes_on(void **state)
{
	int64_t ms = now_ms(), us = now_us();

	(void)state;
	nanosleep(&(struct timespec) { 0, 5000000 }, NULL);
	assert_in_range(now_ms() - ms, 4, 5000);
	assert_in_range(now_us() - us, 5000, 5000000);
	assert_in_range(now_seconds() - (int64_t)time(NULL) + 1, 0, 2);
	assert_in_range(now_unix_ms() / 1000 - (int64_t)time(NULL) + 1, 0, 2);
}

/* From here on time stands still: this program's last tests. */
static void
frozen_time_stands_still(void **state)
{
	int64_t before = now_ms(), ms;

	(void)state;
	clock_freeze(INT64_C(1000000000123));
	ms = now_ms();
	assert_true(ms >= before);
	nanosleep(&(struct timespec) { 0, 3000000 }, NULL);
	assert_true(now_ms() == ms);
	assert_true(now_us() / 1000 == ms);
	assert_true(now_unix_ms() == INT64_C(1000000000123));
	assert_true(now_seconds() == 1000000000);
}

static void
frozen_time_is_advanced_as_one(void **state)
{
	int64_t ms = now_ms(), us = now_us(), unix_ms = now_unix_ms();

	(void)state;
	clock_advance(SECONDS(120));
	assert_true(now_ms() == ms + 120000);
	assert_true(now_us() == us + 120000000);
	assert_true(now_unix_ms() == unix_ms + 120000);
}

static void
another_frost_only_changes_the_calendar(void **state)
{
	int64_t ms = now_ms();

	(void)state;
	clock_freeze(5000);
	assert_true(now_ms() == ms);
	assert_true(now_seconds() == 5);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(real_time_goes_on),
		cmocka_unit_test(frozen_time_stands_still),
		cmocka_unit_test(frozen_time_is_advanced_as_one),
		cmocka_unit_test(another_frost_only_changes_the_calendar),
	};

	return cmocka_run_group_tests_name("base/clock", tests, NULL, NULL);
}
