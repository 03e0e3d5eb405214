/* SPDX-License-Identifier: MIT */
/*
 * Reading the configuration anew.  A file with a fault changes nothing; what can change
 * does on every shard, and what needs a restart is named.
 */
#pragma once

#include <jansson.h>

#include "base/err.h"
#include "conf/conf.h"

/* `answer` has the arrays "changed", "restart" and "notes" and becomes the callee's; or
 * `faults` has a line for each fault.  One of them is NULL. */
typedef void reload_done_fn(void *ctx, json_t *answer, const char *faults);
/* On shard 0.  `fn` NULL: the log gets it.  Another reload that is under way is a fault. */
void reload_start(reload_done_fn *fn, void *ctx);

/* Once at start: remembers what the server was started with, and looks after certificates
 * whose files change. */
void reload_open(struct conf *conf);
void reload_close(void);

/* Opens the log where the configuration says, with the level it says. */
bool log_apply(const struct conf *conf, struct err *err);
/* The same with the level there is. */
bool log_reopen(const struct conf *conf, struct err *err);
