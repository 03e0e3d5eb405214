/* SPDX-License-Identifier: MIT */
/*
 * mod_skeleton_carbons -- what carbons need: a flag in each session, a question that sets it,
 * copies of what arrives for other sessions beside the plan's, and of what leaves.
 */
#include "module.h"

#define NS_CARBONS_ "urn:stentor:skeleton:carbons"

struct carbons {
	uint64_t copies;
};

struct wants { /* a corner of the session */
	bool carbons;
};

static struct element *
wrap(struct arena *arena, const char *name, const struct session *session,
     const struct element *element)
{
	struct element *message = element_new(arena, NS_CLIENT, "message");
	struct element *received = element_add(arena, message, NS_CARBONS_, name);

	element_set(arena, message, "from", session->account->jid->bare);
	element_set(arena, message, "to", session->jid->full);
	element_put(received, element_copy(arena, element));
	return message;
}

static enum outcome
on_arriving(void *self, struct stanza *stanza)
{
	struct carbons *carbons = self;
	struct session *session;

	if (stanza->type != TYPE_CHAT)
		return PASS;
	LIST_EACH (&stanza->account->sessions, session, struct session, place) {
		struct wants *wants = session_corner(session, self);

		if (!wants->carbons || plan_has(stanza->plan, session))
			continue;
		plan_add_copy(stanza, session,
			      wrap(stanza->arena, "received", session, stanza->element));
		carbons->copies++;
	}
	return PASS;
}

static enum outcome
on_leaving(void *self, struct stanza *stanza)
{
	struct carbons *carbons = self;
	struct session *session;

	if (stanza->type != TYPE_CHAT)
		return PASS;
	LIST_EACH (&stanza->account->sessions, session, struct session, place) {
		struct wants *wants = session_corner(session, self);

		if (!wants->carbons || session == stanza->session)
			continue;
		plan_add_copy(stanza, session,
			      wrap(stanza->arena, "sent", session, stanza->element));
		carbons->copies++;
	}
	return PASS;
}

static enum outcome
on_enable(void *self, struct iq *iq)
{
	struct wants *wants;

	if (iq->session == NULL)
		return iq_error(iq, NOT_ALLOWED, NULL);
	wants = session_corner(iq->session, self);
	wants->carbons = true;
	return iq_result(iq, NULL);
}

static const struct iq_rule iqs[] = {
	{ IQ_SET, TO_SELF, NS_CARBONS_, "enable", on_enable },
	{ 0 },
};

static const struct hook hooks[] = {
	HOOK(message_arriving, COPY, on_arriving),
	HOOK(message_leaving, COPY, on_leaving),
	{ 0 },
};

MODULE = {
	.api = MODULE_API,
	.name = "skeleton_carbons",
	.about = "The skeleton of carbons",
	.iqs = iqs,
	.hooks = hooks,
	.size = sizeof(struct carbons),
	.session_size = sizeof(struct wants),
};
