/* SPDX-License-Identifier: MIT */
/*
 * A local user, in memory while somebody needs it.
 *
 * An account is at home on shard_for(its bare address).  It comes into memory when a
 * client binds or a stanza must be delivered or answered for it: its row and its roster
 * are read and the hooks `account_loading` pass; until then what arrives waits, in order,
 * in its *arrival lane*.  It leaves memory a while after its last session and hold.
 *
 * What the lane holds back: loading; a hook that answered LATER at its head; a module
 * that asked (account_hold_lane).  Lanes are bounded; past the bound stanzas go back with
 * resource-constraint.
 */
#pragma once

#include "base/list.h"
#include "base/log.h"
#include "base/table.h"
#include "core/roster.h"
#include "core/stanza.h"
#include "loop/timer.h"

struct corner;
struct rows;
struct statement;

enum account_state {
	ACCOUNT_LOADING,
	ACCOUNT_READY,
	ACCOUNT_ABSENT,
	ACCOUNT_UNKNOWN,
	ACCOUNT_DISABLED
};

struct account {
	/* open to modules, read-only */
	struct jid *jid; /* bare */
	struct domain *domain;
	enum account_state state;
	struct roster *roster;
	struct list sessions; /* struct session, oldest first */
	unsigned session_count;
	struct log_scope log;

	/* core's own */
	struct entry entry;  /* by bare address, on this shard */
	struct list lane;    /* struct stanza */
	struct list wanting; /* struct account_want */
	uint32_t lane_count, lane_holds;
	uint32_t pauses; /* while there are some, its sessions are not read */
	uint32_t holds;
	uint16_t hook; /* account_loading: which comes next */
	bool draining, ending;
	bool erased;    /* its sessions hear the answers they wait for, and end */
	bool forgotten; /* out of the table: it has ended, or could not be read */
	bool reloading; /* LOADING, and its sessions wait */
	struct timer idle, again;
	struct corner *corners;
	unsigned corner_count;
	bool stale; /* modules have changed while one of them held account_loading */
};

typedef void account_ready_fn(void *ctx, struct account *account);

/* Gets an account at home into memory and calls `fn` once it is READY, ABSENT, DISABLED
 * or UNKNOWN (the store cannot tell), later or at once.  The caller holds it then. */
struct account_want {
	struct list place;
	account_ready_fn *fn;
	void *ctx;
};
PUBLIC void account_get(struct domain *domain, const struct jid *who, struct account_want *want,
			account_ready_fn *fn, void *ctx);
/* The account if it is in memory at home here and READY; not held. */
PUBLIC struct account *account_find(const struct jid *who);
PUBLIC struct account *account_hold(struct account *account);
PUBLIC void account_drop(struct account *account);

PUBLIC bool account_is_online(const struct account *account); /* an available session */
/* May `who` see presence (subscription from or both, or the account itself)? */
PUBLIC bool account_shows_presence_to(const struct account *account, const struct jid *who);
/* A module's own bytes in each account, `account_size` of its declaration.  Never NULL where
 * something arrives or is asked; NULL while the account is loaded anew (a session may leave
 * then), and in a step that comes when the module has been stopped. */
PUBLIC void *account_corner(const struct account *account, const void *self);

/* Arrivals wait until as many releases; release may run waiting stanzas at once. */
PUBLIC void account_hold_lane(struct account *account);
PUBLIC void account_release_lane(struct account *account);
/* For account_loading: reads what `statement` has of the account (its one parameter is the
 * bare address), gives it to `fn` and goes on.  When the store cannot tell, the account cannot
 * be used now.  Returns LATER. */
PUBLIC enum outcome
account_read(void *self, struct account *account, const struct statement *statement,
	     void (*fn)(void *self, struct account *account, const struct rows *rows));
/* Goes on with account_loading after LATER; DONE: the account cannot be used now. */
PUBLIC void account_resume(struct account *account, enum outcome outcome);

/* Messages (stanza_again) that a session of the account was told and has not got: they arrive
 * anew, in this order and before what waits in the lane. */
PUBLIC void account_redeliver(struct account *account, struct list *stanzas);

/* A stanza for this account has come to its home: core/router.c only.  Takes the hold. */
void account_arrive(struct domain *domain, struct stanza *stanza);
/* What is in memory is not what is in the store (a write failed): load it anew; sessions
 * stay, arrivals wait. */
PUBLIC void account_reload(struct account *account);
/* The account was removed or disabled: sessions end with `condition`. */
void account_end(struct account *account, enum stream_condition condition, const char *text);

/* Walks the accounts in memory on this shard. */
PUBLIC struct account *account_next(struct account *before);
PUBLIC unsigned account_count(void);
