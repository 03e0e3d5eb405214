/* SPDX-License-Identifier: MIT */
/*
 * In the order it happens:
 *
 *   offline_run	the configuration is read, the store opened
 *   offline_shard	the loop runs: domains start; the command runs
 *   offline_answered	the answer is there
 *   offline_look	what the command set in motion (a contact that must be told, say) comes to
 *			rest; then domains stop and the loop ends
 */
#include "main/offline.h"

#include "base/log.h"
#include "loop/helper.h"
#include "loop/shard.h"
#include "loop/timer.h"
#include "store/store.h"
#include "core/account.h"
#include "core/credentials.h"
#include "core/id.h"
#include "core/loader.h"
#include "main/admin.h"
#include "main/commands.h"
#include "main/server.h"
#include "main/settings.h"
#include "main/startup.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct offline {
	const struct command *command;
	const json_t *arguments;
	struct call call;
	json_t *answer;
	struct post post;
	struct timer timer;
	unsigned quiet, looks;
};

#define LOOK_MS     50
#define QUIET_LOOKS 2
#define LOOKS_MAX   200

static json_t *
refusal(const char *kind, const char *text)
{
	return json_pack("{s:b, s:s, s:s}", "ok", 0, "kind", kind, "error", text);
}

static bool
is_at_rest(void)
{
	struct store_state state;

	for (struct account *a = account_next(NULL); a != NULL; a = account_next(a))
		if (a->state == ACCOUNT_LOADING || a->lane_count > 0 || a->draining)
			return false;
	if (server.store == NULL)
		return true;
	store_state(server.store, &state);
	return state.waiting_rows == 0;
}

static void
offline_look(void *arg)
{
	struct offline *offline = arg;

	offline->looks++;
	offline->quiet = is_at_rest() ? offline->quiet + 1 : 0;
	if (offline->quiet < QUIET_LOOKS && offline->looks < LOOKS_MAX) {
		timer_start(&offline->timer, LOOK_MS, offline_look, offline);
		return;
	}
	domains_close();
	shards_stop();
}

static void
offline_answered(struct call *call, json_t *result, const struct err *err)
{
	struct offline *offline = call->ctx;

	offline->answer = err ? refusal(admin_kind(err->kind), err->text) : admin_answer(result);
	/* Nobody in memory: nothing was set in motion. */
	if (account_count() == 0)
		offline->quiet = QUIET_LOOKS;
	shard_post(shard_here(), &offline->post, offline_look, offline);
}

static void
offline_shard(void *arg)
{
	struct offline *offline = arg;
	struct call *call = &offline->call;
	struct err err;

	call->command = offline->command;
	call->answered = offline_answered;
	call->ctx = offline;
	if (!call_read(call, offline->arguments, &err)) {
		offline->answer = refusal("usage", err.text);
		json_decref(call->arguments);
		shards_stop();
		return;
	}
	if ((offline->command->flags & (COMMAND_SHUT | COMMAND_BARE)) == 0 &&
	    !domains_apply(server.conf, server.store, &err))
		log_warn(&log_root, "%s", err.text);
	command_run(call);
}

static json_t *
run_on_shard(const struct command *command, const json_t *arguments)
{
	struct offline offline = { .command = command, .arguments = arguments };

	server.desk = helper_pool_new("desk", DESK_THREADS, 0);
	shards_run(offline_shard, &offline);
	helper_pool_free(&server.desk);
	return offline.answer ? offline.answer : refusal("failed", "the command gave no answer");
}

/* A store without migrating it: for looking at it as it is. */
static struct store *
store_as_it_is(const struct conf *conf, struct text *faults)
{
	struct store_settings settings;
	struct store *store;
	struct err err;

	settings_store(&settings, conf);
	store = store_open(&settings, &err);
	if (store == NULL)
		text_addf(faults, "store: %s\n", err.text);
	settings_store_clear(&settings);
	return store;
}

json_t *
offline_run(const char *conf_path, int lock, const struct command *command, const json_t *arguments)
{
	bool bare = (command->flags & COMMAND_BARE) != 0,
	     shut = (command->flags & COMMAND_SHUT) != 0;
	struct text faults = { 0 };
	json_t *answer;
	struct err err;

	server.lock = lock;
	server.offline = true;
	umask(027);
	log_set_level(LOG_WARN_);
	server.conf_path = copy_text(conf_path);
	server.conf = settings_read(conf_path, &faults);
	if (server.conf == NULL) {
		answer = refusal("syntax", "the configuration has faults");
		json_object_set_new(answer, "faults", json_lines(faults.bytes));
		goto end;
	}
	server.data = settings_data(server.conf);
	if (!user_become(settings_server(server.conf)->user, lock, &err)) {
		answer = refusal(admin_kind(err.kind), err.text);
		conf_drop(server.conf);
		goto end;
	}
	shards_open(1);
	if (!shut)
		server.store = bare ? store_as_it_is(server.conf, &faults)
				    : startup_store(server.conf, &faults);
	if (server.store != NULL && !bare &&
	    (!credentials_open(server.store, &err) || !ids_open(server.store, &err)))
		text_addf(&faults, "%s\n", err.text);
	if (faults.length > 0) {
		faults.bytes[strcspn(faults.bytes, "\n")] = '\0';
		answer = refusal("down", faults.bytes);
	} else {
		answer = run_on_shard(command, arguments);
	}
	if (!bare && !shut) {
		credentials_close();
		ids_close();
	}
	if (server.store != NULL)
		store_close(&server.store);
	shards_close();
	conf_drop(server.conf);
end:
	text_clear(&faults);
	free(server.conf_path);
	free(server.data);
	lock_give_back(&server.lock);
	return answer;
}
