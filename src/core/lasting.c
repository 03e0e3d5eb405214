/* SPDX-License-Identifier: MIT */
/* Sessions that outlive the process: their state, and how they go and come. */
#include "core/lasting.h"

#include "core/internal.h"
#include "xmpp/ns.h"

#define NS_STATE "urn:stentor:session"

void
session_changed(struct session *session)
{
	FACTS(session->account->domain, session_changed, session);
}

struct element *
session_save(struct session *session, struct arena *arena)
{
	struct element *state = element_new(arena, NS_STATE, "session");

	if (session->interested)
		element_set(arena, state, "interested", "true");
	if (session->has_history)
		element_set(arena, state, "history", "true");
	presence_save(session, arena, state);
	FACTS(session->account->domain, session_saving, session, arena, state);
	return state;
}

struct session *
session_revive(struct account *account, const char *resource, int64_t since,
	       const struct element *state)
{
	struct session *session = session_new(account, resource);

	session->since = since;
	session->interested = element_get_bool(state, "interested");
	session->has_history = element_get_bool(state, "history");
	presence_revive(session, state);
	FACTS(account->domain, session_reviving, session, state);
	return session;
}

void
session_refresh(struct session *session)
{
	presence_refresh(session);
}

void
domain_has_sleepers(struct domain *domain, bool some)
{
	must(some || domain->sleepers > 0);
	domain->sleepers += some ? 1 : -1;
}

void
session_put_by(struct session *session)
{
	struct account *account = session->account;

	FACTS(account->domain, session_put_by, session);
	session->leaving = session->gone = true;
	list_remove(&session->place);
	account->session_count--;
	iq_session_gone(session);
	presence_forget(session);
	session_drop(session); /* the account's */
}
