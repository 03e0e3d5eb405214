/* SPDX-License-Identifier: MIT */
/*
 * A thread with its loop.  Every thing has one home shard, and only that shard
 * touches it.  What must happen elsewhere is posted.
 *
 * Shards are numbered from 0; shard 0 runs on the thread that called shards_run.
 * Functions without a shard argument work on the shard they are called on, or, before
 * shards_run, on shard 0.
 */
#pragma once

#include "base/base.h"

struct shard;
struct event_base;

#define SHARDS_MAX 256

/* A function on its way to a shard; embedded in what it is about.  It may be reused
 * as soon as the function was called. */
struct post {
	struct post *_Atomic next;
	void (*fn)(void *arg);
	void *arg;
};

PUBLIC struct shard *shard_here(void); /* NULL on a helper thread */
PUBLIC unsigned shard_index(const struct shard *shard);
PUBLIC unsigned shard_count(void);
PUBLIC struct shard *shard_at(unsigned index);
/* The home of what `hash` (hash_stable of its bare address) names. */
PUBLIC struct shard *shard_for(uint64_t hash);

/* Calls `fn(arg)` on `to`, later, in the order posted by this thread.  Any thread may
 * post; `post` and what it is about belong to `to` from now on. */
PUBLIC void shard_post(struct shard *to, struct post *post, void (*fn)(void *arg), void *arg);
/* The same for what nobody waits for, such as memory on its way home: it comes a tenth of a
 * second later at most, with whatever this shard posts there before that, and does not wake a
 * shard that sleeps.  Order with shard_post is kept.  Only a shard may call it. */
PUBLIC void shard_post_later(struct shard *to, struct post *post, void (*fn)(void *arg), void *arg);

/* Calls `fn(arg)` on this shard at the end of this turn of the loop: for what should
 * happen once however often it was asked for (flushing what was corked).  `post` must
 * not be waiting already. */
PUBLIC void shard_at_turn_end(struct post *post, void (*fn)(void *arg), void *arg);
/* Takes that back, on the same shard; no harm when it was not asked for or has run. */
PUBLIC void shard_not_at_turn_end(struct post *post);

/* Makes `count` shards (0: one a core), which do not run yet. */
void shards_open(unsigned count);
/* Runs them until shards_stop; `started(arg)` is called on each when its loop runs. */
void shards_run(void (*started)(void *arg), void *arg);
/* From any thread or a signal handler: every loop returns after its turn. */
void shards_stop(void);
void shards_close(void);
/* Whether the loops run: before, what every shard reads may be set from here at once. */
bool shards_are_running(void);

struct event_base *shard_base(struct shard *shard); /* for net/ only */
