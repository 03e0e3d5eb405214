/* SPDX-License-Identifier: MIT */
/*
 * Elements to bytes.  What is written reads back as what it was: white space that a
 * reader would normalise is written as character references, and what XML cannot say
 * at all (control characters) as U+FFFD, since one such byte of ours would end the
 * stream of whoever reads it.
 */
#include "xml/writer.h"
#include "xml/internal.h"

#include <string.h>

enum { SCRATCH_KEPT = 16384 };

/* Where one-shot writing happens; per thread, emptied by each use. */
static _Thread_local struct text scratch;

/* --- characters --- */

enum { PLAIN, SPECIAL, SPECIAL_IN_VALUE };

static const unsigned char kinds[256] = {
	[0x00 ... 0x08] = SPECIAL, ['\t'] = SPECIAL_IN_VALUE, ['\n'] = SPECIAL_IN_VALUE,
	[0x0b ... 0x1f] = SPECIAL, ['&'] = SPECIAL,           ['<'] = SPECIAL,
	['>'] = SPECIAL,           ['\''] = SPECIAL,          ['"'] = SPECIAL,
	[0xef] = SPECIAL,
};

/* Writes the special character at `at`; returns how many bytes it had. */
static size_t
escape_one(struct text *out, const char *at, size_t left)
{
	switch (*at) {
	case '&':
		text_add_bytes(out, "&amp;", 5);
		return 1;
	case '<':
		text_add_bytes(out, "&lt;", 4);
		return 1;
	case '>':
		text_add_bytes(out, "&gt;", 4);
		return 1;
	case '\'':
		text_add_bytes(out, "&apos;", 6);
		return 1;
	case '"':
		text_add_bytes(out, "&quot;", 6);
		return 1;
	case '\t':
		text_add_bytes(out, "&#9;", 4);
		return 1;
	case '\n':
		text_add_bytes(out, "&#10;", 5);
		return 1;
	case '\r':
		text_add_bytes(out, "&#13;", 5);
		return 1;
	}
	if ((unsigned char)*at != 0xef) {
		text_add_bytes(out, "\xef\xbf\xbd", 3);
		return 1;
	}
	/* U+FFFE and U+FFFF are no characters of XML; the others with this lead are. */
	if (left >= 3 && (unsigned char)at[1] == 0xbf && (unsigned char)at[2] >= 0xbe)
		text_add_bytes(out, "\xef\xbf\xbd", 3);
	else
		text_add_bytes(out, at, left < 3 ? left : 3);
	return left < 3 ? left : 3;
}

/* Sixteen bytes that are looked at together. */
typedef unsigned char sixteen __attribute__((vector_size(16)));

static inline bool
are_plain(const char *at)
{
	union {
		sixteen bytes;
		uint64_t halves[2];
	} found;
	sixteen b;

	memcpy(&b, at, sizeof b);
	found.bytes = (sixteen)((b < 0x20) | (b == '&') | (b == '<') | (b == '>') | (b == '\'') |
				(b == '"') | (b == 0xef));
	return (found.halves[0] | found.halves[1]) == 0;
}

static inline void
escape(struct text *out, const char *text, size_t length, unsigned char least_special)
{
	size_t start = 0, i = 0, end;

	while (i < length) {
		if (length - i >= 16 && are_plain(text + i)) {
			i += 16;
			continue;
		}
		end = length - i > 16 ? i + 16 : length;
		while (i < end) {
			unsigned char kind = kinds[(unsigned char)text[i]];

			if (kind == PLAIN || kind > least_special) {
				i++;
				continue;
			}
			text_add_bytes(out, text + start, i - start);
			i += escape_one(out, text + i, length - i);
			start = i;
		}
	}
	text_add_bytes(out, text + start, length - start);
}

void
xml_escape(struct text *out, const char *text, size_t length)
{
	escape(out, text, length, SPECIAL_IN_VALUE);
}

/* --- tags --- */

/* The namespace an element is really in: its own, or that of what is around it. */
static const char *
effective_ns(const struct element *element, const struct element *top, const char *ns)
{
	while (element->ns == NULL && element != top && element->parent != NULL)
		element = element->parent;
	return element->ns != NULL ? element->ns : ns;
}

static bool
is_same_ns(const char *a, const char *b)
{
	return a == b || strcmp(a != NULL ? a : "", b != NULL ? b : "") == 0;
}

static void
add_attribute(struct text *out, const char *prefix, const char *name, const char *value)
{
	size_t name_length = strlen(name);
	char *at = text_reserve(out, name_length + 32);

	/* `prefix` is one of ours and short. */
	*at++ = ' ';
	at = stpcpy(at, prefix);
	memcpy(at, name, name_length);
	at += name_length;
	*at++ = '=';
	*at++ = '\'';
	out->length = (size_t)(at - out->bytes);
	escape(out, value, strlen(value), SPECIAL_IN_VALUE);
	text_add_char(out, '\'');
}

/* An attribute in a namespace gets the prefix that the first one in that namespace on the
 * same element declared. */
static void
add_prefixed(struct text *out, const struct element *element, const struct attribute *attribute)
{
	const struct attribute *first = element->attributes;
	char prefix[16], *end = prefix;
	unsigned number = 0;

	while (!is_same_ns(first->ns, attribute->ns)) {
		first = first->next;
		number++;
	}
	*end++ = 'a';
	for (unsigned scale = 10000; scale > 0; scale /= 10)
		if (number >= scale || scale == 1)
			*end++ = (char)('0' + number / scale % 10);
	*end = '\0';
	if (first == attribute)
		add_attribute(out, "xmlns:", prefix, attribute->ns);
	*end++ = ':';
	*end = '\0';
	add_attribute(out, prefix, attribute->name, attribute->value);
}

/* "<name" with its namespace and attributes, not closed. */
static void
open_tag(struct text *out, const struct element *element, const char *ns, const char *around)
{
	text_add_char(out, '<');
	text_add(out, element->name);
	if (!is_same_ns(ns, around))
		add_attribute(out, "", "xmlns", ns != NULL ? ns : "");
	for (const struct attribute *a = element->attributes; a != NULL; a = a->next) {
		if (a->ns == NULL)
			add_attribute(out, "", a->name, a->value);
		else if (strcmp(a->ns, NS_XML) == 0)
			add_attribute(out, "xml:", a->name, a->value);
		else
			add_prefixed(out, element, a);
	}
}

static void
close_tag(struct text *out, const struct element *element)
{
	size_t length = strlen(element->name);
	char *at = text_reserve(out, length + 3);

	at[0] = '<';
	at[1] = '/';
	memcpy(at + 2, element->name, length);
	at[length + 2] = '>';
	out->length += length + 3;
}

/* --- elements --- */

/* Writes `element` as far as it goes before its children; true when those follow. */
static bool
write_front(struct text *out, const struct element *element, const char *ns, const char *around)
{
	if (element->name == NULL) {
		escape(out, element->text, element->text_length, SPECIAL);
		return false;
	}
	open_tag(out, element, ns, around);
	if (element->first == NULL) {
		text_add_bytes(out, "/>", 2);
		return false;
	}
	text_add_char(out, '>');
	return true;
}

/* Writes everything below `top`, where `ns` is the default namespace. */
static void
write_below(struct text *out, const struct element *top, const char *ns)
{
	const struct element *element = top->first;

	while (element != NULL) {
		const char *around = effective_ns(element->parent, top, ns);
		const char *own = element->ns != NULL ? element->ns : around;

		if (write_front(out, element, own, around)) {
			element = element->first;
			continue;
		}
		while (element->next == NULL) {
			element = element->parent;
			if (element == top)
				return;
			close_tag(out, element);
		}
		element = element->next;
	}
}

void
xml_write(struct text *out, const struct element *element, const char *ns)
{
	const char *own = element->ns != NULL ? element->ns : ns;

	if (write_front(out, element, own, ns)) {
		write_below(out, element, own);
		close_tag(out, element);
	}
}

void
xml_write_start(struct text *out, const struct element *element, const char *ns)
{
	open_tag(out, element, element->ns != NULL ? element->ns : ns, ns);
	text_add_char(out, '>');
}

void
xml_write_rest(struct text *out, const struct element *element)
{
	write_below(out, element, element->ns);
	close_tag(out, element);
}

/* --- in one piece --- */

static void
scratch_done(void)
{
	watch_thread();
	if (scratch.room > SCRATCH_KEPT)
		text_clear(&scratch);
	else
		text_empty(&scratch);
}

void
writer_trim(void)
{
	text_clear(&scratch);
}

struct wire *
xml_wire(const struct element *element, const char *ns)
{
	struct wire *wire;

	xml_write(&scratch, element, ns);
	wire = wire_new(scratch.bytes, scratch.length);
	scratch_done();
	return wire;
}

struct wire *
xml_wire_append(const struct wire *wire, const struct element *parent, const struct element *child,
		const char *ns)
{
	size_t name = strlen(parent->name), end = name + 3, before = wire->length - end;
	const char *own = parent->ns != NULL ? parent->ns : ns;
	struct wire *longer;

	if (wire->length < end || memcmp(wire->bytes + before, "</", 2) != 0 ||
	    memcmp(wire->bytes + before + 2, parent->name, name) != 0)
		return NULL;
	xml_write(&scratch, child, own);
	longer = wire_new(NULL, wire->length + scratch.length);
	memcpy(longer->bytes, wire->bytes, before);
	memcpy(longer->bytes + before, scratch.bytes, scratch.length);
	memcpy(longer->bytes + before + scratch.length, wire->bytes + before, end);
	scratch_done();
	return longer;
}

char *
xml_text(struct arena *arena, const struct element *element, const char *ns)
{
	char *text;

	xml_write(&scratch, element, ns);
	text = arena_copy_bytes(arena, scratch.bytes, scratch.length);
	scratch_done();
	return text;
}
