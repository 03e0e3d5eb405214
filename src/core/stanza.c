/* SPDX-License-Identifier: MIT */
/* Stanzas: made, held, and brought home at their end. */
#include "core/stanza.h"

#include "core/internal.h"
#include "core/router.h"
#include "xml/writer.h"
#include "xmpp/ns.h"

static bool
address(struct jid *jid, struct arena *arena, const struct element *element, const char *name,
	const struct jid *given, struct err *err)
{
	const char *text = element_get(element, name);

	if (given != NULL) {
		*jid = *given;
		return true;
	}
	if (text == NULL)
		return true;
	return jid_parse(jid, arena, text, err) || err_add(err, "'%s'", name);
}

struct stanza *
stanza_new(struct arena *arena, const struct element *element, const struct jid *from,
	   const struct jid *to, struct err *err)
{
	struct stanza *stanza = NEW(arena, struct stanza);

	if (!stanza_kind_read(&stanza->kind, element)) {
		err_fail(err, ERR_SYNTAX, "<%s/> is not a stanza", element->name);
		return NULL;
	}
	if (!stanza_type_read(&stanza->type, stanza->kind, element_get(element, "type"))) {
		err_fail(err, ERR_SYNTAX, "\"%s\" is not a type of <%s/>",
			 element_get(element, "type") ? element_get(element, "type") : "",
			 element->name);
		return NULL;
	}
	if (!address(&stanza->from, arena, element, "from", from, err) ||
	    !address(&stanza->to, arena, element, "to", to, err))
		return NULL;
	stanza->arena = arena;
	stanza->element = element;
	stanza->addressed = stanza->to.domain != NULL;
	stanza->id = element_get(element, "id");
	stanza->holds = 1;
	return stanza;
}

struct stanza *
stanza_copy(const struct stanza *stanza, const struct jid *from, const struct jid *to)
{
	struct arena *arena = arena_new();
	struct element *element = element_copy(arena, stanza->element);
	struct stanza *copy;
	struct jid from_copy, to_copy;

	jid_copy(&from_copy, arena, from != NULL ? from : &stanza->from);
	jid_copy(&to_copy, arena, to != NULL ? to : &stanza->to);
	element_set(arena, element, "from", from_copy.full);
	element_set(arena, element, "to", to_copy.full);
	copy = stanza_new(arena, element, &from_copy, &to_copy, NULL);
	must(copy != NULL);
	copy->flag_private = stanza->flag_private;
	copy->domain = stanza->domain;
	if (stanza->receipt != NULL && stanza->receipt->home == shard_here())
		copy->receipt = receipt_hold(stanza->receipt);
	return copy;
}

struct stanza *
stanza_again(struct account *account, struct arena *arena, const struct element *message,
	     uint64_t archive_id)
{
	struct stanza *stanza = stanza_new(arena, message, NULL, NULL, NULL);

	if (stanza == NULL || stanza->from.domain == NULL)
		return NULL;
	/* To a client that has gone it is as good as to the account. */
	if (stanza->to.resource == NULL || session_find(account, stanza->to.resource) == NULL)
		jid_copy(&stanza->to, arena, account->jid);
	stanza->flag_private = true;
	stanza->archive_id = archive_id;
	stanza->domain = account->domain;
	return stanza;
}

struct stanza *
stanza_hold(struct stanza *stanza)
{
	must(stanza->holds > 0);
	stanza->holds++;
	return stanza;
}

static void
forget_wire(struct stanza *stanza)
{
	if (stanza->wire != NULL)
		wire_drop(stanza->wire);
	stanza->wire = NULL;
}

static void
stanza_over(void *arg) /* at the home of its receipt */
{
	struct stanza *stanza = arg;
	struct receipt *receipt = stanza->receipt;

	arena_drop(stanza->arena);
	receipt_drop(receipt);
}

void
stanza_drop(struct stanza *stanza)
{
	must(stanza->holds > 0);
	if (--stanza->holds > 0)
		return;
	must(stanza->batch == NULL);
	plan_end(stanza);
	if (stanza->session != NULL)
		session_drop(stanza->session);
	stanza->session = NULL;
	forget_wire(stanza);
	if (stanza->receipt == NULL || stanza->receipt->home == shard_here())
		stanza_over(stanza);
	else if (stanza->receipt->is_awaited)
		shard_post(stanza->receipt->home, &stanza->post, stanza_over, stanza);
	else
		shard_post_later(stanza->receipt->home, &stanza->post, stanza_over, stanza);
}

struct batch *
stanza_batch(struct stanza *stanza)
{
	must(stanza->account != NULL);
	if (stanza->batch == NULL)
		stanza->batch = batch_new(stanza->domain->store, stanza->account->jid->bare);
	return stanza->batch;
}

void
stanza_archived(struct stanza *stanza, uint64_t id)
{
	must(stanza->account != NULL && id != 0);
	stanza->archive_id = id;
}

void
stanza_archived_before(struct stanza *stanza, uint64_t id)
{
	must(stanza->passage == PASSAGE_LEAVING);
	stanza_archived(stanza, id);
	stanza->repeated = true;
}

struct element *
stanza_edit(struct stanza *stanza)
{
	struct element *copy = element_copy(stanza->arena, stanza->element);

	must(stanza->passage == PASSAGE_LEAVING ||
	     (stanza->passage == PASSAGE_ARRIVING && stanza->plan == NULL));
	forget_wire(stanza);
	stanza->sender_archive_id = 0;
	stanza->element = copy;
	return copy;
}

void
stanza_append(struct stanza *stanza, struct element *child)
{
	struct element *element = (struct element *)stanza->element;
	struct wire *longer = NULL;

	must(stanza->passage == PASSAGE_ARRIVING);
	if (stanza->wire != NULL)
		longer = xml_wire_append(stanza->wire, element, child, NS_CLIENT);
	element_put(element, child);
	forget_wire(stanza);
	stanza->wire = longer;
	stanza->sender_archive_id = 0;
}

struct wire *
stanza_wire(struct stanza *stanza)
{
	if (stanza->wire == NULL)
		stanza->wire = xml_wire(stanza->element, NS_CLIENT);
	return stanza->wire;
}

enum outcome
stanza_error(struct stanza *stanza, enum condition condition, const char *text)
{
	router_bounce(stanza, condition, NULL, text, NULL);
	return DONE;
}

enum outcome
stanza_error_with(struct stanza *stanza, enum condition condition, const char *type,
		  const char *text, struct element *detail)
{
	router_bounce(stanza, condition, type, text, detail);
	return DONE;
}
