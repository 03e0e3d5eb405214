/* SPDX-License-Identifier: MIT */
#include "stream/outbox.c"

#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct text said;
static unsigned emptied_count;

/* The link of these tests only writes down what it is told. */
void
link_say(struct link *link, struct wire *wire)
{
	assert_ptr_equal(link, &said);
	text_add_bytes(&said, wire->bytes, wire->length);
	wire_drop(wire);
}

static void
emptied(struct outbox *outbox)
{
	assert_true(outbox_is_empty(outbox));
	emptied_count++;
}

static struct parcel
parcel(const char *words, struct gate *gate)
{
	return (struct parcel) { .head = wire_new(words, strlen(words)), .gate = gate };
}

static int
set_up(void **state)
{
	struct outbox *outbox = zalloc(sizeof *outbox);

	text_clear(&said);
	text_add(&said, "");
	emptied_count = 0;
	outbox_init(outbox, (struct link *)&said, emptied);
	*state = outbox;
	return 0;
}

static int
tear_down(void **state)
{
	outbox_clear(*state);
	free(*state);
	text_clear(&said);
	return 0;
}

static void
without_gates_everything_leaves_at_once(void **state)
{
	struct outbox *outbox = *state;
	struct parcel two = parcel("b1", NULL);

	two.payload = wire_new("b2", 2);
	outbox_say(outbox, parcel("a", NULL));
	outbox_say(outbox, two);
	assert_string_equal(said.bytes, "ab1b2");
	assert_true(outbox_is_empty(outbox));
	assert_int_equal(outbox->bytes, 0);
}

static void
a_shut_gate_holds_back_what_is_behind(void **state)
{
	struct outbox *outbox = *state;
	struct gate *gate = gate_new();

	outbox_say(outbox, parcel("a", NULL));
	outbox_say(outbox, parcel("b", gate_hold(gate)));
	outbox_say(outbox, parcel("c", NULL));
	outbox_say(outbox, parcel("d", NULL));
	assert_string_equal(said.bytes, "a");
	assert_int_equal(outbox->bytes, 3);
	gate_answer(gate, true);
	assert_string_equal(said.bytes, "abcd");
	assert_int_equal(emptied_count, 1);
	assert_int_equal(outbox->bytes, 0);
	gate_drop(gate);
}

static void
a_refused_gate_takes_its_parcel_out(void **state)
{
	struct outbox *outbox = *state;
	struct gate *first = gate_new(), *second = gate_new();

	outbox_say(outbox, parcel("a", gate_hold(first)));
	outbox_say(outbox, parcel("b", gate_hold(second)));
	outbox_say(outbox, parcel("c", NULL));
	gate_answer(second, false);
	assert_string_equal(said.bytes, "");
	gate_answer(first, true);
	assert_string_equal(said.bytes, "ac");
	assert_int_equal(outbox->bytes, 0);
	gate_drop(first);
	gate_drop(second);
}

static struct parcel
parcel_or(const char *words, struct gate *gate, const char *instead)
{
	struct parcel made = parcel(words, gate);

	made.instead = wire_new(instead, strlen(instead));
	return made;
}

static void
a_refused_parcel_may_have_another_in_its_place(void **state)
{
	struct outbox *outbox = *state;
	struct gate *first = gate_new(), *second = gate_new();

	outbox_say(outbox, parcel_or("a", gate_hold(first), "x"));
	outbox_say(outbox, parcel_or("bbb", gate_hold(second), "yy"));
	outbox_say(outbox, parcel_or("c", NULL, "z"));
	gate_answer(second, false);
	assert_int_equal(outbox->bytes, 4);
	assert_string_equal(said.bytes, "");
	gate_answer(first, true);
	assert_string_equal(said.bytes, "ayyc");
	assert_int_equal(outbox->bytes, 0);
	outbox_say(outbox, parcel_or("d", gate_hold(second), "w"));
	assert_string_equal(said.bytes, "ayycw");
	gate_drop(first);
	gate_drop(second);
}

static void
gates_may_open_in_any_order_and_the_order_stays(void **state)
{
	struct outbox *outbox = *state;
	struct gate *first = gate_new(), *second = gate_new();

	outbox_say(outbox, parcel("a", gate_hold(first)));
	outbox_say(outbox, parcel("b", gate_hold(second)));
	gate_answer(second, true);
	assert_string_equal(said.bytes, "");
	assert_int_equal(emptied_count, 0);
	gate_answer(first, true);
	assert_string_equal(said.bytes, "ab");
	gate_drop(first);
	gate_drop(second);
}

static void
one_gate_may_stand_before_many_parcels(void **state)
{
	struct outbox *outbox = *state;
	struct gate *gate = gate_new();

	for (int i = 0; i < 3; i++)
		outbox_say(outbox, parcel("x", gate_hold(gate)));
	gate_answer(gate, true);
	assert_string_equal(said.bytes, "xxx");
	gate_drop(gate);

	gate = gate_new();
	for (int i = 0; i < 3; i++)
		outbox_say(outbox, parcel("y", gate_hold(gate)));
	gate_answer(gate, false);
	assert_string_equal(said.bytes, "xxx");
	assert_true(outbox_is_empty(outbox));
	gate_drop(gate);
}

static void
a_gate_that_has_answered_holds_nothing_back(void **state)
{
	struct outbox *outbox = *state;
	struct gate *open = gate_new(), *refused = gate_new();

	gate_answer(open, true);
	gate_answer(refused, false);
	outbox_say(outbox, parcel("a", gate_hold(open)));
	outbox_say(outbox, parcel("b", gate_hold(refused)));
	outbox_say(outbox, parcel("c", NULL));
	assert_string_equal(said.bytes, "ac");
	gate_drop(open);
	gate_drop(refused);
}

static void
clearing_leaves_the_gates(void **state)
{
	struct outbox *outbox = *state;
	struct gate *gate = gate_new();

	outbox_say(outbox, parcel("a", gate_hold(gate)));
	outbox_say(outbox, parcel("b", gate_hold(gate)));
	outbox_clear(outbox);
	assert_int_equal(gate->holds, 1);
	gate_answer(gate, true);
	assert_string_equal(said.bytes, "");
	gate_drop(gate);
}

static void
without_a_link_words_are_dropped(void **state)
{
	struct outbox *outbox = *state;

	outbox->link = NULL;
	outbox_say(outbox, parcel("a", NULL));
	assert_string_equal(said.bytes, "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		TEST(without_gates_everything_leaves_at_once),
		TEST(a_shut_gate_holds_back_what_is_behind),
		TEST(a_refused_gate_takes_its_parcel_out),
		TEST(a_refused_parcel_may_have_another_in_its_place),
		TEST(gates_may_open_in_any_order_and_the_order_stays),
		TEST(one_gate_may_stand_before_many_parcels),
		TEST(a_gate_that_has_answered_holds_nothing_back),
		TEST(clearing_leaves_the_gates),
		TEST(without_a_link_words_are_dropped),
	};

	return cmocka_run_group_tests_name("stream/outbox", tests, NULL, NULL);
}
