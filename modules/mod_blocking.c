/* SPDX-License-Identifier: MIT */
/*
 * mod_blocking -- XEP-0191: who is blocked cannot reach us, nor we them.
 *
 * Every stanza asks whether its peer is blocked, so the list is read once, when an account
 * comes into memory, and kept in our corner of the account.  A change is in force as soon
 * as it is in memory; the answer, the pushes and the presence that it causes wait until it
 * is stored.  What is blocked is a full or bare address, or a domain with all that is there
 * (§6).  Nobody can block themselves, or the server they are on.
 */
#include <string.h>

#include "module.h"

struct blocking {
	int64_t list_max;
};

struct blocklist {            /* a corner of the account */
	struct table entries; /* struct blocked */
};

struct listener {   /* a corner of the session */
	bool asked; /* for the list, so it hears of changes */
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
static const struct statement list_page = {
	.name = "blocking.page",
	.in = "tt",
	.out = "t",
	.sqlite = "SELECT jid FROM blocking WHERE owner = ? AND jid > ? ORDER BY jid LIMIT ?",
	.hot = true,
};
static const struct statement list_bring = {
	.name = "blocking.bring",
	.in = "tt",
	.sqlite = "REPLACE INTO blocking (jid, owner) VALUES (?, ?)",
};
static const struct statement list_add = {
	.name = "blocking.add",
	.in = "tt",
	.sqlite = "REPLACE INTO blocking (owner, jid) VALUES (?, ?)",
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

/* Is `who` blocked by this account? */
static bool
blocks(void *self, const struct account *account, const struct jid *who)
{
	const struct blocklist *list = account_corner(account, self);

	if (list == NULL || list->entries.count == 0 || jid_equal_bare(who, account->jid))
		return false;
	if (who->local == NULL && strcmp(who->domain, account->domain->name) == 0)
		return false;
	if (table_get(&list->entries, who->full) != NULL ||
	    table_get(&list->entries, who->bare) != NULL ||
	    table_get(&list->entries, who->domain) != NULL)
		return true;
	if (who->resource != NULL && who->local != NULL) { /* domain/resource */
		char key[2 * JID_PART_MAX + 2];

		(void)snprintf(key, sizeof key, "%s/%s", who->domain, who->resource);
		return table_get(&list->entries, key) != NULL;
	}
	return false;
}

/* --- loading --- */

/* When the store cannot tell, the account is not used: better closed than open to all. */
static void
list_loaded(void *self, struct account *account, const struct rows *rows)
{
	for (size_t i = 0; i < rows->count; i++)
		block(account_corner(account, self), ROW(rows, i)[0].bytes);
}

static enum outcome
on_account_loading(void *self, struct account *account)
{
	return account_read(self, account, &list_load, list_loaded);
}

static void
on_unloading(void *self, struct account *account)
{
	empty(account_corner(account, self));
}

/* --- in force --- */

/* §3.3: messages and questions of a blocked contact go back as if nobody were here, and
 * everything else is dropped. */
static enum outcome
on_arriving(void *self, struct stanza *stanza)
{
	if (!blocks(self, stanza->account, &stanza->from))
		return PASS;
	if (stanza->type == TYPE_ERROR && stanza->flag_private)
		return PASS; /* our own server says it, in their name */
	if (stanza->kind == STANZA_PRESENCE || stanza->type == TYPE_ERROR ||
	    stanza->type == TYPE_RESULT)
		return DONE;
	return stanza_error(stanza, SERVICE_UNAVAILABLE, NULL);
}

/* §3.3: and what we say to them comes back with <blocked/>. */
static enum outcome
on_leaving(void *self, struct stanza *stanza)
{
	if (!stanza->addressed || !blocks(self, stanza->account, &stanza->to))
		return PASS;
	if (stanza->type == TYPE_ERROR || stanza->type == TYPE_RESULT ||
	    stanza->type == TYPE_UNAVAILABLE)
		return DONE;
	return stanza_error_with(stanza, NOT_ACCEPTABLE, "cancel", NULL,
				 element_new(stanza->arena, NS_BLOCKING_ERRORS, "blocked"));
}

/* What the server says for us goes to no blocked contact either. */
static enum outcome
on_showing(void *self, struct account *account, const struct jid *contact)
{
	return blocks(self, account, contact) ? DONE : PASS;
}

/* --- asking --- */

static int
by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* What is blocked, sorted; NULL-terminated. */
static const char **
list_names(const struct blocklist *list, struct arena *arena)
{
	const char **names = arena_alloc(arena, (list->entries.count + 1) * sizeof *names);
	struct entry *entry = NULL;
	size_t count = 0;

	while ((entry = table_next(&list->entries, entry)) != NULL)
		names[count++] = arena_copy(arena, entry->key);
	qsort(names, count, sizeof *names, by_text);
	return names;
}

static enum outcome
on_list(void *self, struct iq *iq)
{
	struct element *answer = element_new(iq->arena, NS_BLOCKING, "blocklist");
	const char **name = list_names(account_corner(iq->account, self), iq->arena);

	for (; *name != NULL; name++)
		element_set(iq->arena, element_add(iq->arena, answer, NULL, "item"), "jid", *name);
	if (iq->session != NULL) {
		struct listener *listener = session_corner(iq->session, self);

		listener->asked = true;
	}
	return iq_result(iq, answer);
}

/* --- changing --- */

struct change {
	struct iq *iq; /* held */
	void *self;
	const char **names; /* what is blocked, or not any more; NULL-terminated */
	bool block;
};

static bool
is_meant(const struct jid *contact, const struct jid *named)
{
	if (named->local != NULL)
		return strcmp(contact->bare, named->bare) == 0;
	if (named->resource != NULL)
		return strcmp(contact->full, named->full) == 0;
	return strcmp(contact->domain, named->domain) == 0;
}

/* From each of our clients that is available to `to`: that it has gone, how it is, or the
 * question how they are (which the account asks elsewhere: RFC 6121 §4.3). */
static void
say_from_all(struct account *account, const struct jid *to, const char *type)
{
	bool asks_elsewhere = text_is(type, "probe") && domain_find(to->domain) == NULL;
	struct session *session;

	LIST_EACH (&account->sessions, session, struct session, place) {
		struct arena *arena;
		struct element *presence;

		if (!session->available)
			continue;
		arena = arena_new();
		presence = type != NULL ? element_new(arena, NS_CLIENT, "presence")
					: element_copy(arena, session->presence);
		if (type != NULL)
			element_set(arena, presence, "type", type);
		router_send_element(arena, presence, asks_elsewhere ? account->jid : session->jid,
				    to);
		if (asks_elsewhere)
			return;
	}
}

/* §3.3, §3.4: contacts who may see our presence are told that we have gone, or how we are;
 * and what we have not heard of them meanwhile, we ask. */
static void
show(struct change *change, const struct jid *named)
{
	struct account *account = change->iq->account;
	const struct contact *contact = NULL;
	struct jid to;

	account_hold_lane(account); /* what they answer may change the roster */
	while ((contact = roster_next(account->roster, contact)) != NULL) {
		bool alone = named->local != NULL && named->resource != NULL;

		if (!jid_parse(&to, change->iq->arena, contact->jid, NULL) ||
		    !is_meant(&to, named) || (!change->block && blocks(change->self, account, &to)))
			continue;
		/* A resource that is blocked alone is all that hears it. */
		if (subscription_is_from(contact->subscription))
			say_from_all(account, alone ? named : &to,
				     change->block ? "unavailable" : NULL);
		if (!change->block && subscription_is_to(contact->subscription))
			say_from_all(account, &to, "probe");
	}
	account_release_lane(account);
}

/* §3.3: who has asked for the list hears of the change as it was asked for. */
static void
push(struct change *change)
{
	struct iq *iq = change->iq;
	struct session *session;

	LIST_EACH (&iq->account->sessions, session, struct session, place) {
		const struct listener *listener = session_corner(session, change->self);
		struct element *set;

		if (!listener->asked)
			continue;
		set = element_new(iq->arena, NS_CLIENT, "iq");
		element_set(iq->arena, set, "type", "set");
		element_set(iq->arena, set, "to", session->jid->full);
		element_setf(iq->arena, set, "id", "block-%s", iq->stanza->id);
		element_put(set, element_copy(iq->arena, iq->query));
		session_say(session, set);
	}
}

static void
change_stored(void *held, enum stored result)
{
	struct change *change = held;
	struct iq *iq = change->iq;
	struct jid named;

	if (result != STORE_OK) {
		account_reload(iq->account);
		(void)iq_error(iq, INTERNAL_SERVER_ERROR, "it cannot be stored now");
		return;
	}
	/* Without a corner: the account is loaded anew, or the module was stopped. */
	if (account_corner(iq->account, change->self) == NULL) {
		(void)iq_result(iq, NULL);
		return;
	}
	push(change);
	(void)iq_result(iq_hold(iq), NULL);
	for (const char **name = change->names; *name != NULL; name++)
		if (jid_parse(&named, iq->arena, *name, NULL))
			show(change, &named);
	iq_drop(iq);
}

/* The addresses of the items, canonical and each once; NULL with the answer given. */
static const char **
read_items(struct iq *iq)
{
	const char **names;
	size_t count = 0, kept = 0;
	struct jid jid;

	ELEMENT_EACH (iq->query, item)
		count++;
	names = arena_alloc(iq->arena, (count + 1) * sizeof *names);
	count = 0;
	ELEMENT_EACH (iq->query, item) {
		const char *address = element_get(item, "jid");

		if (!element_is(item, NS_BLOCKING, "item") || address == NULL) {
			(void)iq_error(iq, BAD_REQUEST, "every item needs an address");
			return NULL;
		}
		if (!jid_parse(&jid, iq->arena, address, NULL)) {
			(void)iq_error(iq, JID_MALFORMED, NULL);
			return NULL;
		}
		names[count++] = jid.full;
	}
	qsort(names, count, sizeof *names, by_text);
	for (size_t i = 0; i < count; i++)
		if (kept == 0 || strcmp(names[i], names[kept - 1]) != 0)
			names[kept++] = names[i];
	names[kept] = NULL;
	return names;
}

static size_t
count_new(const struct blocklist *list, const char *const *names)
{
	size_t count = 0;

	for (; *names != NULL; names++)
		count += table_get(&list->entries, *names) == NULL;
	return count;
}

static enum outcome
apply(void *self, struct iq *iq, const char **names, bool is_block)
{
	struct blocklist *list = account_corner(iq->account, self);
	const char *owner = iq->account->jid->bare;
	struct change *change = NEW(iq->arena, struct change);
	struct batch *batch = batch_new(iq->domain->store, owner);

	for (const char **name = names; *name != NULL; name++) {
		if (is_block)
			block(list, *name);
		else
			unblock(list, *name);
		batch_add(batch, is_block ? &list_add : &list_remove_one,
			  (struct value[]) { text_value(owner), text_value(*name) });
	}
	change->iq = iq_hold(iq);
	change->self = self;
	change->names = names;
	change->block = is_block;
	batch_commit(batch, change_stored, change);
	return LATER;
}

static enum outcome
on_block(void *self, struct iq *iq)
{
	const struct blocking *blocking = self;
	const struct blocklist *list = account_corner(iq->account, self);
	const char **names;

	if (element_first(iq->query) == NULL)
		return iq_error(iq, BAD_REQUEST, "nobody to block");
	names = read_items(iq);
	if (names == NULL)
		return DONE;
	if ((int64_t)(list->entries.count + count_new(list, names)) > blocking->list_max)
		return iq_error(iq, RESOURCE_CONSTRAINT, "the list is full");
	return apply(self, iq, names, true);
}

/* §3.5: without items, all of them. */
static enum outcome
on_unblock(void *self, struct iq *iq)
{
	const char **names = element_first(iq->query) != NULL
				     ? read_items(iq)
				     : list_names(account_corner(iq->account, self), iq->arena);

	return names != NULL ? apply(self, iq, names, false) : DONE;
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
	HOOK(presence_showing, GUARD, on_showing),
	{ 0 },
};

/* --- taken along --- */

static struct element *
blocked_show(struct arena *arena, const char *owner, const struct value *row)
{
	struct element *item = element_new(arena, NS_BLOCKING, "item");

	(void)owner;
	element_set(arena, item, "jid", row[0].bytes);
	return item;
}

static bool
take_address(struct taking *taking, const char *address)
{
	struct jid jid;

	if (address == NULL || !jid_parse(&jid, taking->arena, address, NULL))
		return false;
	taking_add(taking, &list_bring, (struct value[]) { text_value(jid.full) });
	return true;
}

static bool
blocked_take(struct taking *taking, const struct element *item)
{
	return element_is(item, NS_BLOCKING, "item") &&
	       take_address(taking, element_get(item, "jid"));
}

/* XEP-0016: of the list that is always in force, whom it lets nothing of pass.  The rest of
 * privacy lists has no place here. */
static bool
privacy_take(struct taking *taking, const struct element *query)
{
	const struct element *usual = element_child(query, NS_PRIVACY, "default");
	const char *name = usual != NULL ? element_get(usual, "name") : NULL;
	bool all = true;

	ELEMENT_EACH (query, list) {
		if (!element_is(list, NS_PRIVACY, "list") || name == NULL ||
		    !text_is(element_get(list, "name"), name)) {
			all = all && strcmp(list->name, "list") != 0;
			continue;
		}
		ELEMENT_EACH (list, item)
			if (text_is(element_get(item, "type"), "jid") &&
			    text_is(element_get(item, "action"), "deny") &&
			    element_first(item) == NULL)
				all &= take_address(taking, element_get(item, "value"));
	}
	return all;
}

static const struct form forms[] = {
	{ NS_BLOCKING, "blocklist", true, blocked_show, blocked_take },
	{ NS_PRIVACY, "query", false, NULL, privacy_take },
	{ 0 },
};

static const struct keep keeps[] = {
	{ .what = "addresses the account has blocked",
	  .rows = &list_page,
	  .erase = &list_erase,
	  .forms = forms },
	{ 0 },
};

MODULE = {
	.api = MODULE_API,
	.name = "blocking",
	.about = "Blocking Command (XEP-0191)",
	.help = "Who is blocked gets the answers of somebody who is not there, and hears nothing "
		"more; "
		"nothing is said to them that they are blocked.",
	.features = NAMES(NS_BLOCKING),
	.options = options,
	.statements = STATEMENTS(&list_load, &list_add, &list_remove_one, &list_erase, &list_page,
				 &list_bring),
	.migrates = true,
	.keeps = keeps,
	.iqs = iqs,
	.hooks = hooks,
	.size = sizeof(struct blocking),
	.account_size = sizeof(struct blocklist),
	.session_size = sizeof(struct listener),
};
