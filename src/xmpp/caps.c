/* SPDX-License-Identifier: MIT */
/*
 * The verification string of XEP-0115 §5: identities, features and forms, each sorted by
 * bytes, joined by "<" and hashed.
 *
 * Lists come from strangers, so they are sorted as arrays in the arena, in n log n.
 */
#include "xmpp/caps.h"
#include "base/codec.h"
#include "base/text.h"
#include "xmpp/form.h"
#include "xmpp/ns.h"

#include <gnutls/crypto.h>

#include <stdlib.h>
#include <string.h>

static const struct {
	const char *name;
	gnutls_digest_algorithm_t digest;
	size_t size;
} hashes[] = {
	{ "sha-1", GNUTLS_DIG_SHA1, 20 },
	{ "sha-256", GNUTLS_DIG_SHA256, 32 },
	{ "sha-512", GNUTLS_DIG_SHA512, 64 },
};

/* A feature, a value, an identity, a field or a form, by what it is sorted by. */
struct item {
	const char *keys[4];
	const struct element *element;
};

struct items {
	struct item *items;
	size_t count;
};

static const char *
or_nothing(const char *text)
{
	return text != NULL ? text : "";
}

static int
compare_items(const void *left, const void *right)
{
	const struct item *a = left, *b = right;

	for (size_t i = 0; i < COUNT(a->keys); i++) {
		int order = strcmp(or_nothing(a->keys[i]), or_nothing(b->keys[i]));

		if (order != 0)
			return order;
	}
	return 0;
}

static void
sort(struct items *items)
{
	if (items->count > 1)
		qsort(items->items, items->count, sizeof *items->items, compare_items);
}

static bool
has_twins(const struct items *items)
{
	for (size_t i = 1; i < items->count; i++)
		if (compare_items(&items->items[i - 1], &items->items[i]) == 0)
			return true;
	return false;
}

/* Room for one item for each child of `parent` in its namespace or `ns` called `name`. */
static struct items
room_for(struct arena *arena, const struct element *parent, const char *ns, const char *name)
{
	struct items items = { NULL, 0 };
	size_t count = 0;

	ELEMENT_EACH (parent, child)
		if (element_is(child, ns != NULL ? ns : parent->ns, name))
			count++;
	items.items = arena_alloc(arena, (count + 1) * sizeof *items.items);
	return items;
}

/* Appends a factor.  §5.1: what was "&lt;" stays so, or a name could pretend to be two. */
static void
add(struct text *text, const char *factor)
{
	for (; *factor != '\0'; factor++) {
		size_t plain = strcspn(factor, "<");

		text_add_bytes(text, factor, plain);
		factor += plain;
		if (*factor == '\0')
			break;
		text_add(text, "&lt;");
	}
}

static void
add_and_close(struct text *text, const char *factor)
{
	add(text, factor);
	text_add_char(text, '<');
}

/* --- the parts --- */

static bool
add_identities(struct text *text, struct arena *arena, const struct element *info, struct err *err)
{
	struct items identities = room_for(arena, info, NULL, "identity");

	ELEMENT_EACH (info, child)
		if (element_is(child, info->ns, "identity"))
			identities.items[identities.count++] =
				(struct item) { { element_get(child, "category"),
						  element_get(child, "type"),
						  element_get_ns(child, NS_XML, "lang"),
						  element_get(child, "name") },
						child };
	sort(&identities);
	if (has_twins(&identities))
		return err_fail(err, ERR_SYNTAX, "an identity is there twice");
	for (size_t i = 0; i < identities.count; i++) {
		const struct item *identity = &identities.items[i];

		for (size_t key = 0; key < COUNT(identity->keys); key++) {
			if (key > 0)
				text_add_char(text, '/');
			add(text, or_nothing(identity->keys[key]));
		}
		text_add_char(text, '<');
	}
	return true;
}

static bool
add_features(struct text *text, struct arena *arena, const struct element *info, struct err *err)
{
	struct items features = room_for(arena, info, NULL, "feature");

	ELEMENT_EACH (info, child)
		if (element_is(child, info->ns, "feature"))
			features.items[features.count++] =
				(struct item) { { element_get(child, "var") }, child };
	sort(&features);
	if (has_twins(&features))
		return err_fail(err, ERR_SYNTAX, "a feature is there twice");
	for (size_t i = 0; i < features.count; i++)
		add_and_close(text, or_nothing(features.items[i].keys[0]));
	return true;
}

static void
add_values(struct text *text, struct arena *arena, const struct element *field)
{
	struct items values = room_for(arena, field, NULL, "value");

	ELEMENT_EACH (field, child)
		if (element_is(child, field->ns, "value"))
			values.items[values.count++] =
				(struct item) { { element_text(arena, child) }, child };
	sort(&values);
	for (size_t i = 0; i < values.count; i++)
		add_and_close(text, values.items[i].keys[0]);
}

static void
add_fields(struct text *text, struct arena *arena, const struct element *form)
{
	struct items fields = room_for(arena, form, NULL, "field");

	ELEMENT_EACH (form, child)
		if (element_is(child, form->ns, "field") &&
		    !text_is(element_get(child, "var"), "FORM_TYPE"))
			fields.items[fields.count++] =
				(struct item) { { element_get(child, "var") }, child };
	sort(&fields);
	for (size_t i = 0; i < fields.count; i++) {
		add_and_close(text, or_nothing(fields.items[i].keys[0]));
		add_values(text, arena, fields.items[i].element);
	}
}

/* The FORM_TYPE of a form that counts: hidden.  NULL: pass over the form. */
static const char *
hidden_type(struct arena *arena, const struct element *form)
{
	const struct element *field = form_field(form, "FORM_TYPE");

	if (field == NULL || !text_is(element_get(field, "type"), "hidden"))
		return NULL;
	return element_child_text(arena, field, NULL, "value");
}

static bool
says_two_types(struct arena *arena, const struct element *form, const char *type)
{
	ELEMENT_EACH (form_field(form, "FORM_TYPE"), child)
		if (element_is(child, form->ns, "value") &&
		    strcmp(element_text(arena, child), type) != 0)
			return true;
	return false;
}

static bool
add_forms(struct text *text, struct arena *arena, const struct element *info, struct err *err)
{
	struct items forms = room_for(arena, info, NS_DATA, "x");

	ELEMENT_EACH (info, child) {
		const char *type;

		if (!element_is(child, NS_DATA, "x"))
			continue;
		type = hidden_type(arena, child);
		if (type == NULL)
			continue;
		if (says_two_types(arena, child, type))
			return err_fail(err, ERR_SYNTAX, "a form has two FORM_TYPEs");
		forms.items[forms.count++] = (struct item) { { type }, child };
	}
	sort(&forms);
	if (has_twins(&forms))
		return err_fail(err, ERR_SYNTAX, "a FORM_TYPE is there twice");
	for (size_t i = 0; i < forms.count; i++) {
		add_and_close(text, forms.items[i].keys[0]);
		add_fields(text, arena, forms.items[i].element);
	}
	return true;
}

/* --- the whole --- */

bool
caps_read(struct caps *caps, const struct element *presence)
{
	const struct element *c = element_child(presence, NS_CAPS, "c");
	struct caps found;

	if (c == NULL)
		return false;
	found.hash = element_get(c, "hash");
	found.node = element_get(c, "node");
	found.ver = element_get(c, "ver");
	if (found.hash == NULL || found.node == NULL || found.ver == NULL)
		return false;
	*caps = found;
	return true;
}

struct element *
caps_element(struct arena *arena, const char *node, const char *ver)
{
	struct element *c = element_new(arena, NS_CAPS, "c");

	element_set(arena, c, "hash", "sha-1");
	element_set(arena, c, "node", node);
	element_set(arena, c, "ver", ver);
	return c;
}

bool
caps_knows(const char *hash)
{
	for (size_t i = 0; i < COUNT(hashes); i++)
		if (strcmp(hashes[i].name, hash) == 0)
			return true;
	return false;
}

const char *
caps_ver(struct arena *arena, const struct element *info, const char *hash, struct err *err)
{
	struct text text = { 0 };
	uint8_t hashed[64];
	char *ver = NULL;
	size_t row = 0;

	while (row < COUNT(hashes) && strcmp(hashes[row].name, hash) != 0)
		row++;
	if (row == COUNT(hashes)) {
		err_fail(err, ERR_ABSENT, "the hash is not one we know");
		return NULL;
	}
	if (add_identities(&text, arena, info, err) && add_features(&text, arena, info, err) &&
	    add_forms(&text, arena, info, err)) {
		must(gnutls_hash_fast(hashes[row].digest, text.length > 0 ? text.bytes : "",
				      text.length, hashed) == 0);
		ver = arena_bytes(arena, BASE64_LENGTH(hashes[row].size) + 1);
		base64_encode(ver, hashed, hashes[row].size);
	}
	text_clear(&text);
	return ver;
}

bool
caps_verify(struct arena *arena, const struct caps *caps, const struct element *info,
	    struct err *err)
{
	const char *ver = caps_ver(arena, info, caps->hash, err);

	return ver != NULL &&
	       (strcmp(ver, caps->ver) == 0 ||
		err_fail(err, ERR_REFUSED, "what is there is not what was promised"));
}
