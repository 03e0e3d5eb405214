/* SPDX-License-Identifier: MIT */
#include "main/census.h"

#include "loop/shard.h"

#include <stdlib.h>

struct slip {
	struct post post;
	struct census *census;
	unsigned shard;
	json_t *answer;
};

struct census {
	struct shard *home;
	unsigned awaited;
	census_here_fn *here;
	census_done_fn *done;
	void *ctx;
	json_t *answers;
	struct slip slips[];
};

static void
slip_returned(void *arg) /* at home, one slip at a time */
{
	struct slip *slip = arg;
	struct census *census = slip->census;

	json_array_set_new(census->answers, slip->shard, slip->answer ? slip->answer : json_null());
	if (--census->awaited > 0)
		return;
	census->done(census->ctx, census->answers);
	free(census);
}

static void
slip_arrived(void *arg) /* on every shard, each with its own slip */
{
	struct slip *slip = arg;

	slip->answer = slip->census->here(slip->census->ctx);
	shard_post(slip->census->home, &slip->post, slip_returned, slip);
}

void
census_start(census_here_fn *here, census_done_fn *done, void *ctx)
{
	unsigned count = shard_count();
	struct census *census = zalloc(sizeof *census + count * sizeof census->slips[0]);

	census->home = shard_here();
	census->awaited = count;
	census->here = here;
	census->done = done;
	census->ctx = ctx;
	census->answers = json_array();
	for (unsigned i = 0; i < count; i++) {
		json_array_append_new(census->answers, json_null());
		census->slips[i].census = census;
		census->slips[i].shard = i;
	}
	for (unsigned i = 0; i < count; i++)
		shard_post(shard_at(i), &census->slips[i].post, slip_arrived, &census->slips[i]);
}

int64_t
census_sum(const json_t *answers, const char *name)
{
	int64_t sum = 0;

	for (size_t i = 0; i < json_array_size(answers); i++)
		sum += json_integer_value(json_object_get(json_array_get(answers, i), name));
	return sum;
}

json_t *
census_join(json_t *answers)
{
	json_t *all = json_array();

	for (size_t i = 0; i < json_array_size(answers); i++) {
		json_t *answer = json_array_get(answers, i);

		if (json_is_array(answer))
			json_array_extend(all, answer);
	}
	json_decref(answers);
	return all;
}
