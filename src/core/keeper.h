/* SPDX-License-Identifier: MIT */
/*
 * Who keeps a domain's messages.
 *
 * A module that does declares itself (`.keeper` in core/declare.h), one a domain.  Others keep
 * the id of a message (stanza->archive_id) and ask for the message when they need it: what
 * is still owed to a client after a crash, what waits for somebody who is away.
 */
#pragma once

#include "core/stanza.h"
#include "store/store.h"

struct domain;

struct kept_message {
	uint64_t id;
	int64_t unix_ms; /* when it came, for a <delay/> */
	/* As it was delivered, with its <stanza-id/>; NULL: it is not kept any more. */
	const struct element *message;
};

/* `messages` are those asked for, in that order, and good during the call only.  STORE_FAILED:
 * cannot tell now, and `messages` is NULL. */
typedef void keeper_fn(void *ctx, enum stored stored, const struct kept_message *messages,
		       unsigned count);

#define KEEPER_READ_MAX 100 /* ids at once */

struct keeper {
	/* Calls `fn` once, later, at the account's home. */
	void (*read)(void *self, struct account *account, const uint64_t *ids, unsigned count,
		     keeper_fn *fn, void *ctx);
};

PUBLIC bool keeper_has(const struct domain *domain);
/* Asks the keeper for messages of an account that is at home here; it is held meanwhile.  Its
 * own writes are seen. */
PUBLIC void keeper_read(struct account *account, const uint64_t *ids, unsigned count, keeper_fn *fn,
			void *ctx);
