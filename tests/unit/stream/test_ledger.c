/* SPDX-License-Identifier: MIT */
#include "stream/ledger.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void
stanzas_are_numbered_from_one(void **state)
{
	struct ledger ledger = { 0 };

	(void)state;
	assert_int_equal(ledger_open(&ledger, 10), 1);
	assert_int_equal(ledger_open(&ledger, 20), 2);
	assert_int_equal(ledger.open, 2);
	assert_int_equal(ledger.bytes, 30);
	assert_int_equal(ledger.settled, 0);
}

static void
what_settles_in_order_needs_no_memory(void **state)
{
	struct ledger ledger = { 0 };

	(void)state;
	for (uint32_t i = 1; i <= 5000; i++) {
		assert_int_equal(ledger_open(&ledger, 7), i);
		assert_true(ledger_settle(&ledger, i, 7));
		assert_int_equal(ledger.settled, i);
		assert_null(ledger.ring);
	}
	assert_int_equal(ledger.bytes, 0);
}

static void
the_prefix_waits_for_the_slowest(void **state)
{
	struct ledger ledger = { 0 };

	(void)state;
	for (int i = 0; i < 4; i++)
		ledger_open(&ledger, 1);
	assert_false(ledger_settle(&ledger, 2, 1));
	assert_false(ledger_settle(&ledger, 4, 1));
	assert_int_equal(ledger.settled, 0);
	assert_true(ledger_settle(&ledger, 1, 1));
	assert_int_equal(ledger.settled, 2);
	assert_non_null(ledger.ring);
	assert_true(ledger_settle(&ledger, 3, 1));
	assert_int_equal(ledger.settled, 4);
	assert_null(ledger.ring);
	assert_int_equal(ledger.open, 0);
}

static void
there_is_room_for_a_span_and_no_more(void **state)
{
	struct ledger ledger = { 0 };

	(void)state;
	for (uint32_t i = 1; i <= LEDGER_SPAN; i++) {
		assert_true(ledger_has_room(&ledger));
		ledger_open(&ledger, 1);
		if (i > 1)
			assert_false(ledger_settle(&ledger, i, 1));
	}
	assert_false(ledger_has_room(&ledger));
	assert_int_equal(ledger.open, 1);
	assert_true(ledger_settle(&ledger, 1, 1));
	assert_int_equal(ledger.settled, LEDGER_SPAN);
	assert_true(ledger_has_room(&ledger));
	assert_null(ledger.ring);
}

static void
numbers_wrap_as_h_does(void **state)
{
	struct ledger ledger = { .heard = UINT32_MAX - 1, .settled = UINT32_MAX - 1 };

	(void)state;
	assert_int_equal(ledger_open(&ledger, 1), UINT32_MAX);
	assert_int_equal(ledger_open(&ledger, 1), 0);
	assert_int_equal(ledger_open(&ledger, 1), 1);
	assert_false(ledger_settle(&ledger, 1, 1));
	assert_false(ledger_settle(&ledger, 0, 1));
	assert_true(ledger_settle(&ledger, UINT32_MAX, 1));
	assert_int_equal(ledger.settled, 1);
}

static void
any_order_ends_with_everything_settled(void **state)
{
	struct ledger ledger = { 0 };
	uint32_t open[300], count = 0, next = 0;

	(void)state;
	srand(7);
	for (int turn = 0; turn < 200000; turn++) {
		if (count < COUNT(open) && ledger_has_room(&ledger) && rand() % 2 != 0) {
			open[count++] = ledger_open(&ledger, 3);
			next++;
		} else if (count > 0) {
			uint32_t which = (uint32_t)rand() % count, number = open[which];
			uint32_t lowest = UINT32_MAX;

			open[which] = open[--count];
			ledger_settle(&ledger, number, 3);
			for (uint32_t i = 0; i < count; i++)
				if (open[i] < lowest)
					lowest = open[i];
			assert_int_equal(ledger.settled, count > 0 ? lowest - 1 : next);
			assert_int_equal(ledger.open, count);
			assert_int_equal(ledger.bytes, 3 * count);
		}
	}
	ledger_clear(&ledger);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stanzas_are_numbered_from_one),
		cmocka_unit_test(what_settles_in_order_needs_no_memory),
		cmocka_unit_test(the_prefix_waits_for_the_slowest),
		cmocka_unit_test(there_is_room_for_a_span_and_no_more),
		cmocka_unit_test(numbers_wrap_as_h_does),
		cmocka_unit_test(any_order_ends_with_everything_settled),
	};

	return cmocka_run_group_tests_name("stream/ledger", tests, NULL, NULL);
}
