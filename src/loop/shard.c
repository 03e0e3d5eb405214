/* SPDX-License-Identifier: MIT */
/*
 * A thread with its loop.  One turn is: wait for sockets, posts or time and call what
 * is ready; run the posts that were there; fire timers; run what was asked for the
 * turn's end.
 *
 * The queue of posts is a stack that anybody pushes to and its shard takes whole and
 * reverses, so it is first in, first out.  Who pushes onto an empty one wakes the shard.
 * The eventfd is edge-triggered and never read: only its being written counts.
 *
 * What nobody waits for lies at its sender's, a pile for each shard, until the sender has
 * something else for that shard, the pile is high, or it is a tenth of a second old: to wake a
 * thread costs more than most of what it is woken for.
 */
#include "loop/shard.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/table.h"
#include "loop/internal.h"
#include "loop/timer.h"

#include <event2/event.h>
#include <event2/event_struct.h>

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define LATER_MS   50 /* a timer may be as late again */
#define LATER_MANY 32

struct pile {                      /* posts that wake nobody */
	struct post *first, *last; /* last put first, as in a shard's queue */
	unsigned count;
};

struct shard {
	struct post *_Atomic posts; /* last pushed first */
	struct event_base *base;
	struct event wake, alarm;
	struct timers timers;
	int64_t alarm_at; /* what `alarm` is set to, in now_ms(); -1: off */
	struct post *end_first, *end_last;
	unsigned end_count;
	struct pile *piles; /* one for each shard */
	struct timer pile_timer;
	unsigned index;
	int wake_fd;
	pthread_t thread;
};

struct running {
	void (*started)(void *arg);
	void *arg;
};

static struct shard *shards;
static unsigned count;
static _Atomic bool stopping;
static bool running_now; /* written while no other shard runs */
static struct running running;
static _Thread_local struct shard *here;

static void *run(void *arg);
static void turn(struct shard *shard);
static void run_posts(struct shard *shard);
static void run_turn_end(struct shard *shard);
static void set_alarm(struct shard *shard);
static void push(struct shard *to, struct post *first, struct post *last);
static void push_pile(struct shard *to);
static void piles_are_old(void *arg);
static void wake(struct shard *shard);
static void woken(evutil_socket_t fd, short what, void *arg);
static unsigned cores(void);

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
	return &shards[hash_place(hash, count)];
}

struct event_base *
shard_base(struct shard *shard)
{
	return shard->base;
}

struct timers *
shard_timers(void)
{
	must(here != NULL);
	return &here->timers;
}

void
shard_post(struct shard *to, struct post *post, void (*fn)(void *arg), void *arg)
{
	post->fn = fn;
	post->arg = arg;
	push_pile(to);
	push(to, post, post);
}

void
shard_post_later(struct shard *to, struct post *post, void (*fn)(void *arg), void *arg)
{
	struct pile *pile;

	must(here != NULL);
	pile = &here->piles[to->index];
	post->fn = fn;
	post->arg = arg;
	atomic_store_explicit(&post->next, pile->first, memory_order_relaxed);
	pile->first = post;
	if (pile->count++ == 0)
		pile->last = post;
	if (pile->count >= LATER_MANY)
		push_pile(to);
	else if (!timer_is_on(&here->pile_timer))
		timer_start(&here->pile_timer, LATER_MS, piles_are_old, NULL);
}

/* `first` was posted last of a chain that ends with `last`. */
static void
push(struct shard *to, struct post *first, struct post *last)
{
	struct post *before = atomic_load_explicit(&to->posts, memory_order_relaxed);

	do
		atomic_store_explicit(&last->next, before, memory_order_relaxed);
	while (!atomic_compare_exchange_weak_explicit(&to->posts, &before, first,
						      memory_order_release, memory_order_relaxed));
	if (before == NULL && to != here)
		wake(to);
}

static void
push_pile(struct shard *to)
{
	struct pile *pile, pushed;

	if (here == NULL || here->piles[to->index].count == 0)
		return;
	pile = &here->piles[to->index];
	pushed = *pile;
	*pile = (struct pile) { 0 };
	push(to, pushed.first, pushed.last);
}

static void
piles_are_old(void *arg)
{
	(void)arg;
	for (unsigned i = 0; i < count; i++)
		push_pile(&shards[i]);
}

void
shard_at_turn_end(struct post *post, void (*fn)(void *arg), void *arg)
{
	must(here != NULL);
	post->fn = fn;
	post->arg = arg;
	atomic_store_explicit(&post->next, NULL, memory_order_relaxed);
	if (here->end_last != NULL)
		atomic_store_explicit(&here->end_last->next, post, memory_order_relaxed);
	else
		here->end_first = post;
	here->end_last = post;
	here->end_count++;
}

void
shard_not_at_turn_end(struct post *post)
{
	struct post *before = NULL, *each;

	must(here != NULL);
	for (each = here->end_first; each != post; before = each, each = each->next)
		if (each == NULL)
			return;
	if (before != NULL)
		before->next = post->next;
	else
		here->end_first = post->next;
	if (here->end_last == post)
		here->end_last = before;
	here->end_count--;
}

void
shards_open(unsigned wanted)
{
	must(shards == NULL && wanted <= SHARDS_MAX);
	count = wanted > 0 ? wanted : cores();
	shards = zalloc(count * sizeof *shards);
	stopping = false;
	for (unsigned i = 0; i < count; i++) {
		struct shard *shard = &shards[i];
		struct event_config *config = event_config_new();

		must(config != NULL);
		event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK | EVENT_BASE_FLAG_IGNORE_ENV);
		shard->base = event_base_new_with_config(config);
		event_config_free(config);
		shard->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		must(shard->base != NULL && shard->wake_fd >= 0);
		shard->index = i;
		shard->alarm_at = -1;
		shard->piles = zalloc(count * sizeof *shard->piles);
		timers_init(&shard->timers);
		event_assign(&shard->wake, shard->base, shard->wake_fd,
			     EV_READ | EV_PERSIST | EV_ET, woken, NULL);
		event_assign(&shard->alarm, shard->base, -1, 0, woken, NULL);
		must(event_add(&shard->wake, NULL) == 0);
	}
	here = &shards[0];
}

void
shards_run(void (*started)(void *arg), void *arg)
{
	sigset_t all, before;

	must(here == &shards[0]);
	running.started = started;
	running.arg = arg;
	running_now = true;

	/* Signals are for the thread that called us. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	for (unsigned i = 1; i < count; i++)
		must(pthread_create(&shards[i].thread, NULL, run, &shards[i]) == 0);
	pthread_sigmask(SIG_SETMASK, &before, NULL);

	run(&shards[0]);
	for (unsigned i = 1; i < count; i++)
		pthread_join(shards[i].thread, NULL);
	running_now = false;
}

bool
shards_are_running(void)
{
	return running_now;
}

void
shards_stop(void)
{
	int saved = errno;

	stopping = true;
	for (unsigned i = 0; i < count; i++)
		wake(&shards[i]);
	errno = saved;
}

void
shards_close(void)
{
	for (unsigned i = 0; i < count; i++) {
		event_del(&shards[i].wake);
		event_del(&shards[i].alarm);
		event_base_free(shards[i].base);
		close(shards[i].wake_fd);
		free(shards[i].piles);
	}
	free(shards);
	shards = NULL;
	count = 0;
	here = NULL;
}

static void *
run(void *arg)
{
	struct shard *shard = arg;
	char name[16];

	here = shard;
	if (shard->index > 0) {
		snprintf(name, sizeof name, "shard-%u", shard->index % SHARDS_MAX);
		pthread_setname_np(pthread_self(), name);
	}

	/* What was posted before the loops ran is known before anybody connects. */
	run_posts(shard);
	if (running.started != NULL)
		running.started(running.arg);
	while (!stopping)
		turn(shard);
	if (shard->index > 0)
		arena_trim();
	return NULL;
}

static void
turn(struct shard *shard)
{
	bool busy = shard->posts != NULL || shard->end_first != NULL;

	if (!busy)
		set_alarm(shard);
	/* NONBLOCK alone would stay in there as long as any socket has something to say. */
	event_base_loop(shard->base, busy ? EVLOOP_ONCE | EVLOOP_NONBLOCK : EVLOOP_ONCE);
	run_posts(shard);
	timers_run(&shard->timers);
	run_turn_end(shard);
}

/* Runs the posts that are there now; those that come meanwhile wait for the next turn,
 * so that sockets are not starved. */
static void
run_posts(struct shard *shard)
{
	struct post *post, *next, *first = NULL;

	if (atomic_load_explicit(&shard->posts, memory_order_relaxed) == NULL)
		return;
	post = atomic_exchange_explicit(&shard->posts, NULL, memory_order_acquire);
	for (; post != NULL; post = next) {
		next = atomic_load_explicit(&post->next, memory_order_relaxed);
		atomic_store_explicit(&post->next, first, memory_order_relaxed);
		first = post;
	}
	for (post = first; post != NULL; post = next) {
		next = atomic_load_explicit(&post->next, memory_order_relaxed);
		post->fn(post->arg);
	}
}

/* What is asked for at a turn's end may ask for more, which still belongs to this turn;
 * who asks without end is continued in the next. */
static void
run_turn_end(struct shard *shard)
{
	unsigned most = 8 * shard->end_count + 64;

	for (struct post *post; (post = shard->end_first) != NULL && most > 0; most--) {
		shard->end_first = post->next;
		if (shard->end_first == NULL)
			shard->end_last = NULL;
		shard->end_count--;
		post->fn(post->arg);
	}
}

/* Makes sure that the loop wakes for the next timer.  An alarm that is too early is left
 * alone: timers that are stopped before they fire are common, and then it costs nothing
 * to let it ring once in vain. */
static void
set_alarm(struct shard *shard)
{
	int64_t next = timers_next(&shard->timers), wait;
	struct timeval tv;

	if (next < 0 || (shard->alarm_at >= 0 && shard->alarm_at <= next &&
			 event_pending(&shard->alarm, EV_TIMEOUT, NULL)))
		return;
	shard->alarm_at = next;
	wait = next - now_ms();
	if (wait < 0)
		wait = 0;
	tv.tv_sec = wait / 1000;
	tv.tv_usec = wait % 1000 * 1000 + 500; /* now_ms() rounds down */
	event_add(&shard->alarm, &tv);
}

static void
wake(struct shard *shard)
{
	uint64_t one = 1;

	/* Cannot fail but by a counter of 2^64 wakings. */
	if (write(shard->wake_fd, &one, sizeof one) < 0)
		return;
}

static void
woken(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
}

static unsigned
cores(void)
{
	cpu_set_t set;
	unsigned n = 0;

	if (sched_getaffinity(0, sizeof set, &set) == 0)
		n = (unsigned)CPU_COUNT(&set);
	return n < 1 ? 1 : n > SHARDS_MAX ? SHARDS_MAX : n;
}
