/* SPDX-License-Identifier: MIT */
/* What somebody who asks by XEP-0030 hears: filled by the hook disco_asking. */
#pragma once

#include "core/stanza.h"

struct disco {
	struct arena *arena;
	struct element *query; /* the answer: put identities, features, items, forms below */
	bool items;            /* disco#items; false: disco#info */
	const char *node;      /* NULL: none.  A handler that knows it sets `known` */
	bool known;
	bool forbidden; /* known, but not to be told to `from` */
	struct domain *domain;
	struct account *account; /* the account asked; NULL: the domain */
	const struct jid *from;
	bool trusted; /* the asker may see the account's presence, or is itself */
};

PUBLIC void disco_identity(struct disco *disco, const char *category, const char *type,
			   const char *name);
PUBLIC void disco_feature(struct disco *disco, const char *feature);
PUBLIC void disco_item(struct disco *disco, const char *jid, const char *node, const char *name);

/* Makes the answer for a domain or account: features of the modules, then the hook. */
PUBLIC void disco_fill(struct disco *disco);
