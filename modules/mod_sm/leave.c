/* SPDX-License-Identifier: MIT */
/*
 * What a session owed its client goes where the table (ends.c) says, in the order it happens:
 *
 *	leave_start	the session has ended: its queue is ours
 *	leave_look	later, when whoever replaces it is there: the fate of each stanza, oldest
 *			first; what the store has not decided about yet is waited for
 *	leave_end	what arrives anew goes into the account's lane, before all that has come
 *			meanwhile
 */
#include "sm.h"

#include "xml/parser.h"

struct leaving {
	struct account *account; /* held, and its lane when `holds_lane` */
	enum cause cause;
	struct queue queue;
	struct list again; /* struct stanza, that arrive anew */
	unsigned counts[FATES];
	struct post post;
	struct gate_wait wait;
	bool holds_lane;
};

static void leave_look(void *arg);
static void leave_end(struct leaving *leaving);

void
leave_start(struct managed *managed)
{
	struct account *account = managed->session->account;
	enum cause cause =
		managed->cause != 0 ? managed->cause : (enum cause)managed->session->departure;
	struct leaving *leaving;

	if (managed->queue.count == 0)
		return;
	leaving = zalloc(sizeof *leaving);
	leaving->account = account_hold(account);
	leaving->cause = cause;
	leaving->queue = managed->queue;
	managed->queue = (struct queue) { 0 };
	list_init(&leaving->again);
	/* What comes now comes behind what it has not got. */
	leaving->holds_lane = !account->ending;
	if (leaving->holds_lane)
		account_hold_lane(account);
	shard_post(shard_here(), &leaving->post, leave_look, leaving);
}

/* The stanza as an element in `arena`; NULL when it cannot be read. */
static struct element *
element_of(const struct owed *owed, struct arena *arena)
{
	struct text text = { 0 };
	struct element *around, *element = NULL;

	text_add(&text, "<owed xmlns='" NS_CLIENT "'>");
	text_add_bytes(&text, owed->head->bytes, owed->head->length);
	if (owed->payload != NULL)
		text_add_bytes(&text, owed->payload->bytes, owed->payload->length);
	text_add(&text, "</owed>");
	around = element_parse(arena, text.bytes, text.length, NULL);
	text_clear(&text);
	if (around != NULL && (element = element_first(around)) != NULL)
		element_remove(element);
	return element;
}

static enum content
content_of(const struct owed *owed, const struct element *element, const struct jid *account)
{
	if (owed->kind == STANZA_PRESENCE)
		return CONTENT_PRESENCE;
	if (owed->kind == STANZA_IQ)
		return owed->type == TYPE_GET || owed->type == TYPE_SET ? CONTENT_REQUEST
									: CONTENT_ANSWER;
	if (owed->kept)
		return CONTENT_KEPT;
	return content_of_message(element, (enum stanza_type)owed->type, account);
}

/* Somebody else has it, or is owed it. */
static bool
is_shared(const struct owed *owed)
{
	return owed->audience != NULL && (owed->audience->heard || owed->audience->holds > 1);
}

static void
add_delay(struct arena *arena, struct element *message, const char *domain, uint32_t at)
{
	struct delay delay;

	if (!delay_read(&delay, arena, message, domain))
		element_put(message, delay_element(arena, domain, (int64_t)at * 1000, NULL));
}

static bool
arrives_anew(struct leaving *leaving, const struct owed *owed, struct arena *arena,
	     struct element *message)
{
	struct stanza *stanza;

	add_delay(arena, message, leaving->account->jid->domain, owed->at);
	stanza = stanza_again(leaving->account, arena, message, owed->archive_id);
	if (stanza == NULL)
		return false;
	list_append(&leaving->again, &stanza->place);
	return true;
}

static bool
goes_back(struct arena *arena, const struct element *element)
{
	struct element *error = stanza_error_reply(arena, element, SERVICE_UNAVAILABLE, NULL, NULL);
	const char *from = element_get(element, "from"), *to = element_get(element, "to");
	struct jid sender, recipient;

	if (error == NULL || from == NULL || to == NULL || !jid_parse(&sender, arena, from, NULL) ||
	    !jid_parse(&recipient, arena, to, NULL))
		return false;
	router_send_element(arena, error, &recipient, &sender);
	return true;
}

static void
decide(struct leaving *leaving, const struct owed *owed)
{
	struct arena *arena;
	struct element *element;
	enum content content;
	enum fate fate;
	bool taken = false; /* the arena */

	if (owed->head == NULL) /* the store has refused it, and its sender knows */
		return;
	arena = arena_new();
	element = element_of(owed, arena);
	if (element != NULL) {
		content = content_of(owed, element, leaving->account->jid);
		if (content == CONTENT_RECEIVED && (element = carbon_message(element)) != NULL)
			element_remove(element);
		fate = fate_of(leaving->cause, content, owed->archive_id != 0, is_shared(owed));
		leaving->counts[fate]++;
		if (fate == FATE_REDELIVER)
			taken = arrives_anew(leaving, owed, arena, element);
		else if (fate == FATE_RETURN)
			taken = goes_back(arena, element);
	}
	if (!taken)
		arena_drop(arena);
}

static void
leave_look(void *arg)
{
	struct leaving *leaving = arg;
	struct owed *owed;

	while ((owed = leaving->queue.first) != NULL) {
		queue_settle(&leaving->queue, owed);
		if (owed->gate != NULL) {
			gate_wait(owed->gate, &leaving->wait, leave_look, leaving);
			return;
		}
		decide(leaving, owed);
		owed_free(queue_shift(&leaving->queue));
	}
	leave_end(leaving);
}

static void
leave_end(struct leaving *leaving)
{
	struct account *account = leaving->account;
	const unsigned *counts = leaving->counts;

	if (counts[FATE_REDELIVER] + counts[FATE_ARCHIVE] + counts[FATE_RETURN] > 0)
		log_info(&account->log,
			 "what a session had not got arrives=%u archived=%u returned=%u dropped=%u",
			 counts[FATE_REDELIVER], counts[FATE_ARCHIVE], counts[FATE_RETURN],
			 counts[FATE_DROP]);
	account_redeliver(account, &leaving->again);
	if (leaving->holds_lane)
		account_release_lane(account);
	account_drop(account);
	free(leaving);
}
