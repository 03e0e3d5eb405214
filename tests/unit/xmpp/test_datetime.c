/* SPDX-License-Identifier: MIT */
/* Points in time, written and read. */
#include "xmpp/datetime.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

static int
open_arena(void **state)
{
	*state = arena_new();
	return 0;
}

static int
drop_arena(void **state)
{
	arena_drop(*state);
	return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_arena, drop_arena)

static void
known_times_are_written_and_read(void **state)
{
	static const struct {
		int64_t ms;
		const char *text;
	} rows[] = {
		{ 0, "1970-01-01T00:00:00.000Z" },
		{ 1, "1970-01-01T00:00:00.001Z" },
		{ -1, "1969-12-31T23:59:59.999Z" },
		{ 1031699305123, "2002-09-10T23:08:25.123Z" },
		{ 951782400000, "2000-02-29T00:00:00.000Z" },
		{ 951868799999, "2000-02-29T23:59:59.999Z" },
		{ 951868800000, "2000-03-01T00:00:00.000Z" },
		{ 1709164800000, "2024-02-29T00:00:00.000Z" },
		{ 4107542400000, "2100-03-01T00:00:00.000Z" },
		{ 4107542399000, "2100-02-28T23:59:59.000Z" },
		{ 2147483648000, "2038-01-19T03:14:08.000Z" },
		{ -62135596800000, "0001-01-01T00:00:00.000Z" },
		{ 253402300799999, "9999-12-31T23:59:59.999Z" },
	};
	char text[DATETIME_MAX];

	for (size_t i = 0; i < COUNT(rows); i++) {
		int64_t ms = 7;

		assert_string_equal(datetime_ms(*state, rows[i].ms), rows[i].text);
		assert_true(datetime_parse(&ms, rows[i].text));
		assert_true(ms == rows[i].ms);
	}
	assert_string_equal(datetime_seconds(*state, 1031699305), "2002-09-10T23:08:25Z");
	datetime_write(text, 1031699305123, true);
	assert_string_equal(text, "2002-09-10T23:08:25.123Z");
	datetime_write(text, -1, false);
	assert_string_equal(text, "1969-12-31T23:59:59Z");
	assert_string_equal(datetime_seconds(*state, -1), "1969-12-31T23:59:59Z");
}

static void
every_day_of_four_centuries_comes_back(void **state)
{
	for (int64_t day = -719162; day < -719162 + 4 * 366 * 100; day += 1) {
		struct arena *arena = arena_new();
		int64_t ms = 1;

		assert_true(datetime_parse(&ms, datetime_seconds(arena, day * 86400 + 86399)));
		assert_true(ms == (day * 86400 + 86399) * 1000);
		arena_drop(arena);
	}
	(void)state;
}

static void
times_beyond_the_calendar_become_its_ends(void **state)
{
	assert_string_equal(datetime_seconds(*state, INT64_MIN), "0001-01-01T00:00:00Z");
	assert_string_equal(datetime_seconds(*state, INT64_MAX), "9999-12-31T23:59:59Z");
	assert_int_equal(strlen(datetime_ms(*state, INT64_MIN)), 24);
	assert_int_equal(strlen(datetime_ms(*state, INT64_MAX)), 24);
}

static void
time_zones_and_fractions_are_understood(void **state)
{
	static const struct {
		const char *text;
		int64_t ms;
	} rows[] = {
		{ "1969-07-21T02:56:15Z", -14159025000 },
		{ "1969-07-20T21:56:15-05:00", -14159025000 },
		{ "1970-01-01T05:30:00+05:30", 0 },
		{ "1969-12-31T18:30:00.5-05:30", 500 },
		{ "1970-01-01T00:00:00+00:00", 0 },
		{ "1970-01-01T00:00:00-00:00", 0 },
		{ "1970-01-01T14:00:00+14:00", 0 },
		{ "1970-01-01T00:00:00.1Z", 100 },
		{ "1970-01-01T00:00:00.12Z", 120 },
		{ "1970-01-01T00:00:00.123456789012Z", 123 },
		{ "1970-01-01T00:00:00.0009Z", 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		int64_t ms = 7;

		assert_true(datetime_parse(&ms, rows[i].text));
		assert_true(ms == rows[i].ms);
	}
}

static void
what_is_not_exactly_a_time_is_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"2002",
		"2002-09-10",
		"2002-09-10T23:08:25",
		"2002-09-10T23:08:25.Z",
		"2002-09-10T23:08:25,1Z",
		"2002-09-10T23:08:25ZZ",
		"2002-09-10T23:08:25Z ",
		" 2002-09-10T23:08:25Z",
		"2002-09-10t23:08:25Z",
		"2002-09-10 23:08:25Z",
		"2002-09-10T23:08:25z",
		"2002-9-10T23:08:25Z",
		"20020910T23:08:25Z",
		"20020910T23:08:25",
		"0000-01-01T00:00:00Z",
		"-001-01-01T00:00:00Z",
		"2002-00-10T23:08:25Z",
		"2002-13-10T23:08:25Z",
		"2002-09-00T23:08:25Z",
		"2002-09-31T23:08:25Z",
		"2001-02-29T23:08:25Z",
		"1900-02-29T23:08:25Z",
		"2002-09-10T24:00:00Z",
		"2002-09-10T23:60:25Z",
		"2002-09-10T23:08:60Z",
		"2002-09-10T23:08:25+5:00",
		"2002-09-10T23:08:25+0500",
		"2002-09-10T23:08:25+15:00",
		"2002-09-10T23:08:25+14:01",
		"2002-09-10T23:08:25+05:60",
		"2002-09-10T23:08:25+05:00Z",
		"2002-09-10T23:08:25+",
		"+002-09-10T23:08:25Z",
	};
	int64_t ms = 7;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++)
		if (datetime_parse(&ms, bad[i]))
			fail_msg("\"%s\" passed", bad[i]);
	assert_true(ms == 7);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(known_times_are_written_and_read),
		TEST(every_day_of_four_centuries_comes_back),
		TEST(times_beyond_the_calendar_become_its_ends),
		TEST(time_zones_and_fractions_are_understood),
		TEST(what_is_not_exactly_a_time_is_refused),
	};

	return cmocka_run_group_tests_name("xmpp/datetime", tests, NULL, NULL);
}
