/* SPDX-License-Identifier: MIT */
/* Rosters in memory and their rows. */
#include "core/roster.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "core/account.h"
#include "core/domain.h"
#include "core/internal.h"
#include "xmpp/ns.h"

#define GROUP_END     '\x1f' /* no XML character, so in no group's name */
#define CONTACT_BYTES 1024   /* that a contact may take on average */
#define REQUESTS_MAX  500    /* of strangers that wait for an answer */

static const struct statement roster_put = {
	.name = "roster.put",
	.in = "tttt"
	      "iiiii"
	      "ti",
	.sqlite = "REPLACE INTO roster (owner, contact, name, groups, how, pending_out,"
		  " pending_in, approved, listed, request, version) VALUES (?,?,?,?,?,?,?,?,?,?,?)",
};
static const struct statement roster_delete = {
	.name = "roster.delete",
	.in = "tt",
	.sqlite = "DELETE FROM roster WHERE owner = ? AND contact = ?",
	.hot = true,
};
static const struct statement roster_set_version = {
	.name = "roster.set-version",
	.in = "it",
	.sqlite = "UPDATE accounts SET roster_version = ? WHERE owner = ?",
	.hot = true,
};

const struct statement *const roster_statements[] = {
	&roster_put,
	&roster_delete,
	&roster_set_version,
	NULL,
};

struct roster *
roster_new(void)
{
	return zalloc(sizeof(struct roster));
}

static size_t
contact_size(const struct contact *contact, size_t *groups)
{
	size_t size = sizeof *contact + strlen(contact->jid) + 1;

	*groups = 0;
	if (contact->name != NULL)
		size += strlen(contact->name) + 1;
	if (contact->request != NULL)
		size += strlen(contact->request) + 1;
	for (; contact->groups != NULL && contact->groups[*groups] != NULL; ++*groups)
		size += strlen(contact->groups[*groups]) + 1;
	return size + (*groups + 1) * sizeof *contact->groups;
}

/* A contact is one heap block: the struct, the list of groups, the strings. */
static struct contact *
contact_new(const struct contact *from)
{
	size_t groups, size = contact_size(from, &groups);
	struct contact *contact = zalloc(size);
	const char **list;
	char *at;

	contact->size = size;
	list = (const char **)(contact + 1);
	at = (char *)(list + groups + 1);
#define PUT(text) (strcpy(at, text), at += strlen(at) + 1, at - strlen(text) - 1)
	contact->jid = PUT(from->jid);
	if (from->name != NULL)
		contact->name = PUT(from->name);
	if (from->request != NULL)
		contact->request = PUT(from->request);
	for (size_t i = 0; i < groups; i++)
		list[i] = PUT(from->groups[i]);
#undef PUT
	contact->groups = list;
	contact->subscription = from->subscription;
	contact->listed = from->listed;
	return contact;
}

static void
contact_take_out(struct roster *roster, const char *jid)
{
	struct entry *entry = table_get(&roster->contacts, jid);
	struct contact *contact = TABLE_ITEM(entry, struct contact, entry);

	if (contact == NULL)
		return;
	table_remove(&roster->contacts, entry);
	roster->count--;
	roster->listed -= contact->listed;
	roster->bytes -= contact->size;
	free(contact);
}

static void
contact_put(struct roster *roster, struct contact *contact)
{
	contact_take_out(roster, contact->jid);
	table_put(&roster->contacts, &contact->entry, contact->jid);
	roster->count++;
	roster->listed += contact->listed;
	roster->bytes += contact->size;
}

bool
roster_has_room(const struct account *account, const struct contact *contact)
{
	const struct roster *roster = account->roster;
	size_t most = (size_t)account->domain->settings->roster_max, groups;
	struct entry *entry = table_get(&roster->contacts, contact->jid);
	const struct contact *before = TABLE_ITEM(entry, struct contact, entry);
	size_t size = contact_size(contact, &groups);

	if ((before == NULL || !before->listed) && roster->listed >= most)
		return false;
	return (before != NULL && size <= before->size) ||
	       roster->bytes + size <= most * CONTACT_BYTES;
}

bool
roster_has_room_for_request(const struct account *account)
{
	return account->roster->count - account->roster->listed < REQUESTS_MAX;
}

void
roster_free(struct roster **roster)
{
	struct entry *entry = NULL, *next;

	if (*roster == NULL)
		return;
	for (entry = table_next(&(*roster)->contacts, NULL); entry != NULL; entry = next) {
		next = table_next(&(*roster)->contacts, entry);
		free(CONTAINER(entry, struct contact, entry));
	}
	table_clear(&(*roster)->contacts);
	free(*roster);
	*roster = NULL;
}

static const char *const *
groups_read(struct arena *arena, const char *joined)
{
	char *copy = arena_copy(arena, joined);
	size_t count = 0;
	const char **list;

	for (const char *c = copy; *c != '\0'; c++)
		count += *c == GROUP_END;
	list = arena_alloc(arena, (count + 1) * sizeof *list);
	for (size_t i = 0; i < count; i++) {
		char *end = strchr(copy, GROUP_END);

		*end = '\0';
		list[i] = copy;
		copy = end + 1;
	}
	return list;
}

void
roster_read(struct roster *roster, const struct rows *rows)
{
	struct arena *arena = arena_new();

	for (size_t i = 0; i < rows->count; i++) {
		const struct value *row = ROW(rows, i);
		struct contact contact = { 0 };

		roster->version = row[4].integer;
		if (row[3].null)
			continue;
		contact.jid = row[3].bytes;
		contact.name = row[5].null ? NULL : row[5].bytes;
		contact.groups = groups_read(arena, row[6].bytes);
		contact.subscription.how = (uint8_t)(row[7].integer & SUBSCRIBED_BOTH);
		contact.subscription.pending_out = row[8].integer != 0;
		contact.subscription.pending_in = row[9].integer != 0;
		contact.subscription.approved = row[10].integer != 0;
		contact.listed = row[11].integer != 0;
		contact.request = row[12].null ? NULL : row[12].bytes;
		contact_put(roster, contact_new(&contact));
	}
	arena_drop(arena);
}

const struct contact *
roster_find(const struct roster *roster, const struct jid *who)
{
	struct entry *entry = table_get(&roster->contacts, who->bare);

	return TABLE_ITEM(entry, struct contact, entry);
}

const struct contact *
roster_next(const struct roster *roster, const struct contact *before)
{
	struct entry *entry = table_next(&roster->contacts,
					 before != NULL ? (struct entry *)&before->entry : NULL);

	return TABLE_ITEM(entry, struct contact, entry);
}

/* Versions go up, and begin with the time, so that an account made anew under an old name
 * never repeats one. */
static void
version_raise(struct account *account, struct batch *batch)
{
	struct roster *roster = account->roster;
	int64_t now = now_unix_ms();

	roster->version = now > roster->version ? now : roster->version + 1;
	batch_add(batch, &roster_set_version,
		  (struct value[]) { INTEGER_VALUE(roster->version),
				     text_value(account->jid->bare) });
}

struct contact *
roster_set(struct account *account, const struct contact *given, struct batch *batch)
{
	struct contact *contact = contact_new(given);
	struct text groups = { 0 };

	contact_put(account->roster, contact);
	version_raise(account, batch);
	for (size_t i = 0; contact->groups[i] != NULL; i++)
		text_addf(&groups, "%s%c", contact->groups[i], GROUP_END);
	batch_add(batch, &roster_put,
		  (struct value[]) { text_value(account->jid->bare), text_value(contact->jid),
				     text_value(contact->name),
				     text_value(groups.bytes != NULL ? groups.bytes : ""),
				     INTEGER_VALUE(contact->subscription.how),
				     INTEGER_VALUE(contact->subscription.pending_out),
				     INTEGER_VALUE(contact->subscription.pending_in),
				     INTEGER_VALUE(contact->subscription.approved),
				     INTEGER_VALUE(contact->listed), text_value(contact->request),
				     INTEGER_VALUE(account->roster->version) });
	text_clear(&groups);
	return contact;
}

void
roster_remove(struct account *account, const char *jid, struct batch *batch)
{
	version_raise(account, batch);
	batch_add(batch, &roster_delete,
		  (struct value[]) { text_value(account->jid->bare), text_value(jid) });
	contact_take_out(account->roster, jid);
}

struct element *
roster_item(struct arena *arena, const struct contact *contact)
{
	struct element *item = element_new(arena, NS_ROSTER, "item");

	element_set(arena, item, "jid", contact->jid);
	if (contact->name != NULL)
		element_set(arena, item, "name", contact->name);
	element_set(arena, item, "subscription", subscription_name(contact->subscription));
	if (contact->subscription.pending_out)
		element_set(arena, item, "ask", "subscribe");
	if (contact->subscription.approved)
		element_set(arena, item, "approved", "true");
	for (size_t i = 0; contact->groups[i] != NULL; i++)
		element_add_text(arena, item, NULL, "group", contact->groups[i]);
	return item;
}

/* --- commit, then push --- */

struct push {
	struct account *account;
	struct arena *arena;  /* NULL: nothing to push */
	struct element *item; /* as it is with this commit, whatever follows */
	char *jid;
	int64_t version;
	void (*first)(void *ctx);
	void (*then)(void *ctx, enum stored stored);
	void *ctx;
};

static void
make_item(struct push *push, const char *jid)
{
	struct entry *entry = table_get(&push->account->roster->contacts, jid);
	const struct contact *contact = TABLE_ITEM(entry, struct contact, entry);

	push->arena = arena_new();
	if (contact != NULL && contact->listed) {
		push->item = roster_item(push->arena, contact);
	} else {
		push->item = element_new(push->arena, NS_ROSTER, "item");
		element_set(push->arena, push->item, "jid", jid);
		element_set(push->arena, push->item, "subscription", "remove");
	}
}

/* RFC 6121 §2.1.6: to every session that has asked for the roster. */
static void
push_item(const struct push *push)
{
	struct account *account = push->account;
	struct entry *entry = table_get(&account->roster->contacts, push->jid);
	const struct contact *contact = TABLE_ITEM(entry, struct contact, entry);
	struct arena *arena = arena_new();
	long long version = (long long)push->version;
	struct element *query, *iq;
	struct session *session;

	LIST_EACH (&account->sessions, session, struct session, place) {
		if (!session->interested)
			continue;
		iq = element_new(arena, NS_CLIENT, "iq");
		element_set(arena, iq, "type", "set");
		element_set(arena, iq, "to", session->jid->full);
		element_setf(arena, iq, "id", "push-%lld", version);
		query = element_add(arena, iq, NS_ROSTER, "query");
		element_setf(arena, query, "ver", "%lld", version);
		element_put(query, element_copy(arena, push->item));
		session_say(session, iq);
	}
	if (contact != NULL && account->state == ACCOUNT_READY)
		FACTS(account->domain, roster_changed, account, contact);
	arena_drop(arena);
}

static void
committed(void *ctx, enum stored result)
{
	struct push *push = ctx;
	struct account *account = push->account;

	if (result == STORE_OK && push->first != NULL)
		push->first(push->ctx);
	if (result != STORE_OK)
		account_reload(account);
	else if (push->jid != NULL && !account->forgotten)
		push_item(push);
	if (push->then != NULL)
		push->then(push->ctx, result);
	account_drop(account);
	if (push->arena != NULL)
		arena_drop(push->arena);
	free(push->jid);
	free(push);
}

void
roster_commit(struct account *account, const char *jid, struct batch *batch,
	      void (*first)(void *ctx), void (*then)(void *ctx, enum stored stored), void *ctx)
{
	struct push *push = zalloc(sizeof *push);

	push->account = account_hold(account);
	push->jid = copy_text(jid);
	push->version = account->roster->version;
	push->first = first;
	push->then = then;
	push->ctx = ctx;
	if (jid != NULL)
		make_item(push, jid);
	batch_commit(batch, committed, push);
}
