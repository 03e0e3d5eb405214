/* SPDX-License-Identifier: MIT */
/*
 * Giving memory back: some seconds after many streams have gone at once, the allocator is
 * asked to return what it keeps for them.  By itself it keeps nearly all of it.
 */
#pragma once

void tidy_open(void); /* on shard 0 */
void tidy_close(void);
