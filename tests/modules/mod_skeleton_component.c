/* SPDX-License-Identifier: MIT */
/*
 * mod_skeleton_component -- what a component needs: a name claimed while the server runs, all
 * of it at one home, its stanzas handed over, and stanzas of its own let in.  This one claims
 * echo.DOMAIN and says everything back.
 */
#include <stdio.h>

#include "module.h"

static enum outcome
on_arriving(void *self, struct stanza *stanza)
{
	(void)self;
	if (stanza->kind != STANZA_MESSAGE || stanza->type == TYPE_ERROR)
		return PASS;
	router_send(stanza_copy(stanza, &stanza->to, &stanza->from));
	return DONE;
}

static bool
start(void *self, struct domain *domain, struct err *err)
{
	char name[512];

	(void)snprintf(name, sizeof name, "echo.%s", domain->name);
	return host_claim(self, name, err);
}

static const struct host host = {
	.homes = HOST_WHOLE,
	.category = "component",
	.type = "generic",
	.name = "Echo",
	.arriving = on_arriving,
};

MODULE = {
	.api = MODULE_API,
	.name = "skeleton_component",
	.about = "The skeleton of a component",
	.host = &host,
	.size = 1,
	.start = start,
};
