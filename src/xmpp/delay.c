/* SPDX-License-Identifier: MIT */
/* When a stanza was said that comes late (XEP-0203). */
#include "xmpp/delay.h"
#include "base/text.h"
#include "xmpp/datetime.h"
#include "xmpp/ns.h"

struct element *
delay_element(struct arena *arena, const char *from, int64_t unix_ms, const char *reason)
{
	struct element *delay = element_new(arena, NS_DELAY, "delay");

	element_set(arena, delay, "from", from);
	element_set(arena, delay, "stamp", datetime_ms(arena, unix_ms));
	element_put_text(arena, delay, reason);
	return delay;
}

bool
delay_read(struct delay *delay, struct arena *arena, const struct element *stanza, const char *from)
{
	ELEMENT_EACH (stanza, child) {
		const char *stamp, *text;

		if (!element_is(child, NS_DELAY, "delay") ||
		    (from != NULL && !text_is(element_get(child, "from"), from)))
			continue;
		stamp = element_get(child, "stamp");
		if (stamp == NULL || !datetime_parse(&delay->unix_ms, stamp))
			continue;
		text = element_text(arena, child);
		delay->from = element_get(child, "from");
		delay->reason = *text != '\0' ? text : NULL;
		return true;
	}
	return false;
}
