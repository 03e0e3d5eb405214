/* SPDX-License-Identifier: MIT */
/*
 * The time.  Plays replace it: `clock_freeze` makes time stand still until
 * `clock_advance` moves it, for the whole process.
 */
#pragma once

#include "base/base.h"

#define SECONDS(n) ((int64_t)(n)*1000) /* milliseconds, as timers count */

PUBLIC int64_t now_ms(void);      /* monotonic milliseconds: deadlines */
PUBLIC int64_t now_us(void);      /* monotonic microseconds: measuring */
PUBLIC int64_t now_seconds(void); /* seconds since 1970, UTC */
PUBLIC int64_t now_unix_ms(void); /* milliseconds since 1970, UTC */

/* The calendar then shows `unix_ms`; the monotonic time goes on from where it was.
 * Frozen again, it only changes the calendar. */
void clock_freeze(int64_t unix_ms);
void clock_advance(int64_t ms);
