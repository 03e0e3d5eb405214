/* SPDX-License-Identifier: MIT */
/* A piece of XML in memory. */
#include "xml/element.h"
#include "xml/parser.h"
#include "xml/writer.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdlib.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

static struct element *
read_xml(struct arena *arena, const char *xml)
{
	struct err err = { 0 };
	struct element *element = element_parse(arena, xml, strlen(xml), &err);

	if (element == NULL)
		print_error("%s\n", err.text);
	assert_non_null(element);
	return element;
}

static void
children_inherit_the_namespace_of_their_parent(void **state)
{
	struct arena *arena = arena_new();
	struct element *iq = element_new(arena, "jabber:client", "iq");
	struct element *child = element_add(arena, iq, NULL, "a");
	struct element *other = element_add(arena, iq, "urn:x", "b");

	(void)state;
	assert_string_equal(child->ns, "jabber:client");
	assert_string_equal(element_add(arena, other, NULL, "c")->ns, "urn:x");
	assert_ptr_equal(child->parent, iq);
	assert_ptr_equal(iq->first, child);
	assert_ptr_equal(iq->last, other);
	arena_drop(arena);
}

static void
a_piece_without_namespace_gets_one_wholly_when_put(void **state)
{
	struct arena *arena = arena_new();
	struct element *piece = element_new(arena, NULL, "piece");
	struct element *child = element_add(arena, piece, NULL, "child");
	struct element *foreign = element_add(arena, piece, "urn:x", "foreign");
	struct element *below = element_add(arena, foreign, NULL, "below");
	struct element *top = element_new(arena, "urn:top", "top");

	(void)state;
	assert_null(child->ns);
	element_put(top, piece);
	assert_string_equal(piece->ns, "urn:top");
	assert_string_equal(child->ns, "urn:top");
	assert_string_equal(foreign->ns, "urn:x");
	assert_string_equal(below->ns, "urn:x");
	arena_drop(arena);
}

static void
attributes_are_set_replaced_and_removed(void **state)
{
	struct arena *arena = arena_new();
	struct element *e = element_new(arena, "", "e");
	char value[] = "first";

	(void)state;
	assert_null(element_get(e, "a"));
	element_set(arena, e, "a", value);
	value[0] = 'x';
	assert_string_equal(element_get(e, "a"), "first");
	element_set(arena, e, "b", "other");
	element_set(arena, e, "a", "second");
	assert_string_equal(element_get(e, "a"), "second");
	assert_string_equal(e->attributes->name, "a");
	element_set(arena, e, "a", NULL);
	element_set(arena, e, "none", NULL);
	assert_null(element_get(e, "a"));
	assert_string_equal(element_get(e, "b"), "other");
	element_setf(arena, e, "n", "%d-%0300d", 1, 2);
	assert_int_equal(strlen(element_get(e, "n")), 302);
	element_setf(arena, e, "n", "%d", 12);
	assert_string_equal(element_get(e, "n"), "12");
	arena_drop(arena);
}

static void
an_attribute_in_a_namespace_is_another(void **state)
{
	struct arena *arena = arena_new();
	struct element *e = element_new(arena, "", "e");

	(void)state;
	element_set_ns(arena, e, NS_XML, "lang", "de");
	assert_null(element_get(e, "lang"));
	assert_string_equal(element_get_ns(e, NS_XML, "lang"), "de");
	element_set(arena, e, "lang", "en");
	assert_string_equal(element_get_ns(e, NS_XML, "lang"), "de");
	assert_string_equal(element_get(e, "lang"), "en");
	assert_string_equal(element_get_ns(e, NULL, "lang"), "en");
	arena_drop(arena);
}

static void
numbers_are_read_strictly(void **state)
{
	static const char *const bad[] = { "",
					   "-",
					   "+",
					   " 1",
					   "1 ",
					   "1.0",
					   "0x1",
					   "1e3",
					   "--1",
					   "9223372036854775808",
					   "-9223372036854775809",
					   "99999999999999999999" };
	static const struct {
		const char *text;
		int64_t value;
	} good[] = {
		{ "0", 0 },
		{ "-0", 0 },
		{ "+7", 7 },
		{ "007", 7 },
		{ "-12", -12 },
		{ "9223372036854775807", INT64_MAX },
		{ "-9223372036854775808", INT64_MIN },
	};
	struct arena *arena = arena_new();
	struct element *e = element_new(arena, "", "e");
	int64_t value = 42;

	(void)state;
	assert_false(element_get_int(e, "n", &value));
	for (size_t i = 0; i < COUNT(bad); i++) {
		element_set(arena, e, "n", bad[i]);
		assert_false(element_get_int(e, "n", &value));
	}
	assert_true(value == 42);
	for (size_t i = 0; i < COUNT(good); i++) {
		element_set(arena, e, "n", good[i].text);
		assert_true(element_get_int(e, "n", &value));
		assert_true(value == good[i].value);
	}
	arena_drop(arena);
}

static void
truth_is_true_or_1(void **state)
{
	struct arena *arena = arena_new();
	struct element *e = read_xml(arena, "<e a='true' b='1' c='false' d='0' f='TRUE' g=''/>");

	(void)state;
	assert_true(element_get_bool(e, "a"));
	assert_true(element_get_bool(e, "b"));
	assert_false(element_get_bool(e, "c"));
	assert_false(element_get_bool(e, "d"));
	assert_false(element_get_bool(e, "f"));
	assert_false(element_get_bool(e, "g"));
	assert_false(element_get_bool(e, "none"));
	arena_drop(arena);
}

static void
children_are_found_by_name_and_namespace(void **state)
{
	struct arena *arena = arena_new();
	struct element *e =
		read_xml(arena, "<m xmlns='urn:m'>text<a n='1'/><a xmlns='urn:x' n='2'/>"
				"more<a n='3'/><b xmlns='urn:x' n='4'/></m>");

	(void)state;
	assert_string_equal(element_get(element_child(e, NULL, "a"), "n"), "1");
	assert_string_equal(element_get(element_child(e, "urn:m", "a"), "n"), "1");
	assert_string_equal(element_get(element_child(e, "urn:x", "a"), "n"), "2");
	assert_string_equal(element_get(element_child(e, "urn:x", NULL), "n"), "2");
	assert_string_equal(element_get(element_child(e, "urn:x", "b"), "n"), "4");
	assert_null(element_child(e, NULL, "b"));
	assert_null(element_child(e, "urn:y", NULL));
	assert_true(element_is(e, "urn:m", "m"));
	assert_false(element_is(e, "urn:m", "n"));
	assert_false(element_is(e, "urn:n", "m"));
	assert_false(element_is(e->first, "urn:m", "m"));
	assert_false(element_is(NULL, "urn:m", "m"));
	arena_drop(arena);
}

static void
walks_pass_over_text(void **state)
{
	struct arena *arena = arena_new();
	struct element *e = read_xml(arena, "<m>x<a/>y<b/>z</m>");
	char names[8];
	size_t count = 0;

	(void)state;
	ELEMENT_EACH (e, child) {
		names[count++] = child->name[0];
	}
	assert_int_equal(count, 2);
	assert_memory_equal(names, "ab", 2);
	assert_null(element_only_child(e));
	assert_null(element_only_child(read_xml(arena, "<m>x</m>")));
	assert_string_equal(element_only_child(read_xml(arena, "<m>x<a/>y</m>"))->name, "a");
	assert_null(element_first(read_xml(arena, "<m>x</m>")));
	arena_drop(arena);
}

static void
text_is_joined_over_its_pieces(void **state)
{
	struct arena *arena = arena_new();
	struct element *e = read_xml(arena, "<m>one<a>not this</a>two<b>b</b></m>");

	(void)state;
	assert_string_equal(element_text(arena, e), "onetwo");
	assert_string_equal(element_text(arena, read_xml(arena, "<m/>")), "");
	assert_string_equal(element_child_text(arena, e, NULL, "b"), "b");
	assert_null(element_child_text(arena, e, NULL, "c"));
	element_put_text(arena, e, "three");
	assert_string_equal(element_text(arena, e), "onetwothree");
	element_put_text(arena, e, "");
	element_put_text(arena, e, NULL);
	assert_string_equal(e->last->text, "three");
	assert_string_equal(element_text(arena, element_add_text(arena, e, NULL, "d", "dd")), "dd");
	assert_null(element_add_text(arena, e, NULL, "d", NULL)->first);
	arena_drop(arena);
}

static void
an_element_can_be_taken_out_anywhere(void **state)
{
	struct arena *arena = arena_new();
	struct element *e = read_xml(arena, "<m><a/><b/><c/></m>");
	struct element *a = e->first, *b = a->next, *c = b->next;

	(void)state;
	element_remove(b);
	assert_string_equal(xml_text(arena, e, ""), "<m><a/><c/></m>");
	assert_null(b->parent);
	element_remove(b);
	element_remove(c);
	element_put(e, b);
	assert_string_equal(xml_text(arena, e, ""), "<m><a/><b/></m>");
	element_remove(a);
	element_remove(b);
	assert_string_equal(xml_text(arena, e, ""), "<m/>");
	element_put(e, c);
	assert_string_equal(xml_text(arena, e, ""), "<m><c/></m>");
	arena_drop(arena);
}

static const char mixed[] =
	"<m xmlns='urn:m' a='1' xml:lang='en'>x<a xmlns='urn:unheard-of' b='2'><b/>y</a>"
	"<c><d><e xmlns='jabber:client'/></d></c>z</m>";

static void
a_copy_outlives_the_original(void **state)
{
	struct arena *first = arena_new(), *second = arena_new();
	struct element *copy = element_copy(second, read_xml(first, mixed));

	(void)state;
	arena_drop(first);
	assert_null(copy->parent);
	assert_string_equal(xml_text(second, copy, NULL), mixed);
	arena_drop(second);
}

static void
a_part_is_copied_without_its_neighbours(void **state)
{
	struct arena *arena = arena_new();
	struct element *e = read_xml(arena, mixed);
	struct element *part = element_child(e, "urn:unheard-of", "a");

	(void)state;
	assert_string_equal(xml_text(arena, element_copy(arena, part), "urn:unheard-of"),
			    "<a b='2'><b/>y</a>");
	assert_string_equal(element_copy(arena, e->first)->text, "x");
	arena_drop(arena);
}

static void
a_shell_has_attributes_and_nothing_below(void **state)
{
	struct arena *arena = arena_new();
	struct element *shell = element_copy_shell(arena, read_xml(arena, mixed));

	(void)state;
	assert_string_equal(xml_text(arena, shell, "urn:m"), "<m a='1' xml:lang='en'/>");
	arena_drop(arena);
}

static void
depth_costs_no_stack(void **state)
{
	enum { DEPTH = 300000 };
	struct arena *arena = arena_new();
	struct element *top = element_new(arena, NULL, "top"), *at = top, *copy;
	struct text text = { 0 };

	(void)state;
	for (int i = 0; i < DEPTH; i++)
		at = element_add(arena, at, NULL, "d");
	element_put(element_new(arena, "urn:x", "x"), top);
	assert_string_equal(at->ns, "urn:x");
	copy = element_copy(arena, top);
	xml_write(&text, copy, "urn:x");
	assert_int_equal(text.length, 2 * 5 + 1 + (size_t)DEPTH * 7 - 3);
	text_clear(&text);
	arena_drop(arena);
}

static void
a_copy_of_ones_own_is_one_block_and_the_same_xml(void **state)
{
	static const char *const texts[] = {
		"<presence xmlns='jabber:client'/>",
		"<presence xmlns='jabber:client' to='a@b' xml:lang='en'><show>away</show>"
		"<x xmlns='urn:odd:one' k='v'><y>a &amp; b<z/>tail</y><y/></x><status/></presence>",
		"<a xmlns='n'><b><c><d/></c></b><e/><f><g/>text</f></a>",
	};
	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		struct arena *arena = arena_new();
		struct element *element = element_parse(arena, texts[i], strlen(texts[i]), NULL);
		struct element *own;
		char *before, *after;

		assert_non_null(element);
		before = copy_text(xml_text(arena, element, NULL));
		own = element_own(element);
		arena_drop(arena);
		arena = arena_new();
		after = xml_text(arena, own, NULL);
		assert_string_equal(before, after);
		free(before);
		free(own);
		arena_drop(arena);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(children_inherit_the_namespace_of_their_parent),
		cmocka_unit_test(a_piece_without_namespace_gets_one_wholly_when_put),
		cmocka_unit_test(attributes_are_set_replaced_and_removed),
		cmocka_unit_test(an_attribute_in_a_namespace_is_another),
		cmocka_unit_test(numbers_are_read_strictly),
		cmocka_unit_test(truth_is_true_or_1),
		cmocka_unit_test(children_are_found_by_name_and_namespace),
		cmocka_unit_test(walks_pass_over_text),
		cmocka_unit_test(text_is_joined_over_its_pieces),
		cmocka_unit_test(an_element_can_be_taken_out_anywhere),
		cmocka_unit_test(a_copy_outlives_the_original),
		cmocka_unit_test(a_part_is_copied_without_its_neighbours),
		cmocka_unit_test(a_shell_has_attributes_and_nothing_below),
		cmocka_unit_test(depth_costs_no_stack),
		cmocka_unit_test(a_copy_of_ones_own_is_one_block_and_the_same_xml),
	};

	return cmocka_run_group_tests_name("xml/element", tests, NULL, NULL);
}
