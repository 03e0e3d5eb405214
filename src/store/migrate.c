/* SPDX-License-Identifier: MIT */
/*
 * Migrations: numbered SQL files of a module, each applied once and recorded.
 *
 * They are named SCHEMAS/DRIVER/MODULE-NNN-words.sql and numbered from 001 without a gap.
 * The table "migrations" says which were applied.  The store's own module "store" comes
 * before all others.  Each file runs in a transaction of its own, together with its record,
 * after looking whether somebody else was faster.
 */
#include "store/store.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "store/internal.h"

#define OWN         "store"
#define SCRIPT_MAX  (1 << 20)
#define NUMBERS_MAX 999

/* One file. */
struct script {
	int number;
	const char *name, *path;
};

struct scripts {
	struct script *scripts;
	size_t count;
};

/* What one module still needs. */
struct need {
	const char *module;
	int have;
	struct scripts scripts;
};

static const struct statement migrations_list = {
	.name = "migrations.list",
	.in = "",
	.out = "ti",
	.sqlite = "SELECT module, max(number) FROM migrations GROUP BY module",
};
static const struct statement migration_last = {
	.name = "migration.last",
	.in = "t",
	.out = "i",
	.sqlite = "SELECT max(number) FROM migrations WHERE module = ?",
};
static const struct statement migration_record = {
	.name = "migration.record",
	.in = "titi",
	.out = "",
	.sqlite = "INSERT INTO migrations (module, number, name, applied) VALUES (?, ?, ?, ?)",
};

const struct statement probe_write = {
	.name = "probe.write",
	.in = "",
	.out = "",
	.sqlite = "UPDATE migrations SET applied = applied WHERE module = 'store' AND number = 1",
};
const struct statement probe_read = {
	.name = "probe.read",
	.in = "",
	.out = "i",
	.sqlite = "SELECT number FROM migrations WHERE module = 'store' AND number = 1",
};

const struct statement *const migration_statements[] = {
	&migrations_list, &migration_last, &migration_record, &probe_write, &probe_read, NULL,
};

static bool needs_find(struct store *store, struct arena *arena, const char *const *modules,
		       struct need **needs, size_t *count, bool *new, struct err *err);
static bool need_find(struct store *store, struct arena *arena, const char *module,
		      const struct rows *recorded, struct need *need, struct err *err);
static bool recorded_read(struct store *store, struct arena *arena, struct rows *rows,
			  struct err *err);
static bool newer(const char *module, int have, int known, struct err *err);
static bool scripts_find(struct arena *arena, const char *schemas, const char *driver,
			 const char *module, struct scripts *found, struct err *err);
static bool scripts_are_in_line(const char *module, const struct scripts *scripts, struct err *err);
static int script_number(const char *file, const char *module);
static int by_number(const void *a, const void *b);
static bool script_read(struct text *text, const struct script *script, struct err *err);
static bool script_apply(struct store *store, struct connection *connection, const char *module,
			 const struct script *script, struct err *err);
static bool script_run(struct store *store, struct connection *connection, const char *module,
		       const struct script *script, const char *sql, struct failure *failure);

/* --- what is to be done --- */

bool
store_is_new(struct store *store)
{
	struct arena *arena = arena_new();
	struct rows rows;
	bool new = recorded_read(store, arena, &rows, NULL) && rows.count == 0;

	arena_drop(arena);
	return new;
}

bool
store_plan(struct store *store, struct arena *arena, const char *const *modules,
	   struct store_plan **plans, size_t *count, struct err *err)
{
	struct need *needs;
	size_t n;
	bool new;

	if (!needs_find(store, arena, modules, &needs, &n, &new, err))
		return false;
	*plans = arena_alloc(arena, (n + 1) * sizeof **plans);
	for (size_t i = 0; i < n; i++) {
		struct scripts *scripts = &needs[i].scripts;
		struct text sql = { 0 };

		for (size_t j = 0; j < scripts->count; j++) {
			text_addf(&sql, "-- %s\n", scripts->scripts[j].name);
			if (!script_read(&sql, &scripts->scripts[j], err)) {
				text_clear(&sql);
				return false;
			}
		}
		(*plans)[i] = (struct store_plan) {
			.module = needs[i].module,
			.have = needs[i].have,
			.want = scripts->scripts[scripts->count - 1].number,
			.sql = arena_copy(arena, sql.bytes),
		};
		text_clear(&sql);
	}
	*count = n;
	return true;
}

/* Those that lack something, in the order in which it will be applied; `*new`: nothing
 * was ever applied. */
static bool
needs_find(struct store *store, struct arena *arena, const char *const *modules,
	   struct need **needs, size_t *count, bool *new, struct err *err)
{
	struct rows recorded;
	size_t most = 1, n = 0;

	while (modules[most - 1] != NULL)
		most++;
	*needs = arena_alloc(arena, most * sizeof **needs);
	if (!recorded_read(store, arena, &recorded, err))
		return false;
	for (size_t i = 0; i < most; i++) {
		const char *module = i == 0 ? OWN : modules[i - 1];
		struct need *need = &(*needs)[n];

		if (i > 0 && strcmp(module, OWN) == 0)
			continue;
		if (!need_find(store, arena, module, &recorded, need, err))
			return false;
		if (need->scripts.count > 0)
			n++;
	}
	*new = recorded.count == 0;
	*count = n;
	return true;
}

/* Leaves in `need` the scripts that are still to be applied. */
static bool
need_find(struct store *store, struct arena *arena, const char *module, const struct rows *recorded,
	  struct need *need, struct err *err)
{
	struct scripts all;
	int have = 0;

	for (size_t i = 0; i < recorded->count; i++)
		if (strcmp(ROW(recorded, i)[0].bytes, module) == 0)
			have = (int)ROW(recorded, i)[1].integer;
	if (!scripts_find(arena, store->schemas, store->driver->name, module, &all, err))
		return false;
	if (have > (int)all.count)
		return newer(module, have, (int)all.count, err);
	*need = (struct need) {
		.module = arena_copy(arena, module),
		.have = have,
		.scripts = { all.scripts + have, all.count - (size_t)have },
	};
	return true;
}

static bool
recorded_read(struct store *store, struct arena *arena, struct rows *rows, struct err *err)
{
	struct lane *lane = &store->lanes[0];
	struct failure failure;
	bool good;

	pthread_mutex_lock(&lane->using);
	good = store->driver->read(lane->connection, &migrations_list, NULL, 0, STORE_READ_MAX,
				   arena, rows, &failure);
	pthread_mutex_unlock(&lane->using);
	return good || err_fail(err, ERR_DOWN, "%s: could not read which migrations it has: %s",
				store->vault->where, failure.text);
}

bool
versions_check(struct store *store, bool moving, struct err *err)
{
	struct arena *arena = arena_new();
	struct rows rows;
	bool good = recorded_read(store, arena, &rows, err);

	for (size_t i = 0; good && !moving && i < rows.count; i++)
		good = strcmp(ROW(&rows, i)[0].bytes, MOVING) != 0 ||
		       err_fail(err, ERR_REFUSED,
				"%s: not all was moved there yet: say  stentorctl store move  "
				"again",
				store->vault->where);
	for (size_t i = 0; good && i < rows.count; i++)
		good = version_is_known(store->schemas, store->driver->name, ROW(&rows, i)[0].bytes,
					(int)ROW(&rows, i)[1].integer, err);
	arena_drop(arena);
	return good;
}

bool
version_is_known(const char *schemas, const char *driver, const char *module, int have,
		 struct err *err)
{
	struct arena *arena = arena_new();
	struct scripts scripts;
	bool good = scripts_find(arena, schemas, driver, module, &scripts, err);

	/* Of a module that is not installed any more, nobody will use the tables. */
	if (good && scripts.count > 0 && have > (int)scripts.count)
		good = newer(module, have, (int)scripts.count, err);
	arena_drop(arena);
	return good;
}

static bool
newer(const char *module, int have, int known, struct err *err)
{
	return err_fail(err, ERR_REFUSED,
			"the store was written by a newer version: module \"%s\" is at %d, this "
			"one "
			"knows %d",
			module, have, known);
}

/* --- files --- */

static bool
scripts_find(struct arena *arena, const char *schemas, const char *driver, const char *module,
	     struct scripts *found, struct err *err)
{
	const char *path = arena_format(arena, "%s/%s", schemas, driver);
	DIR *folder = opendir(path);
	struct script *scripts = NULL;
	struct dirent *file;
	size_t count = 0;

	if (folder == NULL)
		return err_fail(err, ERR_SYSTEM,
				"could not read the folder of migrations \"%s\": %s", path,
				strerror(errno));
	while ((file = readdir(folder)) != NULL) {
		int number = script_number(file->d_name, module);

		if (number <= 0)
			continue;
		scripts = resize(scripts, (count + 1) * sizeof *scripts);
		scripts[count++] = (struct script) {
			.number = number,
			.name = arena_copy(arena, file->d_name),
			.path = arena_format(arena, "%s/%s", path, file->d_name),
		};
	}
	closedir(folder);

	found->count = count;
	found->scripts = arena_alloc(arena, (count + 1) * sizeof *scripts);
	if (count > 0) {
		qsort(scripts, count, sizeof *scripts, by_number);
		memcpy(found->scripts, scripts, count * sizeof *scripts);
	}
	free(scripts);
	return scripts_are_in_line(module, found, err);
}

/* The number in MODULE-NNN-words.sql; 0 when it is another's file. */
static int
script_number(const char *file, const char *module)
{
	size_t length = strlen(module), all = strlen(file);
	const char *at = file + length;
	int number = 0;

	if (strncmp(file, module, length) != 0 || *at++ != '-')
		return 0;
	for (int i = 0; i < 3; i++, at++) {
		if (*at < '0' || *at > '9')
			return 0;
		number = 10 * number + (*at - '0');
	}
	if ((*at != '-' && *at != '.') || strcmp(file + all - strlen(".sql"), ".sql") != 0)
		return 0;
	return number;
}

static int
by_number(const void *a, const void *b)
{
	return ((const struct script *)a)->number - ((const struct script *)b)->number;
}

static bool
scripts_are_in_line(const char *module, const struct scripts *found, struct err *err)
{
	for (size_t i = 0; i < found->count; i++) {
		int number = found->scripts[i].number, want = (int)i + 1;

		if (number > want)
			return err_fail(err, ERR_ABSENT,
					"of module \"%s\" migration %03d is missing before \"%s\"",
					module, want, found->scripts[i].name);
		if (number < want)
			return err_fail(err, ERR_EXISTS,
					"module \"%s\" has two migrations %03d: \"%s\" and \"%s\"",
					module, number, found->scripts[i - 1].name,
					found->scripts[i].name);
	}
	return true;
}

/* Adds the file to `text`, with a line's end. */
static bool
script_read(struct text *text, const struct script *script, struct err *err)
{
	FILE *file = fopen(script->path, "re");
	size_t before = text->length, got;

	if (file == NULL)
		return err_fail(err, ERR_SYSTEM, "could not open \"%s\": %s", script->path,
				strerror(errno));
	do {
		got = fread(text_reserve(text, BUFSIZ), 1, BUFSIZ, file);
		text->length += got;
	} while (got > 0 && text->length - before <= SCRIPT_MAX);
	if (ferror(file)) {
		fclose(file);
		return err_fail(err, ERR_SYSTEM, "could not read \"%s\"", script->path);
	}
	fclose(file);
	text_add(text, "\n");
	if (text->length - before > SCRIPT_MAX)
		return err_fail(err, ERR_LIMIT, "\"%s\" is longer than %d bytes", script->path,
				SCRIPT_MAX);
	if (strlen(text->bytes) != text->length)
		return err_fail(err, ERR_SYNTAX, "\"%s\" holds a NUL", script->path);
	return true;
}

/* --- doing it --- */

bool
store_migrate(struct store *store, const char *const *modules, struct err *err)
{
	struct arena *arena = arena_new();
	const struct driver *driver = store->driver;
	struct lane *lane = &store->lanes[0];
	struct connection *connection = lane->connection;
	struct need *needs;
	size_t count;
	bool good, new;

	good = needs_find(store, arena, modules, &needs, &count, &new, err);
	if (good && count > 0 && !new && driver->keep_copy != NULL)
		good = driver->keep_copy(store->vault, err) ||
		       err_add(err, "could not make a copy before changing tables");
	pthread_mutex_lock(&lane->using);
	if (good && count > 0 && driver->tends) {
		connection = driver->connect(store->vault, TO_TEND, err);
		good = connection != NULL;
	}
	for (size_t i = 0; good && i < count; i++)
		for (size_t j = 0; good && j < needs[i].scripts.count; j++)
			good = script_apply(store, connection, needs[i].module,
					    &needs[i].scripts.scripts[j], err);
	if (connection != NULL && connection != lane->connection)
		driver->disconnect(&connection);
	pthread_mutex_unlock(&lane->using);
	arena_drop(arena);
	return good;
}

static bool
script_apply(struct store *store, struct connection *connection, const char *module,
	     const struct script *script, struct err *err)
{
	struct text sql = { 0 };
	struct failure failure;
	bool good;

	if (!script_read(&sql, script, err)) {
		text_clear(&sql);
		return false;
	}
	good = store->driver->begin(connection, &failure) &&
	       script_run(store, connection, module, script, sql.bytes, &failure) &&
	       store->driver->commit(connection, &failure);
	if (!good)
		store->driver->rollback(connection);
	text_clear(&sql);
	if (!good)
		return err_fail(err, failure.fault == FAULT_OWN ? ERR_REFUSED : ERR_DOWN,
				"could not apply migration \"%s\": %s", script->path, failure.text);
	log_info(&store->scope, "migrated module=%s to=%d", module, script->number);
	return true;
}

/* In a transaction, so that nobody else applies it meanwhile. */
static bool
script_run(struct store *store, struct connection *connection, const char *module,
	   const struct script *script, const char *sql, struct failure *failure)
{
	const struct driver *driver = store->driver;
	const struct value in[] = { text_value(module), INTEGER_VALUE(script->number),
				    text_value(script->name), INTEGER_VALUE(now_seconds()) };
	const struct value *row = in;
	struct arena *arena = arena_new();
	struct rows rows;
	size_t at;
	bool good;

	good = driver->read(connection, &migration_last, in, 1, 1, arena, &rows, failure);
	if (good && (ROW(&rows, 0)[0].null || ROW(&rows, 0)[0].integer < script->number))
		good = driver->script(connection, sql, failure) &&
		       driver->write(connection, &migration_record, &row, 1, &at, failure);
	arena_drop(arena);
	return good;
}
