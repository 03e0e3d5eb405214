/* SPDX-License-Identifier: MIT */
/*
 * What the files of stream/ share and nobody else sees: one shard's state.
 */
#pragma once

#include "base/list.h"
#include "loop/shard.h"
#include "stream/settings.h"

/* A counter of failed logins, or the memory of one that passed. */
struct tally {
	uint64_t key;  /* 0: nobody's */
	int64_t since; /* now_ms() of the first failure, or of the last success */
	uint32_t count;
	bool passed;
};
#define TALLY_ROWS 1024
#define TALLY_WAYS 8

/* What stream/ keeps on one shard.  Indexed by shard and not thread-local, so that plays
 * can run several shards on one thread. */
struct stream_here {
	struct stream_settings settings;
	char *redirect; /* settings.see_other_host is this copy */
	struct tls_context *tls;
	bool configured;
	struct list streams; /* struct stream */
	unsigned count, bound;
	unsigned unfinished; /* streams that keep a parser */
	bool leaving;        /* the server stops: who comes is sent away */
	char *other_host;    /* where to; NULL: nowhere */
	uint32_t accepted;   /* streams so far: their numbers */
	uint64_t logins, failures;
	struct tally *tallies; /* TALLY_ROWS * TALLY_WAYS */
};
struct stream_here *stream_here(void);

struct stream;
/* Says goodbye because the server stops. */
void streams_end(struct stream *stream);
