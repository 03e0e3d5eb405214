/* SPDX-License-Identifier: MIT */
#include "bench/load_scan.c"
#include "bench/load_talk.c"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>

static struct talk_heard
hear_all(const char *numbers)
{
	struct talk_heard heard = { 0 };

	for (; *numbers != '\0'; numbers++)
		talk_hear(&heard, (uint64_t)(*numbers - '0'));
	talk_heard_clear(&heard);
	return heard;
}

static void
what_comes_is_counted(void **state)
{
	static const struct {
		const char *numbers;
		unsigned distinct, duplicated, reordered;
	} rows[] = {
		{ "0123", 4, 0, 0 },  { "023", 3, 0, 0 },         { "0213", 4, 0, 1 },
		{ "00122", 3, 2, 0 }, { "3210", 4, 0, 3 },        { "904040", 3, 3, 2 },
		{ "95555", 2, 3, 1 }, { "9876543210", 10, 0, 9 }, { "9135", 4, 0, 3 },
		{ "", 0, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct talk_heard heard = hear_all(rows[i].numbers);

		assert_int_equal(heard.distinct, rows[i].distinct);
		assert_int_equal(heard.duplicated, rows[i].duplicated);
		assert_int_equal(heard.reordered, rows[i].reordered);
	}
}

static void
a_message_is_read_as_it_was_written(void **state)
{
	struct talk_message message;
	struct talk_text text;
	struct slice slice;

	(void)state;
	talk_message_make(&message, "<message id='' to='x'><body>", "</body></message>", 100);
	talk_message_number(&message, 12, 0x123456789abc, 1234567890123456789);
	slice = (struct slice) { message.bytes, message.length };
	assert_int_equal(message.length, strlen(message.bytes));
	assert_true(slice_starts(slice, "<message id='123456789abc' to='x'><body>"));
	assert_true(talk_read(&text, slice));
	assert_int_equal(text.sender, 12);
	assert_int_equal(text.sequence, 0x123456789abc);
	assert_int_equal(text.sent, 1234567890123456789);
	/* One of another run is none of ours. */
	message.bytes[message.head] = message.bytes[message.head] == '0' ? '1' : '0';
	assert_false(talk_read(&text, slice));
	talk_message_clear(&message);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_comes_is_counted),
		cmocka_unit_test(a_message_is_read_as_it_was_written),
	};

	return cmocka_run_group_tests_name("bench/load_talk", tests, NULL, NULL);
}
