/* SPDX-License-Identifier: MIT */
/* Sessions: bound, spoken to, heard, ended. */
#include "core/session.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/random.h"
#include "core/internal.h"
#include "core/lasting.h"
#include "core/router.h"
#include "xml/writer.h"
#include "xmpp/ns.h"

static void
describe(const struct log_scope *scope, char *out, size_t room)
{
	const struct session *session = CONTAINER(scope, struct session, log);

	(void)snprintf(out, room, "/%s", session->jid->resource);
}

struct session *
session_find(const struct account *account, const char *resource)
{
	struct session *session;

	LIST_EACH (&account->sessions, session, struct session, place)
		if (strcmp(session->jid->resource, resource) == 0)
			return session;
	return NULL;
}

/* What a corner owns goes first; its module may have been stopped, so its declaration is
 * asked and not the domain. */
static void
corner_free(struct session *session, const struct corner *corner)
{
	const struct hook *hook = corner->module->hooks;

	for (; hook != NULL && hook->used; hook++)
		if (hook->name == HOOK_session_unloading)
			hook->fn.session_unloading((void *)corner->self, session);
	free(corner->bytes);
}

struct session *
session_hold(struct session *session)
{
	session->holds++;
	return session;
}

void
session_drop(struct session *session)
{
	struct account *account = session->account;

	must(session->holds > 0);
	if (--session->holds > 0)
		return;
	must(session->gone);
	for (unsigned i = 0; i < session->corner_count; i++)
		corner_free(session, &session->corners[i]);
	free(session->corners);
	free(session->presence);
	free(session->jid);
	free(session);
	account_drop(account);
}

bool
session_is_last(const struct session *session)
{
	return session->account->session_count == 0 ||
	       (session->account->session_count == 1 && !session->gone);
}

void *
session_corner(struct session *session, const void *self)
{
	return corner_find(session->corners, session->corner_count, self);
}

/* --- binding --- */

/* Those it has stay with their modules. */
void
session_corners_make(struct session *session)
{
	struct instance **instances = session->account->domain->instances;
	struct corner *corners;
	unsigned count = 0;

	for (struct instance **i = instances; *i != NULL; i++)
		count += (*i)->module->session_size > 0;
	corners = count > 0 ? zalloc(count * sizeof *corners) : NULL;
	count = 0;
	for (struct instance **i = instances; *i != NULL; i++) {
		void *bytes;

		if ((*i)->module->session_size == 0)
			continue;
		bytes = session_corner(session, (*i)->self);
		if (bytes == NULL)
			bytes = zalloc((*i)->module->session_size);
		corners[count++] = (struct corner) { (*i)->self, (*i)->module, bytes };
	}
	for (unsigned i = 0; i < session->corner_count; i++)
		if (corner_find(corners, count, session->corners[i].self) == NULL)
			corner_free(session, &session->corners[i]);
	free(session->corners);
	session->corners = corners;
	session->corner_count = count;
}

struct session *
session_new(struct account *account, const char *resource)
{
	struct session *session = zalloc(sizeof *session);
	struct arena *arena = arena_new();
	struct jid jid;

	jid_join(&jid, arena, account->jid->local, account->jid->domain, resource);
	session->jid = jid_own(&jid);
	arena_drop(arena);
	session->account = account_hold(account);
	session->since = now_seconds();
	session->log = (struct log_scope) { .parent = &account->log, .describe = describe };
	session->holds = 1; /* the account's */
	session_corners_make(session);
	list_append(&account->sessions, &session->place);
	account->session_count++;
	return session;
}

struct session *
session_bind(struct account *account, const char *resource, const struct carrier *carrier,
	     void *carried)
{
	struct session *session, *before;
	bool gone;
	char made[17];

	if (resource == NULL) {
		random_name(made, sizeof made - 1);
		resource = made;
	}
	/* RFC 6120 §7.7.2.2: the newest wins. */
	before = session_find(account, resource);
	if (before != NULL)
		session_end(before, STREAM_CONFLICT, "replaced by a new connection");

	session = session_new(account, resource);
	session->carrier = carrier;
	session->carried = carried;
	session_look(session);
	session_hold(session);
	FACTS(account->domain, session_bound, session);
	gone = session->gone;
	session_drop(session);
	return gone ? NULL : session;
}

void
session_carry(struct session *session, const struct carrier *carrier, void *carried)
{
	session->carrier = carrier;
	session->carried = carried;
	session_look(session);
	FACTS(session->account->domain, session_carried, session);
}

/* Nobody is read whose last stanza has not left, or whose account is being loaded. */
void
session_look(struct session *session)
{
	if (session->carried != NULL)
		session->carrier->pause(session->carried, session->held > 0 ||
								  session->account->pauses > 0 ||
								  session->account->erased);
}

void
session_hold_back(struct session *session, bool back)
{
	must(back || session->held > 0);
	session->held += back ? 1 : -1;
	session_look(session);
}

/* --- saying --- */

/* Where nobody waits for an acknowledgement, what was said was heard. */
static void
settle_audience(struct parcel *parcel)
{
	if (parcel->audience != NULL && !parcel->owed)
		parcel->audience->heard = true;
}

static void
say(struct session *session, struct parcel *parcel)
{
	struct domain *domain = session->account->domain;

	for (unsigned i = 0; i < domain->hook_counts[HOOK_parcel_leaving]; i++) {
		struct hooked *hooked = &domain->hooks[HOOK_parcel_leaving][i];

		if (hooked->fn.parcel_leaving(hooked->self, session, parcel) == DONE) {
			settle_audience(parcel);
			return;
		}
	}
	settle_audience(parcel);
	parcel->batch = NULL;
	parcel->audience = NULL;
	parcel->element = NULL;
	session_say_parcel(session, *parcel);
}

void
session_say_parcel(struct session *session, struct parcel parcel)
{
	if (session->carried != NULL)
		session->carrier->say(session->carried, parcel);
	else
		parcel_drop(&parcel);
}

void
parcel_drop(struct parcel *parcel)
{
	wire_drop(parcel->head);
	wire_drop(parcel->payload);
	wire_drop(parcel->instead);
	gate_drop(parcel->gate);
}

struct audience *
audience_hold(struct audience *audience)
{
	if (audience != NULL)
		audience->holds++;
	return audience;
}

void
audience_drop(struct audience *audience)
{
	if (audience != NULL && --audience->holds == 0)
		free(audience);
}

static void
say_element(struct session *session, const struct element *element, bool kept)
{
	struct parcel parcel = { .kept = kept };

	if (session->gone)
		return;
	if (stanza_kind_read(&parcel.kind, element))
		(void)stanza_type_read(&parcel.type, parcel.kind, element_get(element, "type"));
	parcel.head = xml_wire(element, NS_CLIENT);
	parcel.element = element;
	say(session, &parcel);
}

void
session_say(struct session *session, const struct element *element)
{
	say_element(session, element, false);
}

void
session_say_kept(struct session *session, const struct element *element)
{
	say_element(session, element, true);
}

static void
set_terms(struct parcel *parcel, const struct terms *terms)
{
	if (terms == NULL)
		return;
	parcel->gate = gate_hold(terms->gate);
	parcel->batch = terms->batch;
	parcel->audience = terms->audience;
}

void
session_deliver(struct session *session, struct stanza *stanza, const struct terms *terms)
{
	struct parcel parcel = { .kind = stanza->kind,
				 .type = stanza->type,
				 .archive_id = stanza->archive_id,
				 .element = stanza->element };

	if (session->gone)
		return;
	parcel.head = wire_hold(stanza_wire(stanza));
	set_terms(&parcel, terms);
	say(session, &parcel);
}

void
session_let_go(struct session *session, struct parcel parcel)
{
	parcel.element = NULL;
	parcel.batch = NULL;
	parcel.audience = NULL;
	parcel.again = true;
	say(session, &parcel);
}

struct wire *
session_payload(const struct element *element)
{
	struct text text = { 0 };
	struct wire *payload;

	xml_write_rest(&text, element);
	payload = wire_new(text.bytes, text.length);
	text_clear(&text);
	return payload;
}

void
session_say_copy(struct session *session, const struct copy *copy, struct wire *payload,
		 const struct terms *terms)
{
	struct parcel parcel = { .archive_id = copy->archive_id, .element = copy->element };
	struct text text = { 0 };
	struct arena *arena;
	struct element *shell;

	if (session->gone)
		return;
	arena = arena_new();
	shell = element_copy_shell(arena, copy->element);
	element_set(arena, shell, "to", session->jid->full);
	if (stanza_kind_read(&parcel.kind, shell))
		(void)stanza_type_read(&parcel.type, parcel.kind, element_get(shell, "type"));
	xml_write_start(&text, shell, NS_CLIENT);
	parcel.head = wire_new(text.bytes, text.length);
	parcel.payload = wire_hold(payload);
	set_terms(&parcel, terms);
	say(session, &parcel);
	text_clear(&text);
	arena_drop(arena);
}

void
session_say_wire(struct session *session, struct wire *wire, enum stanza_kind kind)
{
	struct parcel parcel = { .head = wire, .kind = kind, .type = TYPE_NORMAL };

	if (session->gone)
		wire_drop(wire);
	else
		say(session, &parcel);
}

void
session_asked_history(struct session *session)
{
	session->has_history = true;
	session_changed(session);
}

size_t
session_unsent(const struct session *session)
{
	return session->carried != NULL ? session->carrier->unsent(session->carried) : 0;
}

void
session_describe(const struct session *session, char *out, size_t room)
{
	if (session->carried != NULL)
		session->carrier->describe(session->carried, out, room);
	else
		(void)snprintf(out, room, "nobody carries it now");
}

void
session_tell_about(struct session *session, struct text *about)
{
	struct domain *domain = session->account->domain;

	for (unsigned i = 0; i < domain->hook_counts[HOOK_session_describing]; i++) {
		struct hooked *hooked = &domain->hooks[HOOK_session_describing][i];
		struct text more = { 0 };

		hooked->fn.session_describing(hooked->self, session, &more);
		if (more.length > 0 && about->length > 0)
			text_add(about, "; ");
		text_add_bytes(about, more.bytes, more.length);
		text_clear(&more);
	}
}

/* --- ending --- */

static void
leave(struct session *session)
{
	struct account *account = session->account;

	session->leaving = true; /* a fact about that may want to end it, too */
	session_hold(session);
	if (session->available || session->directed != NULL)
		presence_session_left(session);
	session->gone = true;
	list_remove(&session->place);
	account->session_count--;
	iq_session_gone(session);
	FACTS(account->domain, session_left, session);
	session_drop(session);
	session_drop(session); /* the account's */
}

static enum departure
departure_of(const struct session *session, enum stream_condition condition)
{
	const struct account *account = session->account;

	if (account->erased)
		return DEPARTURE_REMOVED;
	if (condition == STREAM_SYSTEM_SHUTDOWN)
		return DEPARTURE_STOPPING;
	if (condition == STREAM_HOST_GONE)
		return DEPARTURE_HOST_GONE;
	if (account->ending)
		return condition == STREAM_NOT_AUTHORIZED ? DEPARTURE_REMOVED : DEPARTURE_DISABLED;
	if (condition == STREAM_NONE)
		return DEPARTURE_CLOSED;
	if (condition == STREAM_RESET)
		return DEPARTURE_RESET;
	return condition == STREAM_CONFLICT ? DEPARTURE_REPLACED : DEPARTURE_ENDED;
}

void
session_end(struct session *session, enum stream_condition condition, const char *text)
{
	const struct carrier *carrier = session->carrier;
	void *carried = session->carried;

	if (session->leaving)
		return;
	session->carried = NULL;
	session->departure = departure_of(session, condition);
	leave(session);
	if (carried != NULL)
		carrier->hang_up(carried, condition, text);
}

void
session_part(struct session *session, enum stream_condition condition, const char *text)
{
	const struct carrier *carrier = session->carrier;
	void *carried = session->carried;

	session->carried = NULL;
	if (carried != NULL)
		carrier->hang_up(carried, condition, text);
}

void
session_lost(struct session *session)
{
	struct domain *domain = session->account->domain;

	session->carried = NULL;
	if (session->leaving)
		return;
	for (unsigned i = 0; i < domain->hook_counts[HOOK_carrier_lost]; i++) {
		struct hooked *hooked = &domain->hooks[HOOK_carrier_lost][i];

		if (hooked->fn.carrier_lost(hooked->self, session) != PASS)
			return;
	}
	session->departure = DEPARTURE_LOST;
	leave(session);
}

/* --- hearing --- */

/* RFC 6120 §8.1.2.1: a client may name itself, in full or bare, and nobody else. */
static bool
may_say_from(const struct session *session, const struct jid *from)
{
	return from->domain == NULL || jid_equal(from, session->jid) ||
	       jid_equal(from, session->account->jid);
}

/* An IQ has an id and, when it asks, one child (RFC 6120 §8.2.3). */
static const char *
iq_fault(const struct stanza *stanza)
{
	if (stanza->id == NULL)
		return "an IQ needs an id";
	if ((stanza->type == TYPE_GET || stanza->type == TYPE_SET) &&
	    element_only_child(stanza->element) == NULL)
		return "an IQ that asks has exactly one child";
	return NULL;
}

static void
refuse(struct session *session, struct arena *arena, const struct element *element,
       struct receipt *receipt, enum condition condition, const char *text)
{
	struct element *answer = stanza_error_reply(arena, element, condition, NULL, text);

	if (answer != NULL) {
		element_set(arena, answer, "to", session->jid->full);
		session_say(session, answer);
	}
	arena_drop(arena);
	receipt_drop(receipt);
}

bool
session_hears(struct session *session, struct element *element, struct arena *arena,
	      struct receipt *receipt, enum stream_condition *condition, struct err *err)
{
	struct account *account = session->account;
	struct stanza *stanza;
	struct err why = { 0 };
	const char *fault;

	stanza = stanza_new(arena, element, NULL, NULL, &why);
	if (stanza == NULL) {
		bool address =
			element_get(element, "to") != NULL && strncmp(why.text, "'to'", 4) == 0;

		if (strncmp(why.text, "'from'", 6) == 0) {
			*condition = STREAM_INVALID_FROM;
			if (err != NULL)
				*err = why;
			arena_drop(arena);
			return false;
		}
		refuse(session, arena, element, receipt, address ? JID_MALFORMED : BAD_REQUEST,
		       why.text);
		return true;
	}
	if (!may_say_from(session, &stanza->from)) {
		*condition = STREAM_INVALID_FROM;
		err_fail(err, ERR_REFUSED, "you are \"%s\", not \"%s\"", session->jid->full,
			 stanza->from.full);
		arena_drop(arena);
		return false;
	}
	fault = stanza->kind == STANZA_IQ ? iq_fault(stanza) : NULL;
	if (fault != NULL) {
		refuse(session, arena, element, receipt, BAD_REQUEST, fault);
		return true;
	}

	jid_copy(&stanza->from, arena, session->jid);
	element_set(arena, element, "from", session->jid->full);
	if (!stanza->addressed) { /* for the account itself (RFC 6120 §10.3) */
		jid_copy(&stanza->to, arena, account->jid);
	}
	stanza->receipt = receipt;
	stanza->domain = account->domain;
	stanza->account = account;
	stanza->session = session_hold(session);
	if (stanza->kind == STANZA_IQ && !stanza->addressed)
		router_send(stanza); /* to the account's own lane; it leaves nothing */
	else
		passage_leave(stanza);
	return true;
}
