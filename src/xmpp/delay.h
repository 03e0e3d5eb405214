/* SPDX-License-Identifier: MIT */
/* When a stanza was said that comes late (XEP-0203). */
#pragma once

#include "xml/element.h"

struct delay {
	const char *from;   /* who kept it; NULL: not said */
	const char *reason; /* NULL: none */
	int64_t unix_ms;
};

/* <delay/>; `from` and `reason` may be NULL. */
PUBLIC struct element *delay_element(struct arena *arena, const char *from, int64_t unix_ms,
				     const char *reason);
/* The first <delay/> of a stanza that can be read; `from` not NULL: written by that address.
 * False when there is none. */
PUBLIC bool delay_read(struct delay *delay, struct arena *arena, const struct element *stanza,
		       const char *from);
