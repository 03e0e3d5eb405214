/* SPDX-License-Identifier: MIT */
/*
 * Small documents: (owner, collection, key) -> text, in one table for all modules.
 */
#include "store/store.h"

#include "base/base.h"
#include "store/internal.h"

static const struct statement document_get = {
	.name = "document.get",
	.in = "ttt",
	.out = "tt",
	.sqlite = "SELECT \"key\", text FROM documents"
		  " WHERE owner = ? AND collection = ? AND \"key\" = ?",
	.hot = true,
};
static const struct statement document_list = {
	.name = "document.list",
	.in = "tt",
	.out = "tt",
	.sqlite = "SELECT \"key\", text FROM documents WHERE owner = ? AND collection = ?"
		  " ORDER BY \"key\"",
	.hot = true,
};
static const struct statement document_put = {
	.name = "document.put",
	.in = "tttt",
	.out = "",
	.sqlite = "REPLACE INTO documents (owner, collection, \"key\", text) VALUES (?, ?, ?, ?)",
};
static const struct statement document_unput = {
	.name = "document.unput",
	.in = "ttt",
	.out = "",
	.sqlite = "DELETE FROM documents WHERE owner = ? AND collection = ? AND \"key\" = ?",
	.hot = true,
};
static const struct statement document_unput_all = {
	.name = "document.unput_all",
	.in = "tt",
	.out = "",
	.sqlite = "DELETE FROM documents WHERE owner = ? AND collection = ?",
	.hot = true,
};

const struct statement *const document_statements[] = {
	&document_get, &document_list, &document_put, &document_unput, &document_unput_all, NULL,
};

void
store_get(struct store *store, const char *owner, const char *collection, const char *key,
	  store_read_fn *fn, void *ctx)
{
	struct value in[] = { text_value(owner), text_value(collection), text_value(key) };

	store_read(store, &document_get, owner, in, fn, ctx);
}

void
store_list(struct store *store, const char *owner, const char *collection, store_read_fn *fn,
	   void *ctx)
{
	struct value in[] = { text_value(owner), text_value(collection) };

	store_read(store, &document_list, owner, in, fn, ctx);
}

void
batch_put(struct batch *batch, const char *collection, const char *key, const char *text)
{
	struct value in[] = { text_value(batch_owner(batch)), text_value(collection),
			      text_value(key), text_value(text) };

	must(!in[0].null && text != NULL);
	batch_add(batch, &document_put, in);
}

void
batch_unput(struct batch *batch, const char *collection, const char *key)
{
	struct value in[] = { text_value(batch_owner(batch)), text_value(collection),
			      text_value(key) };

	must(!in[0].null);
	batch_add(batch, &document_unput, in);
}

void
batch_unput_all(struct batch *batch, const char *collection)
{
	struct value in[] = { text_value(batch_owner(batch)), text_value(collection) };

	must(!in[0].null);
	batch_add(batch, &document_unput_all, in);
}
