/* SPDX-License-Identifier: MIT */
/* Conditions: names, types, and the elements that say them. */
#include "xmpp/condition.h"
#include "xml/parser.h"
#include "xml/writer.h"
#include "xmpp/ns.h"

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
every_stanza_condition_has_a_name_and_a_type(void **state)
{
	(void)state;
	for (int i = CONDITION_NONE + 1; i < CONDITIONS; i++) {
		enum condition condition = (enum condition)i;
		const char *type = condition_type(condition);

		assert_int_equal(condition_parse(condition_name(condition)), condition);
		assert_true(strcmp(type, "auth") == 0 || strcmp(type, "cancel") == 0 ||
			    strcmp(type, "modify") == 0 || strcmp(type, "wait") == 0);
	}
	assert_null(condition_name(CONDITION_NONE));
	assert_int_equal(condition_parse("text"), CONDITION_NONE);
	assert_int_equal(condition_parse(""), CONDITION_NONE);
	assert_string_equal(condition_name(RECIPIENT_UNAVAILABLE), "recipient-unavailable");
	assert_string_equal(condition_type(FORBIDDEN), "auth");
	assert_string_equal(condition_type(BAD_REQUEST), "modify");
	assert_string_equal(condition_type(RESOURCE_CONSTRAINT), "wait");
	assert_string_equal(condition_type(SERVICE_UNAVAILABLE), "cancel");
}

static void
every_stream_and_sasl_condition_has_a_name(void **state)
{
	(void)state;
	for (int i = 1; i < STREAM_CONDITIONS; i++)
		assert_int_equal(stream_condition_parse(
					 stream_condition_name((enum stream_condition)i)),
				 i);
	for (int i = 1; i < SASL_CONDITIONS; i++)
		assert_int_equal(sasl_condition_parse(sasl_condition_name((enum sasl_condition)i)),
				 i);
	assert_null(stream_condition_name(STREAM_NONE));
	assert_null(sasl_condition_name(SASL_NONE));
	assert_int_equal(stream_condition_parse("forbidden"), STREAM_NONE);
	assert_int_equal(sasl_condition_parse("conflict"), SASL_NONE);
	assert_string_equal(stream_condition_name(STREAM_SEE_OTHER_HOST), "see-other-host");
	assert_string_equal(sasl_condition_name(SASL_TEMPORARY_AUTH_FAILURE),
			    "temporary-auth-failure");
}

static void
an_error_says_condition_type_and_text(void **state)
{
	struct element *error = error_element(*state, ITEM_NOT_FOUND, NULL, "no such <thing>");

	assert_string_equal(xml_text(*state, error, NULL),
			    "<error type='cancel'>"
			    "<item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>"
			    "<text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas' xml:lang='en'>"
			    "no such &lt;thing&gt;</text></error>");
	error = error_element(*state, ITEM_NOT_FOUND, "wait", NULL);
	assert_string_equal(xml_text(*state, error, NULL),
			    "<error type='wait'>"
			    "<item-not-found "
			    "xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>");
}

static void
an_error_is_read_from_a_stanza(void **state)
{
	struct element *stanza = parsed(
		*state,
		"<message xmlns='jabber:client' type='error'><body>x</body><error type='auth'>"
		"<text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>why</text>"
		"<gone xmlns='urn:x'/>"
		"<forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>");

	assert_int_equal(error_condition(stanza), FORBIDDEN);
	assert_string_equal(error_text(*state, stanza), "why");

	stanza = parsed(*state, "<message xmlns='jabber:client'><error><gone/></error></message>");
	assert_int_equal(error_condition(stanza), UNDEFINED_CONDITION);
	assert_null(error_text(*state, stanza));

	stanza = parsed(*state, "<message xmlns='jabber:client'><error xmlns='urn:x'/></message>");
	assert_int_equal(error_condition(stanza), CONDITION_NONE);
	assert_null(error_text(*state, stanza));
}

static void
what_we_write_we_read(void **state)
{
	for (int i = CONDITION_NONE + 1; i < CONDITIONS; i++) {
		struct element *stanza = element_new(*state, NS_CLIENT, "iq");

		element_put(stanza, error_element(*state, (enum condition)i, NULL, NULL));
		assert_int_equal(error_condition(stanza), i);
	}
}

static void
a_stream_error_says_where_to_go(void **state)
{
	assert_string_equal(xml_text(*state,
				     stream_error_element(*state, STREAM_CONFLICT, "you are there"),
				     NS_STREAMS),
			    "<error><conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>"
			    "<text xmlns='urn:ietf:params:xml:ns:xmpp-streams' xml:lang='en'>you "
			    "are there</text>"
			    "</error>");
	assert_string_equal(
		xml_text(*state,
			 stream_error_element(*state, STREAM_SEE_OTHER_HOST, "b.example:5222"),
			 NS_STREAMS),
		"<error><see-other-host xmlns='urn:ietf:params:xml:ns:xmpp-streams'>b.example:5222"
		"</see-other-host></error>");
}

static void
a_login_fails_in_the_namespace_of_sasl(void **state)
{
	assert_string_equal(
		xml_text(*state, sasl_failure_element(*state, SASL_NOT_AUTHORIZED, NULL), NULL),
		"<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><not-authorized/></failure>");
	assert_string_equal(xml_text(*state,
				     sasl_failure_element(*state, SASL_ABORTED, "so you said"),
				     NULL),
			    "<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><aborted/>"
			    "<text xml:lang='en'>so you said</text></failure>");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_stanza_condition_has_a_name_and_a_type),
		TEST(every_stream_and_sasl_condition_has_a_name),
		TEST(an_error_says_condition_type_and_text),
		TEST(an_error_is_read_from_a_stanza),
		TEST(what_we_write_we_read),
		TEST(a_stream_error_says_where_to_go),
		TEST(a_login_fails_in_the_namespace_of_sasl),
	};

	return cmocka_run_group_tests_name("xmpp/condition", tests, NULL, NULL);
}
