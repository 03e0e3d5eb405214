/* SPDX-License-Identifier: MIT */
#include "../../../modules/mod_sm/queue.c"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct wire *blank;

static int
set_up(void **state)
{
	*state = zalloc(sizeof(struct queue));
	blank = wire_new("-", 1);
	return 0;
}

static int
tear_down(void **state)
{
	queue_clear(*state);
	free(*state);
	wire_drop(blank);
	return 0;
}

static void
say_behind(struct queue *queue, const char *words, bool given, struct gate *gate)
{
	struct parcel parcel = { .head = wire_new(words, strlen(words)), .gate = gate };

	queue_add(queue, &parcel, given);
	wire_drop(parcel.head);
}

static void
say(struct queue *queue, const char *words, bool given)
{
	say_behind(queue, words, given, NULL);
}

/* What is given next, "" when there is nothing. */
static const char *
next(struct queue *queue)
{
	static char words[8];
	struct parcel parcel;

	words[0] = '\0';
	if (!queue_give(queue, &parcel, blank))
		return words;
	memcpy(words, parcel.head->bytes, parcel.head->length);
	words[parcel.head->length] = '\0';
	parcel_drop(&parcel);
	return words;
}

static void
what_is_acknowledged_is_forgotten(void **state)
{
	struct queue *queue = *state;

	say(queue, "a", true);
	say(queue, "bb", true);
	say(queue, "c", true);
	assert_int_equal(queue->bytes, 4);
	assert_int_equal(queue_ack(queue, 2), ACKED);
	assert_int_equal(queue->count, 1);
	assert_int_equal(queue->bytes, 1);
	assert_int_equal(queue_ack(queue, 2), ACKED);
	assert_int_equal(queue_ack(queue, 1), ACKED_BEFORE);
	assert_int_equal(queue_ack(queue, 4), ACKED_TOO_MUCH);
	assert_int_equal(queue->count, 1);
	assert_int_equal(queue_ack(queue, 3), ACKED);
	assert_int_equal(queue_last(queue), 3);
}

static void
numbers_begin_anew_behind_the_last_one(void **state)
{
	struct queue *queue = *state;

	queue->acked = UINT32_MAX - 1;
	say(queue, "a", true);
	say(queue, "b", true);
	say(queue, "c", true);
	assert_int_equal(queue_last(queue), 1);
	assert_int_equal(queue_ack(queue, UINT32_MAX), ACKED);
	assert_int_equal(queue_ack(queue, UINT32_MAX - 1), ACKED_BEFORE);
	assert_int_equal(queue_ack(queue, 2), ACKED_TOO_MUCH);
	assert_int_equal(queue_ack(queue, 0), ACKED);
	assert_int_equal(queue->count, 1);
	assert_int_equal(queue_ack(queue, 1), ACKED);
	assert_int_equal(queue->count, 0);
}

static void
what_no_link_was_given_cannot_be_acknowledged(void **state)
{
	struct queue *queue = *state;

	say(queue, "a", true);
	say(queue, "b", false);
	say(queue, "c", false);
	assert_int_equal(queue_given(queue), 1);
	assert_int_equal(queue_ack(queue, 2), ACKED_TOO_MUCH);
	assert_string_equal(next(queue), "b");
	assert_int_equal(queue_ack(queue, 2), ACKED);
	assert_string_equal(next(queue), "c");
	assert_string_equal(next(queue), "");
}

static void
another_link_is_given_all_that_is_left(void **state)
{
	struct queue *queue = *state;

	say(queue, "a", true);
	say(queue, "b", true);
	say(queue, "c", false);
	assert_int_equal(queue_ack(queue, 1), ACKED);
	queue_rewind(queue);
	assert_int_equal(queue_given(queue), 1);
	assert_string_equal(next(queue), "b");
	assert_int_equal(queue_given(queue), 2);
	queue_rewind(queue); /* lost again */
	assert_string_equal(next(queue), "b");
	assert_string_equal(next(queue), "c");
	assert_string_equal(next(queue), "");
	say(queue, "d", true);
	assert_int_equal(queue_ack(queue, 4), ACKED);
	assert_int_equal(queue->bytes, 0);
}

static void
what_is_refused_keeps_its_number(void **state)
{
	struct queue *queue = *state;
	struct gate *gate = gate_new();

	say_behind(queue, "lost", true, gate);
	say(queue, "b", true);
	gate_answer(gate, false);
	gate_drop(gate);
	queue_rewind(queue);
	assert_string_equal(next(queue), "-");
	assert_string_equal(next(queue), "b");
	assert_int_equal(queue->bytes, 1);
	assert_int_equal(queue_ack(queue, 2), ACKED);
}

static void
what_waits_for_the_store_is_given_with_its_gate(void **state)
{
	struct queue *queue = *state;
	struct gate *gate = gate_new();
	struct parcel parcel;

	say_behind(queue, "a", false, gate);
	assert_true(queue_give(queue, &parcel, blank));
	assert_ptr_equal(parcel.gate, gate);
	assert_ptr_equal(parcel.instead, blank);
	parcel_drop(&parcel);
	gate_answer(gate, true);
	queue_rewind(queue);
	assert_true(queue_give(queue, &parcel, blank));
	assert_null(parcel.gate);
	assert_null(parcel.instead);
	parcel_drop(&parcel);
	gate_drop(gate);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		TEST(what_is_acknowledged_is_forgotten),
		TEST(numbers_begin_anew_behind_the_last_one),
		TEST(what_no_link_was_given_cannot_be_acknowledged),
		TEST(another_link_is_given_all_that_is_left),
		TEST(what_is_refused_keeps_its_number),
		TEST(what_waits_for_the_store_is_given_with_its_gate),
	};

	return cmocka_run_group_tests_name("modules/sm_queue", tests, NULL, NULL);
}
