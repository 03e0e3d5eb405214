/* SPDX-License-Identifier: MIT */
/*
 * A string that grows.  Embedded: `struct text text = {0};` is empty; `text_clear`
 * frees it.  `bytes` is NUL-terminated once anything was added.
 */
#pragma once

#include "base/base.h"

struct text {
	char *bytes;
	size_t length, room;
};

PUBLIC void text_add(struct text *text, const char *string);
PUBLIC void text_add_bytes(struct text *text, const char *bytes, size_t length);
PUBLIC void text_add_char(struct text *text, char c);
PUBLIC void text_addf(struct text *text, const char *format, ...) PRINTF_LIKE(2, 3);
/* Room for `length` more bytes, to be written by the caller at the returned place;
 * the caller then adds what it wrote to `text->length`. */
PUBLIC char *text_reserve(struct text *text, size_t length);
PUBLIC void text_empty(struct text *text); /* keeps the memory */
PUBLIC void text_clear(struct text *text); /* frees it */
PUBLIC char *text_take(struct text *text); /* the bytes, now the caller's to free; never NULL */

PUBLIC bool text_is(const char *a, const char *b); /* equal; NULL equals only NULL */
PUBLIC bool text_starts(const char *text, const char *with);

/* The word of `words` (NULL-terminated) nearest to `word` by edit distance, or NULL
 * when none is near enough to be meant. */
PUBLIC const char *text_nearest(const char *word, const char *const *words);

/* Whether the bytes are well-formed UTF-8 (RFC 3629). */
PUBLIC bool text_is_utf8(const char *bytes, size_t length);
