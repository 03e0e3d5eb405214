/* SPDX-License-Identifier: MIT */
/*
 * Something that happens once, at home, after some time.  Embedded; zeroed is off.
 * Coarse on purpose: a timer fires at most 100 ms late and never early, and costs
 * its own bytes only.  Runs on base/clock, so plays can let time pass.
 */
#pragma once

#include "base/list.h"

struct timer {
	struct list place;
	int64_t due; /* in now_ms() */
	void (*fn)(void *arg);
	void *arg;
};

/* Starts, or starts anew; a timer belongs to the shard that started it. */
PUBLIC void timer_start(struct timer *timer, int64_t ms, void (*fn)(void *arg), void *arg);
PUBLIC void timer_stop(struct timer *timer);
PUBLIC bool timer_is_on(const struct timer *timer);
