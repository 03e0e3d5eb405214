/* SPDX-License-Identifier: MIT */
/*
 * A gate in a session's output: what stands behind it leaves when the rows it waits for
 * are committed, or is taken back when they cannot be.  A gate belongs to the account's
 * home, is counted, and answers each waiting carrier once.
 */
#pragma once

#include "base/list.h"

struct gate {
	uint32_t holds;
	enum { GATE_SHUT, GATE_OPEN, GATE_REFUSED } state;
	struct list waiting; /* struct gate_wait */
};

struct gate_wait {
	struct list place;
	void (*fn)(void *arg); /* the gate has opened or was refused */
	void *arg;
};

PUBLIC struct gate *gate_new(void);               /* held once */
PUBLIC struct gate *gate_hold(struct gate *gate); /* NULL stays NULL */
PUBLIC void gate_drop(struct gate *gate);
PUBLIC void gate_wait(struct gate *gate, struct gate_wait *wait, void (*fn)(void *arg), void *arg);
PUBLIC void gate_answer(struct gate *gate, bool open);
