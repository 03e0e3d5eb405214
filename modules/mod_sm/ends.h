/* SPDX-License-Identifier: MIT */
/*
 * Where it goes what a session owed its client when it ended: one table, as data.
 *
 * How it ended × what is owed × whether the archive has it × whether another session of the
 * account has it, or is owed it, too.  Nothing goes nowhere, and nothing goes twice.
 */
#pragma once

#include "module.h"

/* How a session can end; those of core first, in its order. */
enum cause {
	CAUSE_CLOSED = DEPARTURE_CLOSED,
	CAUSE_LOST = DEPARTURE_LOST,
	CAUSE_REPLACED = DEPARTURE_REPLACED,
	CAUSE_ENDED = DEPARTURE_ENDED,
	CAUSE_PASSWORD_CHANGED = DEPARTURE_RESET,
	CAUSE_DISABLED = DEPARTURE_DISABLED,
	CAUSE_REMOVED = DEPARTURE_REMOVED,
	CAUSE_HOST_GONE = DEPARTURE_HOST_GONE,
	CAUSE_STOPPING = DEPARTURE_STOPPING,
	CAUSE_TIMED_OUT, /* its client did not come back */
	CAUSE_OVERFULL,  /* too much was owed */
	/* What could be taken for an end and is none: the session stays. */
	CAUSE_AWAY,       /* its link is lost, and it can be resumed */
	CAUSE_TAKEN_UP,   /* resumed while the old link lived */
	CAUSE_LOST_AGAIN, /* the link is lost while what is owed is said again */
};
#define CAUSES (CAUSE_LOST_AGAIN + 1)

/* What is owed. */
enum content {
	CONTENT_CHAT,
	CONTENT_NORMAL,
	CONTENT_GROUPCHAT,
	CONTENT_ROOM_PRIVATE, /* from one occupant of a room */
	CONTENT_HEADLINE,
	CONTENT_EVENT,    /* of PubSub */
	CONTENT_FLEETING, /* a chat state and no more */
	CONTENT_ERROR,
	CONTENT_RECEIVED, /* a copy of what another session was told (XEP-0280) */
	CONTENT_SENT,     /* a copy of what another session has said */
	CONTENT_SERVER,   /* what its own account or server tells this client: results of queries */
	CONTENT_KEPT,     /* what a module keeps until the client has confirmed it to that module */
	CONTENT_PRESENCE,
	CONTENT_REQUEST, /* an IQ that asks */
	CONTENT_ANSWER,  /* and one that answers */
};
#define CONTENTS (CONTENT_ANSWER + 1)

enum fate {
	FATE_KEEP,      /* it stays where it is */
	FATE_REDELIVER, /* it arrives anew: other sessions, or who keeps messages for later */
	FATE_ARCHIVE,   /* the archive has it, and that is enough */
	FATE_RETURN,    /* an error goes to its sender */
	FATE_DROP,      /* nobody else wants it, or somebody else has it */
};
#define FATES (FATE_DROP + 1)

enum fate fate_of(enum cause cause, enum content content, bool archived, bool shared);
/* `message` is as it was said to a client of `account`. */
enum content content_of_message(const struct element *message, enum stanza_type type,
				const struct jid *account);
