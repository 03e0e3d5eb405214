/* SPDX-License-Identifier: MIT */
#include "bench/load_stat.c"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>

static void
each_value_falls_into_a_class_that_is_near(void **state)
{
	(void)state;
	for (double value = 1; value < 1e13; value *= 1.01) {
		double near = class_value(class_of((uint64_t)value));

		assert_true(fabs(near - floor(value)) <= value / 64);
	}
}

static void
classes_do_not_go_backwards(void **state)
{
	size_t last = 0;

	(void)state;
	for (uint64_t value = 0; value < 1000000; value++) {
		size_t class = class_of(value);

		assert_true(class == last || class == last + 1);
		last = class;
	}
}

static void
parts_are_those_of_what_was_added(void **state)
{
	static struct stat_times times;

	(void)state;
	for (int64_t ns = 1; ns <= 100000; ns++)
		stat_add(&times, ns * 10);
	assert_int_equal(times.count, 100000);
	assert_int_equal(times.max, 1000000);
	assert_true(fabs(stat_part(&times, 0.5) - 500000) < 500000.0 / 64);
	assert_true(fabs(stat_part(&times, 0.99) - 990000) < 990000.0 / 64);
	assert_true(stat_part(&times, 1) <= 1000000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_value_falls_into_a_class_that_is_near),
		cmocka_unit_test(classes_do_not_go_backwards),
		cmocka_unit_test(parts_are_those_of_what_was_added),
	};

	return cmocka_run_group_tests_name("bench/load_stat", tests, NULL, NULL);
}
