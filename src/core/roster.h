/* SPDX-License-Identifier: MIT */
/*
 * Whom an account knows, and who may see it (RFC 6121 §2, §3).
 *
 * A roster is in memory while its account is.  A change is in memory at once; the push
 * to the account's sessions and the answer leave once the store has it.  When the store
 * refuses, the account is loaded anew.
 */
#pragma once

#include "base/table.h"
#include "core/subscription.h"
#include "store/store.h"
#include "xml/element.h"
#include "xmpp/jid.h"

struct account;

struct contact {
	/* open to modules, read-only */
	const char *jid;           /* bare, or whatever address the user put there */
	const char *name;          /* NULL: none */
	const char *const *groups; /* NULL-terminated */
	struct subscription subscription;
	/* core's own */
	struct entry entry;
	bool listed;         /* shown in the roster: not only a pending request */
	const char *request; /* the pending subscribe stanza, as text; NULL */
	size_t size;
};

struct roster {
	struct table contacts;
	int64_t version; /* of the last change; 0: never changed */
	unsigned count;  /* of all contacts */
	unsigned listed; /* of those that the user has put there; the rest are requests */
	size_t bytes;    /* that all of them take */
};

/* By bare address; NULL: none.  Good until the next change.  What is sent to a contact may be
 * answered at once, and change the roster: who walks it and sends holds the lane meanwhile. */
PUBLIC const struct contact *roster_find(const struct roster *roster, const struct jid *who);
PUBLIC const struct contact *roster_next(const struct roster *roster, const struct contact *before);

/* --- core's own --- */

struct roster *roster_new(void);
void roster_free(struct roster **roster);
void roster_read(struct roster *roster, const struct rows *rows); /* of ROSTER_LOAD */
/* May `contact` stand in the list, in the place of what is there under its address?  Strangers'
 * requests take no room from it, but have a bound of their own. */
bool roster_has_room(const struct account *account, const struct contact *contact);
bool roster_has_room_for_request(const struct account *account);
/* The contact in memory replaced by `contact` (strings copied, subscription as given),
 * version raised, rows added to `batch`. */
struct contact *roster_set(struct account *account, const struct contact *contact,
			   struct batch *batch);
void roster_remove(struct account *account, const char *jid, struct batch *batch);
/* Commits `batch`, then pushes the item of `jid` (NULL: none) as it is by now to interested
 * sessions.  What explains the change to them, `first` says before (NULL: nothing does; it is
 * not called when the store fails). */
void roster_commit(struct account *account, const char *jid, struct batch *batch,
		   void (*first)(void *ctx), void (*then)(void *ctx, enum stored stored),
		   void *ctx);
/* <item/> as a result or push shows it. */
struct element *roster_item(struct arena *arena, const struct contact *contact);
