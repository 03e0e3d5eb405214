/* SPDX-License-Identifier: MIT */
/*
 * A storm of logins of accounts with full rosters, which prepare-roster has made: each
 * fetches its roster, says that it is there, and hears who else is; those hear of it.
 *
 * It is over when everybody has heard of all contacts.  Each pair that does not know of
 * each other then counts as lost.  An operation is a login; what each presence that was
 * delivered cost is said beside it.
 */
#include "bench/load_scenario.h"

#include "bench/load_crowd.h"
#include "bench/load_friends.h"
#include "bench/load_options.h"

#include <stdlib.h>

struct friend
{
	struct member member;
	unsigned group;
	bool *sees; /* by place in the group */
};

static struct {
	struct crowd crowd;
	uint64_t delivered, known;
	int64_t moved;
	struct stat_times entries;
} storm;

static struct friend *
friend_at(unsigned i)
{
	return CONTAINER(crowd_member(&storm.crowd, i), struct friend, member);
}

static void
on_entered(struct member *member, int64_t ns)
{
	(void)member;
	stat_add(&storm.entries, ns);
}

static void
hear(struct member *member, struct slice stanza)
{
	struct friend *it = CONTAINER(member, struct friend, member);
	struct slice type, from;
	int place;

	if (slice_starts(stanza, "<iq")) {
		if (slice_attribute(stanza, "type", &type) &&
		    (slice_is(type, "get") || slice_is(type, "set")))
			client_answer(&member->client, stanza);
		return;
	}
	if (!slice_starts(stanza, "<presence"))
		return;
	storm.delivered++;
	if (slice_attribute(stanza, "type", &type) || !slice_attribute(stanza, "from", &from) ||
	    (place = friends_place(from, it->group)) < 0 || it->sees[place] ||
	    slice_is(from, member->client.jid))
		return;
	it->sees[place] = true;
	storm.known++;
	storm.moved = now_ns();
}

void
run_presence(struct report *report)
{
	unsigned size = friends_a_group(), count = friends_count();
	uint64_t wanted = (uint64_t)count * (size - 1);
	struct proc_mark before = proc_read(true), after, used;
	struct interval interval;
	bool all = count > 0;

	if (!all) {
		complain("--users must be at least %u for --roster %ld", size, options.roster);
		report->errors.failed = 1;
		return;
	}
	crowd_init(&storm.crowd, sizeof(struct friend), count, CROWD_PRESENT);
	storm.crowd.heard = hear;
	storm.crowd.entered = on_entered;
	for (unsigned i = 0; i < count; i++) {
		friend_at(i)->group = i / size;
		friend_at(i)->sees = zalloc(size * sizeof(bool));
	}
	proc_find();
	interval_begin(&interval);
	all = crowd_enter(&storm.crowd);
	storm.moved = now_ns();
	while (all && storm.known < wanted && storm.crowd.gone == 0 &&
	       now_ns() - storm.moved < (int64_t)(options.patience * 1e9))
		loop_turn(now_ns() + NS_A_MS);
	interval_end(&interval);
	after = proc_read(true);
	report_interval(report, &interval, count);
	used = proc_between(&interval.from, &interval.to);
	report_memory(report, &before, &after, count);
	report_add(report, "presences", json_integer((json_int_t)storm.delivered));
	if (proc_is_watched() && storm.delivered > 0)
		report_add(report, "cpu_us_a_presence",
			   json_real(used.seconds * 1e6 / (double)storm.delivered));
	report_add(report, "latency", stat_json(&storm.entries));
	report->errors.lost = wanted - storm.known;
	report->errors.failed = storm.crowd.failed + storm.crowd.gone;
	for (unsigned i = 0; i < count; i++)
		free(friend_at(i)->sees);
	crowd_leave(&storm.crowd);
}
