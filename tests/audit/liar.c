/* SPDX-License-Identifier: MIT */
/*
 * For tests: a store that lies.  Loaded before SQLite and the MariaDB client (LD_PRELOAD), it
 * says that a transaction is committed when it is not, and commits it when the next one is: so
 * whoever believes it loses one when the process is killed.  An auditor that does not notice is
 * none.
 */
#include <dlfcn.h>
#ifdef HAVE_MARIADB
#include <mysql.h>
#endif
#include <sqlite3.h>
#include <string.h>

#define IN_THEIR_PLACE __attribute__((visibility("default")))

/* One writer each, so each thread has its own. */
static _Thread_local sqlite3_stmt *owed; /* the COMMIT that was not done */

IN_THEIR_PLACE int
sqlite3_step(sqlite3_stmt *stmt)
{
	int (*step)(sqlite3_stmt *) = (int (*)(sqlite3_stmt *))dlsym(RTLD_NEXT, "sqlite3_step");
	const char *sql = sqlite3_sql(stmt);

	if (sql != NULL && strcmp(sql, "COMMIT") == 0) {
		owed = stmt;
		return SQLITE_DONE;
	}
	if (owed != NULL && sql != NULL && strcmp(sql, "BEGIN IMMEDIATE") == 0) {
		(void)step(owed);
		(void)sqlite3_reset(owed);
		owed = NULL;
	}
	return step(stmt);
}

#ifdef HAVE_MARIADB
static _Thread_local my_bool owes;

IN_THEIR_PLACE my_bool STDCALL
mysql_commit(MYSQL *db)
{
	my_bool (*commit)(MYSQL *) = (my_bool(*)(MYSQL *))dlsym(RTLD_NEXT, "mysql_commit");

	owes = !owes;
	return owes ? 0 : commit(db);
}
#endif
