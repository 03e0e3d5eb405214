/* SPDX-License-Identifier: MIT */
/* The verification string: the examples of XEP-0115, and what is ill-formed. */
#include "xmpp/caps.h"
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

static struct element *
info(struct arena *arena, const char *inside)
{
	return parsed(arena,
		      arena_format(arena,
				   "<query "
				   "xmlns='http://jabber.org/protocol/disco#info'>%s</query>",
				   inside));
}

#define FEATURES                                                  \
	"<feature var='http://jabber.org/protocol/disco#info'/>"  \
	"<feature var='http://jabber.org/protocol/muc'/>"         \
	"<feature var='http://jabber.org/protocol/disco#items'/>" \
	"<feature var='http://jabber.org/protocol/caps'/>"

#define FORM                                                                          \
	"<x xmlns='jabber:x:data' type='result'>"                                     \
	"<field var='os_version'><value>10.5.1</value></field>"                       \
	"<field var='ip_version'><value>ipv6</value><value>ipv4</value></field>"      \
	"<field var='FORM_TYPE' type='hidden'><value>urn:xmpp:dataforms:softwareinfo" \
	"</value></field><field var='software'><value>Psi</value></field>"            \
	"<field var='os'><value>Mac</value></field>"                                  \
	"<field var='software_version'><value>0.11</value></field></x>"

#define PSI                                                                     \
	"<identity xml:lang='en' category='client' name='Psi 0.11' type='pc'/>" \
	"<identity xml:lang='el' category='client' name='\xce\xa8 0.11' type='pc'/>"

static void
the_examples_of_the_xep_give_its_strings(void **state)
{
	assert_string_equal(caps_ver(*state,
				     info(*state, "<identity category='client' name='Exodus 0.9.1' "
						  "type='pc'/>" FEATURES),
				     "sha-1", NULL),
			    "QgayPKawpkPSDYmwT/WM94uAlu0=");
	assert_string_equal(caps_ver(*state, info(*state, FORM PSI FEATURES), "sha-1", NULL),
			    "q07IKJEyjvHSyhy//CH0CxmKi8w=");
}

static void
the_order_of_what_comes_does_not_matter(void **state)
{
	const char *a =
		caps_ver(*state, info(*state, PSI FEATURES "<feature var='a'/>"), "sha-256", NULL);

	assert_non_null(a);
	assert_string_equal(caps_ver(*state, info(*state, "<feature var='a'/>" FEATURES PSI),
				     "sha-256", NULL),
			    a);
	assert_string_not_equal(caps_ver(*state, info(*state, FEATURES PSI), "sha-256", NULL), a);
}

#define TWO_TYPES                                                                        \
	"<x xmlns='jabber:x:data'><field var='FORM_TYPE' type='hidden'><value>a</value>" \
	"<value>b</value></field></x>"

static void
what_is_there_twice_is_ill_formed(void **state)
{
	static const char *const bad[] = {
		PSI PSI,
		FEATURES "<feature var='http://jabber.org/protocol/muc'/>",
		FORM FORM,
		TWO_TYPES,
		"<identity category='a' type='b'/><identity category='a' type='b' name=''/>",
	};

	for (size_t i = 0; i < COUNT(bad); i++) {
		struct err err = { 0 };

		assert_null(caps_ver(*state, info(*state, bad[i]), "sha-1", &err));
		assert_int_equal(err.kind, ERR_SYNTAX);
	}
	assert_non_null(
		caps_ver(*state,
			 info(*state,
			      "<x xmlns='jabber:x:data'><field var='FORM_TYPE' type='hidden'>"
			      "<value>a</value><value>a</value></field></x>"),
			 "sha-1", NULL));
}

static void
forms_without_a_hidden_type_do_not_count(void **state)
{
	const char *without = caps_ver(*state, info(*state, PSI), "sha-1", NULL);

	assert_string_equal(caps_ver(*state,
				     info(*state,
					  PSI "<x xmlns='jabber:x:data'><field var='FORM_TYPE'>"
					      "<value>a</value></field></x>"
					      "<x xmlns='jabber:x:data'><field var='b'/></x>"
					      "<x xmlns='urn:other'/>"),
				     "sha-1", NULL),
			    without);
	assert_string_not_equal(caps_ver(*state, info(*state, PSI FORM), "sha-1", NULL), without);
}

static void
a_name_cannot_pretend_to_be_two(void **state)
{
	const char *two = caps_ver(*state, info(*state, "<feature var='a'/><feature var='b'/>"),
				   "sha-1", NULL);
	const char *one = caps_ver(*state, info(*state, "<feature var='a&lt;b'/>"), "sha-1", NULL);

	assert_string_not_equal(one, two);
	one = caps_ver(*state, info(*state, "<feature var='a&lt;'/><feature var='b'/>"), "sha-1",
		       NULL);
	assert_string_not_equal(one, two);
}

static void
nothing_has_a_string_too(void **state)
{
	assert_string_equal(caps_ver(*state, info(*state, ""), "sha-1", NULL),
			    "2jmj7l5rSw0yVb/vlWAYkK/YBwk=");
	assert_non_null(
		caps_ver(*state, info(*state, "<feature/><identity/>text"), "sha-512", NULL));
}

static void
a_promise_is_kept_or_not(void **state)
{
	struct element *presence =
		parsed(*state,
		       "<presence xmlns='jabber:client'><c xmlns='http://jabber.org/protocol/caps' "
		       "hash='sha-1' node='http://psi-im.org' ver='q07IKJEyjvHSyhy//CH0CxmKi8w='/>"
		       "</presence>");
	struct caps caps;
	struct err err = { 0 };

	assert_true(caps_read(&caps, presence));
	assert_string_equal(caps.node, "http://psi-im.org");
	assert_true(caps_verify(*state, &caps, info(*state, FORM PSI FEATURES), NULL));
	assert_false(caps_verify(*state, &caps, info(*state, PSI FEATURES), &err));
	assert_int_equal(err.kind, ERR_REFUSED);
	assert_false(caps_verify(*state, &caps, info(*state, FORM PSI PSI FEATURES), &err));
	assert_int_equal(err.kind, ERR_SYNTAX);
	caps.hash = "md5";
	assert_false(caps_knows(caps.hash));
	assert_true(caps_knows("sha-1"));
	assert_false(caps_verify(*state, &caps, info(*state, FORM PSI FEATURES), &err));
	assert_int_equal(err.kind, ERR_ABSENT);
}

static void
our_own_caps_can_be_read(void **state)
{
	struct element *presence = element_new(*state, "jabber:client", "presence");
	struct caps caps;

	assert_false(caps_read(&caps, presence));
	element_put(presence, caps_element(*state, "https://stentor.example", "abc="));
	assert_true(caps_read(&caps, presence));
	assert_string_equal(caps.hash, "sha-1");
	assert_string_equal(caps.ver, "abc=");
	assert_false(caps_read(&caps,
			       parsed(*state, "<presence xmlns='jabber:client'>"
					      "<c xmlns='http://jabber.org/protocol/caps' node='a' "
					      "ver='b'/></presence>")));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_examples_of_the_xep_give_its_strings),
		TEST(the_order_of_what_comes_does_not_matter),
		TEST(what_is_there_twice_is_ill_formed),
		TEST(forms_without_a_hidden_type_do_not_count),
		TEST(a_name_cannot_pretend_to_be_two),
		TEST(nothing_has_a_string_too),
		TEST(a_promise_is_kept_or_not),
		TEST(our_own_caps_can_be_read),
	};

	return cmocka_run_group_tests_name("xmpp/caps", tests, NULL, NULL);
}
