/* SPDX-License-Identifier: MIT */
/*
 * Options: typed, bounded, explained, and read into a struct by offset.
 *
 * A table of options describes one section of the configuration file; the reader, the
 * error messages, the sample file, `conf show` and the manual page all come from it.
 */
#pragma once

#include "base/base.h"

enum option_type {
	OPTION_END_,
	OPTION_BOOL_,
	OPTION_NUMBER_,
	OPTION_SIZE_,
	OPTION_PERIOD_,
	OPTION_TEXT_,
	OPTION_CHOICE_,
	OPTION_LIST_,
};

struct option {
	enum option_type type;
	const char *name;                   /* as in the file: words joined by '_' */
	size_t offset;                      /* of the field below */
	int64_t fallback, minimum, maximum; /* numbers, bytes, milliseconds, 0/1 */
	const char *text_fallback;          /* text, choice (a word), list ("a b c") */
	const char *const *words;           /* choice: what may be said, NULL-terminated */
	const char *help;                   /* one sentence without a full stop */
	const char *example;                /* as the file says it; NULL: the fallback */
	bool restart;                       /* a change takes effect after a restart only */
	bool secret;                        /* text that is named, never shown */
};

#define OPTION_FIELD(kind, owner, field) \
	.type = kind, .name = #field, .offset = offsetof(owner, field)

/* bool field */
#define OPTION_BOOL(owner, field, value, words_)                                                \
	{                                                                                       \
		OPTION_FIELD(OPTION_BOOL_, owner, field), .fallback = (value), .help = (words_) \
	}
/* int64_t field */
#define OPTION_NUMBER(owner, field, value, low, high, words_)                                      \
	{                                                                                          \
		OPTION_FIELD(OPTION_NUMBER_, owner, field), .fallback = (value), .minimum = (low), \
							    .maximum = (high), .help = (words_)    \
	}
/* int64_t field: bytes; written "10 kB", "1 MB" (1000) or "64 KiB" (1024) */
#define OPTION_SIZE(owner, field, value, low, high, words_)                                      \
	{                                                                                        \
		OPTION_FIELD(OPTION_SIZE_, owner, field), .fallback = (value), .minimum = (low), \
							  .maximum = (high), .help = (words_)    \
	}
/* int64_t field: milliseconds; written "5 minutes", "30 s" */
#define OPTION_PERIOD(owner, field, value, low, high, words_)                                      \
	{                                                                                          \
		OPTION_FIELD(OPTION_PERIOD_, owner, field), .fallback = (value), .minimum = (low), \
							    .maximum = (high), .help = (words_)    \
	}
/* const char * field, NULL when not set and without fallback */
#define OPTION_TEXT(owner, field, value, words_)                                    \
	{                                                                           \
		OPTION_FIELD(OPTION_TEXT_, owner, field), .text_fallback = (value), \
							  .help = (words_)          \
	}
/* The same for a password or a token: no message and no tool shows what it is. */
#define OPTION_SECRET(owner, field, words_)                                                \
	{                                                                                  \
		OPTION_FIELD(OPTION_TEXT_, owner, field), .help = (words_), .secret = true \
	}
/* int64_t field: the index in `list` */
#define OPTION_CHOICE(owner, field, value, list, words_)                                      \
	{                                                                                     \
		OPTION_FIELD(OPTION_CHOICE_, owner, field), .text_fallback = (value),         \
							    .words = (list), .help = (words_) \
	}
/* const char *const * field, NULL-terminated */
#define OPTION_LIST(owner, field, value, words_)                                    \
	{                                                                           \
		OPTION_FIELD(OPTION_LIST_, owner, field), .text_fallback = (value), \
							  .help = (words_)          \
	}

#define PERIOD_SECONDS(n) ((int64_t)(n)*1000)
#define PERIOD_MINUTES(n) ((int64_t)(n)*60 * 1000)
#define PERIOD_HOURS(n)   ((int64_t)(n)*3600 * 1000)
#define PERIOD_DAYS(n)    ((int64_t)(n)*86400 * 1000)
