/* SPDX-License-Identifier: MIT */
/*
 * Somebody between the store and a MariaDB server: passes on what both say, keeps it back, or
 * cuts the connection just where a transaction is committed.
 */
#pragma once

#include "kept.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

enum mischief {
	PASS_ON,
	HOLD_BACK,     /* nothing goes either way */
	CUT_BEFORE,    /* the commit does not reach the server */
	CUT_AFTER,     /* it does, and the answer does not reach us */
	CUT_FOR_GOOD,  /* the same, and from then on it is NOT_THERE */
	CUT_MEANWHILE, /* it does, a while after we were cut off */
	NOT_THERE,     /* nobody answers */
	ABANDON,       /* we are cut off, and the server does not hear of it */
};

struct pair {
	int ours, theirs;
	int64_t late;       /* when what is kept goes on to the server */
	char kept_back[64]; /* the commit */
	size_t kept_length;
	bool swallow;   /* the server's answer is for nobody */
	bool abandoned; /* only the server's end is left */
};

static struct {
	pthread_t thread;
	pthread_mutex_t lock;
	char path[128], server[128];
	enum mischief mischief;
	unsigned commits; /* those on which mischief was done */
	bool ends;
	int listener;
	struct pair pairs[64];
	size_t count;
} between = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void
between_set(enum mischief mischief)
{
	pthread_mutex_lock(&between.lock);
	between.mischief = mischief;
	between.commits = 0;
	pthread_mutex_unlock(&between.lock);
}

static UNUSED unsigned
between_commits(void)
{
	unsigned commits;

	pthread_mutex_lock(&between.lock);
	commits = between.commits;
	pthread_mutex_unlock(&between.lock);
	return commits;
}

static int
socket_at(const char *path, bool listens)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
	must(fd >= 0);
	if ((listens ? bind(fd, (struct sockaddr *)&address, sizeof address)
		     : connect(fd, (struct sockaddr *)&address, sizeof address)) == 0 &&
	    (!listens || listen(fd, 64) == 0))
		return fd;
	close(fd);
	return -1;
}

static void
pair_close(struct pair *pair)
{
	if (pair->ours >= 0)
		close(pair->ours);
	if (pair->theirs >= 0)
		close(pair->theirs);
	*pair = between.pairs[--between.count];
}

static void
bytes_send(int fd, const char *bytes, size_t length)
{
	while (length > 0) {
		ssize_t sent = send(fd, bytes, length, MSG_NOSIGNAL);

		if (sent <= 0)
			return;
		bytes += sent;
		length -= (size_t)sent;
	}
}

static bool
is_commit(const char *bytes, ssize_t length)
{
	/* Three bytes of length, a number, COM_QUERY. */
	return length >= 11 && memcmp(bytes + 4, "\3COMMIT", 7) == 0;
}

/* False: the pair is no more. */
static bool
pair_hears_us(struct pair *pair, enum mischief mischief)
{
	static char bytes[1 << 16];
	ssize_t length = recv(pair->ours, bytes, sizeof bytes, 0);
	bool commits = length > 0 && is_commit(bytes, length);

	if (length <= 0)
		return false;
	if (!commits || mischief == PASS_ON) {
		bytes_send(pair->theirs, bytes, (size_t)length);
		return true;
	}
	between.commits++;
	if (mischief == CUT_BEFORE)
		return false;
	if (mischief == CUT_AFTER || mischief == CUT_FOR_GOOD) {
		bytes_send(pair->theirs, bytes, (size_t)length);
		pair->swallow = true;
		return true;
	}
	must((size_t)length <= sizeof pair->kept_back);
	memcpy(pair->kept_back, bytes, (size_t)length);
	pair->kept_length = (size_t)length;
	pair->late = now_ms() + 600;
	close(pair->ours);
	pair->ours = -1;
	return true;
}

static bool
pair_hears_them(struct pair *pair)
{
	static char bytes[1 << 16];
	ssize_t length = recv(pair->theirs, bytes, sizeof bytes, 0);

	if (pair->swallow) { /* before we can know that it is cut */
		pthread_mutex_lock(&between.lock);
		if (between.mischief == CUT_FOR_GOOD)
			between.mischief = NOT_THERE;
		pthread_mutex_unlock(&between.lock);
	}
	if (length <= 0 || pair->swallow)
		return false;
	if (pair->ours >= 0)
		bytes_send(pair->ours, bytes, (size_t)length);
	return pair->ours >= 0;
}

static void
between_turn(enum mischief mischief)
{
	struct pollfd polls[1 + 2 * COUNT(between.pairs)] = {
		{ .fd = mischief == NOT_THERE ? -1 : between.listener, .events = POLLIN },
	};

	for (size_t i = 0; i < between.count; i++) {
		bool held = mischief == HOLD_BACK || between.pairs[i].abandoned;

		polls[1 + 2 * i].fd = held ? -1 : between.pairs[i].ours;
		polls[2 + 2 * i].fd = held ? -1 : between.pairs[i].theirs;
		polls[1 + 2 * i].events = polls[2 + 2 * i].events = POLLIN;
	}
	if (poll(polls, 1 + 2 * between.count, 10) < 0)
		return;
	for (size_t i = between.count; i-- > 0;) {
		struct pair *pair = &between.pairs[i];
		bool good = mischief != NOT_THERE;

		if (mischief == ABANDON && !pair->abandoned) {
			close(pair->ours);
			pair->ours = -1;
			pair->abandoned = true;
		}
		if (pair->abandoned)
			continue;
		if (good && pair->kept_length > 0 && now_ms() >= pair->late) {
			bytes_send(pair->theirs, pair->kept_back, pair->kept_length);
			pair->kept_length = 0;
		}
		if (good && polls[1 + 2 * i].revents != 0)
			good = pair_hears_us(pair, mischief);
		if (good && polls[2 + 2 * i].revents != 0)
			good = pair_hears_them(pair);
		if (!good)
			pair_close(pair);
	}
	if (polls[0].revents != 0 && mischief != ABANDON && between.count < COUNT(between.pairs)) {
		struct pair *pair = &between.pairs[between.count++];

		*pair = (struct pair) { .ours = accept(between.listener, NULL, NULL),
					.theirs = socket_at(between.server, false) };
		if (pair->ours < 0 || pair->theirs < 0)
			pair_close(pair);
	}
}

static void *
between_run(void *arg)
{
	bool ends = false;

	(void)arg;
	while (!ends) {
		enum mischief mischief;

		pthread_mutex_lock(&between.lock);
		mischief = between.mischief;
		ends = between.ends;
		pthread_mutex_unlock(&between.lock);
		between_turn(mischief);
	}
	while (between.count > 0)
		pair_close(&between.pairs[0]);
	close(between.listener);
	return NULL;
}

/* From now on the store's way to its server is by here. */
static void
between_start(void)
{
	between.mischief = PASS_ON;
	between.ends = false;
	snprintf(between.server, sizeof between.server, "%s", kept.socket);
	snprintf(between.path, sizeof between.path, "%s/between", kept.folder);
	between.listener = socket_at(between.path, true);
	assert_true(between.listener >= 0);
	kept.settings.socket = between.path;
	assert_int_equal(pthread_create(&between.thread, NULL, between_run, NULL), 0);
}

static void
between_end(void)
{
	pthread_mutex_lock(&between.lock);
	between.ends = true;
	pthread_mutex_unlock(&between.lock);
	pthread_join(between.thread, NULL);
}
