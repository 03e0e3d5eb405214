/* SPDX-License-Identifier: MIT */
/* Loops, posts and what happens at a turn's end, with real threads. */
#include "loop/shard.h"

#include "base/clock.h"
#include "base/table.h"
#include "loop/timer.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#define SHARDS 4
#define POSTS  25000 /* from each shard to each */

/* What a shard counts; only it touches its own. */
struct tally {
	unsigned next[SHARDS]; /* the number that must come next from each */
	unsigned wrong, heard, started;
};

struct letter {
	struct post post;
	unsigned from, number;
};

static struct tally tallies[SHARDS];
static struct letter *letters[SHARDS];
static struct post reports[SHARDS];
static unsigned finished; /* shard 0's */
static bool flags[8];

static void
stop_if_all_finished(void *arg)
{
	(void)arg;
	if (++finished == shard_count())
		shards_stop();
}

static void
letter_came(void *arg)
{
	struct letter *letter = arg;
	unsigned here = shard_index(shard_here());
	struct tally *tally = &tallies[here];

	if (letter->number != tally->next[letter->from]++)
		tally->wrong++;
	if (++tally->heard == POSTS * shard_count())
		shard_post(shard_at(0), &reports[here], stop_if_all_finished, NULL);
}

static void
send_letters(void *arg)
{
	unsigned here = shard_index(shard_here());
	struct letter *mine = zalloc(POSTS * shard_count() * sizeof *mine);

	(void)arg;
	tallies[here].started++;
	letters[here] = mine;
	for (unsigned n = 0; n < POSTS; n++)
		for (unsigned to = 0; to < shard_count(); to++, mine++) {
			mine->from = here;
			mine->number = n;
			if (n % 3 == 0)
				shard_post(shard_at(to), &mine->post, letter_came, mine);
			else
				shard_post_later(shard_at(to), &mine->post, letter_came, mine);
		}
}

static void
posts_of_each_shard_come_in_order(void **state)
{
	(void)state;
	finished = 0;
	memset(tallies, 0, sizeof tallies);
	shards_open(SHARDS);
	assert_false(shards_are_running());
	shards_run(send_letters, NULL);
	for (unsigned i = 0; i < SHARDS; i++) {
		assert_int_equal(tallies[i].started, 1);
		assert_int_equal(tallies[i].wrong, 0);
		assert_int_equal(tallies[i].heard, POSTS * SHARDS);
		free(letters[i]);
	}
	shards_close();
}

static void
set_flag(void *arg)
{
	*(bool *)arg = true;
}

static void
stop(void *arg)
{
	(void)arg;
	shards_stop();
}

static void
look_whether_posted(void *arg)
{
	tallies[0].wrong = *(bool *)arg ? 0 : 1;
	shards_stop();
}

/* From shard 1, which does nothing more: to a shard that sleeps, and to itself. */
static void
post_three_later(void *arg)
{
	static struct post posts[3];

	(void)arg;
	if (shard_index(shard_here()) != 1)
		return;
	shard_post_later(shard_at(1), &posts[0], set_flag, &flags[0]);
	shard_post_later(shard_at(0), &posts[1], set_flag, &flags[1]);
	shard_post_later(shard_at(0), &posts[2], stop, NULL);
}

static void
what_nobody_waits_for_comes_nevertheless(void **state)
{
	int64_t start = now_ms();

	(void)state;
	memset(flags, 0, sizeof flags);
	shards_open(2);
	shards_run(post_three_later, NULL);
	assert_true(flags[0]);
	assert_true(flags[1]);
	assert_true(now_ms() - start < 5000);
	shards_close();
}

static void
what_was_posted_before_comes_before_the_start(void **state)
{
	struct post post;

	(void)state;
	flags[0] = false;
	shards_open(1);
	shard_post(shard_at(0), &post, set_flag, &flags[0]);
	assert_false(flags[0]); /* later, never inside the call */
	shards_run(look_whether_posted, &flags[0]);
	assert_int_equal(tallies[0].wrong, 0);
	shards_close();
}

static void
before_the_run_here_is_shard_0(void **state)
{
	(void)state;
	shards_open(2);
	assert_ptr_equal(shard_here(), shard_at(0));
	assert_int_equal(shard_count(), 2);
	shards_close();
	assert_null(shard_here());
}

/* Those who talk to each other are not always apart, nor always together. */
static void
names_that_count_upwards_live_anywhere(void **state)
{
	unsigned first = 0, together = 0;

	(void)state;
	shards_open(2);
	for (unsigned n = 0; n < 2000; n += 2) {
		struct shard *homes[2];

		for (unsigned i = 0; i < 2; i++) {
			char name[32];
			int length = snprintf(name, sizeof name, "u%u@capulet.example", n + i);

			homes[i] = shard_for(hash_stable(name, (size_t)length));
			first += homes[i] == shard_at(0);
		}
		together += homes[0] == homes[1];
	}
	assert_in_range(first, 900, 1100);
	assert_in_range(together, 430, 570);
	shards_close();
}

struct turn {
	struct post end, second, cancelled, post;
	char order[16];
	unsigned length;
};

static struct turn turn_of;

static void
note(char what)
{
	turn_of.order[turn_of.length++] = what;
}

static void
note_second(void *arg)
{
	(void)arg;
	note('2');
}

static void
note_end(void *arg)
{
	(void)arg;
	note('e');
	/* Asked for at the end: still in this turn. */
	shard_at_turn_end(&turn_of.second, note_second, NULL);
}

static void
note_post(void *arg)
{
	(void)arg;
	note('p');
	shards_stop();
}

static void
begin_turn(void *arg)
{
	(void)arg;
	note('b');
	shard_at_turn_end(&turn_of.cancelled, set_flag, &flags[1]);
	shard_at_turn_end(&turn_of.end, note_end, NULL);
	shard_not_at_turn_end(&turn_of.cancelled);
	shard_not_at_turn_end(&turn_of.cancelled); /* no harm */
	shard_post(shard_here(), &turn_of.post, note_post, NULL);
	note('B');
}

static void
the_end_of_a_turn_comes_after_its_posts(void **state)
{
	(void)state;
	memset(&turn_of, 0, sizeof turn_of);
	flags[1] = false;
	shards_open(1);
	shards_run(begin_turn, NULL);
	assert_string_equal(turn_of.order, "bBpe2");
	assert_false(flags[1]);
	shards_close();
}

static void
cancelling_the_last_keeps_the_list(void **state)
{
	struct post posts[3];
	struct timer timer = { 0 };

	(void)state;
	memset(flags, 0, sizeof flags);
	shards_open(1);
	for (int i = 0; i < 2; i++)
		shard_at_turn_end(&posts[i], set_flag, &flags[i]);
	shard_not_at_turn_end(&posts[1]);
	shard_at_turn_end(&posts[2], set_flag, &flags[2]);
	timer_start(&timer, 0, stop, NULL);
	shards_run(NULL, NULL);
	assert_true(flags[0]);
	assert_false(flags[1]);
	assert_true(flags[2]);
	shards_close();
}

/* One that asks again for ever must not keep the timer from firing. */
static void
again(void *arg)
{
	shard_at_turn_end(arg, again, arg);
}

static void
post_again(void *arg)
{
	shard_post(shard_here(), arg, post_again, arg);
}

static void
a_busy_shard_still_sees_time_pass(void **state)
{
	struct post at_end, post;
	struct timer timer = { 0 };

	(void)state;
	shards_open(1);
	shard_at_turn_end(&at_end, again, &at_end);
	shard_post(shard_here(), &post, post_again, &post);
	timer_start(&timer, 20, stop, NULL);
	shards_run(NULL, NULL);
	assert_false(timer_is_on(&timer));
	shards_close();
}

static int64_t fired_at;

static void
note_time(void *arg)
{
	(void)arg;
	fired_at = now_ms();
	shards_stop();
}

static int64_t
cpu_us(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * (int64_t)1000000 +
	       usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
}

static void
an_idle_shard_with_10000_timers_sleeps(void **state)
{
	enum { MANY = 10000 };
	struct timer *timers = zalloc(MANY * sizeof *timers), alarm = { 0 };
	int64_t began, cpu;

	(void)state;
	shards_open(2);
	for (int i = 0; i < MANY; i++)
		timer_start(&timers[i], SECONDS(1000) + i, stop, NULL);
	timer_start(&alarm, 500, note_time, NULL);
	began = now_ms();
	cpu = cpu_us();
	shards_run(NULL, NULL);
	cpu = cpu_us() - cpu;
	assert_in_range(fired_at - began, 500, 3000); /* 600, but for a busy machine */
	assert_true(cpu < 100000);
	shards_close();
	free(timers);
}

static void
interrupted(int number)
{
	(void)number;
	shards_stop();
}

static void
a_signal_handler_may_stop_the_shards(void **state)
{
	struct sigaction action = { .sa_handler = interrupted }, before;

	(void)state;
	sigaction(SIGALRM, &action, &before);
	shards_open(3);
	ualarm(20000, 0);
	shards_run(NULL, NULL);
	sigaction(SIGALRM, &before, NULL);
	shards_close();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(posts_of_each_shard_come_in_order),
		cmocka_unit_test(what_nobody_waits_for_comes_nevertheless),
		cmocka_unit_test(what_was_posted_before_comes_before_the_start),
		cmocka_unit_test(before_the_run_here_is_shard_0),
		cmocka_unit_test(names_that_count_upwards_live_anywhere),
		cmocka_unit_test(the_end_of_a_turn_comes_after_its_posts),
		cmocka_unit_test(cancelling_the_last_keeps_the_list),
		cmocka_unit_test(a_busy_shard_still_sees_time_pass),
		cmocka_unit_test(an_idle_shard_with_10000_timers_sleeps),
		cmocka_unit_test(a_signal_handler_may_stop_the_shards),
	};

	return cmocka_run_group_tests_name("loop/shard", tests, NULL, NULL);
}
