/* SPDX-License-Identifier: MIT */
/*
 * mod_skeleton_management -- what stream management needs: elements outside stanzas, the
 * count of what is said and of what is settled, a session that outlives its stream, and a new
 * stream that takes it up.
 */
#include "module.h"

#define NS_MANAGEMENT "urn:stentor:skeleton:management"
#define PATIENCE_MS 60000

struct managed {			/* a corner of the session */
	bool on;
	uint32_t said;			/* stanzas to the client */
	struct timer timer;
};

static enum outcome
on_enable(void *self, struct client *client, struct session *session, const struct element *element)
{
	struct managed *managed = session_corner(session, self);
	struct arena *arena = arena_new();
	struct element *enabled = element_new(arena, NS_MANAGEMENT, "enabled");

	(void)element;
	managed->on = true;
	element_set(arena, enabled, "id", session->jid->resource);
	client_say(client, enabled);
	arena_drop(arena);
	return DONE;
}

static enum outcome
on_request(void *self, struct client *client, struct session *session, const struct element *element)
{
	struct managed *managed = session_corner(session, self);
	struct arena *arena = arena_new();
	struct element *answer = element_new(arena, NS_MANAGEMENT, "a");

	(void)element;
	element_setf(arena, answer, "h", "%u", client->ops->settled(client));
	element_setf(arena, answer, "said", "%u", managed->said);
	client_say(client, answer);
	arena_drop(arena);
	return DONE;
}

static enum outcome
on_resume(void *self, struct client *client, struct session *session, const struct element *element)
{
	struct account *account = account_find(client->who);
	const char *id = element_get(element, "previd");
	struct session *kept = account != NULL && id != NULL ? session_find(account, id) : NULL;
	struct managed *managed = kept != NULL ? session_corner(kept, self) : NULL;
	struct arena *arena;

	(void)session;
	if (managed == NULL || !managed->on)
		return PASS;
	timer_stop(&managed->timer);
	client->ops->adopt(client, kept);
	arena = arena_new();
	client_say(client, element_new(arena, NS_MANAGEMENT, "resumed"));
	arena_drop(arena);
	return DONE;
}

static enum outcome
on_parcel(void *self, struct session *session, struct parcel *parcel)
{
	struct managed *managed = session_corner(session, self);

	(void)parcel;
	managed->said++;
	return PASS;
}

static void
patience_over(void *arg)
{
	session_end(arg, STREAM_NONE, NULL);
}

static enum outcome
on_lost(void *self, struct session *session)
{
	struct managed *managed = session_corner(session, self);

	if (!managed->on)
		return PASS;
	timer_start(&managed->timer, PATIENCE_MS, patience_over, session);
	return LATER;
}

static void
on_left(void *self, struct session *session)
{
	struct managed *managed = session_corner(session, self);

	timer_stop(&managed->timer);
}

static const struct element_rule elements[] = {
	{ ELEMENT_BOUND, NS_MANAGEMENT, "enable", on_enable },
	{ ELEMENT_BOUND, NS_MANAGEMENT, "r", on_request },
	{ ELEMENT_ADMITTED, NS_MANAGEMENT, "resume", on_resume },
	{ 0 },
};

static const struct hook hooks[] = {
	HOOK(parcel_leaving, DELIVER, on_parcel),
	HOOK(carrier_lost, DELIVER, on_lost),
	FACT(session_left, on_left),
	{ 0 },
};

MODULE = {
	.api = MODULE_API,
	.name = "skeleton_management",
	.about = "The skeleton of stream management",
	.elements = elements,
	.hooks = hooks,
	.session_size = sizeof(struct managed),
	.size = 1,
};
