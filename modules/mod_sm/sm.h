/* SPDX-License-Identifier: MIT */
/* What the files of mod_sm share. */
#pragma once

#include "ends.h"
#include "queue.h"

#define ID_LENGTH  26 /* characters of 5 bits each */
#define HASH_BYTES 16

struct sm { /* the options first */
	int64_t resume;
	int64_t resume_most;
	int64_t queue_stanzas;
	int64_t queue_bytes;
	int64_t answer;
	/* counters */
	uint64_t enabled, resumed, failed, timed_out, overfull;
	struct domain *domain;
	struct wire *blank; /* a stanza that says nothing */
};

struct resuming;

/* The stream management of one session, from <enable/> to the session's end. */
struct managed {
	struct sm *sm;
	struct session *session;

	/* what its client has said */
	struct client *client; /* who carries it now; NULL: nobody, it waits */
	struct client *waning; /* who did, while its last stanzas have not settled; NULL */
	uint32_t before;       /* h when that client began to count */
	uint32_t began;        /* how many stanzas it had said by then */
	uint32_t told;         /* the h that the client knows */
	uint32_t wanted;       /* the h it has asked for, which may come later */

	/* what it was told */
	struct queue queue;
	uint32_t asked_for; /* the number up to which we have asked whether it has them */
	size_t unasked;     /* bytes behind that */
	bool asked;         /* and it has not answered */
	bool seen;          /* it knows that this is on: it has acknowledged something */

	/* coming back */
	bool resumable;
	uint8_t hash[HASH_BYTES]; /* of the id */
	int64_t patience;         /* ms that it may be away */
	int64_t lost;             /* since when it is, in seconds since 1970 */
	struct resuming *resuming;
	enum cause cause; /* why it ends, when we end it; 0: core knows */

	struct timer timer; /* to ask, to have been answered, or to come back */
	struct post post;   /* at the end of a turn: is there anything to ask? */
};

/* A corner of the session. */
struct sm_corner {
	struct managed *managed; /* NULL: not enabled */
};

/* --- mod_sm.c --- */

struct managed *managed_of(struct session *session, const void *self);
uint32_t managed_handled(struct managed *managed);
/* Its carrier is gone: it waits for another.  Its stanzas may not have settled yet. */
void managed_wait(struct managed *managed);
/* Somebody carries it: says what it is owed. */
void managed_go_on(struct managed *managed, struct client *client);
void managed_say_owed(struct managed *managed);
/* The client says what it has; false: it was told that this cannot be. */
bool managed_acked(struct managed *managed, struct client *client, uint32_t h);
/* <failed/>, which is the answer to what `client` has said. */
void say_failed(struct client *client, enum condition condition, const char *text);
bool number_read(uint32_t *number, const struct element *element, const char *name);

/* --- leave.c --- */

/* The session has ended: what it owed goes elsewhere. */
void leave_start(struct managed *managed);

/* --- resume.c --- */

enum outcome on_resume(void *self, struct client *client, struct session *session,
		       const struct element *element);
/* The last stanza of the client that carried it before has settled. */
void resume_settled(struct resuming *resuming);
/* The session has ended meanwhile, or another client wants it. */
void resume_fail(struct resuming *resuming);
