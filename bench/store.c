/* SPDX-License-Identifier: MIT */
/*
 * stentor-store: what it costs to keep rows, through the store's own interface.
 *
 * Each shard keeps some batches under way, of two rows as a message leaves in the archives of
 * two people; when one is kept, the next is given.  What is told: rows a second, CPU of this
 * process a row, rows a transaction, how long a batch took.  With --reads, pages of the last
 * fifty rows of somebody are read besides, one after another.
 */
#include "base/clock.h"
#include "base/text.h"
#include "loop/shard.h"
#include "loop/timer.h"
#include "store/store.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define SHARDS_MOST   64
#define UNDER_WAY_MAX 4096
#define PAGE          50
#define BUCKETS       200000 /* of 10 us */

static const char table_sqlite[] =
	"CREATE TABLE IF NOT EXISTS bench_rows (owner TEXT NOT NULL, id INTEGER NOT NULL,"
	" peer TEXT NOT NULL, stanza TEXT NOT NULL, PRIMARY KEY (owner, id)) WITHOUT ROWID;\n"
	"CREATE INDEX IF NOT EXISTS bench_rows_by_peer ON bench_rows (owner, peer, id);\n";
static const char table_mariadb[] =
	"CREATE TABLE IF NOT EXISTS bench_rows (owner VARBINARY(2047) NOT NULL,"
	" id BIGINT NOT NULL, peer VARBINARY(2047) NOT NULL, stanza MEDIUMTEXT NOT NULL,"
	" PRIMARY KEY (owner, id), INDEX bench_rows_by_peer (owner, peer(768), id))"
	" ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_nopad_bin;\n";

static const struct statement row_put = {
	.name = "bench.put",
	.in = "titt",
	.sqlite = "INSERT INTO bench_rows (owner, id, peer, stanza) VALUES (?, ?, ?, ?)",
};
static const struct statement row_page = {
	.name = "bench.page",
	.in = "ti",
	.out = "it",
	.sqlite = "SELECT id, stanza FROM bench_rows WHERE owner = ? AND id < ?"
		  " ORDER BY id DESC LIMIT ?",
};

struct sending {
	struct seat *seat;
	int64_t began;
};

static struct seat { /* a shard's */
	struct sending sendings[UNDER_WAY_MAX];
	uint64_t batches, failed, reads;
	uint32_t *took; /* histogram */
	unsigned under_way;
	int64_t read_us, read_began;
} seats[SHARDS_MOST];

static struct {
	struct store_settings settings;
	struct store *store;
	unsigned shards, window, owners, seconds, bytes;
	bool reads, over;
	char *stanza;
	struct timer timer;
	struct rusage from, to;
	struct store_state state_from, state_to;
	int64_t began, ended;
} bench = { .shards = 2, .window = 200, .owners = 1000, .seconds = 5, .bytes = 500 };

static void send_next(struct sending *sending);

/* Some number below `n`, cheaply. */
static unsigned
chosen(unsigned n)
{
	static _Thread_local uint64_t state;

	if (state == 0)
		state = (uint64_t)now_us() ^ (uintptr_t)&state;
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (unsigned)((state >> 32) % n);
}

static void
was_kept(void *ctx, enum stored result)
{
	struct sending *sending = ctx;
	struct seat *seat = sending->seat;
	int64_t took = (now_us() - sending->began) / 10;

	seat->failed += result != STORE_OK;
	seat->batches++;
	seat->took[took < BUCKETS ? took : BUCKETS - 1]++;
	if (bench.over)
		seat->under_way--;
	else
		send_next(sending);
}

static void
send_next(struct sending *sending)
{
	static _Thread_local int64_t last;
	char owner[32], peer[32];
	struct batch *batch;
	int64_t id = now_unix_ms() << 12;
	unsigned here = shard_index(shard_here());

	last = id > last ? id : last + 1;
	(void)snprintf(owner, sizeof owner, "user%u@bench.example", chosen(bench.owners));
	(void)snprintf(peer, sizeof peer, "user%u@bench.example", chosen(bench.owners));
	sending->began = now_us();
	batch = batch_new(bench.store, owner);
	batch_add(batch, &row_put,
		  (struct value[]) { text_value(owner), INTEGER_VALUE(2 * (last * 64 + here)),
				     text_value(peer), text_value(bench.stanza) });
	batch_add(batch, &row_put,
		  (struct value[]) { text_value(peer), INTEGER_VALUE(2 * (last * 64 + here) + 1),
				     text_value(owner), text_value(bench.stanza) });
	batch_commit(batch, was_kept, sending);
}

static void read_next(struct seat *seat);

static void
was_read(void *ctx, enum stored result, const struct rows *rows)
{
	struct seat *seat = ctx;

	(void)rows;
	seat->reads++;
	seat->failed += result != STORE_OK;
	seat->read_us += now_us() - seat->read_began;
	if (!bench.over)
		read_next(seat);
}

static void
read_next(struct seat *seat)
{
	char owner[32];

	(void)snprintf(owner, sizeof owner, "user%u@bench.example", chosen(bench.owners));
	seat->read_began = now_us();
	store_page(bench.store, &row_page, NULL,
		   (struct value[]) { text_value(owner), INTEGER_VALUE(INT64_MAX) }, PAGE, was_read,
		   seat);
}

static void
at_end(void *arg)
{
	(void)arg;
	getrusage(RUSAGE_SELF, &bench.to);
	store_state(bench.store, &bench.state_to);
	bench.ended = now_us();
	bench.over = true;
	shards_stop();
}

static void
at_start(void *arg)
{
	struct seat *seat = &seats[shard_index(shard_here())];

	(void)arg;
	seat->took = zalloc(BUCKETS * sizeof *seat->took);
	for (unsigned i = 0; i < bench.window; i++) {
		seat->sendings[i].seat = seat;
		seat->under_way++;
		send_next(&seat->sendings[i]);
	}
	if (bench.reads)
		read_next(seat);
	if (shard_here() == shard_at(0)) {
		getrusage(RUSAGE_SELF, &bench.from);
		store_state(bench.store, &bench.state_from);
		bench.began = now_us();
		timer_start(&bench.timer, SECONDS(bench.seconds), at_end, NULL);
	}
}

static double
cpu_us(const struct rusage *usage)
{
	return (double)(usage->ru_utime.tv_sec + usage->ru_stime.tv_sec) * 1e6 +
	       (double)(usage->ru_utime.tv_usec + usage->ru_stime.tv_usec);
}

static double
took_ms(double share)
{
	uint64_t all = 0, so_far = 0;

	for (unsigned s = 0; s < bench.shards; s++)
		all += seats[s].batches;
	for (unsigned i = 0; i < BUCKETS; i++) {
		for (unsigned s = 0; s < bench.shards; s++)
			so_far += seats[s].took[i];
		if ((double)so_far >= share * (double)all)
			return i / 100.0;
	}
	return 0;
}

static void
tell(void)
{
	double seconds = (double)(bench.ended - bench.began) / 1e6;
	double rows = (double)(bench.state_to.rows - bench.state_from.rows);
	double groups = (double)(bench.state_to.transactions - bench.state_from.transactions);
	uint64_t failed = 0, reads = 0;
	int64_t read_us = 0;

	for (unsigned s = 0; s < bench.shards; s++) {
		failed += seats[s].failed;
		reads += seats[s].reads;
		read_us += seats[s].read_us;
	}
	printf("{\"driver\": \"%s\", \"rows/s\": %.0f, \"cpu us/row\": %.2f, \"rows/transaction\": "
	       "%.0f, \"batch p50 ms\": %.2f, \"batch p99 ms\": %.2f, \"failed\": %" PRIu64,
	       bench.settings.driver, rows / seconds,
	       (cpu_us(&bench.to) - cpu_us(&bench.from)) / rows, rows / groups, took_ms(0.5),
	       took_ms(0.99), failed);
	if (reads > 0)
		printf(", \"pages/s\": %.0f, \"page mean ms\": %.2f", (double)reads / seconds,
		       (double)read_us / (double)reads / 1000);
	printf("}\n");
}

static void
file_write(const char *folder, const char *driver, const char *name, const char *words)
{
	char *path = format_text("%s/%s/%s", folder, driver, name);
	FILE *file = fopen(path, "we");

	if (file == NULL || fputs(words, file) < 0 || fclose(file) != 0) {
		perror(path);
		exit(1);
	}
	free(path);
}

static char *
schemas_make(const char *folder, const char *driver)
{
	char *schemas = format_text("%s/schemas", folder);
	char *inner = format_text("%s/%s", schemas, driver);

	mkdir(folder, 0700);
	mkdir(schemas, 0700);
	mkdir(inner, 0700);
	free(inner);
	file_write(schemas, driver, "store-001-none.sql", "SELECT 1;\n");
	file_write(schemas, driver, "bench-001-rows.sql",
		   strcmp(driver, "mariadb") == 0 ? table_mariadb : table_sqlite);
	return schemas;
}

static void
usage(void)
{
	puts("stentor-store --folder DIR [--driver sqlite]\n"
	     "stentor-store --folder DIR --driver mariadb --socket PATH | --host HOST --port N\n"
	     "              --user NAME --database NAME [--password-file F] [--tls WORD] [--ca F]\n"
	     "    --writers N    connections that write (1)\n"
	     "    --shards N     (2)\n"
	     "    --window N     batches a shard has under way (200)\n"
	     "    --owners N     whose rows they are (1000)\n"
	     "    --bytes N      of a stanza (500)\n"
	     "    --seconds N    (5)\n"
	     "    --reads        pages are read besides");
}

static const struct option words[] = {
	{ "folder", required_argument, NULL, 'f' },
	{ "driver", required_argument, NULL, 'd' },
	{ "socket", required_argument, NULL, 's' },
	{ "host", required_argument, NULL, 'h' },
	{ "port", required_argument, NULL, 'p' },
	{ "user", required_argument, NULL, 'u' },
	{ "database", required_argument, NULL, 'b' },
	{ "password-file", required_argument, NULL, 'P' },
	{ "tls", required_argument, NULL, 't' },
	{ "ca", required_argument, NULL, 'c' },
	{ "writers", required_argument, NULL, 'w' },
	{ "shards", required_argument, NULL, 'S' },
	{ "window", required_argument, NULL, 'W' },
	{ "owners", required_argument, NULL, 'o' },
	{ "bytes", required_argument, NULL, 'B' },
	{ "seconds", required_argument, NULL, 'n' },
	{ "reads", no_argument, NULL, 'r' },
	{ 0 },
};

static bool
word_take(int word, const char *value)
{
	struct store_settings *s = &bench.settings;
	unsigned n = value != NULL ? (unsigned)strtoul(value, NULL, 10) : 0;

	switch (word) {
	case 'f':
		s->folder = value;
		break;
	case 'd':
		s->driver = value;
		break;
	case 's':
		s->socket = value;
		break;
	case 'h':
		s->host = value;
		break;
	case 'p':
		s->port = n;
		break;
	case 'u':
		s->user = value;
		break;
	case 'b':
		s->database = value;
		break;
	case 'P':
		s->password_file = value;
		break;
	case 't':
		s->tls = value;
		break;
	case 'c':
		s->ca = value;
		break;
	case 'w':
		s->writers = n;
		break;
	case 'S':
		bench.shards = n;
		break;
	case 'W':
		bench.window = n;
		break;
	case 'o':
		bench.owners = n;
		break;
	case 'B':
		bench.bytes = n;
		break;
	case 'n':
		bench.seconds = n;
		break;
	case 'r':
		bench.reads = true;
		break;
	default:
		return false;
	}
	return true;
}

int
main(int argc, char **argv)
{
	static const char *const modules[] = { "bench", NULL };
	struct err err;
	int word;

	bench.settings = (struct store_settings) { .driver = "sqlite", .path = "bench.sqlite" };
	while ((word = getopt_long(argc, argv, "", words, NULL)) != -1)
		if (!word_take(word, optarg)) {
			usage();
			return 2;
		}
	if (bench.settings.folder == NULL || bench.shards < 1 || bench.shards > SHARDS_MOST ||
	    bench.window > UNDER_WAY_MAX || bench.owners < 1) {
		usage();
		return 2;
	}
	bench.settings.schemas = schemas_make(bench.settings.folder, bench.settings.driver);
	bench.stanza = zalloc(bench.bytes + 1);
	for (unsigned i = 0; i < bench.bytes; i++)
		bench.stanza[i] = (char)('a' + chosen(26));
	shards_open(bench.shards);
	bench.store = store_open(&bench.settings, &err);
	if (bench.store == NULL || !store_migrate(bench.store, modules, &err)) {
		fprintf(stderr, "stentor-store: %s\n", err.text);
		return 1;
	}
	shards_run(at_start, NULL);
	tell();
	store_close(&bench.store);
	shards_close();
	return 0;
}
