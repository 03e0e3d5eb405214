/* SPDX-License-Identifier: MIT */
/*
 * Accounts in memory: loading, the arrival lane, leaving.
 *
 * Loading, in the order it happens:
 *
 *   account_get, account_arrive	somebody needs it: make it, ask the store
 *   row_read				the row and the roster are here: ask the modules
 *   loading_walk			each account_loading hook, which may wait
 *   account_settle			READY, or why not: tell who waits, drain the lane
 */
#include "core/account.h"

#include "base/clock.h"
#include "core/directory.h"
#include "core/internal.h"
#include "core/router.h"

#include <stdlib.h>
#include <string.h>

#define IDLE_MS  SECONDS(60) /* how long a cold account stays in memory */
#define AGAIN_MS SECONDS(1)  /* between tries while the store is down */
#define LANE_MAX 10000

static void row_read(void *ctx, enum stored result, const struct rows *rows);
static void loading_walk(struct account *account);
static void account_settle(struct account *account, enum account_state state);
static void drain(struct account *account);
static void rest(struct account *account);
static void loading_failed(struct account *account);
static void pause_sessions(struct account *account, bool paused);

static const struct statement account_load = {
	.name = "account.load",
	.in = "t",
	.out = "iiitittiiiiit",
	.sqlite = "SELECT a.disabled, a.reserved_until, r.version, r.contact, a.roster_version, "
		  "r.name,"
		  " r.groups, r.how, r.pending_out, r.pending_in, r.approved, r.listed, r.request"
		  " FROM accounts a LEFT JOIN roster r ON r.owner = a.owner WHERE a.owner = ?",
	.hot = true,
};

const struct statement *const account_statements[] = { &account_load, NULL };

static void
describe(const struct log_scope *scope, char *out, size_t room)
{
	const struct account *account = CONTAINER(scope, struct account, log);
	size_t length = strlen(account->jid->local);

	if (length >= room)
		length = room - 1;
	memcpy(out, account->jid->local, length);
	out[length] = '\0';
}

static struct account *
account_new(struct domain *domain, const struct jid *who)
{
	struct account *account = zalloc(sizeof *account);
	struct jid bare = jid_bare(who);

	account->jid = jid_own(&bare);
	account->domain = domain;
	account->state = ACCOUNT_LOADING;
	account->log = (struct log_scope) { .parent = &domain->log, .describe = describe };
	list_init(&account->sessions);
	list_init(&account->lane);
	list_init(&account->wanting);
	table_put(&here()->accounts, &account->entry, account->jid->bare);
	here()->account_count++;
	return account;
}

void *
corner_find(const struct corner *corners, unsigned count, const void *self)
{
	for (unsigned i = 0; i < count; i++)
		if (corners[i].self == self)
			return corners[i].bytes;
	return NULL;
}

static void
corners_make(struct account *account)
{
	struct instance **instances = account->domain->instances;
	unsigned count = 0;

	for (struct instance **i = instances; *i != NULL; i++)
		count += (*i)->module->account_size > 0;
	account->stale = false;
	account->corner_count = count;
	account->corners = count > 0 ? zalloc(count * sizeof *account->corners) : NULL;
	for (struct instance **i = instances; *i != NULL; i++)
		if ((*i)->module->account_size > 0)
			account->corners[--count] =
				(struct corner) { (*i)->self, (*i)->module,
						  zalloc((*i)->module->account_size) };
}

/* What the modules of now own in the corners they have; a module that has been stopped while
 * the account was loading cannot be asked any more. */
static void
tell_unloading(struct account *account)
{
	struct domain *domain = account->domain;

	for (unsigned i = 0; i < domain->hook_counts[HOOK_account_unloading]; i++) {
		const struct hooked *hooked = &domain->hooks[HOOK_account_unloading][i];

		if (hooked->instance->module->account_size == 0 ||
		    corner_find(account->corners, account->corner_count, hooked->self) != NULL)
			hooked->fn.account_unloading(hooked->self, account);
	}
}

void
account_corners_free(struct account *account)
{
	if (account->corners == NULL)
		return;
	tell_unloading(account);
	for (unsigned i = 0; i < account->corner_count; i++)
		free(account->corners[i].bytes);
	free(account->corners);
	account->corners = NULL;
	account->corner_count = 0;
}

/* Out of the table, so that the next who asks loads it anew. */
static void
account_forget(struct account *account)
{
	if (account->forgotten)
		return;
	account->forgotten = true;
	table_remove(&here()->accounts, &account->entry);
	here()->account_count--;
}

static void
account_free(struct account *account)
{
	must(list_is_empty(&account->lane) && list_is_empty(&account->wanting));
	timer_stop(&account->idle);
	account_forget(account);
	account_corners_free(account);
	roster_free(&account->roster);
	free(account->jid);
	free(account);
}

/* Makes it and asks the store, which holds it until it answers. */
static struct account *
account_bring(struct domain *domain, const struct jid *who)
{
	struct account *account = account_new(domain, who);
	struct value owner = text_value(account->jid->bare);

	account_hold(account);
	store_read(domain->store, &account_load, account->jid->bare, &owner, row_read, account);
	return account;
}

/* Somebody is logged in, so this account cannot be given up: arrivals wait, its clients are
 * not read, and the store is asked until it answers. */
static void
read_again(void *arg)
{
	struct account *account = arg;
	struct value owner = text_value(account->jid->bare);

	store_read(account->domain->store, &account_load, account->jid->bare, &owner, row_read,
		   account);
}

static void
row_read(void *ctx, enum stored result, const struct rows *rows)
{
	struct account *account = ctx;

	if (result != STORE_OK) {
		loading_failed(account);
	} else if (rows->count == 0 || ROW(rows, 0)[1].integer != 0) {
		account_settle(account, ACCOUNT_ABSENT);
	} else if (ROW(rows, 0)[0].integer != 0) {
		account_settle(account, ACCOUNT_DISABLED);
	} else {
		roster_free(&account->roster);
		account->roster = roster_new();
		roster_read(account->roster, rows);
		account_corners_free(account);
		corners_make(account);
		account->hook = 0;
		loading_walk(account);
	}
}

static void
loading_failed(struct account *account)
{
	if (account->session_count > 0)
		timer_start(&account->again, AGAIN_MS, read_again, account);
	else
		account_settle(account, ACCOUNT_UNKNOWN);
}

static void
loading_walk(struct account *account)
{
	struct domain *domain = account->domain;

	while (account->hook < domain->hook_counts[HOOK_account_loading]) {
		struct hooked *hooked = &domain->hooks[HOOK_account_loading][account->hook++];

		switch (hooked->fn.account_loading(hooked->self, account)) {
		case PASS:
			break;
		case DONE:
			loading_failed(account);
			return;
		case LATER:
			return;
		}
	}
	account_settle(account, ACCOUNT_READY);
}

void
account_resume(struct account *account, enum outcome outcome)
{
	if (outcome == DONE) {
		loading_failed(account);
		return;
	}
	if (account->stale) { /* other modules than those that were asked */
		account_corners_free(account);
		corners_make(account);
		account->hook = 0;
	}
	loading_walk(account);
}

struct reading {
	void *self;
	struct account *account;
	void (*fn)(void *self, struct account *account, const struct rows *rows);
};

static void
rows_read(void *ctx, enum stored result, const struct rows *rows)
{
	struct reading *reading = ctx;
	struct account *account = reading->account;

	/* Of a module that may have been stopped meanwhile nothing is asked. */
	if (result == STORE_OK && !account->stale)
		reading->fn(reading->self, account, rows);
	free(reading);
	account_resume(account, result == STORE_OK ? PASS : DONE);
}

enum outcome
account_read(void *self, struct account *account, const struct statement *statement,
	     void (*fn)(void *self, struct account *account, const struct rows *rows))
{
	struct reading *reading = zalloc(sizeof *reading);
	struct value owner = text_value(account->jid->bare);

	*reading = (struct reading) { self, account, fn };
	store_read(account->domain->store, statement, account->jid->bare, &owner, rows_read,
		   reading);
	return LATER;
}

/* Ends loading; drops the store's hold. */
static void
account_settle(struct account *account, enum account_state state)
{
	struct list *place;

	if (account->forgotten) /* it has ended meanwhile */
		state = ACCOUNT_ABSENT;
	account->state = state;
	if (account->reloading)
		pause_sessions(account, false);
	account->reloading = false;
	if (state != ACCOUNT_READY && account->session_count > 0)
		account_end(account, STREAM_NOT_AUTHORIZED, "this account is not there any more");
	if (state != ACCOUNT_READY)
		account_forget(account); /* asked again, the store is asked again */
	while (account->state == state && (place = list_shift(&account->wanting)) != NULL) {
		struct account_want *want = LIST_ITEM(place, struct account_want, place);

		account_hold(account);
		want->fn(want->ctx, account);
	}
	drain(account);
	account_drop(account);
}

void
account_get(struct domain *domain, const struct jid *who, struct account_want *want,
	    account_ready_fn *fn, void *ctx)
{
	struct entry *entry = table_get(&here()->accounts, who->bare);
	struct account *account = TABLE_ITEM(entry, struct account, entry);

	must(directory_home(who) == shard_here());
	if (account == NULL)
		account = account_bring(domain, who);
	if (account->state == ACCOUNT_READY) {
		fn(ctx, account_hold(account));
		return;
	}
	want->fn = fn;
	want->ctx = ctx;
	list_append(&account->wanting, &want->place);
}

struct account *
account_find(const struct jid *who)
{
	struct entry *entry = table_get(&here()->accounts, who->bare);
	struct account *account = TABLE_ITEM(entry, struct account, entry);

	return account != NULL && account->state == ACCOUNT_READY ? account : NULL;
}

bool
account_is_in_memory(const struct jid *who)
{
	return table_get(&here()->accounts, who->bare) != NULL;
}

struct account *
account_hold(struct account *account)
{
	timer_stop(&account->idle);
	account->holds++;
	return account;
}

static void
idled(void *arg)
{
	account_free(arg);
}

/* Nobody needs it now: it stays a while, since who wrote once will write again. */
static void
rest(struct account *account)
{
	if (account->holds > 0 || account->session_count > 0 || account->draining ||
	    !list_is_empty(&account->lane))
		return;
	if (account->forgotten)
		account_free(account);
	else
		timer_start(&account->idle, IDLE_MS, idled, account);
}

void
account_drop(struct account *account)
{
	must(account->holds > 0);
	account->holds--;
	rest(account);
}

bool
account_is_online(const struct account *account)
{
	struct session *session;

	LIST_EACH (&account->sessions, session, struct session, place)
		if (session->available)
			return true;
	return false;
}

bool
account_shows_presence_to(const struct account *account, const struct jid *who)
{
	const struct contact *contact;

	if (jid_equal_bare(account->jid, who))
		return true;
	contact = roster_find(account->roster, who);
	return contact != NULL && subscription_is_from(contact->subscription);
}

void *
account_corner(const struct account *account, const void *self)
{
	return corner_find(account->corners, account->corner_count, self);
}

/* --- the lane --- */

/* RFC 6121 §8.5.1 for who does not exist; "cannot tell" for who is unknown now. */
static void
turn_away(struct account *account, struct stanza *stanza)
{
	stanza->account = NULL;
	if (stanza->kind == STANZA_PRESENCE)
		;
	else if (account->state == ACCOUNT_UNKNOWN)
		router_bounce(stanza, INTERNAL_SERVER_ERROR, NULL, "the account cannot be read now",
			      NULL);
	else
		router_bounce(stanza, SERVICE_UNAVAILABLE, NULL, NULL, NULL);
	stanza_drop(stanza);
}

static void
head(struct account *account, struct stanza *stanza)
{
	account->lane_holds++; /* until account_head_done */
	account_hold(account);
	stanza->account = account;
	passage_arrive(stanza);
}

static bool
is_answer(const struct stanza *stanza)
{
	return stanza->kind == STANZA_IQ &&
	       (stanza->type == TYPE_RESULT || stanza->type == TYPE_ERROR);
}

static void
drain(struct account *account)
{
	struct list *place;

	if (account->draining)
		return;
	account->draining = true;
	account_hold(account);
	while (account->state != ACCOUNT_LOADING && account->lane_holds == 0 &&
	       (place = list_shift(&account->lane)) != NULL) {
		struct stanza *stanza = LIST_ITEM(place, struct stanza, place);

		account->lane_count--;
		if (account->state == ACCOUNT_READY && (!account->erased || is_answer(stanza)))
			head(account, stanza);
		else
			turn_away(account, stanza);
	}
	account->draining = false;
	account_drop(account);
}

void
account_head_done(struct account *account)
{
	account_release_lane(account);
	account_drop(account);
}

void
account_hold_lane(struct account *account)
{
	account->lane_holds++;
}

void
account_release_lane(struct account *account)
{
	must(account->lane_holds > 0);
	if (--account->lane_holds == 0)
		drain(account);
}

void
account_arrive(struct domain *domain, struct stanza *stanza)
{
	struct entry *entry = table_get(&here()->accounts, stanza->to.bare);
	struct account *account = TABLE_ITEM(entry, struct account, entry);

	if (account == NULL) {
		/* Presence of others means nothing to who is not here (§8.5.2.2.2), and a
		 * contact list of cold accounts is not worth a hundred reads a login. */
		if (stanza->kind == STANZA_PRESENCE && domain->sleepers == 0 &&
		    (stanza->type == TYPE_AVAILABLE || stanza->type == TYPE_UNAVAILABLE ||
		     stanza->type == TYPE_ERROR ||
		     (stanza->type == TYPE_PROBE && domain_find(stanza->from.domain) != NULL))) {
			stanza_drop(stanza);
			return;
		}
		account = account_bring(domain, &stanza->to);
	}
	if (account->lane_count >= LANE_MAX) {
		router_bounce(stanza, RESOURCE_CONSTRAINT, NULL, "too much waits for this account",
			      NULL);
		stanza_drop(stanza);
		return;
	}
	list_append(&account->lane, &stanza->place);
	account->lane_count++;
	drain(account);
}

void
account_redeliver(struct account *account, struct list *stanzas)
{
	account_hold(account);
	while (!list_is_empty(stanzas)) {
		struct list *place = stanzas->prev;

		list_remove(place);
		list_prepend(&account->lane, place);
		account->lane_count++;
	}
	drain(account);
	account_drop(account);
}

void
account_reload(struct account *account)
{
	if (account->state != ACCOUNT_READY || account->forgotten)
		return;
	log_warn(&account->log, "what was changed could not be stored: reading the account anew");
	account_load_anew(account);
}

/* Clients are not read while what their stanzas meet is being loaded. */
static void
pause_sessions(struct account *account, bool paused)
{
	struct session *session;

	must(paused || account->pauses > 0);
	account->pauses += paused ? 1 : -1;
	LIST_EACH (&account->sessions, session, struct session, place)
		session_look(session);
}

void
account_freeze(struct account *account, bool frozen)
{
	pause_sessions(account, frozen);
	if (frozen)
		account_hold_lane(account);
	else
		account_release_lane(account);
}

void
account_load_anew(struct account *account)
{
	struct value owner = text_value(account->jid->bare);

	account->state = ACCOUNT_LOADING;
	account->reloading = true;
	pause_sessions(account, true);
	account_hold(account);
	store_read(account->domain->store, &account_load, account->jid->bare, &owner, row_read,
		   account);
}

void
account_end(struct account *account, enum stream_condition condition, const char *text)
{
	account_hold(account);
	account->ending = true;
	while (!list_is_empty(&account->sessions))
		session_end(LIST_ITEM(account->sessions.next, struct session, place), condition,
			    text);
	account_forget(account);
	if (account->state == ACCOUNT_READY) { /* what waits in the lane goes back */
		account->state = ACCOUNT_ABSENT;
		account_corners_free(account);
	}
	account_drop(account);
}

struct account *
account_next(struct account *before)
{
	struct entry *entry = table_next(&here()->accounts, before != NULL ? &before->entry : NULL);

	return TABLE_ITEM(entry, struct account, entry);
}

unsigned
account_count(void)
{
	return here()->account_count;
}
