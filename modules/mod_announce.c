/* SPDX-License-Identifier: MIT */
/*
 * mod_announce -- XEP-0133 §4.23: an admin says something to everybody who is online.
 *
 * The command runs on one shard and posts the words to each, where they are said to the
 * sessions of the domain; the slips come home and add up to how many heard it.
 */
#include <string.h>

#include "module.h"

#define WORDS_MAX 10000

struct announcing {
	struct call *call;
	struct shard *home;
	char *domain, *subject, *words;
	unsigned awaited;
	int64_t heard;
	struct slip {
		struct post post;
		struct announcing *announcing;
		int64_t heard;
	} slips[];
};

static void
say_to(struct session *session, const struct announcing *announcing)
{
	struct arena *arena = arena_new();
	struct element *message = element_new(arena, NS_CLIENT, "message");

	element_set(arena, message, "type", "headline");
	element_set(arena, message, "from", announcing->domain);
	element_set(arena, message, "to", session->jid->full);
	if (announcing->subject != NULL)
		element_add_text(arena, message, NULL, "subject", announcing->subject);
	element_add_text(arena, message, NULL, "body", announcing->words);
	session_say(session, message);
	arena_drop(arena);
}

static void
slip_returned(void *arg) /* at home, one slip at a time */
{
	struct slip *slip = arg;
	struct announcing *announcing = slip->announcing;

	announcing->heard += slip->heard;
	if (--announcing->awaited > 0)
		return;
	call_result(announcing->call,
		    json_pack("{s:I}", "sessions", (json_int_t)announcing->heard));
	free(announcing->domain);
	free(announcing->subject);
	free(announcing->words);
	free(announcing);
}

static void
say_here(void *arg) /* on every shard, each with its own slip */
{
	struct slip *slip = arg;
	struct announcing *announcing = slip->announcing;
	struct account *account = NULL;
	struct session *session;

	while ((account = account_next(account)) != NULL) {
		if (strcmp(account->domain->name, announcing->domain) != 0)
			continue;
		LIST_EACH (&account->sessions, session, struct session, place)
			if (session->available) {
				say_to(session, announcing);
				slip->heard++;
			}
	}
	shard_post(announcing->home, &slip->post, slip_returned, slip);
}

static void
announce(struct call *call)
{
	const char *name = call_text(call, "domain");
	const char *words = call_text(call, "message");
	struct domain *domain = call->domain;
	struct announcing *announcing;
	unsigned shards = shard_count();

	if (domain == NULL)
		domain = domain_find(name != NULL ? name : "");
	if (domain == NULL || (name != NULL && strcmp(name, domain->name) != 0)) {
		call_fail(call, ERR_SYNTAX, "say which domain: --domain NAME");
		return;
	}
	if (strlen(words) > WORDS_MAX) {
		call_fail(call, ERR_LIMIT, "an announcement has at most %d bytes", WORDS_MAX);
		return;
	}
	announcing = zalloc(sizeof *announcing + shards * sizeof announcing->slips[0]);
	announcing->call = call;
	announcing->home = shard_here();
	announcing->domain = copy_text(domain->name);
	announcing->subject = copy_text(call_text(call, "subject"));
	announcing->words = copy_text(words);
	announcing->awaited = shards;
	for (unsigned i = 0; i < shards; i++) {
		announcing->slips[i].announcing = announcing;
		shard_post(shard_at(i), &announcing->slips[i].post, say_here,
			   &announcing->slips[i]);
	}
}

static const struct argument announce_arguments[] = {
	{ ARGUMENT_TEXT, "message", "what to say", .field = "announcement", .lines = true },
	{ ARGUMENT_DOMAIN, "--domain", "to whose users" },
	{ ARGUMENT_TEXT, "--subject", "its subject" },
	{ 0 },
};

static const struct command commands[] = {
	{ "announce", NULL, "say something to every user of a domain who is online",
	  .example = "stentorctl announce \"Restart at noon\" --domain capulet.example",
	  .node = "http://jabber.org/protocol/admin#announce", .arguments = announce_arguments,
	  .flags = COMMAND_ADHOC, .run = announce },
	{ 0 },
};

MODULE = {
	.api = MODULE_API,
	.name = "announce",
	.about = "Announcements to users who are online (XEP-0133)",
	.help = "Who is offline does not hear it, and it is not kept.  Admins can announce "
		"from their clients, too, with the module adhoc.",
	.commands = commands,
};
