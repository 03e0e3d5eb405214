/* SPDX-License-Identifier: MIT */
/*
 * A file of an admin's, read a piece at a time.  The first byte of the input chooses how long the
 * pieces are.  However that is, the same must be told.
 */
#include "base/text.h"
#include "xml/document.h"
#include "xml/writer.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct bytes {
	const uint8_t *at;
	size_t left, step;
};

static long
read_bytes(void *ctx, char *bytes, size_t room)
{
	struct bytes *from = ctx;
	size_t length = from->left < from->step ? from->left : from->step;

	length = length < room ? length : room;
	memcpy(bytes, from->at, length);
	from->at += length;
	from->left -= length;
	return (long)length;
}

static bool
is_whole(void *ctx, const struct element *tag, unsigned depth)
{
	(void)ctx;
	return depth > 3 || strlen(tag->name) % 2 == 0;
}

static void
tell(struct text *told, const struct document_event *event)
{
	text_addf(told, "%d %u ", (int)event->kind, event->depth);
	if (event->kind == DOCUMENT_OPENED)
		xml_write_start(told, event->element, NULL);
	if (event->kind != DOCUMENT_ELEMENT)
		return;
	xml_write(told, event->element, NULL);
	arena_drop(event->arena);
}

static char *
told_of(const uint8_t *data, size_t size, size_t step)
{
	struct bytes from = { data, size, step };
	struct document_source source = { read_bytes, is_whole, &from };
	struct document *document = document_new(&source, 4096);
	struct document_event event = { 0 };
	struct text told = { 0 };
	struct err err;

	do {
		if (!document_next(document, &event, &err)) {
			text_add(&told, "!");
			break;
		}
		tell(&told, &event);
	} while (event.kind != DOCUMENT_END);
	document_free(&document);
	return text_take(&told);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *once, *again;

	if (size == 0)
		return 0;
	once = told_of(data + 1, size - 1, 65536);
	again = told_of(data + 1, size - 1, 1 + data[0] % 64);
	must(strcmp(once, again) == 0);
	free(once);
	free(again);
	return 0;
}
