/* SPDX-License-Identifier: MIT */
/*
 * Resource binding (RFC 6120 §7), in the order it happens:
 *
 *	client_bind		the client wants a resource: get its account into memory
 *	bind_account_ready	the account is here, or cannot be: bind, or say why not
 *	bind_end		the one way out
 */
#include "stream/client.h"

#include "base/random.h"
#include "core/account.h"
#include "core/domain.h"
#include "xmpp/jid.h"
#include "xmpp/ns.h"
#include "xmpp/stanza.h"

#include <stdlib.h>
#include <string.h>

#define ATTEMPTS 6 /* RFC 6120 §7.7.3: five to ten times more than once */

struct bind {
	struct client_stream *client; /* held */
	struct arena *arena;          /* of the request; this lives in it */
	const struct element *iq;
	const char *resource; /* prepared, never NULL */
	struct account_want want;
};

static void bind_account_ready(void *ctx, struct account *account);
static void bind_end(struct bind *bind);
static void refuse(struct client_stream *client, struct arena *arena, const struct element *iq,
		   enum condition condition, const char *text);
static bool make_room(struct account *account, const char *resource);
static void say_bound(struct bind *bind);

void
client_bind(struct client_stream *client, struct element *iq, struct arena *arena)
{
	const struct element *request = element_child(iq, NS_BIND, "bind");
	const char *type = element_get(iq, "type"), *resource;
	struct err err;
	struct bind *bind;

	if (request == NULL || type == NULL || strcmp(type, "set") != 0 ||
	    element_get(iq, "id") == NULL) {
		/* RFC 6120 §7.1: nothing else may be sent before. */
		stream_close(&client->stream, STREAM_NOT_AUTHORIZED,
			     "bind a resource before anything else");
		arena_drop(arena);
		return;
	}
	resource = element_child_text(arena, request, NULL, "resource");
	if (resource == NULL || resource[0] == '\0') {
		char made[13];

		random_name(made, sizeof made - 1);
		resource = arena_copy(arena, made);
	} else if ((resource = jid_prepare_resource(arena, resource, &err)) == NULL) {
		refuse(client, arena, iq, BAD_REQUEST, err.text);
		arena_drop(arena);
		return;
	}

	bind = NEW(arena, struct bind);
	bind->client = client;
	bind->arena = arena;
	bind->iq = iq;
	bind->resource = resource;
	stream_hold(&client->stream);
	stream_enter(&client->stream, BINDING);
	account_get(client->stream.domain, client->who, &bind->want, bind_account_ready, bind);
}

static void
bind_account_ready(void *ctx, struct account *account)
{
	struct bind *bind = ctx;
	struct client_stream *client = bind->client;
	struct stream *stream = &client->stream;

	if (!stream_is_open(stream) || stream->state != BINDING) {
		log_debug(&stream->log, "gone before it was bound");
	} else if (account->state == ACCOUNT_DISABLED) {
		stream_close(stream, STREAM_NOT_AUTHORIZED, "the account is disabled");
	} else if (account->state == ACCOUNT_ABSENT) {
		stream_close(stream, STREAM_NOT_AUTHORIZED, "the account is no longer there");
	} else if (account->state != ACCOUNT_READY) {
		stream_enter(stream, ADMITTED);
		refuse(client, bind->arena, bind->iq, INTERNAL_SERVER_ERROR,
		       "the account cannot be read now; try again later");
	} else if (!make_room(account, bind->resource)) {
		stream_enter(stream, ADMITTED);
		refuse(client, bind->arena, bind->iq, RESOURCE_CONSTRAINT,
		       "this account has as many sessions as it may");
	} else {
		say_bound(bind);
		stream_enter(stream, BOUND);
		client->session = session_bind(account, bind->resource, &client_carrier, client);
		if (client->session != NULL)
			log_debug(&client->session->log, "bound");
	}
	account_drop(account);
	bind_end(bind);
}

static void
bind_end(struct bind *bind)
{
	struct stream *stream = &bind->client->stream;

	stream_wake(stream);
	arena_drop(bind->arena);
	stream_drop(stream);
}

static void
refuse(struct client_stream *client, struct arena *arena, const struct element *iq,
       enum condition condition, const char *text)
{
	struct element *error = stanza_error_reply(arena, iq, condition, NULL, text);

	if (error != NULL)
		stream_say(&client->stream, error);
	if (++client->refusals >= ATTEMPTS)
		stream_close(&client->stream, STREAM_POLICY_VIOLATION, "too many bindings failed");
}

/* The session that has been there longest without anybody who carries it. */
static struct session *
abandoned(const struct account *account)
{
	struct session *session;

	LIST_EACH (&account->sessions, session, struct session, place)
		if (session->carried == NULL)
			return session;
	return NULL;
}

/* A session that will be replaced makes room, and one that waits for its client does, too. */
static bool
make_room(struct account *account, const char *resource)
{
	int64_t most = account->domain->settings->sessions_max;
	struct session *session;

	if (most <= 0 || account->session_count < most || session_find(account, resource) != NULL)
		return true;
	session = abandoned(account);
	if (session != NULL)
		session_end(session, STREAM_RESOURCE_CONSTRAINT, NULL);
	return account->session_count < most;
}

/* Before anything that a session_bound handler has to say. */
static void
say_bound(struct bind *bind)
{
	struct element *result = element_new(bind->arena, NS_CLIENT, "iq");
	struct element *bound;
	struct jid full;

	jid_join(&full, bind->arena, bind->client->who->local, bind->client->who->domain,
		 bind->resource);
	element_set(bind->arena, result, "type", "result");
	element_set(bind->arena, result, "id", element_get(bind->iq, "id"));
	bound = element_add(bind->arena, result, NS_BIND, "bind");
	element_add_text(bind->arena, bound, NULL, "jid", full.full);
	stream_say(&bind->client->stream, result);
}
