/* SPDX-License-Identifier: MIT */
/* Bytes to elements. */
#include "base/text.h"
#include "xml/parser.h"
#include "xml/writer.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define STREAMS "http://etherx.jabber.org/streams"
#define HEADER  "<stream:stream xmlns='jabber:client' xmlns:stream='" STREAMS "'>"

static const struct parser_limits usual = { 10000, 20, 20, 200, 20 };

/* What a listener heard, as text: H is a header, E an element, F the footer, X a fault. */
struct ear {
	struct text heard;
	struct parser *parser;
	struct parser_root *root;
	const char *stop_behind; /* name of the element it says false to */
	enum parser_fault fault;
	char why[200];
	const char *last_ns;
	struct arena *kept; /* of the last element */
	unsigned elements;
};

static bool
hear_header(void *listener, struct element *header, struct arena *arena)
{
	struct ear *ear = listener;

	text_addf(&ear->heard, "H %s\n", xml_text(arena, header, NULL));
	if (ear->parser != NULL) {
		parser_root_drop(ear->root);
		ear->root = parser_root(ear->parser);
	}
	return !text_is(ear->stop_behind, "header");
}

static bool
hear_element(void *listener, struct element *element, struct arena *arena)
{
	struct ear *ear = listener;

	text_addf(&ear->heard, "E %s\n", xml_text(arena, element, "jabber:client"));
	ear->elements++;
	arena_drop(ear->kept);
	ear->kept = arena;
	ear->last_ns = element->ns;
	return !text_is(ear->stop_behind, element->name);
}

static void
hear_footer(void *listener)
{
	struct ear *ear = listener;

	text_add(&ear->heard, "F\n");
}

static void
hear_fault(void *listener, enum parser_fault fault, const char *why)
{
	struct ear *ear = listener;

	text_add(&ear->heard, "X\n");
	ear->fault = fault;
	strncpy(ear->why, why, sizeof ear->why - 1);
}

static const struct parser_listener functions = { hear_header, hear_element, hear_footer,
						  hear_fault };

static void
ear_clear(struct ear *ear)
{
	parser_return(ear->parser);
	parser_root_drop(ear->root);
	arena_drop(ear->kept);
	text_clear(&ear->heard);
	*ear = (struct ear) { 0 };
}

static size_t
feed(struct ear *ear, const char *bytes)
{
	return parser_feed(ear->parser, bytes, strlen(bytes));
}

static struct ear
new_ear(void)
{
	struct ear ear = { 0 };

	return ear;
}

static void
begin(struct ear *ear, const struct parser_limits *limits)
{
	*ear = new_ear();
	ear->parser = parser_new(&functions, ear, limits);
}

/* Begins and hears the usual header; forgets that it was heard. */
static void
begin_stream(struct ear *ear, const struct parser_limits *limits)
{
	begin(ear, limits);
	assert_int_equal(feed(ear, HEADER), strlen(HEADER));
	assert_non_null(ear->root);
	text_empty(&ear->heard);
}

static const char *
heard(const struct ear *ear)
{
	return ear->heard.bytes != NULL ? ear->heard.bytes : "";
}

/* Feeds `bytes` to a fresh parser in pieces of each size up to 20, and whole; each time it
 * must hear the same. */
static void
assert_heard(const char *bytes, const char *expected)
{
	size_t length = strlen(bytes);

	for (size_t piece = 1; piece <= 21; piece++) {
		size_t step = piece <= 20 ? piece : length;
		struct ear ear;

		begin(&ear, &usual);
		for (size_t at = 0; at < length; at += step)
			parser_feed(ear.parser, bytes + at,
				    step < length - at ? step : length - at);
		assert_string_equal(heard(&ear), expected);
		ear_clear(&ear);
	}
}

static void
assert_fault(const char *bytes, enum parser_fault fault)
{
	size_t length = strlen(bytes);

	for (size_t step = 1; step <= length; step += step < 8 ? 1 : length) {
		struct ear ear;

		begin(&ear, &usual);
		for (size_t at = 0; at < length; at += step)
			parser_feed(ear.parser, bytes + at,
				    step < length - at ? step : length - at);
		if (strstr(heard(&ear), "X\n") == NULL || ear.fault != fault)
			print_error("\"%s\" gave %s fault %d %s\n", bytes, heard(&ear), ear.fault,
				    ear.why);
		assert_non_null(strstr(heard(&ear), "X\n"));
		assert_int_equal(ear.fault, fault);
		assert_true(ear.why[0] != '\0');
		/* Once, and nothing more comes. */
		assert_ptr_equal(strstr(heard(&ear), "X\n"), heard(&ear) + strlen(heard(&ear)) - 2);
		assert_int_equal(feed(&ear, "<a/>"), 0);
		assert_false(parser_is_idle(ear.parser));
		ear_clear(&ear);
	}
}

/* --- streams --- */

static void
a_stream_is_heard_in_any_pieces(void **state)
{
	(void)state;
	assert_heard("<?xml version='1.0' encoding='utf-8'?>\n<stream:stream to='capulet.example' "
		     "version='1.0' xml:lang='en' xmlns='jabber:client' xmlns:stream='" STREAMS
		     "'>\n"
		     "<stream:features/> <message to='juliet@capulet.example'><body>O &amp; O\n"
		     "</body><x xmlns='urn:x' a='&lt;'/></message>\n\r\n<a/>\n</stream:stream>\n",
		     "H <stream xmlns='" STREAMS "' to='capulet.example' version='1.0' "
		     "xml:lang='en'/>\n"
		     "E <features xmlns='" STREAMS "'/>\n"
		     "E <message to='juliet@capulet.example'><body>O &amp; O\n"
		     "</body><x xmlns='urn:x' a='&lt;'/></message>\n"
		     "E <a/>\n"
		     "F\n");
}

static void
a_header_alone_may_end_at_once(void **state)
{
	(void)state;
	assert_heard("<stream xmlns='urn:x'/>", "H <stream xmlns='urn:x'/>\nF\n");
	assert_heard("<stream xmlns='urn:x'></stream>", "H <stream xmlns='urn:x'/>\nF\n");
}

static void
prefixes_are_gone(void **state)
{
	(void)state;
	assert_heard("<s:stream xmlns:s='" STREAMS "' xmlns:c='jabber:client' c:a='1'><c:message>"
		     "<c:body/><o xmlns=''/></c:message></s:stream>",
		     "H <stream xmlns='" STREAMS "' xmlns:a0='jabber:client' a0:a='1'/>\n"
		     "E <message><body/><o xmlns=''/></message>\n"
		     "F\n");
}

static void
what_follows_the_footer_is_thrown_away(void **state)
{
	(void)state;
	assert_heard("<s><a/></s><b/>&&&\x01", "H <s/>\nE <a xmlns=''/>\nF\n");
}

static void
pieces_of_text_are_one_node(void **state)
{
	struct ear ear;
	struct arena *arena = arena_new();
	static const char xml[] = "<b>one&amp;two\r\nthree<![CDATA[<four>]]>&#53;\xe2\x82\xac</b>";
	struct element *element = element_parse(arena, xml, strlen(xml), NULL);

	(void)state;
	assert_ptr_equal(element->first, element->last);
	assert_string_equal(element->first->text, "one&two\nthree<four>5\xe2\x82\xac");
	assert_int_equal(element->first->text_length, strlen(element->first->text));
	arena_drop(arena);

	begin_stream(&ear, &usual);
	for (const char *at = xml; *at != '\0'; at++)
		parser_feed(ear.parser, at, 1);
	assert_string_equal(heard(&ear), "E <b>one&amp;two\nthree&lt;four&gt;5\xe2\x82\xac</b>\n");
	ear_clear(&ear);
}

static void
known_namespaces_are_not_copied(void **state)
{
	struct ear ear;
	const char *first;

	(void)state;
	begin_stream(&ear, &usual);
	feed(&ear, "<a/>");
	first = ear.last_ns;
	assert_string_equal(first, "jabber:client");
	feed(&ear, "<x:a xmlns:x='urn:xmpp:sm:3'/><b/>");
	assert_ptr_equal(ear.last_ns, first);
	ear_clear(&ear);
}

/* --- idle and pending --- */

static void
a_parser_is_idle_between_elements(void **state)
{
	struct ear ear;

	(void)state;
	begin(&ear, &usual);
	assert_false(parser_is_idle(ear.parser));
	feed(&ear, "<stream:stream xmlns='jabber:client' xml");
	assert_false(parser_is_idle(ear.parser));
	assert_int_equal(parser_pending(ear.parser), 40);
	feed(&ear, "ns:stream='" STREAMS "'>");
	assert_true(parser_is_idle(ear.parser));
	assert_int_equal(parser_pending(ear.parser), 0);

	feed(&ear, "<a");
	assert_false(parser_is_idle(ear.parser));
	assert_int_equal(parser_pending(ear.parser), 2);
	feed(&ear, "><b/>");
	assert_int_equal(parser_pending(ear.parser), 7);
	feed(&ear, "text</a");
	assert_int_equal(parser_pending(ear.parser), 14);
	feed(&ear, ">");
	assert_true(parser_is_idle(ear.parser));

	feed(&ear, " \n\t ");
	assert_true(parser_is_idle(ear.parser));
	feed(&ear, "<a/> <");
	assert_false(parser_is_idle(ear.parser));
	assert_int_equal(parser_pending(ear.parser), 1);
	feed(&ear, "b/>");
	assert_true(parser_is_idle(ear.parser));
	feed(&ear, "</stream:stream>");
	assert_false(parser_is_idle(ear.parser));
	ear_clear(&ear);
}

static void
white_space_between_elements_is_no_part_of_them(void **state)
{
	static const struct parser_limits small = { 120, 5, 5, 5, 5 };
	struct ear ear;

	(void)state;
	begin_stream(&ear, &small);
	for (int i = 0; i < 1000; i++)
		feed(&ear, "\n");
	assert_int_equal(parser_pending(ear.parser), 0);
	assert_true(parser_is_idle(ear.parser));
	feed(&ear, "                                                                    <a>"
		   "                                                                   </a>");
	assert_int_equal(ear.elements, 1);
	ear_clear(&ear);
}

static void
nothing_is_fed_without_harm(void **state)
{
	struct ear ear;

	(void)state;
	begin_stream(&ear, &usual);
	assert_int_equal(parser_feed(ear.parser, "", 0), 0);
	assert_true(parser_is_idle(ear.parser));
	ear_clear(&ear);
	parser_return(NULL);
	parser_root_drop(NULL);
}

/* --- stopping --- */

static void
a_listener_stops_the_parser_right_behind_the_element(void **state)
{
	static const char *const elements[] = { "<stop/>", "<stop></stop>", "<stop><a/>x</stop>",
						"<stop xmlns='urn:x' a='1' />" };

	(void)state;
	for (size_t i = 0; i < COUNT(elements); i++) {
		for (size_t split = 0; split < strlen(elements[i]); split++) {
			struct text bytes = { 0 };
			struct ear ear;
			size_t start = 0, taken;

			begin_stream(&ear, &usual);
			ear.stop_behind = "stop";
			text_addf(&bytes, "<a/> %s<b/><c>", elements[i]);
			if (split > 0) {
				start = 5 + split;
				assert_int_equal(parser_feed(ear.parser, bytes.bytes, start),
						 start);
			}
			taken = parser_feed(ear.parser, bytes.bytes + start, bytes.length - start);
			assert_int_equal(start + taken, 5 + strlen(elements[i]));
			assert_int_equal(ear.elements, 2);
			assert_int_equal(feed(&ear, "<d/>"), 0);
			assert_int_equal(ear.elements, 2);
			assert_false(parser_is_idle(ear.parser));
			text_clear(&bytes);
			ear_clear(&ear);
		}
	}
}

static void
a_listener_stops_the_parser_behind_the_header(void **state)
{
	struct ear ear;

	(void)state;
	begin(&ear, &usual);
	ear.stop_behind = "header";
	assert_int_equal(feed(&ear, HEADER "<a/></stream:stream>"), strlen(HEADER));
	assert_int_equal(ear.elements, 0);
	assert_string_equal(parser_root_ns(ear.root), "jabber:client");
	assert_int_equal(feed(&ear, "<a/>"), 0);
	ear_clear(&ear);

	begin(&ear, &usual);
	ear.stop_behind = "header";
	assert_int_equal(feed(&ear, "\n<s/>"), 5);
	assert_string_equal(heard(&ear), "H <s/>\n");
	ear_clear(&ear);
}

static void
what_a_stopped_parser_left_is_read_by_the_next(void **state)
{
	static const char bytes[] = "<a/><stop/><b/>";
	struct ear ear;
	size_t taken;

	(void)state;
	begin_stream(&ear, &usual);
	ear.stop_behind = "stop";
	taken = feed(&ear, bytes);
	parser_return(ear.parser);
	ear.stop_behind = NULL;
	ear.parser = parser_borrow(ear.root, &functions, &ear, &usual);
	feed(&ear, bytes + taken);
	assert_string_equal(heard(&ear), "E <a/>\nE <stop/>\nE <b/>\n");
	ear_clear(&ear);
}

static void
a_parser_stopped_at_the_end_of_its_bytes_is_lent_again(void **state)
{
	static const struct {
		const char *bytes;
		bool is_pooled;
	} cases[] = {
		{ "<stop/>", true },      { "<a/><stop>x</stop>", true },
		{ "<stop/> ", false },    { "<stop/><", false },
		{ "<stop/><a/>", false }, { "<stop xmlns:p='urn:p' p:a='1'/>", true },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct ear ear;

		parser_pool_trim();
		begin_stream(&ear, &usual);
		ear.stop_behind = "stop";
		feed(&ear, cases[i].bytes);
		assert_false(parser_is_idle(ear.parser));
		assert_int_equal(feed(&ear, "<b/>"), 0);
		parser_return(ear.parser);
		assert_int_equal(parser_pool_size() > 0, cases[i].is_pooled);
		text_empty(&ear.heard);
		ear.parser = parser_borrow(ear.root, &functions, &ear, &usual);
		assert_true(parser_is_idle(ear.parser));
		feed(&ear, "<c/></stream:stream>");
		assert_string_equal(heard(&ear), "E <c/>\nF\n");
		ear_clear(&ear);
	}
	/* A header that stopped it may have been the whole document. */
	for (size_t i = 0; i < 2; i++) {
		struct ear ear;

		begin(&ear, &usual);
		ear.stop_behind = "header";
		feed(&ear, i == 0 ? HEADER
				  : "<stream:stream xmlns='jabber:client' xmlns:stream='" STREAMS
				    "'/>");
		parser_pool_trim();
		ear_clear(&ear);
		assert_int_equal(parser_pool_size(), 0);
	}
}

/* --- faults --- */

static void
what_is_not_well_formed_is_refused(void **state)
{
	static const char *const bad[] = {
		"<s><a></b></s>",
		"<s><a b='1' b='2'/></s>",
		"<s><a b=1/></s>",
		"<s><a b='<'/></s>",
		"<s><a>\x01</a></s>",
		"<s><a>&#1;</a></s>",
		"<s><a>&#0;</a></s>",
		"<s><a>\xff</a></s>",
		"<s><a>\xc0\xaf</a></s>",
		"<s><a>\xed\xa0\x80</a></s>",
		"<s><a>\xef\xbf\xbf</a></s>",
		"<s><a>]]></a></s>",
		"<s><a>& </a></s>",
		"<s><1/></s>",
		"<s></t>",
		"text <",
		"<s><?xml version='1.0'?></s>",
		" <?xml version='1.0'?><s>",
		"<?xml version='1.0' standalone='maybe'?><s>",
		"<s xmlns:a='urn:x' xmlns:b='urn:x'><c a:d='1' b:d='2'/>",
		"<s><a:b:c xmlns:a='urn:x'/>",
		"<><",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_fault(bad[i], PARSER_NOT_WELL_FORMED);
}

static void
what_xmpp_forbids_is_refused(void **state)
{
	static const char *const bad[] = {
		"<!-- hello --><s>",
		"<s><!-- hello --></s>",
		"<s><a><!----></a></s>",
		"<?php echo ?><s>",
		"<s><?php echo ?></s>",
		"<s><a>x<?php?></a></s>",
		"<!DOCTYPE s><s>",
		"<!DOCTYPE s [<!ENTITY a 'aaaa'>]><s>&a;</s>",
		"<!DOCTYPE s SYSTEM 'file:///etc/passwd'><s>",
		"<s><a>&nbsp;</a></s>",
		"<s><a b='&nbsp;'/></s>",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_fault(bad[i], PARSER_RESTRICTED);
}

static void
other_encodings_and_versions_are_refused(void **state)
{
	struct ear ear;

	(void)state;
	assert_fault("<?xml version='1.0' encoding='ISO-8859-1'?><s>", PARSER_ENCODING);
	assert_fault("<?xml version='1.0' encoding='UTF-16'?><s>", PARSER_ENCODING);
	assert_fault("<?xml version='1.0' encoding='klingon'?><s>", PARSER_ENCODING);
	assert_fault("<?xml version='1.1'?><s>", PARSER_XML_VERSION);
	assert_fault("<?xml version='2.0'?><s>", PARSER_XML_VERSION);
	assert_fault("\xff\xfe<", PARSER_ENCODING);
	assert_fault("\xfe\xff<", PARSER_ENCODING);

	begin(&ear, &usual);
	parser_feed(ear.parser, "<", 1);
	parser_feed(ear.parser, "\0s\0>\0", 5);
	assert_string_equal(heard(&ear), "X\n");
	assert_int_equal(ear.fault, PARSER_ENCODING);
	ear_clear(&ear);

	begin(&ear, &usual);
	parser_feed(ear.parser, "\0<\0s\0>", 6);
	assert_int_equal(ear.fault, PARSER_ENCODING);
	ear_clear(&ear);
}

static void
a_byte_order_mark_of_utf8_is_passed_over(void **state)
{
	(void)state;
	assert_heard("\xef\xbb\xbf<s>", "H <s/>\n");
	assert_heard("\xef\xbb\xbf<?xml version='1.0'?><s>", "H <s/>\n");
}

static void
undeclared_prefixes_are_refused(void **state)
{
	(void)state;
	assert_fault("<stream:stream>", PARSER_NAMESPACE);
	assert_fault("<s><a:b/></s>", PARSER_NAMESPACE);
	assert_fault("<s><b a:c='1'/></s>", PARSER_NAMESPACE);
	assert_fault("<s><b xmlns:xml='urn:x'/></s>", PARSER_NAMESPACE);
	assert_fault("<s><b xmlns:a=''/></s>", PARSER_NAMESPACE);
	assert_fault("<s><b xmlns:xmlns='urn:x'/></s>", PARSER_NAMESPACE);
}

static void
text_between_elements_is_refused(void **state)
{
	(void)state;
	assert_fault("<s>x", PARSER_TEXT_IN_STREAM);
	assert_fault("<s> <a/> x <b/>", PARSER_TEXT_IN_STREAM);
	assert_fault("<s>&amp;", PARSER_TEXT_IN_STREAM);
	assert_fault("<s><![CDATA[x]]>", PARSER_TEXT_IN_STREAM);
	assert_fault("<s>\xc2\xa0", PARSER_TEXT_IN_STREAM);
}

static void
an_open_cdata_section_does_not_get_into_the_pool(void **state)
{
	struct ear ear;

	(void)state;
	/* Whoever got this parser next would have all said before "]]>" taken for text. */
	assert_fault("<s><![CDATA[ ", PARSER_TEXT_IN_STREAM);
	assert_fault("<s><![CDATA[]]>", PARSER_TEXT_IN_STREAM);

	begin_stream(&ear, &usual);
	feed(&ear, "<a><![CDATA[</a>");
	assert_false(parser_is_idle(ear.parser));
	feed(&ear, "]]></a>");
	assert_true(parser_is_idle(ear.parser));
	ear_clear(&ear);
}

static void
elements_before_a_fault_are_heard(void **state)
{
	struct ear ear;

	(void)state;
	begin_stream(&ear, &usual);
	feed(&ear, "<a/><b/><c>&bad;</c><d/>");
	assert_string_equal(heard(&ear), "E <a/>\nE <b/>\nX\n");
	ear_clear(&ear);
}

/* --- limits --- */

static char *
repeat(const char *before, const char *what, size_t times, const char *after)
{
	struct text text = { 0 };

	text_add(&text, before);
	while (times-- > 0)
		text_add(&text, what);
	text_add(&text, after);
	return text_take(&text);
}

/* Whether a stanza passes; what it must say when not. */
static bool
passes(const struct parser_limits *limits, char *stanza, const char *why)
{
	bool ok = true;

	for (size_t step = 1; step <= 101; step += 50) {
		size_t length = strlen(stanza);
		struct ear ear;

		begin_stream(&ear, limits);
		for (size_t at = 0; at < length; at += step)
			parser_feed(ear.parser, stanza + at,
				    step < length - at ? step : length - at);
		ok = ear.elements == 1;
		if (!ok) {
			assert_string_equal(heard(&ear), "X\n");
			assert_int_equal(ear.fault, PARSER_TOO_BIG);
			assert_non_null(why);
			assert_string_equal(ear.why, why);
		}
		ear_clear(&ear);
	}
	free(stanza);
	return ok;
}

static const struct parser_limits tight = { 1000, 5, 3, 10, 4 };

static void
bytes_are_limited_exactly(void **state)
{
	static const char why[] = "an element of more than 1000 bytes";

	(void)state;
	assert_true(passes(&tight, repeat("<a>", "x", 993, "</a>"), NULL));
	assert_false(passes(&tight, repeat("<a>", "x", 994, "</a>"), why));
	assert_true(passes(&tight, repeat("<a b='", "x", 991, "'/>"), NULL));
	assert_false(passes(&tight, repeat("<a b='", "x", 992, "'/>"), why));
	assert_false(passes(&tight, repeat("<a b='", "x", 100000, "'/>"), why));
	assert_false(passes(&tight, repeat("<", "x", 100000, "/>"), why));
	assert_false(passes(&tight, repeat("<a>", "x", 100000, ""), why));
	assert_false(passes(&tight, repeat("<a ", " ", 100000, ""), why));
}

static void
an_element_that_never_ends_is_refused_in_time(void **state)
{
	struct ear ear;

	(void)state;
	begin_stream(&ear, &tight);
	feed(&ear, "<a b='");
	for (int i = 0; i < 994; i++)
		assert_int_equal(feed(&ear, "x"), 1);
	assert_string_equal(heard(&ear), "");
	feed(&ear, "x");
	assert_string_equal(heard(&ear), "X\n");
	assert_int_equal(feed(&ear, "x"), 0);
	ear_clear(&ear);
}

static void
the_header_has_the_same_limit(void **state)
{
	char *header = repeat("<s a='", "x", 1000, "'>");
	struct ear ear;

	(void)state;
	begin(&ear, &tight);
	feed(&ear, header);
	assert_string_equal(heard(&ear), "X\n");
	assert_string_equal(ear.why, "a stream header of more than 1000 bytes");
	ear_clear(&ear);
	free(header);

	begin(&ear, &tight);
	for (int i = 0; i < 1001; i++)
		feed(&ear, " ");
	assert_int_equal(ear.fault, PARSER_TOO_BIG);
	ear_clear(&ear);
}

static void
depth_is_limited(void **state)
{
	(void)state;
	assert_true(passes(&tight, copy_text("<a><a><a><a><a/></a></a></a></a>"), NULL));
	assert_false(passes(&tight, copy_text("<a><a><a><a><a><a/></a></a></a></a></a>"),
			    "elements nested more than 5 deep"));
}

static void
attributes_are_limited(void **state)
{
	(void)state;
	assert_true(passes(&tight, copy_text("<a b='' c='' d='' xmlns='urn:x'/>"), NULL));
	assert_false(passes(&tight, copy_text("<a b='' c='' d='' e=''/>"),
			    "a start tag of more than 3 attributes"));
}

static void
elements_are_limited(void **state)
{
	struct ear ear;

	(void)state;
	assert_true(passes(&tight, repeat("<a>", "<b/>", 9, "</a>"), NULL));
	assert_false(passes(&tight, repeat("<a>", "<b/>", 10, "</a>"),
			    "a stanza of more than 10 elements"));
	/* In each stanza, not in all. */
	begin_stream(&ear, &tight);
	for (int i = 0; i < 100; i++)
		feed(&ear, "<a><b/><b/><b/></a>");
	assert_int_equal(ear.elements, 100);
	ear_clear(&ear);
}

static void
namespaces_are_limited(void **state)
{
	static const char why[] = "more than 4 namespaces declared";
	struct ear ear;

	(void)state;
	assert_true(passes(&tight,
			   copy_text("<a xmlns='urn:1' xmlns:b='urn:2'><b:b xmlns='urn:3'/>"
				     "<c xmlns='urn:4'/></a>"),
			   NULL));
	assert_false(passes(&tight,
			    copy_text("<a xmlns:a='u:1' xmlns:b='u:2' xmlns:c='u:3' xmlns:d='u:4' "
				      "xmlns:e='u:5'/>"),
			    why));
	assert_false(passes(&tight, repeat("<a>", "<b xmlns='urn:x'/>", 5, "</a>"), why));
	begin_stream(&ear, &tight);
	for (int i = 0; i < 100; i++)
		feed(&ear, "<a xmlns='urn:x'><b xmlns='urn:y'/></a>");
	assert_int_equal(ear.elements, 100);
	ear_clear(&ear);

	begin(&ear, &tight);
	feed(&ear, "<s xmlns:a='u:1' xmlns:b='u:2' xmlns:c='u:3' xmlns:d='u:4' xmlns:e='u:5'>");
	assert_string_equal(heard(&ear), "X\n");
	ear_clear(&ear);
}

static void
a_namespace_may_not_be_huge(void **state)
{
	(void)state;
	assert_true(passes(&tight, repeat("<a xmlns='", "x", 512, "'/>"), NULL));
	assert_false(passes(&tight, repeat("<a xmlns='", "x", 513, "'/>"),
			    "a namespace of more than 512 bytes"));
}

static void
a_foreign_namespace_is_kept_once_in_a_stanza(void **state)
{
	static const struct parser_limits wide = { 100000, 5, 3, 2000, 4 };
	char *bytes = repeat("<a xmlns:p='urn:a:rather:long:name:that:nobody:knows:"
			     "0123456789:0123456789:0123456789:0123456789:0123456789' "
			     "xmlns:q='urn:other'>",
			     "<p:b/><q:b/>", 500, "</a>");
	struct ear ear;

	(void)state;
	begin_stream(&ear, &wide);
	feed(&ear, bytes);
	assert_int_equal(ear.elements, 1);
	assert_true(arena_size(ear.kept) < 1000 * 130 + 500000);
	ear_clear(&ear);
	free(bytes);
}

/* --- the pool --- */

static void
an_idle_parser_is_lent_again(void **state)
{
	struct parser *parser;
	struct ear ear;

	(void)state;
	parser_pool_trim();
	assert_int_equal(parser_pool_size(), 0);
	begin_stream(&ear, &usual);
	feed(&ear, "<a/>");
	parser = ear.parser;
	parser_return(parser);
	assert_in_range(parser_pool_size(), 5000, 20000);

	for (int i = 0; i < 100; i++) {
		ear.parser = parser_borrow(ear.root, &functions, &ear, &usual);
		assert_ptr_equal(ear.parser, parser);
		assert_int_equal(parser_pool_size(), 0);
		assert_true(parser_is_idle(parser));
		feed(&ear, "<message><body>x</body></message>\n");
		assert_true(parser_is_idle(parser));
		parser_return(parser);
	}
	assert_int_equal(ear.elements, 101);
	assert_in_range(parser_pool_size(), 5000, 20000);
	parser_pool_trim();
	assert_int_equal(parser_pool_size(), 0);
	ear.parser = NULL;
	ear_clear(&ear);
}

static void
a_borrowed_parser_hears_the_end_of_the_stream(void **state)
{
	struct ear ear;

	(void)state;
	begin_stream(&ear, &usual);
	parser_return(ear.parser);
	ear.parser = parser_borrow(ear.root, &functions, &ear, &usual);
	assert_int_equal(feed(&ear, "<stream:features/></stream:stream>"), 34);
	assert_string_equal(heard(&ear), "E <features xmlns='" STREAMS "'/>\nF\n");
	ear_clear(&ear);
}

static void
a_primed_parser_behaves_like_one_that_heard_the_header(void **state)
{
	struct ear ear;

	(void)state;
	begin_stream(&ear, &usual);
	parser_return(ear.parser);
	parser_pool_trim();
	ear.parser = parser_borrow(ear.root, &functions, &ear, &usual);
	assert_true(parser_is_idle(ear.parser));
	feed(&ear, "<a/><stream:b/><c xmlns='urn:x'/>");
	assert_string_equal(heard(&ear),
			    "E <a/>\nE <b xmlns='" STREAMS "'/>\nE <c xmlns='urn:x'/>\n");
	ear_clear(&ear);
}

static void
usual_roots_are_one_for_all_streams(void **state)
{
	static const char *const headers[] = {
		HEADER,
		"<?xml version='1.0'?><stream:stream to='a' xmlns:stream=\"" STREAMS
		"\" from='b' xmlns='jabber:client' version='1.0' xml:lang='de'>",
	};
	struct parser_root *root = NULL;

	(void)state;
	for (size_t i = 0; i < COUNT(headers); i++) {
		struct ear ear;

		begin(&ear, &usual);
		feed(&ear, headers[i]);
		if (root != NULL)
			assert_ptr_equal(ear.root, root);
		root = ear.root;
		ear_clear(&ear);
	}
	assert_string_equal(parser_root_ns(root), "jabber:client");
	assert_true(parser_root_declares(root, "stream", STREAMS));
	assert_false(parser_root_declares(root, "db", "jabber:server:dialback"));
}

static void
each_usual_root_has_its_pool(void **state)
{
	static const char *const headers[] = {
		"<stream:stream xmlns='jabber:client' xmlns:stream='" STREAMS "'>",
		"<stream:stream xmlns='jabber:server' xmlns:stream='" STREAMS "'>",
		"<stream:stream xmlns='jabber:server' xmlns:db='jabber:server:dialback' "
		"xmlns:stream='" STREAMS "'>",
		"<stream:stream xmlns:stream='" STREAMS "' xmlns='jabber:component:accept'>",
	};
	static const char *const spaces[] = { "jabber:client", "jabber:server", "jabber:server",
					      "jabber:component:accept" };
	struct ear ears[COUNT(headers)];

	(void)state;
	parser_pool_trim();
	for (size_t i = 0; i < COUNT(headers); i++) {
		begin(&ears[i], &usual);
		feed(&ears[i], headers[i]);
		parser_return(ears[i].parser);
		ears[i].parser = NULL;
		assert_in_range(parser_pool_size(), 5000 * (i + 1), 20000 * (i + 1));
	}
	for (size_t i = 0; i < COUNT(headers); i++) {
		assert_string_equal(parser_root_ns(ears[i].root), spaces[i]);
		ears[i].parser = parser_borrow(ears[i].root, &functions, &ears[i], &usual);
		feed(&ears[i], "<a/>");
		assert_string_equal(ears[i].last_ns, spaces[i]);
		feed(&ears[i], "</stream:stream>");
		assert_string_equal(heard(&ears[i]) + strlen(heard(&ears[i])) - 2, "F\n");
	}
	assert_true(parser_root_declares(ears[2].root, "db", "jabber:server:dialback"));
	for (size_t i = 0; i < COUNT(headers); i++)
		ear_clear(&ears[i]);
}

static void
an_unusual_root_is_primed_again_and_never_pooled(void **state)
{
	static const struct {
		const char *header, *element, *expected, *footer;
	} odd[] = {
		{ "<s:stream xmlns:s='" STREAMS "' xmlns='jabber:client'>", "<a/>", "E <a/>\n",
		  "</s:stream>" },
		{ "<stream xmlns='" STREAMS "'>", "<a/>", "E <a xmlns='" STREAMS "'/>\n",
		  "</stream>" },
		{ "<stream>", "<a/>", "E <a xmlns=''/>\n", "</stream>" },
		{ "<x:y xmlns:x='urn:a&amp;b&#10;&lt;&apos;' xmlns:z='urn:z' z:q='1' xmlns=''>",
		  "<z:a/><x:b/><c/>",
		  "E <a xmlns='urn:z'/>\nE <b xmlns='urn:a&amp;b&#10;&lt;&apos;'/>\nE <c "
		  "xmlns=''/>\n",
		  "</x:y>" },
		{ "<stream:stream xmlns='jabber:client' xmlns:stream='" STREAMS
		  "' xmlns:n='urn:n'>",
		  "<n:a/>", "E <a xmlns='urn:n'/>\n", "</stream:stream>" },
		{ "<stream:stream xmlns='jabber:client' xmlns:stream='" STREAMS
		  "' xmlns:xml='http://www.w3.org/XML/1998/namespace'>",
		  "<a xml:lang='x'/>", "E <a xml:lang='x'/>\n", "</stream:stream>" },
		{ "<stream:strem xmlns='jabber:client' xmlns:stream='" STREAMS "'\t>", "<a/>",
		  "E <a/>\n", "</stream:strem>" },
		{ "<stream:stream xmlns='jabber:clienT' xmlns:stream='" STREAMS "'>", "<a/>",
		  "E <a xmlns='jabber:clienT'/>\n", "</stream:stream>" },
		{ "<a:stream xmlns:a='" STREAMS "' xmlns:b='" STREAMS "'\n>", "<b:x/>",
		  "E <x xmlns='" STREAMS "'/>\n", "</a:stream>" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(odd); i++) {
		struct ear ear;

		parser_pool_trim();
		begin(&ear, &usual);
		feed(&ear, odd[i].header);
		assert_memory_equal(heard(&ear), "H ", 2);
		assert_non_null(ear.root);
		for (int round = 0; round < 3; round++) {
			text_empty(&ear.heard);
			feed(&ear, odd[i].element);
			assert_string_equal(heard(&ear), odd[i].expected);
			assert_true(parser_is_idle(ear.parser));
			parser_return(ear.parser);
			assert_int_equal(parser_pool_size(), 0);
			ear.parser = parser_borrow(ear.root, &functions, &ear, &usual);
		}
		text_empty(&ear.heard);
		feed(&ear, odd[i].footer);
		assert_string_equal(heard(&ear), "F\n");
		ear_clear(&ear);
	}
}

static void
a_root_outlives_its_parser(void **state)
{
	struct parser_root *root;
	struct ear ear;

	(void)state;
	begin(&ear, &usual);
	assert_null(parser_root(ear.parser));
	feed(&ear, "<s xmlns='urn:s'>");
	root = parser_root_hold(ear.root);
	ear_clear(&ear);
	assert_string_equal(parser_root_ns(root), "urn:s");
	parser_root_drop(root);
}

static void
a_parser_in_the_middle_of_something_is_not_pooled(void **state)
{
	static const char *const middles[] = { "<",
					       "<a",
					       "<a>",
					       "<a>x",
					       "<a><b/>",
					       "\r",
					       "<!--",
					       "<![CDATA",
					       "</stream:stream",
					       "</stream:stream>",
					       "<a></b>",
					       "&" };

	(void)state;
	for (size_t i = 0; i < COUNT(middles); i++) {
		struct ear ear;

		parser_pool_trim();
		begin_stream(&ear, &usual);
		feed(&ear, middles[i]);
		assert_false(parser_is_idle(ear.parser));
		ear_clear(&ear);
		assert_int_equal(parser_pool_size(), 0);
	}
}

static void
a_parser_that_remembers_too_many_names_is_freed(void **state)
{
	struct ear ear;
	bool was_freed = false;

	(void)state;
	parser_pool_trim();
	begin_stream(&ear, &usual);
	parser_return(ear.parser);
	for (int i = 0; i < 2000; i++) {
		char *name = format_text("<name-%d attribute-%d='1'/>", i, i);

		ear.parser = parser_borrow(ear.root, &functions, &ear, &usual);
		feed(&ear, name);
		parser_return(ear.parser);
		was_freed = was_freed || parser_pool_size() == 0;
		assert_true(parser_pool_size() <= 65536);
		free(name);
	}
	assert_int_equal(ear.elements, 2000);
	assert_true(was_freed);
	ear.parser = NULL;
	ear_clear(&ear);
}

static void
the_pool_is_bounded(void **state)
{
	static struct ear ears[200];

	(void)state;
	parser_pool_trim();
	for (size_t i = 0; i < COUNT(ears); i++)
		begin_stream(&ears[i], &usual);
	for (size_t i = 0; i < COUNT(ears); i++)
		ear_clear(&ears[i]);
	assert_in_range(parser_pool_size(), 64 * 5000, 64 * 20000);
	parser_pool_trim();
}

static void
a_lent_parser_has_the_limits_of_its_borrower(void **state)
{
	struct ear ear;

	(void)state;
	begin_stream(&ear, &usual);
	parser_return(ear.parser);
	ear.parser = parser_borrow(ear.root, &functions, &ear, &tight);
	feed(&ear, "<a b='' c='' d='' e=''/>");
	assert_string_equal(heard(&ear), "X\n");
	ear_clear(&ear);
}

static void *
feed_on_another_thread(void *arg)
{
	struct ear *ear = arg;

	feed(ear, "lf</b></a><c/>");
	parser_return(ear->parser);
	ear->parser = NULL;
	/* The last arena is given away with its stanza. */
	arena_drop(ear->kept);
	ear->kept = NULL;
	arena_trim();
	/* The pool goes with the thread. */
	assert_true(parser_pool_size() > 0);
	return NULL;
}

static void
a_parser_may_travel_to_another_thread(void **state)
{
	pthread_t thread;
	struct ear ear;

	(void)state;
	begin_stream(&ear, &usual);
	feed(&ear, "<a><b>ha");
	pthread_create(&thread, NULL, feed_on_another_thread, &ear);
	pthread_join(thread, NULL);
	assert_string_equal(heard(&ear), "E <a><b>half</b></a>\nE <c/>\n");
	ear_clear(&ear);
}

/* --- one element --- */

static char *
parse_error(const char *bytes)
{
	static struct err err;
	struct arena *arena = arena_new();

	err = (struct err) { 0 };
	for (int round = 0; round < 2; round++) {
		assert_null(element_parse(arena, bytes, strlen(bytes), &err));
		assert_null(element_parse(arena, bytes, strlen(bytes), NULL));
	}
	assert_int_equal(err.kind, ERR_SYNTAX);
	arena_drop(arena);
	return err.text;
}

static void
one_element_is_read_from_memory(void **state)
{
	static const char *const good[] = {
		"<a/>",
		"  <a/>\n",
		"<a></a>",
		"<?xml version='1.0'?>\n<a/>\n",
		"<?xml version='1.0' encoding='UTF-8'?><!-- a --><a><!-- b --></a><!-- c -->\n",
		"\xef\xbb\xbf<a/>",
		"<!-- hello --> <a/> <!-- good bye -->",
		"<?hm?><a/><?hm?>",
	};
	struct arena *arena = arena_new();

	(void)state;
	for (int round = 0; round < 3; round++) {
		for (size_t i = 0; i < COUNT(good); i++) {
			struct element *a = element_parse(arena, good[i], strlen(good[i]), NULL);

			assert_non_null(a);
			assert_true(element_is(a, "", "a"));
			assert_null(a->parent);
			assert_null(a->next);
		}
	}
	arena_drop(arena);
}

static void
one_element_has_no_limits(void **state)
{
	struct arena *arena = arena_new();
	char *wide = repeat("<a>", "<b xmlns='urn:x'/>", 100000, "</a>");
	char *deep = repeat("", "<a>", 5000, "");
	struct element *element = element_parse(arena, wide, strlen(wide), NULL);

	(void)state;
	assert_non_null(element);
	assert_string_equal(element->last->ns, "urn:x");
	free(wide);
	wide = repeat(deep, "</a>", 5000, "");
	assert_non_null(element_parse(arena, wide, strlen(wide), NULL));
	free(wide);
	free(deep);
	arena_drop(arena);
}

static void
what_is_not_one_element_is_refused_with_the_line(void **state)
{
	(void)state;
	assert_string_equal(parse_error(""), "there is no element");
	assert_string_equal(parse_error(" \n"), "there is no element");
	assert_string_equal(parse_error("<a>"), "the element does not end");
	assert_string_equal(parse_error("<a"), "the element does not end");
	assert_string_equal(parse_error("<a/>\n<b/>"), "line 2: more than one element");
	assert_string_equal(parse_error("<a/>x"), "line 1: text between elements");
	assert_string_equal(parse_error("<a>\n\n<b></c></a>"), "line 3: mismatched tag");
	assert_string_equal(parse_error("<a/></alone>"), "line 1: an end tag without a start tag");
	assert_string_equal(parse_error("</alone><alone>"),
			    "line 1: an end tag without a start tag");
	assert_string_equal(parse_error("<a/></alone><alone>"),
			    "line 1: an end tag without a start tag");
	assert_string_equal(parse_error("<!DOCTYPE a><a/>"),
			    "line 1: not well-formed (invalid token)");
	assert_string_equal(parse_error("<?xml version='1.0'?>\n<!DOCTYPE a><a/>"),
			    "line 2: a document type declaration");
	assert_string_equal(parse_error("<?xml version='1.0'?>"), "line 1: no element found");
	assert_string_equal(parse_error("<?xml version='1.0'?><a>"), "line 1: no element found");
	assert_string_equal(parse_error("<?xml version='1.0'?><a/><b/>"),
			    "line 1: junk after document element");
	assert_string_equal(parse_error("<?xml version='1.0'?><a/></a>"),
			    "line 1: not well-formed (invalid token)");
	assert_string_equal(parse_error("<a>\x01</a>"), "line 1: not well-formed (invalid token)");
	assert_string_equal(parse_error("<p:a/>"), "line 1: unbound prefix");
	assert_string_equal(parse_error("<a/><![CDATA["),
			    "line 1: a CDATA section between elements");
	assert_string_equal(parse_error("<a><![CDATA["), "the element does not end");
}

static void
an_element_may_be_read_while_another_is_heard(void **state)
{
	struct arena *arena = arena_new();
	struct ear ear;

	(void)state;
	begin_stream(&ear, &usual);
	feed(&ear, "<a><b>one");
	assert_non_null(element_parse(arena, "<x>y</x>", 8, NULL));
	feed(&ear, "</b></a>");
	assert_string_equal(heard(&ear), "E <a><b>one</b></a>\n");
	ear_clear(&ear);
	arena_drop(arena);
}

static void
what_is_written_reads_as_the_same(void **state)
{
	static const char *const all[] = {
		"<a/>",
		"<a xmlns='urn:a'><b xmlns=''/>x<c/></a>",
		"<p:a xmlns:p='urn:p' p:x='1' x='2'>\n<p:b>&#13;&#10;</p:b></p:a>",
		"<a b='&#9;&#10;&#13;&lt;&gt;&amp;&quot;&apos;'>]]&gt;</a>",
		"<a xml:lang='en' xml:space='preserve'> </a>",
	};
	struct arena *arena = arena_new();

	(void)state;
	for (size_t i = 0; i < COUNT(all); i++) {
		struct element *first = element_parse(arena, all[i], strlen(all[i]), NULL), *second;
		char *once, *twice;

		assert_non_null(first);
		once = xml_text(arena, first, NULL);
		second = element_parse(arena, once, strlen(once), NULL);
		assert_non_null(second);
		twice = xml_text(arena, second, NULL);
		assert_string_equal(once, twice);
	}
	arena_drop(arena);
	parser_pool_trim();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_stream_is_heard_in_any_pieces),
		cmocka_unit_test(a_header_alone_may_end_at_once),
		cmocka_unit_test(prefixes_are_gone),
		cmocka_unit_test(what_follows_the_footer_is_thrown_away),
		cmocka_unit_test(pieces_of_text_are_one_node),
		cmocka_unit_test(known_namespaces_are_not_copied),
		cmocka_unit_test(a_parser_is_idle_between_elements),
		cmocka_unit_test(white_space_between_elements_is_no_part_of_them),
		cmocka_unit_test(nothing_is_fed_without_harm),
		cmocka_unit_test(a_listener_stops_the_parser_right_behind_the_element),
		cmocka_unit_test(a_listener_stops_the_parser_behind_the_header),
		cmocka_unit_test(what_a_stopped_parser_left_is_read_by_the_next),
		cmocka_unit_test(a_parser_stopped_at_the_end_of_its_bytes_is_lent_again),
		cmocka_unit_test(what_is_not_well_formed_is_refused),
		cmocka_unit_test(what_xmpp_forbids_is_refused),
		cmocka_unit_test(other_encodings_and_versions_are_refused),
		cmocka_unit_test(a_byte_order_mark_of_utf8_is_passed_over),
		cmocka_unit_test(undeclared_prefixes_are_refused),
		cmocka_unit_test(text_between_elements_is_refused),
		cmocka_unit_test(an_open_cdata_section_does_not_get_into_the_pool),
		cmocka_unit_test(elements_before_a_fault_are_heard),
		cmocka_unit_test(bytes_are_limited_exactly),
		cmocka_unit_test(an_element_that_never_ends_is_refused_in_time),
		cmocka_unit_test(the_header_has_the_same_limit),
		cmocka_unit_test(depth_is_limited),
		cmocka_unit_test(attributes_are_limited),
		cmocka_unit_test(elements_are_limited),
		cmocka_unit_test(namespaces_are_limited),
		cmocka_unit_test(a_namespace_may_not_be_huge),
		cmocka_unit_test(a_foreign_namespace_is_kept_once_in_a_stanza),
		cmocka_unit_test(an_idle_parser_is_lent_again),
		cmocka_unit_test(a_borrowed_parser_hears_the_end_of_the_stream),
		cmocka_unit_test(a_primed_parser_behaves_like_one_that_heard_the_header),
		cmocka_unit_test(usual_roots_are_one_for_all_streams),
		cmocka_unit_test(each_usual_root_has_its_pool),
		cmocka_unit_test(an_unusual_root_is_primed_again_and_never_pooled),
		cmocka_unit_test(a_root_outlives_its_parser),
		cmocka_unit_test(a_parser_in_the_middle_of_something_is_not_pooled),
		cmocka_unit_test(a_parser_that_remembers_too_many_names_is_freed),
		cmocka_unit_test(the_pool_is_bounded),
		cmocka_unit_test(a_lent_parser_has_the_limits_of_its_borrower),
		cmocka_unit_test(a_parser_may_travel_to_another_thread),
		cmocka_unit_test(one_element_is_read_from_memory),
		cmocka_unit_test(one_element_has_no_limits),
		cmocka_unit_test(what_is_not_one_element_is_refused_with_the_line),
		cmocka_unit_test(an_element_may_be_read_while_another_is_heard),
		cmocka_unit_test(what_is_written_reads_as_the_same),
	};

	return cmocka_run_group_tests_name("xml/parser", tests, NULL, NULL);
}
