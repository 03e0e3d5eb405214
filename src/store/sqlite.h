/* SPDX-License-Identifier: MIT */
/*
 * What the two files of the SQLite driver share: store_sqlite.c speaks to the database,
 * store_sqlite_copy.c copies it.
 */
#pragma once

#include <sqlite3.h>

#include "base/table.h"
#include "store/driver.h"

struct sqlite_vault {
	struct vault vault;
	char *file; /* NULL: in memory */
	char *folder;
	char *schemas;
};

struct connection {
	sqlite3 *db;
	struct table prepared; /* by their SQL */
	struct prepared *last; /* the one used last, found without looking */
};

/* The file that the settings name, to free(); NULL: in memory. */
char *sqlite_file(const struct store_settings *settings);
/* What went wrong, in words. */
const char *sqlite_words(sqlite3 *db, int code);
bool sqlite_fail(struct err *err, const char *file, sqlite3 *db, int code);
/* One statement; `answer` (may be NULL) gets its rows, a line each, columns separated by "|". */
struct text;
bool sqlite_run(sqlite3 *db, const char *sql, struct text *answer, int *code);

bool sqlite_check(struct vault *vault, struct connection *shared, struct err *err);
bool sqlite_backup(struct vault *vault, struct connection *shared, const char *path,
		   struct err *err);
bool sqlite_keep_copy(struct vault *vault, struct err *err);
bool sqlite_restore(const struct store_settings *settings, const char *path, struct err *err);
