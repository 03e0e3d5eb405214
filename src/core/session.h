/* SPDX-License-Identifier: MIT */
/*
 * An account's bound presence on a stream (RFC 6120 §7).
 *
 * A session belongs to its account and lives at the account's home.  Core does not know
 * what carries it: a TCP stream, a WebSocket, a stream on another node, or for a while
 * nothing.  It speaks to the carrier through `struct carrier`.
 */
#pragma once

#include "base/list.h"
#include "base/log.h"
#include "base/text.h"
#include "base/wire.h"
#include "core/gate.h"
#include "core/stanza.h"

struct batch;

/* Who of an account's sessions gets the same message: counted by those who keep it until it was
 * acknowledged.  `heard`: somebody has it. */
struct audience {
	uint32_t holds;
	bool heard;
};
PUBLIC struct audience *audience_hold(struct audience *audience); /* NULL stays NULL */
PUBLIC void audience_drop(struct audience *audience);

/* What core says to a session: bytes, in one or two pieces, and when they may leave. */
struct parcel {
	struct wire *head, *payload; /* payload may be NULL; both become the carrier's */
	struct gate *gate;           /* NULL: at once; becomes the carrier's */
	struct wire *instead;        /* said in its place when the gate is refused; NULL: nothing */
	uint64_t archive_id;         /* of the message in it, in the account's archive; 0: none */
	enum stanza_kind kind;
	enum stanza_type type;
	bool again; /* parcel_leaving kept it back before */
	bool kept;  /* by a module, until the client has confirmed it to that module */

	/* For parcel_leaving, good during the call. */

	/* What is written in it, the 'to' of a copy apart.  NULL: it was written before. */
	const struct element *element;
	/* What the gate waits for: rows added here are committed with it.  NULL: nothing. */
	struct batch *batch;
	/* Who else gets the message; NULL: nobody, or it is none.  Who sets `owed` has taken a
	 * hold, and tells when it was heard. */
	struct audience *audience;
	bool owed;
};

/* Lets go of all that is in it. */
PUBLIC void parcel_drop(struct parcel *parcel);

struct carrier {
	/* Takes a parcel.  Order is kept: a shut gate holds back what comes behind it. */
	void (*say)(void *carried, struct parcel parcel);
	/* Ends the stream with a stream error (STREAM_NONE: just closes it).  The session
	 * has left already. */
	void (*hang_up)(void *carried, enum stream_condition condition, const char *text);
	/* Stops and goes on reading from the client. */
	void (*pause)(void *carried, bool paused);
	/* For `session list`: "192.0.2.7:5022, TLS1.3, AES-256-GCM" and the like. */
	void (*describe)(void *carried, char *out, size_t room);
	/* Bytes it holds that have not left. */
	size_t (*unsent)(void *carried);
};

/* Why a session has left. */
enum departure {
	DEPARTURE_CLOSED,   /* its client said goodbye */
	DEPARTURE_LOST,     /* nobody carries it any more, and no module has kept it */
	DEPARTURE_REPLACED, /* another connection has bound its resource */
	DEPARTURE_ENDED,    /* by an admin or a module */
	DEPARTURE_RESET,    /* the password was changed */
	DEPARTURE_DISABLED, /* its account was */
	DEPARTURE_REMOVED,
	DEPARTURE_HOST_GONE, /* its domain is not served any more */
	DEPARTURE_STOPPING,  /* the server is */
};
#define DEPARTURES (DEPARTURE_STOPPING + 1)

struct copy;
struct corner;
struct directed;

struct session {
	/* open to modules, read-only */
	struct account *account;
	struct jid *jid; /* the full address */
	bool available;
	bool interested;  /* has asked for the roster (RFC 6121 §2.2) */
	bool has_history; /* asked for its archive before it was available: it knows what waits */
	int8_t priority;
	int64_t since;            /* seconds since 1970 */
	struct element *presence; /* its last available presence; NULL */
	enum departure departure; /* when it has left */
	struct log_scope log;

	/* core's own */
	struct list place;      /* account->sessions, oldest first */
	struct table *directed; /* to whom presence was sent directly; NULL: nobody */
	const struct carrier *carrier;
	void *carried; /* NULL: nobody carries it now */
	struct corner *corners;
	unsigned corner_count;
	uint32_t holds;
	uint16_t held; /* its stanzas that a hook holds on their way out: it is not read */
	bool leaving, gone;
	bool lasting; /* a module keeps it beyond the end of the process (core/lasting.h) */
};

/* The session of that resource; NULL when there is none. */
PUBLIC struct session *session_find(const struct account *account, const char *resource);
PUBLIC struct session *session_hold(struct session *session);
PUBLIC void session_drop(struct session *session);
PUBLIC bool
session_is_last(const struct session *session); /* in session_left: nobody else is there */
/* A module's own bytes in each session, `session_size` of its declaration.  NULL only in a step
 * that comes when the module has been stopped. */
PUBLIC void *session_corner(struct session *session, const void *self);

/* Says an element of ours; `to` and `from` are as it has them.  Harmless on a session
 * that is gone. */
PUBLIC void session_say(struct session *session, const struct element *element);
/* The same for what the module keeps until the client has confirmed it: when the session ends
 * before, that is not delivered to anybody else. */
PUBLIC void session_say_kept(struct session *session, const struct element *element);
/* With what a stanza is said, to all its sessions; all may be NULL. */
struct terms {
	struct gate *gate;
	struct batch *batch;
	struct audience *audience;
};
/* Says a stanza of ours that is written already; takes the caller's hold on the wire. */
PUBLIC void session_say_wire(struct session *session, struct wire *wire, enum stanza_kind kind);
/* One of several copies that share an element, addressed to the session: `payload` is what
 * session_payload has made of it. */
struct wire *session_payload(const struct element *element);
void session_say_copy(struct session *session, const struct copy *copy, struct wire *payload,
		      const struct terms *terms);
/* Says a stanza that has arrived, its payload shared by all who get it. */
void session_deliver(struct session *session, struct stanza *stanza, const struct terms *terms);
/* It has asked for its archive, so that it needs nobody to tell it what came while it was away. */
PUBLIC void session_asked_history(struct session *session);
/* A parcel that was kept back by parcel_leaving goes on its way, which leads by all these hooks
 * again. */
PUBLIC void session_let_go(struct session *session, struct parcel parcel);
/* Ends it: presence is withdrawn, the facts are told, the carrier hangs up. */
PUBLIC void session_end(struct session *session, enum stream_condition condition, const char *text);
/* Bytes said to it that its client has not taken: who has much to say waits for less. */
PUBLIC size_t session_unsent(const struct session *session);
PUBLIC void session_describe(const struct session *session, char *out, size_t room);
/* What modules have to say of it, with "; " between them. */
void session_tell_about(struct session *session, struct text *about);

/* The carrier says: a client wants this resource (NULL: make one) of an account that is
 * loaded.  Newest wins: a session that has it ends with <conflict/>.  NULL: a module has
 * ended it at once, and the carrier was told. */
struct session *session_bind(struct account *account, const char *resource,
			     const struct carrier *carrier, void *carried);
/* The carrier says: here is a stanza; `receipt` is one hold of the caller's.  The arena
 * becomes ours.  False: the client broke a rule that ends the stream; then nothing was
 * taken but the arena. */
bool session_hears(struct session *session, struct element *element, struct arena *arena,
		   struct receipt *receipt, enum stream_condition *condition, struct err *err);
/* For a module that keeps the session: says a parcel to the carrier without asking anybody, and
 * takes the carrier away, which hangs up while the session stays. */
PUBLIC void session_say_parcel(struct session *session, struct parcel parcel);
PUBLIC void session_part(struct session *session, enum stream_condition condition,
			 const char *text);
/* The carrier says: I am gone.  Modules may keep the session (carrier_lost); otherwise it
 * ends. */
void session_lost(struct session *session);
/* A session kept by a module gets a new carrier. */
PUBLIC void session_carry(struct session *session, const struct carrier *carrier, void *carried);
