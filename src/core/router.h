/* SPDX-License-Identifier: MIT */
/* Where stanzas go: see core/router.c for the story of one message. */
#pragma once

#include "core/stanza.h"

/* Gives a stanza away: finds whose it is and sends it there, one post at most.  `from`
 * and `to` must be set.  Called at the stanza's present shard. */
PUBLIC void router_send(struct stanza *stanza);
/* The same for an element of ours, with its arena given away. */
PUBLIC void router_send_element(struct arena *arena, struct element *element,
				const struct jid *from, const struct jid *to);
/* Answers a stanza with an error unless it is one; the stanza's hold stays the caller's. */
void router_bounce(struct stanza *stanza, enum condition condition, const char *type,
		   const char *text, struct element *detail);

/* Stanzas routed on this shard so far. */
uint64_t router_count(void);
