/* SPDX-License-Identifier: MIT */
/*
 * A stanza's way through the hooks.
 *
 * Leaving: each handler of KIND_leaving by stage; then presence.c or the router.
 *
 * Arriving, at the head of its account's lane: the handlers of KIND_arriving of GUARD and
 * STAMP; then the plan is made from the table; then ARCHIVE and COPY; then plan_made; then,
 * if nobody can take it, FALLBACK; then the plan is carried out.
 *
 * A handler that answers LATER stops the walk where it is; stanza_resume goes on behind
 * it.  Meanwhile a leaving stanza keeps its client's stream from being read, an arriving
 * one its account's lane.
 */
#include "core/internal.h"
#include "core/router.h"
#include "xmpp/ns.h"
#include "xml/writer.h"

static void leaving_walk(struct stanza *stanza);
static void arriving_walk(struct stanza *stanza);
static void out_walk(struct stanza *stanza);

static enum hook_name
leaving_hook(enum stanza_kind kind)
{
	return kind == STANZA_MESSAGE    ? HOOK_message_leaving
	       : kind == STANZA_PRESENCE ? HOOK_presence_leaving
					 : HOOK_iq_leaving;
}

static enum hook_name
arriving_hook(enum stanza_kind kind)
{
	return kind == STANZA_MESSAGE    ? HOOK_message_arriving
	       : kind == STANZA_PRESENCE ? HOOK_presence_arriving
					 : HOOK_iq_arriving;
}

/* All of these take the stanza alone. */
static enum outcome
call(const struct hooked *hooked, struct stanza *stanza)
{
	return hooked->fn.message_leaving(hooked->self, stanza);
}

/* What is said of it leaves when its rows are committed, if it has some. */
static struct terms
terms_of(const struct stanza *stanza)
{
	struct terms terms = { .batch = stanza->batch };

	if (stanza->batch != NULL)
		terms.gate = gate_new();
	return terms;
}

static void
answer_terms(const struct terms *terms, enum stored result)
{
	if (terms->gate == NULL)
		return;
	gate_answer(terms->gate, result == STORE_OK);
	gate_drop(terms->gate);
}

/* --- leaving --- */

void
passage_leave(struct stanza *stanza)
{
	stanza->passage = PASSAGE_LEAVING;
	stanza->hook = 0;
	leaving_walk(stanza);
}

/* The sender's own rows: the stanza travels on while they are committed, and its receipt
 * waits for both. */
struct leaving_commit {
	struct arena *arena;
	struct receipt *receipt;
	const struct element *element;
	struct jid to;
	struct account *account;
	struct terms terms;
};

static void
leaving_committed(void *ctx, enum stored result)
{
	struct leaving_commit *commit = ctx;
	struct arena *arena = commit->arena;

	answer_terms(&commit->terms, result);
	if (result != STORE_OK) {
		struct arena *answer_arena = arena_new();
		struct element *answer =
			stanza_error_reply(answer_arena, commit->element, RESOURCE_CONSTRAINT, NULL,
					   "it cannot be stored now");
		struct jid from;

		if (answer != NULL &&
		    jid_parse(&from, answer_arena, element_get(commit->element, "from"), NULL))
			router_send_element(answer_arena, answer, &commit->to, &from);
		else
			arena_drop(answer_arena);
		account_reload(commit->account);
	}
	receipt_drop(commit->receipt);
	account_drop(commit->account);
	arena_drop(arena);
}

static void
commit_leaving(struct stanza *stanza, const struct terms *terms)
{
	struct arena *arena = arena_new();
	struct leaving_commit *commit = NEW(arena, struct leaving_commit);
	struct batch *batch = stanza->batch;

	commit->arena = arena;
	commit->receipt = receipt_hold(stanza->receipt);
	commit->element = element_copy_shell(arena, stanza->element);
	commit->account = account_hold(stanza->account);
	jid_copy(&commit->to, arena, &stanza->to);
	commit->terms = *terms;
	stanza->batch = NULL;
	batch_commit(batch, leaving_committed, commit);
}

/* What several copies share is written once. */
static void
say_copies(struct stanza *stanza, const struct terms *terms)
{
	const struct element *written = NULL;
	struct wire *payload = NULL;

	for (struct copy *copy = stanza->plan->copies; copy != NULL; copy = copy->next) {
		if (copy->element != written) {
			wire_drop(payload);
			payload = session_payload(copy->element);
			written = copy->element;
		}
		session_say_copy(copy->session, copy, payload, terms);
	}
	wire_drop(payload);
}

static void
leaving_walk(struct stanza *stanza)
{
	enum hook_name name = leaving_hook(stanza->kind);
	struct domain *domain = stanza->domain;
	struct terms terms;

	while (stanza->hook < domain->hook_counts[name]) {
		switch (call(&domain->hooks[name][stanza->hook++], stanza)) {
		case PASS:
			break;
		case DONE:
			passage_end(stanza);
			return;
		case LATER:
			session_hold_back(stanza->session, true);
			return;
		}
	}
	terms = terms_of(stanza);
	if (stanza->plan != NULL)
		say_copies(stanza, &terms);
	if (stanza->batch != NULL)
		commit_leaving(stanza, &terms);
	if (stanza->kind == STANZA_PRESENCE)
		presence_left(stanza);
	else
		router_send(stanza);
}

/* --- arriving --- */

void
passage_arrive(struct stanza *stanza)
{
	stanza->passage = PASSAGE_ARRIVING;
	stanza->hook = 0;
	arriving_walk(stanza);
}

static enum resources
resources_of(const struct account *account)
{
	enum resources found = RESOURCES_NONE;
	struct session *session;

	LIST_EACH (&account->sessions, session, struct session, place) {
		if (session->available && session->priority >= 0)
			return RESOURCES_AVAILABLE;
		if (session->available)
			found = RESOURCES_NEGATIVE;
	}
	return found;
}

/* RFC 6121 §8.5.3.1: only who shares presence with the recipient may ask its clients. */
static bool
may_ask(const struct session *session, const struct jid *from)
{
	return account_shows_presence_to(session->account, from) ||
	       presence_is_directed_to(session, from);
}

static void
plan_make(struct stanza *stanza)
{
	struct account *account = stanza->account;
	struct plan *plan = NEW(stanza->arena, struct plan);
	struct session *session, *match = NULL;
	struct delivery delivery;
	enum address_kind address = ADDRESS_BARE;

	if (stanza->to.resource != NULL) {
		match = session_find(account, stanza->to.resource);
		address = match != NULL ? ADDRESS_FULL_MATCHES : ADDRESS_FULL_MATCHES_NOBODY;
	}
	delivery = delivery_for(address, stanza->kind, stanza->type, resources_of(account));
	plan->verdict = delivery.verdict;
	plan->condition = delivery.condition;
	stanza->plan = plan;

	if (stanza->kind == STANZA_IQ && match != NULL &&
	    (stanza->type == TYPE_GET || stanza->type == TYPE_SET) &&
	    !may_ask(match, &stanza->from)) {
		plan->verdict = VERDICT_REFUSE;
		plan->condition = SERVICE_UNAVAILABLE;
		return;
	}
	if (delivery.target == TARGET_RESOURCE)
		plan_add(stanza, match);
	if (delivery.target == TARGET_RESOURCE || delivery.target == TARGET_NONE)
		return;
	LIST_EACH (&account->sessions, session, struct session, place)
		if (session->available &&
		    (delivery.target == TARGET_ALL_AVAILABLE || session->priority >= 0))
			plan_add(stanza, session);
}

struct commit {
	struct stanza *stanza;
	struct account *account;
	struct terms terms;
};

static void
committed(void *ctx, enum stored result)
{
	struct commit *commit = ctx;
	struct stanza *stanza = commit->stanza;

	answer_terms(&commit->terms, result);
	/* What could not be kept goes back: the sender knows, and may try again. */
	if (result != STORE_OK) {
		router_bounce(stanza, RESOURCE_CONSTRAINT, NULL, "it cannot be stored now", NULL);
		account_reload(commit->account);
	}
	account_drop(commit->account);
	stanza_drop(stanza);
}

/* Commits what the modules added and drops the walk's hold when that is answered. */
static void
finish(struct stanza *stanza, const struct terms *terms)
{
	struct batch *batch = stanza->batch;
	struct commit *commit;

	if (batch == NULL) {
		stanza_drop(stanza);
		return;
	}
	commit = NEW(stanza->arena, struct commit);
	commit->stanza = stanza;
	commit->account = account_hold(stanza->account);
	if (terms != NULL)
		commit->terms = *terms;
	stanza->batch = NULL;
	batch_commit(batch, committed, commit);
}

void
passage_end(struct stanza *stanza)
{
	finish(stanza, NULL);
}

static void
deliver(struct stanza *stanza)
{
	struct plan *plan = stanza->plan;
	struct terms terms = terms_of(stanza);

	if (stanza->kind == STANZA_MESSAGE && (plan->count > 1 || plan->copies != NULL)) {
		terms.audience = zalloc(sizeof *terms.audience);
		audience_hold(terms.audience);
	}
	for (unsigned i = 0; i < plan->count; i++) {
		if (stanza->kind == STANZA_PRESENCE)
			presence_heard(plan->sessions[i], stanza);
		session_deliver(plan->sessions[i], stanza, &terms);
	}
	say_copies(stanza, &terms);
	audience_drop(terms.audience);
	finish(stanza, &terms);
}

static void
carry_out(struct stanza *stanza)
{
	struct account *account = stanza->account;

	switch (stanza->plan->verdict) {
	case VERDICT_DELIVER:
	case VERDICT_IGNORE: /* copies may still go out */
		deliver(stanza);
		break;
	case VERDICT_STORE:
	case VERDICT_REFUSE:
		if (stanza->plan->copies == NULL)
			router_bounce(stanza, stanza->plan->condition, NULL, NULL, NULL);
		deliver(stanza);
		break;
	case VERDICT_HANDLE:
		if (stanza->kind == STANZA_IQ)
			iq_dispatch(stanza, account);
		else
			presence_handle(stanza);
		return; /* they take the stanza and end the head */
	}
	account_head_done(account);
}

static bool
tell_plan_made(struct stanza *stanza)
{
	struct domain *domain = stanza->domain;

	for (unsigned i = 0; i < domain->hook_counts[HOOK_plan_made]; i++)
		if (domain->hooks[HOOK_plan_made][i]
			    .fn.plan_made(domain->hooks[HOOK_plan_made][i].self, stanza) == DONE)
			return false;
	return true;
}

/* A hook has dealt with it.  Who keeps it for those who come later leaves the copies to those
 * who are here. */
static void
arriving_done(struct stanza *stanza)
{
	struct account *account = stanza->account;

	if (stanza->plan != NULL && stanza->plan->verdict == VERDICT_STORE)
		deliver(stanza);
	else
		finish(stanza, NULL);
	account_head_done(account);
}

static void
arriving_walk(struct stanza *stanza)
{
	enum hook_name name = arriving_hook(stanza->kind);
	struct domain *domain = stanza->domain;
	struct account *account = stanza->account;

	for (; stanza->hook < domain->hook_counts[name]; stanza->hook++) {
		const struct hooked *hooked = &domain->hooks[name][stanza->hook];
		enum outcome outcome;

		if (hooked->stage >= STAGE_ARCHIVE && stanza->plan == NULL)
			plan_make(stanza);
		if (hooked->stage == STAGE_FALLBACK && stanza->plan->verdict != VERDICT_STORE)
			continue;
		outcome = call(hooked, stanza);
		if (outcome == PASS)
			continue;
		stanza->hook++;
		if (outcome == DONE)
			arriving_done(stanza);
		return; /* LATER: the lane's head stays where it is */
	}
	if (stanza->plan == NULL)
		plan_make(stanza);
	if (stanza->plan->verdict == VERDICT_STORE)
		stanza->plan->condition = SERVICE_UNAVAILABLE;
	if (!tell_plan_made(stanza)) {
		finish(stanza, NULL);
		account_head_done(account);
		return;
	}
	carry_out(stanza);
}

/* While a hook held it, those who were to get it may have gone: then it is for whoever is
 * there now. */
static void
plan_renew(struct stanza *stanza)
{
	struct plan *plan = stanza->plan;
	struct copy *copies;

	if (plan == NULL || plan->verdict != VERDICT_DELIVER || plan->count == 0)
		return;
	for (unsigned i = plan->count; i-- > 0;)
		if (plan->sessions[i]->gone)
			plan_remove(stanza, plan->sessions[i]);
	if (plan->count > 0)
		return;
	copies = plan->copies;
	plan_make(stanza);
	stanza->plan->copies = copies;
}

/* --- out, to domains that are not ours --- */

void
passage_out(struct stanza *stanza)
{
	stanza->passage = PASSAGE_OUT;
	stanza->hook = 0;
	out_walk(stanza);
}

static void
out_walk(struct stanza *stanza)
{
	struct domain *domain = stanza->domain;

	while (domain != NULL && stanza->hook < domain->hook_counts[HOOK_routing_out]) {
		switch (call(&domain->hooks[HOOK_routing_out][stanza->hook++], stanza)) {
		case PASS:
			break;
		case DONE:
			stanza_drop(stanza);
			return;
		case LATER:
			return;
		}
	}
	router_bounce(stanza, REMOTE_SERVER_NOT_FOUND, NULL, "this server talks to no others",
		      NULL);
	stanza_drop(stanza);
}

/* --- going on --- */

void
stanza_resume(struct stanza *stanza, enum outcome outcome)
{
	struct account *account = stanza->account;
	struct session *session = stanza->session;

	must(outcome != LATER);
	switch ((enum passage)stanza->passage) {
	case PASSAGE_LEAVING:
		session_hold(session);
		if (outcome == DONE || session->account->forgotten)
			passage_end(stanza);
		else
			leaving_walk(stanza);
		session_hold_back(session, false);
		session_drop(session);
		return;
	case PASSAGE_ARRIVING:
		if (outcome == PASS && !account->forgotten) {
			plan_renew(stanza);
			arriving_walk(stanza);
			return;
		}
		if (outcome == DONE) {
			arriving_done(stanza);
			return;
		}
		/* the account has gone meanwhile */
		router_bounce(stanza, SERVICE_UNAVAILABLE, NULL, NULL, NULL);
		finish(stanza, NULL);
		account_head_done(account);
		return;
	case PASSAGE_OUT:
		if (outcome == DONE)
			stanza_drop(stanza);
		else
			out_walk(stanza);
		return;
	case PASSAGE_NONE:
		break;
	}
	must(!"a stanza that a hook holds");
}
