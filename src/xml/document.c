/* SPDX-License-Identifier: MIT */
/*
 * expat stops at each event and is resumed when the next one is wanted.  An empty tag makes two
 * events at once, so events wait in a list.
 */
#include "xml/document.h"

#include "base/list.h"

#include <expat.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK     16384
#define DEPTH_MAX 1000
#define SEPARATOR '\n' /* between namespace, name and prefix: no character of either */

struct waiting {
	struct list place;
	struct document_event event;
};

struct document {
	struct document_source source;
	size_t most;
	XML_Parser expat;
	struct list events;
	struct arena *opened; /* of the last start tag that was told */
	unsigned depth;       /* of what is open, wanted whole or not */
	struct element *whole, *at;
	struct arena *arena; /* of `whole` */
	unsigned whole_depth;
	XML_Index whole_start;
	bool is_suspended, has_ended;
	struct err err;
};

/* --- names --- */

/* "namespace\nname" or "name". */
static struct element *
tag_make(struct arena *arena, const char *name, const char **attributes)
{
	const char *cut = strchr(name, SEPARATOR);
	struct element *element;

	if (cut != NULL)
		element = element_new(arena, arena_copy_bytes(arena, name, (size_t)(cut - name)),
				      arena_copy(arena, cut + 1));
	else
		element = element_new(arena, "", arena_copy(arena, name));
	for (; *attributes != NULL; attributes += 2) {
		cut = strchr(attributes[0], SEPARATOR);
		if (cut == NULL)
			element_set(arena, element, arena_copy(arena, attributes[0]),
				    attributes[1]);
		else
			element_set_ns(arena, element,
				       arena_copy_bytes(arena, attributes[0],
							(size_t)(cut - attributes[0])),
				       arena_copy(arena, cut + 1), attributes[1]);
	}
	return element;
}

/* --- what expat says --- */

static void
stop(struct document *document)
{
	XML_StopParser(document->expat, XML_TRUE);
}

static void
fail(struct document *document, enum err_kind kind, const char *why)
{
	if (document->err.kind == ERR_NONE)
		err_fail(&document->err, kind, "line %lu: %s",
			 (unsigned long)XML_GetCurrentLineNumber(document->expat), why);
	XML_StopParser(document->expat, XML_FALSE);
}

static struct document_event *
tell(struct document *document, int kind, struct element *element, struct arena *arena)
{
	struct waiting *waiting = zalloc(sizeof *waiting);

	waiting->event.kind = kind;
	waiting->event.element = element;
	waiting->event.arena = arena;
	waiting->event.depth = document->depth;
	waiting->event.line = (unsigned long)XML_GetCurrentLineNumber(document->expat);
	list_append(&document->events, &waiting->place);
	stop(document);
	return &waiting->event;
}

static void
is_too_big(struct document *document)
{
	if ((size_t)(XML_GetCurrentByteIndex(document->expat) - document->whole_start) >
	    document->most)
		fail(document, ERR_LIMIT, "an element is too long");
}

static void
on_start(void *ctx, const char *name, const char **attributes)
{
	struct document *document = ctx;
	struct arena *arena;
	struct element *tag;

	if (document->depth >= DEPTH_MAX) {
		fail(document, ERR_LIMIT, "too many elements are in one another");
		return;
	}
	if (document->whole != NULL) {
		tag = tag_make(document->arena, name, attributes);
		element_put(document->at, tag);
		document->at = tag;
		document->depth++;
		is_too_big(document);
		return;
	}
	arena = arena_new();
	tag = tag_make(arena, name, attributes);
	if (document->source.is_whole(document->source.ctx, tag, document->depth)) {
		document->whole = document->at = tag;
		document->arena = arena;
		document->whole_depth = document->depth;
		document->whole_start = XML_GetCurrentByteIndex(document->expat);
	} else {
		tell(document, DOCUMENT_OPENED, tag, arena);
	}
	document->depth++;
}

static void
on_end(void *ctx, const char *name)
{
	struct document *document = ctx;

	(void)name;
	document->depth--;
	if (document->whole == NULL) {
		tell(document, DOCUMENT_CLOSED, NULL, NULL);
		return;
	}
	document->at = document->at->parent;
	if (document->depth > document->whole_depth)
		return;
	tell(document, DOCUMENT_ELEMENT, document->whole, document->arena);
	document->whole = document->at = NULL;
	document->arena = NULL;
}

static void
on_text(void *ctx, const char *bytes, int length)
{
	struct document *document = ctx;

	if (document->whole == NULL)
		return;
	element_put_text(document->arena, document->at,
			 arena_copy_bytes(document->arena, bytes, (size_t)length));
	is_too_big(document);
}

static void
on_doctype(void *ctx, const char *name, const char *system, const char *public, int internal)
{
	(void)name;
	(void)system;
	(void)public;
	(void)internal;
	fail(ctx, ERR_REFUSED, "a DOCTYPE is not read");
}

/* --- reading --- */

struct document *
document_new(const struct document_source *source, size_t most)
{
	struct document *document = zalloc(sizeof *document);

	document->source = *source;
	document->most = most;
	document->expat = XML_ParserCreateNS(NULL, SEPARATOR);
	must(document->expat != NULL);
	list_init(&document->events);
	XML_SetUserData(document->expat, document);
	XML_SetElementHandler(document->expat, on_start, on_end);
	XML_SetCharacterDataHandler(document->expat, on_text);
	XML_SetStartDoctypeDeclHandler(document->expat, on_doctype);
	return document;
}

static enum XML_Status
read_more(struct document *document)
{
	char *room = XML_GetBuffer(document->expat, CHUNK);
	long count;

	must(room != NULL);
	count = document->source.read(document->source.ctx, room, CHUNK);
	if (count < 0) {
		err_fail(&document->err, ERR_SYSTEM, "it cannot be read: %m");
		return XML_STATUS_ERROR;
	}
	document->has_ended = count == 0;
	return XML_ParseBuffer(document->expat, (int)count, count == 0);
}

static void
parse(struct document *document)
{
	enum XML_Status status;

	if (document->is_suspended)
		status = XML_ResumeParser(document->expat);
	else
		status = read_more(document);
	document->is_suspended = status == XML_STATUS_SUSPENDED;
	if (status == XML_STATUS_ERROR && document->err.kind == ERR_NONE)
		err_fail(&document->err, ERR_SYNTAX, "line %lu: %s",
			 (unsigned long)XML_GetCurrentLineNumber(document->expat),
			 XML_ErrorString(XML_GetErrorCode(document->expat)));
}

static void
forget_opened(struct document *document)
{
	if (document->opened != NULL)
		arena_drop(document->opened);
	document->opened = NULL;
}

bool
document_next(struct document *document, struct document_event *event, struct err *err)
{
	struct list *place;
	struct waiting *waiting;

	forget_opened(document);
	while (list_is_empty(&document->events) && document->err.kind == ERR_NONE &&
	       (document->is_suspended || !document->has_ended))
		parse(document);
	place = list_shift(&document->events);
	if (place != NULL) {
		waiting = LIST_ITEM(place, struct waiting, place);
		*event = waiting->event;
		free(waiting);
		if (event->kind == DOCUMENT_OPENED) {
			document->opened = event->arena;
			event->arena = NULL;
		}
		return true;
	}
	if (document->err.kind != ERR_NONE) {
		*err = document->err;
		return false;
	}
	*event = (struct document_event) { .kind = DOCUMENT_END };
	return true;
}

void
document_free(struct document **document)
{
	struct list *place;

	if (*document == NULL)
		return;
	forget_opened(*document);
	while ((place = list_shift(&(*document)->events)) != NULL) {
		struct waiting *waiting = LIST_ITEM(place, struct waiting, place);

		if (waiting->event.arena != NULL)
			arena_drop(waiting->event.arena);
		free(waiting);
	}
	if ((*document)->arena != NULL)
		arena_drop((*document)->arena);
	XML_ParserFree((*document)->expat);
	free(*document);
	*document = NULL;
}
