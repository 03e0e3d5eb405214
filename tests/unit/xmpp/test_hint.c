/* SPDX-License-Identifier: MIT */
/* What a message asks of those who keep it. */
#include "xmpp/hint.h"
#include "base/err.h"
#include "xml/parser.h"

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

static void
hints_are_bits(void **state)
{
	assert_int_equal(hints_read(
				 parsed(*state,
					"<message xmlns='jabber:client'><body>x</body></message>")),
			 0);
	assert_int_equal(hints_read(parsed(*state, "<message xmlns='jabber:client'>"
						   "<store xmlns='urn:xmpp:hints'/></message>")),
			 HINT_STORE);
	assert_int_equal(hints_read(
				 parsed(*state,
					"<message xmlns='jabber:client'>"
					"<no-copy xmlns='urn:xmpp:hints'/><body/>"
					"<no-store xmlns='urn:xmpp:hints'/>"
					"<no-store xmlns='urn:xmpp:hints'/>"
					"<no-permanent-store xmlns='urn:xmpp:hints'/></message>")),
			 HINT_NO_COPY | HINT_NO_STORE | HINT_NO_PERMANENT_STORE);
}

static void
what_only_looks_like_a_hint_is_none(void **state)
{
	assert_int_equal(hints_read(parsed(*state,
					   "<message xmlns='jabber:client'><store/>"
					   "<store xmlns='urn:x'/>"
					   "<x xmlns='urn:x'><store xmlns='urn:xmpp:hints'/></x>"
					   "<stores xmlns='urn:xmpp:hints'/></message>")),
			 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(hints_are_bits),
		TEST(what_only_looks_like_a_hint_is_none),
	};

	return cmocka_run_group_tests_name("xmpp/hint", tests, NULL, NULL);
}
