/* SPDX-License-Identifier: MIT */
/* The one loop of the generator: who is ready is called; and the clock. */
#pragma once

#include "base/base.h"

#define NS_A_SECOND 1000000000LL
#define NS_A_MS     1000000LL

/* Embedded in what is watched, which must stay as long as the program. */
struct watch {
	void (*ready)(struct watch *watch, uint32_t events);
	uint32_t events; /* what is waited for now */
};

int64_t now_ns(void); /* monotonic */

void loop_start(void);
void loop_watch(struct watch *watch, int fd, uint32_t events);   /* from now on */
void loop_rewatch(struct watch *watch, int fd, uint32_t events); /* something else */
/* Waits until something is ready or the clock is at `until`, and calls who is ready.
 * `until` in the past: only looks. */
void loop_turn(int64_t until);
