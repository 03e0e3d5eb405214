/* SPDX-License-Identifier: MIT */
/*
 * mod_disco -- XEP-0030: who is there, and what can it do?
 *
 * Domains and accounts are described from the declarations of their modules (core/disco.h).
 * An account tells about itself only to who may see its presence; to everybody else it
 * answers as one that does not exist (§8): no, or with an empty list.  Contact addresses of the
 * domain (XEP-0157) come as an extension (XEP-0128).
 */
#include <string.h>

#include "module.h"

static enum outcome
ask(struct iq *iq, bool items)
{
	struct disco disco = {
		.arena = iq->arena,
		.items = items,
		.node = element_get(iq->query, "node"),
		.domain = iq->domain,
		.account = iq->account,
		.from = &iq->from,
	};

	if (disco.node != NULL && *disco.node == '\0')
		disco.node = NULL;
	disco.trusted = iq->account == NULL || account_shows_presence_to(iq->account, &iq->from);
	if (!disco.trusted && !items)
		return iq_error(iq, SERVICE_UNAVAILABLE, NULL);
	disco.query = element_new(iq->arena, items ? NS_DISCO_ITEMS : NS_DISCO_INFO, "query");
	if (disco.node != NULL)
		element_set(iq->arena, disco.query, "node", disco.node);
	if (!disco.trusted)
		return iq_result(iq, disco.query);
	disco_fill(&disco);
	if (disco.node != NULL && !disco.known)
		return iq_error(iq, ITEM_NOT_FOUND, NULL);
	if (disco.forbidden)
		return iq_error(iq, FORBIDDEN, NULL);
	return iq_result(iq, disco.query);
}

static enum outcome
on_info(void *self, struct iq *iq)
{
	(void)self;
	return ask(iq, false);
}

static enum outcome
on_items(void *self, struct iq *iq)
{
	(void)self;
	return ask(iq, true);
}

/* The same empty list for an account that does not exist. */
static enum outcome
on_undeliverable(void *self, struct stanza *stanza, enum condition why)
{
	const struct element *asked = element_only_child(stanza->element);
	struct arena *arena;
	struct element *answer, *query;

	(void)self;
	if (stanza->kind != STANZA_IQ || stanza->type != TYPE_GET || stanza->account != NULL ||
	    stanza->to.local == NULL || stanza->to.resource != NULL || why != SERVICE_UNAVAILABLE ||
	    asked == NULL || !element_is(asked, NS_DISCO_ITEMS, "query"))
		return PASS;
	arena = arena_new();
	answer = stanza_reply(arena, stanza->element, "result");
	query = element_add(arena, answer, NS_DISCO_ITEMS, "query");
	if (element_get(asked, "node") != NULL)
		element_set(arena, query, "node", element_get(asked, "node"));
	router_send_element(arena, answer, &stanza->to, &stanza->from);
	return DONE;
}

/* XEP-0030 §4.3: an account's items are its available resources, for who may see them. */
static void
list_resources(struct disco *disco)
{
	struct session *session;

	LIST_EACH (&disco->account->sessions, session, struct session, place)
		if (session->available)
			disco_item(disco, session->jid->full, NULL, NULL);
}

/* XEP-0157 §7.1: the kinds that are registered. */
static const char *const contact_kinds[] = { "abuse",    "admin",  "feedback", "sales",
					     "security", "status", "support",  NULL };

/* The kind of an address of the option; NULL: none that anybody would understand. */
static const char *
contact_kind(const char *address)
{
	size_t length = strcspn(address, ":");

	if (address[length] == '\0' || address[length + 1] == '\0')
		return NULL;
	for (const char *const *kind = contact_kinds; *kind != NULL; kind++)
		if (strlen(*kind) == length && strncmp(*kind, address, length) == 0)
			return *kind;
	return NULL;
}

static void
check_contacts(const struct domain *domain)
{
	const char *const *address = domain->settings->contact_addresses;

	for (; address != NULL && *address != NULL; address++)
		if (contact_kind(*address) == NULL)
			log_warn(&domain->log,
				 "contact_addresses: nobody is told of \"%s\": an address begins "
				 "with "
				 "what it is for, abuse, admin, feedback, sales, security, status "
				 "or "
				 "support, as in \"admin:mailto:admin@example.org\"",
				 *address);
}

/* XEP-0157: "admin:mailto:admin@example.org" becomes a value of "admin-addresses". */
static void
tell_contacts(struct disco *disco)
{
	const char *const *address = disco->domain->settings->contact_addresses;
	struct element *form;

	if (address == NULL || *address == NULL)
		return;
	form = form_new(disco->arena, "result", "http://jabber.org/network/serverinfo");
	for (; *address != NULL; address++) {
		const char *kind = contact_kind(*address), *var;
		struct element *field;

		if (kind == NULL)
			continue;
		var = arena_format(disco->arena, "%s-addresses", kind);
		field = form_field(form, var);
		if (field == NULL)
			field = form_add(disco->arena, form, var, "list-multi", NULL, NULL);
		element_add_text(disco->arena, field, NULL, "value", *address + strlen(kind) + 1);
	}
	element_put(disco->query, form);
}

static void
on_asking(void *self, struct disco *disco)
{
	(void)self;
	if (disco->node != NULL)
		return;
	if (disco->items && disco->account != NULL)
		list_resources(disco);
	if (!disco->items && disco->account == NULL)
		tell_contacts(disco);
}

static void
on_options_changed(void *self)
{
	if (shard_index(shard_here()) == 0) /* once is enough */
		check_contacts(domain_of(self));
}

static bool
start(void *self, struct domain *domain, struct err *err)
{
	(void)self;
	(void)err;
	if (shard_index(shard_here()) == 0)
		check_contacts(domain);
	return true;
}

static const struct iq_rule iqs[] = {
	{ IQ_GET, TO_DOMAIN | TO_ACCOUNT, NS_DISCO_INFO, "query", on_info },
	{ IQ_GET, TO_DOMAIN | TO_ACCOUNT, NS_DISCO_ITEMS, "query", on_items },
	{ 0 },
};

static const struct hook hooks[] = {
	FACT(disco_asking, on_asking),
	FACT(options_changed, on_options_changed),
	HOOK(undeliverable, FALLBACK, on_undeliverable),
	{ 0 },
};

MODULE = {
	.api = MODULE_API,
	.name = "disco",
	.about = "Service Discovery (XEP-0030, XEP-0128, XEP-0157)",
	.help = "Tells who asks what the domain can do, which services belong to it, and "
		"the addresses of its option \"contact_addresses\".  An account tells about "
		"itself to contacts who may see its presence; for everybody else there is "
		"nobody.",
	.features = NAMES(NS_DISCO_INFO, NS_DISCO_ITEMS),
	.account_features = NAMES(NS_DISCO_INFO, NS_DISCO_ITEMS),
	.iqs = iqs,
	.hooks = hooks,
	.start = start,
};
