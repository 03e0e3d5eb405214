/* SPDX-License-Identifier: MIT */
/*
 * Memory that goes all at once.
 *
 * A stanza, an account or a flow has an arena; what belongs to it is allocated there
 * and never freed singly.  An arena is touched by one thread at a time: it is given
 * away to another shard whole, never shared.  It is counted: `arena_new` returns it
 * held once, and the last `arena_drop` frees it.  Blocks come from and return to a
 * free list of the calling thread, so that a stanza costs no malloc.
 */
#pragma once

#include "base/base.h"

struct arena;

PUBLIC struct arena *arena_new(void);
PUBLIC struct arena *arena_hold(struct arena *arena);
PUBLIC void arena_drop(struct arena *arena);

/* `size` zeroed bytes, aligned for anything, good until the arena goes. */
PUBLIC void *arena_alloc(struct arena *arena, size_t size) __attribute__((malloc, alloc_size(2)));
/* The same, not zeroed and not aligned: for characters. */
PUBLIC char *arena_bytes(struct arena *arena, size_t size);
PUBLIC char *arena_copy(struct arena *arena, const char *text);
PUBLIC char *arena_copy_bytes(struct arena *arena, const char *bytes, size_t length);
PUBLIC char *arena_format(struct arena *arena, const char *format, ...) PRINTF_LIKE(2, 3);
#define NEW(arena, type) ((type *)arena_alloc(arena, sizeof(type)))

/* Calls `fn(arg)` when the arena goes, last registered first. */
PUBLIC void arena_at_end(struct arena *arena, void (*fn)(void *arg), void *arg);

/* Bytes the arena takes from the heap now (blocks, not what was asked for). */
PUBLIC size_t arena_size(const struct arena *arena);

/* Frees the calling thread's free list; for a shard that ends. */
void arena_trim(void);
