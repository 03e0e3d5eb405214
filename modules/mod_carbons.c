/* SPDX-License-Identifier: MIT */
/*
 * mod_carbons -- XEP-0280: what one client of a user hears and says, the others see too.
 *
 * What arrives is copied, beside the plan, for each session that has asked for carbons and is
 * not in the plan; what leaves, for each but the one that says it.  What an account says to
 * itself does both, and is copied once: when it arrives, as something sent.  The copies leave
 * under the same commit as the message.
 *
 * Which messages are copied is §6.1, as it stands (is_eligible).  Whether an error answers a
 * message that was copied cannot be seen by looking at it, so the account remembers which it
 * copied last.
 */
#include <string.h>

#include "module.h"

#define REMEMBERED 64

struct carbons {
	uint64_t copies;
};

struct wants { /* a corner of the session */
	bool carbons;
};

struct memory { /* a corner of the account */
	struct marks *marks;
};

struct marks { /* of messages that were copied, and may come back as errors */
	uint64_t mark[REMEMBERED];
	unsigned next;
};

enum way { SENT, RECEIVED };

/* --- which messages --- */

enum sign {
	SIGN_PRIVATE = 1, /* it forbids copies */
	SIGN_COPY = 2,    /* it is a copy, or wants to look like one */
	SIGN_BODY = 4,    /* it says something */
	SIGN_IM = 8,      /* a receipt, a chat state, a marker */
	SIGN_INVITATION = 16,
	SIGN_ROOM = 32, /* it comes from a room, or is for somebody in one */
};

/* §6.1 as far as a child tells; the body is looked for by hand, in the message's own namespace. */
static const struct {
	const char *ns, *name; /* name NULL: any */
	unsigned signs;
} signs[] = {
	{ NS_CARBONS, "private", SIGN_PRIVATE }, { NS_HINTS, "no-copy", SIGN_PRIVATE },
	{ NS_CARBONS, "sent", SIGN_COPY },       { NS_CARBONS, "received", SIGN_COPY },
	{ NS_RECEIPTS, NULL, SIGN_IM },          { NS_CHAT_STATES, NULL, SIGN_IM },
	{ NS_MARKERS, NULL, SIGN_IM },           { NS_CONFERENCE, "x", SIGN_INVITATION },
	{ NS_MUC_USER, "x", SIGN_ROOM },
};

static unsigned
signs_of(const struct element *message)
{
	unsigned found = 0;

	ELEMENT_EACH (message, child) {
		if (element_is(child, message->ns, "body"))
			found |= SIGN_BODY;
		for (size_t i = 0; i < COUNT(signs); i++)
			if (text_is(child->ns, signs[i].ns) &&
			    (signs[i].name == NULL || strcmp(child->name, signs[i].name) == 0))
				found |= signs[i].signs;
		if (element_is(child, NS_MUC_USER, "x") &&
		    element_child(child, NULL, "invite") != NULL)
			found |= SIGN_INVITATION;
	}
	return found;
}

/* Who is spoken with, whichever way: an error's sender is its message's recipient. */
static uint64_t
mark_of(const struct stanza *stanza, enum way way)
{
	const struct jid *peer = way == SENT ? &stanza->to : &stanza->from;
	uint64_t both[2] = { hash_bytes(peer->full, strlen(peer->full)),
			     hash_bytes(stanza->id, strlen(stanza->id)) };

	return hash_bytes(both, sizeof both);
}

static void
remember(void *self, const struct stanza *stanza, enum way way)
{
	struct memory *memory = account_corner(stanza->account, self);

	if (stanza->id == NULL || memory == NULL)
		return;
	if (memory->marks == NULL)
		memory->marks = zalloc(sizeof *memory->marks);
	memory->marks->mark[memory->marks->next] = mark_of(stanza, way);
	memory->marks->next = (memory->marks->next + 1) % REMEMBERED;
}

static bool
answers_what_was_copied(void *self, const struct stanza *stanza, enum way way)
{
	const struct memory *memory = account_corner(stanza->account, self);
	uint64_t mark;

	if (stanza->id == NULL || memory == NULL || memory->marks == NULL)
		return false;
	mark = mark_of(stanza, way);
	for (unsigned i = 0; i < REMEMBERED; i++)
		if (memory->marks->mark[i] == mark)
			return true;
	return false;
}

/* §6.1.  A copy is never copied, so nobody can make a loop of two accounts. */
static bool
is_eligible(void *self, const struct stanza *stanza, enum way way)
{
	unsigned found = signs_of(stanza->element);

	if ((found & (SIGN_PRIVATE | SIGN_COPY)) != 0 || stanza->type == TYPE_GROUPCHAT)
		return false;
	if (stanza->type == TYPE_ERROR)
		return answers_what_was_copied(self, stanza, way);
	if (stanza->flag_private)
		return false;
	if ((found & SIGN_INVITATION) != 0)
		return true;
	if ((found & SIGN_ROOM) != 0) { /* from an occupant: the room tells each client itself */
		if (way == RECEIVED && stanza->from.resource != NULL)
			return false;
		if (way == SENT && stanza->to.resource != NULL)
			return true;
	}
	return stanza->type == TYPE_CHAT || (found & SIGN_IM) != 0 ||
	       (stanza->type == TYPE_NORMAL && (found & SIGN_BODY) != 0);
}

/* --- copies --- */

/* The sender's own archive keeps what was sent under an id of its own, which nobody has written on
 * it yet; an id that the client wrote is not ours. */
static void
write_id(const struct stanza *stanza, struct element *copy)
{
	const char *owner = stanza->account->jid->bare;
	struct element *child, *next;
	char id[ID_TEXT];

	for (child = element_first(copy); child != NULL; child = next) {
		next = element_next(child);
		if (element_is(child, NS_STANZA_ID, "stanza-id") &&
		    text_is(element_get(child, "by"), owner))
			element_remove(child);
	}
	if (stanza->archive_id == 0)
		return;
	id_write(id, stanza->archive_id);
	child = element_add(stanza->arena, copy, NS_STANZA_ID, "stanza-id");
	element_set(stanza->arena, child, "by", owner);
	element_set(stanza->arena, child, "id", id);
}

static struct element *
wrap(const struct stanza *stanza, enum way way)
{
	struct arena *arena = stanza->arena;
	struct element *copy = element_copy(arena, stanza->element);

	if (!stanza->addressed)
		element_set(arena, copy, "to", stanza->to.full);
	if (way == SENT && !jid_equal_bare(&stanza->to, stanza->account->jid))
		write_id(stanza, copy);
	return carbon_wrap(arena, way == SENT ? CARBON_SENT : CARBON_RECEIVED,
			   stanza->account->jid->bare, copy);
}

static void
copy_to_others(struct carbons *carbons, struct stanza *stanza, enum way way)
{
	const struct element *wrapper = NULL;
	struct session *session;

	LIST_EACH (&stanza->account->sessions, session, struct session, place) {
		const struct wants *wants = session_corner(session, carbons);

		if (!wants->carbons || jid_equal(session->jid, &stanza->from) ||
		    (stanza->plan != NULL && plan_has(stanza->plan, session)))
			continue;
		if (wrapper == NULL)
			wrapper = wrap(stanza, way);
		plan_add_copy(stanza, session, wrapper);
		carbons->copies++;
	}
}

static bool
anybody_wants(void *self, const struct account *account)
{
	struct session *session;

	LIST_EACH (&account->sessions, session, struct session, place) {
		const struct wants *wants = session_corner(session, self);

		if (wants->carbons)
			return true;
	}
	return false;
}

static enum outcome
on_leaving(void *self, struct stanza *stanza)
{
	/* What is sent again was copied then. */
	if (stanza->repeated || jid_equal_bare(&stanza->to, stanza->account->jid) ||
	    !anybody_wants(self, stanza->account) || !is_eligible(self, stanza, SENT))
		return PASS;
	remember(self, stanza, SENT);
	copy_to_others(self, stanza, SENT);
	return PASS;
}

static enum outcome
on_arriving(void *self, struct stanza *stanza)
{
	bool own = jid_equal_bare(&stanza->from, stanza->account->jid);

	/* §10.3: a copy that comes back is an error to the account itself. */
	if ((own && stanza->type == TYPE_ERROR) || !anybody_wants(self, stanza->account) ||
	    !is_eligible(self, stanza, own ? SENT : RECEIVED))
		return PASS;
	if (!own)
		remember(self, stanza, RECEIVED);
	copy_to_others(self, stanza, own ? SENT : RECEIVED);
	return PASS;
}

/* §11: a copy is said by the server to its own users' clients and comes in by no other way.
 * What looks like one is a forgery, and not all clients look who it is from. */
static enum outcome
on_stamping(void *self, struct stanza *stanza)
{
	struct element *child, *next;

	(void)self;
	if ((signs_of(stanza->element) & SIGN_COPY) == 0)
		return PASS;
	for (child = element_first(stanza_edit(stanza)); child != NULL; child = next) {
		next = element_next(child);
		if (element_is(child, NS_CARBONS, "sent") ||
		    element_is(child, NS_CARBONS, "received"))
			element_remove(child);
	}
	return PASS;
}

/* --- asking for them --- */

static enum outcome
on_switch(void *self, struct iq *iq)
{
	struct wants *wants = iq->session != NULL ? session_corner(iq->session, self) : NULL;

	if (wants == NULL)
		return iq_error(iq, NOT_ALLOWED, NULL);
	wants->carbons = strcmp(iq->query->name, "enable") == 0;
	session_changed(iq->session);
	return iq_result(iq, NULL);
}

static void
on_saving(void *self, struct session *session, struct arena *arena, struct element *state)
{
	const struct wants *wants = session_corner(session, self);

	if (wants->carbons)
		element_add(arena, state, NS_CARBONS, "enable");
}

static void
on_reviving(void *self, struct session *session, const struct element *state)
{
	struct wants *wants = session_corner(session, self);

	wants->carbons = element_child(state, NS_CARBONS, "enable") != NULL;
}

static enum outcome
on_stranger(void *self, struct iq *iq)
{
	(void)self;
	return iq_error(iq, NOT_ALLOWED, NULL);
}

static void
on_unloading(void *self, struct account *account)
{
	struct memory *memory = account_corner(account, self);

	free(memory->marks);
	memory->marks = NULL;
}

static const struct iq_rule iqs[] = {
	{ IQ_SET, TO_SELF, NS_CARBONS, "enable", on_switch },
	{ IQ_SET, TO_SELF, NS_CARBONS, "disable", on_switch },
	{ IQ_SET, TO_ACCOUNT, NS_CARBONS, "enable", on_stranger },
	{ IQ_SET, TO_ACCOUNT, NS_CARBONS, "disable", on_stranger },
	{ 0 },
};

static const struct hook hooks[] = {
	HOOK(message_arriving, STAMP, on_stamping),
	HOOK(message_arriving, COPY, on_arriving),
	HOOK(message_leaving, COPY, on_leaving),
	FACT(account_unloading, on_unloading),
	FACT(session_saving, on_saving),
	FACT(session_reviving, on_reviving),
	{ 0 },
};

static const struct metric metrics[] = {
	{ "carbons_copies", "copies of messages for other clients of a user",
	  offsetof(struct carbons, copies) },
	{ 0 },
};

MODULE = {
	.api = MODULE_API,
	.name = "carbons",
	.about = "Message Carbons (XEP-0280)",
	.help = "What one client of a user hears and says, the user's other clients see too, if "
		"they ask for it.",
	.features = NAMES(NS_CARBONS, NS_CARBONS_RULES),
	.iqs = iqs,
	.hooks = hooks,
	.metrics = metrics,
	.size = sizeof(struct carbons),
	.account_size = sizeof(struct memory),
	.session_size = sizeof(struct wants),
};
