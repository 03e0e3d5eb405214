/* SPDX-License-Identifier: MIT */
/* Writes: together or not at all, in order, in groups, in time or never. */
#include "store/store.h"

#include "kept.h"

static const struct statement note = {
	.name = "done.note",
	.in = "t",
	.out = "",
	.sqlite = "INSERT INTO done (what) VALUES (?)",
};
static const struct statement notes = {
	.name = "done.all",
	.in = "",
	.out = "t",
	.sqlite = "SELECT what FROM done ORDER BY n",
};
static const struct statement set_and_note = {
	.name = "things.trigger",
	.in = "",
	.out = "",
	.sqlite = "CREATE TRIGGER noting AFTER INSERT ON things BEGIN"
		  " INSERT INTO done (what) VALUES (NEW.words); END",
	.mariadb = "CREATE TRIGGER noting AFTER INSERT ON things FOR EACH ROW"
		   " INSERT INTO done (what) VALUES (NEW.words)",
};
static const struct statement note_update = {
	.name = "things.trigger_update",
	.in = "",
	.out = "",
	.sqlite = "CREATE TRIGGER noting_update AFTER UPDATE ON things BEGIN"
		  " INSERT INTO done (what) VALUES (NEW.words); END",
	.mariadb = "CREATE TRIGGER noting_update AFTER UPDATE ON things FOR EACH ROW"
		   " INSERT INTO done (what) VALUES (NEW.words)",
};

static uint64_t
transactions(void)
{
	struct store_state state;

	store_state(kept.store, &state);
	return state.transactions;
}

static unsigned
waiting(void)
{
	struct store_state state;

	store_state(kept.store, &state);
	return state.waiting_rows;
}

static void
a_batch_is_kept_and_acknowledged(void **state)
{
	(void)state;
	assert_int_equal(WRITE("juliet", PUT("juliet", 1, "one"), PUT("juliet", 2, NULL)),
			 STORE_OK);
	assert_string_equal(things_of("juliet"), "1|one 2|NULL");
}

static void
a_batch_happens_whole_or_not_at_all(void **state)
{
	(void)state;
	assert_int_equal(WRITE("juliet", PUT("juliet", 1, "one")), STORE_OK);
	assert_int_equal(WRITE("juliet", PUT("juliet", 2, "two"), PUT("juliet", 1, "again")),
			 STORE_FAILED);
	assert_string_equal(things_of("juliet"), "1|one");
	assert_int_equal(logged_count(EITHER("could not write \"things.put\": UNIQUE",
					     "could not write \"things.put\": Duplicate")),
			 1);
}

static void
a_batch_of_nothing_succeeds(void **state)
{
	(void)state;
	assert_int_equal(write_rows("juliet", NULL, 0), STORE_OK);
	assert_int_equal(write_rows(NULL, NULL, 0), STORE_OK);
}

/* While the first batch takes its time, the others gather. */
static void
what_waits_goes_into_one_transaction(void **state)
{
	static struct ticket first, others[20];
	struct row row = PUT("romeo", 0, "first"), rows[COUNT(others)];
	uint64_t before = transactions();

	(void)state;
	store_slow(kept.store, 60);
	write_start(&first, "romeo", &row, 1);
	sleep_ms(30);
	store_slow(kept.store, 0);
	for (size_t i = 0; i < COUNT(others); i++) {
		rows[i] = (struct row)PUT("juliet", i, "x");
		write_start(&others[i], "juliet", &rows[i], 1);
	}
	assert_int_equal(ticket_wait(&first), STORE_OK);
	for (size_t i = 0; i < COUNT(others); i++)
		assert_int_equal(ticket_wait(&others[i]), STORE_OK);
	assert_int_equal(transactions() - before, 2);
}

static void
a_refused_batch_fails_alone_in_its_group(void **state)
{
	static struct ticket first, others[20];
	struct row row = PUT("romeo", 0, "first"), rows[COUNT(others)][2];
	char want[400] = "";

	(void)state;
	store_slow(kept.store, 60);
	write_start(&first, "romeo", &row, 1);
	sleep_ms(30);
	store_slow(kept.store, 0);
	for (size_t i = 0; i < COUNT(others); i++) {
		rows[i][0] = (struct row)PUT("juliet", i, "x");
		/* Each third says a number twice. */
		rows[i][1] = (struct row)PUT("juliet", i % 3 == 1 ? i - 1 : i + 100, "y");
		write_start(&others[i], "juliet", rows[i], 2);
	}
	ticket_wait(&first);
	for (size_t i = 0; i < COUNT(others); i++) {
		assert_int_equal(ticket_wait(&others[i]), i % 3 == 1 ? STORE_FAILED : STORE_OK);
		if (i % 3 != 1)
			sprintf(want + strlen(want), "%s%zu|x", i > 0 ? " " : "", i);
	}
	for (size_t i = 0; i < COUNT(others); i++)
		if (i % 3 != 1)
			sprintf(want + strlen(want), " %zu|y", i + 100);
	assert_string_equal(things_of("juliet"), want);
}

static void
batches_of_one_owner_keep_their_order(void **state)
{
	static struct ticket tickets[300];
	static struct row rows[COUNT(tickets)];
	static char words[COUNT(tickets)][16];
	char *at;

	(void)state;
	for (size_t i = 0; i < COUNT(tickets); i++) {
		snprintf(words[i], sizeof words[i], "%zu", i);
		rows[i] = (struct row) { &note, NULL, { text_value(words[i]) } };
		write_start(&tickets[i], "juliet", &rows[i], 1);
	}
	for (size_t i = 0; i < COUNT(tickets); i++)
		assert_int_equal(ticket_wait(&tickets[i]), STORE_OK);
	at = (char *)read_words(&notes, NULL);
	for (size_t i = 0; i < COUNT(tickets); i++)
		assert_int_equal(strtol(at, &at, 10), (long)i);
}

static void
of_writes_with_one_key_only_the_last_is_made(void **state)
{
	static struct ticket first, others[10];
	struct row row = PUT("romeo", 0, "first"), rows[COUNT(others)];
	static const char *const words[] = { "a", "b", "c", "d", "e", "f", "g", "h", "i", "j" };

	(void)state;
	WRITE(NULL, { &set_and_note, NULL, { { 0 } } }, { &note_update, NULL, { { 0 } } });
	store_slow(kept.store, 60);
	write_start(&first, "romeo", &row, 1);
	sleep_ms(30);
	store_slow(kept.store, 0);
	for (size_t i = 0; i < COUNT(others); i++) {
		rows[i] = (struct row)SET("juliet", i % 2, words[i], i % 2 ? "odd" : "even");
		write_start(&others[i], "juliet", &rows[i], 1);
	}
	ticket_wait(&first);
	for (size_t i = 0; i < COUNT(others); i++)
		assert_int_equal(ticket_wait(&others[i]), STORE_OK);
	assert_string_equal(things_of("juliet"), "0|i 1|j");
	assert_string_equal(read_words(&notes, NULL), "first i j");
}

static void
a_write_is_made_when_what_replaces_it_is_refused(void **state)
{
	static struct ticket first, second, third;
	struct row row = PUT("romeo", 0, "first");
	struct row good = SET("juliet", 1, "kept", "key");
	struct row bad[] = { SET("juliet", 1, "refused", "key"), PUT("romeo", 0, "again") };

	(void)state;
	store_slow(kept.store, 60);
	write_start(&first, "romeo", &row, 1);
	sleep_ms(30);
	store_slow(kept.store, 0);
	write_start(&second, "juliet", &good, 1);
	write_start(&third, "juliet", bad, 2);
	ticket_wait(&first);
	assert_int_equal(ticket_wait(&second), STORE_OK);
	assert_int_equal(ticket_wait(&third), STORE_FAILED);
	assert_string_equal(things_of("juliet"), "1|kept");
}

static void
keys_of_different_owners_do_not_meet(void **state)
{
	static struct ticket first, second, third;
	struct row row = PUT("tybalt", 0, "first");
	struct row hers = SET("juliet", 1, "hers", "key"), his = SET("romeo", 1, "his", "key");

	(void)state;
	store_slow(kept.store, 60);
	write_start(&first, "tybalt", &row, 1);
	sleep_ms(30);
	store_slow(kept.store, 0);
	write_start(&second, "juliet", &hers, 1);
	write_start(&third, "romeo", &his, 1);
	ticket_wait(&first);
	ticket_wait(&second);
	ticket_wait(&third);
	assert_string_equal(things_of("juliet"), "1|hers");
	assert_string_equal(things_of("romeo"), "1|his");
}

static void
a_read_sees_the_earlier_writes_of_its_owner(void **state)
{
	static struct ticket writes[3], read;
	struct row rows[COUNT(writes)];
	struct value in[] = { text_value("juliet") };

	(void)state;
	store_slow(kept.store, 20);
	for (size_t i = 0; i < COUNT(writes); i++) {
		rows[i] = (struct row)PUT("juliet", i, "x");
		write_start(&writes[i], "juliet", &rows[i], 1);
	}
	read_start(&read, "juliet", &things_all, in);
	assert_int_equal(ticket_wait(&read), STORE_OK);
	assert_string_equal(read.words, "0|x 1|x 2|x");
	for (size_t i = 0; i < COUNT(writes); i++)
		ticket_wait(&writes[i]);
}

/* The last of three is given up first; who waits for it must still see the others. */
static void
a_read_waits_for_all_writes_though_the_last_is_given_up(void **state)
{
	static struct ticket writes[3], read;
	struct row rows[COUNT(writes)];
	struct value in[] = { text_value("juliet") };

	(void)state;
	store_slow(kept.store, 200);
	writes[2].deadline = 1;
	for (size_t i = 0; i < COUNT(writes); i++) {
		rows[i] = (struct row)PUT("juliet", i, "x");
		write_start(&writes[i], "juliet", &rows[i], 1);
		if (i == 0)
			sleep_ms(50); /* it is taken alone */
	}
	read_start(&read, "juliet", &things_all, in);
	assert_int_equal(ticket_wait(&writes[2]), STORE_FAILED);
	store_slow(kept.store, 0);
	assert_int_equal(ticket_wait(&read), STORE_OK);
	assert_string_equal(read.words, "0|x 1|x");
	assert_int_equal(ticket_wait(&writes[0]), STORE_OK);
	assert_int_equal(ticket_wait(&writes[1]), STORE_OK);
}

static void
a_sick_store_makes_writes_wait_and_recovers_by_itself(void **state)
{
	static struct ticket ticket;
	struct row row = PUT("juliet", 1, "one");
	struct store_state now;

	(void)state;
	store_fail(kept.store, -1);
	write_start(&ticket, "juliet", &row, 1);
	sleep_ms(300);
	store_state(kept.store, &now);
	assert_false(now.up);
	assert_true(now.down_since > 0);
	assert_string_equal(now.trouble, "could not commit: it was made to fail");
	assert_int_equal(now.waiting_rows, 1);
	store_fail(kept.store, 0);
	assert_int_equal(ticket_wait(&ticket), STORE_OK);
	assert_string_equal(things_of("juliet"), "1|one");
	store_state(kept.store, &now);
	assert_true(now.up);
	assert_int_equal(now.waiting_rows, 0);
	assert_int_equal(logged_count("could not commit: it was made to fail; writes wait"), 1);
	assert_int_equal(logged_count("commits again"), 1);
}

/* Also when nobody asks for anything. */
static void
a_store_that_is_well_again_says_so(void **state)
{
	static struct ticket ticket;
	struct row row = PUT("juliet", 1, "one");
	struct store_state now;

	(void)state;
	store_fail(kept.store, -1);
	ticket.deadline = 100;
	write_start(&ticket, "juliet", &row, 1);
	assert_int_equal(ticket_wait(&ticket), STORE_FAILED);
	assert_string_equal(things_of("juliet"), "FAILED");
	sleep_ms(300);
	store_state(kept.store, &now);
	assert_false(now.up);
	store_fail(kept.store, 0);
	sleep_ms(2300);
	store_state(kept.store, &now);
	assert_true(now.up);
	assert_int_equal(now.down_since, 0);
	assert_int_equal(logged_count("reads again"), 1);
	assert_int_equal(logged_count("commits again"), 1);
	assert_int_equal(logged_count("could not"), 2);
}

static void
a_write_that_waited_too_long_is_never_applied(void **state)
{
	static struct ticket late, silent, patient;
	struct row rows[] = { PUT("juliet", 1, "late"), PUT("juliet", 2, "silent"),
			      PUT("juliet", 3, "patient") };

	(void)state;
	store_fail(kept.store, -1);
	late.deadline = silent.deadline = 200;
	silent.nobody_waits = true;
	write_start(&late, "juliet", &rows[0], 1);
	write_start(&silent, "juliet", &rows[1], 1);
	write_start(&patient, "juliet", &rows[2], 1);
	ticket_wait(&silent);
	assert_int_equal(ticket_wait(&late), STORE_FAILED);
	sleep_ms(100); /* the silent one's time is over too */
	store_fail(kept.store, 0);
	assert_int_equal(ticket_wait(&patient), STORE_OK);
	assert_string_equal(things_of("juliet"), "3|patient");
	assert_int_equal(logged_count("gave up writes that waited too long count=1"), 1);
	assert_int_equal(waiting(), 0);
}

/* A commit that takes longer than a batch may wait: it is not reported as failed, and
 * then applied. */
static void
what_is_in_a_transaction_is_not_given_up(void **state)
{
	static struct ticket ticket;
	struct row row = PUT("juliet", 1, "slow");

	(void)state;
	store_slow(kept.store, 150);
	ticket.deadline = 60;
	write_start(&ticket, "juliet", &row, 1);
	assert_int_equal(ticket_wait(&ticket), STORE_OK);
	store_slow(kept.store, 0);
	assert_string_equal(things_of("juliet"), "1|slow");
}

static void
too_many_rows_are_turned_away(void **state)
{
	enum { ROWS = 10000, BATCHES = 11 };
	static struct ticket tickets[BATCHES], small;
	struct row row = PUT("romeo", 1, "small");
	struct row *rows = zalloc(ROWS * sizeof *rows);
	struct err err;

	(void)state;
	for (size_t i = 0; i < ROWS; i++)
		rows[i] = (struct row)SET("juliet", i, "x", NULL);
	store_fail(kept.store, -1);
	for (size_t i = 0; i < BATCHES; i++)
		write_start(&tickets[i], "juliet", rows, ROWS);
	assert_int_equal(ticket_wait(&tickets[BATCHES - 1]), STORE_FAILED);
	write_start(&small, "romeo", &row, 1);
	assert_int_equal(ticket_wait(&small), STORE_FAILED);
	assert_int_equal(logged_count("a write was turned away: too much is waiting"), 2);
	assert_int_equal(waiting(), 10 * ROWS);
	store_fail(kept.store, 0);
	for (size_t i = 0; i < BATCHES - 1; i++)
		assert_int_equal(ticket_wait(&tickets[i]), STORE_OK);
	assert_int_equal(waiting(), 0);
	assert_true(store_check(kept.store, &err));
	free(rows);
}

static void
too_many_bytes_are_turned_away(void **state)
{
	enum { BATCHES = 7 };
	static struct ticket tickets[BATCHES];
	size_t length = 10 << 20;
	char *words = zalloc(length + 1);
	struct row row;

	(void)state;
	memset(words, 'x', length);
	row = (struct row)SET("juliet", 1, words, NULL);
	store_fail(kept.store, -1);
	for (size_t i = 0; i < BATCHES; i++)
		write_start(&tickets[i], "juliet", &row, 1);
	assert_int_equal(ticket_wait(&tickets[BATCHES - 1]), STORE_FAILED);
	store_fail(kept.store, 0);
	for (size_t i = 0; i < BATCHES - 1; i++)
		assert_int_equal(ticket_wait(&tickets[i]), STORE_OK);
	free(words);
}

static const struct statement limit_pages = {
	.name = "limit",
	.in = "",
	.out = "",
	.sqlite = "PRAGMA max_page_count = 60",
};
static const struct statement unlimit_pages = {
	.name = "unlimit",
	.in = "",
	.out = "",
	.sqlite = "PRAGMA max_page_count = 1000000",
};

static void
a_full_disk_makes_writes_wait(void **state)
{
	static struct ticket large, small, late;
	static char words[400000];
	struct row row, late_row, another = PUT("juliet", 2, "small");
	struct err err;
	struct store_state now;

	(void)state;
	memset(words, 'x', sizeof words - 1);
	row = (struct row)PUT("juliet", 1, words);
	late_row = (struct row)PUT("juliet", 3, words);
	assert_true(store_write_now(kept.store, &limit_pages, NULL, &err));
	late.deadline = 150;
	write_start(&late, "juliet", &late_row, 1);
	write_start(&large, "juliet", &row, 1);
	write_start(&small, "juliet", &another, 1);
	assert_int_equal(ticket_wait(&late), STORE_FAILED);
	store_state(kept.store, &now);
	assert_false(now.up);
	assert_string_equal(now.trouble, "could not commit: disk full");
	assert_int_equal(logged_count("could not commit: disk full; writes wait"), 1);
	assert_string_equal(things_of("juliet"), "");
	assert_true(store_write_now(kept.store, &unlimit_pages, NULL, &err));
	assert_int_equal(ticket_wait(&large), STORE_OK);
	assert_int_equal(ticket_wait(&small), STORE_OK);
	assert_true(strstr(things_of("juliet"), "2|small") != NULL);
	assert_true(strstr(things_of("juliet"), "3|") == NULL);
}

/* Whatever statement fails: what was said to be kept is, what was said to have failed is
 * not, and the store goes on. */
static void
whichever_statement_fails_the_answer_is_true(void **state)
{
	(void)state;
	for (long n = 1; n <= 14; n++) {
		static struct ticket tickets[4];
		struct row rows[COUNT(tickets)][2];
		char owner[32], want[200] = "";

		snprintf(owner, sizeof owner, "owner%ld", n);
		store_fail(kept.store, n);
		for (size_t i = 0; i < COUNT(tickets); i++) {
			rows[i][0] = (struct row)PUT(owner, 2 * i, "x");
			rows[i][1] = (struct row)PUT(owner, 2 * i + 1, "y");
			write_start(&tickets[i], owner, rows[i], 2);
		}
		for (size_t i = 0; i < COUNT(tickets); i++)
			if (ticket_wait(&tickets[i]) == STORE_OK)
				sprintf(want + strlen(want), "%s%zu|x %zu|y", *want ? " " : "",
					2 * i, 2 * i + 1);
		store_fail(kept.store, 0);
		assert_string_equal(things_of(owner), want);
	}
}

static void
answers_come_to_the_shard_that_asked(void **state)
{
	static struct ticket tickets[200], reads[200];
	static struct row rows[COUNT(tickets)];
	struct value in[] = { text_value("juliet") };

	(void)state;
	for (size_t i = 0; i < COUNT(tickets); i++) {
		rows[i] = (struct row)PUT("juliet", i, "x");
		tickets[i].shard = reads[i].shard = i % kept.shards;
		write_start(&tickets[i], "juliet", &rows[i], 1);
		read_start(&reads[i], i % 2 ? "juliet" : NULL, &things_all, in);
	}
	for (size_t i = 0; i < COUNT(tickets); i++) { /* ticket_wait looks where it came */
		assert_int_equal(ticket_wait(&tickets[i]), STORE_OK);
		assert_int_equal(ticket_wait(&reads[i]), STORE_OK);
	}
}

static void
what_waits_is_committed_when_the_store_is_closed(void **state)
{
	static struct ticket tickets[50];
	static struct row rows[COUNT(tickets)];
	static char found[4096];

	(void)state;
	store_slow(kept.store, 2);
	for (size_t i = 0; i < COUNT(tickets); i++) {
		rows[i] = (struct row)PUT("juliet", i, "x");
		tickets[i].nobody_waits = true;
		write_start(&tickets[i], "juliet", &rows[i], 1);
	}
	for (size_t i = 0; i < COUNT(tickets); i++)
		ticket_wait(&tickets[i]);
	loops_end();
	store_make();
	loops_start(1);
	snprintf(found, sizeof found, "%s", things_of("juliet"));
	assert_true(strstr(found, "49|x") != NULL);
}

static void
a_sick_store_can_be_closed(void **state)
{
	static struct ticket ticket;
	struct row row = PUT("juliet", 1, "lost");

	(void)state;
	store_fail(kept.store, -1);
	ticket.nobody_waits = true;
	write_start(&ticket, "juliet", &row, 1);
	ticket_wait(&ticket);
	sleep_ms(120);
	loops_end();
	assert_int_equal(logged_count("closed before all was written, lost batches=1"), 1);
}

static void
forget_here(void *arg)
{
	struct batch *batch = batch_new(kept.store, "juliet");

	batch_add(batch, &things_put,
		  (struct value[]) { text_value("juliet"), INTEGER_VALUE(1), text_value("x") });
	batch_forget(batch);
	answered(arg, STORE_OK);
}

static void
a_forgotten_batch_leaves_nothing(void **state)
{
	struct ticket ticket = { 0 };

	(void)state;
	ticket_start(&ticket, forget_here);
	ticket_wait(&ticket);
	assert_string_equal(things_of("juliet"), "");
	assert_int_equal(waiting(), 0);
}

static void
a_moved_file_is_not_written_to(void **state)
{
	static struct ticket ticket;
	struct row row = PUT("juliet", 1, "one");
	struct store_state now;

	(void)state;
	assert_int_equal(rename(path_of("test.sqlite"), path_of("moved")), 0);
	write_start(&ticket, "juliet", &row, 1);
	sleep_ms(200);
	store_state(kept.store, &now);
	assert_string_equal(now.trouble, "could not commit: the file was moved or deleted");
	assert_int_equal(rename(path_of("moved"), path_of("test.sqlite")), 0);
	assert_int_equal(ticket_wait(&ticket), STORE_OK);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		ON_BOTH(a_batch_is_kept_and_acknowledged),
		ON_BOTH(a_batch_happens_whole_or_not_at_all),
		ON_BOTH(a_batch_of_nothing_succeeds),
		ON_BOTH(what_waits_goes_into_one_transaction),
		ON_BOTH(a_refused_batch_fails_alone_in_its_group),
		ON_BOTH(batches_of_one_owner_keep_their_order),
		ON_BOTH(of_writes_with_one_key_only_the_last_is_made),
		ON_BOTH(a_write_is_made_when_what_replaces_it_is_refused),
		ON_BOTH(keys_of_different_owners_do_not_meet),
		ON_BOTH(a_read_sees_the_earlier_writes_of_its_owner),
		ON_BOTH(a_read_waits_for_all_writes_though_the_last_is_given_up),
		ON_BOTH(a_sick_store_makes_writes_wait_and_recovers_by_itself),
		ON_BOTH(a_store_that_is_well_again_says_so),
		ON_BOTH(a_write_that_waited_too_long_is_never_applied),
		ON_BOTH(what_is_in_a_transaction_is_not_given_up),
		IN_MEMORY(too_many_rows_are_turned_away),
		ONLY_ON("mariadb", too_many_rows_are_turned_away, open_kept),
		IN_MEMORY(too_many_bytes_are_turned_away),
		ONLY_ON("mariadb", too_many_bytes_are_turned_away, open_kept),
		ONLY_ON("sqlite", a_full_disk_makes_writes_wait, open_kept),
		IN_MEMORY(a_full_disk_makes_writes_wait),
		ON_BOTH(whichever_statement_fails_the_answer_is_true),
		cmocka_unit_test_setup_teardown(answers_come_to_the_shard_that_asked,
						open_kept_with_shards, close_kept),
		ON_DISK(what_waits_is_committed_when_the_store_is_closed),
		ON_BOTH(a_sick_store_can_be_closed),
		ON_BOTH(a_forgotten_batch_leaves_nothing),
		ONLY_ON("sqlite", a_moved_file_is_not_written_to, open_kept),
	};

	return kept_run("store/batch", tests, COUNT(tests));
}
