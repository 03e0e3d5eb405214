/* SPDX-License-Identifier: MIT */
/*
 * Sessions that outlive the process.
 *
 * A module that keeps a session beyond a restart (session->lasting) writes down its state, an
 * element: what core knows of it, and what other modules put there (session_saving).  It makes
 * the session anew from that while its account is loading (session_revive): nobody carries it
 * then, and nobody hears that it is there, since for its contacts it has never gone.
 */
#pragma once

#include "core/session.h"

/* Something has changed that belongs to the state: tells the modules. */
PUBLIC void session_changed(struct session *session);
PUBLIC struct element *session_save(struct session *session, struct arena *arena);
/* For account_loading.  `resource` is prepared, and nobody has it; `since` is when it was bound. */
PUBLIC struct session *session_revive(struct account *account, const char *resource, int64_t since,
				      const struct element *state);
/* A session that was made anew is carried again: its client is told how its contacts are now,
 * since it may have missed that they have gone. */
PUBLIC void session_refresh(struct session *session);

/* While a module knows of sessions in accounts that are not in memory: presence brings those
 * accounts about instead of being dropped.  Counted. */
PUBLIC void domain_has_sleepers(struct domain *domain, bool some);

/* --- core's own --- */

/* The server stops: a lasting session goes without anybody hearing of it. */
void session_put_by(struct session *session);
