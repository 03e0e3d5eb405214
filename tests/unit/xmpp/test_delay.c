/* SPDX-License-Identifier: MIT */
/* When a late stanza was said. */
#include "xmpp/delay.h"
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

static void
a_delay_is_written_and_read(void **state)
{
	struct element *message = element_new(*state, "jabber:client", "message");
	struct element *element =
		delay_element(*state, "capulet.example", 1031699305123, "Offline Storage");
	struct delay delay;

	assert_string_equal(xml_text(*state, element, NULL),
			    "<delay xmlns='urn:xmpp:delay' from='capulet.example' "
			    "stamp='2002-09-10T23:08:25.123Z'>Offline Storage</delay>");
	element_put(message, element);
	assert_true(delay_read(&delay, *state, message, NULL));
	assert_string_equal(delay.from, "capulet.example");
	assert_string_equal(delay.reason, "Offline Storage");
	assert_true(delay.unix_ms == 1031699305123);
	assert_true(delay_read(&delay, *state, message, "capulet.example"));
	assert_false(delay_read(&delay, *state, message, "montague.example"));
}

static void
what_is_not_said_is_not_there(void **state)
{
	struct element *message = element_new(*state, "jabber:client", "message");
	struct delay delay;

	assert_false(delay_read(&delay, *state, message, NULL));
	element_put(message, delay_element(*state, NULL, 0, NULL));
	assert_string_equal(xml_text(*state, message, "jabber:client"),
			    "<message><delay xmlns='urn:xmpp:delay' "
			    "stamp='1970-01-01T00:00:00.000Z'/>"
			    "</message>");
	assert_true(delay_read(&delay, *state, message, NULL));
	assert_null(delay.from);
	assert_null(delay.reason);
	assert_false(delay_read(&delay, *state, message, "capulet.example"));
}

static void
a_delay_that_cannot_be_read_is_passed_over(void **state)
{
	struct element *message = parsed(
		*state,
		"<message xmlns='jabber:client'><delay xmlns='urn:x' stamp='1970-01-01T00:00:01Z'/>"
		"<delay xmlns='urn:xmpp:delay'/><delay xmlns='urn:xmpp:delay' stamp='yesterday'/>"
		"<delay xmlns='urn:xmpp:delay' from='a' stamp='1970-01-01T00:00:02Z'/>"
		"<delay xmlns='urn:xmpp:delay' from='b' stamp='1970-01-01T00:00:03Z'/></message>");
	struct delay delay;

	assert_true(delay_read(&delay, *state, message, NULL));
	assert_true(delay.unix_ms == 2000);
	assert_true(delay_read(&delay, *state, message, "b"));
	assert_true(delay.unix_ms == 3000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_delay_is_written_and_read),
		TEST(what_is_not_said_is_not_there),
		TEST(a_delay_that_cannot_be_read_is_passed_over),
	};

	return cmocka_run_group_tests_name("xmpp/delay", tests, NULL, NULL);
}
