/* SPDX-License-Identifier: MIT */
#include "main/tidy.h"

#include "base/arena.h"
#include "base/log.h"
#include "loop/helper.h"
#include "loop/timer.h"
#include "stream/stream.h"
#include "main/census.h"
#include "main/server.h"

#include <inttypes.h>
#include <malloc.h>
#include <stdlib.h>

#define LOOK_MS 10000
#define MANY    500 /* streams, and a quarter of what there was */

static struct timer timer;
static int64_t most;   /* streams since memory was last given back */
static int64_t before; /* streams at the last look */

static void look(void *arg);

static json_t *
count_here(void *ctx)
{
	(void)ctx;
	return json_pack("{s:I}", "streams", (json_int_t)streams_count());
}

static json_t *
trim_here(void *ctx)
{
	(void)ctx;
	arena_trim();
	return NULL;
}

static void
trim_work(struct job *job) /* takes milliseconds a gigabyte: not on a loop */
{
	malloc_trim(0);
	free(job);
}

static void
trimmed_here(void *ctx, json_t *answers)
{
	(void)ctx;
	json_decref(answers);
	helper_start(server.desk, zalloc(sizeof(struct job)), DESK_TIDY, trim_work, NULL);
}

static void
counted(void *ctx, json_t *answers)
{
	int64_t now = census_sum(answers, "streams");

	(void)ctx;
	json_decref(answers);
	if (server.state != SERVER_RUNNING)
		return;
	if (now > most)
		most = now;
	/* When they go no more (a storm is better waited out), and there were many. */
	if (now >= before && most - now >= MANY && most - now >= most / 4) {
		log_info(&log_root, "giving memory back streams=%" PRId64 " were=%" PRId64, now,
			 most);
		most = now;
		census_start(trim_here, trimmed_here, NULL);
	}
	before = now;
	timer_start(&timer, LOOK_MS, look, NULL);
}

static void
look(void *arg)
{
	(void)arg;
	census_start(count_here, counted, NULL);
}

void
tidy_open(void)
{
	timer_start(&timer, LOOK_MS, look, NULL);
}

void
tidy_close(void)
{
	timer_stop(&timer);
}
