/* SPDX-License-Identifier: MIT */
/* Sessions as admins see them. */
#pragma once

#include <jansson.h>

#include "base/base.h"

/* On any shard: its sessions as an array of objects, at most `limit`.  `jid` (bare or
 * full) and `domain` narrow it down; NULL: all. */
json_t *sessions_here(const char *jid, const char *domain, uint32_t limit);
/* How many there are on this shard. */
unsigned sessions_count_here(void);
