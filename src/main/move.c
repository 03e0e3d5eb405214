/* SPDX-License-Identifier: MIT */
/*
 * store move: all that a store holds into one of another kind, while no server runs.  The
 * configuration is left for the admin to change, and told how.
 */
#include "main/move.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/codec.h"
#include "store/store.h"
#include "core/loader.h"
#include "main/server.h"
#include "main/settings.h"
#include "main/store_url.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PROGRESS_MS SECONDS(1)

struct moving {
	struct arena *arena;
	struct conf *conf;
	struct store_url url;
	const char *ca;
	const char *password_file; /* as the configuration is to say it; NULL: none */
	char *password_path;
	json_t *lines;
	int64_t told;
};

/* Of a file the password stays where it is; what was typed is kept beside the configuration, unless
 * it is there from an earlier try. */
static bool
password_place(struct moving *moving, const char *file, struct err *err)
{
	char password[STORE_PASSWORD_ROOM] = "";
	char *folder = settings_path(moving->conf, ".");
	char *path = settings_path(moving->conf, STORE_PASSWORD_FILE);
	bool good = true;

	if (file != NULL && strcmp(file, "-") != 0) {
		moving->password_file = arena_copy(moving->arena, file);
		moving->password_path = copy_text(file);
		good = access(file, R_OK) == 0 ||
		       err_fail(err, ERR_SYSTEM, "--store-password-file: could not read \"%s\": %s",
				file, strerror(errno));
	} else if (strcmp(moving->url.driver, "sqlite") != 0 &&
		   (file != NULL || access(path, F_OK) != 0)) {
		good = store_password_read(password, &moving->url, file, err);
		if (good && password[0] != '\0') {
			(void)unlink(path);
			good = store_password_write(folder, password, err);
		}
	}
	if (good && moving->password_file == NULL && moving->url.driver != NULL &&
	    strcmp(moving->url.driver, "sqlite") != 0 && access(path, F_OK) == 0) {
		moving->password_file = STORE_PASSWORD_FILE;
		moving->password_path = copy_text(path);
	}
	wipe(password, sizeof password);
	free(folder);
	free(path);
	return good;
}

/* The other store, as the configuration will name it. */
static struct store *
target_open(struct moving *moving, struct err *err)
{
	const struct store_url *url = &moving->url;
	struct store_settings settings, target;
	struct store *store;

	settings_store(&settings, moving->conf);
	target = settings;
	target.driver = url->driver;
	target.moving = true;
	target.host = url->host;
	target.port = url->port;
	target.socket = url->socket;
	target.user = url->user;
	target.database = url->database;
	target.password_file = moving->password_path;
	target.ca = moving->ca;
	target.tls = moving->ca == NULL && store_url_is_near(url) ? "optional" : "required";
	target.writers = 1;
	store = store_open(&target, err);
	settings_store_clear(&settings);
	return store;
}

/* For who sits there and waits. */
static bool
progress(struct store_move *move, uint64_t rows)
{
	struct moving *moving = move->ctx;

	if (!isatty(STDERR_FILENO) || now_ms() - moving->told < PROGRESS_MS)
		return true;
	moving->told = now_ms();
	fprintf(stderr, "%s: %" PRIu64 " rows\n", move->table, rows);
	return true;
}

static void
line_give(void *ctx, const char *name, const char *value)
{
	struct moving *moving = ctx;

	json_array_append_new(moving->lines,
			      json_string(arena_format(moving->arena, "%s = %s", name, value)));
}

static json_t *
moved_json(struct moving *moving, const struct store_move *move, struct store *to)
{
	json_t *tables = json_array();
	struct store_state from, target;

	store_state(server.store, &from);
	store_state(to, &target);
	moving->lines = json_array();
	for (size_t i = 0; i < move->count; i++)
		json_array_append_new(tables,
				      json_pack("{s:s, s:I, s:s}", "table", move->tables[i].name,
						"rows", (json_int_t)move->tables[i].rows,
						"checksum",
						arena_format(moving->arena, "%016" PRIx64,
							     move->tables[i].checksum)));
	store_url_options(&moving->url, moving->arena, moving->ca, moving->password_file, line_give,
			  moving);
	return json_pack("{s:s, s:s, s:o, s:s, s:o}", "from", from.where, "to", target.where,
			 "tables", tables, "verified", "both hold the same",
			 "now say in the section store", moving->lines);
}

bool
move_work(struct call *call, struct conf *conf, json_t **result, struct err *err)
{
	const char **modules = loader_migrating(conf);
	struct moving moving = { .arena = arena_new(), .conf = conf };
	struct store_move move = { .arena = moving.arena, .progress = progress, .ctx = &moving };
	struct store *to = NULL;
	bool good;

	moving.ca = call_text(call, "store-ca");
	good = call_text(call, "to") != NULL
		       ? store_url_read(&moving.url, moving.arena, call_text(call, "to"), err) ||
				 err_add(err, "--to")
		       : err_fail(err, ERR_SYNTAX,
				  "--to is missing: say where, for instance --to "
				  "mariadb://stentor@localhost/stentor");
	good = good && password_place(&moving, call_text(call, "store-password-file"), err);
	to = good ? target_open(&moving, err) : NULL;
	good = to != NULL && store_move(server.store, to, modules, &move, err);
	if (good)
		*result = moved_json(&moving, &move, to);
	store_close(&to);
	free(moving.password_path);
	free(modules);
	arena_drop(moving.arena);
	return good;
}
