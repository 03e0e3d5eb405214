/* SPDX-License-Identifier: MIT */
/*
 * How a configuration is read, shared by the files of this room only.
 *
 * libconfuse stops at its first fault, counts comments as lines and forgets which file a
 * section of an included file came from.  So it reads what we hand it, not the files:
 *
 *   scan_words		cuts a file into tokens			(conf_scan.c)
 *   shape_file		judges names, braces, doubles; what is well formed it writes down
 *			anew, a token a line, and notes where that token came from;
 *			included files are written into the same text	(conf_shape.c)
 *   conf_read		lets libconfuse read that text: strings, escapes, lists, sections;
 *			then every value gets its type and its bounds	(conf.c, option.c)
 *
 * Each step adds its faults and goes on with the rest; at the end all are sorted by place.
 */
#pragma once

#include "base/arena.h"
#include "conf/conf.h"

enum {
	FILE_BYTES_MAX = 1 << 20,
	INCLUDES_DEEP_MAX = 10,
	INCLUDES_MAX = 500,
	FAULTS_MAX = 200, /* beyond which they are only counted */
};

/* The option in each section by which libconfuse tells us where the section begins. */
#define BEGINNING "@"

struct source { /* one reading of one file */
	const char *path;
	size_t order;
	int depth;
	const struct source *includer;
};

struct place {
	const struct source *source;
	int line;
};

struct fault {
	struct place place;
	size_t order;
	const char *words;
};

struct reading {
	struct arena *arena;
	size_t sources;

	struct fault faults[FAULTS_MAX];
	size_t fault_count, more_faults;
	bool anyway; /* faults or not, there is to be a configuration */

	struct text written;  /* what libconfuse is to read */
	struct place *places; /* of each of its lines */
	size_t line_count, line_room;
};

void fault_add(struct reading *reading, struct place place, const char *format, ...)
	PRINTF_LIKE(3, 4);
/* The same, unless that line has a fault already: for what may follow from another. */
void fault_follow(struct reading *reading, struct place place, const char *format, ...)
	PRINTF_LIKE(3, 4);

enum word_kind {
	WORD_PLAIN,  /* tls */
	WORD_QUOTED, /* "a phrase", with its quotes */
	WORD_MARK,   /* one of { } = , ( ) ; */
	WORD_APPEND, /* += */
	WORD_END,
};

struct word {
	enum word_kind kind;
	bool broken; /* there was a fault in it */
	char mark;
	int line, column;
	const char *bytes;
	size_t length;
};

/* Cuts `bytes` into words; the last one is a WORD_END.  To free(). */
struct word *scan_words(struct reading *reading, const struct source *source, const char *bytes,
			size_t length);

/* Reads a file of at most FILE_BYTES_MAX into the arena; says why not. */
char *source_load(struct arena *arena, const char *path, size_t *length, struct err *err);

/* Judges the words of a file as the inside of `root` and writes down what is good. */
void shape_file(struct reading *reading, const struct source *source, const char *bytes,
		size_t length, const struct section *root);

/* --- options --- */

/* `words[count]` are what was said; more than one for a list only.  What the values point
 * to is taken from the arena.  False with a sentence added to `why`. */
bool option_take(const struct option *option, void *values, const char *const *words, size_t count,
		 struct arena *arena, struct text *why, enum err_kind *kind);
void option_take_fallback(const struct option *option, void *values, struct arena *arena);
/* "port = 5222" */
void option_add_example(struct text *out, const struct option *option);
/* "a number between 1 and 65535" */
void option_add_type(struct text *out, const struct option *option);
/* The fallback as the file would say it; nothing when there is none. */
void option_add_fallback(struct text *out, const struct option *option);
bool option_is_secret(const struct option *option);
bool option_same(const struct option *option, const void *a, const void *b);
/* A text in double quotes, with what needs it escaped. */
void add_quoted(struct text *out, const char *text);

size_t option_count(const struct option *options);
const struct option *option_find(const struct option *options, const char *name);
const struct section *section_find(const struct section *kind, const char *name);
