/* SPDX-License-Identifier: MIT */
/*
 * One XML conversation (RFC 6120 §4): bytes to elements, elements to bytes, and how it
 * ends.  What is talked about is the business of its kind (client.h).
 *
 * A stream belongs to one shard, its link with it.  It is held by its link until that has
 * ended, and by every step that is outstanding.  A step asks first whether the stream is
 * still open.
 *
 * READING.  Bytes come from the link, go through a parser, and come out as elements.  While
 * a step is outstanding, a module has paused it, or too much is in work, nothing is heard:
 * the parser stops right behind an element, the bytes behind it are kept, and the link is
 * not read.  What makes it readable again (stream_wake) takes effect at the end of the turn.
 * Between elements a stream has no parser; it borrows one when bytes come.
 *
 * CLOSING.  stream_close does not close: it says what is to be said last.  The stream then
 * hears nothing more (DRAINING) until what waits in its outbox has left and its kind has
 * nothing open (kind->is_settled), for ten seconds at most; then the error and the end tag
 * go out and the link is closed.
 */
#pragma once

#include "base/err.h"
#include "base/log.h"
#include "loop/timer.h"
#include "stream/outbox.h"
#include "xml/element.h"
#include "xml/parser.h"
#include "xmpp/condition.h"

struct stream;
struct domain;

enum stream_state {                    /* one bit each, so that a rule can name several */
		    OPENED = 1 << 0,   /* in the clear: nothing proven */
		    SECURING = 1 << 1, /* the TLS handshake is under way */
		    SECURED = 1 << 2,  /* TLS is up */
		    PROVING = 1 << 3,  /* a SASL exchange waits for the client's next word */
		    CHECKING = 1 << 4, /* it waits for ours: the store, a helper */
		    ADMITTED = 1 << 5, /* we know who this is */
		    BINDING = 1 << 6,  /* its account comes into memory */
		    BOUND = 1 << 7,    /* a session; ordinary stanzas flow */
		    DRAINING = 1 << 8, /* goodbye, when what is owed has left */
		    CLOSED = 1 << 9,   /* said goodbye, or the link is gone */
};

struct stream_kind {
	const char *name; /* "c2s" */
	const char *ns;   /* of stanzas: "jabber:client" */
	/* A header came; `stream->domain` is known and our header was said.  False: it was
	 * refused (stream_close). */
	bool (*opened)(struct stream *stream, const struct element *header);
	/* An element came while the stream may hear.  Takes the arena. */
	void (*heard)(struct stream *stream, struct element *element, struct arena *arena);
	/* It has come to another shard, whose `domain` it has now. */
	void (*arrived)(struct stream *stream);
	/* At the end of a turn, after stream_wake. */
	void (*woken)(struct stream *stream);
	/* May another element be heard now, for the kind's own reasons? */
	bool (*is_ready)(const struct stream *stream);
	/* Nothing is open that its client may want to know of before the end. */
	bool (*is_settled)(const struct stream *stream);
	/* The stream is about to say goodbye, or its link is gone (`abrupt`); it is not CLOSED
	 * yet.  Once. */
	void (*ending)(struct stream *stream, bool abrupt);
	/* The last hold is gone. */
	void (*freed)(struct stream *stream);
	/* After its log name: "juliet" or nothing. */
	void (*describe)(const struct stream *stream, char *out, size_t room);
};

struct leftover;

struct stream {
	const struct stream_kind *kind;
	struct link *link;         /* NULL: gone */
	struct domain *domain;     /* this shard's; NULL before the first header */
	struct parser *parser;     /* NULL: between elements */
	struct parser_root *root;  /* NULL: a header is awaited */
	struct leftover *leftover; /* bytes behind the element that stopped us */
	char *lang;                /* the header's xml:lang; NULL: none */
	struct log_scope log;
	struct list place; /* this shard's streams */
	struct timer timer;
	struct post post;
	struct outbox outbox;
	char *last_words;         /* text for the error; NULL */
	char *last_detail;        /* XML behind the condition; NULL */
	int64_t unfinished_since; /* now_ms() when an element began that is not complete; 0 */
	enum stream_state state;
	enum stream_condition condition; /* to be said last */
	uint32_t number;
	uint32_t holds;
	uint32_t early_bytes;      /* heard before it was ADMITTED */
	struct shard *destination; /* where it will go at the end of this turn; NULL */
	bool secured : 1;          /* TLS is up */
	bool direct : 1;           /* TLS from the first byte (XEP-0368) */
	bool spoke : 1;            /* our header was said since the last restart */
	bool feeding : 1;          /* inside parser_feed */
	bool stopped : 1;          /* the parser takes no more */
	bool restarting : 1;       /* the next thing is a header */
	bool reading : 1;          /* the link reads */
	bool waking : 1;           /* stream_wake was asked for */
	bool waits_settled : 1;    /* DRAINING waits for receipts, too */
	bool heard_end : 1;        /* the peer's end tag came */
	bool counted : 1;          /* the listener must be told when it goes */
	bool shaking : 1;          /* the handshake has begun */
	bool active : 1;           /* heard from or spoken to since the last keepalive */
};

/* Makes a stream of a connected socket, on this shard.  `stream` is zeroed, from the heap
 * and at the start of the kind's own object. */
void stream_start(struct stream *stream, const struct stream_kind *kind, int fd, bool direct);
struct stream *stream_hold(struct stream *stream);
void stream_drop(struct stream *stream);

/* Nobody has said goodbye and the link is there. */
bool stream_is_open(const struct stream *stream);
const char *stream_state_name(enum stream_state state);
/* Whether a road leads from one state to another. */
bool stream_has_road(enum stream_state from, enum stream_state to);
void stream_enter(struct stream *stream, enum stream_state next);

/* Says text that is XML already, in its place of the order. */
void stream_say_text(struct stream *stream, const char *bytes, size_t length);
void stream_say(struct stream *stream, const struct element *element);
/* Says it at once, before what waits behind gates. */
void stream_interject(struct stream *stream, const struct element *element);
/* Says it with the prefix of the stream's own namespace, which clients look for. */
void stream_say_features(struct stream *stream, const struct element *features);

/* Says goodbye when what is owed has left; STREAM_NONE: without an error.  `text` may be
 * NULL.  Harmless when goodbye is due or said. */
void stream_close(struct stream *stream, enum stream_condition condition, const char *text);
/* The same with an element of its own behind the condition (RFC 6120 §4.9.4). */
void stream_close_with(struct stream *stream, enum stream_condition condition, const char *text,
		       const struct element *detail);
/* Closes without a word. */
void stream_abort(struct stream *stream, const char *why);

/* What kept it from hearing may be over: looks at the end of this turn. */
void stream_wake(struct stream *stream);
/* The next thing to be heard is a header (RFC 6120 §4.3.3). */
void stream_restart(struct stream *stream);
/* Starts TLS; what was sent in the clear behind the last element ends the stream. */
void stream_secure(struct stream *stream);
/* Starts the time in which the client must have logged in anew. */
void stream_more_time(struct stream *stream);

/* Takes the stream to `home` at the end of this turn, with the bytes that it has not heard
 * yet; there kind->arrived is called.  Nobody but the link may hold the stream by then. */
void stream_move(struct stream *stream, struct shard *home);

/* "192.0.2.7" */
const char *stream_peer(const struct stream *stream, char out[64]);
/* "192.0.2.7, TLS1.3, AES-256-GCM" */
void stream_describe(const struct stream *stream, char *out, size_t room);
/* Bytes it holds that have not left. */
size_t stream_unsent(const struct stream *stream);

/* --- all streams of this shard --- */

unsigned streams_count(void);
/* The next one; NULL at the end.  Start with NULL. */
struct stream *stream_next(const struct stream *before);
/* The server stops: says goodbye to all, and to all that come: see-other-host when
 * `other_host` is given, else system-shutdown.  Wait for streams_count to be 0. */
void streams_shutdown(const char *other_host);
/* A domain is about to go: its streams hear host-gone and forget it. */
void streams_host_gone(const struct domain *domain);

struct stream_numbers {
	unsigned streams, bound;
	uint64_t accepted, logins, failed_logins;
};
void streams_numbers(struct stream_numbers *numbers);

/* What a link tells its stream. */
extern const struct link_owner stream_link_owner;
