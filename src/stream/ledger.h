/* SPDX-License-Identifier: MIT */
/*
 * What became of the stanzas of one stream: which were heard, and up to which all are
 * settled (XEP-0198's h is that prefix, never a mere count).
 *
 * Stanzas are numbered from 1, and numbers wrap as h does.  Most settle in order, and then
 * this is four numbers; those that settle early are bits in a ring that exists only while
 * there are some.
 */
#pragma once

#include "base/base.h"

#define LEDGER_SPAN 1024u /* stanzas between the prefix and the last one heard */

struct ledger {
	uint32_t heard;   /* the number of the last one */
	uint32_t settled; /* all up to this one are settled */
	uint32_t open;    /* heard and not settled */
	uint32_t early;   /* settled beyond the prefix */
	size_t bytes;     /* that the open ones hold */
	uint64_t *ring;
};

/* The number of a stanza that holds `bytes`.  There must be room: ledger_has_room. */
uint32_t ledger_open(struct ledger *ledger, uint32_t bytes);
/* It is settled.  True when the prefix has grown. */
bool ledger_settle(struct ledger *ledger, uint32_t number, uint32_t bytes);
/* Whether another stanza can be numbered at all. */
bool ledger_has_room(const struct ledger *ledger);
void ledger_clear(struct ledger *ledger);
