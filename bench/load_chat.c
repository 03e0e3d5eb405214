/* SPDX-License-Identifier: MIT */
/*
 * Pairs that talk: u0 with u1, u2 with u3, and so on.
 *
 * Without --rate each pair has --window messages under way: who gets one says one (with
 * --direction one: who gets one lets the other say the next).  With --rate messages are
 * said on a clock, by one after the other; how long one took is counted from when it was
 * to be said, so a server that lags cannot slow the question down.
 *
 * At the end nobody speaks any more, and all that was said must come.
 */
#include "bench/load_scenario.h"

#include "bench/load_crowd.h"
#include "bench/load_options.h"
#include "bench/load_talk.h"

#include <stdlib.h>
#include <string.h>

#define NS_ACKS "urn:xmpp:sm:3"
#define BATCH   64 /* messages that are said before the loop has a look */

/* When what we have said was said, until it is acknowledged. */
struct said {
	int64_t *when;
	uint32_t acked, count, room; /* room is a power of two */
};

struct talker {
	struct member member;
	struct talker *partner;
	struct talk_message message;
	struct talk_heard heard;
	uint64_t said_count;
	struct said said; /* with --ack */
	bool acks;        /* <enabled/> came */
	uint32_t heard_stanzas;
};

static struct chat {
	struct crowd crowd;
	bool speaking, both, closed;
	int64_t from, until; /* what was sent then is measured */
	uint64_t said, arrived, failed;
	uint64_t unacked;
	unsigned acking;
	struct stat_times times, acks;
	int64_t moved;
} chat;

static void hear(struct member *member, struct slice stanza);
static void hear_message(struct talker *talker, struct slice stanza);
static void hear_ack(struct talker *talker, struct slice stanza);

/* --- acknowledgements --- */

static void
said_add(struct said *said, int64_t when)
{
	if (said->count - said->acked == said->room) {
		uint32_t room = said->room > 0 ? said->room * 2 : 16;
		int64_t *more = zalloc(room * sizeof *more);

		for (uint32_t i = said->acked; i != said->count; i++)
			more[i & (room - 1)] = said->when[i & (said->room - 1)];
		free(said->when);
		said->when = more;
		said->room = room;
	}
	said->when[said->count++ & (said->room - 1)] = when;
	chat.unacked++;
}

static bool
is_measured(int64_t sent)
{
	return chat.from != 0 && sent >= chat.from && (chat.until == 0 || sent < chat.until);
}

static void
hear_ack(struct talker *talker, struct slice stanza)
{
	struct said *said = &talker->said;
	struct slice value;
	uint32_t number = 0;
	int64_t now = now_ns();

	if (!slice_attribute(stanza, "h", &value))
		return;
	for (size_t i = 0; i < value.length && value.bytes[i] >= '0' && value.bytes[i] <= '9'; i++)
		number = number * 10 + (uint32_t)(value.bytes[i] - '0');
	if (number - said->acked > said->count - said->acked) {
		chat.failed++;
		complain("u%u: the server acknowledges %u of %u stanzas",
			 talker->member.client.number, number, said->count);
		return;
	}
	for (; said->acked != number; said->acked++) {
		int64_t when = said->when[said->acked & (said->room - 1)];

		chat.unacked--;
		if (is_measured(when))
			stat_add(&chat.acks, now - when);
	}
}

/* --- saying and hearing --- */

static void
say(struct talker *talker, int64_t when)
{
	struct client *client = &talker->member.client;

	if (client->state != CLIENT_READY)
		return;
	talk_message_number(&talker->message, client->number, talker->said_count++, when);
	chat.said++;
	if (talker->acks)
		said_add(&talker->said, when);
	conn_say(&client->conn, talker->message.bytes, talker->message.length);
}

static void
hear(struct member *member, struct slice stanza)
{
	struct talker *talker = CONTAINER(member, struct talker, member);
	bool is_stanza = true;

	if (slice_starts(stanza, "<message")) {
		talker->heard_stanzas++;
		hear_message(talker, stanza);
		return;
	}
	if (slice_starts(stanza, "<a ")) {
		hear_ack(talker, stanza);
		is_stanza = false;
	} else if (slice_starts(stanza, "<r ") || slice_starts(stanza, "<r/")) {
		client_sayf(&member->client, "<a xmlns='" NS_ACKS "' h='%u'/>",
			    talker->heard_stanzas);
		is_stanza = false;
	} else if (slice_starts(stanza, "<enabled")) {
		talker->acks = true;
		talker->heard_stanzas = 0;
		chat.acking++;
		is_stanza = false;
	} else if (slice_starts(stanza, "<failed")) {
		client_fail(&member->client, "no stream management: %.*s", (int)stanza.length,
			    stanza.bytes);
		return;
	} else if (slice_starts(stanza, "<iq") && member->is_here) {
		struct slice type;

		if (slice_attribute(stanza, "type", &type) &&
		    (slice_is(type, "get") || slice_is(type, "set"))) {
			if (talker->acks)
				said_add(&talker->said, 0);
			client_answer(&member->client, stanza);
		}
	}
	if (is_stanza)
		talker->heard_stanzas++;
}

static void
hear_message(struct talker *talker, struct slice stanza)
{
	struct talk_text text;
	struct slice type;
	int64_t now;

	if (slice_attribute(stanza, "type", &type) && slice_is(type, "error")) {
		chat.failed++;
		complain("u%u: came back: %.*s", talker->member.client.number, (int)stanza.length,
			 stanza.bytes);
		return;
	}
	if (!talk_read(&text, stanza))
		return; /* an old one, or the server's own */
	if (text.sender != talker->partner->member.client.number) {
		chat.failed++;
		complain("u%u: got what u%u said to somebody else", talker->member.client.number,
			 text.sender);
		return;
	}
	now = now_ns();
	if (!talk_hear(&talker->heard, text.sequence))
		return;
	chat.arrived++;
	chat.moved = now;
	if (is_measured(text.sent))
		stat_add(&chat.times, now - text.sent);
	if (chat.closed && chat.speaking)
		say(chat.both ? talker : talker->partner, now);
}

/* --- the play --- */

static struct talker *
talker_at(unsigned i)
{
	return CONTAINER(crowd_member(&chat.crowd, i), struct talker, member);
}

static void
prepare(void)
{
	for (unsigned i = 0; i < chat.crowd.count; i++) {
		struct talker *talker = talker_at(i);
		const char *jid = talker->partner->member.client.jid;
		int length =
			option_is(options.to, "bare") ? (int)strcspn(jid, "/") : (int)strlen(jid);
		char *open =
			format_text("<message to='%.*s' type='chat' id=''><body>", length, jid);

		talk_message_make(&talker->message, open,
				  options.ack ? "</body></message><r xmlns='" NS_ACKS "'/>"
					      : "</body></message>",
				  (size_t)options.body);
		free(open);
	}
}

static bool
enable_acks(void)
{
	int64_t end = now_ns() + (int64_t)(options.patience * 1e9);

	for (unsigned i = 0; i < chat.crowd.count; i++)
		client_say(&talker_at(i)->member.client, "<enable xmlns='" NS_ACKS "'/>");
	while (chat.acking < chat.crowd.count && now_ns() < end &&
	       chat.crowd.here == chat.crowd.count)
		loop_turn(end);
	return chat.acking == chat.crowd.count;
}

static void
start_pairs(void)
{
	for (unsigned i = 0; i < chat.crowd.count; i += 2) {
		long first = chat.both ? (options.window + 1) / 2 : options.window;

		for (long n = 0; n < options.window; n++)
			say(talker_at(n < first ? i : i + 1), now_ns());
		if (i % BATCH == 0)
			loop_turn(0);
	}
}

static bool
goes_on(void)
{
	return chat.crowd.gone == 0 && now_ns() - chat.moved < (int64_t)(options.patience * 1e9);
}

static void
keep_talking(int64_t until)
{
	while (now_ns() < until && goes_on()) {
		loop_turn(until);
		progress("%llu messages have come", (unsigned long long)chat.arrived);
	}
}

/* The n-th message of an open loop. */
static struct talker *
whose_turn(uint64_t n)
{
	unsigned pairs = chat.crowd.count / 2, pair = (unsigned)(n % pairs);

	return talker_at(pair * 2 + (chat.both ? (unsigned)(n / pairs % 2) : 0));
}

/* Says what is due until then; `*next` is the number of the next one. */
static void
keep_the_rate(int64_t start, uint64_t *next, int64_t until)
{
	double step = 1e9 / options.rate;

	while (goes_on()) {
		int64_t due = start + (int64_t)((double)*next * step), now = now_ns();

		for (int n = 0; n < BATCH && due <= now && due < until; n++) {
			say(whose_turn(*next), due);
			due = start + (int64_t)((double)++*next * step);
		}
		if (due >= until && now >= until)
			return;
		loop_turn(due < until ? due : until);
		progress("%llu messages have come", (unsigned long long)chat.arrived);
	}
}

static void
drain(void)
{
	int64_t end = now_ns() + 60 * NS_A_SECOND;

	chat.speaking = false;
	while ((chat.arrived < chat.said || chat.unacked > 0) && now_ns() < end &&
	       chat.crowd.here > 0 && now_ns() - chat.moved < (int64_t)(options.patience * 1e9))
		loop_turn(now_ns() + 100 * NS_A_MS);
}

static void
talk(struct report *report)
{
	struct interval interval;
	uint64_t before, next = 0;
	int64_t start = now_ns(), warm = start + (int64_t)(options.warmup * 1e9);

	chat.moved = start;
	chat.speaking = true;
	if (chat.closed) {
		start_pairs();
		keep_talking(warm);
	} else {
		keep_the_rate(start, &next, warm);
	}
	interval_begin(&interval);
	before = chat.arrived;
	chat.from = interval.begun;
	if (chat.closed) {
		keep_talking(interval.begun + (int64_t)(options.seconds * 1e9));
	} else {
		keep_the_rate(start, &next, interval.begun + (int64_t)(options.seconds * 1e9));
	}
	interval_end(&interval);
	chat.until = interval.ended;
	report_interval(report, &interval, chat.arrived - before);
	drain();
}

static void
count_errors(struct report *report)
{
	uint64_t distinct = 0;

	for (unsigned i = 0; i < chat.crowd.count; i++) {
		struct talker *talker = talker_at(i);

		distinct += talker->heard.distinct;
		report->errors.duplicated += talker->heard.duplicated;
		report->errors.reordered += talker->heard.reordered;
		talk_message_clear(&talker->message);
		talk_heard_clear(&talker->heard);
		free(talker->said.when);
	}
	report->errors.lost = chat.said - distinct;
	report->errors.failed = chat.failed + chat.crowd.failed + chat.crowd.gone;
	if (chat.unacked > 0)
		complain("%llu messages were not acknowledged", (unsigned long long)chat.unacked);
	report->errors.failed += chat.unacked;
	if (chat.times.count == 0)
		report->errors.failed++;
}

void
run_chat(struct report *report)
{
	struct proc_mark before, after;

	options.users -= options.users % 2;
	chat.closed = !(options.rate > 0);
	chat.both = option_is(options.direction, "both");
	before = proc_read(true);
	crowd_init(&chat.crowd, sizeof(struct talker), (unsigned)options.users, CROWD_PRESENT);
	chat.crowd.heard = hear;
	for (unsigned i = 0; i < chat.crowd.count; i++)
		talker_at(i)->partner = talker_at(i ^ 1U);
	if (crowd_enter(&chat.crowd)) {
		prepare();
		proc_find();
		if (!options.ack || enable_acks())
			talk(report);
		else
			complain("stream management could not be had");
	}
	after = proc_read(true);
	count_errors(report);
	report_memory(report, &before, &after, chat.crowd.count);
	report_add(report, "said", json_integer((json_int_t)chat.said));
	report_add(report, "latency", stat_json(&chat.times));
	if (options.ack)
		report_add(report, "ack_latency", stat_json(&chat.acks));
	crowd_leave(&chat.crowd);
}
