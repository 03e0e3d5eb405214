/* SPDX-License-Identifier: MIT */
/*
 * mod_blocking -- XEP-0191: who is blocked cannot reach us, nor we them.
 *
 * Every stanza asks whether its peer is blocked, so the list is read once, when an account
 * comes into memory, and kept in our corner of the account.  A change is in force as soon
 * as it is in memory; the answer and the pushes wait until it is stored.  A blocked address
 * is a full or bare JID or a domain; the most general match blocks (§3.3 of XEP-0016).
 */
#include <string.h>

#include "module.h"

struct blocking {
	int64_t list_max;
};

struct blocklist {			/* a corner of the account */
	struct table entries;		/* struct blocked */
};

struct blocked {
	struct entry entry;
	char jid[];
};

static const struct statement list_load = {
	.name = "blocking.load",
	.in = "t",
	.out = "t",
	.sqlite = "SELECT jid FROM blocking WHERE owner = ? ORDER BY jid",
	.hot = true,
};
static const struct statement list_add = {
	.name = "blocking.add",
	.in = "tt",
	.sqlite = "INSERT OR REPLACE INTO blocking (owner, jid) VALUES (?, ?)",
};
static const struct statement list_remove_one = {
	.name = "blocking.remove",
	.in = "tt",
	.sqlite = "DELETE FROM blocking WHERE owner = ? AND jid = ?",
	.hot = true,
};
static const struct statement list_erase = {
	.name = "blocking.erase",
	.in = "t",
	.sqlite = "DELETE FROM blocking WHERE owner = ?",
	.hot = true,
};

/* --- the list in memory --- */

static void
block(struct blocklist *list, const char *jid)
{
	struct blocked *blocked;

	if (table_get(&list->entries, jid) != NULL)
		return;
	blocked = zalloc(sizeof *blocked + strlen(jid) + 1);
	strcpy(blocked->jid, jid);
	table_put(&list->entries, &blocked->entry, blocked->jid);
}

static void
unblock(struct blocklist *list, const char *jid)
{
	struct entry *entry = table_get(&list->entries, jid);

	if (entry == NULL)
		return;
	table_remove(&list->entries, entry);
	free(CONTAINER(entry, struct blocked, entry));
}

static void
empty(struct blocklist *list)
{
	struct entry *entry, *next;

	for (entry = table_next(&list->entries, NULL); entry != NULL; entry = next) {
		next = table_next(&list->entries, entry);
		table_remove(&list->entries, entry);
		free(CONTAINER(entry, struct blocked, entry));
	}
	table_clear(&list->entries);
}

static bool
names(const struct blocklist *list, const struct jid *who)
{
	if (list->entries.count == 0)
		return false;
	if (table_get(&list->entries, who->full) != NULL ||
	    table_get(&list->entries, who->bare) != NULL ||
	    table_get(&list->entries, who->domain) != NULL)
		return true;
	if (who->resource != NULL && who->local != NULL) {	/* domain/resource */
		char key[2 * JID_PART_MAX + 2];

		(void)snprintf(key, sizeof key, "%s/%s", who->domain, who->resource);
		return table_get(&list->entries, key) != NULL;
	}
	return false;
}

/* --- loading --- */

struct loading {
	struct account *account;
	void *self;
};

static void
list_loaded(void *held, enum stored result, const struct rows *rows)
{
	struct loading *loading = held;
	struct account *account = loading->account;
	void *self = loading->self;

	free(loading);
	if (result == STORE_FAILED) {	/* better closed than open to all */
		account_resume(account, DONE);
		return;
	}
	for (size_t i = 0; i < rows->count; i++)
		block(account_corner(account, self), ROW(rows, i)[0].bytes);
	account_resume(account, PASS);
}

static enum outcome
on_account_loading(void *self, struct account *account)
{
	struct loading *loading = zalloc(sizeof *loading);
	struct value owner = text_value(account->jid->bare);

	loading->account = account;
	loading->self = self;
	store_read(account->domain->store, &list_load, account->jid->bare, &owner, list_loaded, loading);
	return LATER;
}

static void
on_unloading(void *self, struct account *account)
{
	empty(account_corner(account, self));
}

/* --- in force --- */

/* XEP-0191 §3.2: messages and questions of a blocked contact go back as if nobody were
 * here; presence is dropped; answers are let through to nobody. */
static enum outcome
on_arriving(void *self, struct stanza *stanza)
{
	if (!names(account_corner(stanza->account, self), &stanza->from) ||
	    jid_equal_bare(&stanza->from, stanza->account->jid))
		return PASS;
	if (stanza->type == TYPE_ERROR && stanza->flag_private)
		return PASS;	/* our own server says it, in their name */
	if (stanza->kind == STANZA_PRESENCE || stanza->type == TYPE_ERROR ||
	    stanza->type == TYPE_RESULT || stanza->type == TYPE_GROUPCHAT)
		return DONE;
	return stanza_error(stanza, SERVICE_UNAVAILABLE, NULL);
}

/* §3.2: and what we say to them comes back with <blocked/>. */
static enum outcome
on_leaving(void *self, struct stanza *stanza)
{
	if (!stanza->addressed || !names(account_corner(stanza->account, self), &stanza->to) ||
	    jid_equal_bare(&stanza->to, stanza->account->jid))
		return PASS;
	if (stanza->type == TYPE_ERROR || stanza->type == TYPE_RESULT ||
	    stanza->type == TYPE_UNAVAILABLE)
		return DONE;
	return stanza_error_with(stanza, NOT_ACCEPTABLE, "cancel", NULL,
	                         element_new(stanza->arena, NS_BLOCKING_ERRORS, "blocked"));
}

/* --- asking and changing --- */

static enum outcome
on_list(void *self, struct iq *iq)
{
	const struct blocklist *list = account_corner(iq->account, self);
	struct element *answer = element_new(iq->arena, NS_BLOCKING, "blocklist");
	struct entry *entry = NULL;

	while ((entry = table_next(&list->entries, entry)) != NULL) {
		struct element *item = element_add(iq->arena, answer, NULL, "item");

		element_set(iq->arena, item, "jid", entry->key);
	}
	return iq_result(iq, answer);
}

/* §3.3, §3.4: contacts who see our presence are told that we have gone, or come. */
static void
show(struct account *account, struct arena *arena, const char *jid, bool available)
{
	struct session *session;
	const struct contact *contact = NULL;

	while ((contact = roster_next(account->roster, contact)) != NULL) {
		struct jid to;

		if (!subscription_is_from(contact->subscription) ||
		    !jid_parse(&to, arena, contact->jid, NULL) ||
		    (strcmp(to.bare, jid) != 0 && strcmp(to.domain, jid) != 0))
			continue;
		LIST_EACH (&account->sessions, session, struct session, place) {
			struct arena *own;
			struct element *presence;

			if (!session->available)
				continue;
			own = arena_new();
			presence = available ? element_copy(own, session->presence) :
			                       element_new(own, NS_CLIENT, "presence");
			if (!available)
				element_set(own, presence, "type", "unavailable");
			router_send_element(own, presence, session->jid, &to);
		}
	}
}

/* §3.3: the user's other clients hear of the change, as it was asked for. */
static void
push(struct iq *iq, enum stored result)
{
	struct account *account = iq->account;
	struct session *session;

	if (result == STORE_FAILED) {
		account_reload(account);
		return;
	}
	LIST_EACH (&account->sessions, session, struct session, place) {
		struct element *set;
		struct element *change;

		if (!session->interested && !session->available)
			continue;
		set = element_new(iq->arena, NS_CLIENT, "iq");
		element_set(iq->arena, set, "type", "set");
		element_set(iq->arena, set, "to", session->jid->full);
		element_setf(iq->arena, set, "id", "block-%s", iq->stanza->id);
		change = element_copy(iq->arena, iq->query);
		element_put(set, change);
		session_say(session, set);
	}
}

static enum outcome
change(void *self, struct iq *iq, bool blocks)
{
	struct blocking *blocking = self;
	struct blocklist *list = account_corner(iq->account, self);
	const char *owner = iq->account->jid->bare;
	struct batch *batch;
	struct jid jid;

	ELEMENT_EACH (iq->query, item)
		if (!element_is(item, NS_BLOCKING, "item") || element_get(item, "jid") == NULL ||
		    !jid_parse(&jid, iq->arena, element_get(item, "jid"), NULL))
			return iq_error(iq, JID_MALFORMED, "every item needs an address");
	if (blocks && element_first(iq->query) == NULL)
		return iq_error(iq, BAD_REQUEST, "nobody to block");
	batch = batch_new(iq->domain->store, owner);
	ELEMENT_EACH (iq->query, item) {
		(void)jid_parse(&jid, iq->arena, element_get(item, "jid"), NULL);
		if (blocks && list->entries.count >= (uint32_t)blocking->list_max) {
			batch_forget(batch);
			account_reload(iq->account);
			return iq_error(iq, RESOURCE_CONSTRAINT, "the list is full");
		}
		if (blocks) {
			show(iq->account, iq->arena, jid.full, false);
			block(list, jid.full);
		} else {
			unblock(list, jid.full);
			show(iq->account, iq->arena, jid.full, true);
		}
		batch_add(batch, blocks ? &list_add : &list_remove_one,
		          (struct value[]){ text_value(owner), text_value(jid.full) });
	}
	if (!blocks && element_first(iq->query) == NULL) {	/* §3.5: all of them */
		struct entry *entry = NULL;

		while ((entry = table_next(&list->entries, entry)) != NULL)
			show(iq->account, iq->arena, entry->key, true);
		empty(list);
		batch_add(batch, &list_erase, (struct value[]){ text_value(owner) });
	}
	return iq_result_after(iq, batch, NULL, push);
}

static enum outcome
on_block(void *self, struct iq *iq)
{
	return change(self, iq, true);
}

static enum outcome
on_unblock(void *self, struct iq *iq)
{
	return change(self, iq, false);
}

static const struct option options[] = {
	OPTION_NUMBER(struct blocking, list_max, 1000, 10, 100000,
	              "how many addresses an account may block"),
	{ 0 },
};

static const struct iq_rule iqs[] = {
	{ IQ_GET, TO_SELF, NS_BLOCKING, "blocklist", on_list },
	{ IQ_SET, TO_SELF, NS_BLOCKING, "block", on_block },
	{ IQ_SET, TO_SELF, NS_BLOCKING, "unblock", on_unblock },
	{ 0 },
};

static const struct hook hooks[] = {
	HOOK(account_loading, GUARD, on_account_loading),
	FACT(account_unloading, on_unloading),
	HOOK(message_arriving, GUARD, on_arriving),
	HOOK(presence_arriving, GUARD, on_arriving),
	HOOK(iq_arriving, GUARD, on_arriving),
	HOOK(message_leaving, GUARD, on_leaving),
	HOOK(presence_leaving, GUARD, on_leaving),
	HOOK(iq_leaving, GUARD, on_leaving),
	{ 0 },
};

static const struct keep keeps[] = {
	{ "addresses the account has blocked", &list_load, &list_erase },
	{ 0 },
};

MODULE = {
	.name = "blocking",
	.about = "Blocking Command (XEP-0191)",
	.features = NAMES(NS_BLOCKING),
	.options = options,
	.statements = STATEMENTS(&list_load, &list_add, &list_remove_one, &list_erase),
	.migrates = true,
	.keeps = keeps,
	.iqs = iqs,
	.hooks = hooks,
	.size = sizeof(struct blocking),
	.account_size = sizeof(struct blocklist),
};
