/* SPDX-License-Identifier: MIT */
/*
 * A doubly linked list through a member embedded in what it lists.  A list head and
 * a node look alike; a zeroed node is in no list.  The list owns nothing.
 */
#pragma once

#include "base/base.h"

struct list {
	struct list *next, *prev;
};

static inline void
list_init(struct list *list)
{
	list->next = list->prev = list;
}

static inline bool
list_is_empty(const struct list *list)
{
	return list->next == list || list->next == NULL;
}

static inline bool
list_has(const struct list *node) /* is this node in some list? */
{
	return node->next != NULL;
}

static inline void
list_add_before(struct list *place, struct list *node)
{
	node->next = place;
	node->prev = place->prev;
	place->prev->next = node;
	place->prev = node;
}

static inline void
list_append(struct list *list, struct list *node)
{
	list_add_before(list, node);
}

static inline void
list_prepend(struct list *list, struct list *node)
{
	list_add_before(list->next, node);
}

static inline void
list_remove(struct list *node) /* no harm when it is in none */
{
	if (node->next == NULL)
		return;
	node->prev->next = node->next;
	node->next->prev = node->prev;
	node->next = node->prev = NULL;
}

/* Takes the first node out and returns it; NULL when there is none. */
static inline struct list *
list_shift(struct list *list)
{
	struct list *node = list->next;

	if (list_is_empty(list))
		return NULL;
	list_remove(node);
	return node;
}

#define LIST_ITEM(node, type, member) CONTAINER(node, type, member)

/* Walks a list; the current item may be removed (not its successor). */
#define LIST_EACH(head, item, type, member)                                                  \
	for (struct list *each_##item = (head)->next, *next_##item = each_##item->next;      \
	     each_##item != (head) && ((item) = LIST_ITEM(each_##item, type, member), true); \
	     each_##item = next_##item, next_##item = each_##item->next)
