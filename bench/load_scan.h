/* SPDX-License-Identifier: MIT */
/*
 * Finds where stanzas begin and end in a stream of XML, and nothing more.
 *
 * It knows tags, quoted values and depth, which is what it takes to count stanzas without
 * fail; it resolves no entities and checks no names.  Comments and CDATA, which XMPP
 * forbids or nobody says, are SCAN_BAD.
 *
 * A scan belongs to one stream.  `bytes` begin where the last piece ended, and grow from
 * call to call until SCAN_MORE is not the answer any more: nothing is looked at twice.
 */
#pragma once

#include "base/base.h"

enum scanned {
	SCAN_MORE,   /* there is no whole piece yet */
	SCAN_OPEN,   /* the start of the stream */
	SCAN_STANZA, /* a child of the stream, whole */
	SCAN_CLOSE,  /* the end of the stream */
	SCAN_BAD,    /* nothing we can follow */
};

struct scan {
	size_t at, start; /* looked at so far; where the piece begins */
	uint32_t depth;
	uint8_t mode;
	char quote; /* the value we are in, or 0 */
};

/* Starts at the top, or within a stream that is open already. */
void scan_init(struct scan *scan, bool open);

/* Looks for the next piece: `*start` and `*end` are where it is.  With SCAN_MORE, `*end`
 * bytes are not needed again. */
enum scanned scan_next(struct scan *scan, const char *bytes, size_t length, size_t *start,
		       size_t *end);

/* A piece of text in what was heard. */
struct slice {
	const char *bytes;
	size_t length;
};

bool slice_has(struct slice slice, const char *words);
bool slice_starts(struct slice slice, const char *words);
bool slice_is(struct slice slice, const char *words);
/* The value of an attribute of the first tag; false when it has none of that name. */
bool slice_attribute(struct slice slice, const char *name, struct slice *value);
/* The text within the first element of that name that has no child. */
bool slice_text(struct slice slice, const char *name, struct slice *text);
/* How often the words occur. */
unsigned slice_count(struct slice slice, const char *words);
/* A heap copy, as a string. */
char *slice_copy(struct slice slice);
