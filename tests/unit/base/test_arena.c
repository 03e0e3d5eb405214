/* SPDX-License-Identifier: MIT */
/* Memory that goes all at once. */
#include "base/arena.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

static int endings;
static int ended[4];

static void
note_ending(void *arg)
{
	ended[endings++] = *(int *)arg;
}

static void
what_is_allocated_is_zeroed_and_aligned(void **state)
{
	(void)state;
	for (int round = 0; round < 3; round++) {
		struct arena *arena = arena_new();

		for (size_t size = 1; size < 300; size++) {
			unsigned char *bytes = arena_alloc(arena, size);

			assert_int_equal((uintptr_t)bytes % _Alignof(max_align_t), 0);
			for (size_t i = 0; i < size; i++)
				assert_int_equal(bytes[i], 0);
			/* So that the next arena gets dirty blocks. */
			memset(bytes, 0xff, size);
			memset(arena_bytes(arena, size), 0xff, size);
		}
		arena_drop(arena);
	}
	arena_trim();
}

static void
allocations_do_not_overlap(void **state)
{
	enum { MANY = 3000 };
	static unsigned char *places[MANY];
	static size_t sizes[MANY];
	struct arena *arena = arena_new();
	unsigned random = 1;

	(void)state;
	for (size_t i = 0; i < MANY; i++) {
		random = random * 1103515245u + 12345u;
		sizes[i] = random >> 16 & (i % 50 == 0 ? 8191 : 127);
		places[i] = i % 2 ? arena_alloc(arena, sizes[i])
				  : (unsigned char *)arena_bytes(arena, sizes[i]);
		memset(places[i], (int)(i & 255), sizes[i]);
	}
	for (size_t i = 0; i < MANY; i++)
		for (size_t j = 0; j < sizes[i]; j++)
			assert_int_equal(places[i][j], i & 255);
	arena_drop(arena);
}

static void
a_small_arena_is_one_small_block(void **state)
{
	struct arena *arena = arena_new();
	size_t size = arena_size(arena);

	(void)state;
	assert_in_range(size, 1, 2048);
	arena_alloc(arena, 100);
	arena_copy(arena, "a few characters");
	assert_int_equal(arena_size(arena), size);
	arena_drop(arena);
}

static void
size_follows_what_is_taken(void **state)
{
	struct arena *arena = arena_new();
	size_t before;

	(void)state;
	for (int i = 0; i < 100; i++)
		arena_alloc(arena, 1000);
	assert_in_range(arena_size(arena), 100000, 250000);
	before = arena_size(arena);
	memset(arena_alloc(arena, 1000000), 1, 1000000);
	assert_in_range(arena_size(arena) - before, 1000000, 1010000);
	arena_drop(arena);
}

static void
large_things_leave_small_ones_where_they_were(void **state)
{
	struct arena *arena = arena_new();
	char *first = arena_alloc(arena, 16), *second;

	(void)state;
	arena_alloc(arena, 100000);
	second = arena_alloc(arena, 16);
	/* The first block still has room, so the second is near the first. */
	assert_true(second > first && second - first < 2048);
	arena_drop(arena);
}

static void
the_last_drop_ends_it(void **state)
{
	struct arena *arena = arena_new();
	int one = 1;

	(void)state;
	endings = 0;
	arena_at_end(arena, note_ending, &one);
	assert_ptr_equal(arena_hold(arena), arena);
	arena_drop(arena);
	assert_int_equal(endings, 0);
	arena_drop(arena);
	assert_int_equal(endings, 1);
}

static void
endings_run_last_registered_first(void **state)
{
	struct arena *arena = arena_new();
	int numbers[] = { 1, 2, 3 };

	(void)state;
	endings = 0;
	for (size_t i = 0; i < COUNT(numbers); i++)
		arena_at_end(arena, note_ending, &numbers[i]);
	arena_drop(arena);
	assert_int_equal(endings, 3);
	assert_int_equal(ended[0], 3);
	assert_int_equal(ended[1], 2);
	assert_int_equal(ended[2], 1);
}

static void
use_once_more(void *arg)
{
	struct arena *arena = arg;

	strcpy(arena_bytes(arena, 6), "still");
	endings++;
}

static void
an_ending_may_use_the_arena(void **state)
{
	struct arena *arena = arena_new();

	(void)state;
	endings = 0;
	arena_at_end(arena, use_once_more, arena);
	arena_drop(arena);
	assert_int_equal(endings, 1);
}

static void
texts_are_copied_and_terminated(void **state)
{
	struct arena *arena = arena_new();

	(void)state;
	assert_null(arena_copy(arena, NULL));
	assert_string_equal(arena_copy(arena, ""), "");
	assert_string_equal(arena_copy(arena, "juliet"), "juliet");
	assert_string_equal(arena_copy_bytes(arena, "juliet", 3), "jul");
	assert_string_equal(arena_copy_bytes(arena, NULL, 0), "");
	arena_drop(arena);
}

static void
text_is_formatted_at_any_length(void **state)
{
	struct arena *arena = arena_new();

	(void)state;
	assert_string_equal(arena_format(arena, "%s-%d", "a", 7), "a-7");
	for (int length = 500; length < 520; length++)
		assert_int_equal(strlen(arena_format(arena, "%*s", length, "")), length);
	assert_int_equal(strlen(arena_format(arena, "%*s", 100000, "")), 100000);
	arena_drop(arena);
}

static void
dropping_nothing_does_no_harm(void **state)
{
	(void)state;
	arena_drop(NULL);
	arena_trim();
	arena_trim();
}

static void
more_arenas_than_the_free_list_keeps_can_live(void **state)
{
	static struct arena *arenas[1000];

	(void)state;
	for (int round = 0; round < 2; round++) {
		for (size_t i = 0; i < COUNT(arenas); i++)
			arenas[i] = arena_new();
		for (size_t i = 0; i < COUNT(arenas); i++)
			arena_drop(arenas[i]);
	}
	arena_trim();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_allocated_is_zeroed_and_aligned),
		cmocka_unit_test(allocations_do_not_overlap),
		cmocka_unit_test(a_small_arena_is_one_small_block),
		cmocka_unit_test(size_follows_what_is_taken),
		cmocka_unit_test(large_things_leave_small_ones_where_they_were),
		cmocka_unit_test(the_last_drop_ends_it),
		cmocka_unit_test(endings_run_last_registered_first),
		cmocka_unit_test(an_ending_may_use_the_arena),
		cmocka_unit_test(texts_are_copied_and_terminated),
		cmocka_unit_test(text_is_formatted_at_any_length),
		cmocka_unit_test(dropping_nothing_does_no_harm),
		cmocka_unit_test(more_arenas_than_the_free_list_keeps_can_live),
	};

	return cmocka_run_group_tests_name("base/arena", tests, NULL, NULL);
}
