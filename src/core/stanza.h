/* SPDX-License-Identifier: MIT */
/*
 * A message, presence or IQ on its way.
 *
 * A stanza lives in its arena, is on one shard at a time, and is held by whoever still
 * needs it there (stanza_hold).  router_send gives it away, with its hold.  When its
 * last hold goes it is over: its receipt's hold, if it carries one, goes home and is
 * dropped there.  What must be kept of a stanza is kept by holding it until the rows are
 * committed; that is what stanza_batch does by itself.
 *
 * A stanza is not edited once it was routed: to change it is to make another
 * (stanza_copy), which has its own place in the receipt.
 */
#pragma once

#include "base/list.h"
#include "base/wire.h"
#include "core/outcome.h"
#include "core/receipt.h"
#include "loop/shard.h"
#include "xml/element.h"
#include "xmpp/condition.h"
#include "xmpp/jid.h"
#include "xmpp/stanza.h"

struct account;
struct batch;
struct domain;
struct plan;
struct session;

struct stanza {
	/* open to modules, read-only */
	struct arena *arena;
	const struct element *element;
	enum stanza_kind kind;
	enum stanza_type type;
	const char *id;             /* NULL: none */
	struct jid from, to;        /* canonical; of a stanza that was routed, both are there */
	bool addressed;             /* its sender gave a 'to' */
	bool flag_private;          /* of our own making: not archived, not copied */
	struct domain *domain;      /* whose hooks it meets now */
	struct account *account;    /* the account it leaves or has reached; NULL: none */
	struct session *session;    /* leaving: who says it.  arriving: NULL */
	struct plan *plan;          /* arriving, from stage ARCHIVE on: who gets it */
	uint64_t archive_id;        /* under which the account's archive keeps it; 0: not kept */
	uint64_t sender_archive_id; /* arriving: the same in its sender's, who is here, too, as
				     * long as nobody has edited it; 0: none */
	bool repeated; /* its sender's archive has it: it is sent again (XEP-0359's origin-id) */

	/* core's own */
	struct receipt *receipt;
	struct post post;
	struct list place; /* in a lane */
	struct batch *batch;
	struct wire *wire; /* serialised once, for all who get it */
	uint32_t holds;
	uint16_t hook;   /* where its hooks go on when resumed */
	uint8_t passage; /* enum passage: where it goes on when resumed */
};

/* A stanza of `element`, which lives in `arena`; takes the caller's hold on the arena.
 * Addresses are parsed from the element when `from` or `to` is NULL and the attribute is
 * there.  NULL with `err` filled when it is none (name, type or address): the arena is
 * then still the caller's.  Held once. */
PUBLIC struct stanza *stanza_new(struct arena *arena, const struct element *element,
				 const struct jid *from, const struct jid *to, struct err *err);
/* Another stanza of the same content in an arena of its own, for another recipient; it
 * has a hold of its own on the receipt, and is made where the receipt is at home or on a
 * stanza without one.  Held once. */
PUBLIC struct stanza *stanza_copy(const struct stanza *stanza, const struct jid *from,
				  const struct jid *to);
/* A message of `account` that was delivered to a session and has not reached anybody: another
 * stanza of it, which account_redeliver takes.  It is neither archived nor copied anew.  NULL when
 * it cannot be read; the arena is then still the caller's. */
PUBLIC struct stanza *stanza_again(struct account *account, struct arena *arena,
				   const struct element *message, uint64_t archive_id);
PUBLIC struct stanza *stanza_hold(struct stanza *stanza);
PUBLIC void stanza_drop(struct stanza *stanza);

/* The transaction that belongs to this stanza and the account it is at: what modules add
 * is committed together once the hooks have passed.
 *
 * Arriving, the stanza leaves for clients, and settles, only after the commit.  When the
 * store refuses, nothing was delivered and its sender is told resource-constraint.
 * Leaving, these are the sender's own rows: the stanza travels on meanwhile, and its receipt
 * waits for both; when the store refuses, the sender is told resource-constraint and may
 * send it again. */
PUBLIC struct batch *stanza_batch(struct stanza *stanza);

/* For the archive, in the stages STAMP and ARCHIVE: the account keeps it under this id
 * (core/id.h).  What is said of the stanza to the account's sessions carries it along: the
 * stanza itself and the copies made of it. */
PUBLIC void stanza_archived(struct stanza *stanza, uint64_t id);
/* The same, leaving: it was kept before, and is sent again because its sender does not know. */
PUBLIC void stanza_archived_before(struct stanza *stanza, uint64_t id);

/* For the stage STAMP: the stanza's element as a copy that may be edited from here on until the
 * stage is over.  What others hold of it does not change. */
PUBLIC struct element *stanza_edit(struct stanza *stanza);
/* For the stages STAMP and ARCHIVE of an arrival: puts `child` (of the stanza's arena) last into
 * the stanza.  It costs no copy, so who holds the element sees it, too. */
PUBLIC void stanza_append(struct stanza *stanza, struct element *child);
/* The stanza as bytes, with NS_CLIENT as the namespace around it; written once, however often it
 * is asked for.  Good until the stanza is edited. */
PUBLIC struct wire *stanza_wire(struct stanza *stanza);

/* Answers a stanza with an error and returns DONE (core/outcome.h); errors, results, probes and
 * unavailable presence are never answered.  `text` may be NULL. */
PUBLIC enum outcome stanza_error(struct stanza *stanza, enum condition condition, const char *text);
/* The same with another type than the condition's usual one (NULL: that), and a child of the
 * module's own beside the condition. */
PUBLIC enum outcome stanza_error_with(struct stanza *stanza, enum condition condition,
				      const char *type, const char *text, struct element *detail);
/* Goes on with a stanza that a hook held by LATER: `outcome` is the hook's answer now. */
PUBLIC void stanza_resume(struct stanza *stanza, enum outcome outcome);
