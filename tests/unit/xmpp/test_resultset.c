/* SPDX-License-Identifier: MIT */
/* Pages of a long list. */
#include "xmpp/resultset.h"
#include "xml/parser.h"
#include "xml/writer.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

static int
open_arena(void **state)
{
	*state = arena_new();
	return 0;
}

static int
drop_arena(void **state)
{
	arena_drop(*state);
	return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_arena, drop_arena)

static struct element *
parsed(struct arena *arena, const char *text)
{
	struct err err = { 0 };
	struct element *element = element_parse(arena, text, strlen(text), &err);

	if (element == NULL)
		fail_msg("%s", err.text);
	return element;
}

static bool
asked(struct resultset *set, struct arena *arena, const char *inside)
{
	struct element *query =
		parsed(arena,
		       arena_format(arena,
				    "<query xmlns='urn:xmpp:mam:2'>"
				    "<set xmlns='http://jabber.org/protocol/rsm'>%s</set></query>",
				    inside));

	return resultset_parse(set, arena, query, NULL);
}

static void
without_a_set_nothing_is_said(void **state)
{
	struct resultset set;

	assert_true(resultset_parse(&set, *state, parsed(*state, "<query xmlns='x'><set/></query>"),
				    NULL));
	assert_false(set.asked);
	assert_int_equal(set.max, -1);
	assert_int_equal(set.index, -1);
	assert_false(set.last);
	assert_null(set.after);
	assert_null(set.before);
}

static void
a_page_is_asked_for(void **state)
{
	struct resultset set;

	assert_true(asked(&set, *state, ""));
	assert_true(set.asked);
	assert_int_equal(set.max, -1);
	assert_true(asked(&set, *state, "<max>10</max><after>peter&amp;paul</after>"));
	assert_int_equal(set.max, 10);
	assert_string_equal(set.after, "peter&paul");
	assert_true(asked(&set, *state, "<max>0</max><index>371</index>"));
	assert_int_equal(set.max, 0);
	assert_int_equal(set.index, 371);
	assert_true(asked(&set, *state, "<before>x</before>"));
	assert_string_equal(set.before, "x");
	assert_false(set.last);
	assert_true(asked(&set, *state, "<max>5</max><before/>"));
	assert_null(set.before);
	assert_true(set.last);
	assert_true(asked(&set, *state, "<after/>"));
	assert_null(set.after);
	assert_true(asked(&set, *state, "<max>999999999999999999</max>"));
	assert_true(set.max == 999999999999999999);
}

static void
numbers_must_be_numbers(void **state)
{
	struct resultset set = { .max = 42 };

	for (const char *const *bad =
		     (const char *const[]) { "", "-1", "+1", " 1", "1 ", "1.0", "0x10", "ten",
					     "1000000000000000000", NULL };
	     *bad != NULL; bad++) {
		assert_false(asked(&set, *state, arena_format(*state, "<max>%s</max>", *bad)));
		assert_false(asked(&set, *state, arena_format(*state, "<index>%s</index>", *bad)));
	}
	assert_int_equal(set.max, 42);
}

static void
an_answer_says_what_it_knows(void **state)
{
	struct resultset_page page = { "a", "b", 7, 800 };

	assert_string_equal(xml_text(*state, resultset_answer(*state, &page), NULL),
			    "<set xmlns='http://jabber.org/protocol/rsm'><first index='7'>a</first>"
			    "<last>b</last><count>800</count></set>");
	page.index = page.count = -1;
	assert_string_equal(xml_text(*state, resultset_answer(*state, &page), NULL),
			    "<set xmlns='http://jabber.org/protocol/rsm'><first>a</first>"
			    "<last>b</last></set>");
}

static void
an_empty_page_has_neither_first_nor_last(void **state)
{
	struct resultset_page page = { NULL, NULL, 3, 0 };

	assert_string_equal(xml_text(*state, resultset_answer(*state, &page), NULL),
			    "<set xmlns='http://jabber.org/protocol/rsm'><count>0</count></set>");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(without_a_set_nothing_is_said),
		TEST(a_page_is_asked_for),
		TEST(numbers_must_be_numbers),
		TEST(an_answer_says_what_it_knows),
		TEST(an_empty_page_has_neither_first_nor_last),
	};

	return cmocka_run_group_tests_name("xmpp/resultset", tests, NULL, NULL);
}
