/* SPDX-License-Identifier: MIT */
/*
 * Where stanzas go: the story of one message.
 *
 * Romeo's client says <message to='juliet@capulet.example'>.  His stream, at home on
 * shard 0, parsed it into an arena of its own and gives it to session_hears, which stamps
 * the sender's full address and lets the leaving hooks see it (passage_leave).  Then
 * router_send asks: whose is this?
 *
 *   A domain of ours without localpart: the domain itself answers, on this very shard --
 *   its modules have an instance everywhere.
 *   An address of a domain of ours: its account is at home on one shard.  Here: it joins
 *   the account's lane at once.  Elsewhere: one post carries it there, arena and all.
 *   A name that a module has claimed (rooms): the same, at the home of that address.
 *   Anything else: the home of the link between the two domains, where the hook
 *   routing_out looks for somebody who can carry it on.
 *
 * Juliet's account may not be in memory; then the message waits in her lane until it is.
 * At the lane's head it meets the arriving hooks; the plan says which of her sessions get
 * it; it is serialised once, and each session's stream writes from that.  When the last
 * hold on the stanza goes -- at once, or when the rows it left behind are committed -- it
 * is posted home to Romeo's shard, its memory returns to where it came from, and the
 * receipt's last drop tells his stream that it is settled.  One post each way.
 */
#include "core/router.h"

#include "core/directory.h"
#include "core/internal.h"
#include "xmpp/ns.h"

uint64_t
router_count(void)
{
	return here()->routed;
}

/* Romeo's stanza stops being his session's when it leaves for another account. */
static void
forget_session(struct stanza *stanza)
{
	if (stanza->session == NULL)
		return;
	session_drop(stanza->session);
	stanza->session = NULL;
}

static void
arrived(void *arg) /* at the home of its address */
{
	struct stanza *stanza = arg;
	struct domain *domain = domain_find(stanza->to.domain);
	struct hosted *hosted;

	stanza->domain = domain;
	if (domain != NULL && stanza->to.local != NULL) {
		account_arrive(domain, stanza);
	} else if (domain == NULL && (hosted = host_find(stanza->to.domain)) != NULL) {
		host_arrive(hosted, stanza);
	} else { /* the domain has gone while it travelled */
		router_bounce(stanza, ITEM_NOT_FOUND, NULL, NULL, NULL);
		stanza_drop(stanza);
	}
}

static void
going_out(void *arg) /* at the home of the link */
{
	struct stanza *stanza = arg;

	stanza->domain = domain_find(stanza->from.domain);
	passage_out(stanza);
}

static void
domain_hears(struct domain *domain, struct stanza *stanza)
{
	stanza->domain = domain;
	if (stanza->kind == STANZA_IQ) {
		iq_dispatch(stanza, NULL);
		return;
	}
	if (stanza->kind == STANZA_MESSAGE && stanza->type != TYPE_ERROR) {
		struct hooked *hooks = domain->hooks[HOOK_message_to_domain];
		unsigned i;

		for (i = 0; i < domain->hook_counts[HOOK_message_to_domain]; i++)
			if (hooks[i].fn.message_to_domain(hooks[i].self, stanza) != PASS)
				break;
		if (i == domain->hook_counts[HOOK_message_to_domain])
			router_bounce(stanza, SERVICE_UNAVAILABLE, NULL, NULL, NULL);
	}
	/* Presence for the domain: nobody here wants it (RFC 6120 §10.5.1). */
	stanza_drop(stanza);
}

static void
send_home(struct stanza *stanza, struct shard *home, void (*fn)(void *arg))
{
	if (home == shard_here())
		fn(stanza);
	else
		shard_post(home, &stanza->post, fn, stanza);
}

void
router_send(struct stanza *stanza)
{
	struct domain *domain = domain_find(stanza->to.domain);
	struct hosted *hosted;

	here()->routed++;
	plan_end(stanza);
	stanza->account = NULL;
	stanza->sender_archive_id = stanza->passage == PASSAGE_LEAVING ? stanza->archive_id : 0;
	stanza->archive_id = 0;
	if (stanza->session != NULL && !jid_equal_bare(stanza->session->account->jid, &stanza->to))
		forget_session(stanza);

	if (domain != NULL && stanza->to.local == NULL) {
		domain_hears(domain, stanza);
	} else if (domain != NULL) {
		send_home(stanza, directory_home(&stanza->to), arrived);
	} else if ((hosted = host_find(stanza->to.domain)) != NULL) {
		struct jid whole = { .bare = stanza->to.domain };

		send_home(stanza,
			  directory_home(hosted->host->homes == HOST_WHOLE ? &whole : &stanza->to),
			  arrived);
	} else {
		send_home(stanza, directory_link_home(stanza->from.domain, stanza->to.domain),
			  going_out);
	}
}

void
router_send_element(struct arena *arena, struct element *element, const struct jid *from,
		    const struct jid *to)
{
	struct stanza *stanza;

	element_set(arena, element, "from", from->full);
	element_set(arena, element, "to", to->full);
	stanza = stanza_new(arena, element, NULL, NULL, NULL);
	must(stanza != NULL);
	stanza->flag_private = true;
	router_send(stanza);
}

void
router_bounce(struct stanza *stanza, enum condition condition, const char *type, const char *text,
	      struct element *detail)
{
	struct domain *domain = stanza->domain;
	struct arena *arena;
	struct element *answer;

	if (stanza->from.domain == NULL || stanza->type == TYPE_ERROR ||
	    (stanza->kind == STANZA_IQ && stanza->type == TYPE_RESULT) ||
	    (stanza->kind == STANZA_PRESENCE &&
	     (stanza->type == TYPE_UNAVAILABLE || stanza->type == TYPE_PROBE)))
		return;
	if (domain != NULL) {
		struct hooked *hooks = domain->hooks[HOOK_undeliverable];

		for (unsigned i = 0; i < domain->hook_counts[HOOK_undeliverable]; i++)
			if (hooks[i].fn.undeliverable(hooks[i].self, stanza, condition) != PASS)
				return;
	}
	arena = arena_new();
	answer = stanza_error_reply(arena, stanza->element, condition, type, text);
	if (answer == NULL) {
		arena_drop(arena);
		return;
	}
	if (detail != NULL)
		element_put(element_child(answer, NULL, "error"), element_copy(arena, detail));
	router_send_element(arena, answer, &stanza->to, &stanza->from);
}
