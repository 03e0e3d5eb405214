/* SPDX-License-Identifier: MIT */
/*
 * A long document, read a piece at a time: for files of an admin's, not for strangers' streams.
 *
 * The caller decides at each start tag whether what is below comes piece by piece or as one
 * element.  A DOCTYPE is refused, so there are no entities to expand; comments and processing
 * instructions are passed over.
 */
#pragma once

#include "base/err.h"
#include "xml/element.h"

struct document;

struct document_event {
	enum {
		DOCUMENT_OPENED,  /* a start tag whose children come one by one: `element` */
		DOCUMENT_ELEMENT, /* a whole element, in `arena`, which is the caller's now */
		DOCUMENT_CLOSED,  /* the end tag of one that was opened */
		DOCUMENT_END,
	} kind;
	struct element *element; /* OPENED: good until the next event */
	struct arena *arena;
	unsigned depth; /* of the element; the root's is 0 */
	unsigned long line;
};

struct document_source {
	/* Up to `room` bytes; 0 at the end, below 0 when it cannot be read. */
	long (*read)(void *ctx, char *bytes, size_t room);
	/* Whether the element that begins here is wanted whole. */
	bool (*is_whole)(void *ctx, const struct element *tag, unsigned depth);
	void *ctx;
};

/* No whole element may take more than `most` bytes of the document. */
struct document *document_new(const struct document_source *source, size_t most);
/* The next event; false with the reason, which names the line, when there is none any more. */
bool document_next(struct document *document, struct document_event *event, struct err *err);
void document_free(struct document **document);
