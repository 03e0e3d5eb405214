/* SPDX-License-Identifier: MIT */
/* What a domain or an account can do, from the declarations of its modules. */
#include "core/disco.h"

#include "base/text.h"

#include <string.h>

#include "core/internal.h"
#include "xmpp/ns.h"

static const char *
ns_of(const struct disco *disco)
{
	return disco->items ? NS_DISCO_ITEMS : NS_DISCO_INFO;
}

void
disco_identity(struct disco *disco, const char *category, const char *type, const char *name)
{
	struct element *identity =
		element_add(disco->arena, disco->query, ns_of(disco), "identity");

	element_set(disco->arena, identity, "category", category);
	element_set(disco->arena, identity, "type", type);
	if (name != NULL)
		element_set(disco->arena, identity, "name", name);
}

void
disco_feature(struct disco *disco, const char *feature)
{
	struct element *child;

	/* One feature may come from two modules; it is listed once. */
	ELEMENT_EACH (disco->query, known)
		if (strcmp(known->name, "feature") == 0 &&
		    text_is(element_get(known, "var"), feature))
			return;
	child = element_add(disco->arena, disco->query, ns_of(disco), "feature");
	element_set(disco->arena, child, "var", feature);
}

void
disco_item(struct disco *disco, const char *jid, const char *node, const char *name)
{
	struct element *item = element_add(disco->arena, disco->query, ns_of(disco), "item");

	element_set(disco->arena, item, "jid", jid);
	if (node != NULL)
		element_set(disco->arena, item, "node", node);
	if (name != NULL)
		element_set(disco->arena, item, "name", name);
}

static void
add_features(struct disco *disco)
{
	for (struct instance **i = disco->domain->instances; *i != NULL; i++) {
		const char *const *feature = disco->account != NULL ? (*i)->module->account_features
								    : (*i)->module->features;

		for (; feature != NULL && *feature != NULL; feature++)
			disco_feature(disco, *feature);
	}
}

static void
add_hosts(struct disco *disco)
{
	struct entry *entry = NULL;

	while ((entry = table_next(&here()->hosts, entry)) != NULL) {
		struct hosted *hosted = CONTAINER(entry, struct hosted, entry);

		if (hosted->instance->domain == disco->domain)
			disco_item(disco, hosted->name, NULL, hosted->host->name);
	}
}

void
disco_fill(struct disco *disco)
{
	if (disco->node == NULL && !disco->items) {
		if (disco->account != NULL)
			disco_identity(disco, "account", "registered", NULL);
		else
			disco_identity(disco, "server", "im", "Stentor");
		add_features(disco);
	}
	if (disco->node == NULL && disco->items && disco->account == NULL)
		add_hosts(disco);
	FACTS(disco->domain, disco_asking, disco);
}
