/* SPDX-License-Identifier: MIT */
/*
 * Timers on a wheel (loop/internal.h).  The shard turns it once a turn of its loop and
 * sleeps no longer than to the next place that is taken.
 */
#include "loop/timer.h"

#include "base/clock.h"
#include "loop/internal.h"

#define LAST_TICK (((int64_t)1 << (RINGS * RING_BITS)) - 1)

static void place(struct timers *timers, struct timer *timer);
static int64_t tick_of(int64_t due);
static bool first_taken(struct timers *timers, int *ring, int *place, int64_t *tick);
static void deal_with(struct timers *timers, int ring, int i);

void
timer_start(struct timer *timer, int64_t ms, void (*fn)(void *arg), void *arg)
{
	timer_stop(timer);
	timer->due = now_ms() + (ms > 0 ? ms : 0);
	timer->fn = fn;
	timer->arg = arg;
	place(shard_timers(), timer);
}

void
timer_stop(struct timer *timer)
{
	list_remove(&timer->place); /* the bit of its place is cleared when it is looked at */
}

bool
timer_is_on(const struct timer *timer)
{
	return list_has(&timer->place);
}

void
timers_init(struct timers *timers)
{
	timers->tick = now_ms() / TICK_MS;
	for (int ring = 0; ring < RINGS; ring++) {
		timers->taken[ring] = 0;
		for (int i = 0; i < PLACES; i++)
			list_init(&timers->places[ring][i]);
	}
}

void
timers_run(struct timers *timers)
{
	int64_t now = now_ms() / TICK_MS, tick;
	int ring, place;

	while (timers->tick < now) {
		if (!first_taken(timers, &ring, &place, &tick) || tick > now) {
			timers->tick = now;
			return;
		}
		timers->tick = tick;
		deal_with(timers, ring, place);
	}
}

int64_t
timers_next(struct timers *timers)
{
	int ring, place;
	int64_t tick;

	return first_taken(timers, &ring, &place, &tick) ? tick * TICK_MS : -1;
}

/* The ring is that of the highest digit in which the timer's tick differs from now. */
static void
place(struct timers *timers, struct timer *timer)
{
	int64_t tick = tick_of(timer->due);
	int ring, i;

	if (tick <= timers->tick)
		tick = timers->tick + 1;
	ring = (63 - __builtin_clzll((uint64_t)(tick ^ timers->tick))) / RING_BITS;
	i = (int)(tick >> (ring * RING_BITS)) & (PLACES - 1);
	list_append(&timers->places[ring][i], &timer->place);
	timers->taken[ring] |= (uint64_t)1 << i;
}

/* The first tick at which a timer is not early. */
static int64_t
tick_of(int64_t due)
{
	if (due > LAST_TICK * TICK_MS)
		return LAST_TICK;
	return (due + TICK_MS - 1) / TICK_MS;
}

/* The next place that holds a timer and the tick at which the wheel reaches it.  Every
 * place of a lower ring comes before those of a higher one. */
static bool
first_taken(struct timers *timers, int *ring, int *place, int64_t *tick)
{
	for (int r = 0; r < RINGS; r++) {
		while (timers->taken[r] != 0) {
			int i = __builtin_ctzll(timers->taken[r]);
			int64_t above = timers->tick >> ((r + 1) * RING_BITS);

			if (!list_is_empty(&timers->places[r][i])) {
				*ring = r;
				*place = i;
				*tick = (above << RING_BITS | i) << (r * RING_BITS);
				return true;
			}
			timers->taken[r] &= ~((uint64_t)1 << i);
		}
	}
	return false;
}

/* The wheel has reached this place: what is due fires, the rest goes to a lower ring. */
static void
deal_with(struct timers *timers, int ring, int i)
{
	struct list *from = &timers->places[ring][i], due, *node;

	list_init(&due);
	while ((node = list_shift(from)) != NULL) {
		struct timer *timer = LIST_ITEM(node, struct timer, place);

		if (tick_of(timer->due) > timers->tick)
			place(timers, timer);
		else
			list_append(&due, node);
	}
	timers->taken[ring] &= ~((uint64_t)1 << i);

	/* What fires may stop others of `due`, or start itself anew. */
	while ((node = list_shift(&due)) != NULL) {
		struct timer *timer = LIST_ITEM(node, struct timer, place);

		timer->fn(timer->arg);
	}
}
