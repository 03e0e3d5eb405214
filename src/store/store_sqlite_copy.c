/* SPDX-License-Identifier: MIT */
/*
 * Copies of an SQLite store: made while it is in use, checked, and put in its place.
 *
 * A copy is written beside where it shall be, as NAME.partial, by SQLite's own backup in
 * one step, so that it is one moment of the store whatever is written meanwhile.  It is
 * then opened, read as a whole and compared, and only then gets its name.
 */
#include "store/driver.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"
#include "store/internal.h"
#include "store/sqlite.h"

#define BUSY_MS    2000
#define COPIES_MAX 100

static const char versions_sql[] =
	"SELECT module, max(number) FROM migrations GROUP BY module ORDER BY module";

static const char *const companions[] = { "-wal", "-shm", "-journal" };

static bool copy_into(const char *path, sqlite3 *source, const char *source_name, struct err *err);
static bool copy_pages(sqlite3 *to, sqlite3 *from, int *code);
static bool copy_check(const char *path, const char *versions, struct err *err);
static bool copy_name(const char *partial, const char *path, struct err *err);
static void copy_remove(const char *path);
static sqlite3 *database_open(const char *path, bool writes, struct err *err);
static bool database_check(sqlite3 *db, const char *name, struct err *err);
static bool versions_read(struct text *versions, sqlite3 *db, const char *name, struct err *err);
static bool versions_known(const struct store_settings *settings, const char *versions,
			   struct err *err);
static bool old_settle(const char *file, struct err *err);
static bool old_keep(const char *file, struct err *err);
static char *free_name(const char *file, const char *suffix);
static bool synchronise(const char *path, int flags, struct err *err);
static char *folder_of(const char *path);
static bool is_there(const char *path);

bool
sqlite_check(struct vault *opened, struct connection *shared, struct err *err)
{
	struct sqlite_vault *vault = CONTAINER(opened, struct sqlite_vault, vault);
	sqlite3 *db = shared != NULL ? shared->db : database_open(vault->file, false, err);
	bool good = db != NULL && database_check(db, opened->where, err);

	if (shared == NULL)
		sqlite3_close(db);
	return good;
}

/* --- making one --- */

bool
sqlite_backup(struct vault *opened, struct connection *shared, const char *path, struct err *err)
{
	struct sqlite_vault *vault = CONTAINER(opened, struct sqlite_vault, vault);
	struct text versions = { 0 };
	char *partial;
	sqlite3 *db;
	bool good;
	int code;

	if (is_there(path))
		return err_fail(err, ERR_EXISTS, "\"%s\" is there already", path);
	db = shared != NULL ? shared->db : database_open(vault->file, false, err);
	if (db == NULL)
		return false;
	partial = format_text("%s.partial", path);
	copy_remove(partial);

	/* One moment of the store for the versions and for the pages. */
	good = sqlite_run(db, "BEGIN", NULL, &code) || sqlite_fail(err, opened->where, db, code);
	good = good && versions_read(&versions, db, opened->where, err) &&
	       copy_into(partial, db, opened->where, err);
	sqlite_run(db, "ROLLBACK", NULL, &code);
	if (shared == NULL)
		sqlite3_close(db);
	good = good && copy_check(partial, versions.bytes != NULL ? versions.bytes : "", err) &&
	       copy_name(partial, path, err);
	if (!good)
		copy_remove(partial);
	free(partial);
	text_clear(&versions);
	return good;
}

bool
sqlite_keep_copy(struct vault *opened, struct err *err)
{
	struct sqlite_vault *vault = CONTAINER(opened, struct sqlite_vault, vault);
	time_t now = (time_t)now_seconds();
	char *folder, *path, *name, when[32];
	struct tm tm;
	bool good;

	if (vault->file == NULL)
		return true;
	gmtime_r(&now, &tm);
	strftime(when, sizeof when, "%Y%m%d-%H%M%S", &tm);
	folder = vault->folder != NULL ? copy_text(vault->folder) : folder_of(vault->file);
	path = format_text("%s/backup-before-migration-%s", folder, when);
	name = free_name(path, ".db");
	good = sqlite_backup(opened, NULL, name, err);
	free(folder);
	free(path);
	free(name);
	return good;
}

static bool
copy_into(const char *path, sqlite3 *source, const char *source_name, struct err *err)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600), code;
	sqlite3 *copy;
	bool good;

	if (fd < 0)
		return err_fail(err, ERR_SYSTEM, "could not make \"%s\": %s", path,
				strerror(errno));
	close(fd);
	copy = database_open(path, true, err);
	if (copy == NULL)
		return false;
	/* Without a WAL of its own the copy is one file. */
	good = copy_pages(copy, source, &code) ||
	       err_fail(err, ERR_SYSTEM, "could not copy \"%s\" to \"%s\": %s", source_name, path,
			sqlite_words(copy, code));
	good = good && (sqlite_run(copy, "PRAGMA journal_mode = DELETE", NULL, &code) ||
			sqlite_fail(err, path, copy, code));
	sqlite3_close(copy);
	return good && synchronise(path, O_RDWR, err);
}

static bool
copy_pages(sqlite3 *to, sqlite3 *from, int *code)
{
	sqlite3_backup *backup = sqlite3_backup_init(to, "main", from, "main");
	int end;

	if (backup == NULL) {
		*code = sqlite3_errcode(to);
		return false;
	}
	*code = sqlite3_backup_step(backup, -1);
	end = sqlite3_backup_finish(backup);
	if (*code == SQLITE_DONE)
		*code = end;
	return *code == SQLITE_OK;
}

static bool
copy_check(const char *path, const char *versions, struct err *err)
{
	sqlite3 *copy = database_open(path, false, err);
	struct text found = { 0 };
	bool good;

	good = copy != NULL && database_check(copy, path, err) &&
	       versions_read(&found, copy, path, err);
	if (good && strcmp(found.bytes != NULL ? found.bytes : "", versions) != 0)
		good = err_fail(err, ERR_SYSTEM, "\"%s\" is not what was copied", path);
	sqlite3_close(copy);
	text_clear(&found);
	return good;
}

static bool
copy_name(const char *partial, const char *path, struct err *err)
{
	char *folder = folder_of(path);
	bool good = rename(partial, path) == 0;

	if (!good)
		err_fail(err, ERR_SYSTEM, "could not rename \"%s\" to \"%s\": %s", partial, path,
			 strerror(errno));
	good = good && synchronise(folder, O_RDONLY | O_DIRECTORY, err);
	free(folder);
	return good;
}

static void
copy_remove(const char *path)
{
	unlink(path);
	for (size_t i = 0; i < COUNT(companions); i++) {
		char *name = format_text("%s%s", path, companions[i]);

		unlink(name);
		free(name);
	}
}

/* --- looking at one --- */

static sqlite3 *
database_open(const char *path, bool writes, struct err *err)
{
	sqlite3 *db = NULL;
	int code = sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);

	must(db != NULL);
	sqlite3_extended_result_codes(db, 1);
	sqlite3_busy_timeout(db, BUSY_MS);
	/* A store that is damaged keeps what SQLite has beside it. */
	if (writes)
		sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	if (code == SQLITE_OK &&
	    (writes || sqlite_run(db, "PRAGMA query_only = ON", NULL, &code)) &&
	    sqlite_run(db, "SELECT count(*) FROM sqlite_master", NULL, &code))
		return db;
	sqlite_fail(err, path, db, code);
	sqlite3_close(db);
	return NULL;
}

static bool
database_check(sqlite3 *db, const char *name, struct err *err)
{
	struct text answer = { 0 };
	int code;
	bool good;

	good = sqlite_run(db, "PRAGMA integrity_check(5)", &answer, &code) ||
	       sqlite_fail(err, name, db, code);
	if (good && strcmp(answer.bytes != NULL ? answer.bytes : "", "ok") != 0)
		good = err_fail(err, ERR_SYSTEM, "\"%s\" is damaged: %s", name, answer.bytes);
	text_empty(&answer);
	good = good && (sqlite_run(db, "PRAGMA foreign_key_check", &answer, &code) ||
			sqlite_fail(err, name, db, code));
	if (good && answer.length > 0)
		good = err_fail(err, ERR_SYSTEM, "\"%s\" holds rows that name others in vain: %s",
				name, answer.bytes);
	text_clear(&answer);
	return good;
}

/* "MODULE|NUMBER" a line. */
static bool
versions_read(struct text *versions, sqlite3 *db, const char *name, struct err *err)
{
	struct text tables = { 0 };
	bool good;
	int code;

	good = sqlite_run(db, "SELECT 1 FROM sqlite_master WHERE name = 'migrations'", &tables,
			  &code) ||
	       sqlite_fail(err, name, db, code);
	if (good && tables.length == 0)
		good = err_fail(err, ERR_SYNTAX,
				"\"%s\" is not a store: it has no table of migrations", name);
	text_clear(&tables);
	return good &&
	       (sqlite_run(db, versions_sql, versions, &code) || sqlite_fail(err, name, db, code));
}

static bool
versions_known(const struct store_settings *settings, const char *versions, struct err *err)
{
	char *lines = copy_text(versions), *rest = lines, *line;
	bool good = true;

	while (good && (line = strsep(&rest, "\n")) != NULL) {
		char *number = strchr(line, '|');

		if (number == NULL)
			continue;
		*number++ = '\0';
		good = version_is_known(settings->schemas, sqlite_driver.name, line, atoi(number),
					err);
	}
	free(lines);
	return good;
}

/* --- putting one in the place of the store --- */

bool
sqlite_restore(const struct store_settings *settings, const char *path, struct err *err)
{
	struct text versions = { 0 };
	char *file = sqlite_file(settings), *partial;
	struct stat ours, theirs;
	sqlite3 *backup;
	bool good;

	if (file == NULL)
		return err_fail(err, ERR_REFUSED, "a store in memory cannot be restored");
	partial = format_text("%s.partial", file);
	good = !(stat(file, &ours) == 0 && stat(path, &theirs) == 0 &&
		 ours.st_dev == theirs.st_dev && ours.st_ino == theirs.st_ino) ||
	       err_fail(err, ERR_REFUSED, "\"%s\" is the store itself", path);
	backup = good ? database_open(path, false, err) : NULL;
	good = backup != NULL && versions_read(&versions, backup, path, err) &&
	       versions_known(settings, versions.bytes != NULL ? versions.bytes : "", err);
	if (good) {
		copy_remove(partial);
		good = copy_into(partial, backup, path, err) &&
		       copy_check(partial, versions.bytes != NULL ? versions.bytes : "", err) &&
		       old_settle(file, err) && old_keep(file, err) &&
		       copy_name(partial, file, err);
		if (!good)
			copy_remove(partial);
	}
	sqlite3_close(backup);
	text_clear(&versions);
	free(partial);
	free(file);
	return good;
}

/* Brings what is in the old store's WAL into its file; only when nobody uses it.  When it
 * is damaged, it is kept as it is. */
static bool
old_settle(const char *file, struct err *err)
{
	struct err why;
	sqlite3 *old;
	int code;
	bool good;

	if (!is_there(file))
		return true;
	old = database_open(file, true, &why);
	if (old == NULL)
		return why.kind != ERR_DOWN || err_fail(err, why.kind, "%s", why.text);
	good = sqlite_run(old, "PRAGMA journal_mode = DELETE", NULL, &code) ||
	       ((code & 0xff) != SQLITE_BUSY && (code & 0xff) != SQLITE_LOCKED);
	if (!good)
		sqlite_fail(err, file, old, code);
	sqlite3_close(old);
	return good;
}

/* The old file gets a second name and loses its first when the copy takes it, so that at
 * no moment there is no store.  What SQLite kept beside it must go first, or it would be
 * taken for the copy's. */
static bool
old_keep(const char *file, struct err *err)
{
	char *kept = free_name(file, ".replaced");
	bool good = true;

	for (size_t i = 0; good && i < COUNT(companions); i++) {
		char *from = format_text("%s%s", file, companions[i]);
		char *to = format_text("%s%s", kept, companions[i]);

		good = rename(from, to) == 0 || errno == ENOENT ||
		       err_fail(err, ERR_SYSTEM, "could not rename \"%s\": %s", from,
				strerror(errno));
		free(from);
		free(to);
	}
	if (good && is_there(file))
		good = link(file, kept) == 0 || rename(file, kept) == 0 ||
		       err_fail(err, ERR_SYSTEM, "could not keep \"%s\" as \"%s\": %s", file, kept,
				strerror(errno));
	free(kept);
	return good;
}

/* --- files --- */

/* FILE.suffix, or when that is there FILE-2.suffix and so on, to free(). */
static char *
free_name(const char *file, const char *suffix)
{
	char *name = format_text("%s%s", file, suffix);

	for (int i = 2; is_there(name) && i < COPIES_MAX; i++) {
		free(name);
		name = format_text("%s-%d%s", file, i, suffix);
	}
	return name;
}

static bool
synchronise(const char *path, int flags, struct err *err)
{
	int fd = open(path, flags | O_CLOEXEC);
	bool good = fd >= 0 && fsync(fd) == 0;

	if (!good)
		err_fail(err, ERR_SYSTEM, "could not bring \"%s\" to the disk: %s", path,
			 strerror(errno));
	if (fd >= 0)
		close(fd);
	return good;
}

static char *
folder_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (slash == NULL)
		return copy_text(".");
	return slash == path ? copy_text("/") : copy_bytes(path, (size_t)(slash - path));
}

static bool
is_there(const char *path)
{
	struct stat about;

	return lstat(path, &about) == 0;
}
