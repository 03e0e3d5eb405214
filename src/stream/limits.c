/* SPDX-License-Identifier: MIT */
/* Counting failed logins, the same on all shards. */
#include "stream/limits.h"

#include "base/clock.h"
#include "base/table.h"
#include "loop/shard.h"
#include "stream/internal.h"
#include "stream/settings.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A login that passed is kept against as many failures. */
#define PASSED_WORTH 3

/* A note on its way to another shard. */
struct note {
	struct post post;
	uint64_t keys[2];
	bool passed;
};

static void note_here(const uint64_t keys[2], bool passed);
static void note_everywhere(const uint64_t keys[2], bool passed);
static void note_came(void *arg);

/* An address as it is counted. */
static void
network(char out[64], const char *peer)
{
	struct in6_addr six;

	if (strchr(peer, ':') == NULL || inet_pton(AF_INET6, peer, &six) != 1) {
		snprintf(out, 64, "%s", peer);
		return;
	}
	memset(six.s6_addr + 8, 0, 8);
	inet_ntop(AF_INET6, &six, out, 64);
}

static uint64_t
key_of(char kind, const char *peer, const char *account)
{
	char name[64] = "", text[64 + 2 * 1024 + 8];
	int length;

	if (peer != NULL)
		network(name, peer);
	length = snprintf(text, sizeof text, "%c%s %s", kind, name, account ? account : "");
	must(length > 0);
	if ((size_t)length >= sizeof text)
		length = sizeof text - 1;
	/* 0 means an empty place. */
	return hash_bytes(text, (size_t)length) | 1;
}

/* The place of `key` in this shard's table; NULL when it is not there. */
static struct tally *
find(uint64_t key)
{
	struct tally *row = &stream_here()->tallies[key / 2 % TALLY_ROWS * TALLY_WAYS];

	for (unsigned i = 0; i < TALLY_WAYS; i++)
		if (row[i].key == key)
			return &row[i];
	return NULL;
}

/* What would be lost if this one were forgotten. */
static int64_t
worth(const struct tally *tally)
{
	if (tally->key == 0)
		return -1;
	if (tally->passed)
		return PASSED_WORTH;
	if (now_ms() - tally->since >= stream_settings()->failures_window)
		return 0;
	return tally->count;
}

/* The same, made in the place of the one that matters least. */
static struct tally *
find_or_make(uint64_t key)
{
	struct tally *row = &stream_here()->tallies[key / 2 % TALLY_ROWS * TALLY_WAYS];
	struct tally *least = row, *found = find(key);

	if (found != NULL)
		return found;
	for (unsigned i = 1; i < TALLY_WAYS; i++) {
		int64_t more = worth(&row[i]) - worth(least);

		if (more < 0 || (more == 0 && row[i].since < least->since))
			least = &row[i];
	}
	*least = (struct tally) { .key = key, .since = now_ms() };
	return least;
}

/* Milliseconds until the failures under `key` count no more; 0: they are few enough. */
static int64_t
still(uint64_t key, int64_t bound)
{
	const struct tally *tally = find(key);
	int64_t left;

	if (tally == NULL || tally->count < bound)
		return 0;
	left = tally->since + stream_settings()->failures_window - now_ms();
	return left > 0 ? left : 0;
}

unsigned
limits_wait(const char *peer, const char *account, const char **why)
{
	const struct stream_settings *settings = stream_settings();
	int64_t left = still(key_of('a', peer, NULL), settings->failures_address);

	*why = "too many failed logins from this address";
	if (left == 0 && find(key_of('p', peer, account)) == NULL) {
		left = still(key_of('n', NULL, account), settings->failures_account);
		*why = "too many failed logins to this account";
	}
	return (unsigned)((left + 999) / 1000);
}

void
limits_failed(const char *peer, const char *account)
{
	uint64_t keys[2] = { key_of('a', peer, NULL), key_of('n', NULL, account) };

	note_everywhere(keys, false);
}

void
limits_passed(const char *peer, const char *account)
{
	uint64_t keys[2] = { key_of('p', peer, account), 0 };

	/* Known already: there is nothing to tell. */
	if (find(keys[0]) == NULL)
		note_everywhere(keys, true);
}

static void
note_everywhere(const uint64_t keys[2], bool passed)
{
	unsigned count = shard_count();

	note_here(keys, passed);
	for (unsigned i = 0; i < count; i++) {
		struct note *note;

		if (shard_at(i) == shard_here())
			continue;
		note = zalloc(sizeof *note);
		memcpy(note->keys, keys, sizeof note->keys);
		note->passed = passed;
		shard_post(shard_at(i), &note->post, note_came, note);
	}
}

static void
note_came(void *arg)
{
	struct note *note = arg;

	note_here(note->keys, note->passed);
	free(note);
}

static void
note_here(const uint64_t keys[2], bool passed)
{
	for (unsigned i = 0; i < 2; i++) {
		struct tally *tally;

		if (keys[i] == 0)
			continue;
		tally = find_or_make(keys[i]);
		if (!passed && tally->count > 0 &&
		    now_ms() - tally->since >= stream_settings()->failures_window)
			*tally = (struct tally) { .key = keys[i], .since = now_ms() };
		tally->passed = passed;
		if (passed)
			tally->since = now_ms();
		else
			tally->count++;
	}
}
