/* SPDX-License-Identifier: MIT */
/*
 * What went wrong in the world, as a value.  A new text may be made of the old one, so it
 * is written aside first.
 */
#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Cuts off what is left of a character that did not fit. */
static void
end_at_character(char *text, size_t length)
{
	size_t start = length;

	while (start > 0 && ((unsigned char)text[start - 1] & 0xc0) == 0x80)
		start--;
	if (start > 0 && (unsigned char)text[start - 1] >= 0xc0)
		text[start - 1] = '\0';
}

bool
err_fail(struct err *err, enum err_kind kind, const char *format, ...)
{
	char text[sizeof err->text];
	va_list args;
	int length;

	if (err == NULL)
		return false;
	va_start(args, format);
	length = vsnprintf(text, sizeof text, format, args);
	va_end(args);
	if (length >= (int)sizeof text)
		end_at_character(text, sizeof text - 1);
	memcpy(err->text, text, strlen(text) + 1);
	err->kind = kind;
	return false;
}

bool
err_add(struct err *err, const char *format, ...)
{
	char text[sizeof err->text];
	va_list args;
	int length;

	if (err == NULL)
		return false;
	va_start(args, format);
	length = vsnprintf(text, sizeof text, format, args);
	va_end(args);
	if (length >= 0 && length < (int)sizeof text) {
		size_t room = sizeof text - (size_t)length;

		if (snprintf(text + length, room, ": %s", err->text) >= (int)room)
			end_at_character(text, sizeof text - 1);
	} else {
		end_at_character(text, sizeof text - 1);
	}
	memcpy(err->text, text, strlen(text) + 1);
	return false;
}
