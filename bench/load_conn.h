/* SPDX-License-Identifier: MIT */
/*
 * A connection to the server: bytes, TLS, and the stanzas in what comes.
 *
 * It is embedded in what it belongs to.  What it has to tell, it tells through a struct of
 * functions; each of them may say more, or close it.  One thing said is one TLS record and
 * one write, as clients do it; only what the socket does not take waits.
 */
#pragma once

#include "bench/load_loop.h"
#include "bench/load_scan.h"

#include "base/text.h"

#include <gnutls/gnutls.h>

struct conn;

struct conn_kind {
	void (*connected)(struct conn *conn);
	void (*secured)(struct conn *conn);
	void (*heard)(struct conn *conn, enum scanned what, struct slice slice);
	/* It is closed already.  `why` is NULL when the peer closed it in order. */
	void (*gone)(struct conn *conn, const char *why);
};

enum conn_phase { CONN_CLOSED, CONN_DIALLING, CONN_PLAIN, CONN_SHAKING, CONN_SECURE };

struct conn {
	struct watch watch;
	const struct conn_kind *kind;
	int fd;
	enum conn_phase phase;
	bool flushing; /* GnuTLS holds a record that the socket did not take */
	bool ended;    /* we have said all */
	gnutls_session_t tls;
	struct scan scan;
	struct text in;  /* a piece that is not whole yet */
	struct text out; /* what waits for the socket, from out_at on */
	size_t out_at;
};

/* Where all connections go, and how. */
struct conn_place {
	const char *connect;  /* "HOST:PORT" */
	const char *domain;   /* for SNI */
	const char *priority; /* GnuTLS' words */
	unsigned sources;     /* addresses of ours to come from; 0: whichever */
};

/* Finds the address; stops the program with a reason when there is none. */
void conn_start(const struct conn_place *place);

void conn_init(struct conn *conn, const struct conn_kind *kind);
/* Dials; `number` chooses among our addresses.  False when there is no socket to be had. */
bool conn_open(struct conn *conn, unsigned number);
/* Begins TLS; `resume` is a session to take up, or NULL. */
void conn_secure(struct conn *conn, const gnutls_datum_t *resume);
/* The stream starts anew: the header is expected again, or (`open`) is not. */
void conn_restart(struct conn *conn, bool open);
/* Says it; a connection that is not up says nothing. */
void conn_say(struct conn *conn, const char *bytes, size_t length);
/* We have nothing more to say: TLS and TCP are told so; `gone` comes when the peer agrees. */
void conn_end(struct conn *conn);
/* At once, without a word; `gone` is not called. */
void conn_close(struct conn *conn);

/* What all connections have sent and got: bytes of ours, before encryption. */
extern uint64_t conn_bytes_said, conn_bytes_heard;
