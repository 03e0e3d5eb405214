/* SPDX-License-Identifier: MIT */
/*
 * IQs that the server answers, and those it asks.
 *
 * iq_dispatch takes a stanza for a domain (on any shard) or for an account (at its home,
 * at the head of its lane) and offers it to the rules of that domain: first those of the
 * child's name, then those of its namespace.
 */
#include "core/iq.h"

#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "core/internal.h"
#include "core/router.h"
#include "xmpp/ns.h"

static void
head_done(struct stanza *stanza)
{
	if (stanza->account != NULL && stanza->passage == PASSAGE_ARRIVING)
		account_head_done(stanza->account);
}

struct iq *
iq_hold(struct iq *iq)
{
	must(iq->holds > 0);
	iq->holds++;
	return iq;
}

void
iq_drop(struct iq *iq)
{
	struct stanza *stanza = iq->stanza;

	must(iq->holds > 0);
	if (iq->holds == 1 && !iq->answered) {
		log_error(&iq->domain->log, "module \"%s\" left a query unanswered", iq->module);
		(void)iq_error(iq, INTERNAL_SERVER_ERROR, NULL); /* gives this hold back */
		return;
	}
	if (--iq->holds > 0)
		return;
	if (iq->account != NULL)
		account_drop(iq->account);
	stanza_drop(stanza);
}

static void
lane_released(void *arg)
{
	struct iq *iq = arg;

	head_done(iq->stanza);
	iq_drop(iq);
}

static void
answer(struct iq *iq, struct element *element)
{
	struct arena *arena = iq->arena;

	must(!iq->answered);
	iq->answered = true;
	if (iq->lane) {
		iq->lane = false;
		shard_post(shard_here(), &iq->lane_post, lane_released, iq_hold(iq));
	}
	/* A session of ours on this shard hears it at once; others by the router. */
	if (iq->session != NULL && !iq->session->gone) {
		element_set(arena, element, "from", iq->stanza->addressed ? iq->to.full : NULL);
		element_set(arena, element, "to", iq->session->jid->full);
		session_say(iq->session, element);
		return;
	}
	arena = arena_new();
	router_send_element(arena, element_copy(arena, element), &iq->to, &iq->from);
}

/* Gives back the hold of a step: an answer inside the handler leaves it to dispatch. */
static enum outcome
answered(struct iq *iq)
{
	if (iq->holds > 1 || iq->returned)
		iq_drop(iq);
	return DONE;
}

enum outcome
iq_result(struct iq *iq, struct element *payload)
{
	struct element *result = stanza_reply(iq->arena, iq->stanza->element, "result");

	if (payload != NULL)
		element_put(result, payload);
	answer(iq, result);
	return answered(iq);
}

enum outcome
iq_error_with(struct iq *iq, enum condition condition, const char *text, struct element *detail)
{
	struct element *error =
		stanza_error_reply(iq->arena, iq->stanza->element, condition, NULL, text);

	if (error == NULL) { /* it was no question: nothing to answer */
		iq->answered = true;
		return answered(iq);
	}
	if (detail != NULL)
		element_put(element_child(error, NULL, "error"), detail);
	answer(iq, error);
	return answered(iq);
}

enum outcome
iq_error(struct iq *iq, enum condition condition, const char *text)
{
	return iq_error_with(iq, condition, text, NULL);
}

/* --- answers after a commit --- */

struct after {
	struct iq *iq;
	struct element *payload;
	void (*then)(struct iq *iq, enum stored stored);
};

static void
after_committed(void *ctx, enum stored result)
{
	struct after *after = ctx;
	struct iq *iq = after->iq;

	if (after->then != NULL)
		after->then(iq, result);
	if (result == STORE_OK)
		(void)iq_result(iq, after->payload);
	else
		(void)iq_error(iq, INTERNAL_SERVER_ERROR, "it cannot be stored now");
}

enum outcome
iq_result_after(struct iq *iq, struct batch *batch, struct element *payload,
		void (*then)(struct iq *iq, enum stored stored))
{
	struct after *after = NEW(iq->arena, struct after);

	after->iq = iq_hold(iq);
	after->payload = payload;
	after->then = then;
	batch_commit(batch, after_committed, after);
	return LATER;
}

/* --- dispatch --- */

/* May this rule answer this question?  TO_SELF says no with the usual error. */
static bool
rule_fits(const struct iq_rule *rule, const struct iq *iq)
{
	unsigned whom;

	if ((rule->types & (iq->is_set ? IQ_SET : IQ_GET)) == 0)
		return false;
	if (iq->account == NULL) {
		whom = TO_DOMAIN;
		if (iq->from.local != NULL && strcmp(iq->from.domain, iq->domain->name) == 0)
			whom |= TO_DOMAIN_USERS;
	} else {
		whom = TO_ACCOUNT;
		if (jid_equal_bare(&iq->from, iq->account->jid))
			whom |= TO_SELF;
	}
	return (rule->whom & whom) != 0;
}

static const struct ruled *
rules_for(struct domain *domain, struct arena *arena, const struct element *query, bool by_name)
{
	const char *key =
		by_name ? arena_format(arena, "%s %s", query->ns, query->name) : query->ns;
	struct entry *entry = table_get(&domain->rules, key);

	return TABLE_ITEM(entry, struct ruled, entry);
}

static enum outcome
offer(struct iq *iq)
{
	for (int by_name = 1; by_name >= 0; by_name--) {
		const struct ruled *ruled =
			rules_for(iq->domain, iq->arena, iq->query, by_name != 0);

		for (; ruled != NULL; ruled = ruled->next) {
			enum outcome outcome;

			if (!rule_fits(ruled->rule, iq))
				continue;
			iq->module =
				ruled->instance != NULL ? ruled->instance->module->name : "core";
			iq->keeps_lane = ruled->rule->keeps_lane;
			outcome = ruled->rule->fn(ruled->instance != NULL ? ruled->instance->self
									  : NULL,
						  iq);
			if (outcome != PASS)
				return outcome;
		}
	}
	return PASS;
}

void
iq_dispatch(struct stanza *stanza, struct account *account)
{
	struct iq *iq;
	enum outcome outcome;
	bool keeps;

	if (stanza->type == TYPE_RESULT || stanza->type == TYPE_ERROR) {
		(void)iq_take_answer(stanza);
		head_done(stanza);
		stanza_drop(stanza);
		return;
	}
	iq = NEW(stanza->arena, struct iq);
	iq->stanza = stanza;
	iq->arena = stanza->arena;
	iq->query = element_only_child(stanza->element);
	iq->from = stanza->from;
	iq->to = stanza->to;
	iq->is_set = stanza->type == TYPE_SET;
	iq->domain = stanza->domain;
	iq->account = account != NULL ? account_hold(account) : NULL;
	if (account != NULL && stanza->session != NULL && stanza->session->account == account)
		iq->session = stanza->session;
	iq->holds = 1;
	iq->module = "core";

	outcome = iq->query != NULL ? offer(iq) : iq_error(iq, BAD_REQUEST, "exactly one child");
	if (outcome == PASS)
		outcome = iq_error(iq, SERVICE_UNAVAILABLE, NULL);
	iq->returned = true;

	/* A held IQ has left the road and stops nobody, unless delivery depends on it. */
	keeps = outcome == LATER && iq->keeps_lane && account != NULL && !iq->answered;
	if (keeps)
		iq->lane = true;
	else
		head_done(stanza);
	iq_drop(iq);
}

/* --- questions of ours --- */

struct question {
	struct entry entry;
	char id[20];
	struct jid *to, *from;
	struct session *session;
	struct timer timer;
	iq_answer_fn *fn;
	void *ctx;
};

static void
question_end(struct question *question, const struct stanza *stanza)
{
	table_remove(&here()->asked, &question->entry);
	timer_stop(&question->timer);
	question->fn(question->ctx, stanza);
	free(question->to);
	free(question->from);
	free(question);
}

static void
question_timed_out(void *arg)
{
	question_end(arg, NULL);
}

void
iq_ask(struct domain *domain, struct account *account, struct session *session,
       const struct element *query, bool set, int64_t ms, iq_answer_fn *fn, void *ctx)
{
	struct question *question = zalloc(sizeof *question);
	struct arena *arena = arena_new();
	struct element *iq = element_new(arena, NS_CLIENT, "iq");
	const struct jid *from = account != NULL ? account->jid : domain->jid;

	random_name(question->id, sizeof question->id - 1);
	question->to = jid_own(session->jid);
	question->from = jid_own(from);
	question->session = session;
	question->fn = fn;
	question->ctx = ctx;
	table_put(&here()->asked, &question->entry, question->id);
	timer_start(&question->timer, ms, question_timed_out, question);

	element_set(arena, iq, "type", set ? "set" : "get");
	element_set(arena, iq, "id", question->id);
	element_set(arena, iq, "from", from->full);
	element_set(arena, iq, "to", session->jid->full);
	element_put(iq, element_copy(arena, query));
	session_say(session, iq);
	arena_drop(arena);
}

bool
iq_take_answer(struct stanza *stanza)
{
	struct entry *entry = stanza->id != NULL ? table_get(&here()->asked, stanza->id) : NULL;
	struct question *question = TABLE_ITEM(entry, struct question, entry);

	if (question == NULL || !jid_equal(question->to, &stanza->from))
		return false;
	question_end(question, stanza);
	return true;
}

void
iq_session_gone(struct session *session)
{
	struct entry *entry, *next;

	for (entry = table_next(&here()->asked, NULL); entry != NULL; entry = next) {
		struct question *question = CONTAINER(entry, struct question, entry);

		next = table_next(&here()->asked, entry);
		if (question->session == session)
			question_end(question, NULL);
	}
}
