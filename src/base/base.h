/* SPDX-License-Identifier: MIT */
/*
 * What every file here starts from: sizes, truths, and memory that does not fail.
 *
 * Allocation stops the process instead of returning NULL, so nobody checks.  A
 * size that a peer names is limited before it gets here.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Functions that modules may call; everything else is hidden by the linker. */
#define PUBLIC                    __attribute__((visibility("default")))

#define COUNT(array)              (sizeof(array) / sizeof((array)[0]))
#define PRINTF_LIKE(words, first) __attribute__((format(printf, words, first)))

/* The object around an embedded member. */
#define CONTAINER(pointer, type, member) ((type *)((char *)(pointer)-offsetof(type, member)))

/* States what must hold if our own code is right.  Stops the process with file,
 * line and a backtrace in every build; never to be used on what a peer can cause. */
#define must(condition) \
	((condition) ? (void)0 : must_failed(#condition, __FILE__, __LINE__, __func__))

PUBLIC _Noreturn void must_failed(const char *condition, const char *file, int line,
				  const char *function);

/* `size` zeroed bytes from the heap; released with free(). */
PUBLIC void *zalloc(size_t size) __attribute__((malloc, alloc_size(1)));

/* `pointer` made `size` bytes long (new bytes are not zeroed). */
PUBLIC void *resize(void *pointer, size_t size) __attribute__((alloc_size(2)));

/* A heap copy of `text`; released with free().  NULL stays NULL. */
PUBLIC char *copy_text(const char *text);
PUBLIC char *copy_bytes(const char *bytes, size_t length);

/* A heap string made like printf; released with free(). */
PUBLIC char *format_text(const char *format, ...) PRINTF_LIKE(1, 2);
