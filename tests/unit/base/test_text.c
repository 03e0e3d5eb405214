/* SPDX-License-Identifier: MIT */
/* A string that grows, and questions about strings. */
#include "base/text.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

static void
text_grows(void **state)
{
	struct text text = { 0 };

	(void)state;
	for (int i = 0; i < 10000; i++) {
		text_add(&text, "ab");
		text_add_char(&text, 'c');
		text_add_bytes(&text, "defgh", 1);
		text_addf(&text, "%d", 5);
	}
	assert_int_equal(text.length, 50000);
	assert_int_equal(strlen(text.bytes), 50000);
	for (size_t i = 0; i < 50000; i += 5)
		assert_memory_equal(text.bytes + i, "abcd5", 5);
	text_clear(&text);
	assert_null(text.bytes);
	assert_int_equal(text.length, 0);
}

static void
formatted_text_ends_exactly_at_the_room(void **state)
{
	(void)state;
	for (int length = 0; length < 300; length++) {
		struct text text = { 0 };

		text_addf(&text, "%*s", length, "");
		text_addf(&text, "%*s", length, "");
		assert_int_equal(text.length, 2 * length);
		assert_int_equal(strlen(text.bytes), 2 * length);
		text_clear(&text);
	}
}

static void
reserved_room_is_the_callers_to_write(void **state)
{
	struct text text = { 0 };

	(void)state;
	text_add(&text, "ab");
	memcpy(text_reserve(&text, 3), "cde", 3);
	text.length += 3;
	assert_string_equal(text.bytes, "abcde");
	text_clear(&text);
}

static void
emptying_keeps_the_memory(void **state)
{
	struct text text = { 0 };
	char *bytes;

	(void)state;
	text_empty(&text);
	text_add(&text, "something");
	bytes = text.bytes;
	text_empty(&text);
	assert_int_equal(text.length, 0);
	assert_string_equal(text.bytes, "");
	text_add(&text, "x");
	assert_ptr_equal(text.bytes, bytes);
	text_clear(&text);
}

static void
taken_text_is_never_null(void **state)
{
	struct text text = { 0 };
	char *taken = text_take(&text);

	(void)state;
	assert_string_equal(taken, "");
	free(taken);
	text_add(&text, "x");
	taken = text_take(&text);
	assert_string_equal(taken, "x");
	assert_null(text.bytes);
	free(taken);
}

static void
adding_nothing_makes_an_empty_string(void **state)
{
	struct text text = { 0 };

	(void)state;
	text_add_bytes(&text, NULL, 0);
	assert_string_equal(text.bytes, "");
	text_clear(&text);
}

static void
null_is_equal_to_null_only(void **state)
{
	(void)state;
	assert_true(text_is(NULL, NULL));
	assert_false(text_is(NULL, ""));
	assert_false(text_is("", NULL));
	assert_true(text_is("a", "a"));
	assert_false(text_is("a", "A"));
	assert_true(text_starts("abc", "ab"));
	assert_true(text_starts("abc", ""));
	assert_false(text_starts("ab", "abc"));
	assert_false(text_starts(NULL, ""));
}

static void
the_nearest_word_is_what_was_meant(void **state)
{
	static const char *const words[] = { "listen", "certificate", "key", "max_stanza_size",
					     NULL };

	(void)state;
	assert_string_equal(text_nearest("listne", words), "listen");
	assert_string_equal(text_nearest("LISTEN", words), "listen");
	assert_string_equal(text_nearest("lisen", words), "listen");
	assert_string_equal(text_nearest("certifcate", words), "certificate");
	assert_string_equal(text_nearest("sertificat", words), "certificate");
	assert_string_equal(text_nearest("max_stanzasize", words), "max_stanza_size");
	assert_string_equal(text_nearest("key", words), "key");
	assert_string_equal(text_nearest("kye", words), "key");
}

static void
a_far_word_was_not_meant(void **state)
{
	static const char *const words[] = { "listen", "key", NULL };
	static const char *const none[] = { NULL };
	char long_word[1000];

	(void)state;
	assert_null(text_nearest("banana", words));
	assert_null(text_nearest("abc", words));
	assert_null(text_nearest("", words));
	assert_null(text_nearest("x", words));
	assert_null(text_nearest("listen", none));
	memset(long_word, 'a', sizeof long_word - 1);
	long_word[sizeof long_word - 1] = '\0';
	assert_null(text_nearest(long_word, words));
}

static bool
is_utf8(const char *text)
{
	/* Behind ASCII of every length, so that the fast path ends everywhere. */
	for (size_t shift = 0; shift < 17; shift++) {
		char *copy = malloc(shift + strlen(text));
		bool is;

		memset(copy, 'a', shift);
		memcpy(copy + shift, text, strlen(text));
		is = text_is_utf8(copy, shift + strlen(text));
		free(copy);
		if (!is)
			return false;
	}
	return true;
}

static void
well_formed_utf8_is_known(void **state)
{
	(void)state;
	assert_true(is_utf8(""));
	assert_true(is_utf8("\x7f"));
	assert_true(is_utf8("\xc2\x80"));
	assert_true(is_utf8("\xdf\xbf"));
	assert_true(is_utf8("\xe0\xa0\x80"));
	assert_true(is_utf8("\xed\x9f\xbf"));
	assert_true(is_utf8("\xee\x80\x80"));
	assert_true(is_utf8("\xef\xbf\xbf"));
	assert_true(is_utf8("\xf0\x90\x80\x80"));
	assert_true(is_utf8("\xf4\x8f\xbf\xbf"));
	assert_true(text_is_utf8("a\0b", 3));
}

static void
everything_else_is_refused(void **state)
{
	static const char *const bad[] = {
		"\x80",
		"\xbf",
		"\xc0\x80",
		"\xc1\xbf",
		"\xc2",
		"\xc2"
		"a",
		"\xe0\x9f\xbf",
		"\xe0\xa0",
		"\xe2\x82",
		"\xe2\x82"
		"a",
		"\xed\xa0\x80",
		"\xed\xbf\xbf",
		"\xf0\x8f\xbf\xbf",
		"\xf0\x90\x80",
		"\xf4\x90\x80\x80",
		"\xf5\x80\x80\x80",
		"\xf8\x88\x80\x80\x80",
		"\xfe",
		"\xff",
		"\xe2\x28\xa1",
		"aaaaaaaaaaaaaaaa\x80",
		"\xf0\x90\x28\xbc",
		"\xc3\xa9\xa9",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_false(is_utf8(bad[i]));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_grows),
		cmocka_unit_test(formatted_text_ends_exactly_at_the_room),
		cmocka_unit_test(reserved_room_is_the_callers_to_write),
		cmocka_unit_test(emptying_keeps_the_memory),
		cmocka_unit_test(taken_text_is_never_null),
		cmocka_unit_test(adding_nothing_makes_an_empty_string),
		cmocka_unit_test(null_is_equal_to_null_only),
		cmocka_unit_test(the_nearest_word_is_what_was_meant),
		cmocka_unit_test(a_far_word_was_not_meant),
		cmocka_unit_test(well_formed_utf8_is_known),
		cmocka_unit_test(everything_else_is_refused),
	};

	return cmocka_run_group_tests_name("base/text", tests, NULL, NULL);
}
