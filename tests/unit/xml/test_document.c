/* SPDX-License-Identifier: MIT */
/* Long documents, a piece at a time. */
#include "xml/document.h"
#include "base/text.h"
#include "xml/writer.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

/* Gives at most `step` bytes a time; `fails` instead of ending. */
struct bytes {
	const char *at;
	size_t step;
	bool fails;
};

static long
read_bytes(void *ctx, char *bytes, size_t room)
{
	struct bytes *from = ctx;
	size_t length = strlen(from->at);

	if (length == 0 && from->fails)
		return -1;
	length = length < from->step ? length : from->step;
	length = length < room ? length : room;
	memcpy(bytes, from->at, length);
	from->at += length;
	return (long)length;
}

/* What is below <in/> comes whole; what is around it does not. */
static bool
is_whole(void *ctx, const struct element *tag, unsigned depth)
{
	(void)ctx;
	return depth > 0 && strcmp(tag->name, "in") != 0;
}

/* All that is told, as text; "!" and the reason at the end when there is one. */
static char *
told_of(const char *xml, size_t step, size_t most, bool fails)
{
	struct bytes from = { xml, step, fails };
	struct document_source source = { read_bytes, is_whole, &from };
	struct document *document = document_new(&source, most);
	struct document_event event;
	struct text told = { 0 };
	struct err err;
	bool good, goes_on = true;

	while ((good = document_next(document, &event, &err)) && goes_on)
		switch (event.kind) {
		case DOCUMENT_OPENED:
			text_addf(&told, "%u(", event.depth);
			xml_write_start(&told, event.element, NULL);
			break;
		case DOCUMENT_ELEMENT:
			text_addf(&told, "%u[", event.depth);
			xml_write(&told, event.element, NULL);
			text_add(&told, "]");
			arena_drop(event.arena);
			break;
		case DOCUMENT_CLOSED:
			text_addf(&told, ")%u", event.depth);
			break;
		case DOCUMENT_END:
			text_add(&told, ".");
			goes_on = false;
			break;
		}
	if (!good)
		text_addf(&told, "!%s", err.text);
	document_free(&document);
	assert_null(document);
	return text_take(&told);
}

static void
assert_told(const char *xml, const char *expected)
{
	const size_t steps[] = { 1, 2, 7, 1000 };

	for (size_t i = 0; i < COUNT(steps); i++) {
		char *told = told_of(xml, steps[i], 100000, false);

		assert_string_equal(told, expected);
		free(told);
	}
}

static void
it_comes_in_pieces_or_whole_as_wished(void **state)
{
	(void)state;
	assert_told("<?xml version='1.0'?>\n<a xmlns='urn:a' n='1'> <in><b x='&lt;'>t<c/></b>\n"
		    "<d/></in><e><f/></e></a>\n",
		    "0(<a xmlns='urn:a' n='1'>1(<in xmlns='urn:a'>"
		    "2[<b xmlns='urn:a' x='&lt;'>t<c/></b>]2[<d xmlns='urn:a'/>])1"
		    "1[<e xmlns='urn:a'><f/></e>])0.");
}

static void
empty_tags_and_comments_do_no_harm(void **state)
{
	(void)state;
	assert_told("<a/>", "0(<a>)0.");
	assert_told("<!-- one --><a><!-- <b/> --><in/><b><!-- x -->y<?z?></b></a><!-- end -->",
		    "0(<a>1(<in>)11[<b>y</b>])0.");
}

static void
attributes_keep_their_namespaces(void **state)
{
	(void)state;
	assert_told("<a><b xmlns:p='urn:p' p:q='1' xml:lang='de' r='2'/></a>",
		    "0(<a>1[<b xmlns:a0='urn:p' a0:q='1' xml:lang='de' r='2'/>])0.");
}

static void
what_is_wrong_is_said_with_its_line(void **state)
{
	(void)state;
	assert_told("<a>\n<b/>\n</c>", "0(<a>1[<b/>]!line 3: mismatched tag");
	assert_told("<a>\n<b>", "0(<a>!line 2: no element found");
	assert_told("", "!line 1: no element found");
	assert_told("<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>", "!line 1: a DOCTYPE is not read");
}

static void
an_element_has_a_bound(void **state)
{
	char *told;

	(void)state;
	told = told_of("<a><b>0123456789</b>\n<b>0123456789012345678901234567890123456789</b></a>",
		       4, 30, false);
	assert_string_equal(told, "0(<a>1[<b>0123456789</b>]!line 2: an element is too long");
	free(told);
	told = told_of("<a><b><c/><c/><c/><c/><c/><c/><c/><c/><c/><c/></b></a>", 100, 30, false);
	assert_string_equal(told, "0(<a>!line 1: an element is too long");
	free(told);
}

static void
so_has_the_depth(void **state)
{
	struct text xml = { 0 };
	char *told;

	(void)state;
	for (unsigned i = 0; i < 1100; i++)
		text_add(&xml, "<b>");
	told = told_of(xml.bytes, 1000, 100000, false);
	assert_string_equal(told, "0(<b>!line 1: too many elements are in one another");
	free(told);
	text_clear(&xml);
}

static void
a_file_that_cannot_be_read_is_no_end(void **state)
{
	char *told;

	(void)state;
	told = told_of("<a><b/>", 100, 100, true);
	assert_non_null(strstr(told, "0(<a>1[<b/>]!it cannot be read"));
	free(told);
}

static void
it_can_be_left_in_the_middle(void **state)
{
	struct bytes from = { "<a><b/><b><c>", 1, false };
	struct document_source source = { read_bytes, is_whole, &from };
	struct document *document;
	struct document_event event;
	struct err err;

	(void)state;
	document = document_new(&source, 100);
	assert_true(document_next(document, &event, &err));
	document_free(&document);
	from = (struct bytes) { "<a/>", 100, false }; /* the end tag is there, and not told yet */
	document = document_new(&source, 100);
	assert_true(document_next(document, &event, &err));
	document_free(&document);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_comes_in_pieces_or_whole_as_wished),
		cmocka_unit_test(empty_tags_and_comments_do_no_harm),
		cmocka_unit_test(attributes_keep_their_namespaces),
		cmocka_unit_test(what_is_wrong_is_said_with_its_line),
		cmocka_unit_test(an_element_has_a_bound),
		cmocka_unit_test(so_has_the_depth),
		cmocka_unit_test(a_file_that_cannot_be_read_is_no_end),
		cmocka_unit_test(it_can_be_left_in_the_middle),
	};

	return cmocka_run_group_tests_name("xml/document", tests, NULL, NULL);
}
