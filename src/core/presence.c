/* SPDX-License-Identifier: MIT */
/*
 * Presence (RFC 6121 §3, §4): what a client's presence does, and what arrives.
 *
 * A presence without 'to' says how its session is: it goes to who is subscribed, to the
 * account's other sessions, and the first one asks the contacts how they are.  One with
 * 'to' is directed, and remembered, so that they hear when the session goes.  The four
 * subscription types change the roster by the table of core/subscription.c, are stored, and
 * then travel with bare addresses.
 */
#include <stdlib.h>
#include <string.h>

#include "core/internal.h"
#include "core/lasting.h"
#include "core/router.h"
#include "xml/parser.h"
#include "xml/writer.h"
#include "xmpp/ns.h"

#define DIRECTED_MAX  1000
#define PRESENCE_MAX  (64 << 10) /* bytes of memory: every contact gets a copy */
#define REQUEST_BYTES 4096       /* of a request that are kept with what it says */

struct directed { /* in session->directed */
	struct entry entry;
	struct jid *jid;
};

static bool
is_subscription(enum stanza_type type)
{
	return type == TYPE_SUBSCRIBE || type == TYPE_SUBSCRIBED || type == TYPE_UNSUBSCRIBE ||
	       type == TYPE_UNSUBSCRIBED;
}

/* A bare <presence/> of ours; `id` when it answers one. */
static void
send_presence(const struct jid *from, const struct jid *to, const char *type, const char *id)
{
	struct arena *arena = arena_new();
	struct element *presence = element_new(arena, NS_CLIENT, "presence");

	if (type != NULL)
		element_set(arena, presence, "type", type);
	if (id != NULL)
		element_set(arena, presence, "id", id);
	router_send_element(arena, presence, from, to);
}

/* `presence` (any arena) from `from` to `to`, with the receipt of `stanza` when given. */
static void
send_copy(const struct element *presence, const struct jid *from, const struct jid *to,
	  struct stanza *stanza)
{
	struct arena *arena = arena_new();
	struct element *copy = element_copy(arena, presence);
	struct stanza *sent;

	element_set(arena, copy, "from", from->full);
	element_set(arena, copy, "to", to->full);
	sent = stanza_new(arena, copy, NULL, NULL, NULL);
	must(sent != NULL);
	if (stanza != NULL && stanza->receipt != NULL && stanza->receipt->home == shard_here())
		sent->receipt = receipt_hold(stanza->receipt);
	router_send(sent);
}

/* Says a copy to the account's own sessions that are available, and to the one that has said
 * it: whoever goes hears that, too (RFC 6121 §4.5.2). */
static void
tell_own(struct account *account, const struct element *presence, const struct session *from)
{
	struct arena *arena = arena_new();
	struct element *copy = element_copy(arena, presence);
	struct session *session;

	element_set(arena, copy, "from", from->jid->full);
	element_set(arena, copy, "to", account->jid->full);
	LIST_EACH (&account->sessions, session, struct session, place)
		if (session->available || (session == from && !session->leaving))
			session_say(session, copy);
	arena_drop(arena);
}

/* Whether the modules let this contact see the account. */
static bool
may_show(struct account *account, const struct jid *contact)
{
	const struct hooked *hooks = account->domain->hooks[HOOK_presence_showing];

	for (unsigned i = 0; i < account->domain->hook_counts[HOOK_presence_showing]; i++)
		if (hooks[i].fn.presence_showing(hooks[i].self, account, contact) == DONE)
			return false;
	return true;
}

/* The contacts who may see the account (`from`), or whom it may see; NULL-terminated.  What
 * is sent to one of them may come back at once and change the roster, so it is not walked
 * meanwhile. */
static const struct jid **
contacts_of(struct account *account, struct arena *arena, bool from)
{
	const struct jid **list = arena_alloc(arena, (account->roster->count + 1) * sizeof *list);
	const struct contact *contact = NULL;
	size_t count = 0;

	while ((contact = roster_next(account->roster, contact)) != NULL) {
		struct jid *jid = NEW(arena, struct jid);

		if ((from ? subscription_is_from(contact->subscription)
			  : subscription_is_to(contact->subscription)) &&
		    jid_parse(jid, arena, contact->jid, NULL) && may_show(account, jid))
			list[count++] = jid;
	}
	return list;
}

static void
broadcast(struct session *session, const struct element *presence, struct stanza *stanza)
{
	struct account *account = session->account;
	struct arena *arena = arena_new();
	const struct jid **to = contacts_of(account, arena, true);

	tell_own(account, presence, session);
	for (; *to != NULL; to++)
		send_copy(presence, session->jid, *to, stanza);
	arena_drop(arena);
}

/* --- updates --- */

static bool
read_priority(int8_t *priority, const struct element *presence, struct arena *arena)
{
	const char *text = element_child_text(arena, presence, NS_CLIENT, "priority");
	char *end;
	long n;

	*priority = 0;
	if (text == NULL || *text == '\0')
		return true;
	n = strtol(text, &end, 10);
	end += strspn(end, " \t\r\n");
	if (*end != '\0' || n < -128 || n > 127) /* RFC 6121 §4.7.2.3: xs:byte */
		return false;
	*priority = (int8_t)n;
	return true;
}

/* RFC 6121 §4.3.1: how are they?  In this house the newcomer asks, so that nobody else hears
 * it again; others are asked by the account. */
static void
probe_contacts(struct session *session)
{
	struct arena *arena = arena_new();
	const struct jid **to = contacts_of(session->account, arena, false);

	for (; *to != NULL; to++)
		send_presence(domain_find((*to)->domain) != NULL ? session->jid
								 : session->account->jid,
			      *to, "probe", NULL);
	arena_drop(arena);
}

/* How its account's other sessions are. */
static void
tell_of_own(struct session *session)
{
	struct session *other;
	struct arena *arena = arena_new();

	LIST_EACH (&session->account->sessions, other, struct session, place) {
		struct element *copy;

		if (other == session || !other->available)
			continue;
		copy = element_copy(arena, other->presence);
		element_set(arena, copy, "from", other->jid->full);
		element_set(arena, copy, "to", session->jid->full);
		session_say(session, copy);
	}
	arena_drop(arena);
}

/* A newcomer hears that, and who waits for an answer. */
static void
greet(struct session *session)
{
	struct account *account = session->account;
	const struct contact *contact = NULL;
	struct arena *arena = arena_new();

	tell_of_own(session);
	while ((contact = roster_next(account->roster, contact)) != NULL) {
		struct element *request;

		if (!contact->subscription.pending_in || contact->request == NULL)
			continue;
		request = element_parse(arena, contact->request, strlen(contact->request), NULL);
		if (request != NULL)
			session_say(session, request);
	}
	arena_drop(arena);
}

static void
became_available(struct session *session, struct stanza *stanza)
{
	struct account *account = session->account;
	struct arena *arena;
	struct element *presence;
	bool first = !session->available;
	int8_t priority;

	if (!read_priority(&priority, stanza->element, stanza->arena)) {
		router_bounce(stanza, BAD_REQUEST, NULL, "a priority is a number from -128 to 127",
			      NULL);
		return;
	}
	if (arena_size(stanza->arena) > PRESENCE_MAX) {
		router_bounce(stanza, POLICY_VIOLATION, NULL, "a presence is not a book", NULL);
		return;
	}
	arena = arena_new();
	presence = element_copy(arena, stanza->element);
	FACTS(account->domain, presence_stamping, session, arena, presence);
	free(session->presence);
	session->presence = element_own(presence);
	session->priority = priority;
	session->available = true;
	broadcast(session, session->presence, stanza);
	arena_drop(arena);
	if (first) {
		greet(session);
		probe_contacts(session);
	}
	FACTS(account->domain, session_available, session, first);
	session_changed(session);
}

/* The table, which is no longer the session's. */
static void
forget_directed(struct table *table)
{
	struct entry *entry, *next;

	for (entry = table_next(table, NULL); entry != NULL; entry = next) {
		next = table_next(table, entry);
		free(CONTAINER(entry, struct directed, entry)->jid);
		free(CONTAINER(entry, struct directed, entry));
	}
	table_clear(table);
	free(table);
}

static void
became_unavailable(struct session *session, const struct element *presence, struct stanza *stanza)
{
	struct account *account = session->account;
	struct table *directed = session->directed;
	bool was = session->available;
	struct entry *entry = NULL;

	session->available = false;
	session->directed = NULL;
	if (was)
		broadcast(session, presence, stanza);
	if (directed != NULL) { /* RFC 6121 §4.6.3: they hear it too */
		while ((entry = table_next(directed, entry)) != NULL) {
			const struct jid *to = CONTAINER(entry, struct directed, entry)->jid;

			if (!was || !account_shows_presence_to(account, to))
				send_copy(presence, session->jid, to, stanza);
		}
		forget_directed(directed);
	}
	if (was)
		FACTS(account->domain, session_unavailable, session,
		      stanza != NULL ? presence : NULL);
	free(session->presence);
	session->presence = NULL;
	if (!session->leaving)
		session_changed(session);
}

void
presence_session_left(struct session *session)
{
	struct arena *arena = arena_new();
	struct element *presence = element_new(arena, NS_CLIENT, "presence");

	element_set(arena, presence, "type", "unavailable");
	became_unavailable(session, presence, NULL);
	arena_drop(arena);
}

/* --- directed --- */

static bool
presence_is_known_to(const struct session *session, const char *address)
{
	return session->directed != NULL && table_get(session->directed, address) != NULL;
}

bool
presence_is_directed_to(const struct session *session, const struct jid *who)
{
	return presence_is_known_to(session, who->full) || presence_is_known_to(session, who->bare);
}

/* Forgets that presence was sent to that address. */
static void
undirect(struct session *session, const char *address)
{
	struct entry *entry =
		session->directed != NULL ? table_get(session->directed, address) : NULL;
	struct directed *directed = TABLE_ITEM(entry, struct directed, entry);

	if (directed == NULL)
		return;
	table_remove(session->directed, entry);
	free(directed->jid);
	free(directed);
	session_changed(session);
}

void
presence_heard(struct session *session, const struct stanza *stanza)
{
	/* RFC 6121 §4.6.1: who has gone need not hear when we do. */
	if (stanza->type == TYPE_UNAVAILABLE)
		undirect(session, stanza->from.full);
}

static void
remember_directed(struct session *session, const struct jid *to)
{
	struct directed *directed;

	if (session->directed == NULL)
		session->directed = zalloc(sizeof *session->directed);
	if (table_get(session->directed, to->full) != NULL)
		return;
	directed = zalloc(sizeof *directed);
	directed->jid = jid_own(to);
	table_put(session->directed, &directed->entry, directed->jid->full);
}

static bool
direct(struct session *session, struct stanza *stanza)
{
	if (stanza->type == TYPE_UNAVAILABLE) {
		undirect(session, stanza->to.full);
		return true;
	}
	if (presence_is_known_to(session, stanza->to.full))
		return true;
	if (session->directed != NULL && session->directed->count >= DIRECTED_MAX)
		return false;
	remember_directed(session, &stanza->to);
	session_changed(session);
	return true;
}

/* --- what lasts (core/lasting.h) --- */

void
presence_save(const struct session *session, struct arena *arena, struct element *state)
{
	struct entry *entry = NULL;

	if (session->available)
		element_put(state, element_copy(arena, session->presence));
	while (session->directed != NULL && (entry = table_next(session->directed, entry)) != NULL)
		element_set(arena, element_add(arena, state, NULL, "directed"), "to",
			    CONTAINER(entry, struct directed, entry)->jid->full);
}

void
presence_revive(struct session *session, const struct element *state)
{
	const struct element *presence = element_child(state, NS_CLIENT, "presence");
	struct arena *arena = arena_new();

	if (presence != NULL && read_priority(&session->priority, presence, arena)) {
		session->presence = element_own(presence);
		session->available = true;
	}
	ELEMENT_EACH (state, child) {
		const char *to = element_get(child, "to");
		struct jid jid;

		if (strcmp(child->name, "directed") == 0 && to != NULL &&
		    jid_parse(&jid, arena, to, NULL))
			remember_directed(session, &jid);
	}
	arena_drop(arena);
}

/* Whoever does not answer has gone, and nobody else tells. */
void
presence_refresh(struct session *session)
{
	struct account *account = session->account;
	struct arena *arena = arena_new();
	const struct jid **of = contacts_of(account, arena, false);

	for (; session->available && *of != NULL; of++) {
		struct element *gone = element_new(arena, NS_CLIENT, "presence");

		element_set(arena, gone, "type", "unavailable");
		element_set(arena, gone, "from", (*of)->bare);
		element_set(arena, gone, "to", session->jid->full);
		session_say(session, gone);
	}
	if (session->available) {
		tell_of_own(session);
		probe_contacts(session);
		FACTS(account->domain, session_available, session, false);
	}
	arena_drop(arena);
}

void
presence_forget(struct session *session)
{
	if (session->directed != NULL)
		forget_directed(session->directed);
	session->directed = NULL;
}

/* --- subscriptions, outbound --- */

struct outbound {
	struct stanza *stanza; /* held; readdressed from bare to bare */
	struct account *account;
	bool pass;
	bool now_from, no_longer_from;
};

/* RFC 6121 §3.1.5, §3.2.1: who is approved hears how we are; who no longer is, that we are
 * gone. */
static void
show_presence(struct account *account, const struct jid *to, bool available)
{
	struct session *session;

	LIST_EACH (&account->sessions, session, struct session, place) {
		if (!session->available)
			continue;
		if (available)
			send_copy(session->presence, session->jid, to, NULL);
		else
			send_presence(session->jid, to, "unavailable", NULL);
	}
}

static void
outbound_stored(void *ctx, enum stored result)
{
	struct outbound *outbound = ctx;
	struct stanza *stanza = outbound->stanza;
	struct account *account = outbound->account;

	if (result != STORE_OK) {
		router_bounce(stanza, RESOURCE_CONSTRAINT, NULL, "it cannot be stored now", NULL);
	} else {
		if (outbound->no_longer_from)
			show_presence(account, &stanza->to, false);
		if (outbound->pass)
			send_copy(stanza->element, account->jid, &stanza->to, stanza);
		if (outbound->now_from)
			show_presence(account, &stanza->to, true);
	}
	account_drop(account);
	stanza_drop(stanza);
}

static void
subscription_left(struct stanza *stanza)
{
	struct account *account = stanza->account;
	struct jid to = jid_bare(&stanza->to);
	const struct contact *before = roster_find(account->roster, &to);
	struct contact contact = { .jid = to.bare, .listed = true };
	struct subscription state = { 0 };
	struct subscription_step step;
	struct outbound *outbound;
	struct batch *batch;

	if (jid_equal(&to, account->jid)) { /* one is subscribed to oneself */
		stanza_drop(stanza);
		return;
	}
	if (before != NULL) {
		state = before->subscription;
		contact = *before;
	}
	step = subscription_outbound(state, stanza->type);
	stanza->to = to;
	outbound = NEW(stanza->arena, struct outbound);
	outbound->stanza = stanza;
	outbound->account = account_hold(account);
	outbound->pass = step.pass;
	outbound->now_from = subscription_is_from(step.next) && !subscription_is_from(state);
	outbound->no_longer_from = !subscription_is_from(step.next) && subscription_is_from(state);
	if (!step.changed) {
		outbound_stored(outbound, STORE_OK);
		return;
	}
	contact.subscription = step.next;
	/* Asking or approving puts somebody in the roster; refusing does not. */
	contact.listed = (before != NULL && before->listed) || stanza->type == TYPE_SUBSCRIBE ||
			 stanza->type == TYPE_SUBSCRIBED;
	if (!step.next.pending_in)
		contact.request = NULL;
	if (contact.listed && !roster_has_room(account, &contact)) {
		router_bounce(stanza, RESOURCE_CONSTRAINT, NULL, "the roster is full", NULL);
		account_drop(account);
		stanza_drop(stanza);
		return;
	}
	batch = batch_new(account->domain->store, account->jid->bare);
	if (!contact.listed && !step.next.pending_in) {
		roster_remove(account, to.bare, batch);
		roster_commit(account, NULL, batch, NULL, outbound_stored, outbound);
	} else {
		roster_set(account, &contact, batch);
		roster_commit(account, to.bare, batch, NULL, outbound_stored, outbound);
	}
}

void
presence_left(struct stanza *stanza)
{
	struct session *session = stanza->session;

	if (stanza->addressed && is_subscription(stanza->type)) {
		subscription_left(stanza);
		return;
	}
	if (session->gone) { /* while a hook held it: how it was is of no interest now */
		stanza_drop(stanza);
		return;
	}
	if (stanza->addressed) {
		if ((stanza->type == TYPE_AVAILABLE || stanza->type == TYPE_UNAVAILABLE) &&
		    !direct(session, stanza)) {
			router_bounce(stanza, RESOURCE_CONSTRAINT, NULL,
				      "too many directed presences", NULL);
			stanza_drop(stanza);
			return;
		}
		router_send(stanza);
		return;
	}
	if (stanza->type == TYPE_AVAILABLE)
		became_available(session, stanza);
	else if (stanza->type == TYPE_UNAVAILABLE)
		became_unavailable(session, stanza->element, stanza);
	else if (stanza->type != TYPE_ERROR)
		router_bounce(stanza, BAD_REQUEST, NULL, "this presence needs a 'to'", NULL);
	stanza_drop(stanza);
}

/* --- subscriptions, inbound --- */

/* RFC 6121 §3.1.3: what it says is kept, too, unless it is a speech. */
static const char *
request_text(const struct stanza *stanza)
{
	const char *text = xml_text(stanza->arena, stanza->element, NULL);

	if (strlen(text) <= REQUEST_BYTES)
		return text;
	return xml_text(stanza->arena, element_copy_shell(stanza->arena, stanza->element), NULL);
}

struct inbound {
	struct stanza *stanza;
	struct account *account;
	struct subscription_step step;
	bool no_longer_from;
};

/* Before the push that it explains (RFC 6121 §3.1.6, §3.2.3, §3.3.3).  A request is for who is
 * available, and asked again when somebody comes; the rest is for who looks at the roster. */
static void
inbound_heard(void *ctx)
{
	struct inbound *inbound = ctx;
	bool asks = inbound->stanza->type == TYPE_SUBSCRIBE;
	struct session *session;

	if (!inbound->step.pass)
		return;
	LIST_EACH (&inbound->account->sessions, session, struct session, place)
		if (session->available || (session->interested && !asks))
			session_deliver(session, inbound->stanza, NULL);
}

/* The lane waits for this: presence that follows a subscription is heard behind it. */
static void
inbound_stored(void *ctx, enum stored result)
{
	struct inbound *inbound = ctx;
	struct stanza *stanza = inbound->stanza;
	struct account *account = inbound->account;
	struct jid from = jid_bare(&stanza->from);

	if (result != STORE_OK) {
		router_bounce(stanza, RESOURCE_CONSTRAINT, NULL, "it cannot be stored now", NULL);
	} else {
		if (inbound->step.reply != TYPE_NONE)
			send_presence(account->jid, &from, stanza_type_name(inbound->step.reply),
				      NULL);
		if (inbound->no_longer_from)
			show_presence(account, &from, false);
		if (inbound->step.reply == TYPE_SUBSCRIBED)
			show_presence(account, &from, true);
	}
	stanza_drop(stanza);
	account_head_done(account);
	account_drop(account);
}

static void
subscription_arrived(struct stanza *stanza)
{
	struct account *account = stanza->account;
	struct jid from = jid_bare(&stanza->from);
	const struct contact *before = roster_find(account->roster, &from);
	struct contact contact = { .jid = from.bare };
	struct subscription state = { 0 };
	struct inbound *inbound;
	struct batch *batch;
	bool shows;

	if (before != NULL) {
		state = before->subscription;
		contact = *before;
	}
	inbound = NEW(stanza->arena, struct inbound);
	inbound->stanza = stanza;
	inbound->account = account_hold(account);
	inbound->step = subscription_inbound(state, stanza->type);
	inbound->no_longer_from =
		subscription_is_from(state) && !subscription_is_from(inbound->step.next);
	if (!inbound->step.changed) {
		inbound_stored(inbound, STORE_OK);
		return;
	}
	if (before == NULL && !roster_has_room_for_request(account)) {
		router_bounce(stanza, RESOURCE_CONSTRAINT, NULL, "too many requests wait", NULL);
		stanza_drop(stanza);
		account_head_done(account);
		account_drop(account);
		return;
	}
	contact.subscription = inbound->step.next;
	shows = contact.listed && (contact.subscription.how != state.how ||
				   contact.subscription.pending_out != state.pending_out ||
				   contact.subscription.approved != state.approved);
	/* A request is shown again to each new session until it is answered (§3.1.3). */
	if (stanza->type == TYPE_SUBSCRIBE && inbound->step.next.pending_in)
		contact.request = request_text(stanza);
	if (!inbound->step.next.pending_in)
		contact.request = NULL;
	batch = batch_new(account->domain->store, account->jid->bare);
	if (!contact.listed && !inbound->step.next.pending_in) {
		roster_remove(account, from.bare, batch);
		roster_commit(account, NULL, batch, inbound_heard, inbound_stored, inbound);
	} else {
		/* A request alone changes nothing that a roster shows: nobody is pushed
		 * anything. */
		roster_set(account, &contact, batch);
		roster_commit(account, shows ? from.bare : NULL, batch, inbound_heard,
			      inbound_stored, inbound);
	}
}

/* --- probes (RFC 6121 §4.3.2) --- */

static bool
is_probed(const struct session *session, const struct stanza *probe)
{
	return probe->to.resource == NULL ||
	       strcmp(probe->to.resource, session->jid->resource) == 0;
}

/* §4.6.6: who was sent presence may ask whether that is still so, and no more. */
static bool
answer_directed(const struct account *account, const struct stanza *probe)
{
	struct session *session;
	bool any = false;

	LIST_EACH (&account->sessions, session, struct session, place) {
		if (!is_probed(session, probe) || !presence_is_directed_to(session, &probe->from))
			continue;
		any = true;
		send_presence(session->jid, &probe->from, NULL, NULL);
	}
	return any;
}

static void
probe_arrived(struct stanza *stanza)
{
	struct account *account = stanza->account;
	const struct contact *contact = roster_find(account->roster, &stanza->from);
	struct session *session;
	bool online = false;

	if (!account_shows_presence_to(account, &stanza->from)) {
		/* Who asked and waits is not refused by a probe. */
		if (!answer_directed(account, stanza) &&
		    (contact == NULL || !contact->subscription.pending_in))
			send_presence(account->jid, &stanza->from, "unsubscribed", stanza->id);
		return;
	}
	LIST_EACH (&account->sessions, session, struct session, place) {
		if (!session->available || !is_probed(session, stanza))
			continue;
		online = true;
		if (stanza->to.resource == NULL)
			send_copy(session->presence, session->jid, &stanza->from, NULL);
		else /* of one alone is told that it is there */
			send_presence(session->jid, &stanza->from, NULL, NULL);
	}
	/* A server of somebody else's must be told; ours knows that silence means the same. */
	if (!online && domain_find(stanza->from.domain) == NULL)
		send_presence(account->jid, &stanza->from, "unavailable", stanza->id);
}

void
presence_handle(struct stanza *stanza)
{
	struct account *account = stanza->account;

	if (stanza->type != TYPE_PROBE) {
		subscription_arrived(stanza);
		return;
	}
	probe_arrived(stanza);
	stanza_drop(stanza);
	account_head_done(account);
}

/* --- a contact is removed (RFC 6121 §2.5.2) --- */

void
contact_end(struct account *account, const struct contact *contact)
{
	struct arena *arena = arena_new();
	struct subscription state = contact->subscription;
	struct jid to;

	if (jid_parse(&to, arena, contact->jid, NULL)) {
		if (subscription_is_to(state) || state.pending_out)
			send_presence(account->jid, &to, "unsubscribe", NULL);
		if (subscription_is_from(state) || state.pending_in) {
			show_presence(account, &to, false);
			send_presence(account->jid, &to, "unsubscribed", NULL);
		}
	}
	arena_drop(arena);
}
