/* SPDX-License-Identifier: MIT */
/* Base64, hex and secrets. */
#include "base/codec.h"
#include "base/random.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

static void
base64_is_that_of_the_rfc(void **state)
{
	static const char *const pairs[][2] = {
		{ "", "" },
		{ "f", "Zg==" },
		{ "fo", "Zm8=" },
		{ "foo", "Zm9v" },
		{ "foob", "Zm9vYg==" },
		{ "fooba", "Zm9vYmE=" },
		{ "foobar", "Zm9vYmFy" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(pairs); i++) {
		char encoded[16], decoded[16] = { 0 };
		size_t length = strlen(pairs[i][0]), decoded_length = 99;

		base64_encode(encoded, pairs[i][0], length);
		assert_string_equal(encoded, pairs[i][1]);
		assert_int_equal(strlen(encoded), BASE64_LENGTH(length));
		assert_true(
			base64_decode(decoded, length, &decoded_length, encoded, strlen(encoded)));
		assert_int_equal(decoded_length, length);
		assert_memory_equal(decoded, pairs[i][0], length);
	}
}

static void
any_bytes_survive_base64(void **state)
{
	(void)state;
	for (size_t length = 0; length < 100; length++) {
		unsigned char bytes[100], decoded[100];
		char encoded[BASE64_LENGTH(100) + 1];
		size_t decoded_length;

		random_bytes(bytes, length);
		base64_encode(encoded, bytes, length);
		assert_true(base64_decode(decoded, sizeof decoded, &decoded_length, encoded,
					  strlen(encoded)));
		assert_int_equal(decoded_length, length);
		assert_memory_equal(decoded, bytes, length);
	}
}

static void
what_is_not_base64_is_refused_and_the_length_kept(void **state)
{
	static const char *const bad[] = {
		"Z",      "Zg",       "Zg=",        "=",        "====", "Zg==Zg==",
		"Zm9v\n", "Zm 9",     "Z===",       "Zm9-",     "Zm9_", "Zh==",
		"Zm9=",   "Zm8=Zm8=", "\xc3\xa9==", "Zg==    ", "=Zg=", "Zm9vZg=",
	};
	char decoded[64];
	size_t length = 42;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_false(
			base64_decode(decoded, sizeof decoded, &length, bad[i], strlen(bad[i])));
	assert_false(base64_decode(decoded, sizeof decoded, &length, "Zm\0v", 4));
	assert_int_equal(length, 42);
}

static void
base64_that_does_not_fit_is_refused(void **state)
{
	char decoded[6];
	size_t length = 42;

	(void)state;
	assert_false(base64_decode(decoded, 5, &length, "Zm9vYmFy", 8));
	assert_true(base64_decode(decoded, 6, &length, "Zm9vYmFy", 8));
	assert_int_equal(length, 6);
	assert_true(base64_decode(decoded, 4, &length, "Zm9vYg==", 8));
	assert_int_equal(length, 4);
}

static void
hex_is_lower_case_and_reads_both(void **state)
{
	unsigned char bytes[3];
	char text[7];
	size_t length = 42;

	(void)state;
	hex_encode(text, "\x00\xab\xff", 3);
	assert_string_equal(text, "00abff");
	assert_true(hex_decode(bytes, sizeof bytes, &length, "00aBFf"));
	assert_int_equal(length, 3);
	assert_memory_equal(bytes, "\x00\xab\xff", 3);
}

static void
what_is_not_hex_is_refused(void **state)
{
	unsigned char bytes[3];
	size_t length = 42;

	(void)state;
	assert_false(hex_decode(bytes, sizeof bytes, &length, "0"));
	assert_false(hex_decode(bytes, sizeof bytes, &length, "0g"));
	assert_false(hex_decode(bytes, sizeof bytes, &length, "00112233"));
	assert_false(hex_decode(bytes, sizeof bytes, &length, "0 "));
	assert_int_equal(length, 42);
	assert_true(hex_decode(bytes, sizeof bytes, &length, ""));
	assert_int_equal(length, 0);
}

static void
secrets_are_compared_whole(void **state)
{
	(void)state;
	assert_true(equal_secretly("abc", "abc", 3));
	assert_false(equal_secretly("abc", "abd", 3));
	assert_false(equal_secretly("xbc", "abc", 3));
	assert_true(equal_secretly("abc", "abd", 2));
	assert_true(equal_secretly("a", "b", 0));
}

static void
wiped_bytes_are_zero(void **state)
{
	char secret[] = "secret";

	(void)state;
	wipe(secret, sizeof secret);
	for (size_t i = 0; i < sizeof secret; i++)
		assert_int_equal(secret[i], 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(base64_is_that_of_the_rfc),
		cmocka_unit_test(any_bytes_survive_base64),
		cmocka_unit_test(what_is_not_base64_is_refused_and_the_length_kept),
		cmocka_unit_test(base64_that_does_not_fit_is_refused),
		cmocka_unit_test(hex_is_lower_case_and_reads_both),
		cmocka_unit_test(what_is_not_hex_is_refused),
		cmocka_unit_test(secrets_are_compared_whole),
		cmocka_unit_test(wiped_bytes_are_zero),
	};

	return cmocka_run_group_tests_name("base/codec", tests, NULL, NULL);
}
