/* SPDX-License-Identifier: MIT */
/*
 * A secret order of all 64-bit numbers (the block cipher Speck64/128): for numbers that are
 * shown and should tell nothing of what they count.  It hides; it does not protect anything.
 */
#pragma once

#include "base/base.h"

#define SCRAMBLE_ROUNDS    27
#define SCRAMBLE_KEY_BYTES 16

struct scramble {
	uint32_t keys[SCRAMBLE_ROUNDS];
};

void scramble_init(struct scramble *scramble, const uint8_t key[SCRAMBLE_KEY_BYTES]);
uint64_t scramble(const struct scramble *scramble, uint64_t number);
uint64_t unscramble(const struct scramble *scramble, uint64_t number);
