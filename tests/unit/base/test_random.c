/* SPDX-License-Identifier: MIT */
/* Random bytes. */
#include "base/random.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

static void
bytes_differ_each_time(void **state)
{
	unsigned char a[32] = { 0 }, b[32] = { 0 };

	(void)state;
	random_bytes(a, sizeof a);
	random_bytes(b, sizeof b);
	assert_memory_not_equal(a, b, sizeof a);
	assert_true(random_number() != random_number());
}

static void
large_requests_are_filled_to_the_end(void **state)
{
	static unsigned char bytes[100000];
	size_t zeros = 0;

	(void)state;
	random_bytes(bytes, sizeof bytes);
	for (size_t i = 0; i < sizeof bytes; i++)
		zeros += bytes[i] == 0;
	assert_in_range(zeros, 100, 1000);
	random_bytes(bytes, 0);
}

static void
names_are_of_their_alphabet_and_length(void **state)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz234567";
	char name[1001], used[256] = { 0 };
	size_t different = 0;

	(void)state;
	random_name(name, 1000);
	assert_int_equal(strlen(name), 1000);
	for (size_t i = 0; i < 1000; i++) {
		assert_non_null(strchr(letters, name[i]));
		different += !used[(unsigned char)name[i]]++;
	}
	assert_int_equal(different, 32);
	random_name(name, 0);
	assert_string_equal(name, "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_differ_each_time),
		cmocka_unit_test(large_requests_are_filled_to_the_end),
		cmocka_unit_test(names_are_of_their_alphabet_and_length),
	};

	return cmocka_run_group_tests_name("base/random", tests, NULL, NULL);
}
