/* SPDX-License-Identifier: MIT */
/*
 * What shard.c and timer.c share: a shard's timers.
 *
 * They lie on a wheel of six rings of 64 places; a ring's place is as long as the whole
 * ring below it.  A timer lies on the lowest ring that can tell its tick from now, and
 * moves to a lower ring when the wheel reaches its place.  So starting, stopping and
 * firing cost the same however many there are, and an idle shard need not wake before
 * the first place that is taken.
 */
#pragma once

#include "base/list.h"

#define TICK_MS   50
#define RINGS     6
#define RING_BITS 6
#define PLACES    (1 << RING_BITS)

struct timers {
	int64_t tick;          /* all places up to here have been dealt with */
	uint64_t taken[RINGS]; /* bit n: place n may hold timers */
	struct list places[RINGS][PLACES];
};

void timers_init(struct timers *timers);
/* Fires what is due. */
void timers_run(struct timers *timers);
/* When timers_run should be called next, in now_ms(); -1: no timer is on. */
int64_t timers_next(struct timers *timers);

/* The timers of this shard. */
struct timers *shard_timers(void);
