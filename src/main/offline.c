/* SPDX-License-Identifier: MIT */
/*
 * In the order it happens:
 *
 *   offline_run	the configuration is read, the store opened
 *   offline_shard	the loop runs: domains start
 *   offline_ask	the command runs
 *   offline_answered	the answer is there; there may be another question
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
	struct talk *talk;
	struct call call;
	struct post post;
	struct timer timer;
	unsigned quiet, looks;
};

#define LOOK_MS     50
#define QUIET_LOOKS 2
#define LOOKS_MAX   200

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

static void offline_ask(void *arg);

static void
offline_answered(struct call *call, json_t *result, const struct err *err)
{
	struct offline *offline = call->ctx;
	struct talk *talk = offline->talk;

	talk->heard(talk,
		    err ? talk_refusal(admin_kind(err->kind), err->text) : admin_answer(result));
	/* Nobody in memory: nothing was set in motion. */
	if (account_count() == 0)
		offline->quiet = QUIET_LOOKS;
	shard_post(shard_here(), &offline->post, talk->command != NULL ? offline_ask : offline_look,
		   offline);
}

static void
offline_ask(void *arg)
{
	struct offline *offline = arg;
	struct talk *talk = offline->talk;
	struct call *call = &offline->call;
	struct err err;

	*call = (struct call) {
		.command = talk->command,
		.answered = offline_answered,
		.ctx = offline,
	};
	if (call_read(call, talk->arguments, &err)) {
		command_run(call);
		return;
	}
	json_decref(call->arguments);
	talk->heard(talk, talk_refusal("usage", err.text));
	shard_post(shard_here(), &offline->post, offline_look, offline);
}

static void
offline_shard(void *arg)
{
	struct offline *offline = arg;
	struct err err;

	if ((offline->talk->command->flags & (COMMAND_SHUT | COMMAND_BARE)) == 0 &&
	    !domains_apply(server.conf, server.store, &err))
		log_warn(&log_root, "%s", err.text);
	offline_ask(offline);
}

static void
run_on_shard(struct talk *talk)
{
	struct offline offline = { .talk = talk };

	server.desk = helper_pool_new("desk", DESK_THREADS, 0);
	shards_run(offline_shard, &offline);
	helper_pool_free(&server.desk);
	if (talk->command != NULL)
		talk_over(talk, talk_refusal("failed", "the command gave no answer"));
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

void
offline_run(const char *conf_path, int lock, struct talk *talk)
{
	bool bare = (talk->command->flags & COMMAND_BARE) != 0,
	     shut = (talk->command->flags & COMMAND_SHUT) != 0;
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
		answer = talk_refusal("syntax", "the configuration has faults");
		json_object_set_new(answer, "faults", json_lines(faults.bytes));
		talk_over(talk, answer);
		goto end;
	}
	server.data = settings_data(server.conf);
	if (!user_become(settings_server(server.conf)->user, lock, &err)) {
		talk_over(talk, talk_refusal(admin_kind(err.kind), err.text));
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
		talk_over(talk, talk_refusal("down", faults.bytes));
	} else {
		run_on_shard(talk);
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
}
