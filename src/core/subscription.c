/* SPDX-License-Identifier: MIT */
/*
 * RFC 6121 Appendix A as tables.  The nine states of A.1 are numbered in its order; a row
 * of a table says, for each of them, whether the stanza passes and which state follows.
 */
#include "core/subscription.h"

enum state { NONE, NONE_OUT, NONE_IN, NONE_OUT_IN, TO, TO_IN, FROM, FROM_OUT, BOTH, STATES };

static const struct subscription states[STATES] = {
	[NONE] = { SUBSCRIBED_NONE, false, false, false },
	[NONE_OUT] = { SUBSCRIBED_NONE, true, false, false },
	[NONE_IN] = { SUBSCRIBED_NONE, false, true, false },
	[NONE_OUT_IN] = { SUBSCRIBED_NONE, true, true, false },
	[TO] = { SUBSCRIBED_TO, false, false, false },
	[TO_IN] = { SUBSCRIBED_TO, false, true, false },
	[FROM] = { SUBSCRIBED_FROM, false, false, false },
	[FROM_OUT] = { SUBSCRIBED_FROM, true, false, false },
	[BOTH] = { SUBSCRIBED_BOTH, false, false, false },
};

/* In the order NONE, +OUT, +IN, +OUT+IN, TO, TO+IN, FROM, FROM+OUT, BOTH. */
static const enum state out_subscribe[STATES] = { NONE_OUT, NONE_OUT, NONE_OUT_IN, NONE_OUT_IN, TO,
						  TO_IN,    FROM_OUT, FROM_OUT,    BOTH };
static const enum state out_unsubscribe[STATES] = { NONE,    NONE, NONE_IN, NONE_IN, NONE,
						    NONE_IN, FROM, FROM,    FROM };
static const enum state out_subscribed[STATES] = { NONE, NONE_OUT, FROM,     FROM_OUT, TO,
						   BOTH, FROM,     FROM_OUT, BOTH };
static const enum state out_unsubscribed[STATES] = { NONE, NONE_OUT, NONE,     NONE_OUT, TO,
						     TO,   NONE,     NONE_OUT, TO };

static const enum state in_subscribe[STATES] = { NONE_IN, NONE_OUT_IN, NONE_IN,  NONE_OUT_IN, TO_IN,
						 TO_IN,   FROM,        FROM_OUT, BOTH };
static const enum state in_unsubscribe[STATES] = { NONE, NONE_OUT, NONE,     NONE_OUT, TO,
						   TO,   NONE,     NONE_OUT, TO };
static const enum state in_subscribed[STATES] = { NONE,  TO,   NONE_IN, TO_IN, TO,
						  TO_IN, FROM, BOTH,    BOTH };
static const enum state in_unsubscribed[STATES] = { NONE,    NONE, NONE_IN, NONE_IN, NONE,
						    NONE_IN, FROM, FROM,    FROM };

static enum state
state_of(struct subscription subscription)
{
	for (unsigned i = 0; i < STATES; i++)
		if (states[i].how == subscription.how &&
		    states[i].pending_out == subscription.pending_out &&
		    states[i].pending_in == subscription.pending_in)
			return (enum state)i;
	/* A pending request beside the subscription it asks for (a row that another program
	 * wrote): the subscription wins. */
	subscription.pending_out &= (subscription.how & SUBSCRIBED_TO) == 0;
	subscription.pending_in &= (subscription.how & SUBSCRIBED_FROM) == 0;
	return state_of(subscription);
}

static struct subscription_step
step(struct subscription before, const enum state *table)
{
	enum state from = state_of(before), to = table[from];
	struct subscription_step step = { .next = states[to],
					  .changed = from != to,
					  .reply = TYPE_NONE };

	step.next.approved = before.approved;
	return step;
}

struct subscription_step
subscription_outbound(struct subscription state, enum stanza_type type)
{
	struct subscription_step s;

	switch ((int)type) {
	case TYPE_SUBSCRIBE: /* A.2.1: always routed */
		s = step(state, out_subscribe);
		s.pass = true;
		return s;
	case TYPE_UNSUBSCRIBE: /* A.2.2: always routed */
		s = step(state, out_unsubscribe);
		s.pass = true;
		return s;
	case TYPE_SUBSCRIBED: /* A.2.3: routed where it answers a request, otherwise
			       * a pre-approval (§3.4) that stays here */
		s = step(state, out_subscribed);
		s.pass = s.changed;
		if (!s.changed && (state.how & SUBSCRIBED_FROM) == 0 && !state.approved)
			s.next.approved = s.changed = true;
		return s;
	case TYPE_UNSUBSCRIBED: /* A.2.4; cancels a pre-approval (§3.4.3) */
		s = step(state, out_unsubscribed);
		s.pass = s.changed;
		if (s.next.approved) {
			s.next.approved = false;
			s.changed = true;
		}
		return s;
	}
	must(!"a subscription type");
}

struct subscription_step
subscription_inbound(struct subscription state, enum stanza_type type)
{
	struct subscription_step s;

	switch ((int)type) {
	case TYPE_SUBSCRIBE: /* A.3.1 */
		s = step(state, in_subscribe);
		s.pass = s.changed;
		if ((state.how & SUBSCRIBED_FROM) != 0) {
			s.reply = TYPE_SUBSCRIBED;
		} else if (state.approved && s.changed) { /* note 1 */
			s = step(s.next, out_subscribed);
			s.changed = true;
			s.pass = false;
			s.reply = TYPE_SUBSCRIBED;
		}
		return s;
	case TYPE_UNSUBSCRIBE: /* A.3.2 */
		s = step(state, in_unsubscribe);
		s.pass = s.changed;
		s.reply = s.changed ? TYPE_UNSUBSCRIBED : TYPE_NONE;
		return s;
	case TYPE_SUBSCRIBED: /* A.3.3 */
		s = step(state, in_subscribed);
		s.pass = s.changed;
		return s;
	case TYPE_UNSUBSCRIBED: /* A.3.4 */
		s = step(state, in_unsubscribed);
		s.pass = s.changed;
		return s;
	}
	must(!"a subscription type");
}

const char *
subscription_name(struct subscription state)
{
	static const char *const names[] = { "none", "to", "from", "both" };

	return names[state.how & SUBSCRIBED_BOTH];
}

bool
subscription_is_from(struct subscription state)
{
	return (state.how & SUBSCRIBED_FROM) != 0;
}

bool
subscription_is_to(struct subscription state)
{
	return (state.how & SUBSCRIBED_TO) != 0;
}
