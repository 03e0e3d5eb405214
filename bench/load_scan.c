/* SPDX-License-Identifier: MIT */
/* Finds where stanzas begin and end in a stream of XML. */
#include "bench/load_scan.h"

#include <string.h>

enum mode { TEXT, TAG_BEGUN, START_TAG, END_TAG, DECLARATION };

void
scan_init(struct scan *scan, bool open)
{
	*scan = (struct scan) { .depth = open ? 1 : 0 };
}

/* Goes to the '>' of the tag; false when it has not come yet. */
static bool
tag_end(struct scan *scan, const char *bytes, size_t length)
{
	for (; scan->at < length; scan->at++) {
		char c = bytes[scan->at];

		if (scan->quote != 0) {
			if (c == scan->quote)
				scan->quote = 0;
		} else if (c == '>') {
			scan->at++;
			return true;
		} else if (c == '"' || c == '\'') {
			scan->quote = c;
		}
	}
	return false;
}

/* What the tag that just ended makes of the stream; SCAN_MORE: nothing yet. */
static enum scanned
tag_ended(struct scan *scan, const char *bytes)
{
	bool empty = scan->mode == START_TAG && bytes[scan->at - 2] == '/';

	if (scan->mode == DECLARATION)
		return SCAN_MORE;
	if (scan->mode == END_TAG) {
		if (scan->depth == 0)
			return SCAN_BAD;
		scan->depth--;
		return scan->depth == 1 ? SCAN_STANZA : scan->depth == 0 ? SCAN_CLOSE : SCAN_MORE;
	}
	if (empty)
		return scan->depth == 0 ? SCAN_BAD : scan->depth == 1 ? SCAN_STANZA : SCAN_MORE;
	scan->depth++;
	return scan->depth == 1 ? SCAN_OPEN : SCAN_MORE;
}

enum scanned
scan_next(struct scan *scan, const char *bytes, size_t length, size_t *start, size_t *end)
{
	enum scanned found = SCAN_MORE;
	const char *tag;

	while (found == SCAN_MORE && scan->at < length) {
		switch ((enum mode)scan->mode) {
		case TEXT:
			tag = memchr(bytes + scan->at, '<', length - scan->at);
			if (tag == NULL) {
				scan->at = length;
				continue;
			}
			if (scan->depth <= 1)
				scan->start = (size_t)(tag - bytes);
			scan->at = (size_t)(tag - bytes) + 1;
			scan->mode = TAG_BEGUN;
			continue;
		case TAG_BEGUN:
			if (bytes[scan->at] == '!')
				return SCAN_BAD;
			scan->mode = bytes[scan->at] == '/'   ? END_TAG
				     : bytes[scan->at] == '?' ? DECLARATION
							      : START_TAG;
			continue;
		case START_TAG:
		case END_TAG:
		case DECLARATION:
			if (!tag_end(scan, bytes, length))
				continue;
			found = tag_ended(scan, bytes);
			scan->mode = TEXT;
			continue;
		}
	}
	*start = scan->start;
	/* White space between stanzas is nobody's. */
	*end = found != SCAN_MORE || (scan->mode == TEXT && scan->depth <= 1) ? scan->at : 0;
	if (*end > 0)
		scan->at = scan->start = 0;
	return found;
}

bool
slice_has(struct slice slice, const char *words)
{
	return memmem(slice.bytes, slice.length, words, strlen(words)) != NULL;
}

bool
slice_starts(struct slice slice, const char *words)
{
	size_t length = strlen(words);

	return slice.length >= length && memcmp(slice.bytes, words, length) == 0;
}

bool
slice_is(struct slice slice, const char *words)
{
	return slice.length == strlen(words) && slice_starts(slice, words);
}

bool
slice_attribute(struct slice slice, const char *name, struct slice *value)
{
	size_t name_length = strlen(name), at = 0;

	while (at < slice.length && slice.bytes[at] != ' ' && slice.bytes[at] != '>')
		at++;
	while (at < slice.length && slice.bytes[at] != '>') {
		const char *bytes = slice.bytes + at;
		size_t left = slice.length - at, equals, closing;

		if (*bytes == ' ' || *bytes == '/' || *bytes == '\n' || *bytes == '\t') {
			at++;
			continue;
		}
		for (equals = 0; equals < left && bytes[equals] != '='; equals++)
			;
		if (equals + 1 >= left)
			return false;
		for (closing = equals + 2; closing < left && bytes[closing] != bytes[equals + 1];
		     closing++)
			;
		if (closing >= left)
			return false;
		if (equals == name_length && memcmp(bytes, name, name_length) == 0) {
			*value = (struct slice) { bytes + equals + 2, closing - equals - 2 };
			return true;
		}
		at += closing + 1;
	}
	return false;
}

bool
slice_text(struct slice slice, const char *name, struct slice *text)
{
	const char *end = slice.bytes + slice.length, *at = slice.bytes, *close;
	size_t length = strlen(name);

	while ((at = memchr(at, '<', (size_t)(end - at))) != NULL) {
		at++;
		if ((size_t)(end - at) <= length || memcmp(at, name, length) != 0 ||
		    (at[length] != '>' && at[length] != ' '))
			continue;
		at = memchr(at, '>', (size_t)(end - at));
		if (at == NULL || at[-1] == '/')
			return false;
		at++;
		close = memchr(at, '<', (size_t)(end - at));
		if (close == NULL)
			return false;
		*text = (struct slice) { at, (size_t)(close - at) };
		return true;
	}
	return false;
}

unsigned
slice_count(struct slice slice, const char *words)
{
	const char *end = slice.bytes + slice.length, *at = slice.bytes;
	size_t length = strlen(words);
	unsigned count = 0;

	while ((at = memmem(at, (size_t)(end - at), words, length)) != NULL) {
		at += length;
		count++;
	}
	return count;
}

char *
slice_copy(struct slice slice)
{
	return copy_bytes(slice.bytes, slice.length);
}
