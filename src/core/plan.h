/* SPDX-License-Identifier: MIT */
/*
 * Who gets a stanza that has reached an account.
 *
 * The delivery rules of RFC 6121 §8.5 are one table (core/delivery.c): kind of address ×
 * kind and type × state of the resources -> verdict.  Core makes the plan from it when
 * the guards have let the stanza pass; the hooks of the stages ARCHIVE and COPY may
 * amend it; then core carries it out.
 */
#pragma once

#include "core/stanza.h"

enum verdict {
	VERDICT_DELIVER, /* to the sessions of the plan */
	VERDICT_STORE,   /* to nobody now: stage FALLBACK may keep it, else an error */
	VERDICT_IGNORE,  /* drop it silently */
	VERDICT_REFUSE,  /* send `condition` back */
	VERDICT_HANDLE,  /* the account answers: IQ rules, subscriptions, probes */
};

struct copy { /* something else that goes out beside the stanza */
	struct copy *next;
	struct session *session;
	const struct element *element; /* written once when several copies share it */
	uint64_t archive_id;           /* of the stanza */
};

struct plan {
	enum verdict verdict;
	enum condition condition;  /* VERDICT_REFUSE */
	struct session **sessions; /* who gets the stanza as it is */
	unsigned count;
	struct copy *copies;
};

PUBLIC bool plan_has(const struct plan *plan, const struct session *session);
/* For hooks on arrivals; `stanza->plan` must be there. */
PUBLIC void plan_add(struct stanza *stanza, struct session *session);
PUBLIC void plan_remove(struct stanza *stanza, struct session *session);
/* `element` (a stanza in the stanza's arena) goes to `session`, addressed to it, behind the
 * stanza and under the same commit: how carbons travel.  Of a stanza that leaves: to one of
 * the account's own sessions, when the hooks have passed and the account's own rows are
 * committed.  An arrival that somebody gets a copy of is not refused. */
PUBLIC void plan_add_copy(struct stanza *stanza, struct session *session,
			  const struct element *element);

/* --- core's own --- */

/* Its sessions, which were held until now. */
void plan_end(struct stanza *stanza);

/* --- the table, for core and its tests --- */

enum address_kind { ADDRESS_BARE, ADDRESS_FULL_MATCHES, ADDRESS_FULL_MATCHES_NOBODY };
enum resources { RESOURCES_NONE, RESOURCES_NEGATIVE, RESOURCES_AVAILABLE };
enum delivery_target {
	TARGET_NONE,
	TARGET_RESOURCE,
	TARGET_ALL_NON_NEGATIVE,
	TARGET_ALL_AVAILABLE
};
struct delivery {
	enum verdict verdict;
	enum condition condition;
	enum delivery_target target;
};
struct delivery delivery_for(enum address_kind address, enum stanza_kind kind,
			     enum stanza_type type, enum resources resources);
