/* SPDX-License-Identifier: MIT */
/* Serialised bytes shared by many: written once, immutable afterwards, counted. */
#include "base/wire.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct wire *
wire_new(const char *bytes, size_t length)
{
	struct wire *wire;

	must(length <= UINT32_MAX - sizeof *wire);
	wire = resize(NULL, sizeof *wire + length);
	atomic_init(&wire->holds, 1);
	wire->length = (uint32_t)length;
	if (bytes != NULL && length > 0)
		memcpy(wire->bytes, bytes, length);
	return wire;
}

struct wire *
wire_hold(struct wire *wire)
{
	atomic_fetch_add_explicit(&wire->holds, 1, memory_order_relaxed);
	return wire;
}

void
wire_drop(struct wire *wire)
{
	uint32_t holds;

	if (wire == NULL)
		return;
	holds = atomic_fetch_sub_explicit(&wire->holds, 1, memory_order_acq_rel);
	must(holds > 0);
	if (holds == 1)
		free(wire);
}
