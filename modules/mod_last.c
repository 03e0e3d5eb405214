/* SPDX-License-Identifier: MIT */
/*
 * mod_last -- XEP-0012: how long has somebody been away?
 *
 * When the last session of an account leaves, the hour and its parting words are kept.  A
 * contact who may see the account's presence may ask for them; everybody else is told
 * "forbidden", whether they ask the account or one of its clients.  The domain itself tells
 * how long it has been up.
 */
#include <string.h>

#include "module.h"

struct last {
	int64_t started; /* seconds since 1970 */
};

struct words { /* a session's corner: what it said as it went */
	char *said;
};

static enum outcome on_query(void *self, struct iq *iq);
static void parting_loaded(void *held, enum stored result, const struct rows *rows);

static const struct statement parting_get = {
	.name = "last.get",
	.in = "t",
	.out = "it",
	.sqlite = "SELECT at, words FROM last WHERE owner = ?",
	.hot = true,
};
static const struct statement parting_put = {
	.name = "last.put",
	.in = "tit",
	.sqlite = "REPLACE INTO last (owner, at, words) VALUES (?, ?, ?)",
};
static const struct statement parting_erase = {
	.name = "last.erase",
	.in = "t",
	.sqlite = "DELETE FROM last WHERE owner = ?",
	.hot = true,
};

static const struct statement parting_bring = {
	.name = "last.bring",
	.in = "itt",
	.sqlite = "REPLACE INTO last (at, words, owner) VALUES (?, ?, ?)",
};

static struct element *
answer(struct iq *iq, int64_t seconds, const char *words)
{
	struct element *query = element_new(iq->arena, NS_LAST, "query");

	element_setf(iq->arena, query, "seconds", "%lld", (long long)(seconds > 0 ? seconds : 0));
	if (words != NULL)
		element_put_text(iq->arena, query, words);
	return query;
}

static enum outcome
on_query(void *self, struct iq *iq)
{
	struct value owner = text_value(iq->account->jid->bare);

	(void)self;
	if (!account_shows_presence_to(iq->account, &iq->from))
		return iq_error(iq, FORBIDDEN, NULL);
	if (iq->account->session_count > 0) /* connected is enough (§3) */
		return iq_result(iq, answer(iq, 0, NULL));

	store_read(iq->domain->store, &parting_get, iq->account->jid->bare, &owner, parting_loaded,
		   iq_hold(iq));
	return LATER;
}

static void
parting_loaded(void *held, enum stored result, const struct rows *rows)
{
	struct iq *iq = held;

	if (result == STORE_FAILED)
		(void)iq_error(iq, INTERNAL_SERVER_ERROR, NULL);
	else if (rows->count == 0)
		(void)iq_error(iq, ITEM_NOT_FOUND, NULL);
	else
		(void)iq_result(iq, answer(iq, now_seconds() - ROW(rows, 0)[0].integer,
					   ROW(rows, 0)[1].bytes));
}

static enum outcome
on_uptime(void *self, struct iq *iq)
{
	const struct last *last = self;

	return iq_result(iq, answer(iq, now_seconds() - last->started, NULL));
}

/* §4: the question to a client of the account is not delivered to it either. */
static enum outcome
on_arriving(void *self, struct stanza *stanza)
{
	(void)self;
	if (stanza->type != TYPE_GET || stanza->to.resource == NULL ||
	    element_child(stanza->element, NS_LAST, "query") == NULL ||
	    account_shows_presence_to(stanza->account, &stanza->from))
		return PASS;
	return stanza_error(stanza, FORBIDDEN, NULL);
}

static void
on_unavailable(void *self, struct session *session, const struct element *presence)
{
	struct words *words = session_corner(session, self);
	struct arena *arena;
	const char *status;

	free(words->said);
	words->said = NULL;
	if (presence == NULL)
		return;
	arena = arena_new();
	status = element_child_text(arena, presence, NS_CLIENT, "status");
	words->said = copy_text(status);
	arena_drop(arena);
}

static void
on_left(void *self, struct session *session)
{
	const struct words *words = session_corner(session, self);
	struct account *account = session->account;

	if (session_is_last(session)) {
		struct batch *batch = batch_new(account->domain->store, account->jid->bare);

		batch_add(batch, &parting_put,
			  (struct value[]) { text_value(account->jid->bare),
					     INTEGER_VALUE(now_seconds()),
					     text_value(words->said) });
		/* Nobody waits: a lost parting must not keep anybody from leaving, and the
		 * store itself logs what it could not keep. */
		batch_commit(batch, NULL, NULL);
	}
}

static void
on_unloading(void *self, struct session *session)
{
	struct words *words = session_corner(session, self);

	free(words->said);
}

static bool
start(void *self, struct domain *domain, struct err *err)
{
	struct last *last = self;

	(void)domain;
	(void)err;
	last->started = now_seconds();
	return true;
}

static const struct iq_rule iqs[] = {
	{ IQ_GET, TO_ACCOUNT, NS_LAST, "query", on_query },
	{ IQ_GET, TO_DOMAIN, NS_LAST, "query", on_uptime },
	{ 0 },
};

static const struct hook hooks[] = {
	HOOK(iq_arriving, DELIVER, on_arriving),
	FACT(session_unavailable, on_unavailable),
	FACT(session_left, on_left),
	FACT(session_unloading, on_unloading),
	{ 0 },
};

static const struct keep keeps[] = {
	{ .what = "when the account was last online, and its last status",
	  .rows = &parting_get,
	  .erase = &parting_erase,
	  .put = &parting_bring },
	{ 0 },
};

MODULE = {
	.api = MODULE_API,
	.name = "last",
	.about = "Last Activity (XEP-0012)",
	.help = "Contacts who may see whether somebody is online may ask since when they "
		"are not.  The domain tells how long it has been up.",
	.features = NAMES(NS_LAST),
	.account_features = NAMES(NS_LAST),
	.statements = STATEMENTS(&parting_get, &parting_put, &parting_erase, &parting_bring),
	.migrates = true,
	.keeps = keeps,
	.iqs = iqs,
	.hooks = hooks,
	.size = sizeof(struct last),
	.session_size = sizeof(struct words),
	.start = start,
};
