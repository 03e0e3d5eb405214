/* SPDX-License-Identifier: MIT */
/*
 * Threads for what blocks: the store, password hashing, files.
 *
 * A job's `work` runs on a helper thread and must touch nothing but the job; then
 * `done` runs once, later, on the shard that started it.  Jobs with the same nonzero
 * key keep their order.  A pool is bounded: helper_start says no when its queue is full.
 */
#pragma once

#include "loop/shard.h"

struct helper_pool;

struct job {
	struct job *next;
	struct post post;
	struct shard *home;
	void (*work)(struct job *job);
	void (*done)(struct job *job); /* NULL: nobody waits; `work` frees the job */
};

/* A pool of `threads` with room for `waiting` jobs (0: no bound). */
PUBLIC struct helper_pool *helper_pool_new(const char *name, unsigned threads, unsigned waiting);
/* Lets the jobs that wait run, joins the threads, frees the pool. */
PUBLIC void helper_pool_free(struct helper_pool **pool);
/* Starts `job`; false when the queue is full (nothing was started). */
PUBLIC bool helper_start(struct helper_pool *pool, struct job *job, uint64_t key,
			 void (*work)(struct job *job), void (*done)(struct job *job));
/* Jobs waiting now; any thread may ask. */
PUBLIC unsigned helper_pool_waiting(const struct helper_pool *pool);
