/* SPDX-License-Identifier: MIT */
/*
 * A store in a folder of its own, and shards on a thread of their own, so that a test can
 * ask and wait for the answer on one line.
 *
 * With KEPT_ON=mariadb in the environment the store is a database of its own on the server
 * that lives in the folder STENTOR_MARIADB.
 */
#pragma once

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "loop/shard.h"
#include "store/store.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#ifdef HAVE_MARIADB
#include <mysql.h>
#endif

#define UNUSED __attribute__((unused))

struct kept {
	char folder[64], schemas[80], database[64], socket[128];
	struct store_settings settings;
	struct store *store;
	pthread_t thread;
	sem_t ready;
	unsigned shards;
	bool running;
};

static struct kept kept;

static UNUSED bool
on_mariadb(void)
{
	const char *on = getenv("KEPT_ON");

	return on != NULL && strcmp(on, "mariadb") == 0;
}

/* A file of the server's. */
static UNUSED const char *
server_file(const char *name)
{
	static char paths[4][128];
	static unsigned next;
	const char *folder = getenv("STENTOR_MARIADB");
	char *path = paths[next++ % 4];

	snprintf(path, sizeof paths[0], "%s/%s", folder != NULL ? folder : "", name);
	return path;
}

#define EITHER(sqlite, mariadb) (on_mariadb() ? (mariadb) : (sqlite))

/* --- what was logged --- */

static struct {
	pthread_mutex_t lock;
	char lines[16384];
	size_t length;
} logged = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void
keep_line(enum log_level level, const char *line, void *arg)
{
	size_t length = strlen(line);

	(void)level;
	(void)arg;
	pthread_mutex_lock(&logged.lock);
	if (logged.length + length + 2 < sizeof logged.lines) {
		memcpy(logged.lines + logged.length, line, length);
		logged.length += length;
		memcpy(logged.lines + logged.length++, "\n", 2);
	}
	pthread_mutex_unlock(&logged.lock);
}

/* How often `words` were logged since the store was opened. */
static UNUSED unsigned
logged_count(const char *words)
{
	unsigned count = 0;

	pthread_mutex_lock(&logged.lock);
	for (const char *at = logged.lines; (at = strstr(at, words)) != NULL; at += strlen(words))
		count++;
	pthread_mutex_unlock(&logged.lock);
	return count;
}

/* --- opening and closing --- */

static void
write_file(const char *name, const char *words)
{
	char path[256];
	FILE *file;

	snprintf(path, sizeof path, "%s/%s", kept.folder, name);
	file = fopen(path, "we");
	assert_non_null(file);
	fputs(words, file);
	fclose(file);
}

static UNUSED const char *
path_of(const char *name)
{
	static char paths[4][256];
	static unsigned next;
	char *path = paths[next++ % 4];

	snprintf(path, sizeof paths[0], "%s/%s", kept.folder, name);
	return path;
}

static UNUSED bool
file_is_there(const char *name)
{
	return access(path_of(name), F_OK) == 0;
}

/* A migration of this test, the same for both kinds of store. */
static UNUSED void
write_schema(const char *name, const char *sql)
{
	char path[128];

	snprintf(path, sizeof path, "schemas/%s/%s", EITHER("sqlite", "mariadb"), name);
	write_file(path, sql);
}

static UNUSED void
remove_schema(const char *name)
{
	char path[128];

	snprintf(path, sizeof path, "schemas/%s/%s", EITHER("sqlite", "mariadb"), name);
	unlink(path_of(path));
}

/* --- the database on a server --- */

#ifdef HAVE_MARIADB
static UNUSED MYSQL *
server_connect(const char *database)
{
	MYSQL *db = mysql_init(NULL);

	if (mysql_real_connect(db, NULL, "root", NULL, database, 0, server_file("socket"), 0) ==
	    NULL)
		fail_msg("%s", mysql_error(db));
	return db;
}

static UNUSED void
server_run(const char *sql)
{
	MYSQL *db = server_connect(NULL);

	if (mysql_query(db, sql) != 0)
		fail_msg("%s: %s", sql, mysql_error(db));
	mysql_close(db);
}

/* The first column of the first row. */
static UNUSED long
server_number(const char *sql)
{
	MYSQL *db = server_connect(NULL);
	MYSQL_RES *rows = NULL;
	MYSQL_ROW row = NULL;
	long number;

	if (mysql_query(db, sql) == 0)
		rows = mysql_store_result(db);
	if (rows == NULL || (row = mysql_fetch_row(rows)) == NULL || row[0] == NULL)
		fail_msg("%s: %s", sql, mysql_error(db));
	number = strtol(row[0], NULL, 10);
	mysql_free_result(rows);
	mysql_close(db);
	return number;
}
#else
static UNUSED long
server_number(const char *sql)
{
	fail_msg("this was built without MariaDB: %s", sql);
	return 0;
}

static UNUSED void
server_run(const char *sql)
{
	fail_msg("this was built without MariaDB: %s", sql);
}
#endif

static UNUSED void
database_make(void)
{
	static unsigned count;
	char sql[128];

	snprintf(kept.database, sizeof kept.database, "kept_%ld_%u", (long)getpid(), ++count);
	snprintf(sql, sizeof sql, "CREATE DATABASE %s", kept.database);
	server_run(sql);
	kept.settings.driver = "mariadb";
	snprintf(kept.socket, sizeof kept.socket, "%s", server_file("socket"));
	kept.settings.socket = kept.socket;
	kept.settings.user = "root";
	kept.settings.database = kept.database;
	kept.settings.writers = 1;
	kept.settings.seconds = 5;
}

/* Until the server, too, knows that nobody uses the database any more. */
static UNUSED void
database_wait(void)
{
	char sql[160];

	snprintf(sql, sizeof sql,
		 "SELECT count(*) FROM information_schema.processlist WHERE db = '%s'",
		 kept.database);
	for (int i = 0; on_mariadb() && server_number(sql) > 0; i++) {
		if (i > 1000)
			fail_msg("somebody still uses %s", kept.database);
		usleep(10000);
	}
}

static UNUSED void
database_remove(void)
{
	char sql[128];

	snprintf(sql, sizeof sql, "DROP DATABASE IF EXISTS %s", kept.database);
	if (kept.database[0] != '\0')
		server_run(sql);
	kept.database[0] = '\0';
}

static const char things_sql[] =
	"CREATE TABLE IF NOT EXISTS things (owner TEXT NOT NULL, id INTEGER NOT NULL, words TEXT,"
	" PRIMARY KEY (owner, id)) WITHOUT ROWID;\n"
	"CREATE TABLE IF NOT EXISTS done (n INTEGER PRIMARY KEY, what TEXT);\n";
static const char things_mariadb[] =
	"CREATE TABLE IF NOT EXISTS things (owner VARBINARY(255) NOT NULL, id BIGINT NOT NULL,"
	" words LONGTEXT, PRIMARY KEY (owner, id)) DEFAULT CHARSET = utf8mb4;\n"
	"CREATE TABLE IF NOT EXISTS done (n BIGINT AUTO_INCREMENT PRIMARY KEY, what TEXT)"
	" DEFAULT CHARSET = utf8mb4;\n";

static const char documents_sql[] =
	"CREATE TABLE IF NOT EXISTS documents (owner TEXT NOT NULL, collection TEXT NOT NULL,"
	" key TEXT NOT NULL, text TEXT NOT NULL, PRIMARY KEY (owner, collection, key))"
	" WITHOUT ROWID;\n";
static const char documents_mariadb[] =
	"CREATE TABLE IF NOT EXISTS documents (owner VARBINARY(255) NOT NULL,"
	" collection VARBINARY(64) NOT NULL, `key` VARBINARY(255) NOT NULL, text TEXT NOT NULL,"
	" PRIMARY KEY (owner, collection, `key`));\n";

static const char *const things_modules[] = { "things", NULL };

static void
folder_make(void)
{
	char driver[96];

	kept = (struct kept) { .folder = "/tmp/stentor-store-XXXXXX" };
	assert_non_null(mkdtemp(kept.folder));
	snprintf(kept.schemas, sizeof kept.schemas, "%s/schemas", kept.folder);
	snprintf(driver, sizeof driver, "%s/%s", kept.schemas, EITHER("sqlite", "mariadb"));
	assert_int_equal(mkdir(kept.schemas, 0700), 0);
	assert_int_equal(mkdir(driver, 0700), 0);
	write_schema("store-001-documents.sql", EITHER(documents_sql, documents_mariadb));
	write_schema("things-001-things.sql", EITHER(things_sql, things_mariadb));
	kept.settings = (struct store_settings) {
		.driver = "sqlite",
		.folder = kept.folder,
		.path = "test.sqlite",
		.schemas = kept.schemas,
		.readers = 2,
		.automigrate = true,
	};
	if (on_mariadb())
		database_make();
	logged.length = 0;
	logged.lines[0] = '\0';
	log_capture(keep_line, NULL);
}

static void
folder_remove(void)
{
	char command[128];

	log_capture(NULL, NULL);
	database_remove();
	snprintf(command, sizeof command, "rm -rf %s", kept.folder);
	if (kept.folder[0] != '\0')
		assert_int_equal(system(command), 0);
	kept.folder[0] = '\0';
}

static void
store_make(void)
{
	struct err err;

	kept.store = store_open(&kept.settings, &err);
	if (kept.store == NULL)
		print_error("%s\n", err.text);
	assert_non_null(kept.store);
	assert_true(store_migrate(kept.store, things_modules, &err));
}

static void
loops_are_running(void *arg)
{
	(void)arg;
	if (shard_here() == shard_at(0))
		sem_post(&kept.ready);
}

static void *
loops(void *arg)
{
	(void)arg;
	shards_open(kept.shards);
	shards_run(loops_are_running, NULL);
	while (sem_wait(&kept.ready) != 0) /* nobody posts to us any more */
		;
	store_close(&kept.store);
	shards_close();
	return NULL;
}

static void
loops_start(unsigned shards)
{
	kept.shards = shards;
	assert_int_equal(sem_init(&kept.ready, 0, 0), 0);
	assert_int_equal(pthread_create(&kept.thread, NULL, loops, NULL), 0);
	while (sem_wait(&kept.ready) != 0)
		;
	kept.running = true;
}

static void
stop_here(void *arg)
{
	(void)arg;
	shards_stop();
}

/* Ends the loops and closes the store. */
static void
loops_end(void)
{
	static struct post stop;

	if (!kept.running)
		return;
	kept.running = false;
	shard_post(shard_at(0), &stop, stop_here, NULL);
	sem_post(&kept.ready);
	pthread_join(kept.thread, NULL);
	sem_destroy(&kept.ready);
}

static UNUSED int
open_folder(void **state)
{
	(void)state;
	folder_make();
	return 0;
}

static UNUSED int
open_memory(void **state)
{
	(void)state;
	folder_make();
	kept.settings.path = ":memory:";
	store_make();
	loops_start(1);
	return 0;
}

static UNUSED int
open_kept(void **state)
{
	(void)state;
	folder_make();
	store_make();
	loops_start(1);
	return 0;
}

static UNUSED int
open_kept_with_shards(void **state)
{
	(void)state;
	folder_make();
	store_make();
	loops_start(4);
	return 0;
}

static UNUSED int
close_kept(void **state)
{
	(void)state;
	if (kept.running)
		loops_end();
	else
		store_close(&kept.store);
	folder_remove();
	return 0;
}

/* --- asking --- */

static UNUSED const struct statement things_put = {
	.name = "things.put",
	.in = "tit",
	.out = "",
	.sqlite = "INSERT INTO things (owner, id, words) VALUES (?, ?, ?)",
};
static UNUSED const struct statement things_set = {
	.name = "things.set",
	.in = "tit",
	.out = "",
	.sqlite = "INSERT INTO things (owner, id, words) VALUES (?, ?, ?)"
		  " ON CONFLICT (owner, id) DO UPDATE SET words = excluded.words",
	.mariadb = "INSERT INTO things (owner, id, words) VALUES (?, ?, ?)"
		   " ON DUPLICATE KEY UPDATE words = VALUES(words)",
};
static UNUSED const struct statement things_all = {
	.name = "things.all",
	.in = "t",
	.out = "it",
	.sqlite = "SELECT id, words FROM things WHERE owner = ? ORDER BY id",
	.hot = true,
};
static UNUSED const struct statement things_page = {
	.name = "things.page",
	.in = "ti",
	.out = "it",
	.sqlite = "SELECT id, words FROM things WHERE owner = ? AND id > ? ORDER BY id LIMIT ?",
	.hot = true,
};

/* One write of a batch; `key`: it replaces. */
struct row {
	const struct statement *statement;
	const char *key;
	struct value in[4];
};

#define PUT(owner, id, words)                                                   \
	{                                                                       \
		&things_put, NULL,                                              \
		{                                                               \
			text_value(owner), INTEGER_VALUE(id), text_value(words) \
		}                                                               \
	}
#define SET(owner, id, words, key)                                              \
	{                                                                       \
		&things_set, key,                                               \
		{                                                               \
			text_value(owner), INTEGER_VALUE(id), text_value(words) \
		}                                                               \
	}

/* A question on its way. */
struct ticket {
	const char *owner;
	struct post post;
	sem_t done;
	const struct row *rows;
	size_t count;
	int64_t deadline;
	bool nobody_waits;

	const struct statement *statement;
	const struct value *in;
	unsigned limit;

	unsigned shard, answered_at;
	int answers;
	enum stored result;
	bool more;
	char words[4096];
};

static void
answered(struct ticket *ticket, enum stored result)
{
	ticket->answers++;
	ticket->answered_at = shard_index(shard_here());
	ticket->result = result;
	sem_post(&ticket->done);
}

static void
batch_answered(void *ctx, enum stored result)
{
	answered(ctx, result);
}

static UNUSED void
rows_answered(void *ctx, enum stored result, const struct rows *rows)
{
	struct ticket *ticket = ctx;
	char *at = ticket->words, *end = at + sizeof ticket->words;

	ticket->more = rows->more;
	for (size_t i = 0; i < rows->count * rows->columns && end - at > 100; i++) {
		const struct value *value = &rows->values[i];

		if (i > 0)
			*at++ = i % rows->columns == 0 ? ' ' : '|';
		if (value->null)
			at += sprintf(at, "NULL");
		else if (value->type == STORE_INTEGER)
			at += sprintf(at, "%lld", (long long)value->integer);
		else
			at += sprintf(at, "%.90s", value->bytes);
	}
	*at = '\0';
	answered(ticket, result);
}

static void
commit_here(void *arg)
{
	struct ticket *ticket = arg;
	struct batch *batch = batch_new(kept.store, ticket->owner);

	for (size_t i = 0; i < ticket->count; i++) {
		const struct row *row = &ticket->rows[i];

		if (row->key != NULL)
			batch_coalesce(batch, row->statement, row->key, row->in);
		else
			batch_add(batch, row->statement, row->in);
	}
	if (ticket->deadline > 0)
		batch_set_deadline(batch, ticket->deadline);
	batch_commit(batch, ticket->nobody_waits ? NULL : batch_answered, ticket);
	if (ticket->nobody_waits)
		answered(ticket, STORE_OK);
}

static UNUSED void
read_here(void *arg)
{
	struct ticket *ticket = arg;

	if (ticket->limit > 0)
		store_page(kept.store, ticket->statement, ticket->owner, ticket->in, ticket->limit,
			   rows_answered, ticket);
	else
		store_read(kept.store, ticket->statement, ticket->owner, ticket->in, rows_answered,
			   ticket);
}

static void
ticket_start(struct ticket *ticket, void (*fn)(void *arg))
{
	ticket->answers = 0;
	assert_int_equal(sem_init(&ticket->done, 0, 0), 0);
	shard_post(shard_at(ticket->shard), &ticket->post, fn, ticket);
}

static enum stored
ticket_wait(struct ticket *ticket)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 60;
	while (sem_timedwait(&ticket->done, &until) != 0)
		if (errno == ETIMEDOUT)
			fail_msg("no answer came");
	sem_destroy(&ticket->done);
	assert_int_equal(ticket->answers, 1);
	assert_int_equal(ticket->answered_at, ticket->shard);
	return ticket->result;
}

/* Starts a batch; the ticket is waited for later. */
static UNUSED void
write_start(struct ticket *ticket, const char *owner, const struct row *rows, size_t count)
{
	ticket->owner = owner;
	ticket->rows = rows;
	ticket->count = count;
	ticket_start(ticket, commit_here);
}

static UNUSED enum stored
write_rows(const char *owner, const struct row *rows, size_t count)
{
	struct ticket ticket = { 0 };

	write_start(&ticket, owner, rows, count);
	return ticket_wait(&ticket);
}

#define WRITE(owner, ...)                                 \
	write_rows(owner, (struct row[]) { __VA_ARGS__ }, \
		   sizeof((struct row[]) { __VA_ARGS__ }) / sizeof(struct row))

static UNUSED void
read_start(struct ticket *ticket, const char *owner, const struct statement *statement,
	   const struct value *in)
{
	ticket->owner = owner;
	ticket->statement = statement;
	ticket->in = in;
	ticket_start(ticket, read_here);
}

/* The rows as "a|b c|d", or "FAILED". */
static UNUSED const char *
read_words(const struct statement *statement, const struct value *in)
{
	static struct ticket ticket;

	ticket = (struct ticket) { 0 };
	read_start(&ticket, NULL, statement, in);
	return ticket_wait(&ticket) == STORE_OK ? ticket.words : "FAILED";
}

static UNUSED const char *
things_of(const char *owner)
{
	return read_words(&things_all, (struct value[]) { text_value(owner) });
}

/* --- what runs where --- */

#define ON_DISK(test) cmocka_unit_test_setup_teardown(test, open_kept, close_kept)
#define IN_MEMORY(test)                                                               \
	{                                                                             \
#test " (in memory)", test, open_memory, close_kept, (void *)"sqlite" \
	}
#define ON_BOTH(test) ON_DISK(test), IN_MEMORY(test)
#define ONLY_ON(driver, test, setup)                             \
	{                                                        \
#test, test, setup, close_kept, (void *)(driver) \
	}

/* Runs those that are for the kind of store that this is about. */
static UNUSED int
kept_run(const char *name, const struct CMUnitTest *tests, size_t count)
{
	struct CMUnitTest *wanted = zalloc(count * sizeof *wanted);
	size_t n = 0;
	int failed;

#ifndef HAVE_MARIADB
	if (on_mariadb()) {
		printf("skipped: this was built without MariaDB\n");
		return 77;
	}
#endif
	for (size_t i = 0; i < count; i++)
		if (tests[i].initial_state == NULL ||
		    strcmp(tests[i].initial_state, EITHER("sqlite", "mariadb")) == 0)
			wanted[n++] = tests[i];
	failed = _cmocka_run_group_tests(name, wanted, n, NULL, NULL);
	free(wanted);
	return failed;
}

static UNUSED void
sleep_ms(unsigned ms)
{
	usleep(ms * 1000);
}
