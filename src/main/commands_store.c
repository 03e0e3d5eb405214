/* SPDX-License-Identifier: MIT */
/*
 * store status, plan, migrate, backup, restore, check.  What blocks runs at the desk, and
 * clients notice nothing.
 */
#include "main/commands.h"

#include "base/arena.h"
#include "base/clock.h"
#include "loop/helper.h"
#include "store/store.h"
#include "core/loader.h"
#include "main/move.h"
#include "main/server.h"
#include "main/settings.h"
#include "main/status.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Work at the desk for one call. */
struct errand {
	struct job job;
	struct call *call;
	char *file;
	struct conf *conf;
	bool (*work)(struct errand *errand, struct err *err);
	json_t *result;
	struct err err;
	bool good;
};

static void
errand_work(struct job *job)
{
	struct errand *errand = CONTAINER(job, struct errand, job);

	errand->good = errand->work(errand, &errand->err);
}

static void
errand_done(struct job *job)
{
	struct errand *errand = CONTAINER(job, struct errand, job);

	if (errand->good) {
		call_result(errand->call, errand->result ? errand->result : json_object());
	} else {
		json_decref(errand->result);
		call_fail(errand->call, errand->err.kind, "%s", errand->err.text);
	}
	conf_drop(errand->conf);
	free(errand->file);
	free(errand);
}

static void
errand_start(struct call *call, bool (*work)(struct errand *errand, struct err *err))
{
	struct errand *errand = zalloc(sizeof *errand);

	errand->call = call;
	errand->file = copy_text(call_text(call, "file"));
	errand->conf = conf_hold(server.conf);
	errand->work = work;
	helper_start(server.desk, &errand->job, DESK_STORE, errand_work, errand_done);
}

/* --- status --- */

json_t *
store_json(void)
{
	struct store_state state;
	json_t *json;

	store_state(server.store, &state);
	json = json_pack("{s:s, s:s, s:s}", "state", state.up ? "up" : "down", "driver",
			 state.driver, "where", state.where);
	if (!state.up)
		json_object_set_new(json, "down since", json_time(state.down_since));
	if (state.trouble[0] != '\0')
		json_object_set_new(json, "last trouble", json_string(state.trouble));
	json_object_set_new(json, "bytes", json_integer(state.bytes));
	json_object_set_new(json, "reads", json_integer((json_int_t)state.reads));
	json_object_set_new(json, "batches", json_integer((json_int_t)state.batches));
	json_object_set_new(json, "rows written", json_integer((json_int_t)state.rows));
	json_object_set_new(json, "transactions", json_integer((json_int_t)state.transactions));
	json_object_set_new(json, "failures", json_integer((json_int_t)state.failures));
	json_object_set_new(json, "rows waiting", json_integer(state.waiting_rows));
	json_object_set_new(json, "slowest ms", json_integer(state.slowest_us / 1000));
	return json;
}

static void
run_status(struct call *call)
{
	call_result(call, store_json());
}

/* --- plan and migrate --- */

static bool
work_plan(struct errand *errand, struct err *err)
{
	const char **modules = loader_migrating(errand->conf);
	struct arena *arena = arena_new();
	struct store_plan *plans = NULL;
	size_t count = 0;
	bool good = store_plan(server.store, arena, modules, &plans, &count, err);

	errand->result = json_array();
	for (size_t i = 0; good && i < count; i++)
		json_array_append_new(errand->result,
				      json_pack("{s:s, s:i, s:i, s:s}", "module", plans[i].module,
						"have", plans[i].have, "want", plans[i].want, "sql",
						plans[i].sql ? plans[i].sql : ""));
	arena_drop(arena);
	free(modules);
	return good;
}

static void
run_plan(struct call *call)
{
	errand_start(call, work_plan);
}

static bool
work_migrate(struct errand *errand, struct err *err)
{
	const char **modules = loader_migrating(errand->conf);
	bool good = work_plan(errand, err);

	if (good && json_array_size(errand->result) > 0)
		good = store_migrate(server.store, modules, err);
	free(modules);
	return good;
}

static void
run_migrate(struct call *call)
{
	errand_start(call, work_migrate);
}

/* --- backup, restore, check --- */

/* The copy is written by whoever has the store open, which may not write everywhere. */
static bool
may_write_beside(const char *file, struct err *err)
{
	const char *slash = strrchr(file, '/');
	char *folder = slash > file ? copy_bytes(file, (size_t)(slash - file)) : copy_text("/");
	bool good = access(folder, W_OK | X_OK) == 0;

	if (!good && server.offline)
		err_fail(err, ERR_SYSTEM, "could not write into \"%s\": %s", folder,
			 strerror(errno));
	else if (!good)
		err_fail(err, ERR_SYSTEM,
			 "the server could not write into \"%s\": %s; say a file where it may, for "
			 "instance in \"%s\"",
			 folder, strerror(errno), server.data);
	free(folder);
	return good;
}

static bool
work_backup(struct errand *errand, struct err *err)
{
	int64_t begun = now_ms();
	struct stat about;

	if (lstat(errand->file, &about) == 0)
		return err_fail(err, ERR_EXISTS, "\"%s\" is there already; say another name",
				errand->file);
	if (!may_write_beside(errand->file, err))
		return false;
	if (!store_backup(server.store, errand->file, err))
		return false;
	if (stat(errand->file, &about) != 0)
		return err_fail(err, ERR_SYSTEM, "\"%s\": %s", errand->file, strerror(errno));
	errand->result = json_pack("{s:s, s:I, s:I, s:s}", "file", errand->file, "bytes",
				   (json_int_t)about.st_size, "ms", (json_int_t)(now_ms() - begun),
				   "verified", "it was opened and is whole");
	return true;
}

static void
run_backup(struct call *call)
{
	errand_start(call, work_backup);
}

static bool
work_restore(struct errand *errand, struct err *err)
{
	struct store_settings settings;
	bool good;

	settings_store(&settings, errand->conf);
	good = store_restore(&settings, errand->file, err);
	settings_store_clear(&settings);
	errand->result = json_pack("{s:s}", "restored from", errand->file);
	return good;
}

static void
run_restore(struct call *call)
{
	errand_start(call, work_restore);
}

static bool
work_check(struct errand *errand, struct err *err)
{
	errand->result = json_pack("{s:s}", "store", "whole");
	return store_check(server.store, err);
}

static void
run_check(struct call *call)
{
	errand_start(call, work_check);
}

static bool
work_move(struct errand *errand, struct err *err)
{
	return move_work(errand->call, errand->conf, &errand->result, err);
}

static void
run_move(struct call *call)
{
	errand_start(call, work_move);
}

/* --- the table --- */

static const struct argument move_arguments[] = {
	{ .kind = ARGUMENT_TEXT,
	  .name = "--to",
	  .help = "sqlite, or mariadb://USER@HOST[:PORT]/DATABASE" },
	{ .kind = ARGUMENT_FILE,
	  .name = "--store-password-file",
	  .help = "with the database's password, or - to read it" },
	{ .kind = ARGUMENT_FILE,
	  .name = "--store-ca",
	  .help = "certificates that vouch for the database's server" },
	{ 0 },
};

static const struct argument backup_arguments[] = {
	{ .kind = ARGUMENT_FILE,
	  .name = "file",
	  .help = "the file to write; it must not be there" },
	{ 0 },
};

static const struct argument restore_arguments[] = {
	{ .kind = ARGUMENT_FILE, .name = "file", .help = "what `store backup` wrote" },
	{ 0 },
};

const struct command store_commands[] = {
	{
		.noun = "store",
		.verb = "status",
		.run = run_status,
		.about = "whether the store works, and since when not",
		.example = "stentorctl store status",
		.flags = COMMAND_OFFLINE | COMMAND_BARE,
	},
	{
		.noun = "store",
		.verb = "plan",
		.run = run_plan,
		.about = "what would be changed in the store's tables",
		.example = "stentorctl store plan",
		.flags = COMMAND_OFFLINE | COMMAND_BARE,
	},
	{
		.noun = "store",
		.verb = "migrate",
		.run = run_migrate,
		.about = "bring the store's tables up to date",
		.help = "The server does that itself when it starts if store.automigrate lets it: "
			"unless told otherwise with SQLite, where a copy is kept of what was there "
			"before, and with MariaDB only when the database is new.",
		.example = "stentorctl store migrate",
		.flags = COMMAND_OFFLINE | COMMAND_BARE,
	},
	{
		.noun = "store",
		.verb = "backup",
		.run = run_backup,
		.about = "copy the whole store into a file while it is in use",
		.help = "The copy is opened and checked before it is called a backup.  It is "
			"written "
			"by the server, if one runs, and so in a folder that the server may write: "
			"the data folder, or /var/lib/stentor with the unit for systemd.",
		.example = "stentorctl store backup /var/lib/stentor/monday.sqlite",
		.arguments = backup_arguments,
		.flags = COMMAND_OFFLINE | COMMAND_BARE,
	},
	{
		.noun = "store",
		.verb = "restore",
		.run = run_restore,
		.about = "put a backup in the place of the store",
		.help = "The server must not run.  What the store held is replaced.",
		.example = "stentorctl store restore /var/lib/stentor/monday.sqlite",
		.arguments = restore_arguments,
		.flags = COMMAND_OFFLINE | COMMAND_ALONE | COMMAND_SHUT | COMMAND_DANGEROUS,
	},
	{
		.noun = "store",
		.verb = "move",
		.run = run_move,
		.about = "copy all that the store holds into one of another kind",
		.help = "The server must not run.  The other store must be new; what was "
			"interrupted goes on where it was when it is said again.  All tables of "
			"all "
			"modules are copied, read again on both sides, and compared by their "
			"number "
			"of rows and a checksum.  The old store is left as it is; the answer tells "
			"what to say in the configuration.",
		.example = "stentorctl store move --to mariadb://stentor@db.example.org/stentor",
		.arguments = move_arguments,
		.flags = COMMAND_OFFLINE | COMMAND_ALONE | COMMAND_BARE,
	},
	{
		.noun = "store",
		.verb = "check",
		.run = run_check,
		.about = "read all of the store and look whether it is whole",
		.example = "stentorctl store check",
		.flags = COMMAND_OFFLINE | COMMAND_BARE,
	},
	{ 0 },
};
