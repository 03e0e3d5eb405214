/* SPDX-License-Identifier: MIT */
/*
 * What only a server does: connections that are lost, kept back, cut off while they commit,
 * refused; writers that are in each other's way; keys that are long.
 */
#include "store/store.h"

#include "kept.h"

#ifdef HAVE_MARIADB

#include "between.h"

static int
open_between(void **state)
{
	(void)state;
	folder_make();
	kept.settings.seconds = 1;
	between_start();
	store_make();
	loops_start(1);
	return 0;
}

static int
close_between(void **state)
{
	between_set(PASS_ON);
	close_kept(state);
	between_end();
	return 0;
}

static bool
is_up(void)
{
	struct store_state state;

	store_state(kept.store, &state);
	return state.up;
}

static void
until_up(void)
{
	for (int i = 0; !is_up() && i < 500; i++)
		sleep_ms(20);
	assert_true(is_up());
}

/* --- a commit whose answer does not come --- */

/* Afterwards it is there once, and known to be: a second try would be refused. */
static void
is_committed_once(enum mischief mischief)
{
	static struct ticket ticket;
	struct row row = PUT("juliet", 1, "once"), next = PUT("juliet", 2, "next");

	between_set(mischief);
	ticket = (struct ticket) { 0 };
	write_start(&ticket, "juliet", &row, 1);
	for (int i = 0; between_commits() == 0; i++) {
		assert_true(i < 1000);
		sleep_ms(5);
	}
	between_set(PASS_ON);
	assert_int_equal(ticket_wait(&ticket), STORE_OK);
	assert_string_equal(things_of("juliet"), "1|once");
	assert_int_equal(write_rows("juliet", &next, 1), STORE_OK);
	assert_string_equal(things_of("juliet"), "1|once 2|next");
	assert_int_equal(logged_count("could not write"), 0);
	until_up();
}

static void
a_commit_that_did_not_arrive_is_made_again(void **state)
{
	(void)state;
	is_committed_once(CUT_BEFORE);
}

static void
a_commit_whose_answer_was_lost_is_found_out(void **state)
{
	(void)state;
	is_committed_once(CUT_AFTER);
}

/* The server gets it when we are back already: the row of the writer is locked until then. */
static void
a_commit_that_is_on_its_way_is_waited_for(void **state)
{
	(void)state;
	is_committed_once(CUT_MEANWHILE);
}

/* While nobody can say what became of it, it has neither failed nor succeeded, however late it
 * is; other writes fail in time. */
static void
a_commit_in_doubt_is_answered_when_it_is_known(void **state)
{
	static struct ticket doubtful, late;
	struct row row = PUT("juliet", 1, "once"), other = PUT("juliet", 2, "late");

	(void)state;
	between_set(CUT_FOR_GOOD);
	doubtful.deadline = late.deadline = 300;
	write_start(&doubtful, "juliet", &row, 1);
	while (between_commits() == 0)
		sleep_ms(1);
	write_start(&late, "juliet", &other, 1);
	assert_int_equal(ticket_wait(&late), STORE_FAILED);
	for (int i = 0; is_up() && i < 1000; i++)
		sleep_ms(10);
	assert_false(is_up());
	assert_int_equal(doubtful.answers, 0);
	between_set(PASS_ON);
	assert_int_equal(ticket_wait(&doubtful), STORE_OK);
	assert_string_equal(things_of("juliet"), "1|once");
	until_up();
}

/* --- a server that hangs, or is not there --- */

static void
a_server_that_hangs_is_no_answer(void **state)
{
	static struct ticket write, read;
	struct row row = PUT("juliet", 1, "late");
	struct value in[] = { text_value("romeo") };
	struct store_state now;
	int64_t began;

	(void)state;
	assert_int_equal(WRITE("romeo", PUT("romeo", 1, "before")), STORE_OK);
	between_set(HOLD_BACK);
	write.deadline = 500;
	write_start(&write, "juliet", &row, 1);
	read_start(&read, NULL, &things_all, in);
	began = now_ms();
	assert_int_equal(ticket_wait(&read), STORE_FAILED);
	assert_true(now_ms() - began < 3000);
	assert_int_equal(ticket_wait(&write), STORE_FAILED);
	assert_true(now_ms() - began < 8000);
	store_state(kept.store, &now);
	assert_false(now.up);
	assert_true(now.down_since > 0);
	/* Now that it is known, nobody waits for it. */
	began = now_ms();
	for (int i = 0; i < 20; i++) {
		read = (struct ticket) { 0 };
		read_start(&read, NULL, &things_all, in);
		assert_int_equal(ticket_wait(&read), STORE_FAILED);
	}
	assert_true(now_ms() - began < 8000);
	between_set(PASS_ON);
	until_up();
	assert_string_equal(things_of("romeo"), "1|before");
	assert_string_equal(things_of("juliet"), "");
	assert_int_equal(WRITE("juliet", PUT("juliet", 2, "after")), STORE_OK);
	assert_string_equal(things_of("juliet"), "2|after");
}

static void
a_server_that_is_away_is_tried_again(void **state)
{
	static struct ticket ticket;
	struct row row = PUT("juliet", 1, "patient");

	(void)state;
	between_set(NOT_THERE);
	write_start(&ticket, "juliet", &row, 1);
	assert_string_equal(things_of("juliet"), "FAILED");
	sleep_ms(1500);
	assert_int_equal(ticket.answers, 0);
	between_set(PASS_ON);
	assert_int_equal(ticket_wait(&ticket), STORE_OK);
	until_up();
	assert_string_equal(things_of("juliet"), "1|patient");
	assert_int_equal(logged_count("commits again"), 1);
}

/* A server that was started anew while nobody asked, or has lost patience: no reason to say
 * that it is down. */
static void
connections_that_were_lost_at_rest_are_made_anew(void **state)
{
	(void)state;
	assert_int_equal(WRITE("juliet", PUT("juliet", 1, "a")), STORE_OK);
	assert_string_equal(things_of("juliet"), "1|a");
	between_set(NOT_THERE);
	sleep_ms(100);
	between_set(PASS_ON);
	assert_string_equal(things_of("juliet"), "1|a");
	assert_string_equal(things_of("juliet"), "1|a");
	assert_int_equal(WRITE("juliet", PUT("juliet", 2, "b")), STORE_OK);
	assert_int_equal(logged_count("could not"), 0);
}

/* A cut in the network: the server keeps the old connections, and what they hold. */
static void
connections_that_the_server_believes_in_are_ended(void **state)
{
	(void)state;
	assert_int_equal(WRITE("juliet", PUT("juliet", 1, "a")), STORE_OK);
	between_set(ABANDON);
	sleep_ms(100);
	between_set(PASS_ON);
	assert_int_equal(WRITE("juliet", PUT("juliet", 2, "b")), STORE_OK);
	assert_string_equal(things_of("juliet"), "1|a 2|b");
}

/* The same in a transaction, which the server would keep open. */
static void
a_transaction_that_the_server_believes_in_is_ended(void **state)
{
	static struct ticket ticket;
	struct row rows[] = { PUT("juliet", 1, "a"), PUT("juliet", 2, "b") };

	(void)state;
	store_slow(kept.store, 200); /* begin, and each row */
	write_start(&ticket, "juliet", rows, 2);
	sleep_ms(500);
	between_set(ABANDON);
	sleep_ms(50);
	between_set(PASS_ON);
	store_slow(kept.store, 0);
	assert_int_equal(ticket_wait(&ticket), STORE_OK);
	assert_string_equal(things_of("juliet"), "1|a 2|b");
	assert_int_equal(logged_count("could not write"), 0);
}

static void
a_database_is_for_one_server(void **state)
{
	struct store *other;
	struct err err;

	(void)state;
	other = store_open(&kept.settings, &err);
	assert_null(other);
	assert_int_equal(err.kind, ERR_DOWN);
	if (strstr(err.text, "another server works with this database") == NULL)
		fail_msg("%s", err.text);
	loops_end();
	store_make();
	loops_start(1);
}

static void
a_store_whose_server_is_away_can_be_closed(void **state)
{
	static struct ticket ticket;
	struct row row = PUT("juliet", 1, "lost");
	int64_t began;

	(void)state;
	between_set(NOT_THERE);
	ticket.nobody_waits = true;
	write_start(&ticket, "juliet", &row, 1);
	ticket_wait(&ticket);
	sleep_ms(100);
	began = now_ms();
	loops_end();
	assert_true(now_ms() - began < 10000);
	assert_int_equal(logged_count("closed before all was written, lost batches=1"), 1);
}

/* --- several writers --- */

static const struct statement count_up = {
	.name = "things.count_up",
	.in = "ti",
	.out = "",
	.sqlite = "UPDATE things SET words = words + 1 WHERE owner = ? AND id = ?",
};

static int
open_with_writers(void **state)
{
	(void)state;
	folder_make();
	kept.settings.writers = 4;
	store_make();
	loops_start(4);
	return 0;
}

/* Batches of different owners change the same rows in opposite order: the server ends one of
 * two transactions, and that is tried again. */
static void
writers_in_each_others_way_all_succeed(void **state)
{
	enum { BATCHES = 400 };
	static struct ticket tickets[BATCHES];
	static struct row rows[BATCHES][2];
	static char owners[BATCHES][16];

	(void)state;
	assert_int_equal(WRITE("all", PUT("all", 1, "0"), PUT("all", 2, "0")), STORE_OK);
	for (unsigned i = 0; i < BATCHES; i++) {
		snprintf(owners[i], sizeof owners[i], "owner%u", i);
		for (unsigned j = 0; j < 2; j++)
			rows[i][j] = (struct row) { &count_up,
						    NULL,
						    { text_value("all"),
						      INTEGER_VALUE(1 + ((i + j) & 1)) } };
		tickets[i].shard = i % 4;
		write_start(&tickets[i], owners[i], rows[i], 2);
	}
	for (unsigned i = 0; i < BATCHES; i++)
		assert_int_equal(ticket_wait(&tickets[i]), STORE_OK);
	assert_string_equal(things_of("all"), "1|400 2|400");
	assert_int_equal(logged_count("could not"), 0);
}

static void
an_owner_has_one_way(void **state)
{
	unsigned together = 0;
	char other[16];

	(void)state;
	assert_true(store_together(kept.store, "juliet", "juliet"));
	for (unsigned i = 0; i < 200; i++) {
		snprintf(other, sizeof other, "owner%u", i);
		together += store_together(kept.store, "juliet", other);
	}
	assert_true(together > 20 && together < 90);
}

/* --- rows --- */

static void
a_row_that_the_server_would_not_take_is_refused_alone(void **state)
{
	static struct ticket first, large, small;
	size_t length = 17 << 20;
	char *words = zalloc(length + 1);
	struct row rows[] = { PUT("romeo", 0, "first"), PUT("juliet", 1, words),
			      PUT("juliet", 2, "small") };

	(void)state;
	memset(words, 'x', length);
	rows[1].in[2] = text_value(words);
	store_slow(kept.store, 60);
	write_start(&first, "romeo", &rows[0], 1);
	sleep_ms(30);
	store_slow(kept.store, 0);
	write_start(&large, "juliet", &rows[1], 1);
	write_start(&small, "juliet", &rows[2], 1);
	assert_int_equal(ticket_wait(&first), STORE_OK);
	assert_int_equal(ticket_wait(&large), STORE_FAILED);
	assert_int_equal(ticket_wait(&small), STORE_OK);
	assert_string_equal(things_of("juliet"), "2|small");
	assert_int_equal(logged_count("larger than the server's max_allowed_packet"), 1);
	assert_true(is_up());
	free(words);
}

/* Far more than one packet holds goes in several, in order. */
static void
many_large_rows_are_written_together(void **state)
{
	enum { ROWS = 60 };
	static struct row rows[ROWS];
	static const struct statement sizes = {
		.name = "things.sizes",
		.in = "",
		.out = "ii",
		.sqlite = "SELECT count(*), sum(length(words)) FROM things",
	};
	char *words = zalloc(1000001);

	(void)state;
	memset(words, 'x', 1000000);
	for (unsigned i = 0; i < ROWS; i++)
		rows[i] = (struct row)PUT("juliet", i, words);
	assert_int_equal(write_rows("juliet", rows, ROWS), STORE_OK);
	assert_string_equal(read_words(&sizes, NULL), "60|60000000");
	free(words);
}

static const struct statement block = {
	.name = "blocking.add",
	.in = "tt",
	.out = "",
	.sqlite = "REPLACE INTO blocking (owner, jid) VALUES (?, ?)",
};
static const struct statement blocked = {
	.name = "blocking.length",
	.in = "tt",
	.out = "ii",
	.sqlite = "SELECT count(*), max(length(jid)) FROM blocking WHERE owner = ? AND jid = ?",
};

static int
open_shipped_blocking(void **state)
{
	static const char *const modules[] = { "blocking", NULL };
	struct err err;

	(void)state;
	folder_make();
	kept.settings.schemas = getenv("STENTOR_SCHEMAS");
	kept.store = store_open(&kept.settings, &err);
	assert_non_null(kept.store);
	assert_true(store_migrate(kept.store, modules, &err));
	loops_start(1);
	return 0;
}

/* Longer than what an index can hold, and alike but for the last byte. */
static void
the_longest_addresses_are_told_apart(void **state)
{
	static char owner[2048], one[3072], other[3072];
	struct row rows[] = {
		{ &block, NULL, { text_value(owner), text_value(one) } },
		{ &block, NULL, { text_value(owner), text_value(other) } },
		{ &block, NULL, { text_value(owner), text_value(one) } },
	};

	(void)state;
	memset(owner, 'o', sizeof owner - 1);
	memset(one, 'j', sizeof one - 1);
	memset(other, 'j', sizeof other - 1);
	other[sizeof other - 2] = 'x';
	for (unsigned i = 0; i < COUNT(rows); i++) {
		rows[i].in[0] = text_value(owner);
		rows[i].in[1] = text_value(i == 1 ? other : one);
	}
	assert_int_equal(write_rows("juliet", rows, 1), STORE_OK);
	assert_int_equal(write_rows("juliet", rows + 1, 2), STORE_OK);
	assert_string_equal(read_words(&blocked, rows[0].in), "1|3071");
	assert_string_equal(read_words(&blocked, rows[1].in), "1|3071");
}

/* --- who may come in, and to whom one comes --- */

static char password_path[256];

static void
password_set(const char *password)
{
	snprintf(password_path, sizeof password_path, "%s", path_of("password"));
	write_file("password", password);
	kept.settings.password_file = password_path;
}

/* A user of the database who has a password and comes by TCP. */
static int
open_by_tcp(void **state)
{
	static char user[80], ca[128];
	char sql[300];

	(void)state;
	folder_make();
	snprintf(user, sizeof user, "u%s", kept.database);
	snprintf(sql, sizeof sql, "CREATE USER %s@'127.0.0.1' IDENTIFIED BY 'secret'", user);
	server_run(sql);
	snprintf(sql, sizeof sql, "GRANT ALL ON %s.* TO %s@'127.0.0.1'", kept.database, user);
	server_run(sql);
	snprintf(ca, sizeof ca, "%s", server_file("ca.pem"));
	kept.settings.socket = NULL;
	kept.settings.host = "127.0.0.1";
	kept.settings.port = (unsigned)server_number("SELECT @@port");
	kept.settings.user = user;
	kept.settings.ca = ca;
	kept.settings.tls = "required";
	password_set("secret\n");
	return 0;
}

static int
close_by_tcp(void **state)
{
	char sql[300];

	snprintf(sql, sizeof sql, "DROP USER %s@'127.0.0.1'", kept.settings.user);
	close_kept(state);
	server_run(sql);
	return 0;
}

static void
opens(void)
{
	struct err err;

	kept.store = store_open(&kept.settings, &err);
	if (kept.store == NULL)
		fail_msg("%s", err.text);
	store_close(&kept.store);
}

static void
does_not_open(enum err_kind kind, const char *why)
{
	struct err err = { 0 };

	assert_null(store_open(&kept.settings, &err));
	if (strstr(err.text, why) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", err.text, why);
	assert_int_equal(err.kind, kind);
}

static void
a_password_is_asked_for(void **state)
{
	(void)state;
	opens();
	password_set("wrong\n");
	does_not_open(ERR_REFUSED, "Access denied");
	kept.settings.password_file = NULL;
	does_not_open(ERR_REFUSED, "Access denied");
	kept.settings.password_file = "/nonexistent";
	does_not_open(ERR_DOWN, "could not open \"/nonexistent\"");
	password_set("");
	does_not_open(ERR_DOWN, "holds no password");
	password_set("secret");
	kept.settings.database = "elsewhere";
	does_not_open(ERR_REFUSED, "Access denied");
}

/* The new password is in the file, and the next connection has it. */
static void
a_new_password_needs_no_restart(void **state)
{
	char sql[300];

	(void)state;
	store_make();
	loops_start(1);
	assert_int_equal(WRITE("juliet", PUT("juliet", 1, "a")), STORE_OK);
	snprintf(sql, sizeof sql, "ALTER USER %s@'127.0.0.1' IDENTIFIED BY 'changed'",
		 kept.settings.user);
	server_run(sql);
	password_set("changed\n");
	snprintf(sql, sizeof sql, "KILL USER %s", kept.settings.user);
	server_run(sql);
	assert_string_equal(things_of("juliet"), "1|a");
	assert_int_equal(WRITE("juliet", PUT("juliet", 2, "b")), STORE_OK);
}

static const struct statement cipher = {
	.name = "cipher",
	.in = "",
	.out = "t",
	.sqlite = "SELECT variable_value FROM information_schema.session_status"
		  " WHERE variable_name = 'SSL_VERSION'",
};

static void
tls_is_verified(void **state)
{
	(void)state;
	store_make();
	loops_start(1);
	assert_string_equal(read_words(&cipher, NULL), "TLSv1.3");
	loops_end();

	/* Somebody else's authority, nobody's, another name. */
	kept.settings.ca = server_file("server.pem");
	write_file("other.pem", "");
	kept.settings.ca = NULL;
	does_not_open(ERR_REFUSED, "TLS");
	kept.settings.ca = server_file("ca.pem");
	kept.settings.host = "0.0.0.0"; /* this machine, by a name that the certificate lacks */
	does_not_open(ERR_REFUSED, "TLS");
}

static void
tls_may_be_off(void **state)
{
	(void)state;
	kept.settings.tls = "off";
	store_make();
	loops_start(1);
	assert_string_equal(read_words(&cipher, NULL), "");
	loops_end();
	kept.settings.tls = "optional";
	store_make();
	loops_start(1);
	assert_string_equal(read_words(&cipher, NULL), "TLSv1.3");
}

#define BETWEEN(test) cmocka_unit_test_setup_teardown(test, open_between, close_between)
#define BY_TCP(test)  cmocka_unit_test_setup_teardown(test, open_by_tcp, close_by_tcp)

#endif

int
main(void)
{
#ifdef HAVE_MARIADB
	const struct CMUnitTest tests[] = {
		BETWEEN(a_commit_that_did_not_arrive_is_made_again),
		BETWEEN(a_commit_whose_answer_was_lost_is_found_out),
		BETWEEN(a_commit_that_is_on_its_way_is_waited_for),
		BETWEEN(a_commit_in_doubt_is_answered_when_it_is_known),
		BETWEEN(a_server_that_hangs_is_no_answer),
		BETWEEN(a_server_that_is_away_is_tried_again),
		BETWEEN(connections_that_were_lost_at_rest_are_made_anew),
		BETWEEN(connections_that_the_server_believes_in_are_ended),
		BETWEEN(a_transaction_that_the_server_believes_in_is_ended),
		ON_DISK(a_database_is_for_one_server),
		BETWEEN(a_store_whose_server_is_away_can_be_closed),
		cmocka_unit_test_setup_teardown(writers_in_each_others_way_all_succeed,
						open_with_writers, close_kept),
		cmocka_unit_test_setup_teardown(an_owner_has_one_way, open_with_writers,
						close_kept),
		ON_DISK(a_row_that_the_server_would_not_take_is_refused_alone),
		ON_DISK(many_large_rows_are_written_together),
		cmocka_unit_test_setup_teardown(the_longest_addresses_are_told_apart,
						open_shipped_blocking, close_kept),
		BY_TCP(a_password_is_asked_for),
		BY_TCP(a_new_password_needs_no_restart),
		BY_TCP(tls_is_verified),
		BY_TCP(tls_may_be_off),
	};

	if (on_mariadb())
		return kept_run("store/store_mariadb", tests, COUNT(tests));
#endif
	printf("skipped: there is no MariaDB\n");
	return 77;
}
