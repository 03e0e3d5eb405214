/* SPDX-License-Identifier: MIT */
/*
 * account page, account take: what `account export` and `account import` of the tool ask for, a
 * piece at a time.  Taking, in the order it happens:
 *
 *   run_take		read the piece
 *   take_begun		the first of a user: the account is made, and shut
 *   take_write		what it says is written
 *   take_written	the last of a user: the account is opened
 *   take_ended
 */
#include "main/commands_kept.h"

#include "base/arena.h"
#include "core/credentials.h"
#include "core/domain.h"
#include "core/keep.h"
#include "main/commands.h"
#include "main/server.h"
#include "xml/parser.h"
#include "xmpp/ns.h"

#include <stdlib.h>
#include <string.h>

/* --- page --- */

struct asked {
	struct call *call;
	struct arena *arena;
	const struct jid *who;
	struct domain *domain;
};

static void
asked_fail(struct asked *asked, enum err_kind kind, const char *text)
{
	call_fail(asked->call, kind, "%s", text);
	arena_drop(asked->arena);
}

static void
page_read(void *ctx, const struct kept_page *page, const struct err *err)
{
	struct asked *asked = ctx;
	json_t *answer;

	if (page == NULL) {
		asked_fail(asked, err->kind, err->text);
		return;
	}
	answer = json_pack("{s:s, s:s, s:s%, s:I}", "host", asked->who->domain, "name",
			   asked->who->local, "xml", page->xml->bytes ? page->xml->bytes : "",
			   page->xml->length, "rows", (json_int_t)page->rows);
	if (page->next != NULL)
		json_object_set_new(answer, "after", json_string(page->next));
	call_result(asked->call, answer);
	arena_drop(asked->arena);
}

static void
page_account_read(void *ctx, enum stored result, const struct rows *rows)
{
	struct asked *asked = ctx;

	if (result != STORE_OK)
		asked_fail(asked, ERR_DOWN, "the store cannot tell now");
	else if (rows->count == 0 || ROW(rows, 0)[2].integer != 0)
		asked_fail(asked, ERR_ABSENT, "there is no such account");
	else
		kept_read(asked->domain, asked->who->bare, call_text(asked->call, "after"),
			  page_read, asked);
}

static struct asked *
asked_new(struct call *call)
{
	struct arena *arena = arena_new();
	struct asked *asked = NEW(arena, struct asked);

	asked->call = call;
	asked->arena = arena;
	asked->who = command_jid(call, arena, "jid", &asked->domain);
	if (asked->who != NULL)
		return asked;
	arena_drop(arena);
	return NULL;
}

void
run_page(struct call *call)
{
	struct asked *asked = asked_new(call);
	struct value in;

	if (asked == NULL)
		return;
	in = text_value(asked->who->bare);
	store_read(server.store, &account_show_statement, asked->who->bare, &in, page_account_read,
		   asked);
}

/* --- take --- */

struct take {
	struct asked *asked;
	const struct element *user;
	bool made, keys;
	unsigned rows;
	json_t *ignored;
};

static void take_begun(void *ctx, const struct err *err);
static void take_write(struct take *take);
static void take_written(void *ctx, enum stored stored, unsigned rows, const char *ignored);
static void take_ended(void *ctx, const struct err *err);

static void
take_fail(struct take *take, enum err_kind kind, const char *text)
{
	json_decref(take->ignored);
	asked_fail(take->asked, kind, text);
}

void
run_take(struct call *call)
{
	struct asked *asked = asked_new(call);
	const char *data = call_text(call, "data");
	struct err err = { 0 };
	struct take *take;

	if (asked == NULL)
		return;
	take = NEW(asked->arena, struct take);
	take->asked = asked;
	take->made = take->keys = call_flag(call, "made");
	take->user = element_parse(asked->arena, data, strlen(data), &err);
	if (take->user == NULL)
		asked_fail(asked, ERR_SYNTAX, err.text);
	else if (call_flag(call, "first"))
		account_import(asked->domain, asked->who, kept_password(take->user), take_begun,
			       take);
	else
		take_write(take);
}

static void
take_begun(void *ctx, const struct err *err)
{
	struct take *take = ctx;

	if (err != NULL && (err->kind != ERR_EXISTS || !call_flag(take->asked->call, "merge"))) {
		take_fail(take, err->kind, err->text);
		return;
	}
	take->made = take->keys = err == NULL;
	take_write(take);
}

static void
take_write(struct take *take)
{
	kept_take(take->asked->domain, take->asked->who->bare, take->user, take->keys, take_written,
		  take);
}

static void
take_written(void *ctx, enum stored stored, unsigned rows, const char *ignored)
{
	struct take *take = ctx;
	struct asked *asked = take->asked;

	take->rows = rows;
	take->ignored = json_lines(ignored);
	if (stored != STORE_OK)
		take_fail(take, ERR_DOWN, "it cannot be stored now");
	else if (call_flag(asked->call, "last"))
		account_imported(asked->domain, asked->who, take->made,
				 !call_flag(asked->call, "disabled"), take_ended, take);
	else
		take_ended(take, NULL);
}

static void
take_ended(void *ctx, const struct err *err)
{
	struct take *take = ctx;
	struct asked *asked = take->asked;

	if (err != NULL) {
		take_fail(take, err->kind, err->text);
		return;
	}
	call_result(asked->call,
		    json_pack("{s:I, s:b, s:b, s:o}", "rows", (json_int_t)take->rows, "made",
			      take->made, "whole", call_flag(asked->call, "last"), "ignored",
			      take->ignored));
	arena_drop(asked->arena);
}
