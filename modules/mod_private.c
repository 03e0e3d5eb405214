/* SPDX-License-Identifier: MIT */
/*
 * mod_private -- XEP-0049: pieces of XML that a client keeps on the server.
 *
 * Each scrap is kept under its element's name and namespace and belongs to the account
 * alone.  A client that stores one hears the answer when it is kept:
 *
 *   on_set		is it small enough?  ask which scraps there are already
 *   keys_listed	there are not too many: write
 */
#include <string.h>

#include "module.h"
#include "xml/parser.h"

#define COLLECTION "private"

struct private
{
	int64_t scrap_max;
	int64_t scraps_max;
};

static const struct statement scrap_keys = {
	.name = "private.keys",
	.in = "t",
	.out = "t",
	.sqlite = "SELECT \"key\" FROM documents WHERE owner = ? AND collection = 'private'",
	.hot = true,
};
static const struct option options[] = {
	OPTION_SIZE(struct private, scrap_max, 65536, 1024, 1048576,
		    "how large one piece of private data may be"),
	OPTION_NUMBER(struct private, scraps_max, 200, 1, 10000,
		      "how many pieces of private data an account may have"),
	{ 0 },
};

/* Of all the collection, for who takes it along or leaves for good. */
static const struct statement scraps_list = {
	.name = "private.list",
	.in = "tt",
	.out = "tt",
	.sqlite = "SELECT \"key\", text FROM documents WHERE owner = ? AND collection = 'private'"
		  " AND \"key\" > ? ORDER BY \"key\" LIMIT ?",
	.hot = true,
};
static const struct statement scraps_bring = {
	.name = "private.bring",
	.in = "ttt",
	.sqlite = "REPLACE INTO documents (collection, \"key\", text, owner)"
		  " VALUES ('private', ?, ?, ?)",
};
static const struct statement scraps_erase = {
	.name = "private.erase",
	.in = "t",
	.sqlite = "DELETE FROM documents WHERE owner = ? AND collection = 'private'",
	.hot = true,
};

static const char *
scrap_key(struct arena *arena, const struct element *scrap)
{
	return arena_format(arena, "%s %s", scrap->name, scrap->ns);
}

static void
scrap_loaded(void *held, enum stored result, const struct rows *rows)
{
	struct iq *iq = held;
	struct element *query = element_new(iq->arena, NS_PRIVATE, "query");
	struct element *scrap = NULL;

	if (result == STORE_FAILED) {
		(void)iq_error(iq, INTERNAL_SERVER_ERROR, NULL);
		return;
	}
	/* XEP-0049: what was never stored comes back as it was asked for: empty. */
	if (rows->count > 0)
		scrap = element_parse(iq->arena, ROW(rows, 0)[1].bytes, ROW(rows, 0)[1].length,
				      NULL);
	if (scrap == NULL)
		scrap = element_copy(iq->arena, element_only_child(iq->query));
	element_put(query, scrap);
	(void)iq_result(iq, query);
}

static enum outcome
on_get(void *self, struct iq *iq)
{
	const struct element *scrap = element_only_child(iq->query);

	(void)self;
	if (scrap == NULL)
		return iq_error(iq, BAD_REQUEST, "exactly one element, please");
	store_get(iq->domain->store, iq->account->jid->bare, COLLECTION,
		  scrap_key(iq->arena, scrap), scrap_loaded, iq_hold(iq));
	return LATER;
}

struct storing {
	struct iq *iq; /* held */
	int64_t scraps_max;
};

static bool
is_among(const struct rows *rows, const char *key)
{
	for (size_t i = 0; i < rows->count; i++)
		if (strcmp(ROW(rows, i)[0].bytes, key) == 0)
			return true;
	return false;
}

static void
scraps_stored(void *held, enum stored result)
{
	struct iq *iq = held;

	if (result == STORE_OK)
		(void)iq_result(iq, NULL);
	else
		(void)iq_error(iq, INTERNAL_SERVER_ERROR, "it cannot be stored now");
}

static void
keys_listed(void *held, enum stored result, const struct rows *rows)
{
	const struct storing *storing = held;
	struct iq *iq = storing->iq;
	int64_t count = (int64_t)rows->count;
	struct batch *batch;

	if (result == STORE_FAILED) {
		(void)iq_error(iq, INTERNAL_SERVER_ERROR, NULL);
		return;
	}
	ELEMENT_EACH (iq->query, scrap)
		count += !is_among(rows, scrap_key(iq->arena, scrap));
	if (count > storing->scraps_max) {
		(void)iq_error(iq, NOT_ACCEPTABLE, "that is more than is kept here");
		return;
	}
	batch = batch_new(iq->domain->store, iq->account->jid->bare);
	ELEMENT_EACH (iq->query, scrap)
		batch_put(batch, COLLECTION, scrap_key(iq->arena, scrap),
			  xml_text(iq->arena, scrap, NULL));
	batch_commit(batch, scraps_stored, iq);
}

static enum outcome
on_set(void *self, struct iq *iq)
{
	const struct private *private = self;
	struct value owner = text_value(iq->account->jid->bare);
	struct storing *storing;

	if (element_first(iq->query) == NULL)
		return iq_error(iq, NOT_ACCEPTABLE, "nothing to keep");
	ELEMENT_EACH (iq->query, scrap) {
		if (strcmp(scrap->ns, NS_PRIVATE) == 0)
			return iq_error(iq, NOT_ACCEPTABLE, "it needs a namespace of its own");
		if ((int64_t)strlen(xml_text(iq->arena, scrap, NULL)) > private->scrap_max)
			return iq_error(iq, NOT_ACCEPTABLE, "that is more than is kept here");
	}
	storing = NEW(iq->arena, struct storing);
	storing->iq = iq_hold(iq);
	storing->scraps_max = private->scraps_max;
	store_read(iq->domain->store, &scrap_keys, iq->account->jid->bare, &owner, keys_listed,
		   storing);
	return LATER;
}

static const struct iq_rule iqs[] = {
	{ IQ_GET, TO_SELF, NS_PRIVATE, "query", on_get },
	{ IQ_SET, TO_SELF, NS_PRIVATE, "query", on_set },
	{ 0 },
};

static struct element *
scrap_show(struct arena *arena, const char *owner, const struct value *row)
{
	(void)owner;
	return element_parse(arena, row[1].bytes, row[1].length, NULL);
}

static bool
scrap_take(struct taking *taking, const struct element *scrap)
{
	if (text_is(scrap->ns, NS_PRIVATE))
		return false;
	taking_add(taking, &scraps_bring,
		   (struct value[]) { text_value(scrap_key(taking->arena, scrap)),
				      text_value(xml_text(taking->arena, scrap, NULL)) });
	return true;
}

static const struct form forms[] = {
	{ NS_PRIVATE, "query", true, scrap_show, scrap_take },
	{ 0 },
};

static const struct keep keeps[] = {
	{ .what = "what the account's clients keep on the server",
	  .rows = &scraps_list,
	  .erase = &scraps_erase,
	  .forms = forms },
	{ 0 },
};

MODULE = {
	.api = MODULE_API,
	.name = "private",
	.about = "Private XML Storage (XEP-0049)",
	.help = "Clients keep bookmarks and settings here; nobody but the account itself "
		"reads them.",
	.features = NAMES(NS_PRIVATE),
	.options = options,
	.statements = STATEMENTS(&scrap_keys, &scraps_list, &scraps_erase, &scraps_bring),
	.keeps = keeps,
	.iqs = iqs,
	.size = sizeof(struct private),
};
