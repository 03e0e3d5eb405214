/* SPDX-License-Identifier: MIT */
/*
 * Acked means kept: the receipt of one stanza that came in.
 *
 * Whoever received the stanza (a client's stream, a server's link) makes a receipt for
 * it.  Every branch that must leave something behind -- rows to commit, a queue to
 * reach -- holds it, and drops it when that is done or refused with an error sent.  The
 * last drop settles the stanza: `settled` is called, at home, and may be called from
 * inside receipt_drop.
 *
 * A receipt lives at its home shard and is counted there only.  A stanza that travels
 * takes one hold along and brings it back: see core/stanza.h.
 */
#pragma once

#include "loop/shard.h"

struct receipt {
	struct shard *home;
	uint32_t holds;
	uint32_t number; /* the owner's: the stanza's place in its stream */
	uint32_t bytes;  /* the owner's: what it counts against its bound */
	bool is_awaited; /* the owner's: somebody waits for it, so it does not dawdle */
	void (*settled)(struct receipt *receipt);
	void *owner;
};

/* Holds once for the caller. */
PUBLIC struct receipt *receipt_new(void (*settled)(struct receipt *receipt), void *owner,
				   uint32_t number, uint32_t bytes);
/* Both take NULL: a stanza of our own making has no receipt. */
PUBLIC struct receipt *receipt_hold(struct receipt *receipt);
PUBLIC void receipt_drop(struct receipt *receipt);
