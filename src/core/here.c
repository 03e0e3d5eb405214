/* SPDX-License-Identifier: MIT */
/* One shard's state, found by where we are. */
#include "core/internal.h"

static struct here shards[SHARDS_MAX];

struct here *
here(void)
{
	unsigned index = shard_index(shard_here());

	must(index < SHARDS_MAX);
	return &shards[index];
}
