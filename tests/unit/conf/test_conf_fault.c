/* SPDX-License-Identifier: MIT */
#include "conf/conf.h"

#include "conf/internal.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct source source = { .path = "f" }, other = { .path = "g" };

static struct reading *
new_reading(void)
{
	struct arena *arena = arena_new();
	struct reading *reading = NEW(arena, struct reading);

	reading->arena = arena;
	return reading;
}

static void
what_follows_from_a_fault_is_not_told(void **state)
{
	struct reading *reading = new_reading();

	(void)state;
	fault_follow(reading, (struct place) { &source, 1 }, "first");
	fault_follow(reading, (struct place) { &source, 1 }, "second");
	fault_follow(reading, (struct place) { &other, 1 }, "third");
	fault_add(reading, (struct place) { &source, 1 }, "fourth");
	assert_int_equal(reading->fault_count, 3);
	assert_string_equal(reading->faults[0].words, "first");
	assert_string_equal(reading->faults[1].words, "third");
	assert_string_equal(reading->faults[2].words, "fourth");
	arena_drop(reading->arena);
}

static void
a_fault_is_one_line_whatever_it_quotes(void **state)
{
	struct reading *reading = new_reading();

	(void)state;
	fault_add(reading, (struct place) { &source, 1 }, "\"%s\"", "a\nb\033[1m");
	assert_string_equal(reading->faults[0].words, "\"a?b?[1m\"");
	arena_drop(reading->arena);
}

static void
faults_beyond_the_bound_are_counted(void **state)
{
	struct reading *reading = new_reading();

	(void)state;
	for (int i = 0; i < FAULTS_MAX + 7; i++)
		fault_add(reading, (struct place) { &source, i }, "%d", i);
	assert_int_equal(reading->fault_count, FAULTS_MAX);
	assert_int_equal(reading->more_faults, 7);
	arena_drop(reading->arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_follows_from_a_fault_is_not_told),
		cmocka_unit_test(a_fault_is_one_line_whatever_it_quotes),
		cmocka_unit_test(faults_beyond_the_bound_are_counted),
	};

	return cmocka_run_group_tests_name("conf/conf_fault", tests, NULL, NULL);
}
