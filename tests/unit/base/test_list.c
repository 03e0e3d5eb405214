/* SPDX-License-Identifier: MIT */
/* A list through an embedded member. */
#include "base/list.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

struct item {
	char letter;
	struct list node;
};

static const char *
letters(struct list *list)
{
	static char text[16];
	struct item *item;
	size_t length = 0;

	LIST_EACH (list, item, struct item, node)
		text[length++] = item->letter;
	text[length] = '\0';
	return text;
}

static void
items_come_in_their_order(void **state)
{
	struct item a = { .letter = 'a' }, b = { .letter = 'b' }, c = { .letter = 'c' };
	struct list list;

	(void)state;
	list_init(&list);
	assert_true(list_is_empty(&list));
	list_append(&list, &b.node);
	list_append(&list, &c.node);
	list_prepend(&list, &a.node);
	assert_false(list_is_empty(&list));
	assert_string_equal(letters(&list), "abc");
}

static void
an_item_knows_whether_it_is_in_a_list(void **state)
{
	struct item a = { .letter = 'a' };
	struct list list;

	(void)state;
	list_init(&list);
	assert_false(list_has(&a.node));
	list_append(&list, &a.node);
	assert_true(list_has(&a.node));
	list_remove(&a.node);
	assert_false(list_has(&a.node));
	list_remove(&a.node);
	assert_true(list_is_empty(&list));
}

static void
a_walk_may_remove_where_it_stands(void **state)
{
	struct item items[5];
	struct item *item;
	struct list list;

	(void)state;
	memset(items, 0, sizeof items);
	list_init(&list);
	for (size_t i = 0; i < COUNT(items); i++) {
		items[i].letter = (char)('a' + i);
		list_append(&list, &items[i].node);
	}
	LIST_EACH (&list, item, struct item, node)
		if (item->letter == 'b' || item->letter == 'e')
			list_remove(&item->node);
	assert_string_equal(letters(&list), "acd");
}

static void
shifting_takes_the_first(void **state)
{
	struct item a = { .letter = 'a' }, b = { .letter = 'b' };
	struct list list;

	(void)state;
	list_init(&list);
	list_append(&list, &a.node);
	list_append(&list, &b.node);
	assert_ptr_equal(LIST_ITEM(list_shift(&list), struct item, node), &a);
	assert_ptr_equal(list_shift(&list), &b.node);
	assert_null(list_shift(&list));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(items_come_in_their_order),
		cmocka_unit_test(an_item_knows_whether_it_is_in_a_list),
		cmocka_unit_test(a_walk_may_remove_where_it_stands),
		cmocka_unit_test(shifting_takes_the_first),
	};

	return cmocka_run_group_tests_name("base/list", tests, NULL, NULL);
}
