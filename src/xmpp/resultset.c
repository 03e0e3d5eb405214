/* SPDX-License-Identifier: MIT */
/* One page of a long list (XEP-0059). */
#include "xmpp/resultset.h"
#include "xmpp/ns.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* A whole number from 0 on, of at most 18 digits. */
static bool
read_number(int64_t *number, const char *text)
{
	int64_t n = 0;

	if (*text == '\0' || strspn(text, "0123456789") != strlen(text) || strlen(text) > 18)
		return false;
	for (; *text != '\0'; text++)
		n = n * 10 + (*text - '0');
	*number = n;
	return true;
}

/* Takes the number in the child `name`, when there is one. */
static bool
take_number(int64_t *number, struct arena *arena, const struct element *set, const char *name,
	    struct err *err)
{
	const char *text = element_child_text(arena, set, NULL, name);

	return text == NULL || read_number(number, text) ||
	       err_fail(err, ERR_SYNTAX, "<%s/> of the result set is not a number", name);
}

bool
resultset_parse(struct resultset *set, struct arena *arena, const struct element *query,
		struct err *err)
{
	const struct element *element = element_child(query, NS_RSM, "set");
	struct resultset found = { .max = -1, .index = -1 };

	if (element != NULL) {
		found.asked = true;
		if (!take_number(&found.max, arena, element, "max", err) ||
		    !take_number(&found.index, arena, element, "index", err))
			return false;
		found.after = element_child_text(arena, element, NULL, "after");
		found.before = element_child_text(arena, element, NULL, "before");
		if (found.after != NULL && *found.after == '\0')
			found.after = NULL;
		if (found.before != NULL && *found.before == '\0') {
			found.before = NULL;
			found.last = true;
		}
	}
	*set = found;
	return true;
}

static void
add_number(struct arena *arena, struct element *parent, const char *name, int64_t number)
{
	char text[24];

	(void)snprintf(text, sizeof text, "%" PRId64, number);
	element_add_text(arena, parent, NULL, name, text);
}

struct element *
resultset_answer(struct arena *arena, const struct resultset_page *page)
{
	struct element *set = element_new(arena, NS_RSM, "set");

	if (page->first != NULL && page->last != NULL) {
		struct element *first = element_add_text(arena, set, NULL, "first", page->first);

		if (page->index >= 0)
			element_setf(arena, first, "index", "%" PRId64, page->index);
		element_add_text(arena, set, NULL, "last", page->last);
	}
	if (page->count >= 0)
		add_number(arena, set, "count", page->count);
	return set;
}
