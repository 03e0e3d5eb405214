/* SPDX-License-Identifier: MIT */
/*
 * The log.  The first argument of each call is a scope (server, domain, stream,
 * session, module); scopes nest through `parent`, so prefixes are never written by
 * hand.  A scope's text is made by its `describe` function when a line is really
 * printed, so that an idle scope is two pointers.  Safe on every thread.
 *
 * error: somebody must act.  warn: somebody should look.  info: what an admin wants
 * to find next week.  debug: what a developer wants today.  Nothing that a stranger
 * can cause is above info.  Never a body, never a secret.
 */
#pragma once

#include "base/base.h"

enum log_level { LOG_ERROR_, LOG_WARN_, LOG_INFO_, LOG_DEBUG_ };

struct log_scope {
	const struct log_scope *parent;
	/* Writes this scope's own words ("c2s[4711]") to `out`; may be NULL. */
	void (*describe)(const struct log_scope *scope, char *out, size_t room);
};

PUBLIC extern const struct log_scope log_root; /* nothing but itself */

#define log_error(scope, ...) log_print(LOG_ERROR_, scope, __VA_ARGS__)
#define log_warn(scope, ...)  log_print(LOG_WARN_, scope, __VA_ARGS__)
#define log_info(scope, ...)  log_print(LOG_INFO_, scope, __VA_ARGS__)
#define log_debug(scope, ...) (log_is_debug() ? log_print(LOG_DEBUG_, scope, __VA_ARGS__) : (void)0)

PUBLIC void log_print(enum log_level level, const struct log_scope *scope, const char *format, ...)
	PRINTF_LIKE(3, 4);
PUBLIC bool log_is_debug(void);

/* Where lines go.  `target` is "stderr", "journal" or a file's path (opened for
 * appending; opened anew by each call, which is how logs are rotated).  When it
 * cannot be opened, nothing changes. */
struct err;
bool log_open(const char *target, bool json, struct err *err);
/* Whether it could; makes and changes nothing. */
bool log_can_open(const char *target, struct err *err);
void log_set_level(enum log_level level);
enum log_level log_level(void);
/* "error", "warn", "info", "debug"; false when `name` is none of them. */
bool log_level_read(enum log_level *level, const char *name);
const char *log_level_name(enum log_level level);
/* For tests: lines go to `fn` instead, as "scope: text" without time and level; NULL ends
 * that.  `fn` must not log. */
void log_capture(void (*fn)(enum log_level level, const char *line, void *arg), void *arg);
