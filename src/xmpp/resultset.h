/* SPDX-License-Identifier: MIT */
/* One page of a long list: what is asked and what is answered (XEP-0059). */
#pragma once

#include "base/err.h"
#include "xml/element.h"

struct resultset {
	bool asked;                 /* there is a <set/> */
	bool last;                  /* an empty <before/>: the last page */
	int64_t max;                /* -1: not said */
	int64_t index;              /* -1: not said */
	const char *after, *before; /* NULL: not said */
};

/* Reads the <set/> below `query`.  Without one everything is "not said".  False with the
 * reason when it cannot be read: bad-request. */
PUBLIC bool resultset_parse(struct resultset *set, struct arena *arena, const struct element *query,
			    struct err *err);

/* The page that was found, for the answer. */
struct resultset_page {
	const char *first, *last; /* NULL: the page is empty */
	int64_t index, count;     /* -1: not known */
};
PUBLIC struct element *resultset_answer(struct arena *arena, const struct resultset_page *page);
