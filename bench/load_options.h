/* SPDX-License-Identifier: MIT */
/* What is asked for on the command line. */
#pragma once

#include "base/base.h"

#include <jansson.h>

struct options {
	const char *scenario;
	/* where and how */
	const char *connect, *domain, *tls, *protocol, *priority, *mechanism, *password, *resource;
	long users, first, parallel, sources;
	bool tls_resume;
	/* what */
	long window, body, bytes, roster, settle;
	double rate;
	const char *direction, *to;
	bool ack, versioned;
	/* how long */
	double seconds, warmup, hold, patience;
	/* whom to watch, and where to say it */
	const char *pids, *json;
};

extern struct options options;

/* Reads the command line; on a mistake says so and stops the program. */
void options_read(int count, char **words);
/* All of them, as they stand. */
json_t *options_json(void);
bool option_is(const char *value, const char *word);
