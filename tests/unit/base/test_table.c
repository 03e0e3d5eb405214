/* SPDX-License-Identifier: MIT */
/* A hash table through an embedded member. */
#include "base/table.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct thing {
	int number;
	struct entry entry;
	char name[16];
};

enum { MANY = 5000 };

static struct thing *
make_things(struct table *table)
{
	struct thing *things = zalloc(MANY * sizeof *things);

	for (int i = 0; i < MANY; i++) {
		things[i].number = i;
		snprintf(things[i].name, sizeof things[i].name, "thing-%d", i);
		table_put(table, &things[i].entry, things[i].name);
	}
	return things;
}

static void
an_empty_table_has_nothing(void **state)
{
	struct table table = { 0 };

	(void)state;
	assert_null(table_get(&table, "a"));
	assert_null(table_next(&table, NULL));
	table_clear(&table);
}

static void
what_was_put_is_found(void **state)
{
	struct table table = { 0 };
	struct thing *things = make_things(&table);

	(void)state;
	assert_int_equal(table.count, MANY);
	for (int i = 0; i < MANY; i++) {
		char name[16];
		struct thing *found;

		snprintf(name, sizeof name, "thing-%d", i);
		found = TABLE_ITEM(table_get(&table, name), struct thing, entry);
		assert_ptr_equal(found, &things[i]);
	}
	assert_null(table_get(&table, "thing-5000"));
	assert_null(table_get(&table, ""));
	table_clear(&table);
	assert_null(table_get(&table, "thing-1"));
	free(things);
}

static void
what_was_removed_is_not_found(void **state)
{
	struct table table = { 0 };
	struct thing *things = make_things(&table);

	(void)state;
	for (int i = 0; i < MANY; i += 2)
		table_remove(&table, &things[i].entry);
	for (int i = 0; i < MANY; i++)
		assert_int_equal(table_get(&table, things[i].name) != NULL, i % 2);
	assert_int_equal(table.count, MANY / 2);
	for (int i = 0; i < MANY; i += 2)
		table_put(&table, &things[i].entry, things[i].name);
	assert_non_null(table_get(&table, "thing-0"));
	table_clear(&table);
	free(things);
}

static void
a_walk_meets_each_once(void **state)
{
	struct table table = { 0 };
	struct thing *things = make_things(&table);
	static int met[MANY];

	(void)state;
	for (struct entry *e = NULL; (e = table_next(&table, e)) != NULL;)
		met[TABLE_ITEM(e, struct thing, entry)->number]++;
	for (int i = 0; i < MANY; i++)
		assert_int_equal(met[i], 1);
	table_clear(&table);
	free(things);
}

static void
a_walk_may_remove_what_it_meets(void **state)
{
	struct table table = { 0 };
	struct thing *things = make_things(&table);
	int met = 0;

	(void)state;
	for (struct entry *e = NULL; (e = table_next(&table, e)) != NULL; met++)
		table_remove(&table, e);
	assert_int_equal(met, MANY);
	assert_int_equal(table.count, 0);
	assert_null(table_next(&table, NULL));
	table_clear(&table);
	free(things);
}

static void
a_walk_may_free_what_lies_behind(void **state)
{
	struct table table = { 0 };
	struct entry *next;
	int met = 0;

	(void)state;
	for (int i = 0; i < 100; i++) {
		struct thing *thing = zalloc(sizeof *thing);

		snprintf(thing->name, sizeof thing->name, "%d", i);
		table_put(&table, &thing->entry, thing->name);
	}
	for (struct entry *e = table_next(&table, NULL); e != NULL; e = next, met++) {
		next = table_next(&table, e);
		table_remove(&table, e);
		free(CONTAINER(e, struct thing, entry));
	}
	assert_int_equal(met, 100);
	table_clear(&table);
}

static void
buckets_go_when_most_entries_have_gone(void **state)
{
	struct table table = { 0 };
	struct thing *things = make_things(&table);
	uint32_t before = table.mask;

	(void)state;
	for (int i = 1; i < MANY; i++)
		table_remove(&table, &things[i].entry);
	for (int i = 0; i < 20; i++) {
		table_put(&table, &things[1].entry, things[1].name);
		table_remove(&table, &things[1].entry);
	}
	assert_true(table.mask < before / 100);
	assert_non_null(table_get(&table, "thing-0"));
	table_clear(&table);
	free(things);
}

static void
the_keyed_hash_depends_on_every_byte(void **state)
{
	unsigned char bytes[64] = { 0 };

	(void)state;
	for (size_t length = 1; length <= sizeof bytes; length++) {
		uint64_t hash = hash_bytes(bytes, length);

		assert_true(hash == hash_bytes(bytes, length));
		assert_true(hash != hash_bytes(bytes, length - 1));
		for (size_t i = 0; i < length; i++) {
			bytes[i] = 1;
			assert_true(hash_bytes(bytes, length) != hash);
			bytes[i] = 0;
		}
	}
}

static void
the_stable_hash_is_fnv_1a(void **state)
{
	(void)state;
	assert_true(hash_stable("", 0) == UINT64_C(0xcbf29ce484222325));
	assert_true(hash_stable("a", 1) == UINT64_C(0xaf63dc4c8601ec8c));
	assert_true(hash_stable("foobar", 6) == UINT64_C(0x85944171f73967e8));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_table_has_nothing),
		cmocka_unit_test(what_was_put_is_found),
		cmocka_unit_test(what_was_removed_is_not_found),
		cmocka_unit_test(a_walk_meets_each_once),
		cmocka_unit_test(a_walk_may_remove_what_it_meets),
		cmocka_unit_test(a_walk_may_free_what_lies_behind),
		cmocka_unit_test(buckets_go_when_most_entries_have_gone),
		cmocka_unit_test(the_keyed_hash_depends_on_every_byte),
		cmocka_unit_test(the_stable_hash_is_fnv_1a),
	};

	return cmocka_run_group_tests_name("base/table", tests, NULL, NULL);
}
