/* SPDX-License-Identifier: MIT */
/*
 * Asking every shard: each answers for itself with a JSON value, and the answers come back
 * to the shard that asked.
 */
#pragma once

#include <jansson.h>

#include "base/base.h"

/* On every shard.  `ctx` is shared: it is only read.  NULL: nothing to say. */
typedef json_t *census_here_fn(void *ctx);
/* Where it was asked, once; `answers` is an array with a value a shard (null: nothing) and
 * becomes the callee's. */
typedef void census_done_fn(void *ctx, json_t *answers);

void census_start(census_here_fn *here, census_done_fn *done, void *ctx);

/* The sum of a number in the answers. */
int64_t census_sum(const json_t *answers, const char *name);
/* All answers that are arrays, as one. */
json_t *census_join(json_t *answers);
