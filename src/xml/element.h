/* SPDX-License-Identifier: MIT */
/*
 * A piece of XML in memory.  Elements live in an arena and are read-only once they
 * belong to a routed stanza.  Prefixes are gone: a name is its namespace and its
 * local name.  Text between elements is a node of its own, with `name` NULL.
 */
#pragma once

#include "base/arena.h"
#include "base/base.h"

struct attribute {
	struct attribute *next;
	const char *ns; /* NULL for an ordinary attribute */
	const char *name, *value;
};

struct element {
	const char *ns, *name; /* name NULL: this is text */
	const char *text;      /* of a text node; NUL-terminated */
	size_t text_length;
	struct attribute *attributes; /* in document order */
	struct element *parent, *next, *first, *last;
};

#define NS_XML "http://www.w3.org/XML/1998/namespace"

/* --- making --- */

/* `ns` and `name` are not copied: give literals or strings of the same arena.
 * A NULL `ns` inherits the parent's when put somewhere. */
PUBLIC struct element *element_new(struct arena *arena, const char *ns, const char *name);
/* Makes a child, in the parent's namespace when `ns` is NULL, and puts it last. */
PUBLIC struct element *element_add(struct arena *arena, struct element *parent, const char *ns,
				   const char *name);
/* Makes a child with text in it: the common case. */
PUBLIC struct element *element_add_text(struct arena *arena, struct element *parent, const char *ns,
					const char *name, const char *text);
/* Puts a made element last below `parent`. */
PUBLIC void element_put(struct element *parent, struct element *child);
/* Adds text (copied) below `element`. */
PUBLIC void element_put_text(struct arena *arena, struct element *element, const char *text);
/* Sets an attribute, replacing one of that name; `value` is copied; NULL removes it. */
PUBLIC void element_set(struct arena *arena, struct element *element, const char *name,
			const char *value);
PUBLIC void element_setf(struct arena *arena, struct element *element, const char *name,
			 const char *format, ...) PRINTF_LIKE(4, 5);
/* The same for an attribute in a namespace, as xml:lang is. */
PUBLIC void element_set_ns(struct arena *arena, struct element *element, const char *ns,
			   const char *name, const char *value);
/* A deep copy with every string in `arena`. */
PUBLIC struct element *element_copy(struct arena *arena, const struct element *element);
/* A deep copy in one heap block that starts at the returned pointer, for what is kept long:
 * released with free(). */
PUBLIC struct element *element_own(const struct element *element);
size_t element_own_size(const struct element *element); /* of that block, in bytes */
/* The element and its attributes, without what is below. */
PUBLIC struct element *element_copy_shell(struct arena *arena, const struct element *element);
/* Takes an element out from under its parent; for elements not yet routed. */
PUBLIC void element_remove(struct element *element);

/* --- asking --- */

PUBLIC bool element_is(const struct element *element, const char *ns, const char *name);
/* An attribute without namespace; NULL when it is not there. */
PUBLIC const char *element_get(const struct element *element, const char *name);
PUBLIC const char *element_get_ns(const struct element *element, const char *ns, const char *name);
/* An attribute that is a decimal number; false (and `*value` unchanged) when not. */
PUBLIC bool element_get_int(const struct element *element, const char *name, int64_t *value);
/* xs:boolean: "true" or "1". */
PUBLIC bool element_get_bool(const struct element *element, const char *name);
/* The first child of that name; NULL `ns`: the parent's; NULL `name`: any element in `ns`. */
PUBLIC struct element *element_child(const struct element *element, const char *ns,
				     const char *name);
/* The first and next child elements, passing over text. */
PUBLIC struct element *element_first(const struct element *element);
PUBLIC struct element *element_next(const struct element *child);
/* The one child element; NULL when there is none or more than one. */
PUBLIC struct element *element_only_child(const struct element *element);
/* The text directly below, "" when there is none; joined in `arena` when in pieces. */
PUBLIC const char *element_text(struct arena *arena, const struct element *element);
/* The text of the first child of that name; NULL when there is no such child. */
PUBLIC const char *element_child_text(struct arena *arena, const struct element *element,
				      const char *ns, const char *name);

#define ELEMENT_EACH(parent, child)                                        \
	for (struct element *child = element_first(parent); child != NULL; \
	     child = element_next(child))
