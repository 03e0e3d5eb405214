/* SPDX-License-Identifier: MIT */
/*
 * Strangers' bytes into the parser.  The first byte of the input chooses how the rest is
 * cut into pieces and whether the parser is given back between elements.  However that
 * is, the same must be heard; and what was heard must read the same after it was written.
 */
#include "base/text.h"
#include "xml/parser.h"
#include "xml/writer.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct parser_limits limits = { 512, 8, 8, 24, 8 };

struct ear {
	struct text heard;
	struct parser *parser;
	struct parser_root *root;
	unsigned stop_behind; /* after how many elements, 0: never */
};

static void
check_written(const struct element *element)
{
	struct arena *arena = arena_new();
	struct err err = { 0 };
	char *once = xml_text(arena, element, NULL), *twice;
	struct element *again = element_parse(arena, once, strlen(once), &err);

	must(again != NULL);
	twice = xml_text(arena, again, NULL);
	must(strcmp(once, twice) == 0);
	must(strcmp(xml_text(arena, element_copy(arena, element), NULL), once) == 0);
	arena_drop(arena);
}

static bool
header_heard(void *listener, struct element *header, struct arena *arena)
{
	struct ear *ear = listener;

	text_addf(&ear->heard, "H %s\n", xml_text(arena, header, NULL));
	check_written(header);
	ear->root = parser_root(ear->parser);
	must(ear->root != NULL);
	return true;
}

static bool
element_heard(void *listener, struct element *element, struct arena *arena)
{
	struct ear *ear = listener;

	text_addf(&ear->heard, "E %s\n", xml_text(arena, element, NULL));
	check_written(element);
	arena_drop(arena);
	return ear->stop_behind == 0 || --ear->stop_behind > 0;
}

static void
footer_heard(void *listener)
{
	struct ear *ear = listener;

	text_add(&ear->heard, "F\n");
}

static void
fault_heard(void *listener, enum parser_fault fault, const char *why)
{
	struct ear *ear = listener;

	must(*why != '\0');
	/* Of text between elements that is also malformed either may be noticed first. */
	if (fault == PARSER_TEXT_IN_STREAM)
		fault = PARSER_NOT_WELL_FORMED;
	text_addf(&ear->heard, "X %d\n", fault);
}

static const struct parser_listener functions = { header_heard, element_heard, footer_heard,
						  fault_heard };

/* What is heard of the bytes, fed in pieces; with `lend`, from a parser that is given back
 * and borrowed anew wherever that may be; with `stop`, from parsers that are stopped behind
 * every element, each fed what the one before left. */
static char *
listen(const char *bytes, size_t length, size_t piece, bool lend, bool stop)
{
	struct ear ear = { 0 };
	size_t at = 0;

	ear.parser = parser_new(&functions, &ear, &limits);
	ear.stop_behind = stop;
	while (at < length) {
		size_t step = length - at < piece ? length - at : piece;
		size_t taken = parser_feed(ear.parser, bytes + at, step);

		must(taken <= step);
		must(parser_pending(ear.parser) <= limits.bytes);
		at += taken;
		if (stop && taken < step && ear.stop_behind == 0) {
			parser_return(ear.parser);
			ear.stop_behind = 1;
			ear.parser = parser_borrow(ear.root, &functions, &ear, &limits);
			must(parser_is_idle(ear.parser));
		} else if (stop && ear.stop_behind == 0) {
			/* Stopped behind the very last byte. */
			parser_return(ear.parser);
			ear.stop_behind = 1;
			ear.parser = parser_borrow(ear.root, &functions, &ear, &limits);
		} else if (taken < step) {
			break;
		} else if (lend && parser_is_idle(ear.parser)) {
			must(parser_pending(ear.parser) == 0);
			parser_return(ear.parser);
			ear.parser = parser_borrow(ear.root, &functions, &ear, &limits);
		}
	}
	parser_return(ear.parser);
	parser_root_drop(ear.root);
	return text_take(&ear.heard);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *bytes = (const char *)data + 1;
	size_t piece;
	char *whole, *cut;
	struct arena *arena;
	struct element *element;

	if (size < 1)
		return 0;
	size--;
	piece = (size_t)(data[0] & 31) + 1;

	whole = listen(bytes, size, size + 1, false, false);
	cut = listen(bytes, size, piece, data[0] & 32, data[0] & 64);
	must(strcmp(whole, cut) == 0);
	free(whole);
	free(cut);

	arena = arena_new();
	element = element_parse(arena, bytes, size, NULL);
	if (element != NULL)
		check_written(element);
	arena_drop(arena);
	if (data[0] & 128)
		parser_pool_trim();
	return 0;
}
