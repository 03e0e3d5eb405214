/* SPDX-License-Identifier: MIT */
/*
 * jabber:iq:roster (RFC 6121 §2): asking for the roster, with versions, and changing an
 * item of it.
 */
#include <string.h>

#include "core/internal.h"
#include "core/lasting.h"
#include "xmpp/ns.h"

#define NAME_MAX_BYTES 1023
#define GROUPS_MAX     100

static enum outcome
on_get(void *self, struct iq *iq)
{
	struct account *account = iq->account;
	struct roster *roster = account->roster;
	const char *known = element_get(iq->query, "ver");
	struct element *query;
	const struct contact *contact = NULL;
	char version[24];

	(void)self;
	if (iq->session != NULL)
		iq->session->interested = true;
	session_changed(iq->session);
	(void)snprintf(version, sizeof version, "%lld", (long long)roster->version);
	if (known != NULL && strcmp(known, version) == 0)
		return iq_result(iq, NULL); /* §2.6.3: what you have is what there is */

	query = element_new(iq->arena, NS_ROSTER, "query");
	element_set(iq->arena, query, "ver", version);
	while ((contact = roster_next(roster, contact)) != NULL)
		if (contact->listed)
			element_put(query, roster_item(iq->arena, contact));
	return iq_result(iq, query);
}

/* The <group/>s of an item; false with the condition when they are not well made. */
static bool
groups_read(struct iq *iq, const struct element *item, const char *const **out,
	    enum condition *condition)
{
	const char **groups = arena_alloc(iq->arena, (GROUPS_MAX + 1) * sizeof *groups);
	size_t count = 0;

	ELEMENT_EACH (item, group) {
		const char *name;

		if (!element_is(group, NS_ROSTER, "group"))
			continue;
		name = element_text(iq->arena, group);
		*condition = NOT_ACCEPTABLE; /* §2.3.3 */
		if (*name == '\0' || strlen(name) > NAME_MAX_BYTES || count == GROUPS_MAX)
			return false;
		*condition = BAD_REQUEST;
		for (size_t i = 0; i < count; i++)
			if (strcmp(groups[i], name) == 0)
				return false;
		groups[count++] = name;
	}
	*out = groups;
	return true;
}

static void
stored(void *ctx, enum stored result)
{
	struct iq *iq = ctx;

	if (result == STORE_OK)
		(void)iq_result(iq, NULL);
	else
		(void)iq_error(iq, INTERNAL_SERVER_ERROR, "it cannot be stored now");
}

/* The push goes out first, then the answer, both once it is stored. */
static enum outcome
roster_answer(struct iq *iq, const char *jid, struct batch *batch)
{
	roster_commit(iq->account, jid, batch, NULL, stored, iq_hold(iq));
	return LATER;
}

struct removal {
	struct iq *iq;
	struct contact gone;
};

/* The contact hears of it when it is stored, not before. */
static void
removed(void *ctx, enum stored result)
{
	struct removal *removal = ctx;

	if (result == STORE_OK)
		contact_end(removal->iq->account, &removal->gone);
	stored(removal->iq, result);
}

static enum outcome
remove_item(struct iq *iq, const struct contact *contact)
{
	struct account *account = iq->account;
	struct batch *batch = batch_new(account->domain->store, account->jid->bare);
	struct removal *removal = NEW(iq->arena, struct removal);

	removal->iq = iq_hold(iq);
	removal->gone.jid = arena_copy(iq->arena, contact->jid);
	removal->gone.subscription = contact->subscription;
	roster_remove(account, removal->gone.jid, batch);
	roster_commit(account, removal->gone.jid, batch, NULL, removed, removal);
	return LATER;
}

static enum outcome
on_set(void *self, struct iq *iq)
{
	struct account *account = iq->account;
	const struct element *item = element_only_child(iq->query);
	struct contact contact = { 0 };
	const struct contact *before;
	enum condition condition;
	struct batch *batch;
	struct jid jid;
	const char *subscription;

	(void)self;
	if (item == NULL || !element_is(item, NS_ROSTER, "item"))
		return iq_error(iq, BAD_REQUEST, "exactly one item");
	if (element_get(item, "jid") == NULL)
		return iq_error(iq, BAD_REQUEST, "an item needs a jid");
	if (!jid_parse(&jid, iq->arena, element_get(item, "jid"), NULL))
		return iq_error(iq, JID_MALFORMED, NULL);
	jid = jid_bare(&jid);
	before = roster_find(account->roster, &jid);
	subscription = element_get(item, "subscription");
	if (subscription != NULL && strcmp(subscription, "remove") == 0) {
		if (before == NULL || !before->listed)
			return iq_error(iq, ITEM_NOT_FOUND, NULL);
		return remove_item(iq, before);
	}
	if (jid_equal(&jid, account->jid))
		return iq_error(iq, NOT_ALLOWED, "nobody is his own contact");
	if (!groups_read(iq, item, &contact.groups, &condition))
		return iq_error(iq, condition,
				"groups have names, each once, of at most 1023 bytes");
	contact.name = element_get(item, "name");
	if (contact.name != NULL && strlen(contact.name) > NAME_MAX_BYTES)
		return iq_error(iq, NOT_ACCEPTABLE, "a name has at most 1023 bytes");
	contact.jid = jid.bare;
	contact.listed = true;
	if (before != NULL) { /* the client has no say in the rest (§2.1.2) */
		contact.subscription = before->subscription;
		contact.request = before->request;
	}
	if (!roster_has_room(account, &contact))
		return iq_error(iq, RESOURCE_CONSTRAINT, "the roster is full");
	batch = batch_new(account->domain->store, account->jid->bare);
	roster_set(account, &contact, batch);
	return roster_answer(iq, jid.bare, batch);
}

/* §2.1.3, §2.3.3: of somebody else's. */
static enum outcome
on_others(void *self, struct iq *iq)
{
	(void)self;
	return iq_error(iq, FORBIDDEN, NULL);
}

/* The rules are asked in this order. */
const struct iq_rule roster_rules[] = {
	{ IQ_GET, TO_SELF, NS_ROSTER, "query", on_get, false },
	{ IQ_SET, TO_SELF, NS_ROSTER, "query", on_set, false },
	{ IQ_GET | IQ_SET, TO_ACCOUNT, NS_ROSTER, "query", on_others, false },
	{ 0 },
};
