/* SPDX-License-Identifier: MIT */
/*
 * A client of the server: it dials, starts TLS, proves its password, binds a resource, and
 * then says and hears what its scenario wants.
 *
 * It is embedded in what the scenario keeps of it.  The steps of a login, each of which
 * hears one stanza and sets the next:
 *
 *	hear_features	TLS, a mechanism or a resource is on offer: ask for it
 *	hear_proceed	TLS may begin; the stream starts anew
 *	hear_challenge	SCRAM: answer it
 *	hear_success	the stream starts anew
 *	hear_bound	we have an address
 *	hear_session	servers of old want one more question
 *
 * With --protocol raw there is nothing to prove: it says its number, hears <ready/>.
 */
#pragma once

#include "bench/load_conn.h"
#include "bench/load_scram.h"

struct client;

struct client_kind {
	/* The goal is reached. */
	void (*ready)(struct client *client);
	/* A stanza that came after that. */
	void (*heard)(struct client *client, struct slice stanza);
	/* It is over; `why` is NULL when that was our wish.  It may not dial anew from here. */
	void (*gone)(struct client *client, const char *why);
};

enum client_goal { CLIENT_BOUND, CLIENT_NEW }; /* CLIENT_NEW: secure, before any login */
enum client_state { CLIENT_OFF, CLIENT_ENTERING, CLIENT_READY, CLIENT_LEAVING };

struct client {
	struct conn conn;
	const struct client_kind *kind;
	void (*step)(struct client *client, struct slice stanza);
	enum client_state state;
	enum client_goal goal;
	unsigned number; /* account u<number> */
	bool authenticated, offers_versions, offers_acks, wants_session, ending;
	int64_t dialled; /* when */
	char *jid;       /* full, once it is bound */
	struct scram_client scram;
	gnutls_datum_t resume; /* the last TLS session, with --tls-resume */
	bool resumed;
};

void client_init(struct client *client, const struct client_kind *kind, enum client_goal goal,
		 unsigned number);
/* Dials; false when there is no socket to be had. */
bool client_enter(struct client *client);
/* Says goodbye; `gone` comes when the server has, too. */
void client_leave(struct client *client);
/* Gone without a word; `gone` is not called. */
void client_drop(struct client *client);
void client_say(struct client *client, const char *words);
void client_sayf(struct client *client, const char *format, ...) PRINTF_LIKE(2, 3);
/* Takes leave with a reason: `gone` is called. */
void client_fail(struct client *client, const char *format, ...) PRINTF_LIKE(2, 3);
/* Answers a question that nobody here understands: silence would look like a dead client. */
void client_answer(struct client *client, struct slice stanza);

/* What TLS has agreed on, in GnuTLS' words; of the last client that began it. */
extern char client_tls[128];
