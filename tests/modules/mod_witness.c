/* SPDX-License-Identifier: MIT */
/*
 * mod_witness -- for tests: sees what arrives at an account, and whether it came in order.
 *
 * Messages and presences have numbers as their ids; of each number the message comes first.
 * Asked by the account itself, the witness says how many of each it saw and whether a number
 * or a kind was ever out of turn.  Accounts come into memory slowly, if that is wished for.
 */
#include <string.h>

#include "module.h"

#define NS_WITNESS "urn:stentor:witness"

struct witness {
	int64_t load_delay;
};

struct seen { /* a corner of the account */
	uint64_t messages, presences;
	long last;
	bool disordered;
};

/* --- an account that takes its time --- */

struct loading {
	struct timer timer;
	struct account *account;
};

static void
load_delayed(void *arg)
{
	struct loading *loading = arg;
	struct account *account = loading->account;

	free(loading);
	account_resume(account, PASS);
}

static enum outcome
on_account_loading(void *self, struct account *account)
{
	const struct witness *witness = self;
	struct loading *loading;

	if (witness->load_delay == 0)
		return PASS;
	loading = zalloc(sizeof *loading);
	loading->account = account;
	timer_start(&loading->timer, witness->load_delay, load_delayed, loading);
	return LATER;
}

/* --- what arrives --- */

/* Twice the number, and one more for presence: so each comes behind the one before. */
static enum outcome
on_arriving(void *self, struct stanza *stanza)
{
	struct seen *seen = account_corner(stanza->account, self);
	bool is_message = stanza->kind == STANZA_MESSAGE;
	long place;

	if (stanza->id == NULL || strtol(stanza->id, NULL, 10) <= 0)
		return PASS;
	place = 2 * strtol(stanza->id, NULL, 10) + (is_message ? 0 : 1);
	seen->disordered |= place != seen->last + 1 && seen->last != 0;
	seen->last = place;
	*(is_message ? &seen->messages : &seen->presences) += 1;
	return PASS;
}

static enum outcome
on_asked(void *self, struct iq *iq)
{
	const struct seen *seen = account_corner(iq->account, self);
	struct element *answer = element_new(iq->arena, NS_WITNESS, "seen");

	element_setf(iq->arena, answer, "messages", "%llu", (unsigned long long)seen->messages);
	element_setf(iq->arena, answer, "presences", "%llu", (unsigned long long)seen->presences);
	element_set(iq->arena, answer, "in-order", seen->disordered ? "false" : "true");
	return iq_result(iq, answer);
}

static const struct option options[] = {
	OPTION_PERIOD(struct witness, load_delay, 0, 0, PERIOD_MINUTES(1),
		      "how much longer an account takes to come into memory"),
	{ 0 },
};

static const struct iq_rule iqs[] = {
	{ IQ_GET, TO_SELF, NS_WITNESS, "seen", on_asked },
	{ 0 },
};

static const struct hook hooks[] = {
	HOOK(account_loading, GUARD, on_account_loading),
	HOOK(message_arriving, GUARD, on_arriving),
	HOOK(presence_arriving, GUARD, on_arriving),
	{ 0 },
};

MODULE = {
	.api = MODULE_API,
	.name = "witness",
	.about = "For tests: sees what arrives, and in which order",
	.options = options,
	.iqs = iqs,
	.hooks = hooks,
	.size = sizeof(struct witness),
	.account_size = sizeof(struct seen),
};
