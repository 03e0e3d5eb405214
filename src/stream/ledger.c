/* SPDX-License-Identifier: MIT */
/* Numbering and settling the stanzas of one stream. */
#include "stream/ledger.h"

#include <stdlib.h>

#define WORDS (LEDGER_SPAN / 64)

static bool take_early(struct ledger *ledger, uint32_t number);

bool
ledger_has_room(const struct ledger *ledger)
{
	return ledger->heard - ledger->settled < LEDGER_SPAN;
}

uint32_t
ledger_open(struct ledger *ledger, uint32_t bytes)
{
	must(ledger_has_room(ledger));
	ledger->open++;
	ledger->bytes += bytes;
	return ++ledger->heard;
}

bool
ledger_settle(struct ledger *ledger, uint32_t number, uint32_t bytes)
{
	must(number - ledger->settled - 1 < ledger->heard - ledger->settled);
	must(ledger->open > 0 && ledger->bytes >= bytes);
	ledger->open--;
	ledger->bytes -= bytes;

	if (number != ledger->settled + 1) {
		if (ledger->ring == NULL)
			ledger->ring = zalloc(WORDS * sizeof *ledger->ring);
		must((ledger->ring[number / 64 % WORDS] & (uint64_t)1 << number % 64) == 0);
		ledger->ring[number / 64 % WORDS] |= (uint64_t)1 << number % 64;
		ledger->early++;
		return false;
	}
	ledger->settled++;
	while (ledger->early > 0 && take_early(ledger, ledger->settled + 1))
		ledger->settled++;
	if (ledger->early == 0)
		ledger_clear(ledger);
	return true;
}

static bool
take_early(struct ledger *ledger, uint32_t number)
{
	uint64_t *word = &ledger->ring[number / 64 % WORDS];
	uint64_t bit = (uint64_t)1 << number % 64;

	if ((*word & bit) == 0)
		return false;
	*word &= ~bit;
	ledger->early--;
	return true;
}

void
ledger_clear(struct ledger *ledger)
{
	free(ledger->ring);
	ledger->ring = NULL;
}
