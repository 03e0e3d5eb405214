/* SPDX-License-Identifier: MIT */
/* Helper threads: order, bounds, and the way home. */
#include "loop/helper.h"

#include "loop/shard.h"
#include "loop/timer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define KEYS 16
#define JOBS 200 /* of each key */

struct task {
	struct job job;
	unsigned key, number;
	unsigned *next; /* the key's; touched by its jobs only */
	bool in_order, worked;
	struct shard *worked_at;
};

static struct helper_pool *pool;
static struct task tasks[KEYS * JOBS];
static unsigned nexts[KEYS], done_count, wrong_home;

static void
work(struct job *job)
{
	struct task *task = CONTAINER(job, struct task, job);

	task->in_order = task->number == (*task->next)++;
	task->worked = true;
	task->worked_at = shard_here();
}

static void
done(struct job *job)
{
	struct task *task = CONTAINER(job, struct task, job);

	if (shard_here() != shard_at(0) || !task->worked)
		wrong_home++;
	if (++done_count == KEYS * JOBS)
		shards_stop();
}

static void
start_all(void *arg)
{
	(void)arg;
	if (shard_here() != shard_at(0))
		return;
	for (unsigned n = 0; n < JOBS; n++)
		for (unsigned key = 0; key < KEYS; key++) {
			struct task *task = &tasks[n * KEYS + key];

			task->key = key;
			task->number = n;
			task->next = &nexts[key];
			must(helper_start(pool, &task->job, key + 1, work, done));
		}
}

static void
jobs_of_one_key_keep_their_order_and_come_home(void **state)
{
	(void)state;
	shards_open(2);
	pool = helper_pool_new("test", 3, 0);
	shards_run(start_all, NULL);
	assert_int_equal(done_count, KEYS * JOBS);
	assert_int_equal(wrong_home, 0);
	for (unsigned i = 0; i < KEYS * JOBS; i++) {
		assert_true(tasks[i].in_order);
		assert_null(tasks[i].worked_at);
	}
	assert_int_equal(helper_pool_waiting(pool), 0);
	helper_pool_free(&pool);
	assert_null(pool);
	shards_close();
}

static int gate[2]; /* a pipe: who reads it waits until something is written */

struct waiter {
	struct job job;
	bool worked;
};

static void
wait_at_the_gate(struct job *job)
{
	char c;

	must(read(gate[0], &c, 1) == 1);
	CONTAINER(job, struct waiter, job)->worked = true;
}

static void
a_full_pool_says_no(void **state)
{
	struct waiter waiters[4] = { 0 };

	(void)state;
	assert_int_equal(pipe(gate), 0);
	shards_open(1);
	pool = helper_pool_new("test", 1, 2);
	assert_true(helper_start(pool, &waiters[0].job, 0, wait_at_the_gate, NULL));
	while (helper_pool_waiting(pool) > 0) /* until the helper has it */
		usleep(100);
	assert_true(helper_start(pool, &waiters[1].job, 0, wait_at_the_gate, NULL));
	assert_true(helper_start(pool, &waiters[2].job, 7, wait_at_the_gate, NULL));
	assert_int_equal(helper_pool_waiting(pool), 2);
	assert_false(helper_start(pool, &waiters[3].job, 7, wait_at_the_gate, NULL));
	assert_int_equal(helper_pool_waiting(pool), 2);

	/* The end lets those that wait work. */
	assert_int_equal(write(gate[1], "abc", 3), 3);
	helper_pool_free(&pool);
	assert_true(waiters[0].worked && waiters[1].worked && waiters[2].worked);
	assert_false(waiters[3].worked);
	shards_close();
	close(gate[0]);
	close(gate[1]);
}

static void
free_job(struct job *job)
{
	free(CONTAINER(job, struct waiter, job));
}

static void
a_job_nobody_waits_for_frees_itself(void **state)
{
	(void)state;
	shards_open(1);
	pool = helper_pool_new("test", 2, 0);
	for (int i = 0; i < 100; i++) {
		struct waiter *waiter = zalloc(sizeof *waiter);

		assert_true(helper_start(pool, &waiter->job, (uint64_t)i % 3, free_job, NULL));
	}
	helper_pool_free(&pool);
	shards_close();
}

static void
jobs_without_a_key_do_not_wait_for_a_slow_one(void **state)
{
	struct waiter slow = { 0 };

	(void)state;
	assert_int_equal(pipe(gate), 0);
	shards_open(1);
	pool = helper_pool_new("test", 2, 0);
	assert_true(helper_start(pool, &slow.job, 1, wait_at_the_gate, NULL));
	while (helper_pool_waiting(pool) > 0)
		usleep(100);
	for (int i = 0; i < 10; i++) {
		struct waiter *waiter = zalloc(sizeof *waiter);

		assert_true(helper_start(pool, &waiter->job, 0, free_job, NULL));
	}
	for (int i = 0; i < 100000 && helper_pool_waiting(pool) > 0; i++)
		usleep(100);
	assert_int_equal(helper_pool_waiting(pool), 0);
	assert_int_equal(write(gate[1], "a", 1), 1);
	helper_pool_free(&pool);
	assert_true(slow.worked);
	shards_close();
	close(gate[0]);
	close(gate[1]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(jobs_of_one_key_keep_their_order_and_come_home),
		cmocka_unit_test(a_full_pool_says_no),
		cmocka_unit_test(a_job_nobody_waits_for_frees_itself),
		cmocka_unit_test(jobs_without_a_key_do_not_wait_for_a_slow_one),
	};

	return cmocka_run_group_tests_name("loop/helper", tests, NULL, NULL);
}
