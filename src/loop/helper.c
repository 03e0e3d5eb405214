/* SPDX-License-Identifier: MIT */
/*
 * Threads for what blocks.  Jobs without a key wait in one line and go to whoever is
 * free; a key always goes to the same thread, so its jobs run one after another.  A
 * thread takes from both lines in turn.
 */
#include "loop/helper.h"

#include "base/arena.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

struct line {
	struct job *first, *last;
};

struct helper {
	struct helper_pool *pool;
	pthread_t thread;
	pthread_cond_t called;
	struct line keyed;
	bool idle;
};

struct helper_pool {
	pthread_mutex_t lock;
	struct line any;
	_Atomic unsigned waiting;
	unsigned most;
	bool ending;
	char name[16];
	unsigned count;
	struct helper helpers[];
};

static void *help(void *arg);
static struct job *next_job(struct helper *helper, bool keyed_first);
static void line_add(struct line *line, struct job *job);
static struct job *line_shift(struct line *line);
static struct helper *helper_for(struct helper_pool *pool, uint64_t key);
static void job_done(void *arg);

struct helper_pool *
helper_pool_new(const char *name, unsigned threads, unsigned waiting)
{
	struct helper_pool *pool;
	sigset_t all, before;

	must(threads > 0);
	pool = zalloc(sizeof *pool + threads * sizeof pool->helpers[0]);
	pthread_mutex_init(&pool->lock, NULL);
	pool->most = waiting;
	pool->count = threads;
	snprintf(pool->name, sizeof pool->name, "%s", name);

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	for (unsigned i = 0; i < threads; i++) {
		struct helper *helper = &pool->helpers[i];

		helper->pool = pool;
		pthread_cond_init(&helper->called, NULL);
		must(pthread_create(&helper->thread, NULL, help, helper) == 0);
		pthread_setname_np(helper->thread, pool->name);
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return pool;
}

void
helper_pool_free(struct helper_pool **freed)
{
	struct helper_pool *pool = *freed;

	if (pool == NULL)
		return;
	pthread_mutex_lock(&pool->lock);
	pool->ending = true;
	for (unsigned i = 0; i < pool->count; i++)
		pthread_cond_signal(&pool->helpers[i].called);
	pthread_mutex_unlock(&pool->lock);
	for (unsigned i = 0; i < pool->count; i++) {
		pthread_join(pool->helpers[i].thread, NULL);
		pthread_cond_destroy(&pool->helpers[i].called);
	}
	pthread_mutex_destroy(&pool->lock);
	free(pool);
	*freed = NULL;
}

bool
helper_start(struct helper_pool *pool, struct job *job, uint64_t key, void (*work)(struct job *job),
	     void (*done)(struct job *job))
{
	struct helper *helper;

	job->home = shard_here();
	must(done == NULL || job->home != NULL);
	job->work = work;
	job->done = done;
	job->next = NULL;

	pthread_mutex_lock(&pool->lock);
	must(!pool->ending);
	if (pool->most > 0 && pool->waiting >= pool->most) {
		pthread_mutex_unlock(&pool->lock);
		return false;
	}
	pool->waiting++;
	helper = helper_for(pool, key);
	line_add(key != 0 ? &helper->keyed : &pool->any, job);
	if (helper != NULL && helper->idle) {
		helper->idle = false;
		pthread_cond_signal(&helper->called);
	}
	pthread_mutex_unlock(&pool->lock);
	return true;
}

unsigned
helper_pool_waiting(const struct helper_pool *pool)
{
	return pool->waiting;
}

static void *
help(void *arg)
{
	struct helper *helper = arg;
	struct helper_pool *pool = helper->pool;
	bool keyed_first = true;
	struct job *job;

	pthread_mutex_lock(&pool->lock);
	for (;; keyed_first = !keyed_first) {
		while ((job = next_job(helper, keyed_first)) == NULL && !pool->ending) {
			helper->idle = true;
			pthread_cond_wait(&helper->called, &pool->lock);
			helper->idle = false;
		}
		if (job == NULL)
			break;
		pool->waiting--;
		pthread_mutex_unlock(&pool->lock);

		if (job->done == NULL) {
			job->work(job); /* and it is gone */
		} else {
			job->work(job);
			shard_post(job->home, &job->post, job_done, job);
		}
		pthread_mutex_lock(&pool->lock);
	}
	pthread_mutex_unlock(&pool->lock);
	arena_trim();
	return NULL;
}

static struct job *
next_job(struct helper *helper, bool keyed_first)
{
	struct line *any = &helper->pool->any, *keyed = &helper->keyed;
	struct job *job = line_shift(keyed_first ? keyed : any);

	return job != NULL ? job : line_shift(keyed_first ? any : keyed);
}

/* Who is to be told of a job with this key: its own thread, or for no key somebody idle;
 * NULL when all are busy. */
static struct helper *
helper_for(struct helper_pool *pool, uint64_t key)
{
	if (key != 0)
		return &pool->helpers[(key ^ key >> 32) % pool->count];
	for (unsigned i = 0; i < pool->count; i++)
		if (pool->helpers[i].idle)
			return &pool->helpers[i];
	return NULL;
}

static void
line_add(struct line *line, struct job *job)
{
	if (line->last != NULL)
		line->last->next = job;
	else
		line->first = job;
	line->last = job;
}

static struct job *
line_shift(struct line *line)
{
	struct job *job = line->first;

	if (job != NULL) {
		line->first = job->next;
		if (line->first == NULL)
			line->last = NULL;
		job->next = NULL;
	}
	return job;
}

static void
job_done(void *arg)
{
	struct job *job = arg;

	job->done(job);
}
