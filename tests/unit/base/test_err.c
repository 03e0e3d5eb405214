/* SPDX-License-Identifier: MIT */
/* What went wrong, as a value. */
#include "base/err.h"
#include "base/text.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

static void
failing_is_false_with_a_sentence(void **state)
{
	struct err err;

	(void)state;
	assert_false(err_fail(&err, ERR_LIMIT, "port %d is too high", 70000));
	assert_int_equal(err.kind, ERR_LIMIT);
	assert_string_equal(err.text, "port 70000 is too high");
}

static void
nobody_has_to_listen(void **state)
{
	(void)state;
	assert_false(err_fail(NULL, ERR_LIMIT, "x"));
	assert_false(err_add(NULL, "x"));
}

static void
context_is_put_before(void **state)
{
	struct err err;

	(void)state;
	err_fail(&err, ERR_SYSTEM, "permission denied");
	assert_false(err_add(&err, "could not open \"%s\"", "a"));
	assert_int_equal(err.kind, ERR_SYSTEM);
	assert_string_equal(err.text, "could not open \"a\": permission denied");
}

static void
an_err_may_be_made_of_itself(void **state)
{
	struct err err;

	(void)state;
	err_fail(&err, ERR_SYSTEM, "no");
	err_fail(&err, ERR_DOWN, "could not start: %s", err.text);
	assert_string_equal(err.text, "could not start: no");
}

static void
long_sentences_are_cut_between_characters(void **state)
{
	char words[600];
	struct err err;

	(void)state;
	for (size_t shift = 0; shift < 4; shift++) {
		memset(words, 'a', shift);
		for (size_t i = shift; i + 3 < sizeof words; i += 3)
			memcpy(words + i, "\xe2\x82\xac", 4);
		err_fail(&err, ERR_SYNTAX, "%s", words);
		assert_true(text_is_utf8(err.text, strlen(err.text)));
		assert_true(strlen(err.text) > 250);
		err_add(&err, "b");
		assert_true(text_is_utf8(err.text, strlen(err.text)));
		assert_memory_equal(err.text, "b: ", 3);
		err_add(&err, "%s", words);
		assert_true(text_is_utf8(err.text, strlen(err.text)));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(failing_is_false_with_a_sentence),
		cmocka_unit_test(nobody_has_to_listen),
		cmocka_unit_test(context_is_put_before),
		cmocka_unit_test(an_err_may_be_made_of_itself),
		cmocka_unit_test(long_sentences_are_cut_between_characters),
	};

	return cmocka_run_group_tests_name("base/err", tests, NULL, NULL);
}
