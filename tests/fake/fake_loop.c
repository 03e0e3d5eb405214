/* SPDX-License-Identifier: MIT */
/*
 * Shards, timers and helpers on one thread, in an order that is always the same or
 * chosen by lot.
 */
#include "fake/fake.h"

#include "base/clock.h"
#include "loop/timer.h"

#include <stdlib.h>
#include <string.h>

#define TURNS_MAX 1000000

struct shard {
	unsigned index;
	struct list timers;        /* soonest first */
	struct post *first, *last; /* for the turn's end */
};

/* A post on its way, in the order posted. */
struct passage {
	struct post *post;
	struct shard *from, *to; /* from NULL: a helper */
};

struct helper_pool {
	unsigned most, waiting;
};

/* A job that has not begun, in the order started. */
struct chore {
	struct helper_pool *pool;
	struct job *job;
	uint64_t key;
};

static struct shard *shards, *here;
static unsigned count;
static bool running, stopped, helpers_held;
static uint64_t chance;
static struct passage *passages;
static struct chore *chores;
static size_t passage_count, passage_room, chore_count, chore_room;

static void run_passage(size_t i);
static bool run_timer(struct shard *shard);
static bool run_turn_end(struct shard *shard);
static void run_chore(size_t i);
static bool turn_in_order(void);
static bool turn_by_lot(void);
static size_t lot(size_t n);
static void job_done(void *arg);

/* ---- loop/shard.h ---- */

struct shard *
shard_here(void)
{
	return here;
}

unsigned
shard_index(const struct shard *shard)
{
	return shard->index;
}

unsigned
shard_count(void)
{
	return count;
}

struct shard *
shard_at(unsigned index)
{
	must(index < count);
	return &shards[index];
}

struct shard *
shard_for(uint64_t hash)
{
	must(count > 0);
	return &shards[hash % count];
}

struct event_base *
shard_base(struct shard *shard)
{
	(void)shard;
	return NULL;
}

void
shard_post(struct shard *to, struct post *post, void (*fn)(void *arg), void *arg)
{
	for (size_t i = 0; i < passage_count; i++)
		must(passages[i].post != post); /* posted twice */
	if (passage_count == passage_room) {
		passage_room = 2 * passage_room + 16;
		passages = resize(passages, passage_room * sizeof *passages);
	}
	post->fn = fn;
	post->arg = arg;
	passages[passage_count++] = (struct passage) { post, here, to };
}

/* Order is all that counts here. */
void
shard_post_later(struct shard *to, struct post *post, void (*fn)(void *arg), void *arg)
{
	shard_post(to, post, fn, arg);
}

void
shard_at_turn_end(struct post *post, void (*fn)(void *arg), void *arg)
{
	must(here != NULL);
	for (struct post *each = here->first; each != NULL; each = each->next)
		must(each != post); /* asked for twice */
	post->fn = fn;
	post->arg = arg;
	post->next = NULL;
	if (here->last != NULL)
		here->last->next = post;
	else
		here->first = post;
	here->last = post;
}

void
shard_not_at_turn_end(struct post *post)
{
	struct post *before = NULL, *each;

	for (each = here->first; each != post; before = each, each = each->next)
		if (each == NULL)
			return;
	if (before != NULL)
		before->next = post->next;
	else
		here->first = post->next;
	if (here->last == post)
		here->last = before;
}

void
shards_open(unsigned wanted)
{
	must(shards == NULL);
	count = wanted > 0 ? wanted : 1;
	shards = zalloc(count * sizeof *shards);
	for (unsigned i = 0; i < count; i++) {
		shards[i].index = i;
		list_init(&shards[i].timers);
	}
	here = &shards[0];
	running = stopped = helpers_held = false;
	chance = 0;
}

void
shards_run(void (*started)(void *arg), void *arg)
{
	running = true;
	fake_settle();
	for (unsigned i = 0; i < count && started != NULL; i++) {
		here = &shards[i];
		started(arg);
	}
	here = &shards[0];
	fake_settle();
}

bool
shards_are_running(void)
{
	return running;
}

void
shards_stop(void)
{
	stopped = true;
}

void
shards_close(void)
{
	free(shards);
	free(passages);
	free(chores);
	shards = here = NULL;
	passages = NULL;
	chores = NULL;
	count = 0;
	passage_count = passage_room = chore_count = chore_room = 0;
	running = false;
}

/* ---- loop/timer.h ---- */

void
timer_start(struct timer *timer, int64_t ms, void (*fn)(void *arg), void *arg)
{
	struct list *place;

	must(here != NULL);
	list_remove(&timer->place);
	timer->due = now_ms() + (ms > 0 ? ms : 0);
	timer->fn = fn;
	timer->arg = arg;
	for (place = here->timers.next; place != &here->timers; place = place->next)
		if (LIST_ITEM(place, struct timer, place)->due > timer->due)
			break;
	list_add_before(place, &timer->place);
}

void
timer_stop(struct timer *timer)
{
	list_remove(&timer->place);
}

bool
timer_is_on(const struct timer *timer)
{
	return list_has(&timer->place);
}

/* ---- loop/helper.h ---- */

struct helper_pool *
helper_pool_new(const char *name, unsigned threads, unsigned waiting)
{
	struct helper_pool *pool = zalloc(sizeof *pool);

	(void)name;
	must(threads > 0);
	pool->most = waiting;
	return pool;
}

void
helper_pool_free(struct helper_pool **freed)
{
	if (*freed == NULL)
		return;
	for (size_t i = 0; i < chore_count;)
		if (chores[i].pool == *freed)
			run_chore(i);
		else
			i++;
	free(*freed);
	*freed = NULL;
}

bool
helper_start(struct helper_pool *pool, struct job *job, uint64_t key, void (*work)(struct job *job),
	     void (*done)(struct job *job))
{
	must(done == NULL || here != NULL);
	if (pool->most > 0 && pool->waiting >= pool->most)
		return false;
	if (chore_count == chore_room) {
		chore_room = 2 * chore_room + 16;
		chores = resize(chores, chore_room * sizeof *chores);
	}
	job->home = here;
	job->work = work;
	job->done = done;
	chores[chore_count++] = (struct chore) { pool, job, key };
	pool->waiting++;
	return true;
}

unsigned
helper_pool_waiting(const struct helper_pool *pool)
{
	return pool->waiting;
}

/* ---- fake/fake.h ---- */

bool
fake_turn(void)
{
	struct shard *before = here;
	bool happened = chance != 0 ? turn_by_lot() : turn_in_order();

	here = before;
	return happened;
}

unsigned
fake_settle(void)
{
	unsigned turns = 0;

	while (fake_turn())
		must(++turns < TURNS_MAX); /* the world does not come to rest */
	return turns;
}

void
fake_pass(int64_t ms)
{
	int64_t until = now_ms() + ms;

	for (;;) {
		int64_t next = INT64_MAX;

		fake_settle();
		for (unsigned i = 0; i < count; i++) {
			struct list *first = shards[i].timers.next;

			if (first != &shards[i].timers &&
			    LIST_ITEM(first, struct timer, place)->due < next)
				next = LIST_ITEM(first, struct timer, place)->due;
		}
		if (next > until)
			break;
		clock_advance(next - now_ms());
	}
	clock_advance(until - now_ms());
}

void
fake_shuffle(uint64_t seed)
{
	chance = seed;
}

void
fake_be(struct shard *shard)
{
	here = shard;
}

void
fake_hold_helpers(bool hold)
{
	helpers_held = hold;
}

bool
fake_help_once(void)
{
	if (chore_count == 0)
		return false;
	run_chore(0);
	return true;
}

bool
fake_stopped(void)
{
	return stopped;
}

static bool
turn_in_order(void)
{
	bool happened = passage_count > 0;

	for (size_t n = passage_count; n > 0; n--)
		run_passage(0);
	for (unsigned i = 0; i < count; i++) {
		while (run_timer(&shards[i]))
			happened = true;
		while (run_turn_end(&shards[i]))
			happened = true;
	}
	if (chore_count > 0 && !helpers_held) {
		run_chore(0);
		happened = true;
	}
	return happened;
}

static bool
turn_by_lot(void)
{
	enum { POST, TIMER, TURN_END, JOB, KINDS };
	unsigned first = (unsigned)lot(KINDS), shard = (unsigned)lot(count);

	for (unsigned n = 0; n < KINDS; n++)
		switch ((first + n) % KINDS) {
		case POST:
			if (passage_count > 0) {
				run_passage(lot(passage_count));
				return true;
			}
			break;
		case TIMER:
			for (unsigned i = 0; i < count; i++)
				if (run_timer(&shards[(shard + i) % count]))
					return true;
			break;
		case TURN_END:
			for (unsigned i = 0; i < count; i++)
				if (run_turn_end(&shards[(shard + i) % count]))
					return true;
			break;
		default:
			if (chore_count > 0 && !helpers_held) {
				run_chore(lot(chore_count));
				return true;
			}
			break;
		}
	return false;
}

/* Runs that post, or the first that goes the same way. */
static void
run_passage(size_t i)
{
	struct passage chosen = passages[i];

	for (size_t n = 0; n < i; n++)
		if (passages[n].from == chosen.from && passages[n].to == chosen.to) {
			i = n;
			break;
		}
	chosen = passages[i];
	passage_count--;
	memmove(passages + i, passages + i + 1, (passage_count - i) * sizeof *passages);
	here = chosen.to;
	chosen.post->fn(chosen.post->arg);
}

static bool
run_timer(struct shard *shard)
{
	struct timer *timer = LIST_ITEM(shard->timers.next, struct timer, place);

	if (list_is_empty(&shard->timers) || timer->due > now_ms())
		return false;
	list_remove(&timer->place);
	here = shard;
	timer->fn(timer->arg);
	return true;
}

static bool
run_turn_end(struct shard *shard)
{
	struct post *post = shard->first;

	if (post == NULL)
		return false;
	shard->first = post->next;
	if (shard->first == NULL)
		shard->last = NULL;
	here = shard;
	post->fn(post->arg);
	return true;
}

/* Runs that job, or the first of its pool and key. */
static void
run_chore(size_t i)
{
	struct shard *before = here;
	struct chore chosen = chores[i];
	bool awaited;

	for (size_t n = 0; n < i && chosen.key != 0; n++)
		if (chores[n].pool == chosen.pool && chores[n].key == chosen.key) {
			i = n;
			break;
		}
	chosen = chores[i];
	chore_count--;
	memmove(chores + i, chores + i + 1, (chore_count - i) * sizeof *chores);
	chosen.pool->waiting--;
	awaited = chosen.job->done != NULL;
	here = NULL;
	chosen.job->work(chosen.job);
	if (awaited)
		shard_post(chosen.job->home, &chosen.job->post, job_done, chosen.job);
	here = before;
}

static void
job_done(void *arg)
{
	struct job *job = arg;

	job->done(job);
}

/* A number below n, by a generator (xorshift64*) that any machine runs alike. */
static size_t
lot(size_t n)
{
	chance ^= chance >> 12;
	chance ^= chance << 25;
	chance ^= chance >> 27;
	return (size_t)(chance * 0x2545F4914F6CDD1D >> 33) % n;
}
