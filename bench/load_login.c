/* SPDX-License-Identifier: MIT */
/*
 * Logging in, over and over: --parallel places, each with accounts of its own in turn.
 *
 * A login is measured from the dialling until a resource is bound.  What it costs the
 * server includes the goodbye.  The first login of each account costs the generator a
 * password hash, so the warm-up should be long enough for one round.
 */
#include "bench/load_scenario.h"

#include "bench/load_client.h"
#include "bench/load_options.h"

#include <stdlib.h>
#include <string.h>

#define FAILURES_MAX 20 /* then it is of no use to go on */

struct place {
	struct client client;
	struct logins *logins;
	unsigned turn;
};

static struct logins {
	struct place *places;
	unsigned count, busy;
	bool going, measuring;
	uint64_t done, resumed, failed;
	struct stat_times times;
} logins;

static void
on_ready(struct client *client)
{
	struct place *place = CONTAINER(client, struct place, client);

	place->logins->done++;
	if (place->logins->measuring) {
		stat_add(&place->logins->times, now_ns() - client->dialled);
		if (client->resumed)
			place->logins->resumed++;
	}
	client_leave(client);
}

static void
on_heard(struct client *client, struct slice stanza)
{
	(void)client;
	(void)stanza;
}

static void
on_gone(struct client *client, const char *why)
{
	struct place *place = CONTAINER(client, struct place, client);

	place->logins->busy--;
	if (why != NULL) {
		place->logins->failed++;
		complain("u%u: %s", client->number, why);
	}
}

static const struct client_kind kind = { on_ready, on_heard, on_gone };

/* Sends in whoever is out. */
static void
advance(void)
{
	unsigned rounds = (unsigned)options.users / logins.count;

	for (unsigned i = 0; i < logins.count; i++) {
		struct place *place = &logins.places[i];

		if (place->client.state != CLIENT_OFF)
			continue;
		place->client.number =
			(unsigned)options.first + i + place->turn++ % rounds * logins.count;
		if (client_enter(&place->client)) {
			logins.busy++;
		} else {
			logins.failed++;
			complain("u%u: no socket, no port or no address", place->client.number);
			return;
		}
	}
}

static void
go_on(double seconds)
{
	int64_t end = now_ns() + (int64_t)(seconds * 1e9);

	while (now_ns() < end && logins.failed < FAILURES_MAX) {
		advance();
		loop_turn(end);
		progress("%llu logins", (unsigned long long)logins.done);
	}
}

void
run_login(struct report *report)
{
	struct interval interval;
	uint64_t before;
	int64_t end;

	logins.count =
		(unsigned)(options.parallel < options.users ? options.parallel : options.users);
	logins.places = zalloc(logins.count * sizeof *logins.places);
	for (unsigned i = 0; i < logins.count; i++) {
		logins.places[i].logins = &logins;
		client_init(&logins.places[i].client, &kind, CLIENT_BOUND, i);
	}
	proc_find();
	go_on(options.warmup);
	interval_begin(&interval);
	before = logins.done;
	logins.measuring = true;
	go_on(options.seconds);
	logins.measuring = false;
	interval_end(&interval);
	report_interval(report, &interval, logins.done - before);

	end = now_ns() + (int64_t)(options.patience * 1e9);
	while (logins.busy > 0 && now_ns() < end)
		loop_turn(end);
	if (logins.busy > 0)
		complain("%u logins or goodbyes were never answered", logins.busy);
	logins.failed += logins.busy;
	for (unsigned i = 0; i < logins.count; i++)
		client_drop(&logins.places[i].client);
	if (options.tls_resume && logins.resumed == 0)
		complain("no TLS session was resumed");
	report_add(report, "resumed", json_integer((json_int_t)logins.resumed));
	report_add(report, "latency", stat_json(&logins.times));
	report->errors.failed = logins.failed + (logins.done == before);
}
