/* SPDX-License-Identifier: MIT */
/*
 * What the files of core/ share and nobody else sees: one shard's state, and the calls
 * from one part of a stanza's way to the next.
 */
#pragma once

#include "core/account.h"
#include "core/domain.h"
#include "core/gate.h"
#include "core/host.h"
#include "core/iq.h"
#include "core/plan.h"
#include "core/session.h"
#include "core/stanza.h"

#define SHARDS_MAX 256

/* What core keeps on one shard.  Indexed by shard and not thread-local, so that plays can
 * run several shards on one thread. */
struct here {
	struct table accounts; /* struct account, by bare address */
	unsigned account_count;
	struct table domains;       /* struct domain, by name */
	struct domain *last_domain; /* found last; NULL: none, or it has gone */
	struct table hosts;         /* struct hosted, by name */
	struct table asked;         /* struct question: IQs of ours that wait for an answer */
	struct table making;        /* accounts at home here that are being made */
	uint64_t routed;
	struct list ended;   /* struct domain no more served */
	struct list retired; /* struct instance whose last steps may still come */
};
struct here *here(void);

struct hosted { /* a claimed name */
	struct entry entry;
	struct instance *instance;
	const struct host *host;
	char *name;
};

enum passage { PASSAGE_NONE, PASSAGE_LEAVING, PASSAGE_ARRIVING, PASSAGE_OUT };

/* --- passage.c: hooks and plans --- */
void passage_leave(struct stanza *stanza);  /* a client's stanza leaves its account */
void passage_arrive(struct stanza *stanza); /* at the head of its account's lane */
void passage_out(struct stanza *stanza);    /* for a domain that is not ours */
/* The stanza's transaction is committed if there is one; then it is over. */
void passage_end(struct stanza *stanza);

/* --- account.c --- */
void account_head_done(struct account *account); /* the lane's head has been dealt with */

/* --- session.c --- */
/* In the account's list, carried by nobody, and not told of. */
struct session *session_new(struct account *account, const char *resource);
void session_corners_make(struct session *session); /* anew, when modules have changed */
/* A hook holds one of its stanzas on the way out, or does so no more. */
void session_hold_back(struct session *session, bool back);
void session_look(struct session *session); /* whether it is read */

/* --- presence.c --- */
void presence_left(struct stanza *stanza);   /* has passed the leaving hooks */
void presence_handle(struct stanza *stanza); /* subscriptions and probes that arrived */
void presence_heard(struct session *session, const struct stanza *stanza); /* is delivered */
void presence_session_left(struct session *session);
void presence_save(const struct session *session, struct arena *arena, struct element *state);
void presence_revive(struct session *session, const struct element *state);
void presence_refresh(struct session *session);
void presence_forget(struct session *session);
bool presence_is_directed_to(const struct session *session, const struct jid *who);
void contact_end(struct account *account, const struct contact *contact); /* roster removal */

/* --- iq.c --- */
void iq_dispatch(struct stanza *stanza, struct account *account);
bool iq_take_answer(struct stanza *stanza); /* an answer to a question of ours */
void iq_session_gone(struct session *session);

/* --- roster_iq.c --- */
extern const struct iq_rule roster_rules[];

/* --- account.c, for a change of modules --- */
void *corner_find(const struct corner *corners, unsigned count, const void *self);
void account_corners_free(struct account *account);
void account_load_anew(struct account *account);

/* --- account.c, for credentials.c --- */
bool account_is_in_memory(const struct jid *who); /* whatever its state */
/* Nothing comes in and its clients are not read, until it is released. */
void account_freeze(struct account *account, bool frozen);

/* --- what each file asks of the store, NULL-terminated, for the tests of statements --- */
extern const struct statement *const account_statements[];
extern const struct statement *const credentials_statements[];
extern const struct statement *const id_statements[];
extern const struct statement *const roster_statements[];
extern const struct statement *const core_keep_statements[];

/* --- loader.c --- */
extern const struct option domain_options[];

/* --- host.c --- */
struct hosted *host_find(const char *name);
void host_arrive(struct hosted *hosted, struct stanza *stanza);
void hosts_give_up_all(struct instance *instance);
