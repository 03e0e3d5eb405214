/* SPDX-License-Identifier: MIT */
/*
 * Memory that goes all at once.
 *
 * An arena is a chain of blocks, and lives in the first of them itself.  Objects are
 * taken from the bottom of the newest block, aligned; characters from its top, so that
 * neither pads the other.  The first blocks have the standard size and come from the
 * thread's free list; an arena that outgrows them takes larger ones from the heap, and
 * whatever is large by itself has a block of its own.
 *
 * The sanitizers are to see a use after the end, so with them there is no free list and
 * what was not asked for is poisoned.
 */
#include "base/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__)
#define WATCHED_ADDRESSES 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WATCHED_ADDRESSES 1
#endif
#endif

#if defined(WATCHED_ADDRESSES) || defined(__SANITIZE_THREAD__)
#define WATCHED 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define WATCHED 1
#endif
#endif

#ifdef WATCHED_ADDRESSES
#include <sanitizer/asan_interface.h>
#define POISON(at, size)   ASAN_POISON_MEMORY_REGION(at, size)
#define UNPOISON(at, size) ASAN_UNPOISON_MEMORY_REGION(at, size)
#define GAP                ((size_t)8) /* poisoned bytes between what was asked for */
#else
#define POISON(at, size)   ((void)(at), (void)(size))
#define UNPOISON(at, size) ((void)(at), (void)(size))
#define GAP                ((size_t)0)
#endif

#define ALIGNMENT        _Alignof(max_align_t)
#define ROUND_UP(n)      (((n) + ALIGNMENT - 1) & ~(ALIGNMENT - 1))

#define STANDARD_SIZE    ((size_t)2032) /* with malloc's header 2 KiB */
#define STANDARD_BLOCKS  4              /* an arena's first ones */
#define LARGEST_STEP     ((size_t)65536 - 16)
#define FREE_LIST_BLOCKS 256

struct block {
	struct block *next; /* the one before it in time, or the next free one */
	size_t size;        /* with this head */
};

#define HEAD ROUND_UP(sizeof(struct block))

struct ending {
	struct ending *next;
	void (*fn)(void *arg);
	void *arg;
};

struct arena {
	char *bottom, *top; /* what is free in the newest block */
	struct block *newest;
	struct ending *endings;
	size_t size;
	uint32_t holds, blocks;
};

static _Thread_local struct {
	struct block *first;
	uint32_t count;
} spare;

static struct block *
block_take(size_t size)
{
	struct block *block = spare.first;

	if (size == STANDARD_SIZE && block != NULL) {
		spare.first = block->next;
		spare.count--;
	} else {
		block = resize(NULL, size);
		block->size = size;
	}
	block->next = NULL;
	POISON((char *)block + HEAD, size - HEAD);
	return block;
}

static void
block_give(struct block *block)
{
	UNPOISON((char *)block + HEAD, block->size - HEAD);
#ifndef WATCHED
	if (block->size == STANDARD_SIZE && spare.count < FREE_LIST_BLOCKS) {
		block->next = spare.first;
		spare.first = block;
		spare.count++;
		return;
	}
#endif
	free(block);
}

void
arena_trim(void)
{
	while (spare.first != NULL) {
		struct block *block = spare.first;

		spare.first = block->next;
		free(block);
	}
	spare.count = 0;
}

struct arena *
arena_new(void)
{
	struct block *block = block_take(STANDARD_SIZE);
	struct arena *arena = (struct arena *)((char *)block + HEAD);

	UNPOISON(arena, sizeof *arena);
	*arena = (struct arena) {
		.bottom = (char *)arena + ROUND_UP(sizeof *arena + GAP),
		.top = (char *)block + block->size,
		.newest = block,
		.size = block->size,
		.holds = 1,
		.blocks = 1,
	};
	return arena;
}

struct arena *
arena_hold(struct arena *arena)
{
	arena->holds++;
	return arena;
}

void
arena_drop(struct arena *arena)
{
	struct block *first, *block, *before;

	if (arena == NULL)
		return;
	must(arena->holds > 0);
	if (--arena->holds > 0)
		return;

	first = (struct block *)((char *)arena - HEAD);
	/* An ending may still use the arena, and even register another one. */
	while (arena->endings != NULL) {
		struct ending *ending = arena->endings;

		arena->endings = ending->next;
		ending->fn(ending->arg);
	}
	/* The arena itself is in its first block, which goes last. */
	for (block = arena->newest; block != NULL; block = before) {
		before = block->next;
		if (block != first)
			block_give(block);
	}
	block_give(first);
}

/* The size of the next block of an arena that needs one for small things. */
static size_t
next_size(const struct arena *arena)
{
	uint32_t doublings;

	if (arena->blocks < STANDARD_BLOCKS)
		return STANDARD_SIZE;
	doublings = arena->blocks - STANDARD_BLOCKS + 1;
	return doublings < 5 ? (STANDARD_SIZE + 16) * ((size_t)1 << doublings) - 16 : LARGEST_STEP;
}

/* A place for `size` bytes (rounded up, with its gap) in a new block.  What is large gets
 * the block for itself, behind the newest, where small things go on. */
static char *
alloc_in_new_block(struct arena *arena, size_t size, bool from_top)
{
	size_t usual = next_size(arena);
	struct block *block;
	char *start;

	must(size <= SIZE_MAX / 2);
	if (size > (usual - HEAD) / 2) {
		block = block_take(HEAD + ROUND_UP(size));
		block->next = arena->newest->next;
		arena->newest->next = block;
		arena->size += block->size;
		return (char *)block + HEAD;
	}

	block = block_take(usual);
	block->next = arena->newest;
	arena->newest = block;
	arena->blocks++;
	arena->size += block->size;
	start = (char *)block + HEAD;
	arena->bottom = start;
	arena->top = (char *)block + block->size;
	if (from_top)
		return arena->top -= size;
	arena->bottom += size;
	return start;
}

void *
arena_alloc(struct arena *arena, size_t size)
{
	size_t whole = ROUND_UP(size + GAP);
	char *place;

	must(size <= SIZE_MAX / 2);
	if (whole <= (size_t)(arena->top - arena->bottom)) {
		place = arena->bottom;
		arena->bottom += whole;
	} else {
		place = alloc_in_new_block(arena, whole, false);
	}
	UNPOISON(place, size);
	return memset(place, 0, size);
}

char *
arena_bytes(struct arena *arena, size_t size)
{
	size_t whole = size + GAP;
	char *place;

	must(size <= SIZE_MAX / 2);
	if (whole <= (size_t)(arena->top - arena->bottom))
		place = arena->top -= whole;
	else
		place = alloc_in_new_block(arena, whole, true);
	UNPOISON(place, size);
	return place;
}

char *
arena_copy(struct arena *arena, const char *text)
{
	return text != NULL ? arena_copy_bytes(arena, text, strlen(text)) : NULL;
}

char *
arena_copy_bytes(struct arena *arena, const char *bytes, size_t length)
{
	char *copy = arena_bytes(arena, length + 1);

	if (length > 0)
		memcpy(copy, bytes, length);
	copy[length] = '\0';
	return copy;
}

char *
arena_format(struct arena *arena, const char *format, ...)
{
	char small[512], *text;
	va_list args;
	int length;

	va_start(args, format);
	length = vsnprintf(small, sizeof small, format, args);
	va_end(args);
	must(length >= 0);
	if ((size_t)length < sizeof small)
		return arena_copy_bytes(arena, small, (size_t)length);

	text = arena_bytes(arena, (size_t)length + 1);
	va_start(args, format);
	vsnprintf(text, (size_t)length + 1, format, args);
	va_end(args);
	return text;
}

void
arena_at_end(struct arena *arena, void (*fn)(void *arg), void *arg)
{
	struct ending *ending = NEW(arena, struct ending);

	ending->fn = fn;
	ending->arg = arg;
	ending->next = arena->endings;
	arena->endings = ending;
}

size_t
arena_size(const struct arena *arena)
{
	return arena->size;
}
