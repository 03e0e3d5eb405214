/* SPDX-License-Identifier: MIT */
/*
 * What the configuration says of clients' streams: the section `streams`.
 *
 * Every shard keeps a copy of its own, which streams_apply replaces; so a stream never
 * holds on to a configuration that has been read anew.
 */
#pragma once

#include "conf/option.h"

struct tls_context;

enum tls_wanted { TLS_REQUIRED, TLS_OPTIONAL };

struct stream_settings {
	int64_t tls; /* enum tls_wanted */

	/* of one element */
	int64_t stanza_bytes;
	int64_t depth;
	int64_t attributes;
	int64_t elements;
	int64_t namespaces;

	/* before anybody has logged in */
	int64_t login_time;
	int64_t login_bytes;
	int64_t login_attempts;
	int64_t failures_address;
	int64_t failures_account;
	int64_t failures_window;

	/* of a stream in use */
	int64_t rate;
	int64_t burst;
	int64_t open_stanzas;
	int64_t open_bytes;
	int64_t unsent;
	int64_t stalled;
	int64_t unfinished;
	int64_t unfinished_most;
	int64_t keepalive;
	int64_t drain;
	const char *see_other_host; /* NULL: none */
};

extern const struct option stream_options[];

/* On each shard, before the first stream and after each reading of the configuration:
 * what is in force from now on.  `settings` is copied; `context` stays the caller's and
 * must outlive the streams. */
void streams_apply(const struct stream_settings *settings, struct tls_context *context);
/* This shard's; the fallbacks before streams_apply. */
const struct stream_settings *stream_settings(void);
struct tls_context *stream_tls(void);
