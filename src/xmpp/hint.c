/* SPDX-License-Identifier: MIT */
/* What a message asks of those who keep and copy it (XEP-0334). */
#include "xmpp/hint.h"
#include "xmpp/ns.h"

static const struct {
	const char *name;
	enum hint hint;
} hints[] = {
	{ "no-permanent-store", HINT_NO_PERMANENT_STORE },
	{ "no-store", HINT_NO_STORE },
	{ "no-copy", HINT_NO_COPY },
	{ "store", HINT_STORE },
};

unsigned
hints_read(const struct element *message)
{
	unsigned found = 0;

	ELEMENT_EACH (message, child)
		for (size_t i = 0; i < COUNT(hints); i++)
			if (element_is(child, NS_HINTS, hints[i].name))
				found |= hints[i].hint;
	return found;
}
