/* SPDX-License-Identifier: MIT */
/*
 * Where a thing is at home: the one place that answers it.  On a single node the answer
 * is a shard; a cluster asks the same question one floor up, so every caller goes
 * through here.
 */
#pragma once

#include "base/table.h"
#include "loop/shard.h"
#include "xmpp/jid.h"

/* The home of an account, a room, anything named by a bare address. */
PUBLIC struct shard *directory_home(const struct jid *who);
/* The home of the link between two domains. */
PUBLIC struct shard *directory_link_home(const char *from_domain, const char *to_domain);
