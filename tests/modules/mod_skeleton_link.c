/* SPDX-License-Identifier: MIT */
/*
 * mod_skeleton_link -- what links to other servers need: stanzas for domains that are not
 * ours, at one home for each pair, kept in a queue that holds their receipts until they are
 * delivered or given up.  This one keeps each for a second, then "delivers" what is for
 * *.reached.example and gives up the rest.
 */
#include <string.h>

#include "module.h"

#define PATIENCE_MS 1000

struct kept {
	struct stanza *stanza;
	struct timer timer;
};

static void
decided(void *arg)
{
	struct kept *kept = arg;
	struct stanza *stanza = kept->stanza;
	size_t length = strlen(stanza->to.domain);
	static const char reached[] = "reached.example";

	free(kept);
	if (length < sizeof reached - 1 ||
	    strcmp(stanza->to.domain + length - (sizeof reached - 1), reached) != 0)
		(void)stanza_error(stanza, REMOTE_SERVER_TIMEOUT, "nobody answered in time");
	stanza_drop(stanza);
}

static enum outcome
on_routing_out(void *self, struct stanza *stanza)
{
	struct kept *kept = zalloc(sizeof *kept);

	(void)self;
	kept->stanza = stanza_hold(stanza);
	timer_start(&kept->timer, PATIENCE_MS, decided, kept);
	return DONE;
}

static const struct hook hooks[] = {
	HOOK(routing_out, DELIVER, on_routing_out),
	{ 0 },
};

MODULE = {
	.api = MODULE_API,
	.name = "skeleton_link",
	.about = "The skeleton of links to other servers",
	.hooks = hooks,
	.size = 1,
};
