/* SPDX-License-Identifier: MIT */
/*
 * Messages that can be counted, and who has got which of them.
 *
 * The text of each names the run, the sender, its place in the sender's sequence and the
 * moment it was sent (in an open loop: was to be sent), and is filled up to --body bytes.
 */
#pragma once

#include "bench/load_scan.h"

#define TALK_HEAD 52 /* bytes of a text before the filling */

struct talk_text {
	unsigned run, sender;
	uint64_t sequence;
	int64_t sent;
};

/* A message that is written once and then only gets new numbers. */
struct talk_message {
	char *bytes;
	size_t length, head, id;
};

/* Chosen anew in each run, so that what an old one left behind is not mistaken. */
unsigned talk_run(void);
/* `body` bytes of text within `open` and `close`; with an id if `open` has "id=''". */
void talk_message_make(struct talk_message *message, const char *open, const char *close,
		       size_t body);
void talk_message_number(struct talk_message *message, unsigned sender, uint64_t sequence,
			 int64_t sent);
void talk_message_clear(struct talk_message *message);
/* Reads the text of a message; false when it is not one of ours. */
bool talk_read(struct talk_text *text, struct slice stanza);

/* What has come of one sequence, which counts from 0. */
struct talk_heard {
	uint64_t expected; /* the next */
	uint64_t distinct, duplicated, reordered;
	struct gap {
		uint64_t from, to; /* missing: from <= n < to */
	} * gaps;
	unsigned gap_count, gap_room;
};

/* Notes one; false when it was there already. */
bool talk_hear(struct talk_heard *heard, uint64_t sequence);
void talk_heard_clear(struct talk_heard *heard);
