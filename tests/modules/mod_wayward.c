/* SPDX-License-Identifier: MIT */
/*
 * mod_wayward -- for tests: a module that does what is allowed and seldom done, or leaves
 * undone what it should do.
 *
 * It forgets questions; it holds messages for as long as they ask for, when they leave and
 * when they have arrived and their plan is made; it ends sessions from inside the facts of
 * their coming and going; and it has accounts read anew.
 */
#include <string.h>

#include "module.h"

#define NS_WAYWARD "urn:stentor:wayward"

/* --- questions that are forgotten --- */

static enum outcome
on_forgotten(void *self, struct iq *iq)
{
	(void)self;
	(void)iq;
	return LATER;
}

/* Held, and given up a second later. */
static void
give_up(void *arg)
{
	struct timer *timer = arg;
	struct iq *iq = *(struct iq **)(timer + 1);

	free(timer);
	iq_drop(iq);
}

static enum outcome
on_given_up(void *self, struct iq *iq)
{
	struct timer *timer = zalloc(sizeof *timer + sizeof iq);

	(void)self;
	*(struct iq **)(timer + 1) = iq_hold(iq);
	timer_start(timer, 1000, give_up, timer);
	return LATER;
}

static enum outcome
on_reload(void *self, struct iq *iq)
{
	(void)self;
	account_reload(iq->account);
	return iq_result(iq, NULL);
}

/* --- messages that are held --- */

struct held {
	struct timer timer;
	struct stanza *stanza;
};

static void
let_go(void *arg)
{
	struct held *held = arg;
	struct stanza *stanza = held->stanza;

	free(held);
	stanza_resume(stanza, PASS);
}

static enum outcome
hold(struct stanza *stanza, const char *name)
{
	const struct element *slow = element_child(stanza->element, NS_WAYWARD, name);
	struct held *held;

	if (slow == NULL)
		return PASS;
	held = zalloc(sizeof *held);
	held->stanza = stanza;
	timer_start(&held->timer, atoi(element_get(slow, "seconds")) * 1000, let_go, held);
	return LATER;
}

static enum outcome
on_leaving(void *self, struct stanza *stanza)
{
	(void)self;
	return hold(stanza, "leaves");
}

static enum outcome
on_arriving(void *self, struct stanza *stanza)
{
	(void)self;
	return hold(stanza, "arrives");
}

/* --- sessions that are not wanted --- */

static void
on_bound(void *self, struct session *session)
{
	(void)self;
	if (strcmp(session->jid->resource, "unwelcome") == 0)
		session_end(session, STREAM_POLICY_VIOLATION, "not you");
}

static void
on_unavailable(void *self, struct session *session, const struct element *presence)
{
	(void)self;
	(void)presence;
	if (strcmp(session->jid->resource, "unloved") == 0)
		session_end(session, STREAM_POLICY_VIOLATION, "go, then");
}

static const struct iq_rule iqs[] = {
	{ IQ_GET, TO_SELF, NS_WAYWARD, "forgotten", on_forgotten, .keeps_lane = false },
	{ IQ_GET, TO_SELF, NS_WAYWARD, "given-up", on_given_up, .keeps_lane = false },
	{ IQ_SET, TO_SELF, NS_WAYWARD, "forgotten", on_forgotten, .keeps_lane = true },
	{ IQ_SET, TO_SELF, NS_WAYWARD, "given-up", on_given_up, .keeps_lane = true },
	{ IQ_SET, TO_SELF, NS_WAYWARD, "reload", on_reload, .keeps_lane = false },
	{ 0 },
};

static const struct hook hooks[] = {
	HOOK(message_leaving, GUARD, on_leaving),  HOOK(presence_leaving, GUARD, on_leaving),
	HOOK(message_arriving, COPY, on_arriving), FACT(session_bound, on_bound),
	FACT(session_unavailable, on_unavailable), { 0 },
};

MODULE = {
	.api = MODULE_API,
	.name = "wayward",
	.about = "For tests: does what modules seldom do",
	.iqs = iqs,
	.hooks = hooks,
};
