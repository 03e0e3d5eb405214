/* SPDX-License-Identifier: MIT */
/*
 * kill -9 at any instant loses nothing that was acknowledged.
 *
 * A child keeps some batches of two rows under way from each of its shards and tells by a
 * pipe each number that was acknowledged.  We kill it, open what it left, and look: every
 * number told is there, no batch is there by half, and each owner's numbers have no gap,
 * because they are committed in order.
 */
#include "store/store.h"

#include "kept.h"

#include <signal.h>
#include <sys/wait.h>

#define ROUNDS    12
#define SHARDS    2
#define UNDER_WAY 7
#define PADDING   300 /* so that the WAL is also copied into the file while it runs */

static const struct statement counts = {
	.name = "counts",
	.in = "t",
	.out = "i",
	.sqlite = "SELECT count(*) FROM things WHERE owner = ?",
};
static const struct statement last = {
	.name = "last",
	.in = "t",
	.out = "i",
	.sqlite = "SELECT coalesce(max(id), -1) FROM things WHERE owner = ?",
};

/* What a shard of the child writes next. */
struct writer {
	char owner[32], mirror[32];
	int64_t next;
	struct sent {
		struct writer *writer;
		int64_t number;
	} sent[UNDER_WAY];
};

struct told {
	int shard;
	int64_t number;
};

static struct writer writers[SHARDS];
static int told_fd;
static char padding[PADDING + 1];

static void write_next(struct sent *sent);

static void
acknowledged(void *ctx, enum stored result)
{
	struct sent *sent = ctx;
	struct told told = { (int)(sent->writer - writers), sent->number };

	must(result == STORE_OK);
	must(write(told_fd, &told, sizeof told) == sizeof told);
	write_next(sent);
}

static void
write_next(struct sent *sent)
{
	struct writer *writer = sent->writer;
	struct batch *batch = batch_new(kept.store, writer->owner);

	sent->number = writer->next++;
	batch_add(batch, &things_put,
		  (struct value[]) { text_value(writer->owner), INTEGER_VALUE(sent->number),
				     text_value(padding) });
	batch_add(batch, &things_put,
		  (struct value[]) { text_value(writer->mirror), INTEGER_VALUE(sent->number),
				     text_value(padding) });
	batch_commit(batch, acknowledged, sent);
}

static void
writer_start(void *arg)
{
	struct writer *writer = &writers[shard_index(shard_here())];

	(void)arg;
	for (int i = 0; i < UNDER_WAY; i++) {
		writer->sent[i].writer = writer;
		write_next(&writer->sent[i]);
	}
}

static int64_t
number(const struct statement *statement, const char *owner)
{
	struct value in[] = { text_value(owner) };
	int64_t answer = -1;
	size_t length;
	bool found;
	struct err err;

	must(store_read_now(kept.store, statement, in, &answer, sizeof answer, &length, &found,
			    &err));
	return answer;
}

static _Noreturn void
child(int fd)
{
	struct err err;

	told_fd = fd;
	shards_open(SHARDS);
	kept.store = store_open(&kept.settings, &err);
	must(kept.store != NULL);
	for (int i = 0; i < SHARDS; i++)
		writers[i].next = number(&last, writers[i].owner) + 1;
	shards_run(writer_start, NULL);
	must(false);
}

static void
nothing_that_was_acknowledged_is_lost(void **state)
{
	int64_t all = 0;

	(void)state;
	store_close(&kept.store);
	memset(padding, 'x', PADDING);
	for (int i = 0; i < SHARDS; i++) {
		snprintf(writers[i].owner, sizeof writers[i].owner, "owner%d", i);
		snprintf(writers[i].mirror, sizeof writers[i].mirror, "mirror%d", i);
	}
	srandom((unsigned)getpid());
	for (int round = 0; round < ROUNDS; round++) {
		int64_t highest[SHARDS] = { -1, -1 };
		struct told told;
		int pipes[2], status;
		struct err err;
		pid_t pid;

		assert_int_equal(pipe(pipes), 0);
		pid = fork();
		assert_true(pid >= 0);
		if (pid == 0) {
			close(pipes[0]);
			child(pipes[1]);
		}
		close(pipes[1]);

		/* It has begun; then some moment. */
		assert_int_equal(read(pipes[0], &told, sizeof told), sizeof told);
		highest[told.shard] = told.number;
		usleep((useconds_t)(random() % 60000));
		kill(pid, SIGKILL);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
		while (read(pipes[0], &told, sizeof told) == sizeof told) {
			assert_int_equal(told.number, highest[told.shard] < 0
							      ? told.number
							      : highest[told.shard] + 1);
			highest[told.shard] = told.number;
		}
		close(pipes[0]);
		database_wait();

		kept.store = store_open(&kept.settings, &err);
		assert_non_null(kept.store);
		assert_true(store_check(kept.store, &err));
		for (int i = 0; i < SHARDS; i++) {
			int64_t kept_last = number(&last, writers[i].owner);

			assert_true(kept_last >= highest[i]);
			assert_int_equal(number(&counts, writers[i].owner), kept_last + 1);
			assert_int_equal(number(&counts, writers[i].mirror), kept_last + 1);
		}
		all = number(&counts, writers[0].owner) + number(&counts, writers[1].owner);
		store_close(&kept.store);
	}
	assert_true(all > ROUNDS);
	print_message("%lld batches, %d kills\n", (long long)all, ROUNDS);
}

static int
open_at_rest(void **state)
{
	open_folder(state);
	store_make();
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(nothing_that_was_acknowledged_is_lost, open_at_rest,
						close_kept),
	};

	return kept_run("store/crash", tests, COUNT(tests));
}
