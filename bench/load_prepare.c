/* SPDX-License-Identifier: MIT */
/*
 * Makes everybody of a group everybody's contact, as clients do it: one asks to see the
 * other's presence, the other allows it, and the other way round.  What is so already is
 * left alone, so it may be run again.
 *
 * One group after the other:
 *
 *	all of it enter, and look who is in their rosters
 *	each asks those it does not see yet, WINDOW at a time; who is asked allows it
 *	the rosters are fetched again: each must have all others, both ways
 */
#include "bench/load_scenario.h"

#include "bench/load_crowd.h"
#include "bench/load_friends.h"
#include "bench/load_options.h"

#include <stdlib.h>
#include <string.h>

#define WINDOW 4

struct friend
{
	struct member member;
	bool *sees;    /* by place in the group */
	unsigned next; /* whom to ask next */
	unsigned asked, seen, both;
	bool looked; /* the roster was fetched at the end */
};

static struct {
	struct crowd crowd;
	unsigned group, looked;
	uint64_t subscriptions, failed;
	int64_t moved;
} prepare;

static struct friend *
friend_at(unsigned i)
{
	return CONTAINER(crowd_member(&prepare.crowd, i), struct friend, member);
}

static unsigned
place_of(const struct friend *it)
{
	return it->member.client.number - (unsigned)options.first -
	       prepare.group * friends_a_group();
}

/* Goes through a roster: whom they see, and how many it is mutual with. */
static void
read_roster(struct friend *it, struct slice stanza)
{
	const char *end = stanza.bytes + stanza.length, *at = stanza.bytes;
	struct slice jid, subscription;

	it->both = 0;
	while ((at = memmem(at, (size_t)(end - at), "<item", 5)) != NULL) {
		struct slice item = { at, (size_t)(end - at) };
		int place;

		at += 5;
		if (!slice_attribute(item, "jid", &jid) ||
		    !slice_attribute(item, "subscription", &subscription) ||
		    (place = friends_place(jid, prepare.group)) < 0)
			continue;
		if ((slice_is(subscription, "both") || slice_is(subscription, "to")) &&
		    !it->sees[place]) {
			it->sees[place] = true;
			it->seen++;
		}
		it->both += slice_is(subscription, "both");
	}
}

static void
ask_more(struct friend *it)
{
	unsigned own = place_of(it), size = friends_a_group();

	for (; it->next < size && it->asked < WINDOW; it->next++) {
		/* Each begins after itself, so that not all ask the same one. */
		unsigned place = (own + it->next) % size;

		if (place == own || it->sees[place])
			continue;
		it->asked++;
		client_sayf(&it->member.client, "<presence type='subscribe' to='u%u@%s'/>",
			    friend_at(place)->member.client.number, options.domain);
	}
}

static void
hear_presence(struct friend *it, struct slice stanza)
{
	struct slice type, from;
	int place;

	if (!slice_attribute(stanza, "type", &type) || !slice_attribute(stanza, "from", &from) ||
	    (place = friends_place(from, prepare.group)) < 0)
		return;
	if (slice_is(type, "subscribe")) {
		client_sayf(&it->member.client, "<presence type='subscribed' to='u%u@%s'/>",
			    friend_at((unsigned)place)->member.client.number, options.domain);
	} else if (slice_is(type, "subscribed") && !it->sees[place]) {
		it->sees[place] = true;
		it->seen++;
		it->asked -= it->asked > 0;
		prepare.subscriptions++;
		prepare.moved = now_ns();
		ask_more(it);
	} else if (slice_is(type, "error") || slice_is(type, "unsubscribed")) {
		prepare.failed++;
		complain("u%u: %.*s", it->member.client.number, (int)stanza.length, stanza.bytes);
	}
}

static void
hear(struct member *member, struct slice stanza)
{
	struct friend *it = CONTAINER(member, struct friend, member);
	struct slice id, type;

	if (slice_starts(stanza, "<presence")) {
		hear_presence(it, stanza);
		return;
	}
	if (!slice_starts(stanza, "<iq") || !slice_attribute(stanza, "id", &id) ||
	    !slice_attribute(stanza, "type", &type))
		return;
	if (slice_is(id, "roster") || slice_is(id, "look")) {
		read_roster(it, stanza);
		if (slice_is(id, "look") && !it->looked) {
			it->looked = true;
			prepare.looked++;
		}
	} else if (slice_is(type, "get") || slice_is(type, "set")) {
		client_answer(&member->client, stanza);
	}
}

/* Runs until `*count` is `wanted`; false when nothing moves any more. */
static bool
wait_for(const char *what, unsigned (*count)(void), unsigned wanted)
{
	prepare.moved = now_ns();
	while (count() < wanted) {
		if (prepare.crowd.gone > 0 || prepare.failed > 0)
			return false;
		if (now_ns() - prepare.moved > (int64_t)(options.patience * 1e9)) {
			complain("group %u: only %u of %u %s", prepare.group, count(), wanted,
				 what);
			return false;
		}
		loop_turn(now_ns() + 100 * NS_A_MS);
		progress("group %u: %u of %u %s", prepare.group, count(), wanted, what);
	}
	return true;
}

static unsigned
count_seen(void)
{
	unsigned seen = 0;

	for (unsigned i = 0; i < prepare.crowd.count; i++)
		seen += friend_at(i)->seen;
	return seen;
}

static unsigned
count_looked(void)
{
	return prepare.looked;
}

static bool
all_is_mutual(void)
{
	for (unsigned i = 0; i < prepare.crowd.count; i++) {
		if (friend_at(i)->both == friends_a_group() - 1)
			continue;
		complain("u%u has only %u contacts both ways", friend_at(i)->member.client.number,
			 friend_at(i)->both);
		return false;
	}
	return true;
}

static bool
do_group(void)
{
	unsigned size = friends_a_group();

	if (!crowd_enter(&prepare.crowd))
		return false;
	for (unsigned i = 0; i < size; i++)
		ask_more(friend_at(i));
	if (!wait_for("subscriptions", count_seen, size * (size - 1)))
		return false;
	prepare.looked = 0;
	for (unsigned i = 0; i < size; i++)
		client_say(&friend_at(i)->member.client,
			   "<iq type='get' id='look'><query xmlns='jabber:iq:roster'/></iq>");
	return wait_for("rosters", count_looked, size) && all_is_mutual();
}

void
run_prepare_roster(struct report *report)
{
	unsigned size = friends_a_group(), groups = friends_count() / size;
	long first = options.first;
	struct interval interval;
	bool good = groups > 0;

	if (groups == 0)
		complain("--users must be at least %u for --roster %ld", size, options.roster);
	proc_find();
	interval_begin(&interval);
	for (prepare.group = 0; good && prepare.group < groups; prepare.group++) {
		options.first = first + (long)(prepare.group * size);
		crowd_init(&prepare.crowd, sizeof(struct friend), size, CROWD_PRESENT);
		options.first = first;
		prepare.crowd.heard = hear;
		for (unsigned i = 0; i < size; i++)
			friend_at(i)->sees = zalloc(size * sizeof(bool));
		good = do_group();
		for (unsigned i = 0; i < size; i++)
			free(friend_at(i)->sees);
		prepare.failed += prepare.crowd.failed + prepare.crowd.gone;
		crowd_leave(&prepare.crowd);
	}
	interval_end(&interval);
	report_interval(report, &interval, prepare.subscriptions);
	report_add(report, "groups", json_integer((json_int_t)prepare.group));
	report->errors.failed = prepare.failed + !good;
}
