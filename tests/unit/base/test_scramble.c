/* SPDX-License-Identifier: MIT */
/* A secret order of all 64-bit numbers. */
#include "base/scramble.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

static const uint8_t key[SCRAMBLE_KEY_BYTES] = { 0x00, 0x01, 0x02, 0x03, 0x08, 0x09, 0x0a, 0x0b,
						 0x10, 0x11, 0x12, 0x13, 0x18, 0x19, 0x1a, 0x1b };

/* The test vector of its authors: "eans Fat" becomes this. */
static void
it_is_speck64_128(void **state)
{
	struct scramble order;

	(void)state;
	scramble_init(&order, key);
	assert_true(scramble(&order, 0x3b7265747475432d) == 0x8c6fa548454e028b);
	assert_true(unscramble(&order, 0x8c6fa548454e028b) == 0x3b7265747475432d);
}

static void
every_number_comes_back(void **state)
{
	struct scramble order;
	uint64_t number = 1;

	(void)state;
	scramble_init(&order, key);
	for (unsigned i = 0; i < 1000; i++, number = number * 6364136223846793005u + 1)
		assert_true(unscramble(&order, scramble(&order, number)) == number);
	assert_true(unscramble(&order, scramble(&order, 0)) == 0);
	assert_true(unscramble(&order, scramble(&order, UINT64_MAX)) == UINT64_MAX);
}

static void
neighbours_are_far_apart_and_keys_differ(void **state)
{
	uint8_t other[SCRAMBLE_KEY_BYTES];
	struct scramble order, another;

	(void)state;
	memcpy(other, key, sizeof other);
	other[15] ^= 1;
	scramble_init(&order, key);
	scramble_init(&another, other);
	for (uint64_t n = 0; n < 1000; n++) {
		uint64_t changed = scramble(&order, n) ^ scramble(&order, n + 1);

		assert_in_range(__builtin_popcountll(changed), 10, 54);
		assert_true(scramble(&order, n) != scramble(&another, n));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_speck64_128),
		cmocka_unit_test(every_number_comes_back),
		cmocka_unit_test(neighbours_are_far_apart_and_keys_differ),
	};

	return cmocka_run_group_tests_name("base/scramble", tests, NULL, NULL);
}
