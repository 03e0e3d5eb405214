/* SPDX-License-Identifier: MIT */
/*
 * One says something, and everybody hears it: with --protocol raw, of stentor-floor.
 *
 * The first session speaks; --window messages are under way, or as many as --rate wants.
 * A message is over when all sessions have it, the speaker, too.  An operation is a copy
 * that arrived.
 */
#include "bench/load_scenario.h"

#include "bench/load_crowd.h"
#include "bench/load_options.h"
#include "bench/load_talk.h"

#include <stdlib.h>
#include <string.h>

#define OPEN  "<message type='groupchat' id=''><body>"
#define CLOSE "</body></message>"
#define ID    12 /* characters that the id will have */

struct listener {
	struct member member;
	struct talk_heard heard;
};

static struct {
	struct crowd crowd;
	struct talk_message message;
	bool speaking, closed;
	int64_t from, until, moved;
	uint64_t said, whole, arrived;
	struct stat_times times;
	uint64_t *missing; /* by number: copies that have not come */
	uint64_t room;
} fan;

static struct listener *
listener_at(unsigned i)
{
	return CONTAINER(crowd_member(&fan.crowd, i), struct listener, member);
}

static void
say(int64_t when)
{
	struct client *speaker = &crowd_member(&fan.crowd, 0)->client;

	if (speaker->state != CLIENT_READY)
		return;
	if (fan.said == fan.room) {
		fan.room = fan.room * 2 + 1024;
		fan.missing = resize(fan.missing, fan.room * sizeof *fan.missing);
	}
	fan.missing[fan.said] = fan.crowd.count;
	talk_message_number(&fan.message, speaker->number, fan.said++, when);
	conn_say(&speaker->conn, fan.message.bytes, fan.message.length);
}

static void
hear(struct member *member, struct slice stanza)
{
	struct listener *listener = CONTAINER(member, struct listener, member);
	struct talk_text text;
	int64_t now;

	if (!member->is_here || !talk_read(&text, stanza) || text.sequence >= fan.said ||
	    !talk_hear(&listener->heard, text.sequence))
		return;
	now = now_ns();
	fan.arrived++;
	fan.moved = now;
	if (fan.from != 0 && text.sent >= fan.from && (fan.until == 0 || text.sent < fan.until))
		stat_add(&fan.times, now - text.sent);
	if (--fan.missing[text.sequence] > 0)
		return;
	fan.whole++;
	if (fan.closed && fan.speaking)
		say(now);
}

static void
keep_on(int64_t start, uint64_t *next, int64_t until)
{
	double step = fan.closed ? 0 : 1e9 / options.rate;

	while (now_ns() < until && fan.crowd.gone == 0 &&
	       now_ns() - fan.moved < (int64_t)(options.patience * 1e9)) {
		int64_t due = until;

		while (!fan.closed) {
			due = start + (int64_t)((double)*next * step);
			if (due >= until || due > now_ns())
				break;
			say(due);
			++*next;
		}
		loop_turn(due < until ? due : until);
		progress("%llu copies have come", (unsigned long long)fan.arrived);
	}
}

static void
fan_out(struct report *report)
{
	struct interval interval;
	int64_t start = now_ns();
	uint64_t next = 0, before;

	fan.moved = start;
	fan.speaking = true;
	for (long n = 0; fan.closed && n < options.window; n++)
		say(now_ns());
	keep_on(start, &next, start + (int64_t)(options.warmup * 1e9));
	interval_begin(&interval);
	before = fan.arrived;
	fan.from = interval.begun;
	keep_on(start, &next, interval.begun + (int64_t)(options.seconds * 1e9));
	interval_end(&interval);
	fan.until = interval.ended;
	fan.speaking = false;
	report_interval(report, &interval, fan.arrived - before);
	while (fan.whole < fan.said && fan.crowd.gone == 0 &&
	       now_ns() - fan.moved < (int64_t)(options.patience * 1e9))
		loop_turn(now_ns() + 100 * NS_A_MS);
}

void
run_fanout(struct report *report)
{
	size_t frame = strlen(OPEN) + ID + strlen(CLOSE);

	if (!option_is(options.protocol, "raw")) {
		complain("there is no fanout but with --protocol raw");
		report->errors.failed = 1;
		return;
	}
	fan.closed = !(options.rate > 0);
	talk_message_make(&fan.message, OPEN, CLOSE, (size_t)options.bytes - frame);
	crowd_init(&fan.crowd, sizeof(struct listener), (unsigned)options.users, CROWD_BOUND);
	fan.crowd.heard = hear;
	if (crowd_enter(&fan.crowd)) {
		proc_find();
		fan_out(report);
	}
	report->errors.lost = fan.said * fan.crowd.count - fan.arrived;
	for (unsigned i = 0; i < fan.crowd.count; i++) {
		report->errors.duplicated += listener_at(i)->heard.duplicated;
		report->errors.reordered += listener_at(i)->heard.reordered;
		talk_heard_clear(&listener_at(i)->heard);
	}
	report->errors.failed = fan.crowd.failed + fan.crowd.gone + (fan.times.count == 0);
	report_add(report, "said", json_integer((json_int_t)fan.said));
	report_add(report, "latency", stat_json(&fan.times));
	talk_message_clear(&fan.message);
	free(fan.missing);
	crowd_leave(&fan.crowd);
}
