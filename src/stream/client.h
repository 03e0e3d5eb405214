/* SPDX-License-Identifier: MIT */
/*
 * A client's side of a stream: from the first header to a session and its stanzas.
 *
 * What a client may say, and when, is one table (client.c).  Logging in is sasl.h, binding
 * is bind.c.  A bound client is what carries a session (core/session.h): core speaks to it
 * through `client_carrier`, modules through `struct client` (core/features.h).
 *
 * A module that answers an element with LATER owes the client an answer: the client is not
 * heard until client_say (or a close) has given it.  Until then the object stays, even when
 * the client has gone; afterwards the module forgets it.
 *
 * Each stanza has a receipt, which holds the stream; so settled numbers go on rising, and
 * on_settled goes on being called, until the last stanza of a client that is gone has
 * settled.
 */
#pragma once

#include "core/features.h"
#include "core/session.h"
#include "net/listener.h"
#include "stream/ledger.h"
#include "stream/stream.h"

struct login;

struct client_stream {
	struct stream stream; /* first */
	struct client client; /* as modules see it */
	struct jid *who;      /* the bare address, from the login to the session */
	struct session *session;
	struct login *login; /* a SASL exchange under way; NULL */
	char *said_from;     /* the bare address in an encrypted header, until the login; NULL */
	struct arena *owed;  /* of the element that a module answers later; NULL */
	struct ledger ledger;
	void (*on_settled)(void *ctx);
	void *settled_ctx;
	uint8_t guesses;  /* logins that failed by a wrong name or proof */
	uint8_t refusals; /* logins, and then bindings, that failed at all */
	uint8_t forms;    /* that modules have answered before the login */
	bool asking : 1;  /* a module is asked about an element just now */
	bool paused : 1;  /* core has asked for that */
	bool full : 1;    /* too much in work */
	bool news : 1;    /* the settled number has risen, or goodbye is due */
	bool warned : 1;  /* that goodbye is due */
	bool lingers : 1; /* a module has something to say before */
};

/* Opens a port for clients: with STARTTLS, or with TLS from the first byte (XEP-0368).
 * main/ starts it on each shard. */
struct listener *client_listen(const char *address, uint16_t port, bool direct_tls,
			       struct err *err);
/* A stream over a connected non-blocking socket. */
struct client_stream *client_accept(int fd, bool direct_tls);

/* What carries sessions here. */
extern const struct carrier client_carrier;
/* The client that carries a session; NULL when something else does, or nothing. */
struct client_stream *client_of(const struct session *session);
/* Tells the client of a session to come back at another host.  False when no client of
 * this process carries it. */
bool client_redirect(struct session *session, const char *other_host);

/* --- between the files of stream/ --- */

static inline struct client_stream *
client_of_stream(struct stream *stream)
{
	return (struct client_stream *)stream;
}

void client_say_features(struct client_stream *client);
/* An <iq/> before there is a session (bind.c). */
void client_bind(struct client_stream *client, struct element *iq, struct arena *arena);
