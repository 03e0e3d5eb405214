/* SPDX-License-Identifier: MIT */
/*
 * Stopping, in the order it happens:
 *
 *   stop_start		nobody new comes in; all streams are told system-shutdown
 *   stop_look		every tenth of a second: are all gone, has the store what it should?
 *   stop_parted	no client is there any more: sessions that wait for theirs end, and what
 *			they were owed goes to the store, which is looked at again
 *   stop_emptied	they are, or it took too long: domains and modules stop
 *   stop_end		the loops end; startup_run goes on behind shards_run
 */
#include "main/stop.h"

#include "base/clock.h"
#include "base/log.h"
#include "loop/shard.h"
#include "loop/timer.h"
#include "net/listener.h"
#include "store/store.h"
#include "core/account.h"
#include "core/domain.h"
#include "core/loader.h"
#include "core/session.h"
#include "stream/settings.h"
#include "stream/stream.h"
#include "main/admin.h"
#include "main/census.h"
#include "main/notify.h"
#include "main/reload.h"
#include "main/server.h"
#include "main/signals.h"
#include "main/tidy.h"

#include <inttypes.h>

#define PATIENCE_MS 10000
#define LOOK_MS     100

static struct timer timer;
static int64_t deadline;
static bool parted; /* stop_parted was there */

static void stop_look(void *arg);
static void stop_looked(void *ctx, json_t *answers);
static void stop_parted(void);
static void stop_emptied(void);
static void stop_end(void *ctx, json_t *answers);

static json_t *
farewell_here(void *ctx)
{
	(void)ctx;
	for (size_t i = 0; i < server.listening_count; i++)
		listener_stop(server.listening[i].listener);
	streams_shutdown(stream_settings()->see_other_host);
	return NULL;
}

static json_t *
count_here(void *ctx)
{
	(void)ctx;
	return json_pack("{s:I}", "streams", (json_int_t)streams_count());
}

static json_t *
part_here(void *ctx)
{
	struct account *account, *next;

	(void)ctx;
	for (account = account_next(NULL); account != NULL; account = next) {
		struct session *session;

		account_hold(account);
		LIST_EACH (&account->sessions, session, struct session, place)
			session_end(session, STREAM_SYSTEM_SHUTDOWN, NULL);
		next = account_next(account);
		account_drop(account);
	}
	return NULL;
}

static json_t *
close_here(void *ctx)
{
	(void)ctx;
	domains_close();
	return NULL;
}

static void
stop_told(void *ctx, json_t *answers)
{
	(void)ctx;
	json_decref(answers);
	timer_start(&timer, LOOK_MS, stop_look, NULL);
}

void
stop_start(const char *why)
{
	if (server.state == SERVER_STOPPING) {
		if (deadline > now_ms()) {
			log_warn(&log_root, "asked to stop again (%s): not waiting any longer",
				 why);
			deadline = now_ms();
		}
		return;
	}
	log_info(&log_root, "stopping: %s", why);
	notify("STOPPING=1");
	server.state = SERVER_STOPPING;
	deadline = now_ms() + PATIENCE_MS;
	tidy_close();
	census_start(farewell_here, stop_told, NULL);
}

static void
stop_look(void *arg)
{
	(void)arg;
	census_start(count_here, stop_looked, NULL);
}

static void
stop_looked(void *ctx, json_t *answers)
{
	int64_t streams = census_sum(answers, "streams");
	struct store_state state;

	(void)ctx;
	json_decref(answers);
	store_state(server.store, &state);
	if (streams > 0 || state.waiting_rows > 0) {
		if (now_ms() < deadline) {
			timer_start(&timer, LOOK_MS, stop_look, NULL);
			return;
		}
		log_warn(&log_root, "not waiting any longer streams=%" PRId64 " rows=%u", streams,
			 state.waiting_rows);
	}
	if (parted)
		stop_emptied();
	else
		stop_parted();
}

static void
stop_parted(void)
{
	parted = true;
	census_start(part_here, stop_told, NULL);
}

static void
stop_emptied(void)
{
	admin_close();
	signals_close();
	census_start(close_here, stop_end, NULL);
}

static void
stop_end(void *ctx, json_t *answers)
{
	(void)ctx;
	json_decref(answers);
	log_info(&log_root, "stopped");
	shards_stop();
}
