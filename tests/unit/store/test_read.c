/* SPDX-License-Identifier: MIT */
/* Reads: every type, whole or in pages, once, or "cannot tell". */
#include "store/store.h"

#include "kept.h"

static const struct statement kinds_make = {
	.name = "kinds.make",
	.in = "",
	.out = "",
	.sqlite = "CREATE TABLE kinds (i INTEGER, t TEXT, b BLOB, n INTEGER PRIMARY KEY)",
	.mariadb = "CREATE TABLE kinds (i BIGINT, t TEXT CHARSET utf8mb4, b BLOB,"
		   " n BIGINT AUTO_INCREMENT PRIMARY KEY)",
};
static const struct statement kinds_put = {
	.name = "kinds.put",
	.in = "itb",
	.out = "",
	.sqlite = "INSERT INTO kinds (i, t, b) VALUES (?, ?, ?)",
};
static const struct statement kinds_all = {
	.name = "kinds.all",
	.in = "",
	.out = "itb",
	.sqlite = "SELECT i, t, b FROM kinds ORDER BY n",
};
static const struct statement many = {
	.name = "many",
	.in = "i",
	.out = "i",
	.sqlite = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)"
		  " SELECT i FROM n",
	.mariadb = "SELECT seq FROM seq_1_to_1000000 LIMIT ?",
};
static const struct statement large = {
	.name = "large",
	.in = "",
	.out = "t",
	.sqlite = "SELECT hex(zeroblob(20000000)) UNION ALL SELECT hex(zeroblob(20000001))",
	.mariadb = "SELECT repeat('x', 10000000) FROM seq_1_to_7",
};
static const struct statement wrong = {
	.name = "wrong",
	.in = "",
	.out = "i",
	.sqlite = "SELECT x FROM nowhere",
};
static const struct statement writing = {
	.name = "writing",
	.in = "",
	.out = "i",
	.sqlite = "DELETE FROM things RETURNING id",
};

static struct {
	sem_t done;
	struct rows rows;
	enum stored result;
	bool good;
} seen;

static void
kinds_seen(void *ctx, enum stored result, const struct rows *rows)
{
	const struct value *first = ROW(rows, 0), *second = ROW(rows, 1), *third = ROW(rows, 2);

	(void)ctx;
	must(result == STORE_OK && rows->count == 3 && rows->columns == 3 && !rows->more);
	must(first[0].integer == INT64_MIN && !first[0].null);
	must(first[1].length == 7 && strcmp(first[1].bytes, "balcón") == 0);
	must(first[2].length == 4 && memcmp(first[2].bytes, "a\0b\0", 5) == 0);
	must(second[0].null && second[1].null && second[2].null && second[1].bytes == NULL);
	must(third[1].length == 0 && strcmp(third[1].bytes, "") == 0 && !third[1].null);
	must(third[2].length == 0 && third[2].bytes != NULL && !third[2].null);
	sem_post(&seen.done);
}

static void
read_kinds(void *arg)
{
	(void)arg;
	store_read(kept.store, &kinds_all, NULL, NULL, kinds_seen, NULL);
}

static void
every_type_comes_back_as_it_went(void **state)
{
	static struct post post;
	struct row rows[] = {
		{ &kinds_put,
		  NULL,
		  { INTEGER_VALUE(INT64_MIN), text_value("balcón"), blob_value("a\0b", 4) } },
		{ &kinds_put,
		  NULL,
		  { { .type = STORE_INTEGER, .null = true },
		    text_value(NULL),
		    blob_value(NULL, 0) } },
		{ &kinds_put, NULL, { INTEGER_VALUE(0), text_value(""), blob_value("", 0) } },
	};

	(void)state;
	assert_int_equal(WRITE(NULL, { &kinds_make, NULL, { { 0 } } }), STORE_OK);
	assert_int_equal(write_rows(NULL, rows, 3), STORE_OK);
	sem_init(&seen.done, 0, 0);
	shard_post(shard_at(0), &post, read_kinds, NULL);
	sem_wait(&seen.done);
	sem_destroy(&seen.done);
}

static void
no_rows_are_an_answer(void **state)
{
	(void)state;
	assert_string_equal(things_of("nobody"), "");
}

static void
a_page_says_whether_there_is_more(void **state)
{
	static struct ticket ticket;
	struct value in[] = { text_value("juliet"), INTEGER_VALUE(0) };

	(void)state;
	WRITE("juliet", PUT("juliet", 1, "a"), PUT("juliet", 2, "b"), PUT("juliet", 3, "c"),
	      PUT("romeo", 4, "d"));
	ticket.limit = 2;
	read_start(&ticket, "juliet", &things_page, in);
	assert_int_equal(ticket_wait(&ticket), STORE_OK);
	assert_string_equal(ticket.words, "1|a 2|b");
	assert_true(ticket.more);

	in[1] = INTEGER_VALUE(2);
	read_start(&ticket, "juliet", &things_page, in);
	assert_int_equal(ticket_wait(&ticket), STORE_OK);
	assert_string_equal(ticket.words, "3|c");
	assert_false(ticket.more);

	/* Exactly as many as asked for: nothing behind them. */
	in[1] = INTEGER_VALUE(1);
	read_start(&ticket, "juliet", &things_page, in);
	ticket_wait(&ticket);
	assert_string_equal(ticket.words, "2|b 3|c");
	assert_false(ticket.more);
}

static void
count_seen(void *ctx, enum stored result, const struct rows *rows)
{
	(void)ctx;
	seen.result = result;
	seen.rows = *rows;
	sem_post(&seen.done);
}

static void
read_many(void *arg)
{
	struct value in[] = { INTEGER_VALUE(*(int *)arg) };

	store_read(kept.store, &many, NULL, in, count_seen, NULL);
}

static void
rows_are_bounded(void **state)
{
	static struct post post;
	int count = STORE_READ_MAX;

	(void)state;
	sem_init(&seen.done, 0, 0);
	shard_post(shard_at(0), &post, read_many, &count);
	sem_wait(&seen.done);
	assert_int_equal(seen.result, STORE_OK);
	assert_int_equal(seen.rows.count, STORE_READ_MAX);
	assert_false(seen.rows.more);
	count++;
	shard_post(shard_at(0), &post, read_many, &count);
	sem_wait(&seen.done);
	assert_int_equal(seen.rows.count, STORE_READ_MAX);
	assert_true(seen.rows.more);
	sem_destroy(&seen.done);
}

static void
bytes_are_bounded(void **state)
{
	(void)state;
	assert_string_equal(read_words(&large, NULL), "FAILED");
	assert_int_equal(logged_count("could not read \"large\": its rows are more than"), 1);
}

static void
a_wrong_statement_fails_and_says_so(void **state)
{
	struct store_state now;

	(void)state;
	assert_string_equal(read_words(&wrong, NULL), "FAILED");
	assert_int_equal(logged_count(EITHER("could not read \"wrong\": no such table: nowhere",
					     "could not read \"wrong\": Table")),
			 1);
	store_state(kept.store, &now);
	assert_true(now.up);
	assert_int_equal(now.failures, 1);
}

static void
a_read_cannot_write(void **state)
{
	(void)state;
	WRITE("juliet", PUT("juliet", 1, "a"));
	assert_string_equal(read_words(&writing, NULL), "FAILED");
	assert_string_equal(things_of("juliet"), "1|a");
}

static void
complaints_do_not_fill_the_log(void **state)
{
	(void)state;
	for (int i = 0; i < 30; i++)
		read_words(&wrong, NULL);
	assert_int_equal(logged_count("could not read \"wrong\""), 10);
}

static void
a_sick_store_cannot_tell(void **state)
{
	struct store_state now;

	(void)state;
	WRITE("juliet", PUT("juliet", 1, "a"));
	store_fail(kept.store, -1);
	assert_string_equal(things_of("juliet"), "FAILED");
	assert_string_equal(things_of("juliet"), "FAILED");
	store_state(kept.store, &now);
	assert_false(now.up);
	assert_int_equal(logged_count("could not read: it was made to fail"), 1);
	store_fail(kept.store, 0);
	assert_string_equal(things_of("juliet"), "1|a");
	store_state(kept.store, &now);
	assert_true(now.up);
	assert_int_equal(logged_count("reads again"), 1);
}

static void
every_nth_read_may_fail_alone(void **state)
{
	(void)state;
	store_fail(kept.store, 2);
	assert_string_equal(things_of("juliet"), "");
	assert_string_equal(things_of("juliet"), "FAILED");
	assert_string_equal(things_of("juliet"), "");
}

static void
reads_of_one_owner_keep_their_order(void **state)
{
	static struct ticket tickets[100];
	struct value in[] = { text_value("juliet") };
	static struct row row;

	(void)state;
	for (size_t i = 0; i < COUNT(tickets); i++)
		read_start(&tickets[i], "juliet", &things_all, in);
	for (size_t i = 0; i < COUNT(tickets); i++)
		assert_int_equal(ticket_wait(&tickets[i]), STORE_OK);
	row = (struct row)PUT("juliet", 1, "a");
	assert_int_equal(write_rows("juliet", &row, 1), STORE_OK);
}

/* A reader that hangs: the answer is "cannot tell" in time, and comes once. */
static void
a_read_that_takes_too_long_is_given_up(void **state)
{
	static struct ticket ticket;
	struct value in[] = { text_value("juliet") };

	(void)state;
	store_slow(kept.store, 11000);
	read_start(&ticket, NULL, &things_all, in);
	sleep_ms(200);
	store_slow(kept.store, 0);
	assert_int_equal(ticket_wait(&ticket), STORE_FAILED);
	sleep_ms(1500);
	assert_int_equal(ticket.answers, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		ON_BOTH(every_type_comes_back_as_it_went),
		ON_BOTH(no_rows_are_an_answer),
		ON_BOTH(a_page_says_whether_there_is_more),
		ON_BOTH(rows_are_bounded),
		ON_BOTH(bytes_are_bounded),
		ON_BOTH(a_wrong_statement_fails_and_says_so),
		ON_BOTH(a_read_cannot_write),
		ON_BOTH(complaints_do_not_fill_the_log),
		ON_BOTH(a_sick_store_cannot_tell),
		ON_BOTH(every_nth_read_may_fail_alone),
		ON_BOTH(reads_of_one_owner_keep_their_order),
		ON_DISK(a_read_that_takes_too_long_is_given_up),
	};

	return kept_run("store/read", tests, COUNT(tests));
}
