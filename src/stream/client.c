/* SPDX-License-Identifier: MIT */
/*
 * What clients say, and who hears it.
 */
#include "stream/client.h"

#include "base/text.h"
#include "core/account.h"
#include "core/domain.h"
#include "core/receipt.h"
#include "stream/internal.h"
#include "stream/login.h"
#include "stream/sasl.h"
#include "xmpp/jid.h"
#include "xmpp/ns.h"
#include "xmpp/stanza.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FORMS_MAX 10 /* for which a stranger gets more time */

/* Takes the arena. */
typedef void heard_fn(struct client_stream *client, struct element *element, struct arena *arena);

static void on_starttls(struct client_stream *client, struct element *element, struct arena *arena);
static void on_auth(struct client_stream *client, struct element *element, struct arena *arena);
static void on_response(struct client_stream *client, struct element *element, struct arena *arena);
static void on_abort(struct client_stream *client, struct element *element, struct arena *arena);
static void on_stanza(struct client_stream *client, struct element *element, struct arena *arena);
static void on_error(struct client_stream *client, struct element *element, struct arena *arena);
static void on_other(struct client_stream *client, struct element *element, struct arena *arena);
static void refuse(struct client_stream *client, const struct element *element);
static void stanza_settled(struct receipt *receipt);
static void tell_settled(struct client_stream *client);

/* What a client may say, and when.  What is not in this table is asked of the modules
 * (on_other), and what they do not know either ends the stream (refuse). */
static const struct hearing {
	unsigned states;
	const char *ns, *name;
	heard_fn *fn;
} hearings[] = {
	{ OPENED, NS_TLS, "starttls", on_starttls },
	{ OPENED | SECURED | PROVING, NS_SASL, "auth", on_auth },
	{ PROVING, NS_SASL, "response", on_response },
	{ PROVING, NS_SASL, "abort", on_abort },
	{ ADMITTED, NS_CLIENT, "iq", client_bind },
	{ BOUND, NS_CLIENT, "message", on_stanza },
	{ BOUND, NS_CLIENT, "presence", on_stanza },
	{ BOUND, NS_CLIENT, "iq", on_stanza },
	{ OPENED | SECURED | PROVING | ADMITTED | BOUND, NS_STREAMS, "error", on_error },
};

static heard_fn *
hearing_find(enum stream_state state, const char *ns, const char *name)
{
	for (size_t i = 0; i < COUNT(hearings); i++) {
		const struct hearing *h = &hearings[i];

		if ((h->states & (unsigned)state) != 0 && strcmp(h->ns, ns) == 0 &&
		    strcmp(h->name, name) == 0)
			return h->fn;
	}
	return on_other;
}

static void
heard(struct stream *stream, struct element *element, struct arena *arena)
{
	const char *ns = element->ns != NULL ? element->ns : "";

	hearing_find(stream->state, ns, element->name)(client_of_stream(stream), element, arena);
}

/* --- what is offered --- */

static void
offer_starttls(struct arena *arena, struct element *features)
{
	struct element *starttls;

	if (stream_tls() == NULL)
		return;
	starttls = element_add(arena, features, NS_TLS, "starttls");
	if (stream_settings()->tls == TLS_REQUIRED)
		element_add(arena, starttls, NULL, "required");
}

/* XEP-0478 §4: a stranger has less than who has logged in. */
static void
offer_limits(struct arena *arena, struct element *features, bool admitted)
{
	const struct stream_settings *settings = stream_settings();
	struct element *limits = element_add(arena, features, NS_STREAM_LIMITS, "limits");
	int64_t most = settings->stanza_bytes;

	if (!admitted && settings->login_bytes < most)
		most = settings->login_bytes;
	element_add_text(arena, limits, NULL, "max-bytes",
			 arena_format(arena, "%lld", (long long)most));
	if (settings->keepalive > 0)
		element_add_text(arena, limits, NULL, "idle-seconds",
				 arena_format(arena, "%lld",
					      (long long)settings->keepalive / 1000));
}

static void
offer_binding(struct arena *arena, struct element *features)
{
	struct element *session;

	element_add(arena, features, NS_BIND, "bind");
	session = element_add(arena, features, NS_SESSION, "session");
	element_add(arena, session, NULL, "optional");
	element_add(arena, features, NS_ROSTER_VERSIONS, "ver");
	element_add(arena, features, NS_PRE_APPROVAL, "sub");
}

void
client_say_features(struct client_stream *client)
{
	struct stream *stream = &client->stream;
	struct arena *arena = arena_new();
	char peer[64];
	struct stream_features features = {
		.arena = arena,
		.element = element_new(arena, NS_STREAMS, "features"),
		.domain = stream->domain,
		.admitted = stream->state == ADMITTED,
		.secured = stream->secured,
		.may_log_in = stream->state != ADMITTED && sasl_is_offered(stream),
		.who = client->who,
		.peer = stream_peer(stream, peer),
	};

	/* RFC 6120 §5.3.1: where TLS must come first, nothing else is offered before. */
	if (stream->state == OPENED)
		offer_starttls(arena, features.element);
	if (stream->state == ADMITTED) {
		offer_binding(arena, features.element);
	} else if (sasl_is_offered(stream)) {
		sasl_add_features(stream, arena, features.element);
	}
	if (stream->state != OPENED || sasl_is_offered(stream)) {
		offer_limits(arena, features.element, features.admitted);
		FACTS(stream->domain, features_offering, &features);
	}
	stream_say_features(stream, features.element);
	arena_drop(arena);
}

/* RFC 6120 §6.4.6: who says who they are, and is heard by nobody else, will be held to it.
 * False: the stream is closed. */
static bool
hear_from(struct client_stream *client, const struct element *header)
{
	const char *from = element_get(header, "from");
	struct arena *arena = arena_new();
	struct jid jid;
	bool same = true;

	free(client->said_from);
	client->said_from = NULL;
	if (from != NULL && client->stream.secured && jid_parse(&jid, arena, from, NULL) &&
	    jid.local != NULL) {
		if (client->who != NULL)
			same = strcmp(jid.bare, client->who->bare) == 0;
		else
			client->said_from = copy_text(jid.bare);
	}
	arena_drop(arena);
	if (!same)
		stream_close(&client->stream, STREAM_INVALID_FROM, "the login was somebody else's");
	return same;
}

static bool
opened(struct stream *stream, const struct element *header)
{
	struct client_stream *client = client_of_stream(stream);

	client->client.domain = stream->domain;
	if (!hear_from(client, header))
		return false;
	client_say_features(client);
	return true;
}

/* --- before there is a session --- */

static void
on_starttls(struct client_stream *client, struct element *element, struct arena *arena)
{
	static const char proceed[] = "<proceed xmlns='" NS_TLS "'/>";
	static const char failure[] = "<failure xmlns='" NS_TLS "'/>";
	struct stream *stream = &client->stream;

	(void)element;
	arena_drop(arena);
	if (stream_tls() == NULL) { /* RFC 6120 §5.4.2.2 */
		stream_say_text(stream, failure, sizeof failure - 1);
		stream_close(stream, STREAM_NONE, NULL);
		return;
	}
	stream_say_text(stream, proceed, sizeof proceed - 1);
	stream_secure(stream);
}

static void
on_auth(struct client_stream *client, struct element *element, struct arena *arena)
{
	login_auth(client, element, arena);
}

static void
on_response(struct client_stream *client, struct element *element, struct arena *arena)
{
	login_response(client, element, arena);
}

static void
on_abort(struct client_stream *client, struct element *element, struct arena *arena)
{
	(void)element;
	login_abort(client);
	arena_drop(arena);
}

/* RFC 6120 §4.9.1.1: an error of theirs is the end, and no mistake. */
static void
on_error(struct client_stream *client, struct element *element, struct arena *arena)
{
	const struct element *condition = element_first(element);

	log_debug(&client->stream.log, "the client gives up: %s",
		  condition != NULL ? condition->name : "it does not say why");
	stream_close(&client->stream, STREAM_NONE, NULL);
	arena_drop(arena);
}

static unsigned
when_of(const struct stream *stream)
{
	if (stream->state == BOUND)
		return ELEMENT_BOUND;
	if (stream->state == ADMITTED)
		return ELEMENT_ADMITTED;
	if (stream->state == SECURED || (stream->state == OPENED && sasl_is_offered(stream)))
		return ELEMENT_SECURED;
	return 0;
}

static void
on_other(struct client_stream *client, struct element *element, struct arena *arena)
{
	struct stream *stream = &client->stream;
	unsigned when = when_of(stream);
	const struct element_rule *rule = NULL;
	enum outcome outcome = PASS;
	void *self;

	if (when != 0 && element->ns != NULL)
		rule = domain_element_rule(stream->domain, when, element->ns, element->name, &self);
	if (rule != NULL) {
		if (when == ELEMENT_SECURED && client->forms < FORMS_MAX) {
			client->forms++;
			stream_more_time(stream); /* it is being filled in */
		}
		client->asking = true;
		outcome = rule->fn(self, &client->client, client->session, element);
	}
	if (outcome == LATER && client->asking) {
		client->owed = arena;
		stream_hold(stream);
	} else {
		if (outcome == PASS)
			refuse(client, element);
		arena_drop(arena);
	}
	client->asking = false;
}

static bool
is_stanza_name(const char *name)
{
	return strcmp(name, "message") == 0 || strcmp(name, "presence") == 0 ||
	       strcmp(name, "iq") == 0;
}

/* RFC 6120 §4.9.3.12: who has not logged in is told only that; §4.9.3.10 and .24. */
static void
refuse(struct client_stream *client, const struct element *element)
{
	struct stream *stream = &client->stream;
	char words[200];

	(void)snprintf(words, sizeof words, "<%.100s/> cannot be said now", element->name);
	if (stream->state != BOUND)
		stream_close(stream, STREAM_NOT_AUTHORIZED, words);
	else if (is_stanza_name(element->name))
		stream_close(stream, STREAM_INVALID_NAMESPACE, "stanzas are of " NS_CLIENT);
	else
		stream_close(stream, STREAM_UNSUPPORTED_STANZA_TYPE, words);
}

/* --- stanzas --- */

/* RFC 3921 §3: clients of old ask for what they have already. */
static bool
is_session_request(const struct client_stream *client, const struct element *element)
{
	const char *type = element_get(element, "type"), *to = element_get(element, "to");

	return strcmp(element->name, "iq") == 0 && type != NULL && strcmp(type, "set") == 0 &&
	       element_child(element, NS_SESSION, "session") != NULL &&
	       element_get(element, "id") != NULL &&
	       (to == NULL || strcmp(to, client->stream.domain->name) == 0);
}

static void
grant_session(struct client_stream *client, const struct element *element, struct arena *arena)
{
	struct element *result = element_new(arena, NS_CLIENT, "iq");

	element_set(arena, result, "type", "result");
	element_set(arena, result, "id", element_get(element, "id"));
	session_say(client->session, result);
}

static void
on_stanza(struct client_stream *client, struct element *element, struct arena *arena)
{
	const struct stream_settings *settings = stream_settings();
	struct stream *stream = &client->stream;
	struct ledger *ledger = &client->ledger;
	uint32_t bytes = (uint32_t)arena_size(arena);
	struct receipt *receipt;
	enum stream_condition condition = STREAM_UNDEFINED_CONDITION;
	struct err err = { 0 };

	stream_hold(stream); /* the receipt's */
	receipt = receipt_new(stanza_settled, client, ledger_open(ledger, bytes), bytes);
	if (ledger->open >= settings->open_stanzas ||
	    ledger->bytes >= (size_t)settings->open_bytes || !ledger_has_room(ledger))
		client->full = true;
	receipt->is_awaited = client->on_settled != NULL ||
			      ledger->open > settings->open_stanzas / 2 ||
			      ledger->bytes > (size_t)settings->open_bytes / 2;

	if (is_session_request(client, element)) {
		grant_session(client, element, arena);
		arena_drop(arena);
		receipt_drop(receipt);
	} else if (!session_hears(client->session, element, arena, receipt, &condition, &err)) {
		stream_close(stream, condition, err.text[0] ? err.text : NULL);
		receipt_drop(receipt);
	}
}

static void
stanza_settled(struct receipt *receipt)
{
	struct client_stream *client = receipt->owner;
	const struct stream_settings *settings = stream_settings();
	struct ledger *ledger = &client->ledger;
	bool risen = ledger_settle(ledger, receipt->number, receipt->bytes);

	if (client->full && ledger->open <= settings->open_stanzas / 2 &&
	    ledger->bytes <= (size_t)settings->open_bytes / 2 &&
	    ledger->heard - ledger->settled <= LEDGER_SPAN / 2) {
		client->full = false;
		stream_wake(&client->stream);
	}
	client->news |= risen && client->on_settled != NULL;
	if (client->stream.link == NULL)
		tell_settled(client); /* there may be no turn left for it */
	else if (client->news)
		stream_wake(&client->stream);
	if (ledger->open == 0 && client->stream.state == DRAINING)
		stream_wake(&client->stream);
	stream_drop(&client->stream);
}

/* Once a turn, and not into the middle of an answer that a module owes. */
static void
tell_settled(struct client_stream *client)
{
	if (!client->news || client->owed != NULL)
		return;
	client->news = false;
	if (client->on_settled != NULL)
		client->on_settled(client->settled_ctx);
}

static void
woken(struct stream *stream)
{
	struct client_stream *client = client_of_stream(stream);

	if (stream->state == DRAINING && !client->warned) {
		client->warned = true;
		client->news |= client->on_settled != NULL;
	}
	tell_settled(client);
	if (stream_unsent(stream) > (size_t)stream_settings()->unsent && stream_is_open(stream))
		stream_abort(stream, "too much waits for it");
}

static bool
is_ready(const struct stream *stream)
{
	const struct client_stream *client = (const struct client_stream *)stream;

	return !client->paused && !client->full && client->owed == NULL;
}

static bool
is_settled(const struct stream *stream)
{
	const struct client_stream *client = (const struct client_stream *)stream;

	return client->ledger.open == 0 && !client->news && !client->lingers;
}

/* --- what core says to it --- */

static void
carrier_say(void *carried, struct parcel parcel)
{
	struct client_stream *client = carried;
	struct stream *stream = &client->stream;

	stream->active = true;
	outbox_say(&stream->outbox, parcel);
	/* What the link holds it bounds by itself. */
	if (stream->outbox.bytes > (size_t)stream_settings()->unsent)
		stream_wake(stream);
}

static void
carrier_hang_up(void *carried, enum stream_condition condition, const char *text)
{
	struct client_stream *client = carried;

	client->session = NULL;
	stream_close(&client->stream, condition, text);
}

static void
carrier_pause(void *carried, bool paused)
{
	struct client_stream *client = carried;

	client->paused = paused;
	stream_wake(&client->stream);
}

static void
carrier_describe(void *carried, char *out, size_t room)
{
	struct client_stream *client = carried;

	stream_describe(&client->stream, out, room);
}

static size_t
carrier_unsent(void *carried)
{
	struct client_stream *client = carried;

	return stream_unsent(&client->stream);
}

const struct carrier client_carrier = {
	.say = carrier_say,
	.hang_up = carrier_hang_up,
	.pause = carrier_pause,
	.describe = carrier_describe,
	.unsent = carrier_unsent,
};

struct client_stream *
client_of(const struct session *session)
{
	return session->carrier == &client_carrier ? session->carried : NULL;
}

bool
client_redirect(struct session *session, const char *other_host)
{
	struct client_stream *client = client_of(session);

	if (client == NULL)
		return false;
	stream_close(&client->stream, STREAM_SEE_OTHER_HOST, other_host);
	return true;
}

/* --- what modules say to it --- */

static struct client_stream *
client_of_module(struct client *client)
{
	return CONTAINER(client, struct client_stream, client);
}

/* A module that was asked has answered.  What it owed goes, and the stream with it if
 * nobody else holds it. */
static void
answered(struct client_stream *client)
{
	struct arena *owed = client->owed;

	client->asking = false;
	if (owed == NULL)
		return;
	client->owed = NULL;
	arena_drop(owed);
	stream_wake(&client->stream);
	stream_drop(&client->stream);
}

static void
module_says(struct client *module_view, const struct element *element)
{
	struct client_stream *client = client_of_module(module_view);

	stream_say(&client->stream, element);
	answered(client);
}

static void
module_tells(struct client *module_view, const struct element *element)
{
	stream_say(&client_of_module(module_view)->stream, element);
}

static void
module_interjects(struct client *module_view, const struct element *element)
{
	stream_interject(&client_of_module(module_view)->stream, element);
}

static void
module_closes(struct client *module_view, enum stream_condition condition, const char *text,
	      const struct element *detail)
{
	struct client_stream *client = client_of_module(module_view);

	stream_close_with(&client->stream, condition, text, detail);
	answered(client);
}

static uint32_t
module_asks_heard(struct client *module_view)
{
	return client_of_module(module_view)->ledger.heard;
}

static uint32_t
module_asks_settled(struct client *module_view)
{
	return client_of_module(module_view)->ledger.settled;
}

static void
module_waits_settled(struct client *module_view, void (*fn)(void *ctx), void *ctx)
{
	struct client_stream *client = client_of_module(module_view);

	client->on_settled = fn;
	client->settled_ctx = ctx;
}

static void
module_resumes(struct client *module_view, struct session *session)
{
	struct client_stream *client = client_of_module(module_view);

	/* The connection that was thought lost, or was lost without our knowing. */
	session_part(session, STREAM_CONFLICT, "resumed on another connection");
	session_carry(session, &client_carrier, client);
	if (client->stream.state == ADMITTED) {
		client->session = session;
		stream_enter(&client->stream, BOUND);
	} else {
		session_lost(session);
	}
}

static bool
module_asks_closing(struct client *module_view)
{
	return client_of_module(module_view)->stream.state == DRAINING;
}

static void
module_lingers(struct client *module_view, bool on)
{
	struct client_stream *client = client_of_module(module_view);

	client->lingers = on;
	if (client->stream.state == DRAINING)
		stream_wake(&client->stream);
}

static const char *
module_asks_peer(const struct client *module_view, char out[64])
{
	const struct client_stream *client =
		CONTAINER(module_view, const struct client_stream, client);

	return stream_peer(&client->stream, out);
}

static const struct client_ops client_ops = {
	.say = module_says,
	.tell = module_tells,
	.interject = module_interjects,
	.close = module_closes,
	.heard = module_asks_heard,
	.settled = module_asks_settled,
	.on_settled = module_waits_settled,
	.closing = module_asks_closing,
	.linger = module_lingers,
	.adopt = module_resumes,
	.peer = module_asks_peer,
};

/* --- coming and going --- */

/* Its client has logged in and it is at home: the stream starts anew (RFC 6120 §6.4.6). */
static void
arrived(struct stream *stream)
{
	struct client_stream *client = client_of_stream(stream);

	client->client.domain = stream->domain;
	client->client.who = client->who;
}

/* Goodbye was said by both: the session is over.  Otherwise a module may keep it. */
static void
ending(struct stream *stream, bool abrupt)
{
	struct client_stream *client = client_of_stream(stream);
	struct session *session = client->session;

	login_gone(client);
	tell_settled(client);
	client->session = NULL;
	if (session == NULL)
		return;
	if (!abrupt && stream->heard_end)
		session_end(session, STREAM_NONE, NULL);
	else
		session_lost(session);
}

static void
freed(struct stream *stream)
{
	struct client_stream *client = client_of_stream(stream);

	must(client->session == NULL && client->login == NULL && client->owed == NULL);
	ledger_clear(&client->ledger);
	free(client->who);
	free(client->said_from);
	free(client);
}

static void
describe(const struct stream *stream, char *out, size_t room)
{
	const struct client_stream *client = (const struct client_stream *)stream;

	(void)snprintf(out, room, "%.*s", (int)room - 1, client->who ? client->who->local : "");
}

static const struct stream_kind client_kind = {
	.name = "c2s",
	.ns = NS_CLIENT,
	.opened = opened,
	.heard = heard,
	.arrived = arrived,
	.woken = woken,
	.is_ready = is_ready,
	.is_settled = is_settled,
	.ending = ending,
	.freed = freed,
	.describe = describe,
};

struct client_stream *
client_accept(int fd, bool direct_tls)
{
	struct client_stream *client = zalloc(sizeof *client);

	client->client.ops = &client_ops;
	stream_start(&client->stream, &client_kind, fd, direct_tls);
	return client;
}

/* The two kinds of door, by the address of what is given along. */
static const bool doors[] = { false, true };

static void
accepted(void *arg, int fd)
{
	const bool *direct_tls = arg;

	(void)client_accept(fd, *direct_tls);
}

struct listener *
client_listen(const char *address, uint16_t port, bool direct_tls, struct err *err)
{
	return listener_new(address, port, accepted, (void *)&doors[direct_tls], err);
}
