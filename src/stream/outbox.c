/* SPDX-License-Identifier: MIT */
/* Parcels in their order, held back by gates. */
#include "stream/outbox.h"

#include "net/link.h"

#include <stdlib.h>

struct slot {
	struct list place;
	struct outbox *outbox;
	struct parcel parcel; /* gate NULL: it may leave when it is the first */
	struct gate_wait wait;
};

static bool settle(struct parcel *parcel);
static void gate_answered(void *arg);
static void let_go(struct outbox *outbox);
static void send(struct outbox *outbox, const struct parcel *parcel);
static void forget(struct slot *slot);

static size_t
size(const struct parcel *parcel)
{
	return parcel->head->length + (parcel->payload != NULL ? parcel->payload->length : 0);
}

void
outbox_init(struct outbox *outbox, struct link *link, void (*emptied)(struct outbox *outbox))
{
	outbox->link = link;
	outbox->bytes = 0;
	outbox->emptied = emptied;
	list_init(&outbox->waiting);
}

bool
outbox_is_empty(const struct outbox *outbox)
{
	return list_is_empty(&outbox->waiting);
}

void
outbox_say(struct outbox *outbox, struct parcel parcel)
{
	struct slot *slot;

	if (parcel.gate != NULL && parcel.gate->state != GATE_SHUT && !settle(&parcel))
		return;
	if (parcel.gate == NULL && outbox_is_empty(outbox)) {
		send(outbox, &parcel);
		return;
	}

	slot = zalloc(sizeof *slot);
	slot->outbox = outbox;
	slot->parcel = parcel;
	outbox->bytes += size(&parcel);
	list_append(&outbox->waiting, &slot->place);
	if (parcel.gate != NULL)
		gate_wait(parcel.gate, &slot->wait, gate_answered, slot);
}

/* Its gate has answered: what is to be said now?  False: nothing, and the parcel is empty. */
static bool
settle(struct parcel *parcel)
{
	bool refused = parcel->gate->state == GATE_REFUSED;

	gate_drop(parcel->gate);
	parcel->gate = NULL;
	if (!refused) {
		wire_drop(parcel->instead);
		parcel->instead = NULL;
		return true;
	}
	wire_drop(parcel->head);
	wire_drop(parcel->payload);
	*parcel = (struct parcel) { .head = parcel->instead };
	return parcel->head != NULL;
}

static void
gate_answered(void *arg)
{
	struct slot *slot = arg;
	struct outbox *outbox = slot->outbox;

	outbox->bytes -= size(&slot->parcel);
	if (settle(&slot->parcel))
		outbox->bytes += size(&slot->parcel);
	else
		forget(slot);
	let_go(outbox);
}

/* Sends what stands before the first gate that is still shut. */
static void
let_go(struct outbox *outbox)
{
	while (!list_is_empty(&outbox->waiting)) {
		struct slot *slot = LIST_ITEM(outbox->waiting.next, struct slot, place);

		if (slot->parcel.gate != NULL)
			return;
		outbox->bytes -= size(&slot->parcel);
		send(outbox, &slot->parcel);
		forget(slot);
	}
	outbox->emptied(outbox);
}

static void
send(struct outbox *outbox, const struct parcel *parcel)
{
	wire_drop(parcel->instead);
	if (outbox->link == NULL) {
		wire_drop(parcel->head);
		wire_drop(parcel->payload);
		return;
	}
	link_say(outbox->link, parcel->head);
	if (parcel->payload != NULL)
		link_say(outbox->link, parcel->payload);
}

/* Unmakes a slot whose wires have gone elsewhere. */
static void
forget(struct slot *slot)
{
	list_remove(&slot->place);
	list_remove(&slot->wait.place);
	gate_drop(slot->parcel.gate);
	free(slot);
}

void
outbox_clear(struct outbox *outbox)
{
	struct list *place;

	while ((place = outbox->waiting.next) != &outbox->waiting) {
		struct slot *slot = LIST_ITEM(place, struct slot, place);

		list_remove(&slot->place);
		list_remove(&slot->wait.place);
		parcel_drop(&slot->parcel);
		free(slot);
	}
	outbox->bytes = 0;
}
