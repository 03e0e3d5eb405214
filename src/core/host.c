/* SPDX-License-Identifier: MIT */
/* Names that modules have claimed: rooms, components. */
#include "core/host.h"

#include <stdlib.h>
#include <string.h>

#include "core/internal.h"
#include "core/router.h"

static struct instance *
instance_of(void *self)
{
	struct domain *domain = domain_of(self);

	for (struct instance **i = domain->instances; *i != NULL; i++)
		if ((*i)->self == self)
			return *i;
	must(!"a module's self");
}

struct hosted *
host_find(const char *name)
{
	struct entry *entry = table_get(&here()->hosts, name);

	return TABLE_ITEM(entry, struct hosted, entry);
}

bool
host_claim(void *self, const char *name, struct err *err)
{
	struct instance *instance = instance_of(self);
	struct hosted *hosted = host_find(name);

	if (domain_find(name) != NULL)
		return err_fail(err, ERR_EXISTS, "\"%s\" is a domain of this server", name);
	if (hosted != NULL)
		return err_fail(err, ERR_EXISTS, "\"%s\" belongs to module \"%s\" already", name,
				hosted->instance->module->name);
	must(instance->module->host != NULL);
	hosted = zalloc(sizeof *hosted);
	hosted->instance = instance;
	hosted->host = instance->module->host;
	hosted->name = copy_text(name);
	table_put(&here()->hosts, &hosted->entry, hosted->name);
	return true;
}

static void
give_up(struct hosted *hosted)
{
	table_remove(&here()->hosts, &hosted->entry);
	free(hosted->name);
	free(hosted);
}

void
host_give_up(void *self, const char *name)
{
	struct hosted *hosted = host_find(name);

	if (hosted != NULL && hosted->instance->self == self)
		give_up(hosted);
}

void
hosts_give_up_all(struct instance *instance)
{
	struct entry *entry, *next;

	for (entry = table_next(&here()->hosts, NULL); entry != NULL; entry = next) {
		struct hosted *hosted = CONTAINER(entry, struct hosted, entry);

		next = table_next(&here()->hosts, entry);
		if (hosted->instance == instance)
			give_up(hosted);
	}
}

void
host_arrive(struct hosted *hosted, struct stanza *stanza)
{
	stanza->domain = hosted->instance->domain;
	if (hosted->host->arriving(hosted->instance->self, stanza) == PASS)
		router_bounce(stanza, SERVICE_UNAVAILABLE, NULL, NULL, NULL);
	stanza_drop(stanza);
}
