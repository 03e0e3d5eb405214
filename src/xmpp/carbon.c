/* SPDX-License-Identifier: MIT */
/* Copies of messages for a user's other clients. */
#include "xmpp/carbon.h"

#include <string.h>

#include "xmpp/ns.h"

static const char *const names[] = { [CARBON_RECEIVED] = "received", [CARBON_SENT] = "sent" };

struct element *
carbon_wrap(struct arena *arena, enum carbon carbon, const char *bare, struct element *message)
{
	struct element *wrapper = element_new(arena, NS_CLIENT, "message");
	struct element *around;

	element_set(arena, wrapper, "from", bare);
	element_set(arena, wrapper, "type", element_get(message, "type"));
	around = element_add(arena, wrapper, NS_CARBONS, names[carbon]);
	around = element_add(arena, around, NS_FORWARD, "forwarded");
	element_put(around, message);
	return wrapper;
}

enum carbon
carbon_of(const struct element *message)
{
	ELEMENT_EACH (message, child)
		if (strcmp(child->ns, NS_CARBONS) == 0)
			for (enum carbon carbon = CARBON_RECEIVED; carbon <= CARBON_SENT; carbon++)
				if (strcmp(child->name, names[carbon]) == 0)
					return carbon;
	return CARBON_NONE;
}

struct element *
carbon_message(const struct element *copy)
{
	enum carbon carbon = carbon_of(copy);
	struct element *part = NULL;

	if (carbon != CARBON_NONE)
		part = element_child(copy, NS_CARBONS, names[carbon]);
	if (part != NULL)
		part = element_child(part, NS_FORWARD, "forwarded");
	return part != NULL ? element_child(part, NS_CLIENT, "message") : NULL;
}
