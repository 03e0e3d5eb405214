/* SPDX-License-Identifier: MIT */
/* Gates in sessions' output. */
#include "core/gate.h"

#include <stdlib.h>

struct gate *
gate_new(void)
{
	struct gate *gate = zalloc(sizeof *gate);

	gate->holds = 1;
	list_init(&gate->waiting);
	return gate;
}

struct gate *
gate_hold(struct gate *gate)
{
	if (gate != NULL)
		gate->holds++;
	return gate;
}

void
gate_drop(struct gate *gate)
{
	if (gate == NULL || --gate->holds > 0)
		return;
	must(list_is_empty(&gate->waiting));
	free(gate);
}

void
gate_wait(struct gate *gate, struct gate_wait *wait, void (*fn)(void *arg), void *arg)
{
	must(gate->state == GATE_SHUT && !list_has(&wait->place));
	wait->fn = fn;
	wait->arg = arg;
	list_append(&gate->waiting, &wait->place);
}

void
gate_answer(struct gate *gate, bool open)
{
	struct list *place;

	must(gate->state == GATE_SHUT);
	gate->state = open ? GATE_OPEN : GATE_REFUSED;
	gate_hold(gate);
	while ((place = list_shift(&gate->waiting)) != NULL) {
		struct gate_wait *wait = LIST_ITEM(place, struct gate_wait, place);

		wait->fn(wait->arg);
	}
	gate_drop(gate);
}
