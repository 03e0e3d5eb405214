/* SPDX-License-Identifier: MIT */
#include "conf/conf.h"

#include "conf/internal.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The words of `bytes`, each as kind:line:column[text], and the faults after them. */
static void
assert_words(const char *bytes, size_t length, const char *expected)
{
	static const char letters[] = "pqm+$";
	struct arena *arena = arena_new();
	struct reading *reading = NEW(arena, struct reading);
	struct source source = { .path = "test.conf" };
	struct text out = { 0 };
	struct word *words;

	reading->arena = arena;
	words = scan_words(reading, &source, bytes, length);
	for (const struct word *word = words; word->kind != WORD_END; word++)
		text_addf(&out, "%c%s:%d:%d[%.*s] ", letters[word->kind], word->broken ? "!" : "",
			  word->line, word->column, (int)word->length, word->bytes);
	for (size_t i = 0; i < reading->fault_count; i++)
		text_addf(&out, "/ %d: %.24s ", reading->faults[i].place.line,
			  reading->faults[i].words);
	assert_string_equal(out.bytes != NULL ? out.bytes : "", expected);
	text_clear(&out);
	free(words);
	arena_drop(arena);
}

#define ASSERT_WORDS(bytes, expected) assert_words(bytes, sizeof(bytes) - 1, expected)

static void
words_know_their_line_and_column(void **state)
{
	(void)state;
	ASSERT_WORDS("a = \"b c\"\n\tlist += {x,'y'}\n",
		     "p:1:1[a] m:1:3[=] q:1:5[\"b c\"] p:2:9[list] +:2:14[+=] m:2:17[{] p:2:18[x] "
		     "m:2:19[,] q:2:20['y'] m:2:23[}] ");
}

static void
comments_are_passed_over(void **state)
{
	(void)state;
	ASSERT_WORDS("# a\n// b\n/* c\n * d */ x /**/ y # z", "p:4:9[x] p:4:16[y] ");
	ASSERT_WORDS("x /* y", "p:1:1[x] / 1: the comment that begins  ");
	ASSERT_WORDS("/*/", "/ 1: the comment that begins  ");
}

static void
a_word_may_hold_what_begins_a_comment(void **state)
{
	(void)state;
	ASSERT_WORDS("http://a/#b *:1 a+b", "p:1:1[http://a/#b] p:1:13[*:1] p:1:17[a+b] ");
}

static void
a_missing_quote_spoils_its_line_only(void **state)
{
	(void)state;
	ASSERT_WORDS("a = \"b\nc = 'd\ne\n", "p:1:1[a] m:1:3[=] q!:1:5[\"b] p:2:1[c] m:2:3[=] "
					     "q!:2:5['d] p:3:1[e] / 1: the text that begins wit "
					     "/ 2: the text that begins wit ");
	ASSERT_WORDS("\"", "q!:1:1[\"] / 1: the text that begins wit ");
	ASSERT_WORDS("\"\\", "q!:1:1[\"\\] / 1: the text that begins wit ");
	ASSERT_WORDS("'\\", "q!:1:1['\\] / 1: the text that begins wit ");
}

static void
a_text_goes_on_after_a_backslash(void **state)
{
	(void)state;
	ASSERT_WORDS("\"a\\\nb\" c", "q:1:1[\"a\\\nb\"] p:2:4[c] ");
	ASSERT_WORDS("'a\\\nb' c", "q:1:1['a\\\nb'] p:2:4[c] ");
	ASSERT_WORDS("\"a\\\"b\" 'a\\'b'", "q:1:1[\"a\\\"b\"] q:1:8['a\\'b'] ");
}

static void
numbers_of_bytes_in_a_text_are_refused(void **state)
{
	(void)state;
	ASSERT_WORDS("\"\\777\"", "q!:1:1[\"\\777\"] / 1: \"\\7\" is not understood;  ");
	ASSERT_WORDS("\"\\x00\"", "q!:1:1[\"\\x00\"] / 1: \"\\x\" is not understood;  ");
	ASSERT_WORDS("\"\\x0",
		     "q!:1:1[\"\\x0] / 1: \"\\x\" is not understood;  / 1: the text that begins "
		     "wit ");
	ASSERT_WORDS("\"\\x41\\x01\"", "q:1:1[\"\\x41\\x01\"] ");
}

static void
the_environment_is_for_quoted_texts(void **state)
{
	(void)state;
	setenv("TEST_SCAN", "1", 1);
	ASSERT_WORDS("\"${TEST_SCAN}\"", "q:1:1[\"${TEST_SCAN}\"] ");
	ASSERT_WORDS("\"\\${TEST_SCAN\"", "q:1:1[\"\\${TEST_SCAN\"] ");
	ASSERT_WORDS("${TEST_SCAN} a",
		     "p!:1:1[${TEST_SCAN}] p:1:14[a] / 1: a text with \"${\" in it n ");
	ASSERT_WORDS("\"${TEST\"", "q!:1:1[\"${TEST\"] / 1: \"${\" begins the name of  ");
	ASSERT_WORDS("\"${TEST",
		     "q!:1:1[\"${TEST] / 1: \"${\" begins the name of  / 1: the text that "
		     "begins wit ");
}

static void
bytes_that_no_editor_writes_are_told(void **state)
{
	(void)state;
	ASSERT_WORDS("\xef\xbb\xbf"
		     "a\r\n",
		     "p:1:1[a] ");
	ASSERT_WORDS("a\0b\x01", "p:1:1[a] p:1:3[b] / 1: there is a control chara ");
	ASSERT_WORDS("\n\"a\0b\"", "q!:2:1[\"a] / 2: there is a control chara ");
	ASSERT_WORDS("a\n#\xff\n#\xff\n", "p:1:1[a] / 2: this line is not UTF-8;  ");
}

static void
a_line_of_a_megabyte_takes_no_time(void **state)
{
	size_t length = FILE_BYTES_MAX;
	struct arena *arena = arena_new();
	struct reading *reading = NEW(arena, struct reading);
	struct source source = { .path = "test.conf" };
	char *bytes = zalloc(length);
	struct word *words;

	(void)state;
	reading->arena = arena;
	for (size_t i = 0; i < length; i++)
		bytes[i] = i % 2 ? ' ' : 'x';
	words = scan_words(reading, &source, bytes, length);
	assert_int_equal(words[length / 2].kind, WORD_END);
	assert_int_equal(words[length / 2 - 1].column, length - 1);
	free(words);
	free(bytes);
	arena_drop(arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_know_their_line_and_column),
		cmocka_unit_test(comments_are_passed_over),
		cmocka_unit_test(a_word_may_hold_what_begins_a_comment),
		cmocka_unit_test(a_missing_quote_spoils_its_line_only),
		cmocka_unit_test(a_text_goes_on_after_a_backslash),
		cmocka_unit_test(numbers_of_bytes_in_a_text_are_refused),
		cmocka_unit_test(the_environment_is_for_quoted_texts),
		cmocka_unit_test(bytes_that_no_editor_writes_are_told),
		cmocka_unit_test(a_line_of_a_megabyte_takes_no_time),
	};

	return cmocka_run_group_tests_name("conf/conf_scan", tests, NULL, NULL);
}
