/* SPDX-License-Identifier: MIT */
/* The options of clients' streams. */
#include "stream/settings.h"

#include "conf/conf.h"
#include "stream/internal.h"

#include <stdlib.h>

static const char *const tls_words[] = { "required", "optional", NULL };

const struct option stream_options[] = {
	OPTION_CHOICE(struct stream_settings, tls, "required", tls_words,
		      "whether clients must encrypt; a password is never taken in the clear"),
	OPTION_SIZE(struct stream_settings, stanza_bytes, 256 << 10, 10000, 16 << 20,
		    "the longest stanza that a client may send"),
	OPTION_NUMBER(struct stream_settings, depth, 64, 8, 1000,
		      "how deep elements may be nested in a stanza"),
	OPTION_NUMBER(struct stream_settings, attributes, 64, 8, 1000,
		      "how many attributes one element may have"),
	OPTION_NUMBER(struct stream_settings, elements, 5000, 100, 60000,
		      "how many elements a stanza may have"),
	OPTION_NUMBER(struct stream_settings, namespaces, 64, 8, 1000,
		      "how many namespace prefixes a stanza may declare"),
	OPTION_PERIOD(struct stream_settings, login_time, PERIOD_SECONDS(30), PERIOD_SECONDS(5),
		      PERIOD_MINUTES(10), "how long a client may take to log in"),
	OPTION_SIZE(struct stream_settings, login_bytes, 64 << 10, 10000, 1 << 20,
		    "how much a client may send before it has logged in"),
	OPTION_NUMBER(struct stream_settings, login_attempts, 4, 2, 10,
		      "how often a client may fail to log in on one stream"),
	OPTION_NUMBER(struct stream_settings, failures_address, 50, 3, 100000,
		      "how often logins from one address may fail before it must wait"),
	OPTION_NUMBER(struct stream_settings, failures_account, 20, 3, 100000,
		      "how often logins to one account may fail before strange addresses must "
		      "wait"),
	OPTION_PERIOD(struct stream_settings, failures_window, PERIOD_MINUTES(5),
		      PERIOD_SECONDS(10), PERIOD_DAYS(1), "the time in which those failures count"),
	OPTION_SIZE(struct stream_settings, rate, 100 << 10, 0, 1 << 30,
		    "how much a client may send in a second on average; 0: any"),
	OPTION_SIZE(struct stream_settings, burst, 1 << 20, 1024, 1 << 30,
		    "how much a client may send at once"),
	OPTION_NUMBER(struct stream_settings, open_stanzas, 100, 1, 1000,
		      "how many stanzas of a client may be in work before it is not read"),
	OPTION_SIZE(struct stream_settings, open_bytes, 2 << 20, 64 << 10, 64 << 20,
		    "how much memory those stanzas may take before the client is not read"),
	OPTION_SIZE(struct stream_settings, unsent, 4 << 20, 64 << 10, 1 << 30,
		    "how much may wait for a client that does not take it"),
	OPTION_PERIOD(struct stream_settings, stalled, PERIOD_SECONDS(60), PERIOD_SECONDS(5),
		      PERIOD_HOURS(1), "how long a client may take nothing of what waits for it"),
	OPTION_PERIOD(struct stream_settings, unfinished, PERIOD_SECONDS(60), PERIOD_SECONDS(5),
		      PERIOD_HOURS(1), "how long a client may take for one stanza"),
	OPTION_NUMBER(struct stream_settings, unfinished_most, 10000, 100, 10000000,
		      "how many clients a shard may have in the middle of a stanza"),
	OPTION_PERIOD(struct stream_settings, keepalive, 0, 0, PERIOD_DAYS(1),
		      "after which silence a space is sent to keep the connection open; 0: never"),
	OPTION_PERIOD(struct stream_settings, drain, PERIOD_SECONDS(10), PERIOD_SECONDS(1),
		      PERIOD_MINUTES(5), "how long a closing stream waits for what it still owes"),
	OPTION_TEXT(struct stream_settings, see_other_host, NULL,
		    "where clients are sent when the server is stopped"),
	{ 0 },
};

void
streams_apply(const struct stream_settings *settings, struct tls_context *context)
{
	struct stream_here *here = stream_here();

	free(here->redirect);
	here->redirect = copy_text(settings->see_other_host);
	here->settings = *settings;
	here->settings.see_other_host = here->redirect;
	here->tls = context;
	here->configured = true;
}

const struct stream_settings *
stream_settings(void)
{
	struct stream_here *here = stream_here();

	if (!here->configured) {
		options_default(stream_options, &here->settings);
		here->configured = true;
	}
	return &here->settings;
}

struct tls_context *
stream_tls(void)
{
	return stream_here()->tls;
}
