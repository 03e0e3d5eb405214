/* SPDX-License-Identifier: MIT */
/* The stanzas that a session owes its client. */
#include "queue.h"

static size_t
size(const struct owed *owed)
{
	return (owed->head != NULL ? owed->head->length : 0) +
	       (owed->payload != NULL ? owed->payload->length : 0);
}

void
queue_add(struct queue *queue, const struct parcel *parcel, bool given)
{
	struct owed *owed = zalloc(sizeof *owed);

	owed->head = wire_hold(parcel->head);
	owed->payload = parcel->payload != NULL ? wire_hold(parcel->payload) : NULL;
	owed->gate = gate_hold(parcel->gate);
	owed->audience = audience_hold(parcel->audience);
	owed->kept = parcel->kept;
	owed->archive_id = parcel->archive_id;
	owed->at = (uint32_t)now_seconds();
	owed->kind = (uint8_t)parcel->kind;
	owed->type = (uint8_t)parcel->type;
	if (queue->last != NULL)
		queue->last->next = owed;
	else
		queue->first = owed;
	queue->last = owed;
	queue->count++;
	queue->bytes += size(owed);
	if (given) {
		must(queue->next == NULL);
		queue->given = queue->count;
	} else if (queue->next == NULL) {
		queue->next = owed;
	}
}

uint32_t
queue_last(const struct queue *queue)
{
	return queue->acked + queue->count;
}

uint32_t
queue_given(const struct queue *queue)
{
	return queue->acked + queue->given;
}

void
owed_free(struct owed *owed)
{
	wire_drop(owed->head);
	wire_drop(owed->payload);
	gate_drop(owed->gate);
	audience_drop(owed->audience);
	free(owed);
}

struct owed *
queue_shift(struct queue *queue)
{
	struct owed *owed = queue->first;

	if (owed == NULL)
		return NULL;
	queue->first = owed->next;
	if (queue->first == NULL)
		queue->last = NULL;
	if (queue->next == owed)
		queue->next = owed->next;
	queue->acked++;
	queue->count--;
	if (queue->given > 0)
		queue->given--;
	queue->bytes -= size(owed);
	return owed;
}

enum acked
queue_ack(struct queue *queue, uint32_t h)
{
	uint32_t count = h - queue->acked;

	if (count > queue->given)
		return count > UINT32_MAX / 2 ? ACKED_BEFORE : ACKED_TOO_MUCH;
	while (count-- > 0) {
		struct owed *owed = queue_shift(queue);

		if (owed->audience != NULL)
			owed->audience->heard = true;
		owed_free(owed);
	}
	return ACKED;
}

void
queue_rewind(struct queue *queue)
{
	queue->next = queue->first;
	queue->given = 0;
}

void
queue_settle(struct queue *queue, struct owed *owed)
{
	if (owed->gate == NULL || owed->gate->state == GATE_SHUT)
		return;
	if (owed->gate->state == GATE_REFUSED) {
		queue->bytes -= size(owed);
		wire_drop(owed->head);
		wire_drop(owed->payload);
		owed->head = owed->payload = NULL;
		owed->archive_id = 0;
	}
	gate_drop(owed->gate);
	owed->gate = NULL;
}

bool
queue_give(struct queue *queue, struct parcel *parcel, struct wire *blank)
{
	struct owed *owed = queue->next;

	if (owed == NULL)
		return false;
	queue_settle(queue, owed);
	*parcel = (struct parcel) {
		.head = wire_hold(owed->head != NULL ? owed->head : blank),
		.payload = owed->payload != NULL ? wire_hold(owed->payload) : NULL,
		.gate = gate_hold(owed->gate),
		.instead = owed->gate != NULL ? wire_hold(blank) : NULL,
		.archive_id = owed->archive_id,
		.kind = (enum stanza_kind)owed->kind,
		.type = (enum stanza_type)owed->type,
	};
	queue->next = owed->next;
	queue->given++;
	return true;
}

void
queue_clear(struct queue *queue)
{
	struct owed *owed;

	while ((owed = queue_shift(queue)) != NULL)
		owed_free(owed);
}
