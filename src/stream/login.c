/* SPDX-License-Identifier: MIT */
/*
 * Logging in, in the order it happens:
 *
 *	login_auth		the client has chosen a mechanism; its first message may come
 *				along or after an empty challenge
 *	login_first		that message is here: PLAIN's whole story, or SCRAM's name
 *	login_named		we know who is meant: ask the limits, then the store
 *	login_keys_loaded	the store has answered: check the password, or challenge
 *	login_password_checked	(PLAIN) a helper has looked at it
 *	login_final		(SCRAM) the proof is here: check it
 *	login_end		the one way out, well or badly
 *
 * The account itself is not touched: this need not be its shard.  When the proof holds, the
 * stream goes home to it and starts anew there.
 *
 * A login lives from login_auth to login_end.  While a step is outstanding it holds its
 * stream; while the client is to speak next, a client that goes takes it along (login_gone).
 */
#include "stream/login.h"

#include "base/codec.h"
#include "base/random.h"
#include "core/credentials.h"
#include "core/directory.h"
#include "core/domain.h"
#include "net/link.h"
#include "stream/internal.h"
#include "stream/limits.h"
#include "stream/sasl.h"
#include "xmpp/jid.h"

#include <stdlib.h>
#include <string.h>

#define REFUSALS_A_GUESS 3  /* logins may be refused before anything was guessed */
#define NONCE_LENGTH     32 /* 160 bits */

struct login {
	struct client_stream *client;
	struct arena *arena;
	const struct scram_offer *offer;
	const struct scram_mechanism *mechanism; /* NULL: PLAIN */
	/* What hears the client's next message. */
	void (*next)(struct login *login, const char *message, size_t length);
	struct scram scram;
	struct plain plain;
	struct jid who;
	enum account_found found;
	bool waiting; /* a step is outstanding: the stream is held */
	bool named;   /* `who` is there */
};

static void login_hear(struct login *login, const struct element *element);
static void login_first(struct login *login, const char *message, size_t length);
static void login_named(struct login *login, const char *name, const char *authzid);
static void login_keys_loaded(void *ctx, enum account_found found,
			      const struct credentials *credentials);
static void login_password_checked(void *ctx, bool right);
static void login_final(struct login *login, const char *message, size_t length);
static void login_end(struct login *login, enum sasl_condition condition, const char *why);
static void login_free(struct login *login);

/* COMPAT slixmpp 1.8: it tries all mechanisms in turn, and the first six cannot do. */
static void
count_refusal(struct client_stream *client)
{
	if (client->guesses >= stream_settings()->login_attempts ||
	    ++client->refusals >= REFUSALS_A_GUESS * stream_settings()->login_attempts)
		stream_close(&client->stream, STREAM_POLICY_VIOLATION, "too many logins failed");
}

/* RFC 6120 §6.4.2: who begins anew has given up what was begun. */
static void
give_up(struct client_stream *client)
{
	struct stream *stream = &client->stream;

	login_free(client->login);
	stream_enter(stream, stream->secured ? SECURED : OPENED);
	count_refusal(client);
}

void
login_auth(struct client_stream *client, struct element *auth, struct arena *arena)
{
	struct stream *stream = &client->stream;
	const char *name = element_get(auth, "mechanism");
	struct login *login;

	if (client->login != NULL)
		give_up(client);
	if (!stream_is_open(stream)) {
		arena_drop(arena);
		return;
	}
	login = zalloc(sizeof *login);
	login->client = client;
	login->arena = arena;
	login->offer = sasl_offer(stream, arena);
	login->next = login_first;
	client->login = login;

	if (!sasl_is_offered(stream)) {
		login_end(login, SASL_ENCRYPTION_REQUIRED, "start TLS first");
	} else if (name == NULL || !sasl_offers(login->offer, name)) {
		if (name != NULL && strcmp(name, "PLAIN") == 0)
			login_end(login, SASL_ENCRYPTION_REQUIRED, "start TLS first");
		else
			login_end(login, SASL_INVALID_MECHANISM, "this mechanism is not offered");
	} else {
		login->mechanism = scram_mechanism_find(name);
		stream_enter(stream, PROVING);
		if (auth->first == NULL) /* no initial response: ask for it */
			sasl_say(stream, "challenge", NULL, 0);
		else
			login_hear(login, auth);
	}
}

void
login_response(struct client_stream *client, struct element *response, struct arena *arena)
{
	/* The message goes into the login's own arena. */
	login_hear(client->login, response);
	arena_drop(arena);
}

void
login_abort(struct client_stream *client)
{
	login_end(client->login, SASL_ABORTED, "aborted by the client");
}

void
login_gone(struct client_stream *client)
{
	if (client->login != NULL && !client->login->waiting)
		login_free(client->login);
}

static void
login_hear(struct login *login, const struct element *element)
{
	struct arena *arena = arena_hold(login->arena); /* the login may end in here */
	bool is_plain = login->mechanism == NULL;
	size_t length;
	char *message = sasl_message(arena, element, &length);

	if (message == NULL) {
		login_end(login, SASL_INCORRECT_ENCODING, "the message is not base64");
	} else {
		login->next(login, message, length);
		/* PLAIN's is the password itself; what is still needed of it was copied. */
		if (is_plain)
			wipe(message, length);
	}
	arena_drop(arena);
}

static void
login_first(struct login *login, const char *message, size_t length)
{
	enum scram_fault fault;

	if (login->mechanism == NULL) {
		if (plain_parse(&login->plain, login->arena, message, length))
			login_named(login, login->plain.name, login->plain.authzid);
		else
			login_end(login, SASL_MALFORMED_REQUEST, "that is not a message of PLAIN");
		return;
	}
	fault = scram_hear_first(&login->scram, login->arena, login->mechanism, login->offer,
				 message, length);
	if (fault != SCRAM_GOOD)
		login_end(login, scram_fault_condition(fault), scram_fault_name(fault));
	else
		login_named(login, login->scram.name, login->scram.authzid);
}

/* The address behind a name: RFC 6120 §6.3.8 wants the local part alone, and some clients
 * say all of it. */
static bool
name_read(struct login *login, const char *name)
{
	const char *domain = login->client->stream.domain->name;
	const char *at = strrchr(name, '@');
	const char *said = at != NULL ? jid_prepare_domain(login->arena, at + 1, NULL) : NULL;
	const char *local = name;

	if (said != NULL && strcmp(said, domain) == 0)
		local = arena_copy_bytes(login->arena, name, (size_t)(at - name));
	return jid_make(&login->who, login->arena, local, domain, NULL, NULL) &&
	       login->who.local != NULL;
}

/* One may act as oneself only (RFC 6120 §6.3.8). */
static bool
may_act_as(struct login *login, const char *authzid)
{
	struct jid as;

	return authzid == NULL || authzid[0] == '\0' ||
	       (jid_parse(&as, login->arena, authzid, NULL) && as.resource == NULL &&
		jid_equal(&as, &login->who));
}

static void
login_named(struct login *login, const char *name, const char *authzid)
{
	struct client_stream *client = login->client;
	struct stream *stream = &client->stream;
	char peer[64];
	const char *why;
	unsigned wait;

	/* A name that nobody can have is as wrong as one that nobody has. */
	if (!name_read(login, name)) {
		login_end(login, SASL_NOT_AUTHORIZED, "wrong name or password");
		return;
	}
	login->named = true;
	if (!may_act_as(login, authzid)) {
		login_end(login, SASL_INVALID_AUTHZID, "you may act as yourself only");
		return;
	}
	wait = limits_wait(stream_peer(stream, peer), login->who.bare, &why);
	if (wait > 0) {
		login_end(login, SASL_TEMPORARY_AUTH_FAILURE,
			  arena_format(login->arena, "%s; try again in %u seconds", why, wait));
		return;
	}
	stream_enter(stream, CHECKING);
	stream_hold(stream);
	login->waiting = true;
	credentials_load(stream->domain, login->who.local, login_keys_loaded, login);
}

/* Whether a step still matters; if not, it was the last one. */
static bool
matters(struct login *login)
{
	struct stream *stream = &login->client->stream;

	if (stream_is_open(stream) && stream->state == CHECKING)
		return true;
	log_debug(&stream->log, "gone before the login was decided");
	login->waiting = false;
	login_free(login);
	stream_drop(stream);
	return false;
}

static void
login_keys_loaded(void *ctx, enum account_found found, const struct credentials *credentials)
{
	struct login *login = ctx;
	struct stream *stream = &login->client->stream;
	const struct scram_keys *keys;
	char nonce[NONCE_LENGTH + 1];
	const char *challenge;

	if (!matters(login))
		return;
	login->found = found;
	if (found == FAILED) {
		login_end(login, SASL_TEMPORARY_AUTH_FAILURE, "the store did not answer");
		return;
	}
	if (login->mechanism == NULL) {
		if (!password_check(credentials, login->plain.password, login_password_checked,
				    login))
			login_end(login, SASL_TEMPORARY_AUTH_FAILURE,
				  "too many logins at once; try again later");
		return;
	}
	keys = &credentials->keys[login->mechanism->hash];
	if (keys->iterations == 0) {
		login_end(login, SASL_INVALID_MECHANISM,
			  "there are no credentials of this kind; try another mechanism");
		return;
	}
	random_name(nonce, NONCE_LENGTH);
	challenge = scram_challenge(&login->scram, login->arena, keys, nonce);
	login->next = login_final;
	login->waiting = false;
	stream_enter(stream, PROVING);
	sasl_say(stream, "challenge", challenge, strlen(challenge));
	stream_wake(stream);
	stream_drop(stream);
}

static void
login_password_checked(void *ctx, bool right)
{
	struct login *login = ctx;

	if (!matters(login))
		return;
	if (!right || login->found == ABSENT)
		login_end(login, SASL_NOT_AUTHORIZED, "wrong name or password");
	else if (login->found == FOUND_DISABLED)
		login_end(login, SASL_ACCOUNT_DISABLED, "the account is disabled");
	else
		login_end(login, SASL_NONE, NULL);
}

static void
login_final(struct login *login, const char *message, size_t length)
{
	struct stream *stream = &login->client->stream;
	uint8_t binding[CHANNEL_BINDING_MAX];
	size_t binding_length = 0;
	const char *signature;
	enum scram_fault fault;

	if (login->scram.binding != NULL &&
	    !sasl_binding(stream, login->scram.binding, binding, &binding_length)) {
		login_end(login, SASL_NOT_AUTHORIZED,
			  scram_fault_name(SCRAM_BINDING_TYPE_UNSUPPORTED));
		return;
	}
	fault = scram_hear_final(&signature, &login->scram, login->arena, message, length, binding,
				 binding_length);
	if (fault != SCRAM_GOOD)
		login_end(login, scram_fault_condition(fault),
			  fault == SCRAM_INVALID_PROOF ? "wrong name or password"
						       : scram_fault_name(fault));
	else if (login->found == ABSENT)
		login_end(login, SASL_NOT_AUTHORIZED, "wrong name or password");
	else if (login->found == FOUND_DISABLED)
		login_end(login, SASL_ACCOUNT_DISABLED, "the account is disabled");
	else
		login_end(login, SASL_NONE, signature);
}

static void
refused(struct login *login, enum sasl_condition condition, const char *why)
{
	struct client_stream *client = login->client;
	struct stream *stream = &client->stream;
	char peer[64];

	stream_peer(stream, peer);
	log_info(&stream->log, "login refused from=%s name=\"%s\": %s", peer,
		 login->named ? login->who.bare : "", why);
	if (condition == SASL_NOT_AUTHORIZED && login->named) {
		stream_here()->failures++;
		client->guesses++;
		limits_failed(peer, login->who.bare);
	}
	if (stream->state != OPENED && stream->state != SECURED)
		stream_enter(stream, stream->secured ? SECURED : OPENED);
	sasl_say_failure(stream, condition, why);
	count_refusal(client);
}

/* `signature` goes along with the success; NULL: nothing does. */
static void
admitted(struct login *login, const char *signature)
{
	struct client_stream *client = login->client;
	struct stream *stream = &client->stream;
	const char *how = login->mechanism != NULL ? login->mechanism->name : "PLAIN";
	char more[256];

	if (client->said_from != NULL && strcmp(client->said_from, login->who.bare) != 0) {
		log_info(&stream->log, "login refused from=%s name=\"%s\": said to be \"%s\"",
			 stream_peer(stream, more), login->who.bare, client->said_from);
		stream_close(stream, STREAM_INVALID_FROM,
			     "the stream is said to be from somebody else");
		return;
	}
	limits_passed(stream_peer(stream, more), login->who.bare);
	stream_here()->logins++;
	client->who = jid_own(&login->who);
	client->refusals = 0;
	free(client->said_from);
	client->said_from = NULL;
	client->client.who = client->who;
	stream_describe(stream, more, sizeof more);
	log_info(&stream->log, "logged in from=%s mechanism=%s", more, how);
	stream_enter(stream, ADMITTED);
	sasl_say(stream, "success", signature, signature != NULL ? strlen(signature) : 0);
	stream_restart(stream);
	stream_move(stream, directory_home(client->who));
}

/* `why`: the reason, or, when nothing is wrong (SASL_NONE), what is said with the success. */
static void
login_end(struct login *login, enum sasl_condition condition, const char *why)
{
	struct stream *stream = &login->client->stream;
	bool waited = login->waiting;

	login->waiting = false;
	if (condition != SASL_NONE)
		refused(login, condition, why);
	else
		admitted(login, why);
	login_free(login);
	stream_wake(stream);
	if (waited)
		stream_drop(stream);
}

static void
login_free(struct login *login)
{
	login->client->login = NULL;
	if (login->plain.password != NULL)
		wipe(login->plain.password, strlen(login->plain.password));
	arena_drop(login->arena);
	wipe(login, sizeof *login);
	free(login);
}
