/* SPDX-License-Identifier: MIT */
/*
 * The time, real or frozen.  Frozen time is two numbers, the monotonic and the calendar
 * one, which only move together; the monotonic one goes on from where it really was, so
 * that no deadline that was set before the frost lies in the past.
 */
#include "base/clock.h"

#include <stdatomic.h>
#include <time.h>

static _Atomic bool frozen;
static _Atomic int64_t frozen_us, frozen_unix_ms;

static int64_t
read_us(clockid_t clock)
{
	struct timespec time;

	clock_gettime(clock, &time);
	return (int64_t)time.tv_sec * 1000000 + time.tv_nsec / 1000;
}

int64_t
now_us(void)
{
	return atomic_load_explicit(&frozen, memory_order_acquire) ? frozen_us
								   : read_us(CLOCK_MONOTONIC);
}

int64_t
now_ms(void)
{
	return now_us() / 1000;
}

int64_t
now_unix_ms(void)
{
	return atomic_load_explicit(&frozen, memory_order_acquire) ? frozen_unix_ms
								   : read_us(CLOCK_REALTIME) / 1000;
}

int64_t
now_seconds(void)
{
	return now_unix_ms() / 1000;
}

void
clock_freeze(int64_t unix_ms)
{
	frozen_us = now_us();
	frozen_unix_ms = unix_ms;
	atomic_store_explicit(&frozen, true, memory_order_release);
}

void
clock_advance(int64_t ms)
{
	must(frozen && ms >= 0);
	frozen_us += ms * 1000;
	frozen_unix_ms += ms;
}
