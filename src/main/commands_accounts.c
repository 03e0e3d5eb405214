/* SPDX-License-Identifier: MIT */
/* account add, passwd, remove, disable, enable, list, count, show, check. */
#include "main/commands.h"

#include "base/arena.h"
#include "base/clock.h"
#include "store/store.h"
#include "core/account.h"
#include "core/credentials.h"
#include "core/domain.h"
#include "core/keep.h"
#include "core/session.h"
#include "main/census.h"
#include "main/commands_kept.h"
#include "main/server.h"
#include "main/sessions.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define RESERVE_DAYS  30
#define LIST_LIMIT    1000
#define LIST_MOST     100000
#define DAY_MS        ((int64_t)86400 * 1000)
#define NO_ANSWER_NOW "the store cannot tell now; `stentorctl store status` says why"

/* One command about one account, from its beginning to its answer. */
struct asked {
	struct call *call;
	struct arena *arena;
	const struct jid *who;
	struct domain *domain;
	const char *done; /* "added" */
	json_t *shown;
};

static struct asked *
asked_new(struct call *call, const char *done)
{
	struct arena *arena = arena_new();
	struct asked *asked = NEW(arena, struct asked);

	asked->call = call;
	asked->arena = arena;
	asked->done = done;
	asked->who = command_jid(call, arena, "jid", &asked->domain);
	if (asked->who != NULL && asked->who->resource != NULL) {
		call_fail(call, ERR_SYNTAX, "\"%s\" is a client of an account: leave away \"/%s\"",
			  asked->who->full, asked->who->resource);
		asked->who = NULL;
	}
	if (asked->who != NULL)
		return asked;
	arena_drop(arena);
	return NULL;
}

static void
asked_fail(struct asked *asked, enum err_kind kind, const char *text)
{
	call_fail(asked->call, kind, "%s", text);
	arena_drop(asked->arena);
}

static void
account_changed(void *ctx, const struct err *err)
{
	struct asked *asked = ctx;

	if (err != NULL) {
		asked_fail(asked, err->kind, err->text);
		return;
	}
	call_result(asked->call,
		    json_pack("{s:s, s:s}", "jid", asked->who->bare, "account", asked->done));
	arena_drop(asked->arena);
}

static bool
has_password(struct asked *asked)
{
	if (call_text(asked->call, "password") != NULL)
		return true;
	asked_fail(asked, ERR_SYNTAX, "a password is missing");
	return false;
}

static void
account_added(void *ctx, const struct err *err)
{
	struct asked *asked = ctx;
	struct err more;

	if (err == NULL || err->kind != ERR_REFUSED) {
		account_changed(asked, err);
		return;
	}
	err_fail(&more, err->kind, "%s (`stentorctl account remove %s --reserve 0` frees it)",
		 err->text, asked->who->bare);
	account_changed(asked, &more);
}

static void
run_add(struct call *call)
{
	struct asked *asked = asked_new(call, "added");

	if (asked != NULL && has_password(asked))
		account_make(asked->domain, asked->who, call_text(call, "password"), account_added,
			     asked);
}

static void
run_passwd(struct call *call)
{
	struct asked *asked = asked_new(call, "has a new password");

	if (asked != NULL && has_password(asked))
		account_set_password(asked->domain, asked->who, call_text(call, "password"),
				     account_changed, asked);
}

/* Nothing is left, and that is looked at, not believed. */
static void
remove_looked(void *ctx, const struct kept_page *page, const struct err *err)
{
	struct asked *asked = ctx;

	if (err != NULL)
		account_changed(asked, err);
	else if (page->rows > 0 || page->next != NULL)
		asked_fail(asked, ERR_SYSTEM, "something is still kept of it: see the export");
	else
		account_changed(asked, NULL);
}

static void
erased(void *ctx, const struct err *err)
{
	struct asked *asked = ctx;

	if (err != NULL)
		account_changed(asked, err);
	else
		kept_read(asked->domain, asked->who->bare, NULL, remove_looked, asked);
}

static void
run_remove(struct call *call)
{
	int64_t days = call_number(call, "reserve", RESERVE_DAYS);
	bool erases = call_flag(call, "erase");
	struct asked *asked;

	if (erases && json_object_get(call->arguments, "reserve") != NULL) {
		call_fail(call, ERR_SYNTAX, "with --erase nothing is kept, so nothing is reserved");
		return;
	}

	if (days < 0 || days > 36500) {
		call_fail(call, ERR_SYNTAX,
			  "--reserve: %" PRId64 " is not between 0 and 36500 days", days);
		return;
	}
	asked = asked_new(call, erases ? "removed, and nothing is kept of it" : "removed");
	if (asked != NULL && erases)
		account_erase(asked->domain, asked->who, ERASE_THE_NAME, erased, asked);
	else if (asked != NULL)
		/* A reservation lasts to the end of its last second; none must be over already. */
		account_erase(asked->domain, asked->who, days > 0 ? days * DAY_MS : -1000,
			      account_changed, asked);
}

static void
run_disable(struct call *call)
{
	struct asked *asked = asked_new(call, "disabled");

	if (asked != NULL)
		account_set_enabled(asked->domain, asked->who, false, account_changed, asked);
}

static void
run_enable(struct call *call)
{
	struct asked *asked = asked_new(call, "enabled");

	if (asked != NULL)
		account_set_enabled(asked->domain, asked->who, true, account_changed, asked);
}

/* --- show --- */

static const char *
state_name(bool disabled, int64_t reserved_until)
{
	if (reserved_until != 0)
		return reserved_until > now_seconds() ? "reserved" : "free";
	return disabled ? "disabled" : "enabled";
}

static void
show_sessions_known(void *ctx, json_t *answers)
{
	struct asked *asked = ctx;

	json_object_set_new(asked->shown, "sessions", census_join(answers));
	call_result(asked->call, asked->shown);
	arena_drop(asked->arena);
}

static json_t *
show_here(void *ctx)
{
	const struct asked *asked = ctx;

	return sessions_here(asked->who->bare, NULL, UINT32_MAX);
}

static void
show_row_read(void *ctx, enum stored result, const struct rows *rows)
{
	struct asked *asked = ctx;
	const struct value *row;

	if (result != STORE_OK) {
		asked_fail(asked, ERR_DOWN, NO_ANSWER_NOW);
		return;
	}
	if (rows->count == 0) {
		call_fail(asked->call, ERR_ABSENT, "there is no account \"%s\"", asked->who->bare);
		arena_drop(asked->arena);
		return;
	}
	row = ROW(rows, 0);
	asked->shown = json_pack("{s:s, s:s, s:o, s:I}", "jid", asked->who->bare, "state",
				 state_name(row[1].integer != 0, row[2].integer), "created",
				 json_time(row[0].integer), "contacts", (json_int_t)row[3].integer);
	if (row[2].integer != 0)
		json_object_set_new(asked->shown, "reserved until", json_time(row[2].integer));
	census_start(show_here, show_sessions_known, asked);
}

static void
run_show(struct call *call)
{
	struct asked *asked = asked_new(call, NULL);
	struct value in;

	if (asked == NULL)
		return;
	in = text_value(asked->who->bare);
	store_read(server.store, &account_show_statement, asked->who->bare, &in, show_row_read,
		   asked);
}

/* --- check --- */

static void
check_password_known(void *ctx, bool right)
{
	struct asked *asked = ctx;

	if (!right) {
		asked_fail(asked, ERR_REFUSED, "this is not the password");
		return;
	}
	call_result(asked->call,
		    json_pack("{s:s, s:s}", "jid", asked->who->bare, "password", "right"));
	arena_drop(asked->arena);
}

static void
check_loaded(void *ctx, enum account_found found, const struct credentials *credentials)
{
	struct asked *asked = ctx;

	switch (found) {
	case FAILED:
		asked_fail(asked, ERR_DOWN, NO_ANSWER_NOW);
		return;
	case ABSENT:
		asked_fail(asked, ERR_ABSENT, "there is no such account");
		return;
	case FOUND_DISABLED:
		asked_fail(asked, ERR_REFUSED, "the account is disabled");
		return;
	case FOUND:
		break;
	}
	if (!password_check(credentials, call_text(asked->call, "password"), check_password_known,
			    asked))
		asked_fail(asked, ERR_DOWN, "too many passwords are being checked; try again");
}

static void
run_check(struct call *call)
{
	struct asked *asked = asked_new(call, NULL);

	if (asked != NULL && has_password(asked))
		credentials_load(asked->domain, asked->who->local, check_loaded, asked);
}

/* --- list --- */

struct listing {
	struct call *call;
	json_t *found;
	char **domains; /* still to be read, in order; NULL-terminated */
	size_t next;
	char *after;
	int64_t room;
};

static void listing_go_on(struct listing *listing);

static void
listing_end(struct listing *listing, enum err_kind kind, const char *text)
{
	struct call *call = listing->call;

	if (text != NULL) {
		json_decref(listing->found);
		call_fail(call, kind, "%s", text);
	} else {
		call_result(call, listing->found);
	}
	for (size_t i = 0; listing->domains[i] != NULL; i++)
		free(listing->domains[i]);
	free(listing->domains);
	free(listing->after);
	free(listing);
}

static void
listing_page_read(void *ctx, enum stored result, const struct rows *rows)
{
	struct listing *listing = ctx;

	if (result != STORE_OK) {
		listing_end(listing, ERR_DOWN, NO_ANSWER_NOW);
		return;
	}
	for (size_t i = 0; i < rows->count; i++) {
		const struct value *row = ROW(rows, i);

		free(listing->after);
		listing->after = copy_text(row[0].bytes);
		if (row[3].integer != 0 && !call_flag(listing->call, "all"))
			continue; /* removed: only the name is kept */
		json_array_append_new(listing->found,
				      json_pack("{s:s, s:s, s:o}", "jid", row[0].bytes, "state",
						state_name(row[2].integer != 0, row[3].integer),
						"created", json_time(row[1].integer)));
		listing->room--;
	}
	if (!rows->more) {
		listing->next++;
		free(listing->after);
		listing->after = copy_text("");
	}
	listing_go_on(listing);
}

static void
listing_go_on(struct listing *listing)
{
	const char *domain = listing->domains[listing->next];
	struct value in[2];

	if (domain == NULL || listing->room <= 0) {
		listing_end(listing, ERR_NONE, NULL);
		return;
	}
	in[0] = text_value(domain);
	in[1] = text_value(listing->after);
	store_page(server.store, &account_list_statement, NULL, in,
		   listing->room < 500 ? (unsigned)listing->room : 500, listing_page_read, listing);
}

static int
compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void
run_list(struct call *call)
{
	const char *after = call_text(call, "after"), *wanted;
	int64_t limit = call_number(call, "limit", LIST_LIMIT);
	struct listing *listing;
	size_t count = 0;

	if (!command_domain(call, &wanted))
		return;
	if (limit < 1 || limit > LIST_MOST) {
		call_fail(call, ERR_SYNTAX, "--limit: %" PRId64 " is not between 1 and %d", limit,
			  LIST_MOST);
		return;
	}
	listing = zalloc(sizeof *listing);
	listing->call = call;
	listing->found = json_array();
	listing->room = limit;
	listing->after = copy_text(after ? after : "");
	listing->domains = zalloc(sizeof *listing->domains);
	for (struct domain *d = domain_next(NULL); d != NULL; d = domain_next(d)) {
		if (wanted != NULL && !text_is(wanted, d->name))
			continue;
		listing->domains = resize(listing->domains, (count + 2) * sizeof *listing->domains);
		listing->domains[count++] = copy_text(d->name);
		listing->domains[count] = NULL;
	}
	qsort(listing->domains, count, sizeof *listing->domains, compare_names);
	if (after != NULL && strchr(after, '@') != NULL)
		while (listing->domains[listing->next] != NULL &&
		       strcmp(listing->domains[listing->next], strchr(after, '@') + 1) < 0)
			listing->next++;
	listing_go_on(listing);
}

/* --- count --- */

struct counting {
	struct call *call;
	unsigned awaited;
	int64_t sum;
	bool failed;
};

static void
domain_counted(void *ctx, enum stored result, const struct rows *rows)
{
	struct counting *counting = ctx;
	struct call *call = counting->call;

	if (result == STORE_OK && rows->count > 0)
		counting->sum += ROW(rows, 0)[0].integer;
	else
		counting->failed = true;
	if (--counting->awaited > 0)
		return;
	if (counting->failed)
		call_fail(call, ERR_DOWN, "%s", NO_ANSWER_NOW);
	else /* a form's field is named by XEP-0133 */
		call_result(call,
			    json_pack("{s:I}", call->domain ? "registeredusersnum" : "accounts",
				      (json_int_t)counting->sum));
	free(counting);
}

static void
run_count(struct call *call)
{
	struct counting *counting;
	const char *wanted;

	if (!command_domain(call, &wanted))
		return;
	counting = zalloc(sizeof *counting);
	counting->call = call;
	for (struct domain *d = domain_next(NULL); d != NULL; d = domain_next(d))
		if (wanted == NULL || text_is(wanted, d->name))
			counting->awaited++;
	for (struct domain *d = domain_next(NULL); d != NULL; d = domain_next(d)) {
		struct value in = text_value(d->name);

		if (wanted == NULL || text_is(wanted, d->name))
			store_read(server.store, &account_number_statement, NULL, &in,
				   domain_counted, counting);
	}
}

/* --- the table --- */

#define NS_ADMIN "http://jabber.org/protocol/admin#"

#define THE_JID(field_, words_)                                                          \
	{                                                                                \
		.kind = ARGUMENT_JID, .name = "jid", .help = (words_), .field = (field_) \
	}
#define A_PASSWORD(words_)                                                        \
	{                                                                         \
		.kind = ARGUMENT_PASSWORD, .name = "--password", .help = (words_) \
	}

static const struct argument add_arguments[] = {
	THE_JID("accountjid", "the new account's address"),
	A_PASSWORD("its password"),
	{ 0 },
};

static const struct argument passwd_arguments[] = {
	THE_JID("accountjid", "the account"),
	A_PASSWORD("its new password"),
	{ 0 },
};

static const struct argument check_arguments[] = {
	THE_JID(NULL, "the account"),
	A_PASSWORD("what might be its password"),
	{ 0 },
};

static const struct argument remove_arguments[] = {
	THE_JID("accountjids", "the account"),
	{ .kind = ARGUMENT_NUMBER,
	  .name = "--reserve",
	  .help = "days for which nobody can take the name again; 30 unless given" },
	{ .kind = ARGUMENT_FLAG,
	  .name = "--erase",
	  .help = "not even the name is kept, and anybody can take it at once" },
	{ 0 },
};

static const struct argument export_arguments[] = {
	THE_JID(NULL, "the account"),
	{ .kind = ARGUMENT_FILE,
	  .name = "--file",
	  .help = "the file to write, which must not be there; standard output unless given" },
	{ 0 },
};

static const struct argument import_arguments[] = {
	{ .kind = ARGUMENT_FILE,
	  .name = "file",
	  .help = "a document of XEP-0227; \"-\" is standard input" },
	{ .kind = ARGUMENT_FLAG,
	  .name = "--merge",
	  .help = "accounts that are there get what they have not; their passwords stay" },
	{ 0 },
};

static const struct argument page_arguments[] = {
	THE_JID(NULL, "the account"),
	{ .kind = ARGUMENT_TEXT, .name = "--after", .help = "where the page before ended" },
	{ 0 },
};

static const struct argument take_arguments[] = {
	THE_JID(NULL, "the account"),
	{ .kind = ARGUMENT_TEXT, .name = "data", .help = "a <user/> with some of its children" },
	{ .kind = ARGUMENT_FLAG, .name = "--first", .help = "the first piece of the user" },
	{ .kind = ARGUMENT_FLAG, .name = "--last", .help = "the last piece of the user" },
	{ .kind = ARGUMENT_FLAG, .name = "--merge", .help = "the account may be there" },
	{ .kind = ARGUMENT_FLAG, .name = "--made", .help = "what the first piece answered" },
	{ .kind = ARGUMENT_FLAG, .name = "--disabled", .help = "the account stays disabled" },
	{ 0 },
};

static const struct argument some_accounts[] = { THE_JID("accountjids", "the account"), { 0 } };

static const struct argument one_account[] = { THE_JID(NULL, "the account"), { 0 } };

static const struct argument count_arguments[] = {
	{ .kind = ARGUMENT_DOMAIN,
	  .name = "domain",
	  .help = "only of this domain",
	  .optional = true },
	{ 0 },
};

static const struct argument list_arguments[] = {
	{ .kind = ARGUMENT_DOMAIN,
	  .name = "domain",
	  .help = "only of this domain",
	  .optional = true },
	{ .kind = ARGUMENT_NUMBER,
	  .name = "--limit",
	  .help = "at most so many; 1000 unless given" },
	{ .kind = ARGUMENT_TEXT, .name = "--after", .help = "begin behind this address" },
	{ .kind = ARGUMENT_FLAG,
	  .name = "--all",
	  .help = "reserved names of removed accounts, too" },
	{ 0 },
};

const struct command account_commands[] = {
	{
		.noun = "account",
		.verb = "add",
		.run = run_add,
		.about = "make an account",
		.help = "The password is asked for, read from a file, or made up and shown once; "
			"it is "
			"never kept, only what is needed to check it.",
		.example = "stentorctl account add juliet@capulet.example --generate",
		.arguments = add_arguments,
		.node = NS_ADMIN "add-user",
		.flags = COMMAND_ADHOC | COMMAND_OFFLINE,
	},
	{
		.noun = "account",
		.verb = "passwd",
		.run = run_passwd,
		.about = "give an account a new password",
		.example = "stentorctl account passwd juliet@capulet.example --password-file -",
		.arguments = passwd_arguments,
		.node = NS_ADMIN "change-user-password",
		.flags = COMMAND_ADHOC | COMMAND_OFFLINE,
	},
	{
		.noun = "account",
		.verb = "remove",
		.run = run_remove,
		.about = "remove an account and all that is kept of it",
		.help = "Its sessions end, its contacts are told that it is gone, everything it "
			"owned is "
			"erased, and nobody can take the name for some time.",
		.example = "stentorctl account remove tybalt@capulet.example --reserve 90",
		.arguments = remove_arguments,
		.node = NS_ADMIN "delete-user",
		.flags = COMMAND_ADHOC | COMMAND_OFFLINE | COMMAND_DANGEROUS,
	},
	{
		.noun = "account",
		.verb = "export",
		.about = "write all that is kept of an account into a file",
		.help = "The file is XML as XEP-0227 has it, which other servers can read; what "
			"has "
			"no place there is in a namespace of ours.  It is written a page at a "
			"time, "
			"however long the archive is, and nobody but who asked for it may read it: "
			"there are keys in it.",
		.example = "stentorctl account export juliet@capulet.example --file juliet.xml",
		.arguments = export_arguments,
		.flags = COMMAND_OFFLINE | COMMAND_TALKS,
	},
	{
		.noun = "account",
		.verb = "import",
		.about = "make the accounts that a file holds",
		.help = "The file is XML as XEP-0227 has it: of `account export`, of Prosody, "
			"ejabberd and others, with one account or many.  Nobody can log in to an "
			"account before all of it is there.  What is not understood is said, and "
			"left out.",
		.example = "stentorctl account import juliet.xml",
		.arguments = import_arguments,
		.flags = COMMAND_OFFLINE | COMMAND_TALKS,
	},
	{
		.noun = "account",
		.verb = "page",
		.run = run_page,
		.about = "a page of an export, for `account export`",
		.arguments = page_arguments,
		.flags = COMMAND_OFFLINE | COMMAND_HIDDEN,
	},
	{
		.noun = "account",
		.verb = "take",
		.run = run_take,
		.about = "a piece of an import, for `account import`",
		.arguments = take_arguments,
		.flags = COMMAND_OFFLINE | COMMAND_HIDDEN,
	},
	{
		.noun = "account",
		.verb = "disable",
		.run = run_disable,
		.about = "keep an account, but let nobody log in to it",
		.help = "Its sessions end.  Nothing is erased.",
		.example = "stentorctl account disable tybalt@capulet.example",
		.arguments = some_accounts,
		.node = NS_ADMIN "disable-user",
		.flags = COMMAND_ADHOC | COMMAND_OFFLINE,
	},
	{
		.noun = "account",
		.verb = "enable",
		.run = run_enable,
		.about = "end what `account disable` did",
		.example = "stentorctl account enable tybalt@capulet.example",
		.arguments = some_accounts,
		.node = NS_ADMIN "reenable-user",
		.flags = COMMAND_ADHOC | COMMAND_OFFLINE,
	},
	{
		.noun = "account",
		.verb = "list",
		.run = run_list,
		.about = "the accounts of a domain, or of all",
		.example = "stentorctl account list capulet.example --limit 100",
		.arguments = list_arguments,
		.flags = COMMAND_OFFLINE,
	},
	{
		.noun = "account",
		.verb = "show",
		.run = run_show,
		.about = "what is known of an account",
		.example = "stentorctl account show juliet@capulet.example",
		.arguments = one_account,
		.flags = COMMAND_OFFLINE,
	},
	{
		.noun = "account",
		.verb = "check",
		.run = run_check,
		.about = "whether a login with a password would pass",
		.example = "stentorctl account check juliet@capulet.example --password-file "
			   "secret.txt",
		.arguments = check_arguments,
		.flags = COMMAND_OFFLINE | COMMAND_PROVES,
	},
	{
		.noun = "account",
		.verb = "count",
		.run = run_count,
		.about = "how many accounts there are",
		.example = "stentorctl account count capulet.example",
		.arguments = count_arguments,
		.node = NS_ADMIN "get-registered-users-num",
		.flags = COMMAND_ADHOC | COMMAND_OFFLINE,
	},
	{ 0 },
};
