/* SPDX-License-Identifier: MIT */
/* Receipts: counted at home, settled by the last drop. */
#include "core/receipt.h"

#include <stdlib.h>

struct receipt *
receipt_new(void (*settled)(struct receipt *receipt), void *owner, uint32_t number, uint32_t bytes)
{
	struct receipt *receipt = zalloc(sizeof *receipt);

	receipt->home = shard_here();
	receipt->holds = 1;
	receipt->number = number;
	receipt->bytes = bytes;
	receipt->settled = settled;
	receipt->owner = owner;
	return receipt;
}

struct receipt *
receipt_hold(struct receipt *receipt)
{
	if (receipt == NULL)
		return NULL;
	must(receipt->home == shard_here() && receipt->holds > 0);
	receipt->holds++;
	return receipt;
}

void
receipt_drop(struct receipt *receipt)
{
	if (receipt == NULL)
		return;
	must(receipt->home == shard_here() && receipt->holds > 0);
	if (--receipt->holds > 0)
		return;
	receipt->settled(receipt);
	free(receipt);
}
