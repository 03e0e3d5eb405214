/* SPDX-License-Identifier: MIT */
/* A secret order of all 64-bit numbers. */
#include "base/scramble.h"

static inline uint32_t
right(uint32_t word, unsigned by)
{
	return word >> by | word << (32 - by);
}

static inline uint32_t
left(uint32_t word, unsigned by)
{
	return word << by | word >> (32 - by);
}

static uint32_t
word_read(const uint8_t *bytes)
{
	return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
	       (uint32_t)bytes[3] << 24;
}

/* The keys of the rounds are made by the round itself, with its number as the key. */
void
scramble_init(struct scramble *scramble, const uint8_t key[SCRAMBLE_KEY_BYTES])
{
	uint32_t low = word_read(key), high[3];

	for (unsigned i = 0; i < COUNT(high); i++)
		high[i] = word_read(key + 4 * (i + 1));
	for (uint32_t round = 0; round < SCRAMBLE_ROUNDS; round++) {
		uint32_t *word = &high[round % COUNT(high)];

		scramble->keys[round] = low;
		*word = (low + right(*word, 8)) ^ round;
		low = left(low, 3) ^ *word;
	}
}

uint64_t
scramble(const struct scramble *scramble, uint64_t number)
{
	uint32_t high = (uint32_t)(number >> 32), low = (uint32_t)number;

	for (unsigned i = 0; i < SCRAMBLE_ROUNDS; i++) {
		high = (right(high, 8) + low) ^ scramble->keys[i];
		low = left(low, 3) ^ high;
	}
	return (uint64_t)high << 32 | low;
}

uint64_t
unscramble(const struct scramble *scramble, uint64_t number)
{
	uint32_t high = (uint32_t)(number >> 32), low = (uint32_t)number;

	for (unsigned i = SCRAMBLE_ROUNDS; i-- > 0;) {
		low = right(low ^ high, 3);
		high = left((high ^ scramble->keys[i]) - low, 8);
	}
	return (uint64_t)high << 32 | low;
}
