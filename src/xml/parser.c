/* SPDX-License-Identifier: MIT */
/*
 * Bytes to elements, over expat.
 *
 * Positions are counted from the first byte that an expat parser ever saw, over all the
 * streams that borrowed it: `fed` is where its input ends, `boundary` where the last
 * complete thing at the level of stanzas ended.  What lies between is the unfinished
 * element, and nothing lies between at a boundary.
 *
 * expat is fed no more at once than one element may still have, so that it never holds
 * more of one than the limit.
 *
 * A root is known by the shortest header that declares the same: usual roots are those
 * whose header is in a table here.
 */
#include "xml/parser.h"
#include "base/list.h"
#include "base/text.h"
#include "xml/internal.h"
#include "xml/writer.h"

#include <expat.h>
#include <malloc.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <threads.h>

#define NS_STREAMS "http://etherx.jabber.org/streams"
#define SEPARATOR  '\1' /* no character of XML, so no part of any name */

enum {
	POOLED_BYTES = 65536,  /* a parser that holds more is freed */
	POOLED_PARSERS = 64,   /* of one thread */
	NAMESPACE_BYTES = 512, /* one is written out again for many an element */
	WHY_ROOM = 160,
	TEXT_KEPT = 4096,
};

/* --- roots --- */

struct declaration {
	char *prefix, *ns; /* "" is the default namespace */
};

struct parser_root {
	uint32_t holds; /* of an unusual one */
	int32_t usual;  /* index of the pool, -1: unusual */
	uint32_t count;
	const char *header;                     /* what a parser is primed with */
	const struct declaration *declarations; /* sorted by prefix */
};

#define USUAL(index, default_ns)                                                                  \
	{                                                                                         \
		.usual = (index), .count = 2,                                                     \
		.header = "<stream:stream xmlns='" default_ns "' xmlns:stream='" NS_STREAMS "'>", \
		.declarations = (const struct declaration[]) { { "", default_ns },                \
							       { "stream", NS_STREAMS } },        \
	}
#define USUAL_WITH_DIALBACK(index, default_ns)                                                     \
	{                                                                                          \
		.usual = (index), .count = 3,                                                      \
		.header = "<stream:stream xmlns='" default_ns                                      \
			  "' xmlns:db='jabber:server:dialback' xmlns:stream='" NS_STREAMS "'>",    \
		.declarations = (const struct declaration[]) { { "", default_ns },                 \
							       { "db", "jabber:server:dialback" }, \
							       { "stream", NS_STREAMS } },         \
	}

static struct parser_root usual_roots[] = {
	USUAL(0, "jabber:client"),
	USUAL(1, "jabber:server"),
	USUAL_WITH_DIALBACK(2, "jabber:server"),
	USUAL(3, "jabber:component:accept"),
	/* For elements that stand alone. */
	{ .usual = 4, .header = "<alone>" },
};

enum { ALONE = 4, POOLS = 5 };

_Static_assert(COUNT(usual_roots) == POOLS, "a pool for each usual root");

/* --- the parser --- */

struct seen_ns {
	struct seen_ns *next;
	const char *ns;
	size_t length;
};

struct parser {
	XML_Parser expat;
	const struct parser_listener *functions;
	void *listener;
	struct parser_limits limits;
	struct parser *next_pooled;

	struct parser_root *root;     /* NULL before the header */
	struct declaration *declared; /* by the header, while it is read */
	uint32_t declared_count;

	uint64_t fed, boundary;
	uint32_t level; /* open elements, the root among them */
	bool is_primed; /* false while a made-up header is fed */
	bool is_alone;  /* one element from memory, without limits */
	bool is_feeding, has_ended;
	bool has_stopped; /* a listener said false: at `stopped_at` */
	uint64_t stopped_at;
	bool has_failed;
	bool is_spent; /* expat was stopped, and takes no more */
	enum parser_fault fault;
	char why[WHY_ROOM];

	/* The element being built. */
	struct arena *arena;
	struct element *top, *at;
	struct text text; /* character data not yet put into a node */
	uint32_t elements, namespaces;
	struct seen_ns *seen; /* namespaces that are not known ones */
	const char *last_ns;
	size_t last_ns_length;

	size_t memory; /* bytes that expat has from the heap */
};

static _Thread_local struct {
	struct parser *first[POOLS];
	uint32_t count;
	size_t bytes;
	bool is_watched;
} pool;

static tss_t watch; /* not NULL in a thread: its pool goes when the thread does */

/* --- memory: expat does not say on whose behalf it allocates, so we say it before --- */

static _Thread_local size_t *counted;

static void *
count_malloc(size_t size)
{
	void *memory = resize(NULL, size);

	*counted += malloc_usable_size(memory);
	return memory;
}

static void *
count_realloc(void *memory, size_t size)
{
	*counted -= malloc_usable_size(memory);
	memory = resize(memory, size);
	*counted += malloc_usable_size(memory);
	return memory;
}

static void
count_free(void *memory)
{
	*counted -= malloc_usable_size(memory);
	free(memory);
}

static const XML_Memory_Handling_Suite counting = { count_malloc, count_realloc, count_free };

/* What a pooled parser takes from the heap. */
static size_t
parser_memory(const struct parser *parser)
{
	return sizeof *parser + parser->memory + parser->text.room;
}

/* --- giving up --- */

static void
end_expat(struct parser *parser)
{
	parser->is_spent = true;
	XML_StopParser(parser->expat, XML_FALSE);
}

static void PRINTF_LIKE(3, 4)
	give_up(struct parser *parser, enum parser_fault fault, const char *format, ...)
{
	va_list args;

	if (parser->has_failed)
		return;
	parser->has_failed = true;
	parser->fault = fault;
	va_start(args, format);
	vsnprintf(parser->why, sizeof parser->why, format, args);
	va_end(args);
	end_expat(parser);
}

/* expat calls back once or twice more after it was stopped. */
static inline bool
is_over(const struct parser *parser)
{
	return parser->has_failed || parser->has_stopped || parser->has_ended;
}

static void
stop(struct parser *parser, uint64_t where)
{
	parser->has_stopped = true;
	parser->stopped_at = where;
	end_expat(parser);
}

/* The same behind an element; when that was the end of the input, as it mostly is, expat
 * ends by itself and is good for others. */
static void
stop_behind_element(struct parser *parser)
{
	if (parser->boundary != parser->fed) {
		stop(parser, parser->boundary);
		return;
	}
	parser->has_stopped = true;
	parser->stopped_at = parser->boundary;
}

static enum parser_fault
fault_of(enum XML_Error error)
{
	switch ((int)error) {
	case XML_ERROR_UNBOUND_PREFIX:
	case XML_ERROR_UNDECLARING_PREFIX:
	case XML_ERROR_RESERVED_PREFIX_XML:
	case XML_ERROR_RESERVED_PREFIX_XMLNS:
	case XML_ERROR_RESERVED_NAMESPACE_URI:
		return PARSER_NAMESPACE;
	case XML_ERROR_UNDEFINED_ENTITY:
	case XML_ERROR_RECURSIVE_ENTITY_REF:
	case XML_ERROR_BINARY_ENTITY_REF:
	case XML_ERROR_ATTRIBUTE_EXTERNAL_ENTITY_REF:
	case XML_ERROR_EXTERNAL_ENTITY_HANDLING:
	case XML_ERROR_ENTITY_DECLARED_IN_PE:
	case XML_ERROR_AMPLIFICATION_LIMIT_BREACH:
		return PARSER_RESTRICTED;
	case XML_ERROR_UNKNOWN_ENCODING:
	case XML_ERROR_INCORRECT_ENCODING:
		return PARSER_ENCODING;
	case XML_ERROR_NO_MEMORY:
		return PARSER_TOO_BIG;
	default:
		return PARSER_NOT_WELL_FORMED;
	}
}

/* --- where we are --- */

static inline uint64_t
event_start(const struct parser *parser)
{
	return (uint64_t)XML_GetCurrentByteIndex(parser->expat);
}

static inline uint64_t
event_end(const struct parser *parser)
{
	return event_start(parser) + (uint64_t)XML_GetCurrentByteCount(parser->expat);
}

/* Whether the element that began at the boundary is within its bytes at `where`. */
static inline bool
is_within_bytes(struct parser *parser, uint64_t where)
{
	if (parser->is_alone || where - parser->boundary <= parser->limits.bytes)
		return true;
	give_up(parser, PARSER_TOO_BIG, "%s of more than %u bytes",
		parser->root != NULL ? "an element" : "a stream header", parser->limits.bytes);
	return false;
}

/* --- building elements --- */

/* A namespace as a string that lives as long as the arena, one string for all of the same
 * stanza: so a long one is not repeated for each element that is in it. */
static const char *
remember_ns(struct parser *parser, const char *ns, size_t length)
{
	const char *found = ns_known(ns, length);

	for (struct seen_ns *s = parser->seen; s != NULL && found == NULL; s = s->next)
		if (s->length == length && memcmp(s->ns, ns, length) == 0)
			found = s->ns;
	if (found == NULL) {
		struct seen_ns *seen = NEW(parser->arena, struct seen_ns);

		seen->ns = found = arena_copy_bytes(parser->arena, ns, length);
		seen->length = length;
		seen->next = parser->seen;
		parser->seen = seen;
	}
	parser->last_ns = found;
	parser->last_ns_length = length;
	return found;
}

static inline const char *
find_ns(struct parser *parser, const char *ns, size_t length)
{
	if (length == parser->last_ns_length && memcmp(ns, parser->last_ns, length) == 0)
		return parser->last_ns;
	return remember_ns(parser, ns, length);
}

/* Takes what expat calls a name apart. */
static inline const char *
split_name(struct parser *parser, const char *name, const char **ns)
{
	const char *separator = strchr(name, SEPARATOR);

	if (separator == NULL)
		return name;
	*ns = find_ns(parser, name, (size_t)(separator - name));
	return separator + 1;
}

/* An element of the parser's arena; NULL when it has too many attributes. */
static struct element *
build_element(struct parser *parser, const char *name, const char **attributes)
{
	struct element *element;
	struct attribute **place;
	uint32_t count = 0;

	while (attributes[2 * count] != NULL)
		count++;
	if (count > parser->limits.attributes && !parser->is_alone) {
		give_up(parser, PARSER_TOO_BIG, "a start tag of more than %u attributes",
			parser->limits.attributes);
		return NULL;
	}

	element = NEW(parser->arena, struct element);
	element->ns = "";
	element->name = arena_copy(parser->arena, split_name(parser, name, &element->ns));
	place = &element->attributes;
	for (; attributes[0] != NULL; attributes += 2) {
		struct attribute *attribute = NEW(parser->arena, struct attribute);

		attribute->name = arena_copy(parser->arena,
					     split_name(parser, attributes[0], &attribute->ns));
		attribute->value = arena_copy(parser->arena, attributes[1]);
		*place = attribute;
		place = &attribute->next;
	}
	return element;
}

/* Character data becomes one node, however many pieces it came in. */
static void
put_text(struct parser *parser)
{
	struct element *node;

	if (parser->text.length == 0)
		return;
	node = NEW(parser->arena, struct element);
	node->text_length = parser->text.length;
	node->text = arena_copy_bytes(parser->arena, parser->text.bytes, parser->text.length);
	element_put(parser->at, node);
	text_empty(&parser->text);
}

static void
forget_element(struct parser *parser)
{
	parser->arena = NULL;
	parser->top = parser->at = NULL;
	parser->seen = NULL;
	parser->last_ns = "";
	parser->last_ns_length = 0;
	parser->elements = parser->namespaces = 0;
}

/* --- the header --- */

static int
compare_declarations(const void *a, const void *b)
{
	return strcmp(((const struct declaration *)a)->prefix,
		      ((const struct declaration *)b)->prefix);
}

/* The name of the root's tag as it was written, which the end tag must repeat: expat only
 * tells what the prefix stands for. */
static void
add_raw_name(struct parser *parser, struct text *out)
{
	int offset = 0, size = 0;
	const char *context = XML_GetInputContext(parser->expat, &offset, &size);
	size_t length;

	must(context != NULL && offset < size && context[offset] == '<');
	context += offset + 1;
	length = 0;
	while (length < (size_t)(size - offset - 1) && strchr(" \t\r\n/>", context[length]) == NULL)
		length++;
	text_add_bytes(out, context, length);
}

/* The declarations as the shortest header that makes them. */
static char *
make_header(struct parser *parser)
{
	struct text header = { 0 };

	text_add_char(&header, '<');
	add_raw_name(parser, &header);
	for (uint32_t i = 0; i < parser->declared_count; i++) {
		const struct declaration *d = &parser->declared[i];

		text_addf(&header, " xmlns%s%s='", *d->prefix != '\0' ? ":" : "", d->prefix);
		xml_escape(&header, d->ns, strlen(d->ns));
		text_add_char(&header, '\'');
	}
	text_add_char(&header, '>');
	return text_take(&header);
}

static void
forget_declarations(struct parser *parser)
{
	for (uint32_t i = 0; i < parser->declared_count; i++) {
		free(parser->declared[i].prefix);
		free(parser->declared[i].ns);
	}
	free(parser->declared);
	parser->declared = NULL;
	parser->declared_count = 0;
}

static struct parser_root *
make_root(struct parser *parser)
{
	struct parser_root *root;
	char *header;

	if (parser->declared_count > 0)
		qsort(parser->declared, parser->declared_count, sizeof *parser->declared,
		      compare_declarations);
	header = make_header(parser);
	for (size_t i = 0; i < ALONE; i++) {
		if (strcmp(header, usual_roots[i].header) == 0) {
			free(header);
			forget_declarations(parser);
			return &usual_roots[i];
		}
	}
	root = zalloc(sizeof *root);
	root->holds = 1;
	root->usual = -1;
	root->header = header;
	root->declarations = parser->declared;
	root->count = parser->declared_count;
	parser->declared = NULL;
	parser->declared_count = 0;
	return root;
}

struct parser_root *
parser_root_hold(struct parser_root *root)
{
	if (root->usual < 0)
		root->holds++;
	return root;
}

void
parser_root_drop(struct parser_root *root)
{
	if (root == NULL || root->usual >= 0)
		return;
	must(root->holds > 0);
	if (--root->holds > 0)
		return;
	for (uint32_t i = 0; i < root->count; i++) {
		free(root->declarations[i].prefix);
		free(root->declarations[i].ns);
	}
	free((void *)root->declarations);
	free((void *)root->header);
	free(root);
}

static const char *
declared_ns(const struct parser_root *root, const char *prefix)
{
	for (uint32_t i = 0; i < root->count; i++)
		if (strcmp(root->declarations[i].prefix, prefix) == 0)
			return root->declarations[i].ns;
	return "";
}

const char *
parser_root_ns(const struct parser_root *root)
{
	return declared_ns(root, "");
}

bool
parser_root_declares(const struct parser_root *root, const char *prefix, const char *ns)
{
	return strcmp(declared_ns(root, prefix), ns) == 0;
}

struct parser_root *
parser_root(struct parser *parser)
{
	return parser->root != NULL ? parser_root_hold(parser->root) : NULL;
}

static void
header_heard(struct parser *parser, const char *name, const char **attributes)
{
	struct arena *arena;
	struct element *header;
	uint64_t end = event_end(parser);
	bool goes_on;

	if (!parser->is_primed) {
		parser->boundary = end;
		return;
	}
	if (!is_within_bytes(parser, end))
		return;
	parser->arena = arena = arena_new();
	header = build_element(parser, name, attributes);
	if (header != NULL) {
		parser->root = make_root(parser);
		parser->boundary = end;
	}
	forget_element(parser);
	if (header != NULL) {
		goes_on = parser->functions->header(parser->listener, header, arena);
		if (!goes_on)
			stop(parser, end);
	}
	arena_drop(arena);
}

/* --- what expat calls --- */

static void
namespace_heard(void *arg, const char *prefix, const char *ns)
{
	struct parser *parser = arg;

	if (is_over(parser) || !parser->is_primed || parser->is_alone)
		return;
	if (ns != NULL && strlen(ns) > NAMESPACE_BYTES) {
		give_up(parser, PARSER_TOO_BIG, "a namespace of more than %d bytes",
			NAMESPACE_BYTES);
		return;
	}
	if (++parser->namespaces > parser->limits.namespaces) {
		give_up(parser, PARSER_TOO_BIG, "more than %u namespaces declared",
			parser->limits.namespaces);
		return;
	}
	if (parser->level == 0) {
		struct declaration *declaration;

		parser->declared = resize(parser->declared,
					  (parser->declared_count + 1) * sizeof *parser->declared);
		declaration = &parser->declared[parser->declared_count++];
		declaration->prefix = copy_text(prefix != NULL ? prefix : "");
		declaration->ns = copy_text(ns != NULL ? ns : "");
	}
}

static void
start_heard(void *arg, const char *name, const char **attributes)
{
	struct parser *parser = arg;
	struct element *element;

	if (is_over(parser))
		return;
	if (parser->level == 0) {
		header_heard(parser, name, attributes);
		parser->level = 1;
		return;
	}

	if (parser->level == 1) {
		if (parser->is_alone && parser->top != NULL) {
			give_up(parser, PARSER_NOT_WELL_FORMED, "more than one element");
			return;
		}
		if (!parser->is_alone) {
			parser->boundary = event_start(parser);
			parser->arena = arena_new();
		}
	} else {
		put_text(parser);
	}
	if (!parser->is_alone) {
		if (parser->level > parser->limits.depth) {
			give_up(parser, PARSER_TOO_BIG, "elements nested more than %u deep",
				parser->limits.depth);
			return;
		}
		if (++parser->elements > parser->limits.elements) {
			give_up(parser, PARSER_TOO_BIG, "a stanza of more than %u elements",
				parser->limits.elements);
			return;
		}
	}

	element = build_element(parser, name, attributes);
	if (element == NULL)
		return;
	if (parser->level == 1)
		parser->top = element;
	else
		element_put(parser->at, element);
	parser->at = element;
	parser->level++;
}

static void
element_heard(struct parser *parser)
{
	struct element *element = parser->top;
	struct arena *arena = parser->arena;
	uint64_t end = event_end(parser);

	if (!is_within_bytes(parser, end))
		return;
	parser->boundary = end;
	if (parser->is_alone) {
		parser->at = NULL;
		return;
	}
	forget_element(parser);
	if (!parser->functions->element(parser->listener, element, arena))
		stop_behind_element(parser);
}

static void
end_heard(void *arg, const char *name)
{
	struct parser *parser = arg;

	(void)name;
	if (is_over(parser))
		return;
	parser->level--;
	if (parser->level > 1) {
		put_text(parser);
		parser->at = parser->at->parent;
	} else if (parser->level == 1) {
		put_text(parser);
		element_heard(parser);
	} else if (parser->is_alone) {
		/* The made-up root was closed, or the fresh parser's only element ended. */
		give_up(parser, PARSER_NOT_WELL_FORMED, "an end tag without a start tag");
	} else {
		parser->has_ended = true;
		end_expat(parser);
		parser->functions->footer(parser->listener);
	}
}

static bool
is_white(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (text[i] != ' ' && text[i] != '\t' && text[i] != '\r' && text[i] != '\n')
			return false;
	return true;
}

static void
text_heard(void *arg, const char *text, int length)
{
	struct parser *parser = arg;

	if (is_over(parser))
		return;
	if (parser->level > 1) {
		text_add_bytes(&parser->text, text, (size_t)length);
	} else if (is_white(text, (size_t)length)) {
		parser->boundary = event_end(parser);
	} else {
		give_up(parser, PARSER_TEXT_IN_STREAM, "text between elements");
	}
}

/* Between elements a CDATA section is text, even an empty one; and a parser that stands in
 * one does not look so, and must not get into the pool. */
static void
cdata_heard(void *arg)
{
	struct parser *parser = arg;

	if (!is_over(parser) && parser->level <= 1)
		give_up(parser, PARSER_TEXT_IN_STREAM, "a CDATA section between elements");
}

static void
declaration_heard(void *arg, const char *version, const char *encoding, int standalone)
{
	struct parser *parser = arg;

	(void)standalone;
	if (is_over(parser))
		return;
	if (version == NULL || strcmp(version, "1.0") != 0)
		give_up(parser, PARSER_XML_VERSION, "XML of a version other than 1.0");
	else if (encoding != NULL && strcasecmp(encoding, "UTF-8") != 0)
		give_up(parser, PARSER_ENCODING, "an encoding other than UTF-8");
}

/* A stream may not have them, a file may. */
static void
aside_heard(struct parser *parser, const char *what)
{
	if (is_over(parser))
		return;
	if (!parser->is_alone)
		give_up(parser, PARSER_RESTRICTED, "%s", what);
	else if (parser->level <= 1)
		parser->boundary = event_end(parser);
}

static void
comment_heard(void *arg, const char *text)
{
	(void)text;
	aside_heard(arg, "a comment");
}

static void
instruction_heard(void *arg, const char *target, const char *data)
{
	(void)target;
	(void)data;
	aside_heard(arg, "a processing instruction");
}

static void
doctype_heard(void *arg, const char *name, const char *system, const char *public, int internal)
{
	struct parser *parser = arg;

	(void)name;
	(void)system;
	(void)public;
	(void)internal;
	if (!is_over(parser))
		give_up(parser, PARSER_RESTRICTED, "a document type declaration");
}

/* --- making and feeding --- */

static void
begin(struct parser *parser, const struct parser_listener *functions, void *listener,
      const struct parser_limits *limits)
{
	parser->functions = functions;
	parser->listener = listener;
	parser->limits = *limits;
	parser->is_alone = parser->has_stopped = false;
	forget_element(parser);
}

static struct parser *
create(void)
{
	struct parser *parser = zalloc(sizeof *parser);
	size_t *before = counted;
	XML_Parser expat;

	counted = &parser->memory;
	expat = parser->expat = XML_ParserCreate_MM("UTF-8", &counting, (char[]) { SEPARATOR, 0 });
	must(expat != NULL);
	XML_SetReparseDeferralEnabled(expat, XML_FALSE);
	XML_SetUserData(expat, parser);
	XML_SetElementHandler(expat, start_heard, end_heard);
	XML_SetCharacterDataHandler(expat, text_heard);
	XML_SetStartNamespaceDeclHandler(expat, namespace_heard);
	XML_SetStartCdataSectionHandler(expat, cdata_heard);
	XML_SetXmlDeclHandler(expat, declaration_heard);
	XML_SetCommentHandler(expat, comment_heard);
	XML_SetProcessingInstructionHandler(expat, instruction_heard);
	XML_SetStartDoctypeDeclHandler(expat, doctype_heard);
	counted = before;
	parser->is_primed = true;
	return parser;
}

static void
destroy(struct parser *parser)
{
	size_t *before = counted;

	/* A whole element's arena is its caller's. */
	if (!parser->is_alone)
		arena_drop(parser->arena);
	counted = &parser->memory;
	XML_ParserFree(parser->expat);
	counted = before;
	must(parser->memory == 0);
	parser_root_drop(parser->root);
	forget_declarations(parser);
	text_clear(&parser->text);
	free(parser);
}

static bool
feed_expat(struct parser *parser, const char *bytes, size_t length, bool is_last)
{
	size_t *before = counted;
	enum XML_Status status;

	counted = &parser->memory;
	parser->fed += length;
	status = XML_Parse(parser->expat, bytes, (int)length, is_last);
	counted = before;
	return status == XML_STATUS_OK;
}

/* Makes the parser stand behind the header of `root`. */
static void
prime(struct parser *parser, const struct parser_root *root)
{
	bool is_read;

	parser->is_primed = false;
	is_read = feed_expat(parser, root->header, strlen(root->header), false);
	must(is_read && parser->level == 1 && parser->boundary == parser->fed);
	parser->is_primed = true;
}

struct parser *
parser_new(const struct parser_listener *functions, void *listener,
	   const struct parser_limits *limits)
{
	struct parser *parser = create();

	begin(parser, functions, listener, limits);
	return parser;
}

static struct parser *
borrow(const struct parser_root *root)
{
	struct parser *parser;

	if (root->usual >= 0 && (parser = pool.first[root->usual]) != NULL) {
		pool.first[root->usual] = parser->next_pooled;
		pool.count--;
		pool.bytes -= parser_memory(parser);
		return parser;
	}
	parser = create();
	prime(parser, root);
	parser->root = parser_root_hold((struct parser_root *)root);
	return parser;
}

struct parser *
parser_borrow(const struct parser_root *root, const struct parser_listener *functions,
	      void *listener, const struct parser_limits *limits)
{
	struct parser *parser = borrow(root);

	begin(parser, functions, listener, limits);
	return parser;
}

/* Whether others may have it: it stands at a boundary, and is neither odd nor large. */
static bool
is_poolable(const struct parser *parser)
{
	return parser->level == 1 && parser->root != NULL && parser->root->usual >= 0 &&
	       parser->boundary == parser->fed && !parser->is_spent &&
	       pool.count < POOLED_PARSERS && parser_memory(parser) <= POOLED_BYTES;
}

void
parser_return(struct parser *parser)
{
	struct parser **first;

	if (parser == NULL)
		return;
	must(!parser->is_feeding);
	if (parser->text.room > TEXT_KEPT)
		text_clear(&parser->text);
	if (!is_poolable(parser)) {
		destroy(parser);
		return;
	}
	watch_thread();
	first = &pool.first[parser->root->usual];
	parser->next_pooled = *first;
	*first = parser;
	pool.count++;
	pool.bytes += parser_memory(parser);
}

/* The first two bytes of a stream are judged here: expat would take some for UTF-16 and
 * follow that, whatever we told it. */
static void
judge_first_bytes(struct parser *parser, const char *bytes, size_t length)
{
	size_t second = parser->fed == 0 ? 1 : 0;

	if (parser->fed == 0 && length > 0) {
		if (*bytes == '\0' || (unsigned char)*bytes >= 0xfe)
			give_up(parser, PARSER_ENCODING, "an encoding other than UTF-8");
		else if (strchr("< \t\r\n\xef", *bytes) == NULL)
			give_up(parser, PARSER_NOT_WELL_FORMED, "something that is not XML");
	}
	if (parser->fed <= 1 && length > second && bytes[second] == '\0')
		give_up(parser, PARSER_ENCODING, "an encoding other than UTF-8");
}

/* expat's errors, unless we stopped it ourselves. */
static void
notice_error(struct parser *parser)
{
	enum XML_Error error = XML_GetErrorCode(parser->expat);

	parser->is_spent = true;
	if (!is_over(parser))
		give_up(parser, fault_of(error), "%s", XML_ErrorString(error));
}

size_t
parser_feed(struct parser *parser, const char *bytes, size_t length)
{
	uint64_t start = parser->fed;
	size_t taken = 0;

	must(!parser->is_feeding);
	if (parser->has_ended)
		return length;
	if (is_over(parser))
		return 0;

	parser->is_feeding = true;
	judge_first_bytes(parser, bytes, length);
	while (taken < length && !is_over(parser)) {
		/* One byte more than an element may have, to see that it has it. */
		size_t most = (size_t)parser->limits.bytes + 1 - parser_pending(parser);
		size_t piece = length - taken < most ? length - taken : most;

		if (!feed_expat(parser, bytes + taken, piece, false))
			notice_error(parser);
		else
			is_within_bytes(parser, parser->fed);
		taken += piece;
	}
	parser->is_feeding = false;

	if (parser->has_failed) {
		parser->functions->fault(parser->listener, parser->fault, parser->why);
		return taken;
	}
	return parser->has_stopped ? (size_t)(parser->stopped_at - start) : length;
}

bool
parser_is_idle(const struct parser *parser)
{
	return parser->level == 1 && parser->root != NULL && parser->boundary == parser->fed &&
	       !is_over(parser);
}

size_t
parser_pending(const struct parser *parser)
{
	return is_over(parser) ? 0 : (size_t)(parser->fed - parser->boundary);
}

/* --- one element --- */

/* expat is to take an XML declaration, which nothing may stand before: then the element is
 * a fresh parser's root, and otherwise the child of a made-up one. */
static struct parser *
parser_for_alone(const char *bytes, size_t length)
{
	static const struct parser_listener nobody = { NULL, NULL, NULL, NULL };
	static const struct parser_limits none = { UINT32_MAX, UINT16_MAX, UINT16_MAX, UINT16_MAX,
						   UINT16_MAX };
	struct parser *parser;

	if (length >= 5 &&
	    (memcmp(bytes, "<?xml", 5) == 0 || memcmp(bytes, "\xef\xbb\xbf", 3) == 0)) {
		parser = create();
		parser->level = 1;
	} else {
		parser = borrow(&usual_roots[ALONE]);
	}
	begin(parser, &nobody, NULL, &none);
	parser->is_alone = true;
	return parser;
}

static bool
fail_at(struct parser *parser, struct err *err, const char *bytes, size_t length, uint64_t start)
{
	uint64_t where = event_start(parser);
	unsigned line = 1;

	for (size_t i = 0; i < length && start + i < where; i++)
		line += bytes[i] == '\n';
	return err_fail(err, ERR_SYNTAX, "line %u: %s", line, parser->why);
}

struct element *
element_parse(struct arena *arena, const char *bytes, size_t length, struct err *err)
{
	struct parser *parser;
	struct element *element = NULL;
	uint64_t start;

	if (length > INT32_MAX) {
		err_fail(err, ERR_LIMIT, "%zu bytes are too much for one element", length);
		return NULL;
	}
	parser = parser_for_alone(bytes, length);
	parser->arena = arena;
	start = parser->fed;
	if (!feed_expat(parser, bytes, length, parser->root == NULL))
		notice_error(parser);

	if (parser->has_failed)
		fail_at(parser, err, bytes, length, start);
	else if (parser->root != NULL && !parser_is_idle(parser))
		err_fail(err, ERR_SYNTAX, "the element does not end");
	else if (parser->top == NULL)
		err_fail(err, ERR_SYNTAX, "there is no element");
	else
		element = parser->top;

	forget_element(parser);
	if (parser->root == NULL)
		destroy(parser);
	else
		parser_return(parser);
	return element;
}

/* --- the pool --- */

static void
thread_ends(void *arg)
{
	(void)arg;
	pool.is_watched = false;
	parser_pool_trim();
}

__attribute__((constructor)) static void
make_watch(void)
{
	must(tss_create(&watch, thread_ends) == thrd_success);
}

void
watch_thread(void)
{
	if (!pool.is_watched)
		pool.is_watched = tss_set(watch, &pool) == thrd_success;
}

size_t
parser_pool_size(void)
{
	return pool.bytes;
}

void
parser_pool_trim(void)
{
	for (size_t i = 0; i < POOLS; i++) {
		while (pool.first[i] != NULL) {
			struct parser *parser = pool.first[i];

			pool.first[i] = parser->next_pooled;
			destroy(parser);
		}
	}
	pool.count = 0;
	pool.bytes = 0;
	writer_trim();
}
