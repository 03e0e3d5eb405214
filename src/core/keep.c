/* SPDX-License-Identifier: MIT */
/* What is kept of a user, out of the store and back into it. */
#include "core/keep.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/codec.h"
#include "base/text.h"
#include "core/internal.h"
#include "core/loader.h"
#include "xml/writer.h"
#include "xmpp/ns.h"

#define PAGE_ROWS  100
#define PAGE_BYTES 32768 /* what is longer than this is a page */

/* --- all that is kept --- */

bool
kept_next(struct kept_kind *kept)
{
	const struct module *module = NULL;

	if (kept->keep == NULL) {
		*kept = (struct kept_kind) { "core", core_keeps };
		return true;
	}
	kept->keep++;
	if (kept->keep->what != NULL)
		return true;
	if (strcmp(kept->by, "core") != 0)
		module = loader_find(kept->by);
	while ((module = loader_next(module)) != NULL)
		if (module->keeps != NULL && module->keeps->what != NULL) {
			*kept = (struct kept_kind) { module->name, module->keeps };
			return true;
		}
	return false;
}

static const struct keep *
keep_of_rows(const char *name)
{
	struct kept_kind kept = { 0 };

	while (kept_next(&kept))
		if (kept.keep->rows != NULL && strcmp(kept.keep->rows->name, name) == 0)
			return kept.keep;
	return NULL;
}

void
kept_erase(struct batch *batch, const char *owner, enum kept_by by)
{
	struct value value = text_value(owner);
	struct kept_kind kept = { 0 };

	while (kept_next(&kept))
		if (kept.keep->erase != NULL &&
		    (strcmp(kept.by, "core") == 0) == (by == KEPT_BY_CORE))
			batch_add(batch, kept.keep->erase, &value);
}

/* --- reading --- */

/*
 * In the order it happens:
 *
 *   kept_read		where did the last page end?
 *   reading_go_on	ask for the next rows, of one kind of what is kept
 *   reading_rows_read	say them; is that a page, or all?
 *   reading_end
 */
struct reading {
	struct domain *domain;
	struct arena *arena;
	const char *owner;
	const struct keep **keeps; /* in the order of an export; NULL-terminated */
	struct value key;          /* of the last row of *keeps that was said; null: none was */
	struct text xml;
	unsigned rows;
	struct err err;
	struct post post;
	kept_page_fn *fn;
	void *ctx;
};

static void reading_go_on(struct reading *reading);
static void reading_rows_read(void *ctx, enum stored result, const struct rows *rows);
static void reading_end(void *arg);

static bool
is_first_in_a_user(const struct keep *keep) /* XEP-0227 §9: then anything */
{
	return keep->forms != NULL && strcmp(keep->forms->ns, NS_PIE) == 0;
}

static const struct keep **
in_order(struct arena *arena)
{
	struct kept_kind kept = { 0 };
	const struct keep **keeps;
	size_t count = 0, at = 0;

	while (kept_next(&kept))
		count++;
	keeps = arena_alloc(arena, (count + 1) * sizeof *keeps);
	for (int first = 1; first >= 0; first--) {
		kept = (struct kept_kind) { 0 };
		while (kept_next(&kept))
			if (kept.keep->rows != NULL &&
			    is_first_in_a_user(kept.keep) == (first != 0))
				keeps[at++] = kept.keep;
	}
	return keeps;
}

static bool
is_paged(const struct keep *keep)
{
	return keep->rows->in[1] != '\0';
}

/* "offline.list i1700000000000000": the rows, and the key of the last one said. */
static const char *
place_write(const struct reading *reading)
{
	const struct keep *keep = *reading->keeps;

	if (keep == NULL)
		return NULL;
	if (reading->key.null)
		return keep->rows->name;
	if (reading->key.type == STORE_INTEGER)
		return arena_format(reading->arena, "%s i%" PRId64, keep->rows->name,
				    reading->key.integer);
	return arena_format(reading->arena, "%s t%s", keep->rows->name, reading->key.bytes);
}

static bool
place_read(struct reading *reading, const char *place)
{
	size_t length = strcspn(place, " ");
	const char *name = arena_copy_bytes(reading->arena, place, length);

	while (*reading->keeps != NULL && strcmp((*reading->keeps)->rows->name, name) != 0)
		reading->keeps++;
	if (*reading->keeps == NULL || (place[length] != '\0' && !is_paged(*reading->keeps)))
		return false;
	if (place[length] == '\0')
		return true;
	place += length + 1;
	if (*place != (*reading->keeps)->rows->in[1])
		return false;
	if (*place == 'i')
		reading->key = INTEGER_VALUE(strtoll(place + 1, NULL, 10));
	else
		reading->key = text_value(arena_copy(reading->arena, place + 1));
	return true;
}

void
kept_read(struct domain *domain, const char *owner, const char *after, kept_page_fn *fn, void *ctx)
{
	struct arena *arena = arena_new();
	struct reading *reading = NEW(arena, struct reading);

	reading->domain = domain;
	reading->arena = arena;
	reading->owner = arena_copy(arena, owner);
	reading->keeps = in_order(arena);
	reading->key.null = true;
	reading->fn = fn;
	reading->ctx = ctx;
	if (after == NULL || place_read(reading, after)) {
		reading_go_on(reading);
		return;
	}
	err_fail(&reading->err, ERR_SYNTAX, "\"%s\" is no place in an export", after);
	shard_post(shard_here(), &reading->post, reading_end, reading);
}

static void
reading_go_on(struct reading *reading)
{
	const struct keep *keep = *reading->keeps;
	struct value in[2] = { text_value(reading->owner) };

	if (keep == NULL || reading->xml.length >= PAGE_BYTES) {
		reading_end(reading);
		return;
	}
	if (!is_paged(keep)) {
		store_read(reading->domain->store, keep->rows, reading->owner, in,
			   reading_rows_read, reading);
		return;
	}
	in[1] = !reading->key.null         ? reading->key
		: keep->rows->in[1] == 'i' ? INTEGER_VALUE(INT64_MIN)
					   : text_value("");
	store_page(reading->domain->store, keep->rows, reading->owner, in, PAGE_ROWS,
		   reading_rows_read, reading);
}

static bool
is_xml_text(const struct value *value)
{
	if (!text_is_utf8(value->bytes, value->length))
		return false;
	for (size_t i = 0; i < value->length; i++)
		if ((unsigned char)value->bytes[i] < 0x20 &&
		    strchr("\t\n\r", value->bytes[i]) == NULL)
			return false;
	return memmem(value->bytes, value->length, "\xef\xbf\xbe", 3) == NULL &&
	       memmem(value->bytes, value->length, "\xef\xbf\xbf", 3) == NULL &&
	       memchr(value->bytes, '\0', value->length) == NULL;
}

static void
value_show(struct arena *arena, struct element *row, const struct value *value)
{
	struct element *v = element_add(arena, row, NULL, "v");
	char *packed;

	if (value->null) {
		element_set(arena, v, "is", "null");
	} else if (value->type == STORE_INTEGER) {
		element_put_text(arena, v, arena_format(arena, "%" PRId64, value->integer));
	} else if (value->type == STORE_TEXT && is_xml_text(value)) {
		element_put_text(arena, v, value->bytes);
	} else {
		packed = arena_bytes(arena, BASE64_LENGTH(value->length) + 1);
		base64_encode(packed, value->bytes, value->length);
		element_set(arena, v, "is", "base64");
		element_put_text(arena, v, packed);
	}
}

static struct element *
row_show(struct arena *arena, const struct value *values, size_t columns)
{
	struct element *row = element_new(arena, NS_EXPORT, "row");

	for (size_t i = 0; i < columns; i++)
		value_show(arena, row, &values[i]);
	return row;
}

static void
container_open(struct text *xml, const struct keep *keep)
{
	if (keep->forms == NULL)
		text_addf(xml, "<rows xmlns='" NS_EXPORT "' of='%s'>", keep->rows->name);
	else if (strcmp(keep->forms->ns, NS_PIE) == 0)
		text_addf(xml, "<%s>", keep->forms->name);
	else
		text_addf(xml, "<%s xmlns='%s'>", keep->forms->name, keep->forms->ns);
}

static void
rows_show(struct reading *reading, const struct keep *keep, const struct rows *rows)
{
	const struct form *form = keep->forms;
	bool wraps = form == NULL || form->wraps, goes_on = !reading->key.null;
	const char *around = !wraps ? NS_PIE : form == NULL ? NS_EXPORT : form->ns;

	if (wraps && !goes_on && rows->count > 0)
		container_open(&reading->xml, keep);
	for (size_t i = 0; i < rows->count; i++) {
		struct arena *arena = arena_new();
		struct element *element = form == NULL
						  ? row_show(arena, ROW(rows, i), rows->columns)
						  : form->show(arena, reading->owner, ROW(rows, i));

		if (element != NULL) {
			xml_write(&reading->xml, element, around);
			text_add_char(&reading->xml, '\n');
			reading->rows++;
		}
		arena_drop(arena);
	}
	if (wraps && !rows->more && (goes_on || rows->count > 0))
		text_addf(&reading->xml, "</%s>\n", form == NULL ? "rows" : form->name);
}

static void
reading_rows_read(void *ctx, enum stored result, const struct rows *rows)
{
	struct reading *reading = ctx;
	const struct keep *keep = *reading->keeps;

	if (result != STORE_OK) {
		err_fail(&reading->err, ERR_DOWN, "the store cannot tell now");
		reading_end(reading);
		return;
	}
	rows_show(reading, keep, rows);
	if (rows->more) {
		const struct value *last = &ROW(rows, rows->count - 1)[0];

		reading->key = last->type == STORE_INTEGER
				       ? INTEGER_VALUE(last->integer)
				       : text_value(arena_copy(reading->arena, last->bytes));
	} else {
		reading->keeps++;
		reading->key.null = true;
	}
	if (rows->more && is_paged(keep))
		reading_end(reading);
	else
		reading_go_on(reading);
}

static void
reading_end(void *arg)
{
	struct reading *reading = arg;
	struct kept_page page = { &reading->xml, NULL, reading->rows };

	if (reading->err.kind == ERR_NONE) {
		page.next = place_write(reading);
		reading->fn(reading->ctx, &page, NULL);
	} else {
		reading->fn(reading->ctx, NULL, &reading->err);
	}
	text_clear(&reading->xml);
	arena_drop(reading->arena);
}

/* --- taking --- */

struct import {
	struct taking taking;
	struct text ignored;
	kept_taken_fn *fn;
	void *ctx;
};

void
taking_add(struct taking *taking, const struct statement *put, const struct value *in)
{
	size_t count = strlen(put->in);
	struct value *all = arena_alloc(taking->arena, count * sizeof *all);

	if (count > 1)
		memcpy(all, in, (count - 1) * sizeof *all);
	all[count - 1] = text_value(taking->owner);
	batch_add(taking->batch, put, all);
	taking->rows++;
}

static bool
value_take(struct arena *arena, struct value *value, enum store_type type, const struct element *v)
{
	const char *text = element_text(arena, v), *is = element_get(v, "is");
	size_t length = strlen(text), room = length + 1;
	char *bytes, *end;

	*value = (struct value) { .type = type, .null = text_is(is, "null") };
	if (value->null)
		return true;
	if (type == STORE_INTEGER) {
		value->integer = strtoll(text, &end, 10);
		return *text != '\0' && *end == '\0';
	}
	value->bytes = text;
	value->length = length;
	if (is == NULL)
		return type == STORE_TEXT;
	bytes = arena_bytes(arena, room);
	value->bytes = bytes;
	if (strcmp(is, "base64") != 0 ||
	    !base64_decode(bytes, room - 1, &value->length, text, length))
		return false;
	bytes[value->length] = '\0';
	return true;
}

static bool
row_take(struct taking *taking, const struct keep *keep, const struct element *row)
{
	const char *types = keep->rows->out;
	size_t columns = strlen(types), count = 0;
	struct value *values = arena_alloc(taking->arena, columns * sizeof *values);

	if (!element_is(row, NS_EXPORT, "row"))
		return false;
	ELEMENT_EACH (row, v)
		if (count == columns ||
		    !value_take(taking->arena, &values[count], (enum store_type)types[count], v))
			return false;
		else
			count++;
	if (count != columns)
		return false;
	taking_add(taking, keep->put, values);
	return true;
}

static void
ignore(struct import *import, const struct element *element, const char *why)
{
	text_addf(&import->ignored, "<%s xmlns='%s'/>: %s\n", element->name,
		  element->ns != NULL ? element->ns : "", why);
}

static void
take_rows(struct import *import, const struct element *element)
{
	const char *of = element_get(element, "of");
	const struct keep *keep = of != NULL ? keep_of_rows(of) : NULL;

	if (keep == NULL || keep->put == NULL) {
		text_addf(&import->ignored, "rows of \"%s\": nothing here keeps them\n",
			  of != NULL ? of : "");
		return;
	}
	ELEMENT_EACH (element, row)
		if (!row_take(&import->taking, keep, row))
			ignore(import, row, "not as such rows are here");
}

static bool
is_form(const struct form *form, const struct element *element)
{
	return form->take != NULL && strcmp(form->name, element->name) == 0 &&
	       (text_is(element->ns, form->ns) ||
		(strcmp(form->ns, NS_PIE) == 0 && text_is(element->ns, NS_PIE_OLD)));
}

static const struct form *
form_of(const struct element *element)
{
	struct kept_kind kept = { 0 };

	while (kept_next(&kept))
		for (const struct form *form = kept.keep->forms; form != NULL && form->ns != NULL;
		     form++)
			if (is_form(form, element))
				return form;
	return NULL;
}

static void
take_one(struct import *import, const struct form *form, const struct element *element)
{
	if (!form->take(&import->taking, element))
		ignore(import, element, "not understood");
}

static void
take_child(struct import *import, const struct element *element)
{
	const struct form *form = form_of(element);

	if (element_is(element, NS_EXPORT, "rows")) {
		take_rows(import, element);
	} else if (form == NULL) {
		ignore(import, element, "nothing here keeps it");
	} else if (form->wraps) {
		ELEMENT_EACH (element, one)
			take_one(import, form, one);
	} else {
		take_one(import, form, element);
	}
}

static void
taken(void *ctx, enum stored result)
{
	struct import *import = ctx;
	struct arena *arena = import->taking.arena;

	import->fn(import->ctx, result, import->taking.rows,
		   import->ignored.bytes != NULL ? import->ignored.bytes : "");
	text_clear(&import->ignored);
	arena_drop(arena);
}

void
kept_take(struct domain *domain, const char *owner, const struct element *user, bool keys,
	  kept_taken_fn *fn, void *ctx)
{
	struct arena *arena = arena_new();
	struct import *import = NEW(arena, struct import);

	import->taking = (struct taking) {
		.arena = arena,
		.owner = arena_copy(arena, owner),
		.domain = domain,
		.batch = batch_new(domain->store, owner),
		.keys = keys,
	};
	import->fn = fn;
	import->ctx = ctx;
	if (keys && !keys_take_attributes(&import->taking, user))
		ignore(import, user, "its keys are not understood, so nobody can log in");
	ELEMENT_EACH (user, child)
		take_child(import, child);
	batch_commit(import->taking.batch, taken, import);
}
