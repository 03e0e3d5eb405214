/* SPDX-License-Identifier: MIT */
/* A string that grows, and questions about strings. */
#include "base/text.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	FIRST_ROOM = 64,
	LONGEST_WORD = 64, /* beyond which nobody mistypes a word of ours */
};

char *
text_reserve(struct text *text, size_t length)
{
	size_t needed = text->length + length + 1;

	must(length < SIZE_MAX / 4 && text->length < SIZE_MAX / 4);
	if (needed > text->room) {
		size_t room = text->room * 2;

		if (room < FIRST_ROOM)
			room = FIRST_ROOM;
		if (room < needed)
			room = needed;
		text->bytes = resize(text->bytes, room);
		text->room = room;
	}
	/* So that the text ends when the caller writes what it announced. */
	text->bytes[text->length + length] = '\0';
	return text->bytes + text->length;
}

void
text_add(struct text *text, const char *string)
{
	text_add_bytes(text, string, strlen(string));
}

void
text_add_bytes(struct text *text, const char *bytes, size_t length)
{
	char *place = text_reserve(text, length);

	if (length > 0)
		memcpy(place, bytes, length);
	text->length += length;
}

void
text_add_char(struct text *text, char c)
{
	*text_reserve(text, 1) = c;
	text->length++;
}

void
text_addf(struct text *text, const char *format, ...)
{
	size_t room = text->bytes != NULL ? text->room - text->length : 0;
	va_list args;
	int length;

	va_start(args, format);
	length = vsnprintf(room > 0 ? text->bytes + text->length : NULL, room, format, args);
	va_end(args);
	must(length >= 0);

	if ((size_t)length >= room) {
		char *place = text_reserve(text, (size_t)length);

		va_start(args, format);
		vsnprintf(place, (size_t)length + 1, format, args);
		va_end(args);
	}
	text->length += (size_t)length;
}

void
text_empty(struct text *text)
{
	text->length = 0;
	if (text->bytes != NULL)
		text->bytes[0] = '\0';
}

void
text_clear(struct text *text)
{
	free(text->bytes);
	*text = (struct text) { 0 };
}

char *
text_take(struct text *text)
{
	char *bytes = text->bytes != NULL ? text->bytes : copy_bytes("", 0);

	*text = (struct text) { 0 };
	return bytes;
}

bool
text_is(const char *a, const char *b)
{
	if (a == NULL || b == NULL)
		return a == b;
	return strcmp(a, b) == 0;
}

bool
text_starts(const char *text, const char *with)
{
	return text != NULL && strncmp(text, with, strlen(with)) == 0;
}

static size_t
smallest(size_t a, size_t b, size_t c)
{
	size_t least = a < b ? a : b;

	return least < c ? least : c;
}

/* Insertions, deletions, replacements and swaps of neighbours that make `a` of `b`; upper
 * and lower case are the same. */
static size_t
edit_distance(const char *a, const char *b)
{
	size_t rows[3][LONGEST_WORD + 1];
	size_t length_a = strlen(a), length_b = strlen(b);

	for (size_t j = 0; j <= length_b; j++)
		rows[0][j] = j;
	for (size_t i = 1; i <= length_a; i++) {
		size_t *row = rows[i % 3], *above = rows[(i + 2) % 3], *above2 = rows[(i + 1) % 3];
		int at_a = tolower((unsigned char)a[i - 1]);

		row[0] = i;
		for (size_t j = 1; j <= length_b; j++) {
			int at_b = tolower((unsigned char)b[j - 1]);
			size_t replaced = above[j - 1] + (at_a != at_b);

			row[j] = smallest(above[j] + 1, row[j - 1] + 1, replaced);
			if (i > 1 && j > 1 && at_a == tolower((unsigned char)b[j - 2]) &&
			    at_b == tolower((unsigned char)a[i - 2]) && above2[j - 2] + 1 < row[j])
				row[j] = above2[j - 2] + 1;
		}
	}
	return rows[length_a % 3][length_b];
}

const char *
text_nearest(const char *word, const char *const *words)
{
	size_t length = strlen(word), least;
	const char *nearest = NULL;

	if (length > LONGEST_WORD)
		return NULL;
	least = length < 3 ? 2 : 2 + length / 5; /* one more than is near enough */
	for (size_t i = 0; words[i] != NULL; i++) {
		size_t distance;

		if (strlen(words[i]) > LONGEST_WORD)
			continue;
		distance = edit_distance(word, words[i]);
		/* A word made of other letters altogether is not meant. */
		if (distance < least && distance < length) {
			least = distance;
			nearest = words[i];
		}
	}
	return nearest;
}

static bool
is_continuation(unsigned char byte)
{
	return (byte & 0xc0) == 0x80;
}

/* The length of the well-formed character at `at`, 0 when it is not one. */
static size_t
character_length(const unsigned char *at, size_t left)
{
	if (at[0] < 0x80)
		return 1;
	if (at[0] < 0xc2)
		return 0;
	if (at[0] < 0xe0)
		return left >= 2 && is_continuation(at[1]) ? 2 : 0;
	if (at[0] < 0xf0) {
		if (left < 3 || !is_continuation(at[1]) || !is_continuation(at[2]))
			return 0;
		/* Not longer than needed, and no surrogate. */
		if ((at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xed && at[1] > 0x9f))
			return 0;
		return 3;
	}
	if (at[0] > 0xf4 || left < 4 || !is_continuation(at[1]) || !is_continuation(at[2]) ||
	    !is_continuation(at[3]))
		return 0;
	if ((at[0] == 0xf0 && at[1] < 0x90) || (at[0] == 0xf4 && at[1] > 0x8f))
		return 0;
	return 4;
}

bool
text_is_utf8(const char *bytes, size_t length)
{
	const unsigned char *at = (const unsigned char *)bytes, *end = at + length;

	while (at < end) {
		size_t step;
		uint64_t eight;

		if (end - at >= 8) {
			memcpy(&eight, at, sizeof eight);
			if ((eight & UINT64_C(0x8080808080808080)) == 0) {
				at += 8;
				continue;
			}
		}
		step = character_length(at, (size_t)(end - at));
		if (step == 0)
			return false;
		at += step;
	}
	return true;
}
