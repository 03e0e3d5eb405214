/* SPDX-License-Identifier: MIT */
/*
 * The delivery rules of RFC 6121 §8.5 for an account that exists, as one table.
 *
 * The first row that fits decides.  Where the RFC leaves a choice: a message for the bare
 * address goes to every non-negative resource (so that all devices of a user see it, with
 * or without carbons), and what nobody can take is kept or refused, never lost silently,
 * but for headlines and errors.
 */
#include "core/plan.h"

#include <string.h>

#include "core/internal.h"

#define ANY_TYPE      (-1)
#define BARE          (1 << ADDRESS_BARE)
#define MATCH         (1 << ADDRESS_FULL_MATCHES)
#define NO_MATCH      (1 << ADDRESS_FULL_MATCHES_NOBODY)
#define ABSENT_       (1 << RESOURCES_NONE)
#define NEGATIVE      (1 << RESOURCES_NEGATIVE)
#define AVAILABLE     (1 << RESOURCES_AVAILABLE)
#define ANY_RESOURCES (ABSENT_ | NEGATIVE | AVAILABLE)

static const struct rule {
	enum stanza_kind kind;
	int type;
	unsigned addresses, resources;
	struct delivery delivery;
} rules[] = {
	/* §8.5.3.1: a full address that matches gets its message, whatever the type. */
	{ STANZA_MESSAGE, ANY_TYPE, MATCH, ANY_RESOURCES, { VERDICT_DELIVER, 0, TARGET_RESOURCE } },
	/* An error is never answered and never stored. */
	{ STANZA_MESSAGE,
	  TYPE_ERROR,
	  BARE | NO_MATCH,
	  ANY_RESOURCES,
	  { VERDICT_IGNORE, 0, TARGET_NONE } },
	/* A room must learn that its occupant is gone. */
	{ STANZA_MESSAGE,
	  TYPE_GROUPCHAT,
	  BARE | NO_MATCH,
	  ANY_RESOURCES,
	  { VERDICT_REFUSE, SERVICE_UNAVAILABLE, TARGET_NONE } },
	{ STANZA_MESSAGE,
	  TYPE_HEADLINE,
	  BARE,
	  AVAILABLE,
	  { VERDICT_DELIVER, 0, TARGET_ALL_NON_NEGATIVE } },
	{ STANZA_MESSAGE,
	  TYPE_HEADLINE,
	  BARE | NO_MATCH,
	  ANY_RESOURCES,
	  { VERDICT_IGNORE, 0, TARGET_NONE } },
	/* §8.5.3.2.1: chat to a resource that has gone is for whoever is there. */
	{ STANZA_MESSAGE,
	  TYPE_CHAT,
	  BARE | NO_MATCH,
	  AVAILABLE,
	  { VERDICT_DELIVER, 0, TARGET_ALL_NON_NEGATIVE } },
	{ STANZA_MESSAGE,
	  TYPE_CHAT,
	  BARE | NO_MATCH,
	  ABSENT_ | NEGATIVE,
	  { VERDICT_STORE, 0, TARGET_NONE } },
	{ STANZA_MESSAGE,
	  TYPE_NORMAL,
	  BARE,
	  AVAILABLE,
	  { VERDICT_DELIVER, 0, TARGET_ALL_NON_NEGATIVE } },
	{ STANZA_MESSAGE,
	  TYPE_NORMAL,
	  BARE,
	  ABSENT_ | NEGATIVE,
	  { VERDICT_STORE, 0, TARGET_NONE } },
	{ STANZA_MESSAGE,
	  TYPE_NORMAL,
	  NO_MATCH,
	  ANY_RESOURCES,
	  { VERDICT_REFUSE, SERVICE_UNAVAILABLE, TARGET_NONE } },

	{ STANZA_PRESENCE,
	  TYPE_PROBE,
	  BARE | MATCH | NO_MATCH,
	  ANY_RESOURCES,
	  { VERDICT_HANDLE, 0, TARGET_NONE } },
	{ STANZA_PRESENCE,
	  TYPE_SUBSCRIBE,
	  BARE | MATCH | NO_MATCH,
	  ANY_RESOURCES,
	  { VERDICT_HANDLE, 0, TARGET_NONE } },
	{ STANZA_PRESENCE,
	  TYPE_SUBSCRIBED,
	  BARE | MATCH,
	  ANY_RESOURCES,
	  { VERDICT_HANDLE, 0, TARGET_NONE } },
	{ STANZA_PRESENCE,
	  TYPE_UNSUBSCRIBE,
	  BARE | MATCH,
	  ANY_RESOURCES,
	  { VERDICT_HANDLE, 0, TARGET_NONE } },
	{ STANZA_PRESENCE,
	  TYPE_UNSUBSCRIBED,
	  BARE | MATCH,
	  ANY_RESOURCES,
	  { VERDICT_HANDLE, 0, TARGET_NONE } },
	{ STANZA_PRESENCE,
	  ANY_TYPE,
	  MATCH,
	  ANY_RESOURCES,
	  { VERDICT_DELIVER, 0, TARGET_RESOURCE } },
	{ STANZA_PRESENCE,
	  TYPE_AVAILABLE,
	  BARE,
	  NEGATIVE | AVAILABLE,
	  { VERDICT_DELIVER, 0, TARGET_ALL_AVAILABLE } },
	{ STANZA_PRESENCE,
	  TYPE_UNAVAILABLE,
	  BARE,
	  NEGATIVE | AVAILABLE,
	  { VERDICT_DELIVER, 0, TARGET_ALL_AVAILABLE } },
	{ STANZA_PRESENCE,
	  ANY_TYPE,
	  BARE | NO_MATCH,
	  ANY_RESOURCES,
	  { VERDICT_IGNORE, 0, TARGET_NONE } },

	/* §8.5.2: what is asked of the bare address the server answers. */
	{ STANZA_IQ, ANY_TYPE, BARE, ANY_RESOURCES, { VERDICT_HANDLE, 0, TARGET_NONE } },
	{ STANZA_IQ, ANY_TYPE, MATCH, ANY_RESOURCES, { VERDICT_DELIVER, 0, TARGET_RESOURCE } },
	{ STANZA_IQ, TYPE_RESULT, NO_MATCH, ANY_RESOURCES, { VERDICT_IGNORE, 0, TARGET_NONE } },
	{ STANZA_IQ, TYPE_ERROR, NO_MATCH, ANY_RESOURCES, { VERDICT_IGNORE, 0, TARGET_NONE } },
	{ STANZA_IQ,
	  ANY_TYPE,
	  NO_MATCH,
	  ANY_RESOURCES,
	  { VERDICT_REFUSE, SERVICE_UNAVAILABLE, TARGET_NONE } },
};

struct delivery
delivery_for(enum address_kind address, enum stanza_kind kind, enum stanza_type type,
	     enum resources resources)
{
	for (size_t i = 0; i < COUNT(rules); i++)
		if (rules[i].kind == kind &&
		    (rules[i].type == ANY_TYPE || rules[i].type == (int)type) &&
		    (rules[i].addresses & (1u << address)) != 0 &&
		    (rules[i].resources & (1u << resources)) != 0)
			return rules[i].delivery;
	must(!"a rule for every stanza");
}

bool
plan_has(const struct plan *plan, const struct session *session)
{
	for (unsigned i = 0; i < plan->count; i++)
		if (plan->sessions[i] == session)
			return true;
	return false;
}

void
plan_end(struct stanza *stanza)
{
	struct plan *plan = stanza->plan;

	stanza->plan = NULL;
	for (unsigned i = 0; plan != NULL && i < plan->count; i++)
		session_drop(plan->sessions[i]);
	for (struct copy *copy = plan != NULL ? plan->copies : NULL; copy != NULL;
	     copy = copy->next)
		session_drop(copy->session);
}

void
plan_add(struct stanza *stanza, struct session *session)
{
	struct plan *plan = stanza->plan;
	struct session **sessions;

	if (plan_has(plan, session))
		return;
	sessions = arena_alloc(stanza->arena, (plan->count + 1) * sizeof *sessions);
	if (plan->count > 0)
		memcpy(sessions, plan->sessions, plan->count * sizeof *sessions);
	sessions[plan->count++] = session_hold(session);
	plan->sessions = sessions;
}

void
plan_remove(struct stanza *stanza, struct session *session)
{
	struct plan *plan = stanza->plan;
	unsigned kept = 0;

	for (unsigned i = 0; i < plan->count; i++)
		if (plan->sessions[i] != session)
			plan->sessions[kept++] = plan->sessions[i];
		else
			session_drop(session);
	plan->count = kept;
}

void
plan_add_copy(struct stanza *stanza, struct session *session, const struct element *element)
{
	struct copy *copy = NEW(stanza->arena, struct copy), **last;

	if (stanza->plan == NULL) { /* it leaves: there is nothing else to plan */
		must(stanza->passage == PASSAGE_LEAVING);
		stanza->plan = NEW(stanza->arena, struct plan);
	}
	last = &stanza->plan->copies;
	copy->session = session_hold(session);
	copy->element = element;
	copy->archive_id = stanza->archive_id;
	while (*last != NULL)
		last = &(*last)->next;
	*last = copy;
}
