/* SPDX-License-Identifier: MIT */
/*
 * Connections to a MariaDB server: made, lost, made again.
 *
 * A connection that is lost is made anew by whoever needs it next.  When that fails, the
 * server is known to be away: then one thread at a time tries again, after pauses that
 * grow, and all others are told at once what that one was told.
 *
 * The first writer holds a lock of the server's as long as it is connected, so that no two of
 * our servers work with one database.  When the network was cut, the server may believe for
 * hours that the old connection lives; its end is then asked for by whoever comes back.
 */
#include "store/mariadb.h"

#ifdef HAVE_MARIADB

#include <errmsg.h>
#include <errno.h>
#include <mysqld_error.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/codec.h"
#include "base/text.h"
#include "store/internal.h"

#define FIRST_PAUSE_MS   100
#define LONGEST_PAUSE_MS 2000
#define IN_USE_MS        2000
#define CONNECT_SECONDS  3
#define OLDEST           100400
#define PASSWORD_MAX     1000
#define PACKET_MIN       (1 << 20)
/* A client that went without a word holds its locks no longer than this. */
#define SILENCE_SECONDS 20

/* The method that tells the password to whoever asks is not among these. */
#define METHODS "mysql_native_password,client_ed25519,caching_sha2_password"

static bool turn_take(struct maria_vault *vault, struct failure *failure);
static void turn_give(struct maria_vault *vault, bool good, const struct failure *failure);
static bool link_options(struct connection *connection, struct failure *failure);
static bool password_read(char *password, const struct maria_vault *vault, struct failure *failure);
static bool link_set_up(struct connection *connection, struct failure *failure);
static bool in_use_take(struct connection *connection, struct failure *failure);
static bool old_one_end(struct connection *connection, const char *what, struct failure *failure);
static void socket_watch(MYSQL *db);
static enum fault fault_of(unsigned number, const char *state);
static bool is_client_error(unsigned number);
static bool is_lost(unsigned number);
static bool failure_from(struct connection *connection, unsigned number, const char *state,
			 const char *words, struct failure *failure);

bool
maria_connect(struct connection *connection, struct failure *failure)
{
	struct maria_vault *vault = connection->vault;
	bool good;

	if (connection->db != NULL)
		return true;
	if (!turn_take(vault, failure))
		return false;
	good = maria_connect_now(connection, failure);
	turn_give(vault, good, failure);
	return good;
}

static bool
turn_take(struct maria_vault *vault, struct failure *failure)
{
	bool takes = true;

	pthread_mutex_lock(&vault->lock);
	if (vault->pause > 0) {
		takes = !vault->trying && now_ms() >= vault->retry_at;
		if (takes)
			vault->trying = true;
		else
			*failure = vault->failure;
	}
	pthread_mutex_unlock(&vault->lock);
	return takes;
}

static void
turn_give(struct maria_vault *vault, bool good, const struct failure *failure)
{
	pthread_mutex_lock(&vault->lock);
	vault->trying = false;
	if (good) {
		vault->pause = 0;
	} else {
		vault->pause = vault->pause == 0 ? FIRST_PAUSE_MS : 2 * vault->pause;
		if (vault->pause > LONGEST_PAUSE_MS)
			vault->pause = LONGEST_PAUSE_MS;
		vault->retry_at = now_ms() + vault->pause;
		vault->failure = *failure;
	}
	pthread_mutex_unlock(&vault->lock);
}

bool
maria_connect_now(struct connection *connection, struct failure *failure)
{
	const struct maria_vault *vault = connection->vault;
	char password[PASSWORD_MAX + 1] = "";
	bool good;

	must(connection->db == NULL);
	if (!password_read(password, vault, failure))
		return false;
	connection->db = mysql_init(NULL);
	must(connection->db != NULL);
	good = link_options(connection, failure) &&
	       (mysql_real_connect(connection->db, vault->host, vault->user, password,
				   vault->database, vault->port, vault->socket, 0) != NULL ||
		maria_failed(connection, failure));
	wipe(password, sizeof password);
	good = good && link_set_up(connection, failure) &&
	       (connection != vault->holder || in_use_take(connection, failure));
	if (good) {
		connection->id = mysql_thread_id(connection->db);
		connection->since = now_ms();
	} else {
		failure->fault = FAULT_DOWN;
		maria_disconnect(connection);
	}
	return good;
}

static bool
link_options(struct connection *connection, struct failure *failure)
{
	const struct maria_vault *vault = connection->vault;
	unsigned protocol = vault->socket != NULL ? MYSQL_PROTOCOL_SOCKET : MYSQL_PROTOCOL_TCP;
	unsigned connects = CONNECT_SECONDS, answers = vault->seconds, none = 0;
	my_bool yes = 1, no = 0;
	MYSQL *db = connection->db;
	bool good;

	if (connects > answers)
		connects = answers;
	good = mysql_optionsv(db, MYSQL_OPT_PROTOCOL, &protocol) == 0 &&
	       mysql_optionsv(db, MYSQL_OPT_CONNECT_TIMEOUT, &connects) == 0 &&
	       mysql_optionsv(db, MYSQL_OPT_LOCAL_INFILE, &none) == 0 &&
	       mysql_optionsv(db, MYSQL_SET_CHARSET_NAME, "utf8mb4") == 0 &&
	       mysql_optionsv(db, MARIADB_OPT_RESTRICTED_AUTH, METHODS) == 0;
	if (connection->use != MARIA_TENDS)
		good = good && mysql_optionsv(db, MYSQL_OPT_READ_TIMEOUT, &answers) == 0 &&
		       mysql_optionsv(db, MYSQL_OPT_WRITE_TIMEOUT, &answers) == 0;
	if (vault->socket == NULL && vault->tls == MARIA_TLS_REQUIRED)
		good = good && mysql_optionsv(db, MYSQL_OPT_SSL_ENFORCE, &yes) == 0 &&
		       mysql_optionsv(db, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &yes) == 0 &&
		       (vault->ca == NULL || mysql_optionsv(db, MYSQL_OPT_SSL_CA, vault->ca) == 0);
	else if (vault->socket == NULL && vault->tls == MARIA_TLS_OPTIONAL)
		good = good && mysql_ssl_set(db, NULL, NULL, vault->ca, NULL, NULL) == 0 &&
		       mysql_optionsv(db, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &no) == 0;
	return good || maria_failed(connection, failure);
}

/* At each connection anew, so that a new password needs no restart. */
static bool
password_read(char *password, const struct maria_vault *vault, struct failure *failure)
{
	FILE *file;
	bool good;

	if (vault->password_file == NULL)
		return true;
	file = fopen(vault->password_file, "re");
	if (file == NULL)
		return failure_set(failure, FAULT_DOWN, "could not open \"%s\": %s",
				   vault->password_file, strerror(errno));
	good = fgets(password, PASSWORD_MAX + 1, file) != NULL ||
	       failure_set(failure, FAULT_DOWN, "\"%s\" holds no password", vault->password_file);
	fclose(file);
	password[strcspn(password, "\r\n")] = '\0';
	return good;
}

/* What both drivers understand is what SQLite does by itself; times and locks have ends. */
static bool
link_set_up(struct connection *connection, struct failure *failure)
{
	bool writes = connection->use == MARIA_WRITES, tends = connection->use == MARIA_TENDS;
	unsigned seconds = connection->vault->seconds;
	int64_t packet = 0;
	char *sql;
	bool good;

	if (!mariadb_connection(connection->db) ||
	    mysql_get_server_version(connection->db) < OLDEST)
		return failure_set(failure, FAULT_DOWN, "the server is %s: MariaDB 10.4 is needed",
				   mysql_get_server_info(connection->db));
	socket_watch(connection->db);
	sql = format_text("SET SESSION sql_mode = 'STRICT_ALL_TABLES,ANSI_QUOTES,PIPES_AS_CONCAT,"
			  "NO_BACKSLASH_ESCAPES,NO_ENGINE_SUBSTITUTION',"
			  " default_storage_engine = InnoDB, autocommit = %d,"
			  " tx_isolation = 'READ-COMMITTED', innodb_lock_wait_timeout = %u,"
			  " lock_wait_timeout = %u, max_statement_time = %u,"
			  " idle_transaction_timeout = %u, tx_read_only = %d",
			  !writes, tends ? 60 : seconds, tends ? 60 : seconds, tends ? 0 : seconds,
			  tends ? 0 : SILENCE_SECONDS, connection->use == MARIA_READS);
	good = maria_run(connection, "SET NAMES utf8mb4 COLLATE utf8mb4_nopad_bin", failure) &&
	       maria_run(connection, sql, failure) &&
	       maria_number(connection, "SELECT @@max_allowed_packet", &packet, failure);
	free(sql);
	connection->packet_max = packet > PACKET_MIN ? (size_t)packet : PACKET_MIN;
	return good;
}

static bool
in_use_take(struct connection *connection, struct failure *failure)
{
	static const char what[] = "in use";
	/* Who waits longer than an answer may take has lost this connection, too. */
	unsigned wait = connection->vault->seconds * 1000 / 2;
	bool got = false;

	if (wait > IN_USE_MS)
		wait = IN_USE_MS;
	if (!maria_lock(connection, what, wait, &got, failure))
		return false;
	if (!got && connection->id != 0 && old_one_end(connection, what, failure) &&
	    !maria_lock(connection, what, wait, &got, failure))
		return false;
	return got || failure_set(failure, FAULT_DOWN, "another server works with this database");
}

/* Ends our own former connection, if it is who holds the lock.  Numbers are given anew by a
 * server that was started anew, and then the lock is somebody else's. */
static bool
old_one_end(struct connection *connection, const char *what, struct failure *failure)
{
	int64_t ours = 0, uptime = 0;
	char *sql;

	sql = format_text("SELECT IS_USED_LOCK(concat('stentor %s ', md5(database()))) = %lu", what,
			  connection->id);
	if (!maria_number(connection, sql, &ours, failure) ||
	    !maria_number(connection,
			  "SELECT variable_value FROM information_schema.global_status"
			  " WHERE variable_name = 'UPTIME'",
			  &uptime, failure))
		ours = 0;
	free(sql);
	if (ours != 1 || SECONDS(uptime) < now_ms() - connection->since)
		return false;
	sql = format_text("KILL HARD CONNECTION %lu", connection->id);
	ours = maria_run(connection, sql, failure);
	free(sql);
	return ours == 1;
}

bool
maria_lock(struct connection *connection, const char *what, unsigned ms, bool *got,
	   struct failure *failure)
{
	char *sql = format_text("SELECT GET_LOCK(concat('stentor %s ', md5(database())), %u.%03u)",
				what, ms / 1000, ms % 1000);
	int64_t answer = 0;
	bool good = maria_number(connection, sql, &answer, failure);

	free(sql);
	*got = answer == 1;
	return good;
}

/* A connection that nobody uses must notice, too, that the other side is gone. */
static void
socket_watch(MYSQL *db)
{
	int fd = (int)mysql_get_socket(db), yes = 1, idle = 30, between = 10, tries = 3;

	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &yes, sizeof yes);
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &between, sizeof between);
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &tries, sizeof tries);
}

void
maria_disconnect(struct connection *connection)
{
	if (connection->db == NULL)
		return;
	maria_forget_prepared(connection);
	mysql_close(connection->db);
	connection->db = NULL;
}

struct stale
stale_look(const struct connection *connection)
{
	return (struct stale) { connection->db != NULL && !connection->began, now_ms() };
}

bool
stale_was(struct stale *stale, const struct connection *connection)
{
	bool was = stale->served && connection->db == NULL &&
		   now_ms() - stale->began < SECONDS(connection->vault->seconds) / 2;

	stale->served = false;
	return was;
}

/* --- what went wrong --- */

bool
maria_failed(struct connection *connection, struct failure *failure)
{
	MYSQL *db = connection->db;

	return failure_from(connection, mysql_errno(db), mysql_sqlstate(db), mysql_error(db),
			    failure);
}

bool
maria_statement_failed(struct connection *connection, MYSQL_STMT *stmt, struct failure *failure)
{
	return failure_from(connection, mysql_stmt_errno(stmt), mysql_stmt_sqlstate(stmt),
			    mysql_stmt_error(stmt), failure);
}

static bool
failure_from(struct connection *connection, unsigned number, const char *state, const char *words,
	     struct failure *failure)
{
	failure_set(failure, fault_of(number, state), "%s", words);
	connection->error = number;
	if (is_lost(number))
		maria_disconnect(connection);
	return false;
}

/* What would fail again is the statement's own fault.  All that is not known for sure is the
 * database's, for then the write waits, and its time has an end. */
static enum fault
fault_of(unsigned number, const char *state)
{
	switch (number) {
	case ER_LOCK_DEADLOCK:
	case ER_LOCK_WAIT_TIMEOUT:
	case ER_CHECKREAD: /* a row was changed by another since it was read */
		return FAULT_AGAIN;
	case ER_TRUNCATED_WRONG_VALUE_FOR_FIELD:
	case ER_NO_DEFAULT_FOR_FIELD:
	case ER_WRONG_ARGUMENTS:
	case ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION: /* a read that writes */
		return FAULT_OWN;
	case ER_DBACCESS_DENIED_ERROR: /* an admin may put these right */
	case ER_ACCESS_DENIED_ERROR:
	case ER_TABLEACCESS_DENIED_ERROR:
	case ER_COLUMNACCESS_DENIED_ERROR:
	case ER_SPECIFIC_ACCESS_DENIED_ERROR:
	case ER_USER_LIMIT_REACHED:
		return FAULT_DOWN;
	default:
		break;
	}
	if (is_client_error(number))
		return FAULT_DOWN;
	if (strncmp(state, "40", 2) == 0)
		return FAULT_AGAIN;
	return strncmp(state, "21", 2) == 0 || strncmp(state, "22", 2) == 0 ||
			       strncmp(state, "23", 2) == 0 || strncmp(state, "42", 2) == 0 ||
			       strncmp(state, "0A", 2) == 0
		       ? FAULT_OWN
		       : FAULT_DOWN;
}

/* Of the library, not of the server. */
static bool
is_client_error(unsigned number)
{
	return (number >= CR_MIN_ERROR && number <= CR_MAX_ERROR) ||
	       number >= CR_EVENT_CREATE_FAILED;
}

static bool
is_lost(unsigned number)
{
	return is_client_error(number) || number == ER_CONNECTION_KILLED ||
	       number == ER_SERVER_SHUTDOWN || number == ER_NET_PACKET_TOO_LARGE ||
	       number == ER_UNKNOWN_STMT_HANDLER;
}

/* --- simple questions --- */

bool
maria_run(struct connection *connection, const char *sql, struct failure *failure)
{
	if (mysql_real_query(connection->db, sql, strlen(sql)) != 0)
		return maria_failed(connection, failure);
	mysql_free_result(mysql_store_result(connection->db));
	return true;
}

bool
maria_number(struct connection *connection, const char *sql, int64_t *number,
	     struct failure *failure)
{
	MYSQL_RES *result = NULL;
	MYSQL_ROW row;

	if (mysql_real_query(connection->db, sql, strlen(sql)) == 0)
		result = mysql_store_result(connection->db);
	if (result == NULL)
		return maria_failed(connection, failure);
	row = mysql_fetch_row(result);
	*number = row != NULL && row[0] != NULL ? strtoll(row[0], NULL, 10) : 0;
	mysql_free_result(result);
	return true;
}

#endif
