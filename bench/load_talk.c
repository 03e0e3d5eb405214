/* SPDX-License-Identifier: MIT */
/* Messages that can be counted. */
#include "bench/load_talk.h"

#include "base/random.h"

#include <stdlib.h>
#include <string.h>

#define ID_DIGITS 12

static const char digits[] = "0123456789abcdef";

unsigned
talk_run(void)
{
	static unsigned run;

	while (run == 0)
		run = (unsigned)random_number();
	return run;
}

static void
write_number(char *place, unsigned count, uint64_t number)
{
	while (count-- > 0) {
		place[count] = digits[number & 15];
		number >>= 4;
	}
}

static bool
read_number(uint64_t *number, const char *place, unsigned count)
{
	*number = 0;
	while (count-- > 0) {
		char c = *place++;

		if (c >= '0' && c <= '9')
			*number = *number << 4 | (uint64_t)(c - '0');
		else if (c >= 'a' && c <= 'f')
			*number = *number << 4 | (uint64_t)(c - 'a' + 10);
		else
			return false;
	}
	return true;
}

void
talk_message_make(struct talk_message *message, const char *open, const char *close, size_t body)
{
	const char *id = strstr(open, "id=''");
	size_t before = id != NULL ? (size_t)(id - open) + 4 : strlen(open);
	size_t digit_count = id != NULL ? ID_DIGITS : 0;

	must(body >= TALK_HEAD);
	message->length = strlen(open) + digit_count + body + strlen(close);
	message->bytes = zalloc(message->length + 1);
	memcpy(message->bytes, open, before);
	memset(message->bytes + before, '0', digit_count);
	memcpy(message->bytes + before + digit_count, open + before, strlen(open) - before);
	message->id = id != NULL ? before : 0;
	message->head = strlen(open) + digit_count;
	memset(message->bytes + message->head, ' ', TALK_HEAD);
	memset(message->bytes + message->head + TALK_HEAD, 'x', body - TALK_HEAD);
	memcpy(message->bytes + message->head + body, close, strlen(close));
}

void
talk_message_number(struct talk_message *message, unsigned sender, uint64_t sequence, int64_t sent)
{
	char *head = message->bytes + message->head;

	if (message->id > 0)
		write_number(message->bytes + message->id, ID_DIGITS, sequence);
	write_number(head, 8, talk_run());
	write_number(head + 9, 8, sender);
	write_number(head + 18, 16, sequence);
	write_number(head + 35, 16, (uint64_t)sent);
}

void
talk_message_clear(struct talk_message *message)
{
	free(message->bytes);
	message->bytes = NULL;
}

bool
talk_read(struct talk_text *text, struct slice stanza)
{
	const char *body = memmem(stanza.bytes, stanza.length, "<body", 5), *head;
	const char *end = stanza.bytes + stanza.length;
	uint64_t run, sender, sent;

	if (body == NULL || (head = memchr(body, '>', (size_t)(end - body))) == NULL)
		return false;
	head++;
	if (end - head < TALK_HEAD || !read_number(&run, head, 8) ||
	    !read_number(&sender, head + 9, 8) || !read_number(&text->sequence, head + 18, 16) ||
	    !read_number(&sent, head + 35, 16) || run != talk_run())
		return false;
	text->run = (unsigned)run;
	text->sender = (unsigned)sender;
	text->sent = (int64_t)sent;
	return true;
}

/* --- what has come --- */

static void
gap_add(struct talk_heard *heard, uint64_t from, uint64_t to)
{
	if (heard->gap_count == heard->gap_room) {
		heard->gap_room = heard->gap_room * 2 + 8;
		heard->gaps = resize(heard->gaps, heard->gap_room * sizeof *heard->gaps);
	}
	heard->gaps[heard->gap_count++] = (struct gap) { from, to };
}

/* Closes the gap at one number; false when there is none. */
static bool
gap_fill(struct talk_heard *heard, uint64_t sequence)
{
	for (unsigned i = 0; i < heard->gap_count; i++) {
		struct gap gap = heard->gaps[i];

		if (sequence < gap.from || sequence >= gap.to)
			continue;
		heard->gaps[i] = heard->gaps[--heard->gap_count];
		if (gap.from < sequence)
			gap_add(heard, gap.from, sequence);
		if (sequence + 1 < gap.to)
			gap_add(heard, sequence + 1, gap.to);
		return true;
	}
	return false;
}

bool
talk_hear(struct talk_heard *heard, uint64_t sequence)
{
	if (sequence < heard->expected) {
		if (!gap_fill(heard, sequence)) {
			heard->duplicated++;
			return false;
		}
		heard->reordered++;
	} else {
		if (sequence > heard->expected)
			gap_add(heard, heard->expected, sequence);
		heard->expected = sequence + 1;
	}
	heard->distinct++;
	return true;
}

void
talk_heard_clear(struct talk_heard *heard)
{
	free(heard->gaps);
	heard->gaps = NULL;
}
