/* SPDX-License-Identifier: MIT */
/*
 * What one stream has to say, in order.
 *
 * A parcel without a gate, or with one that is open, goes to the link at once, unless
 * something waits before it.  A shut gate holds back its parcel and all behind it; a refused
 * one takes its parcel out, or has another said in its place, and the rest moves up.  So no client
 * sees what a crash could take back, and the order stays what it was.
 *
 * An outbox is part of its stream and lives at the account's home, where the gates are.
 */
#pragma once

#include "core/session.h"

struct link;

struct outbox {
	struct link *link;   /* NULL: what is said is dropped */
	struct list waiting; /* struct slot, oldest first */
	size_t bytes;        /* in the parcels that wait */
	/* Nothing waits any more; called from inside gate_answer only. */
	void (*emptied)(struct outbox *outbox);
};

void outbox_init(struct outbox *outbox, struct link *link, void (*emptied)(struct outbox *outbox));
/* Takes the parcel's wires and its gate. */
void outbox_say(struct outbox *outbox, struct parcel parcel);
/* Drops what waits. */
void outbox_clear(struct outbox *outbox);
bool outbox_is_empty(const struct outbox *outbox);
