/* SPDX-License-Identifier: MIT */
/* Memory that does not fail, and the end of the process when we are wrong. */
#include "base/base.h"

#include <execinfo.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BACKTRACE_FRAMES = 64, SMALL_BYTES = 1024 };

static _Noreturn void
stop_with_backtrace(void)
{
	void *frames[BACKTRACE_FRAMES];
	int count = backtrace(frames, BACKTRACE_FRAMES);

	backtrace_symbols_fd(frames, count, STDERR_FILENO);
	abort();
}

static _Noreturn void
memory_ran_out(size_t size)
{
	dprintf(STDERR_FILENO, "out of memory: %zu bytes more were needed\n", size);
	stop_with_backtrace();
}

void
must_failed(const char *condition, const char *file, int line, const char *function)
{
	dprintf(STDERR_FILENO, "%s:%d: %s: this must hold and does not: %s\n", file, line, function,
		condition);
	stop_with_backtrace();
}

void *
zalloc(size_t size)
{
	void *memory;

	/* glibc's calloc passes by the thread's own cache, which small blocks are quick from;
	 * large ones it often has as zeroes already. */
	if (size > 0 && size <= SMALL_BYTES) {
		memory = malloc(size);
		if (memory != NULL)
			return memset(memory, 0, size);
	} else {
		memory = calloc(1, size > 0 ? size : 1);
	}
	if (memory == NULL)
		memory_ran_out(size);
	return memory;
}

void *
resize(void *pointer, size_t size)
{
	void *memory = realloc(pointer, size > 0 ? size : 1);

	if (memory == NULL)
		memory_ran_out(size);
	return memory;
}

char *
copy_text(const char *text)
{
	return text != NULL ? copy_bytes(text, strlen(text)) : NULL;
}

char *
copy_bytes(const char *bytes, size_t length)
{
	char *copy = resize(NULL, length + 1);

	if (length > 0)
		memcpy(copy, bytes, length);
	copy[length] = '\0';
	return copy;
}

char *
format_text(const char *format, ...)
{
	va_list args;
	char *text;
	int length;

	va_start(args, format);
	length = vasprintf(&text, format, args);
	va_end(args);
	if (length < 0)
		memory_ran_out(strlen(format));
	return text;
}
