/* SPDX-License-Identifier: MIT */
/*
 * mod_offline -- XEP-0160: messages for who is not there.
 *
 * A message that nobody can take now is kept, with the hour it came (XEP-0203), and its
 * sender's receipt settles when it is stored.  Delivering, in the order it happens:
 *
 *   flush_start	a session is available with a priority of zero or more: hold the
 *			account's lane, so that what comes now waits behind what came before
 *   flush_page		some rows are here: say them; more? ask for the next
 *   flush_said		all are said, or as much as a client is given at once: let the lane
 *			go, and ping behind the last one
 *   flush_answered	the client has answered, so it has them: delete, and say more if there
 *			is more; or it has gone: the rows stay for the next session
 */
#include <string.h>

#include "module.h"
#include "xml/parser.h"

#define PAGE           50
#define AT_ONCE        (256 << 10) /* bytes said before the client has taken them */
#define NS_CHAT_STATES "http://jabber.org/protocol/chatstates"

struct offline {
	int64_t messages_max;
	int64_t bytes_max;
	int64_t patience;
};

struct queue {        /* a corner of the account */
	int64_t last; /* the highest id ever given */
	int64_t count, bytes;
	bool flushing;
};

struct flush {
	struct offline *offline;
	struct account *account;
	struct session *session;
	int64_t cursor;
	int64_t count, bytes;
	bool more; /* waits behind what was said */
};

static void flush_start(struct offline *offline, struct session *session);
static void flush_page(void *held, enum stored result, const struct rows *rows);
static void flush_said(struct flush *flush);
static void flush_answered(void *held, const struct stanza *answer);
static void flush_end(struct flush *flush);

static const struct statement queue_load = {
	.name = "offline.load",
	.in = "t",
	.out = "iii",
	.sqlite = "SELECT count(*), coalesce(sum(length(CAST(stanza AS BLOB))), 0), "
		  "coalesce(max(id), 0)"
		  " FROM offline WHERE owner = ?",
	.mariadb = "SELECT count(*), coalesce(sum(length(stanza)), 0), coalesce(max(id), 0)"
		   " FROM offline WHERE owner = ?",
	.hot = true,
};
static const struct statement message_put = {
	.name = "offline.put",
	.in = "tit",
	.sqlite = "INSERT INTO offline (owner, id, stanza) VALUES (?, ?, ?)",
};
static const struct statement message_page = {
	.name = "offline.page",
	.in = "ti",
	.out = "it",
	.sqlite = "SELECT id, stanza FROM offline WHERE owner = ? AND id > ? ORDER BY id LIMIT ?",
	.hot = true,
};
static const struct statement message_delete = {
	.name = "offline.delete",
	.in = "ti",
	.sqlite = "DELETE FROM offline WHERE owner = ? AND id <= ?",
	.hot = true,
};
static const struct statement message_bring = {
	.name = "offline.bring",
	.in = "itt",
	.sqlite = "INSERT INTO offline (id, stanza, owner) VALUES (?, ?, ?)",
};
static const struct statement message_erase = {
	.name = "offline.erase",
	.in = "t",
	.sqlite = "DELETE FROM offline WHERE owner = ?",
	.hot = true,
};

/* --- loading --- */

static void
queue_loaded(void *self, struct account *account, const struct rows *rows)
{
	struct queue *queue = account_corner(account, self);

	queue->count = ROW(rows, 0)[0].integer;
	queue->bytes = ROW(rows, 0)[1].integer;
	queue->last = ROW(rows, 0)[2].integer;
}

static enum outcome
on_account_loading(void *self, struct account *account)
{
	return account_read(self, account, &queue_load, queue_loaded);
}

/* --- keeping --- */

/* XEP-0203 §7: only we say when something was delayed here. */
static enum outcome
on_stamping(void *self, struct stanza *stanza)
{
	const char *ours = stanza->account->domain->name;
	struct element *child, *next;
	bool forged = false;

	(void)self;
	ELEMENT_EACH (stanza->element, delay)
		forged = forged || (element_is(delay, NS_DELAY, "delay") &&
				    text_is(element_get(delay, "from"), ours));
	if (!forged || stanza->flag_private)
		return PASS;
	for (child = element_first(stanza_edit(stanza)); child != NULL; child = next) {
		next = element_next(child);
		if (element_is(child, NS_DELAY, "delay") &&
		    text_is(element_get(child, "from"), ours))
			element_remove(child);
	}
	return PASS;
}

/* XEP-0160 §3: what is worth keeping. */
static bool
is_worth_keeping(const struct stanza *stanza)
{
	if (stanza->type == TYPE_NORMAL || (hints_read(stanza->element) & HINT_STORE) != 0)
		return true;
	ELEMENT_EACH (stanza->element, child) /* more than "is typing" */
		if (strcmp(child->ns, NS_CHAT_STATES) != 0 && strcmp(child->ns, NS_HINTS) != 0 &&
		    strcmp(child->name, "thread") != 0)
			return true;
	return false;
}

static enum outcome
on_fallback(void *self, struct stanza *stanza)
{
	const struct offline *offline = self;
	struct account *account = stanza->account;
	struct queue *queue = account_corner(account, self);
	struct element *kept;
	struct delay delay;
	const char *text;
	int64_t now = now_unix_ms() * 1000;

	if (!is_worth_keeping(stanza))
		return DONE;
	/* XEP-0334: <no-store/> forbids it, so the sender learns that nobody was there;
	 * <no-permanent-store/> is about archives. */
	if ((hints_read(stanza->element) & HINT_NO_STORE) != 0)
		return PASS;
	kept = element_copy(stanza->arena, stanza->element);
	if (!delay_read(&delay, stanza->arena, kept, account->domain->name)) /* not owed before */
		element_put(kept, delay_element(stanza->arena, account->domain->name, now_unix_ms(),
						NULL));
	text = xml_text(stanza->arena, kept, NULL);
	if (queue->count >= offline->messages_max ||
	    queue->bytes + (int64_t)strlen(text) > offline->bytes_max)
		return stanza_error(stanza, SERVICE_UNAVAILABLE,
				    "too many messages wait for this account");
	queue->last = now > queue->last ? now : queue->last + 1;
	queue->count++;
	queue->bytes += (int64_t)strlen(text);
	batch_add(stanza_batch(stanza), &message_put,
		  (struct value[]) { text_value(account->jid->bare), INTEGER_VALUE(queue->last),
				     text_value(text) });
	return DONE;
}

/* --- delivering --- */

static void
next_page(struct flush *flush)
{
	store_page(flush->account->domain->store, &message_page, flush->account->jid->bare,
		   (struct value[]) { text_value(flush->account->jid->bare),
				      INTEGER_VALUE(flush->cursor) },
		   PAGE, flush_page, flush);
}

static void
flush_start(struct offline *offline, struct session *session)
{
	struct queue *queue = account_corner(session->account, offline);
	struct flush *flush;

	if (queue == NULL || queue->flushing || queue->count == 0)
		return;
	queue->flushing = true;
	flush = zalloc(sizeof *flush);
	flush->offline = offline;
	flush->session = session_hold(session);
	flush->account = account_hold(session->account);
	account_hold_lane(flush->account);
	next_page(flush);
}

static void
flush_page(void *held, enum stored result, const struct rows *rows)
{
	struct flush *flush = held;
	struct arena *arena;

	if (result == STORE_FAILED || flush->session->gone) {
		account_release_lane(flush->account);
		flush_end(flush);
		return;
	}
	arena = arena_new();
	flush->more = rows->more;
	for (size_t i = 0; i < rows->count; i++) {
		const struct value *text = &ROW(rows, i)[1];
		struct element *message = element_parse(arena, text->bytes, text->length, NULL);

		flush->cursor = ROW(rows, i)[0].integer;
		flush->count++;
		flush->bytes += (int64_t)text->length;
		if (message != NULL)
			session_say_kept(flush->session, message);
		if (session_unsent(flush->session) >= AT_ONCE) {
			flush->more |= i + 1 < rows->count;
			break;
		}
	}
	arena_drop(arena);
	if (flush->more && session_unsent(flush->session) < AT_ONCE)
		next_page(flush);
	else
		flush_said(flush);
}

static void
flush_said(struct flush *flush)
{
	struct arena *arena = arena_new();

	account_release_lane(flush->account);
	iq_ask(flush->account->domain, NULL, flush->session, element_new(arena, NS_PING, "ping"),
	       false, flush->offline->patience, flush_answered, flush);
	arena_drop(arena);
}

static void
flush_answered(void *held, const struct stanza *answer)
{
	struct flush *flush = held;
	const char *owner = flush->account->jid->bare;
	struct queue *queue = account_corner(flush->account, flush->offline);
	struct batch *batch;

	/* An error is an answer too: the client has read as far as our question. */
	if (answer != NULL) {
		if (queue != NULL) {
			queue->count -= flush->count;
			queue->bytes -= flush->bytes;
		}
		batch = batch_new(flush->account->domain->store, owner);
		batch_add(batch, &message_delete,
			  (struct value[]) { text_value(owner), INTEGER_VALUE(flush->cursor) });
		batch_commit(batch, NULL, NULL);
	}
	if (answer == NULL || queue == NULL || !flush->more || flush->session->gone) {
		flush_end(flush);
		return;
	}
	flush->count = flush->bytes = 0;
	account_hold_lane(flush->account);
	next_page(flush);
}

static void
flush_end(struct flush *flush)
{
	struct account *account = flush->account;
	struct offline *offline = flush->offline;
	struct session *gone = flush->session, *other = NULL, *session;
	struct queue *queue = account_corner(account, offline);

	if (queue != NULL) { /* NULL: the module was stopped meanwhile */
		queue->flushing = false;
		LIST_EACH (&account->sessions, session, struct session, place)
			if (session != gone && session->available && session->priority >= 0)
				other = session;
		if (gone->gone && other != NULL)
			flush_start(offline, other);
	}
	session_drop(gone);
	account_drop(account);
	free(flush);
}

static void
on_available(void *self, struct session *session, bool first)
{
	(void)first;
	if (session->priority >= 0)
		flush_start(self, session);
}

static const struct option options[] = {
	OPTION_NUMBER(struct offline, messages_max, 1000, 1, 100000,
		      "how many messages may wait for an account"),
	OPTION_SIZE(struct offline, bytes_max, 10000000, 10000, 1000000000,
		    "how many bytes of messages may wait for an account"),
	OPTION_PERIOD(struct offline, patience, PERIOD_SECONDS(60), PERIOD_SECONDS(5),
		      PERIOD_MINUTES(10),
		      "how long a client may take to say that it has its messages"),
	{ 0 },
};

static const struct hook hooks[] = {
	HOOK(account_loading, GUARD, on_account_loading),
	HOOK(message_arriving, STAMP, on_stamping),
	HOOK(message_arriving, FALLBACK, on_fallback),
	FACT(session_available, on_available),
	{ 0 },
};

/* --- taken along --- */

static struct element *
message_show(struct arena *arena, const char *owner, const struct value *row)
{
	(void)owner;
	return element_parse(arena, row[1].bytes, row[1].length, NULL);
}

/* Old exports leave away the namespace. */
static void
put_into_client(struct element *element, const char *ns)
{
	if (text_is(element->ns, ns))
		element->ns = NS_CLIENT;
	ELEMENT_EACH (element, child)
		put_into_client(child, ns);
}

/* Ids of an archive that is not here. */
static void
forget_ids(struct element *message, const char *owner)
{
	struct element *child, *next;

	for (child = element_first(message); child != NULL; child = next) {
		next = element_next(child);
		if (element_is(child, NS_STANZA_ID, "stanza-id") &&
		    text_is(element_get(child, "by"), owner))
			element_remove(child);
	}
}

static bool
message_take(struct taking *taking, const struct element *message)
{
	struct element *copy = element_copy(taking->arena, message);
	int64_t id = now_unix_ms() * 1000 + taking->rows; /* they come in their order */

	if (strcmp(message->name, "message") != 0 || element_get(message, "from") == NULL)
		return false;
	put_into_client(copy, message->ns);
	forget_ids(copy, taking->owner);
	element_set(taking->arena, copy, "to", taking->owner);
	taking_add(taking, &message_bring,
		   (struct value[]) { INTEGER_VALUE(id),
				      text_value(xml_text(taking->arena, copy, NULL)) });
	return true;
}

static const struct form forms[] = {
	{ NS_PIE, "offline-messages", true, message_show, message_take },
	{ 0 },
};

static const struct keep keeps[] = {
	{ .what = "messages that wait for the account",
	  .rows = &message_page,
	  .erase = &message_erase,
	  .forms = forms },
	{ 0 },
};

MODULE = {
	.api = MODULE_API,
	.name = "offline",
	.about = "Offline Messages (XEP-0160)",
	.help = "A message for somebody who is not there is kept and delivered with the "
		"hour it came at the next login, in order.  It is forgotten when the client "
		"has confirmed that it has it, and not before.  At a bound the sender is "
		"told.",
	.features = NAMES("msgoffline"),
	.options = options,
	.statements = STATEMENTS(&queue_load, &message_put, &message_page, &message_delete,
				 &message_bring, &message_erase),
	.migrates = true,
	.keeps = keeps,
	.hooks = hooks,
	.size = sizeof(struct offline),
	.account_size = sizeof(struct queue),
};
