/* SPDX-License-Identifier: MIT */
/*
 * Making accounts as strangers do (XEP-0077): one connection for each, --parallel at once.
 * An account that is there already is counted apart; it is no failure.
 */
#include "bench/load_scenario.h"

#include "bench/load_client.h"
#include "bench/load_options.h"

#include <string.h>

#define FAILURES_MAX 20

static struct registration {
	struct client *places;
	unsigned count, next, busy;
	uint64_t made, existing, failed;
	struct stat_times times;
} all;

static void
on_ready(struct client *client)
{
	client_sayf(client,
		    "<iq type='set' id='register' to='%s'><query xmlns='jabber:iq:register'>"
		    "<username>u%u</username><password>%s</password></query></iq>",
		    options.domain, client->number, options.password);
}

static void
on_heard(struct client *client, struct slice stanza)
{
	struct slice id, type;

	if (!slice_starts(stanza, "<iq") || !slice_attribute(stanza, "id", &id) ||
	    !slice_is(id, "register") || !slice_attribute(stanza, "type", &type))
		return;
	if (slice_is(type, "result")) {
		all.made++;
		stat_add(&all.times, now_ns() - client->dialled);
	} else if (slice_has(stanza, "<conflict")) {
		all.existing++;
	} else {
		all.failed++;
		complain("u%u: %.*s", client->number, (int)stanza.length, stanza.bytes);
	}
	client_leave(client);
}

static void
on_gone(struct client *client, const char *why)
{
	all.busy--;
	if (why != NULL) {
		all.failed++;
		complain("u%u: %s", client->number, why);
	}
}

static const struct client_kind kind = { on_ready, on_heard, on_gone };

static void
advance(void)
{
	for (unsigned i = 0; i < all.count && all.next < (unsigned)options.users; i++) {
		struct client *client = &all.places[i];

		if (client->state != CLIENT_OFF)
			continue;
		client_init(client, &kind, CLIENT_NEW, (unsigned)options.first + all.next++);
		if (client_enter(client)) {
			all.busy++;
		} else {
			all.failed++;
			complain("u%u: no socket, no port or no address", client->number);
		}
	}
}

void
run_register(struct report *report)
{
	struct interval interval;
	int64_t moved = now_ns();
	uint64_t before = 0, done;

	all.count = (unsigned)(options.parallel < options.users ? options.parallel : options.users);
	all.places = zalloc(all.count * sizeof *all.places);
	for (unsigned i = 0; i < all.count; i++)
		client_init(&all.places[i], &kind, CLIENT_NEW, 0);
	proc_find();
	interval_begin(&interval);
	while ((all.busy > 0 || all.next < (unsigned)options.users) && all.failed < FAILURES_MAX) {
		advance();
		loop_turn(now_ns() + NS_A_SECOND);
		done = all.made + all.existing + all.failed;
		if (done > before)
			moved = now_ns();
		before = done;
		progress("%llu accounts made, %llu were there", (unsigned long long)all.made,
			 (unsigned long long)all.existing);
		if (now_ns() - moved > (int64_t)(options.patience * 1e9)) {
			complain("%u are waiting, and nothing moves", all.busy);
			all.failed += all.busy;
			break;
		}
	}
	interval_end(&interval);
	for (unsigned i = 0; i < all.count; i++)
		client_drop(&all.places[i]);
	report_interval(report, &interval, all.made);
	report_add(report, "existing", json_integer((json_int_t)all.existing));
	report_add(report, "latency", stat_json(&all.times));
	report->errors.failed = all.failed;
}
