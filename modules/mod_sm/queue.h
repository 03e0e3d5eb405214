/* SPDX-License-Identifier: MIT */
/*
 * What one session owes its client: the stanzas that were said to it, or will be, and that
 * it has not acknowledged (XEP-0198 §4), oldest first.
 *
 * Each has a number, which is its place: the first one has the number behind `acked`, and so
 * on.  A number is never given again and never taken back, for what is behind it has its
 * number, too: what is refused by the store, or is not there any more, is replaced by a
 * stanza that says nothing.
 */
#pragma once

#include "module.h"

struct owed {
	struct owed *next;
	struct wire *head, *payload; /* payload may be NULL */
	struct gate *gate;           /* NULL: it may leave */
	struct audience *audience;   /* who else gets it; NULL: nobody */
	uint64_t archive_id;         /* 0: not kept by the archive */
	uint32_t at;                 /* seconds since 1970 */
	uint8_t kind, type;          /* enum stanza_kind, stanza_type */
	bool kept;                   /* by a module, until the client has confirmed it */
};

struct queue {
	struct owed *first, *last;
	struct owed *next; /* the first one that the link was not given yet; NULL: all were */
	uint32_t acked;    /* the number before the first one's */
	uint32_t count;
	uint32_t given; /* how many, from the first one, the link was given */
	size_t bytes;   /* that are held here, whoever shares them */
};

enum acked { ACKED, ACKED_BEFORE, ACKED_TOO_MUCH };

/* A parcel takes the next number; its wires and gate are held.  `given`: the link has it. */
void queue_add(struct queue *queue, const struct parcel *parcel, bool given);
/* The client has all up to the number `h`, which wraps at 2^32. */
enum acked queue_ack(struct queue *queue, uint32_t h);
/* Another link, which was given nothing yet. */
void queue_rewind(struct queue *queue);
/* The next one to be given to the link as a parcel of the caller's; false: there is none.
 * `blank` is what is said in the place of one that the store has refused. */
bool queue_give(struct queue *queue, struct parcel *parcel, struct wire *blank);
/* Looks at its gate: when that has answered there is none any more, and what was refused is
 * nothing. */
void queue_settle(struct queue *queue, struct owed *owed);
/* Takes the first one out. */
struct owed *queue_shift(struct queue *queue);
void owed_free(struct owed *owed);
void queue_clear(struct queue *queue);
/* The number of the last one, and of the last one that the link was given. */
uint32_t queue_last(const struct queue *queue);
uint32_t queue_given(const struct queue *queue);
