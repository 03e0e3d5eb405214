/* SPDX-License-Identifier: MIT */
#include "xmpp/carbon.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "xml/parser.h"
#include "xml/writer.h"
#include "xmpp/ns.h"

static struct element *
parse(struct arena *arena, const char *text)
{
	struct element *element = element_parse(arena, text, strlen(text), NULL);

	assert_non_null(element);
	return element;
}

static void
a_copy_is_wrapped_and_found_again(void **state)
{
	struct arena *arena = arena_new();
	struct element *message =
		parse(arena,
		      "<message xmlns='jabber:client' type='chat' id='a'><body>x</body></message>");
	struct element *copy = carbon_wrap(arena, CARBON_SENT, "juliet@capulet.example", message);

	(void)state;
	assert_string_equal(
		xml_text(arena, copy, NS_CLIENT),
		"<message from='juliet@capulet.example' type='chat'>"
		"<sent xmlns='urn:xmpp:carbons:2'><forwarded xmlns='urn:xmpp:forward:0'>"
		"<message xmlns='jabber:client' type='chat' id='a'><body>x</body></message>"
		"</forwarded></sent></message>");
	assert_int_equal(carbon_of(copy), CARBON_SENT);
	assert_ptr_equal(carbon_message(copy), message);
	assert_int_equal(carbon_of(message), CARBON_NONE);
	assert_null(carbon_message(message));
	arena_drop(arena);
}

static void
what_only_looks_like_a_copy_has_nothing_in_it(void **state)
{
	struct arena *arena = arena_new();
	const struct element *copy;

	(void)state;
	copy = parse(arena, "<message xmlns='jabber:client'>"
			    "<received xmlns='urn:xmpp:carbons:2'/></message>");
	assert_int_equal(carbon_of(copy), CARBON_RECEIVED);
	assert_null(carbon_message(copy));
	copy = parse(arena,
		     "<message xmlns='jabber:client'>"
		     "<received xmlns='urn:xmpp:carbons:2'><forwarded xmlns='urn:xmpp:forward:0'"
		     "/></received></message>");
	assert_null(carbon_message(copy));
	copy = parse(arena, "<message xmlns='jabber:client'>"
			    "<private xmlns='urn:xmpp:carbons:2'/></message>");
	assert_int_equal(carbon_of(copy), CARBON_NONE);
	arena_drop(arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_copy_is_wrapped_and_found_again),
		cmocka_unit_test(what_only_looks_like_a_copy_has_nothing_in_it),
	};

	return cmocka_run_group_tests_name("xmpp/carbon", tests, NULL, NULL);
}
