/* SPDX-License-Identifier: MIT */
/*
 * The configuration file: sections of options, read through libconfuse.
 *
 * The caller says which sections may appear (struct section, a tree); the file is read
 * as a whole and *every* fault is collected with file, line, the nearest valid word
 * and an example.  A file with a fault gives no configuration.  A read configuration is
 * immutable and counted: shards hold the one they work with.
 */
#pragma once

#include "base/err.h"
#include "base/text.h"
#include "conf/option.h"

/* A kind of section: `name { ... }` or, when titled, `name "title" { ... }`. */
struct section {
	const char *name;
	const char *help;                      /* a paragraph for the sample file and the manual */
	bool titled, many;                     /* domain "a" {...} domain "b" {...} */
	const struct option *options;          /* may be NULL */
	const struct section *const *sections; /* below it, NULL-terminated; may be NULL */
	size_t size;                           /* of the struct the options are read into */
};

struct conf;

/* One section as it was read. */
struct conf_section {
	const struct section *kind;
	const char *title; /* NULL when untitled */
	const char *file;
	int line;                   /* 0: not in the file, all fallbacks */
	void *values;               /* kind->size bytes, options read in */
	struct conf_section *next;  /* the next of the same parent */
	struct conf_section *first; /* below it */
};

/* Reads `path` (and what it includes) as the inside of `root`.  NULL when there was a
 * fault: `faults` then has a line for each, in the order of the file.  One at a time, for
 * libconfuse keeps its state in globals. */
struct conf *conf_read(const char *path, const struct section *root, struct text *faults);
/* The same, but what could be read is given even if there were faults, with fallbacks for
 * the rest: to see what else is wrong, not to work with.  NULL: nothing could be read. */
struct conf *conf_look(const char *path, const struct section *root, struct text *faults);
/* The same for bytes at hand; `path` is how messages call them, and what they include is
 * looked for in its folder. */
struct conf *conf_read_bytes(const char *path, const char *bytes, size_t length,
			     const struct section *root, struct text *faults);
struct conf *conf_hold(struct conf *conf); /* any thread */
void conf_drop(struct conf *conf);
const struct conf_section *conf_root(const struct conf *conf);
/* The first section of that name below `parent`; a section that is not in the file and
 * is neither titled nor many is there with its fallbacks. */
const struct conf_section *conf_find(const struct conf_section *parent, const char *name);
const struct conf_section *conf_next(const struct conf_section *section); /* of the same name */
/* Adds a fault of the caller's own to `faults`, in the usual form: "FILE:LINE: words". */
void conf_complain(struct text *faults, const struct conf_section *where, const char *format, ...)
	PRINTF_LIKE(3, 4);

/* Fills `values` with the fallbacks of a table.  What lists point to is made once and kept
 * for the life of the process: to be called by one thread at a time. */
void options_default(const struct option *options, void *values);
/* Reads one word or phrase as `option` wants it ("5 minutes"); for tools and forms.  False
 * with a sentence when it is not one; `values` is then as it was.  A text option points to
 * `text` afterwards, which must last; a list ("a, b") is kept as by options_default. */
bool option_read(const struct option *option, void *values, const char *text, struct err *err);
/* Writes an option's value as the file would say it; nothing for a text that is not set. */
void option_write(struct text *out, const struct option *option, const void *values);

/* A complete, commented sample of `root`: every option with its help and fallback, out-
 * commented unless the caller's `given` (name=value pairs by section path) sets it. */
struct conf_given {
	const char *path;  /* "listen.port" or "domain:localhost.certificate" */
	const char *value; /* as the file says it, quotes included where needed; NULL for a
			    * path that only names a section which is to be there */
};
void conf_sample(struct text *out, const struct section *root, const struct conf_given *given,
		 size_t count);
/* The reference part of stentor.conf(5), in roff. */
void conf_manual(struct text *out, const struct section *root);
/* The values in force, as the file would say them; secrets are named, not shown. */
void conf_show(struct text *out, const struct conf *conf);

/* Which options differ between two configurations of the same root, a line each ("listen.port:
 * 5222 -> 5223") into `changed` (can be applied now) and `restart` (needs a restart). */
void conf_compare(const struct conf *before, const struct conf *after, struct text *changed,
		  struct text *restart);
