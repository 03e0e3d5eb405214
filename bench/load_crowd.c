/* SPDX-License-Identifier: MIT */
/* Many clients that enter, stay, and leave together. */
#include "bench/load_crowd.h"

#include "bench/load_options.h"
#include "bench/load_report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LEAVE_SECONDS  10
#define PATIENCE_LOGIN 30 /* seconds without any progress */

static void on_ready(struct client *client);
static void on_heard(struct client *client, struct slice stanza);
static void on_gone(struct client *client, const char *why);
static void member_entered(struct member *member);

static const struct client_kind member_kind = { on_ready, on_heard, on_gone };

void
crowd_init(struct crowd *crowd, size_t size, unsigned count, enum crowd_presence presence)
{
	memset(crowd, 0, sizeof *crowd);
	crowd->size = size;
	crowd->count = count;
	crowd->presence = presence;
	crowd->members = zalloc(size * count);
	for (unsigned i = 0; i < count; i++) {
		struct member *member = crowd_member(crowd, i);

		member->crowd = crowd;
		client_init(&member->client, &member_kind, CLIENT_BOUND,
			    (unsigned)options.first + i);
	}
}

struct member *
crowd_member(const struct crowd *crowd, unsigned i)
{
	return (struct member *)(void *)((char *)crowd->members + crowd->size * i);
}

void
crowd_advance(struct crowd *crowd)
{
	while (crowd->next < crowd->count && crowd->entering < (unsigned)options.parallel) {
		struct member *member = crowd_member(crowd, crowd->next++);

		if (client_enter(&member->client)) {
			crowd->entering++;
		} else {
			crowd->failed++;
			complain("u%u: no socket, no port or no address", member->client.number);
		}
	}
}

bool
crowd_enter(struct crowd *crowd)
{
	crowd->moved = now_ns();
	while (crowd->here < crowd->count) {
		crowd_advance(crowd);
		if (crowd->failed + crowd->gone > 0)
			return false;
		if (now_ns() - crowd->moved > PATIENCE_LOGIN * NS_A_SECOND) {
			complain("%u of %u sessions are there, and nothing moves", crowd->here,
				 crowd->count);
			crowd->failed += crowd->count - crowd->here;
			return false;
		}
		loop_turn(now_ns() + NS_A_SECOND);
		progress("%u of %u sessions are there", crowd->here, crowd->count);
	}
	return true;
}

bool
crowd_rest(struct crowd *crowd, int64_t until)
{
	while (now_ns() < until && crowd->failed + crowd->gone == 0)
		loop_turn(until);
	return crowd->failed + crowd->gone == 0;
}

void
crowd_leave(struct crowd *crowd)
{
	int64_t end = now_ns() + LEAVE_SECONDS * NS_A_SECOND;

	crowd->leaving = true;
	for (unsigned i = 0; i < crowd->count; i++) {
		client_leave(&crowd_member(crowd, i)->client);
		if (i % (unsigned)options.parallel == 0)
			loop_turn(0);
	}
	for (unsigned i = 0; i < crowd->count; i++) {
		struct client *client = &crowd_member(crowd, i)->client;

		while (client->state != CLIENT_OFF && now_ns() < end)
			loop_turn(end);
		client_drop(client);
	}
	free(crowd->members);
	crowd->members = NULL;
}

static void
on_ready(struct client *client)
{
	struct member *member = CONTAINER(client, struct member, client);

	member->crowd->moved = now_ns();
	if (member->crowd->presence == CROWD_PRESENT && !option_is(options.protocol, "raw"))
		client_say(client, "<iq type='get' id='roster'><query xmlns='jabber:iq:roster'/>"
				   "</iq><presence/>");
	else
		member_entered(member);
}

static void
member_entered(struct member *member)
{
	struct crowd *crowd = member->crowd;

	member->is_here = true;
	crowd->here++;
	crowd->entering--;
	crowd->moved = now_ns();
	if (crowd->entered != NULL)
		crowd->entered(member, now_ns() - member->client.dialled);
}

/* What belongs to the entry: the roster, and our own presence. */
static void
hear_entry(struct member *member, struct slice stanza)
{
	struct slice value;

	if (slice_starts(stanza, "<iq") && slice_attribute(stanza, "id", &value) &&
	    slice_is(value, "roster"))
		member->has_roster = true;
	else if (slice_starts(stanza, "<presence") && slice_attribute(stanza, "from", &value) &&
		 slice_is(value, member->client.jid))
		member->is_seen = true;
}

static void
on_heard(struct client *client, struct slice stanza)
{
	struct member *member = CONTAINER(client, struct member, client);

	if (!member->is_here) {
		hear_entry(member, stanza);
		if (member->has_roster && member->is_seen)
			member_entered(member);
	}
	if (member->crowd->heard != NULL)
		member->crowd->heard(member, stanza);
}

static void
on_gone(struct client *client, const char *why)
{
	struct member *member = CONTAINER(client, struct member, client);

	if (member->crowd->leaving)
		return;
	complain("u%u: %s", client->number, why != NULL ? why : "left");
	if (member->is_here) {
		member->is_here = false;
		member->crowd->here--;
		member->crowd->gone++;
	} else {
		member->crowd->entering--;
		member->crowd->failed++;
	}
}
