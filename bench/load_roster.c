/* SPDX-License-Identifier: MIT */
/*
 * Fetching rosters: each session asks for its own, and again when it has it.
 *
 * With --versioned it says the version it has (RFC 6121 §2.6), and the answer of a server
 * that keeps versions is empty.  An operation is an answer.
 */
#include "bench/load_scenario.h"

#include "bench/load_crowd.h"
#include "bench/load_options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct asker {
	struct member member;
	char *version;
	int64_t asked;
	unsigned number; /* of the question */
};

static struct {
	struct crowd crowd;
	bool going, measuring;
	uint64_t answers, empty, items, failed, waiting;
	int64_t moved;
	struct stat_times times;
} rosters;

static void
ask(struct asker *asker)
{
	asker->asked = now_ns();
	rosters.waiting++;
	if (options.versioned)
		client_sayf(&asker->member.client,
			    "<iq type='get' id='get%u'><query xmlns='jabber:iq:roster' "
			    "ver='%s'/></iq>",
			    ++asker->number, asker->version != NULL ? asker->version : "");
	else
		client_sayf(&asker->member.client,
			    "<iq type='get' id='get%u'><query xmlns='jabber:iq:roster'/></iq>",
			    ++asker->number);
}

/* The version is in the tag of the query, which is the first child. */
static void
keep_version(struct asker *asker, struct slice stanza)
{
	const char *query = memmem(stanza.bytes, stanza.length, "<query", 6);
	struct slice value, rest;

	if (query == NULL)
		return;
	rest = (struct slice) { query, stanza.length - (size_t)(query - stanza.bytes) };
	if (!slice_attribute(rest, "ver", &value))
		return;
	free(asker->version);
	asker->version = slice_copy(value);
}

static void
hear(struct member *member, struct slice stanza)
{
	struct asker *asker = CONTAINER(member, struct asker, member);
	struct slice id, type;
	char wanted[32];

	if (!slice_starts(stanza, "<iq") || !member->is_here || !slice_attribute(stanza, "id", &id))
		return;
	snprintf(wanted, sizeof wanted, "get%u", asker->number);
	if (!slice_is(id, wanted)) {
		if (slice_attribute(stanza, "type", &type) &&
		    (slice_is(type, "get") || slice_is(type, "set")))
			client_answer(&member->client, stanza);
		return;
	}
	rosters.waiting--;
	rosters.moved = now_ns();
	if (!slice_attribute(stanza, "type", &type) || !slice_is(type, "result")) {
		rosters.failed++;
		complain("u%u: %.*s", member->client.number, (int)stanza.length, stanza.bytes);
		return;
	}
	rosters.answers++;
	if (rosters.measuring) {
		stat_add(&rosters.times, rosters.moved - asker->asked);
		rosters.items += slice_count(stanza, "<item");
		rosters.empty += !slice_has(stanza, "<query");
	}
	keep_version(asker, stanza);
	if (rosters.going)
		ask(asker);
}

static void
keep_asking(double seconds)
{
	int64_t end = now_ns() + (int64_t)(seconds * 1e9);

	while (now_ns() < end && rosters.crowd.gone == 0 &&
	       now_ns() - rosters.moved < (int64_t)(options.patience * 1e9)) {
		loop_turn(end);
		progress("%llu rosters have come", (unsigned long long)rosters.answers);
	}
}

void
run_roster(struct report *report)
{
	struct interval interval = { 0 };
	uint64_t before = 0;
	bool offered = false;

	crowd_init(&rosters.crowd, sizeof(struct asker), (unsigned)options.users, CROWD_PRESENT);
	rosters.crowd.heard = hear;
	if (crowd_enter(&rosters.crowd)) {
		offered = crowd_member(&rosters.crowd, 0)->client.offers_versions;
		proc_find();
		rosters.going = true;
		rosters.moved = now_ns();
		for (unsigned i = 0; i < rosters.crowd.count; i++)
			ask(CONTAINER(crowd_member(&rosters.crowd, i), struct asker, member));
		keep_asking(options.warmup);
		interval_begin(&interval);
		before = rosters.answers;
		rosters.measuring = true;
		keep_asking(options.seconds);
		rosters.measuring = rosters.going = false;
		interval_end(&interval);
		report_interval(report, &interval, rosters.answers - before);
		while (rosters.waiting > 0 && rosters.crowd.gone == 0 &&
		       now_ns() - rosters.moved < (int64_t)(options.patience * 1e9))
			loop_turn(now_ns() + 100 * NS_A_MS);
	}
	report_add(report, "versions_offered", json_boolean(offered));
	report_add(report, "items",
		   json_real(rosters.times.count > 0
				     ? (double)rosters.items / (double)rosters.times.count
				     : 0));
	report_add(report, "empty_answers", json_integer((json_int_t)rosters.empty));
	report_add(report, "latency", stat_json(&rosters.times));
	report->errors.lost = rosters.waiting;
	report->errors.failed = rosters.failed + rosters.crowd.failed + rosters.crowd.gone +
				(rosters.times.count == 0);
	for (unsigned i = 0; i < rosters.crowd.count; i++)
		free(CONTAINER(crowd_member(&rosters.crowd, i), struct asker, member)->version);
	crowd_leave(&rosters.crowd);
}
