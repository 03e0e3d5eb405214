/* SPDX-License-Identifier: MIT */
/* Domains as one shard sees them. */
#include "core/domain.h"

#include <string.h>

#include "core/internal.h"

#include <string.h>

struct domain *
domain_find(const char *name)
{
	struct here *us = here();
	struct entry *entry;

	/* Mostly it is the one that was asked for last. */
	if (us->last_domain != NULL && strcmp(us->last_domain->name, name) == 0)
		return us->last_domain;
	entry = table_get(&us->domains, name);
	if (entry != NULL)
		us->last_domain = TABLE_ITEM(entry, struct domain, entry);
	return TABLE_ITEM(entry, struct domain, entry);
}

struct domain *
domain_next(struct domain *before)
{
	struct entry *entry = table_next(&here()->domains, before != NULL ? &before->entry : NULL);

	return TABLE_ITEM(entry, struct domain, entry);
}

struct domain *
domain_of(const void *self)
{
	struct domain *domain = NULL;

	while ((domain = domain_next(domain)) != NULL)
		for (struct instance **i = domain->instances; *i != NULL; i++)
			if ((*i)->self == self)
				return domain;
	must(!"a module's self");
}

struct instance *
domain_instance(const struct domain *domain, const char *module)
{
	for (struct instance **i = domain->instances; *i != NULL; i++)
		if (strcmp((*i)->module->name, module) == 0)
			return *i;
	return NULL;
}

bool
domain_is_admin(const struct domain *domain, const struct jid *who)
{
	const char *const *admin = domain->settings->admins;
	struct arena *arena = arena_new();
	bool is = false;
	struct jid jid;

	/* As the admin wrote them: "Escalus@Capulet.example" is meant, too. */
	for (; admin != NULL && *admin != NULL && !is; admin++)
		is = jid_parse(&jid, arena, *admin, NULL) && jid_equal_bare(&jid, who);
	arena_drop(arena);
	return is;
}

const struct element_rule *
domain_element_rule(const struct domain *domain, unsigned when, const char *ns, const char *name,
		    void **self)
{
	for (struct instance **i = domain->instances; *i != NULL; i++) {
		const struct element_rule *rule = (*i)->module->elements;

		for (; rule != NULL && rule->fn != NULL; rule++)
			if ((rule->when & when) != 0 && strcmp(rule->ns, ns) == 0 &&
			    (rule->name == NULL || strcmp(rule->name, name) == 0)) {
				*self = (*i)->self;
				return rule;
			}
	}
	return NULL;
}
