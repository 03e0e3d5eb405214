/* SPDX-License-Identifier: MIT */
/* One shard's state, found by where we are. */
#include "stream/internal.h"

#include "base/base.h"

static struct stream_here shards[SHARDS_MAX];

struct stream_here *
stream_here(void)
{
	unsigned index = shard_index(shard_here());
	struct stream_here *here;

	must(index < SHARDS_MAX);
	here = &shards[index];
	if (here->tallies == NULL) {
		here->tallies = zalloc(TALLY_ROWS * TALLY_WAYS * sizeof *here->tallies);
		list_init(&here->streams);
	}
	return here;
}
