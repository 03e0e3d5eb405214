/* SPDX-License-Identifier: MIT */
/* Serialised bytes shared by many. */
#include "base/wire.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

static void
a_wire_has_a_copy_of_the_bytes(void **state)
{
	char bytes[] = "<presence/>";
	struct wire *wire = wire_new(bytes, 11);

	(void)state;
	bytes[1] = 'x';
	assert_int_equal(wire->length, 11);
	assert_memory_equal(wire->bytes, "<presence/>", 11);
	wire_drop(wire);
}

static void
a_wire_may_be_filled_by_its_maker(void **state)
{
	struct wire *wire = wire_new(NULL, 3);

	(void)state;
	memcpy(wire->bytes, "abc", 3);
	assert_int_equal(wire->length, 3);
	wire_drop(wire);
}

static void
a_wire_may_be_empty(void **state)
{
	struct wire *wire = wire_new("", 0);

	(void)state;
	assert_int_equal(wire->length, 0);
	wire_drop(wire);
	wire_drop(NULL);
}

static void
holds_are_counted(void **state)
{
	struct wire *wire = wire_new("a", 1);

	(void)state;
	assert_ptr_equal(wire_hold(wire), wire);
	assert_int_equal(atomic_load(&wire->holds), 2);
	wire_drop(wire);
	assert_int_equal(atomic_load(&wire->holds), 1);
	assert_int_equal(wire->bytes[0], 'a');
	wire_drop(wire);
}

static void *
hold_and_drop(void *arg)
{
	struct wire *wire = arg;

	for (int i = 0; i < 20000; i++)
		wire_drop(wire_hold(wire));
	wire_drop(wire);
	return NULL;
}

static void
many_threads_may_hold_one(void **state)
{
	struct wire *wire = wire_new("shared", 6);
	pthread_t threads[4];

	(void)state;
	for (size_t i = 0; i < COUNT(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, hold_and_drop, wire_hold(wire)),
				 0);
	for (size_t i = 0; i < COUNT(threads); i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(atomic_load(&wire->holds), 1);
	wire_drop(wire);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_wire_has_a_copy_of_the_bytes),
		cmocka_unit_test(a_wire_may_be_filled_by_its_maker),
		cmocka_unit_test(a_wire_may_be_empty),
		cmocka_unit_test(holds_are_counted),
		cmocka_unit_test(many_threads_may_hold_one),
	};

	return cmocka_run_group_tests_name("base/wire", tests, NULL, NULL);
}
