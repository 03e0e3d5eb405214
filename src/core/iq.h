/* SPDX-License-Identifier: MIT */
/*
 * A request that a module answers: exactly once.
 *
 * A handler answers (iq_result, iq_error: both return DONE), or holds the IQ for a step
 * that will and returns LATER.  If the last hold goes unanswered, core answers
 * internal-server-error and logs the module's name.  A handler that returns PASS leaves
 * the IQ to the next rule, and at last to service-unavailable.
 */
#pragma once

#include "core/stanza.h"
#include "store/store.h"

struct iq {
	/* open to modules, read-only */
	struct stanza *stanza;
	struct arena *arena;
	const struct element *query; /* the one child */
	struct jid from, to;
	bool is_set;
	struct domain *domain;
	struct account *account; /* the account asked; NULL: the domain was */
	struct session *session; /* who asks, when it is a session of `account`; NULL */
	/* core's own */
	const char *module;
	uint32_t holds;
	bool answered, returned; /* answered; its handler has returned */
	struct post lane_post;
	bool keeps_lane, lane; /* its rule wants the lane kept; it is */
};

enum iq_to { IQ_GET = 1, IQ_SET = 2 };
enum iq_whom {
	TO_DOMAIN = 1,       /* example.org, from anybody */
	TO_ACCOUNT = 2,      /* romeo@example.org, from anybody who gets past the guards */
	TO_SELF = 4,         /* the same, from the account itself (or without 'to') only;
			      * others hear service-unavailable */
	TO_DOMAIN_USERS = 8, /* the domain, from accounts of it only */
};

struct iq_rule {
	unsigned types, whom;
	const char *ns, *name; /* name NULL: any in `ns` */
	enum outcome (*fn)(void *self, struct iq *iq);
	/* LATER keeps the account's lane (and its client's stream) until it is answered: for
	 * what changes or reads what delivery depends on. */
	bool keeps_lane;
};

PUBLIC struct iq *iq_hold(struct iq *iq);
PUBLIC void iq_drop(struct iq *iq);
/* Each answers and gives back one hold if the handler had returned; DONE.  `payload`
 * (NULL: empty) lives in iq->arena. */
PUBLIC enum outcome iq_result(struct iq *iq, struct element *payload);
PUBLIC enum outcome iq_error(struct iq *iq, enum condition condition, const char *text);
PUBLIC enum outcome iq_error_with(struct iq *iq, enum condition condition, const char *text,
				  struct element *detail);
/* Commits `batch`, then answers `payload`, or internal-server-error when it could not be
 * kept; returns LATER.  `then` (may be NULL) is called between commit and answer, and does not
 * answer itself. */
PUBLIC enum outcome iq_result_after(struct iq *iq, struct batch *batch, struct element *payload,
				    void (*then)(struct iq *iq, enum stored stored));

/* Asks a session: sends an IQ of ours, from `account` or (NULL) the domain, and calls `fn`
 * once with the answer, or with NULL when `ms` have passed or it cannot come any more. */
typedef void iq_answer_fn(void *ctx, const struct stanza *answer);
PUBLIC void iq_ask(struct domain *domain, struct account *account, struct session *session,
		   const struct element *query, bool set, int64_t ms, iq_answer_fn *fn, void *ctx);
