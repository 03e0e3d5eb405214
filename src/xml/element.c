/* SPDX-License-Identifier: MIT */
/*
 * A piece of XML in memory.  How deep an element goes is up to whoever sent it, so
 * nothing here recurses.
 */
#include "xml/element.h"
#include "base/text.h"
#include "xml/internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Two names are most often the very same string. */
static inline bool
is_same(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

struct element *
element_after(const struct element *element, const struct element *top)
{
	if (element->first != NULL)
		return element->first;
	while (element != top && element->next == NULL)
		element = element->parent;
	return element != top ? element->next : NULL;
}

/* --- making --- */

struct element *
element_new(struct arena *arena, const char *ns, const char *name)
{
	struct element *element = NEW(arena, struct element);

	element->ns = ns;
	element->name = name;
	return element;
}

/* Gives `top` the namespace, and whatever is in it that waited for one. */
static void
inherit(struct element *top, const char *ns)
{
	struct element *element = top;

	while (element != NULL) {
		if (element->name != NULL && element->ns == NULL)
			element->ns = element == top ? ns : element->parent->ns;
		element = element_after(element, top);
	}
}

void
element_put(struct element *parent, struct element *child)
{
	must(child->parent == NULL && child->next == NULL && child != parent);
	if (child->ns == NULL && child->name != NULL && parent->ns != NULL)
		inherit(child, parent->ns);
	child->parent = parent;
	if (parent->last != NULL)
		parent->last->next = child;
	else
		parent->first = child;
	parent->last = child;
}

struct element *
element_add(struct arena *arena, struct element *parent, const char *ns, const char *name)
{
	struct element *child = element_new(arena, ns, name);

	element_put(parent, child);
	return child;
}

struct element *
element_add_text(struct arena *arena, struct element *parent, const char *ns, const char *name,
		 const char *text)
{
	struct element *child = element_add(arena, parent, ns, name);

	element_put_text(arena, child, text);
	return child;
}

void
element_put_text(struct arena *arena, struct element *element, const char *text)
{
	struct element *node;

	if (text == NULL || *text == '\0')
		return;
	node = element_new(arena, NULL, NULL);
	node->text_length = strlen(text);
	node->text = arena_copy_bytes(arena, text, node->text_length);
	element_put(element, node);
}

/* Where the attribute is linked, or where it would be: at the end. */
static struct attribute **
find_place(struct element *element, const char *ns, const char *name)
{
	struct attribute **place = &element->attributes;

	while (*place != NULL && !(strcmp((*place)->name, name) == 0 && is_same((*place)->ns, ns)))
		place = &(*place)->next;
	return place;
}

static void
set_attribute(struct arena *arena, struct element *element, const char *ns, const char *name,
	      const char *value)
{
	struct attribute **place = find_place(element, ns, name);

	if (value == NULL) {
		if (*place != NULL)
			*place = (*place)->next;
		return;
	}
	if (*place == NULL) {
		*place = NEW(arena, struct attribute);
		(*place)->ns = ns;
		(*place)->name = name;
	}
	(*place)->value = value;
}

void
element_set(struct arena *arena, struct element *element, const char *name, const char *value)
{
	set_attribute(arena, element, NULL, name, arena_copy(arena, value));
}

void
element_setf(struct arena *arena, struct element *element, const char *name, const char *format,
	     ...)
{
	char small[256], *value = small;
	va_list args;
	int length;

	va_start(args, format);
	length = vsnprintf(small, sizeof small, format, args);
	va_end(args);
	must(length >= 0);
	value = arena_bytes(arena, (size_t)length + 1);
	if ((size_t)length < sizeof small) {
		memcpy(value, small, (size_t)length + 1);
	} else {
		va_start(args, format);
		vsnprintf(value, (size_t)length + 1, format, args);
		va_end(args);
	}
	set_attribute(arena, element, NULL, name, value);
}

void
element_set_ns(struct arena *arena, struct element *element, const char *ns, const char *name,
	       const char *value)
{
	set_attribute(arena, element, ns, name, arena_copy(arena, value));
}

static const char *
copy_ns(struct arena *arena, const char *ns)
{
	const char *known = ns != NULL ? ns_known(ns, strlen(ns)) : NULL;

	return known != NULL ? known : arena_copy(arena, ns);
}

struct element *
element_copy_shell(struct arena *arena, const struct element *element)
{
	struct element *copy = NEW(arena, struct element);
	struct attribute **place = &copy->attributes;

	if (element->name == NULL) {
		copy->text_length = element->text_length;
		copy->text = arena_copy_bytes(arena, element->text, element->text_length);
		return copy;
	}
	copy->ns = copy_ns(arena, element->ns);
	copy->name = arena_copy(arena, element->name);
	for (const struct attribute *a = element->attributes; a != NULL; a = a->next) {
		struct attribute *attribute = NEW(arena, struct attribute);

		attribute->ns = copy_ns(arena, a->ns);
		attribute->name = arena_copy(arena, a->name);
		attribute->value = arena_copy(arena, a->value);
		*place = attribute;
		place = &attribute->next;
	}
	return copy;
}

struct element *
element_copy(struct arena *arena, const struct element *element)
{
	struct element *copy = element_copy_shell(arena, element), *at = copy;
	const struct element *original = element;

	/* `at` is the copy of `original` all the way. */
	for (;;) {
		if (original->first != NULL) {
			original = original->first;
		} else {
			while (original != element && original->next == NULL) {
				original = original->parent;
				at = at->parent;
			}
			if (original == element)
				return copy;
			original = original->next;
			at = at->parent;
		}
		struct element *child = element_copy_shell(arena, original);
		element_put(at, child);
		at = child;
	}
}

void
element_remove(struct element *element)
{
	struct element *parent = element->parent, *before = NULL;

	if (parent == NULL)
		return;
	for (struct element *child = parent->first; child != element; child = child->next)
		before = child;
	if (before != NULL)
		before->next = element->next;
	else
		parent->first = element->next;
	if (parent->last == element)
		parent->last = before;
	element->parent = element->next = NULL;
}

/* --- asking --- */

bool
element_is(const struct element *element, const char *ns, const char *name)
{
	return element != NULL && element->name != NULL && strcmp(element->name, name) == 0 &&
	       is_same(element->ns, ns);
}

const char *
element_get_ns(const struct element *element, const char *ns, const char *name)
{
	for (const struct attribute *a = element->attributes; a != NULL; a = a->next)
		if (strcmp(a->name, name) == 0 && is_same(a->ns, ns))
			return a->value;
	return NULL;
}

const char *
element_get(const struct element *element, const char *name)
{
	for (const struct attribute *a = element->attributes; a != NULL; a = a->next)
		if (a->ns == NULL && strcmp(a->name, name) == 0)
			return a->value;
	return NULL;
}

bool
element_get_int(const struct element *element, const char *name, int64_t *value)
{
	const char *text = element_get(element, name);
	bool is_negative;
	int64_t number = 0;

	if (text == NULL)
		return false;
	is_negative = *text == '-';
	if (*text == '-' || *text == '+')
		text++;
	if (*text == '\0')
		return false;
	for (; *text != '\0'; text++) {
		int digit = *text - '0';

		if (digit < 0 || digit > 9)
			return false;
		/* Downwards, where there is room for one more. */
		if (__builtin_mul_overflow(number, 10, &number) ||
		    __builtin_sub_overflow(number, digit, &number))
			return false;
	}
	if (!is_negative && number == INT64_MIN)
		return false;
	*value = is_negative ? number : -number;
	return true;
}

bool
element_get_bool(const struct element *element, const char *name)
{
	const char *text = element_get(element, name);

	return text != NULL && (strcmp(text, "true") == 0 || strcmp(text, "1") == 0);
}

static struct element *
first_with_name(struct element *element)
{
	while (element != NULL && element->name == NULL)
		element = element->next;
	return element;
}

struct element *
element_first(const struct element *element)
{
	return first_with_name(element->first);
}

struct element *
element_next(const struct element *child)
{
	return first_with_name(child->next);
}

struct element *
element_only_child(const struct element *element)
{
	struct element *child = element_first(element);

	return child != NULL && element_next(child) == NULL ? child : NULL;
}

struct element *
element_child(const struct element *element, const char *ns, const char *name)
{
	const char *in = ns != NULL ? ns : element->ns;

	ELEMENT_EACH (element, child) {
		if (is_same(child->ns, in) && (name == NULL || strcmp(child->name, name) == 0))
			return child;
	}
	return NULL;
}

const char *
element_text(struct arena *arena, const struct element *element)
{
	const struct element *only = NULL;
	size_t length = 0, pieces = 0;
	char *text, *at;

	for (const struct element *node = element->first; node != NULL; node = node->next) {
		if (node->name == NULL) {
			only = node;
			length += node->text_length;
			pieces++;
		}
	}
	if (pieces == 0)
		return "";
	if (pieces == 1)
		return only->text;

	text = at = arena_bytes(arena, length + 1);
	for (const struct element *node = element->first; node != NULL; node = node->next) {
		if (node->name == NULL) {
			memcpy(at, node->text, node->text_length);
			at += node->text_length;
		}
	}
	*at = '\0';
	return text;
}

const char *
element_child_text(struct arena *arena, const struct element *element, const char *ns,
		   const char *name)
{
	const struct element *child = element_child(element, ns, name);

	return child != NULL ? element_text(arena, child) : NULL;
}

/* --- copies in one block --- */

struct block { /* structs from the front, characters from behind them */
	char *structs, *characters;
};

static size_t
text_size(const char *text)
{
	return text != NULL ? strlen(text) + 1 : 0;
}

static size_t
ns_size(const char *ns)
{
	return ns != NULL && ns_known(ns, strlen(ns)) == NULL ? strlen(ns) + 1 : 0;
}

static const char *
block_text(struct block *block, const char *text)
{
	size_t size = text_size(text);
	char *copy = block->characters;

	if (text == NULL)
		return NULL;
	block->characters += size;
	return memcpy(copy, text, size);
}

static const char *
block_ns(struct block *block, const char *ns)
{
	const char *known = ns != NULL ? ns_known(ns, strlen(ns)) : NULL;

	return known != NULL ? known : block_text(block, ns);
}

static struct element *
block_shell(struct block *block, const struct element *from)
{
	struct element *copy = (struct element *)block->structs;
	struct attribute **last = &copy->attributes;

	block->structs += sizeof *copy;
	if (from->name == NULL) {
		copy->text = memcpy(block->characters, from->text, from->text_length);
		copy->text_length = from->text_length;
		block->characters += from->text_length + 1;
		return copy;
	}
	copy->ns = block_ns(block, from->ns);
	copy->name = block_text(block, from->name);
	for (const struct attribute *a = from->attributes; a != NULL; a = a->next) {
		*last = (struct attribute *)block->structs;
		block->structs += sizeof **last;
		(*last)->ns = block_ns(block, a->ns);
		(*last)->name = block_text(block, a->name);
		(*last)->value = block_text(block, a->value);
		last = &(*last)->next;
	}
	return copy;
}

size_t
element_own_size(const struct element *element)
{
	size_t size = 0;

	for (const struct element *e = element; e != NULL; e = element_after(e, element)) {
		size += sizeof *e + ns_size(e->ns) + text_size(e->name);
		if (e->name == NULL)
			size += e->text_length + 1;
		for (const struct attribute *a = e->attributes; a != NULL; a = a->next)
			size += sizeof *a + ns_size(a->ns) + text_size(a->name) +
				text_size(a->value);
	}
	return size;
}

static size_t
structs_size(const struct element *element)
{
	size_t size = 0;

	for (const struct element *e = element; e != NULL; e = element_after(e, element)) {
		size += sizeof *e;
		for (const struct attribute *a = e->attributes; a != NULL; a = a->next)
			size += sizeof *a;
	}
	return size;
}

struct element *
element_own(const struct element *element)
{
	struct block block;
	struct element *top, *at;

	block.structs = zalloc(element_own_size(element));
	block.characters = block.structs + structs_size(element);
	top = at = block_shell(&block, element);
	/* `at` is the copy of the element that `e`'s place in the tree is seen from. */
	for (const struct element *e = element, *next; (next = element_after(e, element)) != NULL;
	     e = next) {
		const struct element *from = e;

		for (; from != next->parent; from = from->parent)
			at = at->parent;
		element_put(at, block_shell(&block, next));
		at = at->last;
	}
	return top;
}
