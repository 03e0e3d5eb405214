/* SPDX-License-Identifier: MIT */
/*
 * Ids of what is kept in order: messages in archives.
 *
 * An id is a number: the time in milliseconds, the place (node and shard) that gave it, and a
 * sequence.  Each place gives max(now, last + 1), so ids grow with the order in which they were
 * given, even when the clock steps back, and no two places give the same.  None is given again
 * after a crash: the store has a *mark* for each place that is ahead of all ids that are
 * kept, and a start begins behind it.  Behind a crash ids may therefore be some seconds
 * ahead of the clock for as many seconds.
 *
 * Shown to others an id is a text of 13 characters that tells nothing about it (XEP-0359 §6)
 * and stays the same for as long as the store lives.
 */
#pragma once

#include "base/err.h"

struct batch;
struct store;

/* An id greater than all that this shard has given and than `after`; never 0. */
PUBLIC uint64_t id_next(uint64_t after);
/* To be called for each batch that keeps new ids, with the greatest of them: adds what the mark
 * needs, which is mostly nothing. */
PUBLIC void id_keep(struct batch *batch, uint64_t id);

/* When it was given, and the least id of a time: ids are below INT64_MAX. */
PUBLIC int64_t id_unix_ms(uint64_t id);
PUBLIC uint64_t id_at(int64_t unix_ms);

#define ID_TEXT 14 /* with its NUL */
PUBLIC void id_write(char out[ID_TEXT], uint64_t id);
/* False, `*id` unchanged, when `text` was not made by id_write. */
PUBLIC bool id_read(uint64_t *id, const char *text);

/* Reads the marks and the key of the texts; blocks.  Before any shard runs. */
bool ids_open(struct store *store, struct err *err);
/* Sets the marks to what was given last, so that an ordinary stop costs nothing; blocks.  When
 * no shard runs any more. */
void ids_close(void);
