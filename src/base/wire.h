/* SPDX-License-Identifier: MIT */
/*
 * Serialised bytes shared by many: written once, immutable afterwards, counted by an
 * atomic, so that any shard may hold one.
 */
#pragma once

#include "base/base.h"

struct wire {
	_Atomic uint32_t holds;
	uint32_t length;
	char bytes[];
};

/* A wire of `length` bytes, held once; `bytes` NULL leaves them to be filled by the
 * caller before anybody else sees it. */
PUBLIC struct wire *wire_new(const char *bytes, size_t length);
PUBLIC struct wire *wire_hold(struct wire *wire);
PUBLIC void wire_drop(struct wire *wire);
