/* SPDX-License-Identifier: MIT */
/* Addresses: what is taken, what it becomes, and what is refused. */
#include "xmpp/jid.h"
#include "base/table.h"
#include <stdlib.h>

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

/* What `text` becomes, and that it stays so. */
static void
becomes(struct arena *arena, const char *text, const char *full)
{
	struct jid jid, again;
	struct err err = { 0 };

	if (!jid_parse(&jid, arena, text, &err))
		fail_msg("\"%s\" was refused: %s", text, err.text);
	assert_string_equal(jid.full, full);
	assert_true(jid_parse(&again, arena, jid.full, NULL));
	assert_true(jid_equal(&jid, &again));
	assert_true(jid_equal_bare(&jid, &again));
	assert_true(jid_parse(&again, arena, jid.bare, NULL));
	assert_string_equal(again.full, jid.bare);
}

static enum err_kind
refused(struct arena *arena, const char *text)
{
	struct jid jid = { .full = "untouched" };
	struct err err = { 0 };

	if (jid_parse(&jid, arena, text, &err))
		fail_msg("\"%s\" passed as \"%s\"", text, jid.full);
	assert_string_equal(jid.full, "untouched");
	assert_true(strlen(err.text) > 0);
	assert_false(jid_parse(&jid, arena, text, NULL));
	return err.kind;
}

static const char *
repeated(struct arena *arena, const char *text, size_t times, const char *behind)
{
	size_t length = strlen(text);
	char *out = arena_bytes(arena, length * times + strlen(behind) + 1);

	for (size_t i = 0; i < times; i++)
		memcpy(out + i * length, text, length);
	strcpy(out + length * times, behind);
	return out;
}

static void
a_resource_may_hold_slashes(void **state)
{
	struct jid jid;

	assert_true(jid_parse(&jid, *state, "juliet@capulet.example/balcony/west", NULL));
	assert_string_equal(jid.local, "juliet");
	assert_string_equal(jid.domain, "capulet.example");
	assert_string_equal(jid.resource, "balcony/west");
	assert_string_equal(jid.bare, "juliet@capulet.example");
	assert_string_equal(jid.full, "juliet@capulet.example/balcony/west");
}

static void
a_resource_may_hold_at_signs(void **state)
{
	struct jid jid;

	assert_true(jid_parse(&jid, *state, "capulet.example/a@b/c@d", NULL));
	assert_null(jid.local);
	assert_string_equal(jid.domain, "capulet.example");
	assert_string_equal(jid.resource, "a@b/c@d");
}

static void
an_empty_local_part_is_refused_with_a_reason(void **state)
{
	struct err err;
	struct jid jid;

	assert_false(jid_parse(&jid, *state, "@capulet.example", &err));
	assert_int_equal(err.kind, ERR_SYNTAX);
	assert_string_equal(err.text, "nothing before the \"@\"");
}

static void
a_domain_alone_is_an_address(void **state)
{
	struct jid jid;

	assert_true(jid_parse(&jid, *state, "capulet.example", NULL));
	assert_null(jid.local);
	assert_null(jid.resource);
	assert_ptr_equal(jid.full, jid.bare);
	assert_ptr_equal(jid.domain, jid.bare);
}

static void
local_part_and_domain_become_small_and_the_resource_stays(void **state)
{
	becomes(*state, "JULIET@Capulet.EXAMPLE/Balcony", "juliet@capulet.example/Balcony");
	becomes(*state, "\xc3\x9cnal@x.example/\xc3\x9cnal", "\xc3\xbcnal@x.example/\xc3\x9cnal");
}

static void
a_trailing_dot_is_nobodys_business(void **state)
{
	becomes(*state, "juliet@capulet.example.", "juliet@capulet.example");
	becomes(*state, "juliet@capulet.example./x", "juliet@capulet.example/x");
	assert_int_equal(refused(*state, "juliet@capulet.example.."), ERR_SYNTAX);
	assert_int_equal(refused(*state, "juliet@."), ERR_SYNTAX);
	assert_int_equal(refused(*state, "."), ERR_SYNTAX);
}

static void
what_is_not_an_address_is_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"/",
		"@",
		"@/",
		"juliet@",
		"juliet@/x",
		"/x",
		"capulet.example/",
		"a@b@c",
		"a@b@c/d",
		"a b@c",
		" a@c",
		"a@b c",
		"a\"b@c",
		"a&b@c",
		"a'b@c",
		"a:b@c",
		"a<b@c",
		"a>b@c",
		"a\tb@c",
		"a\x7f@c",
		"a@b/x\x01",
		"a@b/x\ny",
		"a@b/\x7f",
		"a@-b",
		"a@b-",
		"a@b-.c",
		"a@b.-c",
		"a@.b",
		"a@b..c",
		"a@b_c",
		"a@b:5222",
		"a@*",
		"a@b\\c",
		"a@b%c",
		/* not UTF-8: a lone byte, overlong, a surrogate, beyond, cut off */
		"\xff@b",
		"a@\xff",
		"a@b/\xff",
		"\xc0\xaf@b",
		"a@b/\xed\xa0\x80",
		"a@b/\xf4\x90\x80\x80",
		"\xc3@b",
		"a@\xc3",
		"a@b/\xe2\x82",
		/* nothing is left: a soft hyphen */
		"\xc2\xad@b",
		"a@\xc2\xad",
		"a@b/\xc2\xad",
		/* becomes a forbidden one: fullwidth @ and /, small less-than */
		"a\xef\xbc\xa0@b",
		"a\xef\xbc\x8f@b",
		"a\xef\xb9\xa4@b",
		/* spaces and controls of other scripts */
		"a\xe3\x80\x80@b",
		"a\xe2\x80\xa8@b",
		"a@b/\xc2\x85",
		"a@b/\xef\xbf\xbd",
		/* private use, not a character, unassigned in Unicode 3.2 */
		"a@b/\xee\x80\x80",
		"a@b/\xef\xbf\xbe",
		"\xf0\x9f\xa6\x8a@b",
		"a@b/\xc8\xa1",
		/* right to left and left to right mixed */
		"\xd7\x90"
		"a@b",
		"a@b/\xd7\x90"
		"1",
	};

	for (size_t i = 0; i < COUNT(bad); i++)
		refused(*state, bad[i]);
}

static void
what_looks_odd_and_is_an_address_is_taken(void **state)
{
	static const char *const good[] = {
		"!#$%()*+,-.;=?[\\]^_`{|}~@b",
		"a@b/ ",
		"a@b/ x  y ",
		"a@b/\"&':<>@/",
		"1@2",
		"a@1.2.3.4",
		"a@999.1",
		"a@b--c.d",
		"a@0-0",
		"a@b/\xe2\x82\xac",
		"\xcf\x80@example.com",
		"a@b/\xe2\x99\x9a",
		"\xd7\x90@b/\xd7\x90",
		"d\\27artagnan@musketeers.example",
	};

	for (size_t i = 0; i < COUNT(good); i++)
		becomes(*state, good[i], good[i]);
}

static void
other_letters_are_folded_and_composed(void **state)
{
	becomes(*state,
		"Stra\xc3\x9f"
		"e@b",
		"strasse@b");
	becomes(*state, "\xef\xac\x83@b", "ffi@b");   /* a ligature */
	becomes(*state, "\xce\xa3@b", "\xcf\x83@b");  /* Sigma */
	becomes(*state, "u\xcc\x88@b", "\xc3\xbc@b"); /* u and its dots */
	becomes(*state, "a@b/u\xcc\x88", "a@b/\xc3\xbc");
	becomes(*state, "a@b/\xe2\x85\xa8", "a@b/IX");  /* Roman nine */
	becomes(*state, "a@b/\xe2\x84\x80", "a@b/a/c"); /* account of */
}

static void
a_part_has_at_most_1023_bytes(void **state)
{
	const char *label = "abcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabc";

	becomes(*state, repeated(*state, "a", 1023, "@b"), repeated(*state, "a", 1023, "@b"));
	assert_int_equal(refused(*state, repeated(*state, "a", 1024, "@b")), ERR_LIMIT);
	becomes(*state, repeated(*state, "\xc3\xa4", 511, "@b"),
		repeated(*state, "\xc3\xa4", 511, "@b"));
	assert_int_equal(refused(*state, repeated(*state, "\xc3\xa4", 512, "@b")), ERR_LIMIT);
	/* one character that becomes five */
	assert_int_equal(refused(*state, repeated(*state, "\xe3\x8c\x80", 300, "@b")), ERR_LIMIT);
	assert_int_equal(refused(*state,
				 arena_format(*state, "b/%s", repeated(*state, "a", 1024, ""))),
			 ERR_LIMIT);
	becomes(*state, arena_format(*state, "b/%s", repeated(*state, "a", 1023, "")),
		arena_format(*state, "b/%s", repeated(*state, "a", 1023, "")));

	becomes(*state, label, label);
	assert_int_equal(refused(*state, arena_format(*state, "%sd", label)), ERR_LIMIT);
	becomes(*state, repeated(*state, "a.", 511, "a"), repeated(*state, "a.", 511, "a"));
	assert_int_equal(refused(*state, repeated(*state, "a.", 512, "a")), ERR_LIMIT);
}

static void
all_three_parts_may_be_as_long_as_they_may(void **state)
{
	const char *local = repeated(*state, "l", 1023, ""),
		   *resource = repeated(*state, "r", 1023, "");
	const char *domain = repeated(*state, "d.", 511, "d");
	struct jid jid;

	assert_true(jid_make(&jid, *state, local, domain, resource, NULL));
	assert_int_equal(strlen(jid.full), 3 * 1023 + 2);
	assert_string_equal(jid.local, local);
	assert_string_equal(jid.domain, domain);
	assert_string_equal(jid.resource, resource);
}

static void
international_names_become_unicode(void **state)
{
	becomes(*state,
		"B\xc3\x9c"
		"cher.Example",
		"b\xc3\xbc"
		"cher.example");
	becomes(*state, "xn--bcher-kva.example",
		"b\xc3\xbc"
		"cher.example");
	becomes(*state, "XN--BCHER-KVA.example",
		"b\xc3\xbc"
		"cher.example");
	becomes(*state,
		"a.b\xc3\xbc"
		"cher.example.",
		"a.b\xc3\xbc"
		"cher.example");
	becomes(*state,
		"bu\xcc\x88"
		"cher.example",
		"b\xc3\xbc"
		"cher.example");
	becomes(*state, "fa\xc3\x9f.de", "fa\xc3\x9f.de"); /* IDNA2008 keeps it */
	becomes(*state, "xn--fa-hia.de", "fa\xc3\x9f.de");
	becomes(*state, "x\xe3\x80\x82y", "x.y"); /* an ideographic full stop */
	becomes(*state, "x\xe3\x80\x82", "x");
	becomes(*state, "\xef\xbd\x98.\xef\xbc\x91", "x.1"); /* fullwidth */
}

static void
false_international_names_are_refused(void **state)
{
	static const char *const bad[] = {
		"xn--abc.example",
		"xn--a",
		"xn--",
		"xn--.de",
		"xn--a-.de",
		"a.xn--0.de",
		"xn--\xc3\xbc.de",
		"\xe2\x98\x95.example",
		"a\xe2\x80\xa6"
		"b",
		"\xe3\x80\x82",
		"-b\xc3\xbc.de",
		"b\xc3\xbc-.de",
		"b\xc3\xbc..de",
		"b\xc3\xbc_a.de",
		"b\xc3\xbc a.de",
		"1\xd7\x90.example",
		"\xcc\x88"
		"a.de",
		"xn--bcher-kva-.de",
	};

	for (size_t i = 0; i < COUNT(bad); i++)
		refused(*state, bad[i]);
	refused(*state, repeated(*state, "\xc3\xbc", 70, ".de"));
}

static void
addresses_of_machines_are_domains(void **state)
{
	becomes(*state, "127.0.0.1", "127.0.0.1");
	becomes(*state, "a@[::1]/x", "a@[::1]/x");
	becomes(*state, "[0:0:0:0:0:0:0:1]", "[::1]");
	becomes(*state, "[2001:DB8::A]", "[2001:db8::a]");
	becomes(*state, "[::FFFF:192.0.2.1]", "[::ffff:192.0.2.1]");
	for (const char *const *bad =
		     (const char *const[]) { "[", "[]", "[::1", "::1", "[::1]x", "[::1].",
					     "[fe80::1%eth0]", "[1.2.3.4]", "[:]", "]",
					     "[1:2:3:4:5:6:7:8:9]", "x[::1]", NULL };
	     *bad != NULL; bad++)
		refused(*state, *bad);
}

static void
parts_make_an_address(void **state)
{
	struct jid jid;
	struct err err = { 0 };

	assert_true(jid_make(&jid, *state, "Juliet", "Capulet.example", "x/y@z", NULL));
	assert_string_equal(jid.full, "juliet@capulet.example/x/y@z");
	assert_true(jid_make(&jid, *state, NULL, "capulet.example", NULL, NULL));
	assert_string_equal(jid.full, "capulet.example");
	assert_true(jid_make(&jid, *state, NULL, "capulet.example", "x", NULL));
	assert_string_equal(jid.full, "capulet.example/x");
	assert_false(jid_make(&jid, *state, "", "capulet.example", NULL, &err));
	assert_false(jid_make(&jid, *state, "a@b", "capulet.example", NULL, NULL));
	assert_false(jid_make(&jid, *state, "a/b", "capulet.example", NULL, NULL));
	assert_false(jid_make(&jid, *state, "a", "capulet.example/b", NULL, NULL));
	assert_false(jid_make(&jid, *state, "a", "", NULL, NULL));
	assert_false(jid_make(&jid, *state, "a", "b", "", NULL));
}

static void
joined_copied_and_owned_addresses_are_equal(void **state)
{
	struct jid parsed, joined, copied, bare, other, *owned;

	assert_true(jid_parse(&parsed, *state, "juliet@capulet.example/balcony", NULL));
	jid_join(&joined, *state, "juliet", "capulet.example", "balcony");
	jid_copy(&copied, *state, &parsed);
	owned = jid_own(&parsed);
	assert_true(jid_equal(&parsed, &joined));
	assert_true(jid_equal(&parsed, &copied));
	assert_true(jid_equal(&parsed, owned));
	assert_ptr_not_equal(parsed.full, copied.full);
	assert_ptr_not_equal(parsed.full, owned->full);
	assert_string_equal(owned->local, "juliet");
	assert_string_equal(owned->resource, "balcony");

	bare = jid_bare(owned);
	assert_null(bare.resource);
	assert_string_equal(bare.full, "juliet@capulet.example");
	assert_ptr_equal(bare.bare, owned->bare);
	assert_false(jid_equal(&bare, owned));
	assert_true(jid_equal_bare(&bare, owned));
	assert_true(jid_parse(&other, *state, "capulet.example/balcony", NULL));
	assert_false(jid_equal_bare(&other, owned));
	free(owned);

	owned = jid_own(&other);
	assert_null(owned->local);
	assert_string_equal(owned->domain, "capulet.example");
	assert_string_equal(owned->full, "capulet.example/balcony");
	free(owned);
}

static void
a_home_is_named_by_the_bare_address(void **state)
{
	struct jid full, bare, other;

	assert_true(jid_parse(&full, *state, "juliet@capulet.example/balcony", NULL));
	assert_true(jid_parse(&bare, *state, "JULIET@capulet.example", NULL));
	assert_true(jid_parse(&other, *state, "romeo@capulet.example", NULL));
	assert_true(jid_home_hash(&full) == jid_home_hash(&bare));
	assert_true(jid_home_hash(&full) == hash_stable("juliet@capulet.example", 22));
	assert_true(jid_home_hash(&full) != jid_home_hash(&other));
}

static void
single_parts_are_prepared(void **state)
{
	struct err err = { 0 };

	assert_string_equal(jid_prepare_local(*state, "Juliet", NULL), "juliet");
	assert_string_equal(jid_prepare_domain(*state, "Capulet.Example.", NULL),
			    "capulet.example");
	assert_string_equal(jid_prepare_resource(*state, "Balcony/@", NULL), "Balcony/@");
	assert_null(jid_prepare_local(*state, "a@b", &err));
	assert_int_equal(err.kind, ERR_SYNTAX);
	assert_string_equal(err.text, "'@' is not allowed before the \"@\"");
	assert_null(jid_prepare_local(*state, "", NULL));
	assert_null(jid_prepare_domain(*state, "", NULL));
	assert_null(jid_prepare_resource(*state, "", NULL));
	assert_null(jid_prepare_resource(*state, "a\nb", NULL));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_resource_may_hold_slashes),
		TEST(a_resource_may_hold_at_signs),
		TEST(an_empty_local_part_is_refused_with_a_reason),
		TEST(a_domain_alone_is_an_address),
		TEST(local_part_and_domain_become_small_and_the_resource_stays),
		TEST(a_trailing_dot_is_nobodys_business),
		TEST(what_is_not_an_address_is_refused),
		TEST(what_looks_odd_and_is_an_address_is_taken),
		TEST(other_letters_are_folded_and_composed),
		TEST(a_part_has_at_most_1023_bytes),
		TEST(all_three_parts_may_be_as_long_as_they_may),
		TEST(international_names_become_unicode),
		TEST(false_international_names_are_refused),
		TEST(addresses_of_machines_are_domains),
		TEST(parts_make_an_address),
		TEST(joined_copied_and_owned_addresses_are_equal),
		TEST(a_home_is_named_by_the_bare_address),
		TEST(single_parts_are_prepared),
	};

	return cmocka_run_group_tests_name("xmpp/jid", tests, NULL, NULL);
}
