/* SPDX-License-Identifier: MIT */
/* A client of the server: its login, step by step. */
#include "bench/load_client.h"

#include "bench/load_options.h"

#include "base/codec.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NS_TLS     "urn:ietf:params:xml:ns:xmpp-tls"
#define NS_SASL    "urn:ietf:params:xml:ns:xmpp-sasl"
#define NS_BIND    "urn:ietf:params:xml:ns:xmpp-bind"
#define NS_SESSION "urn:ietf:params:xml:ns:xmpp-session"

char client_tls[128];

static void on_connected(struct conn *conn);
static void on_secured(struct conn *conn);
static void on_heard(struct conn *conn, enum scanned what, struct slice slice);
static void on_gone(struct conn *conn, const char *why);
static void open_stream(struct client *client);
static void hear_features(struct client *client, struct slice stanza);
static void hear_proceed(struct client *client, struct slice stanza);
static void hear_challenge(struct client *client, struct slice stanza);
static void hear_success(struct client *client, struct slice stanza);
static void hear_bound(struct client *client, struct slice stanza);
static void hear_session(struct client *client, struct slice stanza);
static void hear_ready(struct client *client, struct slice stanza);
static void be_ready(struct client *client);

static const struct conn_kind conn_kind = { on_connected, on_secured, on_heard, on_gone };

void
client_init(struct client *client, const struct client_kind *kind, enum client_goal goal,
	    unsigned number)
{
	memset(client, 0, sizeof *client);
	conn_init(&client->conn, &conn_kind);
	client->kind = kind;
	client->goal = goal;
	client->number = number;
}

bool
client_enter(struct client *client)
{
	must(client->state == CLIENT_OFF);
	client->authenticated = client->ending = false;
	client->dialled = now_ns();
	if (!conn_open(&client->conn, client->number))
		return false;
	client->state = CLIENT_ENTERING;
	return true;
}

/* Nothing of the login or the connection is left. */
static void
forget(struct client *client)
{
	client->state = CLIENT_OFF;
	scram_client_clear(&client->scram);
	free(client->jid);
	client->jid = NULL;
}

/* What a later connection can take up. */
static void
keep_session(struct client *client)
{
	if (!options.tls_resume || client->conn.phase != CONN_SECURE)
		return;
	if (client->resume.data != NULL)
		gnutls_free(client->resume.data);
	client->resume = (gnutls_datum_t) { 0 };
	gnutls_session_get_data2(client->conn.tls, &client->resume);
}

void
client_leave(struct client *client)
{
	if (client->state == CLIENT_OFF || client->state == CLIENT_LEAVING)
		return;
	if (client->state == CLIENT_ENTERING) { /* there is nobody to say goodbye to */
		client_drop(client);
		return;
	}
	client->state = CLIENT_LEAVING;
	if (option_is(options.protocol, "raw")) {
		conn_end(&client->conn);
		return;
	}
	client_say(client, "</stream:stream>");
}

void
client_drop(struct client *client)
{
	conn_close(&client->conn);
	forget(client);
}

void
client_say(struct client *client, const char *words)
{
	conn_say(&client->conn, words, strlen(words));
}

void
client_sayf(struct client *client, const char *format, ...)
{
	char words[4096];
	va_list list;
	int length;

	va_start(list, format);
	length = vsnprintf(words, sizeof words, format, list);
	va_end(list);
	must(length >= 0 && (size_t)length < sizeof words);
	conn_say(&client->conn, words, (size_t)length);
}

void
client_fail(struct client *client, const char *format, ...)
{
	char why[512];
	va_list list;

	va_start(list, format);
	vsnprintf(why, sizeof why, format, list);
	va_end(list);
	conn_close(&client->conn);
	forget(client);
	client->kind->gone(client, why);
}

void
client_answer(struct client *client, struct slice stanza)
{
	struct slice id, from = { "", 0 };

	if (!slice_starts(stanza, "<iq") || !slice_attribute(stanza, "id", &id))
		return;
	slice_attribute(stanza, "from", &from);
	if (id.length + from.length > 3500)
		return;
	client_sayf(client, "<iq type='result' id='%.*s'%s%.*s%s/>", (int)id.length, id.bytes,
		    from.length > 0 ? " to='" : "", (int)from.length, from.bytes,
		    from.length > 0 ? "'" : "");
}

/* --- the connection --- */

static void
on_connected(struct conn *conn)
{
	struct client *client = CONTAINER(conn, struct client, conn);

	if (option_is(options.tls, "direct") ||
	    (option_is(options.protocol, "raw") && !option_is(options.tls, "none")))
		conn_secure(conn, &client->resume);
	else
		open_stream(client);
}

static void
on_secured(struct conn *conn)
{
	struct client *client = CONTAINER(conn, struct client, conn);
	char *words = gnutls_session_get_desc(conn->tls);

	snprintf(client_tls, sizeof client_tls, "%s", words != NULL ? words : "");
	gnutls_free(words);
	client->resumed = gnutls_session_is_resumed(conn->tls) != 0;
	open_stream(client);
}

static void
on_heard(struct conn *conn, enum scanned what, struct slice slice)
{
	struct client *client = CONTAINER(conn, struct client, conn);

	if (what == SCAN_OPEN)
		return;
	if (what == SCAN_CLOSE && client->state == CLIENT_LEAVING) {
		keep_session(client);
		conn_end(conn);
		return;
	}
	if (what == SCAN_CLOSE) {
		client_fail(client, "the server closed the stream");
		return;
	}
	if (slice_starts(slice, "<stream:error")) {
		client_fail(client, "stream error: %.*s", (int)slice.length, slice.bytes);
		return;
	}
	if (client->state == CLIENT_READY)
		client->kind->heard(client, slice);
	else if (client->state == CLIENT_ENTERING)
		client->step(client, slice);
	/* Who is leaving does not listen. */
}

static void
on_gone(struct conn *conn, const char *why)
{
	struct client *client = CONTAINER(conn, struct client, conn);

	forget(client);
	client->kind->gone(client, why);
}

/* --- the login --- */

static void
open_stream(struct client *client)
{
	if (option_is(options.protocol, "raw")) {
		conn_restart(&client->conn, true);
		client->step = hear_ready;
		client_sayf(client, "%s %u\n",
			    option_is(options.scenario, "fanout") ? "room" : "pair",
			    client->number);
		return;
	}
	conn_restart(&client->conn, false);
	client->step = hear_features;
	client_sayf(client,
		    "<?xml version='1.0'?><stream:stream to='%s' version='1.0' "
		    "xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>",
		    options.domain);
}

/* The credentials, as the mechanism wants them first. */
static void
authenticate(struct client *client)
{
	char name[32], *message, *text;
	size_t length;

	snprintf(name, sizeof name, "u%u", client->number);
	if (option_is(options.mechanism, "PLAIN")) {
		message = format_text(" %s %s", name, options.password);
		length = strlen(message);
		message[0] = message[1 + strlen(name)] = '\0';
	} else {
		message = scram_client_first(&client->scram, options.mechanism, name);
		length = strlen(message);
	}
	text = zalloc(BASE64_LENGTH(length) + 1);
	base64_encode(text, message, length);
	client->step = hear_challenge;
	client_sayf(client, "<auth xmlns='" NS_SASL "' mechanism='%s'>%s</auth>", options.mechanism,
		    text);
	free(text);
	free(message);
}

static void
hear_features(struct client *client, struct slice stanza)
{
	char offer[64];

	snprintf(offer, sizeof offer, ">%s<", options.mechanism);
	if (client->conn.phase != CONN_SECURE && !option_is(options.tls, "none")) {
		if (!slice_has(stanza, NS_TLS)) {
			client_fail(client, "the server does not offer TLS");
			return;
		}
		client->step = hear_proceed;
		client_say(client, "<starttls xmlns='" NS_TLS "'/>");
	} else if (client->goal == CLIENT_NEW) {
		be_ready(client);
	} else if (!client->authenticated) {
		if (slice_has(stanza, offer))
			authenticate(client);
		else
			client_fail(client, "the server does not offer %s: %.*s", options.mechanism,
				    (int)stanza.length, stanza.bytes);
	} else if (!slice_has(stanza, NS_BIND)) {
		client_fail(client, "the server lets nobody bind a resource");
	} else {
		client->offers_versions = slice_has(stanza, "urn:xmpp:features:rosterver");
		client->offers_acks = slice_has(stanza, "urn:xmpp:sm:3");
		client->wants_session =
			slice_has(stanza, NS_SESSION) && !slice_has(stanza, "<optional");
		client->step = hear_bound;
		client_sayf(client,
			    "<iq type='set' id='bind'><bind xmlns='" NS_BIND "'>"
			    "<resource>%s</resource></bind></iq>",
			    options.resource);
	}
}

static void
hear_proceed(struct client *client, struct slice stanza)
{
	if (slice_starts(stanza, "<proceed"))
		conn_secure(&client->conn, &client->resume);
	else
		client_fail(client, "TLS was refused: %.*s", (int)stanza.length, stanza.bytes);
}

/* What an element of SASL says, decoded; the caller frees it. */
static struct slice
decoded(struct slice stanza, const char *name)
{
	struct slice text;
	char *bytes;
	size_t length;

	if (!slice_text(stanza, name, &text))
		return (struct slice) { zalloc(1), 0 };
	bytes = zalloc(text.length + 1);
	if (!base64_decode(bytes, text.length + 1, &length, text.bytes, text.length))
		length = 0;
	return (struct slice) { bytes, length };
}

static void
hear_challenge(struct client *client, struct slice stanza)
{
	struct slice message;
	char *answer, *text;

	if (!slice_starts(stanza, "<challenge")) {
		hear_success(client, stanza);
		return;
	}
	if (client->scram.signature != NULL) { /* the server's word, before its success */
		message = decoded(stanza, "challenge");
		answer = copy_text(scram_client_check(&client->scram, message) ? "" : NULL);
	} else {
		message = decoded(stanza, "challenge");
		answer = option_is(options.mechanism, "PLAIN")
				 ? NULL
				 : scram_client_final(&client->scram, options.password, message);
	}
	free((char *)(uintptr_t)message.bytes);
	if (answer == NULL) {
		client_fail(client, "a challenge we cannot answer: %.*s", (int)stanza.length,
			    stanza.bytes);
		return;
	}
	text = zalloc(BASE64_LENGTH(strlen(answer)) + 1);
	base64_encode(text, answer, strlen(answer));
	client_sayf(client, "<response xmlns='" NS_SASL "'>%s</response>", text);
	free(text);
	free(answer);
}

static void
hear_success(struct client *client, struct slice stanza)
{
	struct slice last;
	bool good = true;

	if (!slice_starts(stanza, "<success")) {
		client_fail(client, "login refused: %.*s", (int)stanza.length, stanza.bytes);
		return;
	}
	last = decoded(stanza, "success");
	if (!option_is(options.mechanism, "PLAIN") && last.length > 0)
		good = scram_client_check(&client->scram, last);
	free((char *)(uintptr_t)last.bytes);
	scram_client_clear(&client->scram);
	if (!good) {
		client_fail(client, "the server does not know the password itself");
		return;
	}
	client->authenticated = true;
	open_stream(client);
}

static void
hear_bound(struct client *client, struct slice stanza)
{
	struct slice id, jid;

	if (!slice_starts(stanza, "<iq") || !slice_attribute(stanza, "id", &id) ||
	    !slice_is(id, "bind"))
		return;
	if (!slice_text(stanza, "jid", &jid)) {
		client_fail(client, "no resource was bound: %.*s", (int)stanza.length,
			    stanza.bytes);
		return;
	}
	client->jid = slice_copy(jid);
	if (client->wants_session) {
		client->step = hear_session;
		client_say(client,
			   "<iq type='set' id='session'><session xmlns='" NS_SESSION "'/></iq>");
		return;
	}
	be_ready(client);
}

static void
hear_session(struct client *client, struct slice stanza)
{
	struct slice id;

	if (slice_attribute(stanza, "id", &id) && slice_is(id, "session"))
		be_ready(client);
}

static void
hear_ready(struct client *client, struct slice stanza)
{
	if (!slice_starts(stanza, "<ready")) {
		client_fail(client, "not a floor: %.*s", (int)stanza.length, stanza.bytes);
		return;
	}
	client->jid = format_text("u%u@%s/%s", client->number, options.domain, options.resource);
	be_ready(client);
}

static void
be_ready(struct client *client)
{
	client->state = CLIENT_READY;
	client->kind->ready(client);
}
