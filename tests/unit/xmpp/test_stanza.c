/* SPDX-License-Identifier: MIT */
/* Kinds and types of stanza, and answers to one. */
#include "xmpp/stanza.h"
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
three_names_in_three_namespaces_are_stanzas(void **state)
{
	static const char *const namespaces[] = { NS_CLIENT, NS_SERVER, NS_COMPONENT };
	enum stanza_kind kind;

	for (size_t i = 0; i < COUNT(namespaces); i++)
		for (int k = STANZA_MESSAGE; k <= STANZA_IQ; k++) {
			const char *name = stanza_kind_name((enum stanza_kind)k);

			assert_true(
				stanza_kind_read(&kind, element_new(*state, namespaces[i], name)));
			assert_int_equal(kind, k);
		}
	kind = STANZA_IQ;
	assert_false(stanza_kind_read(&kind, element_new(*state, NS_CLIENT, "query")));
	assert_false(stanza_kind_read(&kind, element_new(*state, NS_SASL, "message")));
	assert_false(stanza_kind_read(&kind, element_new(*state, NULL, "message")));
	assert_false(stanza_kind_read(&kind, element_new(*state, NS_CLIENT, NULL)));
	assert_int_equal(kind, STANZA_IQ);
}

static void
types_are_read_for_their_kind(void **state)
{
	static const struct {
		enum stanza_kind kind;
		const char *text;
		enum stanza_type type; /* TYPE_NONE: refused */
	} rows[] = {
		{ STANZA_MESSAGE, NULL, TYPE_NORMAL },
		{ STANZA_MESSAGE, "normal", TYPE_NORMAL },
		{ STANZA_MESSAGE, "chat", TYPE_CHAT },
		{ STANZA_MESSAGE, "groupchat", TYPE_GROUPCHAT },
		{ STANZA_MESSAGE, "headline", TYPE_HEADLINE },
		{ STANZA_MESSAGE, "error", TYPE_ERROR },
		{ STANZA_MESSAGE, "", TYPE_NORMAL },
		{ STANZA_MESSAGE, "Chat", TYPE_NORMAL },
		{ STANZA_MESSAGE, "subscribe", TYPE_NORMAL },
		{ STANZA_MESSAGE, "get", TYPE_NORMAL },
		{ STANZA_PRESENCE, NULL, TYPE_AVAILABLE },
		{ STANZA_PRESENCE, "unavailable", TYPE_UNAVAILABLE },
		{ STANZA_PRESENCE, "subscribe", TYPE_SUBSCRIBE },
		{ STANZA_PRESENCE, "subscribed", TYPE_SUBSCRIBED },
		{ STANZA_PRESENCE, "unsubscribe", TYPE_UNSUBSCRIBE },
		{ STANZA_PRESENCE, "unsubscribed", TYPE_UNSUBSCRIBED },
		{ STANZA_PRESENCE, "probe", TYPE_PROBE },
		{ STANZA_PRESENCE, "error", TYPE_ERROR },
		{ STANZA_PRESENCE, "available", TYPE_NONE },
		{ STANZA_PRESENCE, "", TYPE_NONE },
		{ STANZA_PRESENCE, "chat", TYPE_NONE },
		{ STANZA_IQ, "get", TYPE_GET },
		{ STANZA_IQ, "set", TYPE_SET },
		{ STANZA_IQ, "result", TYPE_RESULT },
		{ STANZA_IQ, "error", TYPE_ERROR },
		{ STANZA_IQ, NULL, TYPE_NONE },
		{ STANZA_IQ, "", TYPE_NONE },
		{ STANZA_IQ, "normal", TYPE_NONE },
		{ STANZA_IQ, "Get", TYPE_NONE },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		enum stanza_type type = TYPE_NONE;

		assert_int_equal(stanza_type_read(&type, rows[i].kind, rows[i].text),
				 rows[i].type != TYPE_NONE);
		assert_int_equal(type, rows[i].type);
	}
}

static void
types_have_the_names_they_are_read_by(void **state)
{
	(void)state;
	assert_null(stanza_type_name(TYPE_NONE));
	assert_null(stanza_type_name(TYPE_AVAILABLE));
	for (int i = TYPE_NORMAL; i < STANZA_TYPES; i++) {
		bool known = false;

		for (int k = STANZA_MESSAGE; k <= STANZA_IQ; k++) {
			enum stanza_type type;

			known |= stanza_type_read(&type, (enum stanza_kind)k,
						  stanza_type_name((enum stanza_type)i)) &&
				 (int)type == i;
		}
		assert_true(known);
	}
}

static void
a_reply_goes_back_with_the_same_id(void **state)
{
	struct arena *another = arena_new();
	struct element *request =
		parsed(another, "<iq xmlns='jabber:client' type='get' id='1' from='a@b/c' "
				"to='d' xml:lang='de'><query xmlns='x'/></iq>");
	struct element *reply = stanza_reply(*state, request, "result");

	arena_drop(another); /* a reply shares nothing with what it answers */
	assert_string_equal(xml_text(*state, reply, NS_CLIENT),
			    "<iq type='result' id='1' from='d' to='a@b/c'/>");
	reply = stanza_reply(*state, parsed(*state, "<message xmlns='jabber:server'/>"), NULL);
	assert_string_equal(xml_text(*state, reply, NS_SERVER), "<message/>");
}

static void
an_error_reply_names_the_error(void **state)
{
	struct element *request =
		parsed(*state, "<message xmlns='jabber:client' type='chat' from='a' to='b' "
			       "id='7'><body>x</body></message>");

	assert_string_equal(xml_text(*state,
				     stanza_error_reply(*state, request, SERVICE_UNAVAILABLE, NULL,
							NULL),
				     NS_CLIENT),
			    "<message type='error' id='7' from='b' to='a'><error type='cancel'>"
			    "<service-unavailable "
			    "xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>");
	assert_string_equal(
		xml_text(*state,
			 stanza_error_reply(*state, request, SERVICE_UNAVAILABLE, "wait", "later"),
			 NS_CLIENT),
		"<message type='error' id='7' from='b' to='a'><error type='wait'>"
		"<service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>"
		"<text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas' xml:lang='en'>later</text>"
		"</error></message>");
}

static void
errors_and_results_are_never_answered(void **state)
{
	static const char *const never[] = {
		"<message xmlns='jabber:client' type='error'/>",
		"<presence xmlns='jabber:client' type='error'/>",
		"<iq xmlns='jabber:client' type='error'/>",
		"<iq xmlns='jabber:server' type='result'/>",
	};

	for (size_t i = 0; i < COUNT(never); i++)
		assert_null(stanza_error_reply(*state, parsed(*state, never[i]), BAD_REQUEST, NULL,
					       NULL));
	assert_non_null(stanza_error_reply(*state,
					   parsed(*state, "<message xmlns='jabber:client' "
							  "type='result'/>"),
					   BAD_REQUEST, NULL, NULL));
	assert_non_null(
		stanza_error_reply(*state,
				   parsed(*state, "<iq xmlns='jabber:client' type='bogus'/>"),
				   BAD_REQUEST, NULL, NULL));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(three_names_in_three_namespaces_are_stanzas),
		TEST(types_are_read_for_their_kind),
		TEST(types_have_the_names_they_are_read_by),
		TEST(a_reply_goes_back_with_the_same_id),
		TEST(an_error_reply_names_the_error),
		TEST(errors_and_results_are_never_answered),
	};

	return cmocka_run_group_tests_name("xmpp/stanza", tests, NULL, NULL);
}
