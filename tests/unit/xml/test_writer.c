/* SPDX-License-Identifier: MIT */
/* Elements to bytes. */
#include "xml/writer.h"
#include "xml/parser.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

static struct element *
read_xml(struct arena *arena, const char *xml)
{
	struct element *element = element_parse(arena, xml, strlen(xml), NULL);

	assert_non_null(element);
	return element;
}

/* What `xml` is when it was read and written where the default namespace is `ns`. */
static void
assert_written(const char *xml, const char *ns, const char *expected)
{
	struct arena *arena = arena_new();

	assert_string_equal(xml_text(arena, read_xml(arena, xml), ns), expected);
	arena_drop(arena);
}

static void
the_namespace_is_declared_where_it_changes(void **state)
{
	(void)state;
	assert_written("<m xmlns='jabber:client'><body>x</body></m>", "jabber:client",
		       "<m><body>x</body></m>");
	assert_written("<m xmlns='jabber:client'><body>x</body></m>", NULL,
		       "<m xmlns='jabber:client'><body>x</body></m>");
	assert_written("<m xmlns='jabber:client'><x xmlns='urn:x'><y/></x><z/></m>",
		       "jabber:server",
		       "<m xmlns='jabber:client'><x xmlns='urn:x'><y/></x><z/></m>");
	assert_written("<a:m xmlns:a='urn:a' xmlns:b='urn:b'><b:x><a:y/></b:x><a:z/></a:m>", NULL,
		       "<m xmlns='urn:a'><x xmlns='urn:b'><y xmlns='urn:a'/></x><z/></m>");
}

static void
no_namespace_is_declared_as_such(void **state)
{
	(void)state;
	assert_written("<m/>", NULL, "<m/>");
	assert_written("<m/>", "", "<m/>");
	assert_written("<m/>", "jabber:client", "<m xmlns=''/>");
	assert_written("<m xmlns='urn:x'><n xmlns=''><o/></n></m>", "urn:x",
		       "<m><n xmlns=''><o/></n></m>");
}

static void
a_namespace_left_open_is_that_of_the_place(void **state)
{
	struct arena *arena = arena_new();
	struct element *e = element_new(arena, NULL, "e");

	(void)state;
	element_add(arena, element_add(arena, e, NULL, "f"), "urn:x", "g");
	assert_string_equal(xml_text(arena, e, "jabber:client"),
			    "<e><f><g xmlns='urn:x'/></f></e>");
	arena_drop(arena);
}

static void
xml_lang_keeps_its_prefix(void **state)
{
	(void)state;
	assert_written("<m a='1' xml:lang='en'/>", NULL, "<m a='1' xml:lang='en'/>");
}

static void
other_attributes_in_namespaces_get_a_prefix(void **state)
{
	(void)state;
	assert_written("<m xmlns:p='urn:p' xmlns:q='urn:q' p:a='1' b='2' q:c='3' p:d='4'/>", NULL,
		       "<m xmlns:a0='urn:p' a0:a='1' b='2' xmlns:a2='urn:q' a2:c='3' a0:d='4'/>");
}

static void
what_is_markup_is_escaped(void **state)
{
	struct arena *arena = arena_new();
	struct element *e = element_new(arena, "", "e");

	(void)state;
	element_set(arena, e, "a", "<>&'\"\t\n\r");
	element_put_text(arena, e, "<>&'\"\t\n\r]]>");
	assert_string_equal(xml_text(arena, e, NULL),
			    "<e a='&lt;&gt;&amp;&apos;&quot;&#9;&#10;&#13;'>"
			    "&lt;&gt;&amp;&apos;&quot;\t\n&#13;]]&gt;</e>");
	arena_drop(arena);
}

static void
white_space_survives_reading(void **state)
{
	struct arena *arena = arena_new();
	struct element *e = element_new(arena, "", "e"), *again;

	(void)state;
	element_set(arena, e, "a", " \t\n\r  x\r\n");
	element_put_text(arena, e, "\r\n \t\r");
	again = read_xml(arena, xml_text(arena, e, NULL));
	assert_string_equal(element_get(again, "a"), " \t\n\r  x\r\n");
	assert_string_equal(element_text(arena, again), "\r\n \t\r");
	arena_drop(arena);
}

static void
what_xml_cannot_say_is_replaced(void **state)
{
	struct arena *arena = arena_new();
	struct element *e = element_new(arena, "", "e");

	(void)state;
	element_put_text(arena, e,
			 "a\x01\x1f\x0b"
			 "b\xef\xbf\xbe\xef\xbf\xbf\xef\xbf\xbd\xef\xac\x81");
	assert_string_equal(xml_text(arena, e, NULL),
			    "<e>a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"
			    "b\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xac\x81</e>");
	element_set(arena, e, "a", "\xef");
	assert_non_null(xml_text(arena, e, NULL));
	arena_drop(arena);
}

static void
bytes_are_escaped_for_text_and_values_alike(void **state)
{
	struct text out = { 0 };

	(void)state;
	xml_escape(&out, "a<b\nc\0d", 7);
	assert_string_equal(out.bytes, "a&lt;b&#10;c\xef\xbf\xbd"
				       "d");
	text_empty(&out);
	xml_escape(&out, "", 0);
	assert_int_equal(out.length, 0);
	text_clear(&out);
}

static void
head_and_rest_make_the_whole(void **state)
{
	static const char xml[] = "<m xmlns='urn:m' a='1'>x<b xmlns='urn:b'><c/></b></m>";
	struct arena *arena = arena_new();
	struct element *e = read_xml(arena, xml);
	struct text out = { 0 };

	(void)state;
	xml_write_start(&out, e, NULL);
	assert_string_equal(out.bytes, "<m xmlns='urn:m' a='1'>");
	xml_write_rest(&out, e);
	assert_string_equal(out.bytes, xml);
	text_empty(&out);
	xml_write_start(&out, read_xml(arena, "<m/>"), NULL);
	xml_write_rest(&out, read_xml(arena, "<m/>"));
	assert_string_equal(out.bytes, "<m></m>");
	text_clear(&out);
	arena_drop(arena);
}

static void
a_part_is_written_without_its_neighbours(void **state)
{
	struct arena *arena = arena_new();
	struct element *e = read_xml(arena, "<m><a><b/>x</a><c/></m>");

	(void)state;
	assert_string_equal(xml_text(arena, e->first, ""), "<a><b/>x</a>");
	assert_string_equal(xml_text(arena, e->first->first, ""), "<b/>");
	assert_string_equal(xml_text(arena, e->first->last, ""), "x");
	arena_drop(arena);
}

static void
a_wire_is_as_long_as_its_bytes(void **state)
{
	struct arena *arena = arena_new();
	struct element *e = read_xml(arena, "<m><a/></m>");
	char *words = arena_bytes(arena, 100001);
	struct wire *wire = xml_wire(e, NULL);

	(void)state;
	assert_int_equal(wire->length, 11);
	assert_memory_equal(wire->bytes, "<m><a/></m>", 11);
	wire_drop(wire);
	memset(words, 'w', 100000);
	words[100000] = '\0';
	element_put_text(arena, e, words);
	wire = xml_wire(e, NULL);
	assert_int_equal(wire->length, 100011);
	wire_drop(wire);
	wire = xml_wire(read_xml(arena, "<m/>"), NULL);
	assert_int_equal(wire->length, 4);
	wire_drop(wire);
	arena_drop(arena);
	parser_pool_trim();
}

/* The longer wire is what would have been written had the child been there. */
static void
appends(const char *parent_xml, const char *child_xml, const char *ns, const char *expected)
{
	struct arena *arena = arena_new();
	struct element *parent = read_xml(arena, parent_xml);
	struct element *child = read_xml(arena, child_xml);
	struct wire *wire = xml_wire(parent, ns);
	struct wire *longer = xml_wire_append(wire, parent, child, ns);

	if (expected == NULL) {
		assert_null(longer);
	} else {
		assert_non_null(longer);
		assert_int_equal(longer->length, strlen(expected));
		assert_memory_equal(longer->bytes, expected, longer->length);
		wire_drop(longer);
	}
	wire_drop(wire);
	arena_drop(arena);
}

static void
a_wire_gets_a_child_without_being_written_anew(void **state)
{
	(void)state;
	appends("<m a='1'><b>x</b></m>", "<c/>", NULL, "<m a='1'><b>x</b><c/></m>");
	appends("<m xmlns='u:m'>x</m>", "<c xmlns='u:m'/>", "u:m", "<m>x<c/></m>");
	appends("<m xmlns='u:m'>x</m>", "<c xmlns='u:c'/>", "u:m", "<m>x<c xmlns='u:c'/></m>");
	appends("<m xmlns='u:m'>x</m>", "<c xmlns='u:m'/>", NULL, "<m xmlns='u:m'>x<c/></m>");
	appends("<m/>", "<c/>", NULL, NULL);
	appends("<mm/>", "<c/>", NULL, NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_namespace_is_declared_where_it_changes),
		cmocka_unit_test(no_namespace_is_declared_as_such),
		cmocka_unit_test(a_namespace_left_open_is_that_of_the_place),
		cmocka_unit_test(xml_lang_keeps_its_prefix),
		cmocka_unit_test(other_attributes_in_namespaces_get_a_prefix),
		cmocka_unit_test(what_is_markup_is_escaped),
		cmocka_unit_test(white_space_survives_reading),
		cmocka_unit_test(what_xml_cannot_say_is_replaced),
		cmocka_unit_test(bytes_are_escaped_for_text_and_values_alike),
		cmocka_unit_test(head_and_rest_make_the_whole),
		cmocka_unit_test(a_part_is_written_without_its_neighbours),
		cmocka_unit_test(a_wire_is_as_long_as_its_bytes),
		cmocka_unit_test(a_wire_gets_a_child_without_being_written_anew),
	};

	return cmocka_run_group_tests_name("xml/writer", tests, NULL, NULL);
}
