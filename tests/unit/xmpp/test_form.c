/* SPDX-License-Identifier: MIT */
/* Forms: made, read, and checked against a table. */
#include "xmpp/form.h"
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

static const struct form_option colours[] = { { "red", "Red" }, { "blue", NULL }, { NULL, NULL } };

static const struct form_field fields[] = {
	{ .var = "name", .label = "Your name", .required = true, .bytes = 8 },
	{ .var = "bot", .type = FIELD_BOOLEAN, .value = "0" },
	{ .var = "age", .data = DATA_NUMBER, .min = 1, .max = 150 },
	{ .var = "any", .data = DATA_NUMBER },
	{ .var = "since", .data = DATA_TIME },
	{ .var = "colour", .type = FIELD_LIST, .options = colours },
	{ .var = "colours", .type = FIELD_LIST_MULTI, .options = colours },
	{ .var = "owner", .type = FIELD_JID },
	{ .var = "admins", .type = FIELD_JID_MULTI },
	{ .var = "motto", .type = FIELD_TEXT_MULTI },
	{ .var = "secret", .type = FIELD_PRIVATE },
	{ .var = "free", .type = FIELD_LIST },
};

static struct element *
submitted(struct arena *arena, const char *inside)
{
	return parsed(arena,
		      arena_format(arena, "<x xmlns='jabber:x:data' type='submit'>%s</x>", inside));
}

#define NAME              "<field var='name'><value>juliet</value></field>"
#define FIELD(var, value) "<field var='" var "'><value>" value "</value></field>"

static enum err_kind
checked(struct arena *arena, const char *inside, unsigned flags)
{
	struct err err = { 0 };
	bool good = form_check(arena, submitted(arena, inside), "urn:form", fields, COUNT(fields),
			       flags, &err);

	assert_true(good == (err.kind == ERR_NONE));
	assert_true(good == form_check(arena, submitted(arena, inside), "urn:form", fields,
				       COUNT(fields), flags, NULL));
	return err.kind;
}

static void
a_form_is_offered_as_it_is_declared(void **state)
{
	struct element *form = form_new(*state, "form", "urn:form");

	form_offer(*state, form, fields, 2);
	form_add_field(*state, form, &fields[5], "blue");
	assert_string_equal(xml_text(*state, form, NULL),
			    "<x xmlns='jabber:x:data' type='form'>"
			    "<field var='FORM_TYPE' type='hidden'><value>urn:form</value></field>"
			    "<field var='name' type='text-single' label='Your "
			    "name'><required/></field>"
			    "<field var='bot' type='boolean'><value>0</value></field>"
			    "<field var='colour' type='list-single'><value>blue</value>"
			    "<option label='Red'><value>red</value></option>"
			    "<option><value>blue</value></option></field></x>");
}

static void
a_result_has_plain_fields(void **state)
{
	struct element *form = form_new(*state, "result", NULL);
	struct element *field = form_add(*state, form, "a", NULL, NULL, "1");

	form_add_value(*state, field, "2");
	form_add(*state, form, "b", NULL, NULL, NULL);
	assert_string_equal(xml_text(*state, form, NULL),
			    "<x xmlns='jabber:x:data' type='result'><field var='a'><value>1</value>"
			    "<value>2</value></field><field var='b'/></x>");
	assert_true(form_is(form, "result"));
	assert_false(form_is(form, "submit"));
	assert_null(form_type(*state, form));
}

static void
fields_are_read(void **state)
{
	struct element *form =
		submitted(*state, FIELD("FORM_TYPE", "urn:form")
					  FIELD("a", "x&amp;y") "<field var='b'/>"
								"<field var='c'><value>1</value> "
								"<desc/><value/><value>3</value>"
								"</field><field><value>nameless</"
								"value></field>");
	const char *const *values = form_values(*state, form, "c");

	assert_string_equal(form_type(*state, form), "urn:form");
	assert_string_equal(form_get(*state, form, "a"), "x&y");
	assert_string_equal(form_get(*state, form, "b"), "");
	assert_null(form_get(*state, form, "d"));
	assert_string_equal(form_get(*state, form, "c"), "1");
	assert_string_equal(values[0], "1");
	assert_string_equal(values[1], "");
	assert_string_equal(values[2], "3");
	assert_null(values[3]);
	assert_null(form_values(*state, form, "b")[0]);
	assert_null(form_values(*state, form, "d"));
}

static void
a_form_is_found_below_its_parent(void **state)
{
	struct element *query = element_new(*state, "urn:q", "query");

	assert_null(form_find(query));
	element_add(*state, query, "urn:q", "x");
	assert_null(form_find(query));
	element_put(query, form_new(*state, "form", NULL));
	assert_true(form_is(form_find(query), "form"));
}

static void
truths_and_numbers_are_read_or_left_alone(void **state)
{
	struct element *form =
		submitted(*state,
			  FIELD("t", "true") FIELD("f", "0") FIELD("n", "-42")
				  FIELD("big", "99999999999999999999") FIELD("text", "TRUE")
					  FIELD("empty", "")
						  FIELD("long",
							"000000000000000000000000000000000001"));
	bool truth = false;
	int64_t number = 5;

	assert_true(form_get_bool(&truth, form, "t"));
	assert_true(truth);
	assert_true(form_get_bool(&truth, form, "f"));
	assert_false(truth);
	truth = true;
	assert_false(form_get_bool(&truth, form, "text"));
	assert_false(form_get_bool(&truth, form, "empty"));
	assert_false(form_get_bool(&truth, form, "none"));
	assert_false(form_get_bool(&truth, form, "long"));
	assert_true(truth);
	assert_true(form_get_number(&number, form, "n"));
	assert_int_equal(number, -42);
	assert_false(form_get_number(&number, form, "big"));
	assert_false(form_get_number(&number, form, "text"));
	assert_false(form_get_number(&number, form, "empty"));
	assert_false(form_get_number(&number, form, "long"));
	assert_int_equal(number, -42);
}

static void
a_submission_that_keeps_to_the_table_passes(void **state)
{
	static const char *const good[] = {
		NAME,
		NAME FIELD("FORM_TYPE", "urn:form"),
		NAME FIELD("bot", "1") FIELD("age", "150") FIELD("any", "-9"),
		NAME FIELD("age", "") "<field var='bot'/>",
		NAME FIELD("since", "2002-09-10T23:08:25Z") FIELD("colour", "red")
			FIELD("free", "green"),
		NAME "<field var='colours'><value>red</value><value>blue</value></field>",
		NAME FIELD("owner",
			   "a@b/c") "<field "
				    "var='admins'><value>a@b</value><value>c@d</value></field>",
		NAME "<field var='motto'><value>a</value><value/><value>b</value></field>",
		NAME "<field><value>x</value></field><title>t</title>text",
	};

	for (size_t i = 0; i < COUNT(good); i++) {
		assert_int_equal(checked(*state, good[i], FORM_STRICT), ERR_NONE);
		assert_int_equal(checked(*state, good[i], 0), ERR_NONE);
	}
}

static void
a_submission_that_does_not_is_refused_with_its_kind(void **state)
{
	static const struct {
		const char *inside;
		enum err_kind kind;
	} rows[] = {
		{ "", ERR_ABSENT },
		{ FIELD("name", ""), ERR_ABSENT },
		{ "<field var='name'/>", ERR_ABSENT },
		{ FIELD("name", "nine chars"), ERR_LIMIT },
		{ NAME NAME, ERR_SYNTAX },
		{ "<field var='name'><value>a</value><value>b</value></field>", ERR_SYNTAX },
		{ NAME FIELD("bot", "yes"), ERR_SYNTAX },
		{ NAME FIELD("age", "0"), ERR_LIMIT },
		{ NAME FIELD("age", "151"), ERR_LIMIT },
		{ NAME FIELD("age", "1e1"), ERR_SYNTAX },
		{ NAME FIELD("any", "99999999999999999999"), ERR_SYNTAX },
		{ NAME FIELD("since", "now"), ERR_SYNTAX },
		{ NAME FIELD("colour", "Red"), ERR_LIMIT },
		{ NAME "<field var='colours'><value>red</value><value>green</value></field>",
		  ERR_LIMIT },
		{ NAME FIELD("owner", "@b"), ERR_SYNTAX },
		{ NAME "<field var='admins'><value>a@b</value><value>a b@c</value></field>",
		  ERR_SYNTAX },
		{ NAME FIELD("FORM_TYPE", "urn:other"), ERR_REFUSED },
	};

	for (size_t i = 0; i < COUNT(rows); i++)
		assert_int_equal(checked(*state, rows[i].inside, 0), rows[i].kind);
}

static void
unknown_fields_are_passed_over_unless_it_is_strict(void **state)
{
	assert_int_equal(checked(*state, NAME FIELD("what", "x"), 0), ERR_NONE);
	assert_int_equal(checked(*state, NAME FIELD("what", "x"), FORM_STRICT), ERR_REFUSED);
}

static void
a_partial_submission_leaves_the_rest_as_it_is(void **state)
{
	assert_int_equal(checked(*state, FIELD("bot", "1"), FORM_PARTIAL), ERR_NONE);
	assert_int_equal(checked(*state, FIELD("name", ""), FORM_PARTIAL), ERR_ABSENT);
}

static void
only_a_submission_is_one(void **state)
{
	struct err err = { 0 };

	assert_false(
		form_check(*state, form_new(*state, "cancel", NULL), NULL, fields, 0, 0, &err));
	assert_int_equal(err.kind, ERR_REFUSED);
	assert_false(form_check(*state, parsed(*state, "<x xmlns='jabber:x:data'/>"), NULL, fields,
				0, 0, NULL));
	assert_true(
		form_check(*state, form_new(*state, "submit", "urn:x"), NULL, fields, 0, 0, NULL));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_form_is_offered_as_it_is_declared),
		TEST(a_result_has_plain_fields),
		TEST(fields_are_read),
		TEST(a_form_is_found_below_its_parent),
		TEST(truths_and_numbers_are_read_or_left_alone),
		TEST(a_submission_that_keeps_to_the_table_passes),
		TEST(a_submission_that_does_not_is_refused_with_its_kind),
		TEST(unknown_fields_are_passed_over_unless_it_is_strict),
		TEST(a_partial_submission_leaves_the_rest_as_it_is),
		TEST(only_a_submission_is_one),
	};

	return cmocka_run_group_tests_name("xmpp/form", tests, NULL, NULL);
}
