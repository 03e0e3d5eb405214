/* SPDX-License-Identifier: MIT */
/* session list, count, show, kick: asked of every shard, for every shard knows its own. */
#include "main/commands.h"

#include "base/arena.h"
#include "base/clock.h"
#include "xmpp/condition.h"
#include "xmpp/jid.h"
#include "core/account.h"
#include "core/domain.h"
#include "core/session.h"
#include "main/census.h"
#include "main/sessions.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define LIST_LIMIT 1000
#define LIST_MOST  1000000

static json_t *
session_json(struct session *session)
{
	char about[256] = "";
	struct text more = { 0 };
	int64_t since = session->since;
	json_t *row;

	session_describe(session, about, sizeof about);
	row = json_pack("{s:s, s:s, s:i, s:o, s:I, s:s}", "jid", session->jid->full, "presence",
			session->available ? "available" : "none", "priority",
			session->available ? session->priority : 0, "since", json_time(since),
			"seconds", (json_int_t)(now_seconds() - since), "connection", about);
	session_tell_about(session, &more);
	if (more.length > 0)
		json_object_set_new(row, "more", json_string(more.bytes));
	text_clear(&more);
	return row;
}

static bool
is_meant(const struct session *session, const char *jid)
{
	return jid == NULL || text_is(session->jid->bare, jid) || text_is(session->jid->full, jid);
}

json_t *
sessions_here(const char *jid, const char *domain, uint32_t limit)
{
	json_t *found = json_array();

	for (struct account *a = account_next(NULL); a != NULL; a = account_next(a)) {
		struct session *session;

		if (domain != NULL && !text_is(domain, a->jid->domain))
			continue;
		if (a->session_count == 0)
			continue;
		LIST_EACH (&a->sessions, session, struct session, place) {
			if (json_array_size(found) >= limit)
				return found;
			if (is_meant(session, jid))
				json_array_append_new(found, session_json(session));
		}
	}
	return found;
}

unsigned
sessions_count_here(void)
{
	unsigned count = 0;

	for (struct account *a = account_next(NULL); a != NULL; a = account_next(a))
		count += a->session_count;
	return count;
}

/* One command, from its beginning to its answer; read by every shard. */
struct look {
	struct call *call;
	struct arena *arena;
	const struct jid *jid; /* NULL: everybody */
	const char *domain;    /* NULL: any */
	const char *reason;
	uint32_t limit;
};

static struct look *
look_new(struct call *call)
{
	struct arena *arena = arena_new();
	struct look *look = NEW(arena, struct look);

	look->call = call;
	look->arena = arena;
	look->limit = UINT32_MAX;
	return look;
}

static void
look_end(struct look *look)
{
	arena_drop(look->arena);
}

static json_t *
look_here(void *ctx)
{
	const struct look *look = ctx;

	return sessions_here(look->jid ? look->jid->full : NULL, look->domain, look->limit);
}

/* --- list --- */

static int
compare_jids(const void *a, const void *b)
{
	json_t *const *one = a, *const *two = b;

	return strcmp(json_string_value(json_object_get(*one, "jid")),
		      json_string_value(json_object_get(*two, "jid")));
}

static json_t *
sorted(json_t *rows, size_t limit)
{
	size_t count = json_array_size(rows);
	json_t **all = zalloc((count + 1) * sizeof(json_t *));
	json_t *result = json_array();

	for (size_t i = 0; i < count; i++)
		all[i] = json_array_get(rows, i);
	qsort(all, count, sizeof(json_t *), compare_jids);
	for (size_t i = 0; i < count && i < limit; i++)
		json_array_append(result, all[i]);
	free(all);
	json_decref(rows);
	return result;
}

static void
list_known(void *ctx, json_t *answers)
{
	struct look *look = ctx;

	call_result(look->call, sorted(census_join(answers), look->limit));
	look_end(look);
}

static void
run_list(struct call *call)
{
	int64_t limit = call_number(call, "limit", LIST_LIMIT);
	const char *domain;
	struct look *look;

	if (limit < 1 || limit > LIST_MOST) {
		call_fail(call, ERR_SYNTAX, "--limit: %" PRId64 " is not between 1 and %d", limit,
			  LIST_MOST);
		return;
	}
	if (!command_domain(call, &domain))
		return;
	look = look_new(call);
	look->limit = (uint32_t)limit;
	look->domain = domain ? arena_copy(look->arena, domain) : NULL;
	census_start(look_here, list_known, look);
}

/* --- show --- */

static void
nobody(struct look *look)
{
	if (look->jid->resource != NULL)
		call_fail(look->call, ERR_ABSENT, "there is no session \"%s\"", look->jid->full);
	else
		call_fail(look->call, ERR_ABSENT, "\"%s\" has no session", look->jid->bare);
}

static void
show_known(void *ctx, json_t *answers)
{
	struct look *look = ctx;
	json_t *found = sorted(census_join(answers), SIZE_MAX);

	if (json_array_size(found) == 0) {
		json_decref(found);
		nobody(look);
	} else {
		call_result(look->call, found);
	}
	look_end(look);
}

static struct look *
look_for_jid(struct call *call)
{
	struct look *look = look_new(call);
	struct domain *domain;

	look->jid = command_jid(call, look->arena, "jid", &domain);
	if (look->jid != NULL)
		return look;
	look_end(look);
	return NULL;
}

static void
run_show(struct call *call)
{
	struct look *look = look_for_jid(call);

	if (look != NULL)
		census_start(look_here, show_known, look);
}

/* --- kick --- */

static json_t *
kick_here(void *ctx)
{
	const struct look *look = ctx;
	struct account *account = account_find(look->jid);
	struct session *session;
	json_int_t ended = 0;

	if (account == NULL)
		return NULL;
	account_hold(account);
	LIST_EACH (&account->sessions, session, struct session, place) {
		if (!is_meant(session, look->jid->full))
			continue;
		session_end(session, STREAM_POLICY_VIOLATION, look->reason);
		ended++;
	}
	account_drop(account);
	return json_pack("{s:I}", "ended", ended);
}

static void
kick_done(void *ctx, json_t *answers)
{
	struct look *look = ctx;
	json_int_t ended = census_sum(answers, "ended");

	json_decref(answers);
	if (ended == 0)
		nobody(look);
	else
		call_result(look->call,
			    json_pack("{s:s, s:I}", "jid", look->jid->full, "ended", ended));
	look_end(look);
}

static void
run_kick(struct call *call)
{
	struct look *look = look_for_jid(call);
	const char *reason;

	if (look == NULL)
		return;
	reason = call_text(call, "reason");
	look->reason = reason ? arena_copy(look->arena, reason) : "ended by an administrator";
	census_start(kick_here, kick_done, look);
}

/* --- count --- */

static json_t *
count_here(void *ctx)
{
	const struct look *look = ctx;
	json_int_t count = 0;

	for (struct account *a = account_next(NULL); a != NULL; a = account_next(a))
		if (look->domain == NULL || text_is(look->domain, a->jid->domain))
			count += a->session_count;
	return json_pack("{s:I}", "count", count);
}

static void
counted(void *ctx, json_t *answers)
{
	struct look *look = ctx;
	json_int_t count = census_sum(answers, "count");

	json_decref(answers);
	/* a form's field is named by XEP-0133 */
	call_result(look->call,
		    json_pack("{s:I}", look->call->domain ? "onlineusersnum" : "sessions", count));
	look_end(look);
}

static void
run_count(struct call *call)
{
	const char *domain;
	struct look *look;

	if (!command_domain(call, &domain))
		return;
	look = look_new(call);
	look->domain = domain ? arena_copy(look->arena, domain) : NULL;
	census_start(count_here, counted, look);
}

/* --- the table --- */

#define NS_ADMIN "http://jabber.org/protocol/admin#"

static const struct argument list_arguments[] = {
	{ .kind = ARGUMENT_DOMAIN,
	  .name = "domain",
	  .help = "only of this domain",
	  .optional = true },
	{ .kind = ARGUMENT_NUMBER,
	  .name = "--limit",
	  .help = "at most so many; 1000 unless given" },
	{ 0 },
};

static const struct argument count_arguments[] = {
	{ .kind = ARGUMENT_DOMAIN,
	  .name = "domain",
	  .help = "only of this domain",
	  .optional = true },
	{ 0 },
};

static const struct argument show_arguments[] = {
	{ .kind = ARGUMENT_JID, .name = "jid", .help = "an account, or one client of it" },
	{ 0 },
};

static const struct argument kick_arguments[] = {
	{ .kind = ARGUMENT_JID,
	  .name = "jid",
	  .field = "accountjids",
	  .help = "an account, or one client of it" },
	{ .kind = ARGUMENT_TEXT, .name = "--reason", .help = "what the client is told" },
	{ 0 },
};

const struct command session_commands[] = {
	{
		.noun = "session",
		.verb = "list",
		.run = run_list,
		.about = "who is connected",
		.example = "stentorctl session list capulet.example",
		.arguments = list_arguments,
	},
	{
		.noun = "session",
		.verb = "show",
		.run = run_show,
		.about = "the sessions of one account",
		.example = "stentorctl session show juliet@capulet.example",
		.arguments = show_arguments,
	},
	{
		.noun = "session",
		.verb = "kick",
		.run = run_kick,
		.about = "end the sessions of an account, or one of them",
		.example =
			"stentorctl session kick tybalt@capulet.example/sword --reason \"enough\"",
		.arguments = kick_arguments,
		.node = NS_ADMIN "end-user-session",
		.flags = COMMAND_ADHOC,
	},
	{
		.noun = "session",
		.verb = "count",
		.run = run_count,
		.about = "how many are connected",
		.example = "stentorctl session count capulet.example",
		.arguments = count_arguments,
		.node = NS_ADMIN "get-online-users-num",
		.flags = COMMAND_ADHOC,
	},
	{ 0 },
};
