/* SPDX-License-Identifier: MIT */
/* The world for plays must itself be beyond doubt. */
#include "fake/fake.h"

#include "base/clock.h"
#include "loop/timer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct text order;

static void
note(void *arg)
{
	text_addf(&order, "%s%u ", (const char *)arg, shard_index(shard_here()));
}

static void
posts_run_in_the_order_posted(void **state)
{
	struct post posts[4];

	(void)state;
	shard_post(shard_at(1), &posts[0], note, "a");
	shard_post(shard_at(0), &posts[1], note, "b");
	shard_at_turn_end(&posts[2], note, "end");
	shard_post(shard_at(1), &posts[3], note, "c");
	assert_null(order.bytes); /* later, never inside the call */
	assert_true(fake_turn());
	assert_string_equal(order.bytes, "a1 b0 c1 end0 ");
	assert_false(fake_turn());
	assert_ptr_equal(shard_here(), shard_at(0));
}

static void
time_passes_from_timer_to_timer(void **state)
{
	struct timer timers[3] = { 0 };
	int64_t began = now_ms();

	(void)state;
	timer_start(&timers[0], 5000, note, "late");
	timer_start(&timers[1], 1000, note, "soon");
	timer_start(&timers[2], 2000, note, "never");
	timer_stop(&timers[2]);
	fake_pass(999);
	assert_null(order.bytes);
	fake_pass(1);
	assert_string_equal(order.bytes, "soon0 ");
	fake_pass(SECONDS(10));
	assert_string_equal(order.bytes, "soon0 late0 ");
	assert_int_equal(now_ms() - began, 11000);
}

struct task {
	struct job job;
	const char *name;
};

static void
work(struct job *job)
{
	assert_null(shard_here());
	text_addf(&order, "%s ", CONTAINER(job, struct task, job)->name);
}

static void
done(struct job *job)
{
	note((void *)(uintptr_t)CONTAINER(job, struct task, job)->name);
}

static void
jobs_wait_while_helpers_are_held(void **state)
{
	struct task tasks[3] = { { .name = "x" }, { .name = "y" }, { .name = "z" } };
	struct helper_pool *pool = helper_pool_new("test", 2, 2);

	(void)state;
	fake_hold_helpers(true);
	fake_be(shard_at(1));
	assert_true(helper_start(pool, &tasks[0].job, 1, work, done));
	assert_true(helper_start(pool, &tasks[1].job, 1, work, done));
	assert_false(helper_start(pool, &tasks[2].job, 1, work, done));
	fake_be(shard_at(0));
	fake_settle();
	assert_null(order.bytes);
	assert_true(fake_help_once());
	fake_settle();
	assert_string_equal(order.bytes, "x x1 ");
	fake_hold_helpers(false);
	fake_settle();
	assert_string_equal(order.bytes, "x x1 y y1 ");
	helper_pool_free(&pool);
}

struct letter {
	struct post post;
	unsigned number, *next;
};

static void
letter_came(void *arg)
{
	struct letter *letter = arg;

	assert_int_equal(letter->number, (*letter->next)++);
	text_addf(&order, "%c", letter->next[0] % 26 + 'a');
}

static void
chance_keeps_the_order_of_each_way(void **state)
{
	struct text first = { 0 };

	(void)state;
	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct letter letters[4][50];
		unsigned nexts[4] = { 0 };

		text_empty(&order);
		fake_shuffle(seed % 10 + 1);
		for (unsigned i = 0; i < 50; i++)
			for (unsigned way = 0; way < 4; way++) {
				fake_be(shard_at(way / 2));
				letters[way][i].number = i;
				letters[way][i].next = &nexts[way];
				shard_post(shard_at(way % 2), &letters[way][i].post, letter_came,
					   &letters[way][i]);
			}
		fake_be(shard_at(0));
		fake_settle();
		for (unsigned way = 0; way < 4; way++)
			assert_int_equal(nexts[way], 50);
		if (seed == 1)
			text_add(&first, order.bytes);
		else if (seed == 11) /* the same seed, the same story */
			assert_string_equal(first.bytes, order.bytes);
		else if (seed < 11)
			assert_string_not_equal(first.bytes, order.bytes);
	}
	text_clear(&first);
}

/* ---- links ---- */

struct server {
	struct link *link;
	struct text heard;
	unsigned secured, emptied, ended, calls;
};

static void
on_heard(void *owner, const char *bytes, size_t length)
{
	struct server *server = owner;

	text_add_bytes(&server->heard, bytes, length);
	server->calls++;
	link_say(server->link, wire_new(bytes, length));
}

static void
on_secured(void *owner)
{
	struct server *server = owner;

	server->secured++;
	link_read(server->link, true);
}

static void
on_emptied(void *owner)
{
	((struct server *)owner)->emptied++;
}

static void
on_ended(void *owner, enum link_end how, const char *why)
{
	char peer[64];

	(void)how;
	(void)why;
	listener_gone(link_peer(((struct server *)owner)->link, peer));
	((struct server *)owner)->ended++;
}

static const struct link_owner functions = { on_heard, on_secured, on_emptied, on_ended };
static struct server server;

static void
say(const char *words)
{
	link_say(server.link, wire_new(words, strlen(words)));
}

static struct fake_end *
begin(void)
{
	struct fake_end *end = fake_link_new(&functions, &server);

	server.link = fake_link(end);
	link_read(server.link, true);
	return end;
}

static void
an_echo_comes_back(void **state)
{
	struct fake_end *end = begin();
	struct text said = { 0 };

	(void)state;
	fake_say(end, "hello");
	assert_false(fake_take(end, &said));
	fake_settle();
	assert_string_equal(fake_said(end), "hello");
	assert_true(fake_take(end, &said));
	assert_false(fake_take(end, &said));
	assert_string_equal(said.bytes, "hello");
	fake_chunk(2);
	fake_say(end, "in pieces");
	fake_settle();
	assert_int_equal(server.calls, 1 + 5);
	assert_string_equal(fake_said(end), "in pieces");
	link_want_emptied(server.link);
	fake_settle();
	assert_int_equal(server.emptied, 1);
	fake_hang_up(end);
	fake_settle();
	assert_int_equal(server.ended, 1);
	assert_true(fake_ended(end, NULL, NULL));
	assert_null(fake_link(end));
	fake_drop(&end);
	text_clear(&said);
}

static void
tls_succeeds_as_it_is_told(void **state)
{
	struct fake_end *end = begin(), *other;
	struct link_tls_info info;
	uint8_t first[32], second[32];

	(void)state;
	fake_tls(end)->info.sni = "capulet.example";
	link_read(server.link, false);
	say("<proceed/>");
	link_start_tls(server.link, NULL, false, NULL);
	assert_int_equal(server.secured, 0);
	assert_string_equal(fake_said(end), "<proceed/>");
	say("secret");
	fake_settle();
	assert_int_equal(server.secured, 1);
	assert_string_equal(fake_said(end), "<proceed/>secret");
	link_tls_info(server.link, &info);
	assert_true(info.secured);
	assert_string_equal(info.sni, "capulet.example");
	assert_true(link_tls_exporter(server.link, first));
	fake_drop(&end);
	fake_settle();

	other = begin();
	link_read(server.link, false);
	assert_false(link_tls_exporter(server.link, second));
	link_start_tls(server.link, NULL, false, NULL);
	fake_settle();
	assert_true(link_tls_exporter(server.link, second));
	assert_memory_not_equal(first, second, 32);
	fake_drop(&other);
	fake_settle();

	other = begin();
	link_read(server.link, false);
	fake_tls(other)->refused = true;
	link_start_tls(server.link, NULL, false, NULL);
	fake_settle();
	assert_int_equal(server.secured, 2);
	assert_true(fake_ended(other, NULL, NULL));
	fake_drop(&other);
}

static void
a_stalled_peer_is_ended(void **state)
{
	struct fake_end *end = begin();
	enum link_end how;

	(void)state;
	fake_stall(end, true);
	say("anybody there?");
	fake_pass(SECONDS(29));
	assert_false(fake_ended(end, NULL, NULL));
	assert_int_equal(link_unsent(server.link), 14);
	fake_stall(end, false);
	fake_settle();
	assert_string_equal(fake_said(end), "anybody there?");
	fake_stall(end, true);
	say("again?");
	fake_pass(SECONDS(31));
	assert_true(fake_ended(end, &how, NULL));
	assert_int_equal(how, LINK_STALLED);
	fake_drop(&end);
}

static void
a_connection_is_cut_at_the_byte(void **state)
{
	enum link_end how;

	(void)state;
	for (size_t n = 0; n < 10; n++) {
		struct fake_end *end = begin();

		fake_link_cut_after(end, n);
		say("0123");
		say("456789");
		fake_settle();
		assert_int_equal(strlen(fake_said(end)), n);
		assert_true(fake_ended(end, &how, NULL));
		assert_int_equal(how, LINK_BROKEN);
		fake_drop(&end);
	}
}

static void
goodbye_is_said_and_waited_for(void **state)
{
	struct fake_end *end = begin();

	(void)state;
	say("last");
	link_close(server.link, 5000);
	fake_settle();
	assert_true(fake_told_goodbye(end));
	assert_string_equal(fake_said(end), "last");
	assert_true(fake_ended(end, NULL, NULL));
	fake_drop(&end);

	end = begin();
	fake_polite(end, false);
	link_close(server.link, 5000);
	fake_pass(4999);
	assert_false(fake_ended(end, NULL, NULL));
	fake_pass(1);
	assert_true(fake_ended(end, NULL, NULL));
	fake_drop(&end);
}

static void
move(void *arg)
{
	link_attach(arg, &functions, &server);
	link_read(arg, true);
}

static void
a_link_moves_with_what_it_has_not_heard(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < 50; seed++) {
		struct fake_end *end = begin();
		struct post post;

		text_empty(&server.heard);
		fake_shuffle(seed);
		fake_chunk(1);
		fake_say(end, "abc");
		for (uint64_t i = 0; i < seed % 4; i++)
			fake_turn();
		fake_say(end, "def");
		link_detach(server.link);
		shard_post(shard_at(1), &post, move, server.link);
		fake_settle();
		assert_string_equal(server.heard.bytes, "abcdef");
		assert_string_equal(fake_said(end), "abcdef");
		fake_drop(&end);
		fake_settle();
	}
	assert_int_equal(server.ended, 50);
}

static struct server guests[8];
static unsigned guest_count;

static void
accepted(void *arg, int fd)
{
	struct server *guest = &guests[guest_count++];

	(void)arg;
	guest->link = link_new(fd, &functions, guest);
	link_read(guest->link, true);
}

static void
start(void *arg)
{
	listener_start(arg);
}

static void
a_listener_lets_in_as_many_as_it_may(void **state)
{
	struct err err;
	struct listener *listener = listener_new("0.0.0.0", 5222, accepted, NULL, &err);
	struct fake_end *first, *second, *gone;

	(void)state;
	assert_null(fake_connect(5222, "192.0.2.7"));
	assert_null(listener_new("0.0.0.0", 5222, accepted, NULL, &err));
	assert_int_equal(err.kind, ERR_EXISTS);
	shards_run(start, listener);
	listener_set_limit(2);
	first = fake_connect(5222, "192.0.2.7");
	second = fake_connect(5222, "192.0.2.7");
	assert_null(fake_connect(5222, "192.0.2.7"));
	gone = fake_connect(5222, "192.0.2.8");
	fake_say(first, "before it is accepted");
	fake_drop(&gone);
	fake_settle();
	assert_string_equal(fake_said(first), "before it is accepted");
	assert_int_equal(guest_count, 3);
	assert_int_equal(fake_counted("192.0.2.7"), 2);
	assert_int_equal(fake_counted("192.0.2.8"), 0);
	fake_drop(&first);
	fake_drop(&second);
	fake_settle();
	assert_int_equal(fake_counted("192.0.2.7"), 0);
	for (unsigned i = 0; i < shard_count(); i++) {
		fake_be(shard_at(i));
		listener_stop(listener);
	}
	fake_be(shard_at(0));
	assert_null(fake_connect(5222, "192.0.2.7"));
	listener_free(&listener);
	for (unsigned i = 0; i < guest_count; i++)
		text_clear(&guests[i].heard);
}

static int
open_world(void **state)
{
	(void)state;
	clock_freeze(1700000000000);
	shards_open(2);
	memset(&server, 0, sizeof server);
	return 0;
}

static int
close_world(void **state)
{
	(void)state;
	fake_chunk(0);
	fake_settle();
	assert_int_equal(fake_links(), 0);
	shards_close();
	text_clear(&order);
	text_clear(&server.heard);
	return 0;
}

#define play(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		play(posts_run_in_the_order_posted),
		play(time_passes_from_timer_to_timer),
		play(jobs_wait_while_helpers_are_held),
		play(chance_keeps_the_order_of_each_way),
		play(an_echo_comes_back),
		play(tls_succeeds_as_it_is_told),
		play(a_stalled_peer_is_ended),
		play(a_connection_is_cut_at_the_byte),
		play(goodbye_is_said_and_waited_for),
		play(a_link_moves_with_what_it_has_not_heard),
		play(a_listener_lets_in_as_many_as_it_may),
	};

	return cmocka_run_group_tests_name("fake", tests, NULL, NULL);
}
