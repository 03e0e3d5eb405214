/* SPDX-License-Identifier: MIT */
/*
 * Bytes to elements: the XML stream of RFC 6120 §4 and §11, over expat.
 *
 * A parser hears a stream's bytes and tells its listener of the header (the root's
 * start tag), of each complete element below it, and of the footer.  Each element
 * comes in an arena of its own, which becomes the listener's.
 *
 * An idle stream keeps no parser.  `parser_borrow` takes one that is primed with the
 * stream's root from the calling thread's pool; at an element boundary
 * (`parser_is_idle`) it is given back.  Only a root with the usual namespaces and no
 * other prefix is pooled; anything else keeps a private parser.  A parser that grew
 * beyond 64 kB, saw an error or was stopped with bytes left leaves the pool.
 *
 * expat's traps: reparse deferral must be off, again after every reset, or a start
 * tag split over two reads is not delivered; names are remembered for ever, so
 * memory is counted and large parsers are freed.
 */
#pragma once

#include "base/err.h"
#include "xml/element.h"

struct parser_limits {
	uint32_t bytes;      /* of one element, and of the header */
	uint16_t depth;      /* of elements below the root */
	uint16_t attributes; /* of one element */
	uint16_t elements;   /* in one stanza */
	uint16_t namespaces; /* prefixes declared in one stanza or the header */
};

/* Why a parser gave up; each is a stream error of RFC 6120 §4.9.3. */
enum parser_fault {
	PARSER_NOT_WELL_FORMED, /* not-well-formed */
	PARSER_RESTRICTED,      /* restricted-xml: comment, DOCTYPE, PI, entity */
	PARSER_ENCODING,        /* unsupported-encoding */
	PARSER_XML_VERSION,     /* not-well-formed: XML 1.1 and others */
	PARSER_TOO_BIG,         /* policy-violation: see the text */
	PARSER_NAMESPACE,       /* not-well-formed: an undeclared prefix */
	PARSER_TEXT_IN_STREAM,  /* not-well-formed: text between stanzas */
};

struct parser_listener {
	/* The root's start tag.  `header` lives in an arena of its own, held by the
	 * parser for the time of the call: hold what you keep.  False stops. */
	bool (*header)(void *listener, struct element *header, struct arena *arena);
	/* A complete element below the root; `arena` is the listener's now.  False stops
	 * the parser right behind it: parser_feed returns how far it got. */
	bool (*element)(void *listener, struct element *element, struct arena *arena);
	/* The root's end tag.  What follows it is taken and thrown away. */
	void (*footer)(void *listener);
	/* The parser gave up; nothing more comes. */
	void (*fault)(void *listener, enum parser_fault fault, const char *why);
};

struct parser;

/* The root of a stream, as far as the elements below need it: what a parser is primed with
 * (its xml:lang is not part of it).  It is there when the listener hears the header.  Usual
 * roots are constants, the same on every thread; an unusual one belongs to its stream and
 * travels with it. */
struct parser_root;

/* A fresh parser that expects a header.  `listener` functions are called from inside
 * parser_feed only. */
struct parser *parser_new(const struct parser_listener *functions, void *listener,
			  const struct parser_limits *limits);
/* A parser behind the header `root` of an earlier one, at an element boundary. */
struct parser *parser_borrow(const struct parser_root *root,
			     const struct parser_listener *functions, void *listener,
			     const struct parser_limits *limits);
/* Gives a parser back to the pool, or frees it if the pool does not want it.  Not from
 * inside a listener function; NULL is no harm. */
void parser_return(struct parser *parser);

/* The root this parser has seen (counted: parser_root_drop), NULL before the header. */
struct parser_root *parser_root(struct parser *parser);
struct parser_root *parser_root_hold(struct parser_root *root);
void parser_root_drop(struct parser_root *root);

/* What a root declared: its default namespace ("" when none), and whether it bound `prefix`
 * to `ns`.  Good while the root is held. */
const char *parser_root_ns(const struct parser_root *root);
bool parser_root_declares(const struct parser_root *root, const char *prefix, const char *ns);

/* Parses; returns how many bytes were taken: all of them, unless a listener stopped
 * the parser (then: up to and with the element it stopped behind) or it gave up.
 * A stopped or failed parser takes no more; return it. */
size_t parser_feed(struct parser *parser, const char *bytes, size_t length);

/* True when nothing of the stream is in the parser: the last byte fed closed an
 * element (or was white space behind one). */
bool parser_is_idle(const struct parser *parser);
/* Bytes of the unfinished element in the parser. */
size_t parser_pending(const struct parser *parser);

/* Parses one whole element from memory (the store, a test, an admin's file); no header,
 * namespaces declared inside; an XML declaration before it and comments are passed over.
 * No limit but the length.  NULL with `err` filled when it is not one. */
PUBLIC struct element *element_parse(struct arena *arena, const char *bytes, size_t length,
				     struct err *err);

/* Bytes held by the calling thread's pool; and its end (which comes by itself when a
 * thread ends). */
size_t parser_pool_size(void);
void parser_pool_trim(void);
