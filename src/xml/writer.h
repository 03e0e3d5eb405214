/* SPDX-License-Identifier: MIT */
/*
 * Elements to bytes.  Namespaces are declared as defaults (xmlns='...') where they
 * change; attributes in a namespace other than xml: get a prefix of ours.
 */
#pragma once

#include "base/text.h"
#include "base/wire.h"
#include "xml/element.h"

/* Appends `element` as it stands where the default namespace is `ns` (NULL: none). */
PUBLIC void xml_write(struct text *out, const struct element *element, const char *ns);
/* Appends the start tag with attributes and no end: "<message ...>". */
PUBLIC void xml_write_start(struct text *out, const struct element *element, const char *ns);
/* Appends what is below `element` (children and text) and its end tag: the payload
 * that goes behind any head. */
PUBLIC void xml_write_rest(struct text *out, const struct element *element);
/* Appends character data or an attribute value, escaped (& < > ' "). */
PUBLIC void xml_escape(struct text *out, const char *text, size_t length);
PUBLIC struct wire *xml_wire(const struct element *element, const char *ns);
/* The wire of `parent`, with `child` put last into it; NULL when `wire` does not end as a parent
 * with something in it does. */
PUBLIC struct wire *xml_wire_append(const struct wire *wire, const struct element *parent,
				    const struct element *child, const char *ns);
/* The element as text in `arena`: for the store and the log. */
PUBLIC char *xml_text(struct arena *arena, const struct element *element, const char *ns);
