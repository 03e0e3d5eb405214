/* SPDX-License-Identifier: MIT */
/* Base64 (RFC 4648 §4, strict: padding needed, no white space) and lower-case hex. */
#pragma once

#include "base/base.h"

#define BASE64_LENGTH(n) (((n) + 2) / 3 * 4)

/* Writes BASE64_LENGTH(length) characters and a NUL to `out`. */
PUBLIC void base64_encode(char *out, const void *bytes, size_t length);
/* Decodes; false when `text` is not base64 or does not fit `room`. */
PUBLIC bool base64_decode(void *out, size_t room, size_t *length, const char *text,
			  size_t text_length);
/* Writes 2 * length digits and a NUL. */
PUBLIC void hex_encode(char *out, const void *bytes, size_t length);
PUBLIC bool hex_decode(void *out, size_t room, size_t *length, const char *text);

/* Compares in a time that depends on `length` only. */
PUBLIC bool equal_secretly(const void *a, const void *b, size_t length);
/* Clears memory in a way the compiler cannot leave out. */
PUBLIC void wipe(void *bytes, size_t length);
