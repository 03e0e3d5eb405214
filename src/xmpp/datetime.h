/* SPDX-License-Identifier: MIT */
/* Points in time as XMPP writes them (XEP-0082): 2002-09-10T23:08:25.123Z. */
#pragma once

#include "base/arena.h"

#define DATETIME_MAX 64 /* bytes, more than it takes */

/* Writes it to the second, or with milliseconds. */
PUBLIC void datetime_write(char out[DATETIME_MAX], int64_t unix_ms, bool with_ms);
/* In an arena: to the second, from seconds since 1970; to the millisecond, from milliseconds.
 * Always UTC; years outside 1 to 9999 become the nearest there is. */
PUBLIC const char *datetime_seconds(struct arena *arena, int64_t seconds);
PUBLIC const char *datetime_ms(struct arena *arena, int64_t unix_ms);

/* Reads a DateTime, with its time zone; digits behind milliseconds are dropped.  False,
 * `*unix_ms` unchanged, when it is not exactly one. */
PUBLIC bool datetime_parse(int64_t *unix_ms, const char *text);
