/* SPDX-License-Identifier: MIT */
/*
 * mod_csi -- XEP-0352: a client that nobody looks at is not woken for what can wait.
 *
 * While a client is inactive, what does not matter at once is kept back, in order: presence,
 * chat states, receipts and markers, notifications of pubsub nodes.  What makes an older one
 * void takes its place: the last presence, chat state or "displayed" of a sender is enough.
 * All of it leaves before what does matter -- a message that says something, an IQ, a request
 * for subscription, an error -- when the client is active again, and when there is too much
 * of it.  So the order is kept, and what stands behind a held parcel has a reason to.
 *
 * What is kept back has not been said: it meets parcel_leaving again when it leaves, and only
 * then stream management counts it.  Resumption makes a client active (§5.2), once what it
 * missed was said.
 */
#include <ctype.h>
#include <string.h>

#include "module.h"

#define NICKS_MAX 500

struct csi {
	int64_t held_max, bytes_max;
	int64_t rooms; /* enum rooms */
	uint64_t held, merged, saved, releases;
};

enum rooms { ROOMS_ALL, ROOMS_MENTIONS };

struct state { /* a corner of the session */
	bool inactive;
	struct queue *queue; /* NULL: nothing is kept back */
	struct table *nicks; /* struct nick, by room, when they matter; NULL: none */
};

struct queue {
	struct list parcels; /* struct held, oldest first */
	struct table replaceable;
	int64_t count, bytes;
};

struct held {
	struct list place;
	struct entry entry; /* when a later one may take its place */
	struct parcel parcel;
	char key[];
};

struct nick {
	struct entry entry;
	char *name;
	char room[];
};

/* --- what matters --- */

enum weight { MATTERS, CAN_WAIT };

/* What of the same sender is void because of it: chat states, markers, presence. */
struct voids {
	char kind; /* 'c', 'd', 'p'; NUL: nothing */
	char way;  /* '-'; in a copy 's' sent, 'r' received */
	const char *with;
	bool replaceable; /* and it by the next of its kind */
};

/* What a child makes of a message.  What is not in this table matters: somebody said it. */
enum trait { TRAIT_NONE, TRAIT_STATE, TRAIT_DISPLAYED, TRAIT_NOTICE, TRAIT_SPEAKS };

static const struct {
	const char *ns, *name; /* name NULL: any */
	enum trait trait;
} traits[] = {
	{ NS_CLIENT, "thread", TRAIT_NONE },          { NS_HINTS, NULL, TRAIT_NONE },
	{ NS_STANZA_ID, NULL, TRAIT_NONE },           { NS_DELAY, NULL, TRAIT_NONE },
	{ NS_OCCUPANT_ID, NULL, TRAIT_NONE },         { NS_RECEIPTS, "request", TRAIT_NONE },
	{ NS_MARKERS, "markable", TRAIT_NONE },       { NS_CHAT_STATES, NULL, TRAIT_STATE },
	{ NS_MARKERS, "displayed", TRAIT_DISPLAYED }, { NS_MARKERS, NULL, TRAIT_NOTICE },
	{ NS_RECEIPTS, "received", TRAIT_NOTICE },    { NS_PUBSUB_EVENT, "event", TRAIT_NOTICE },
};

static enum trait
trait_of(const struct element *child)
{
	/* On what an occupant of a room says in private it is there, and empty. */
	if (element_is(child, NS_MUC_USER, "x") && element_first(child) == NULL)
		return TRAIT_NONE;
	for (size_t i = 0; i < COUNT(traits); i++)
		if (text_is(child->ns, traits[i].ns) &&
		    (traits[i].name == NULL || strcmp(child->name, traits[i].name) == 0))
			return traits[i].trait;
	return TRAIT_SPEAKS;
}

/* A copy (XEP-0280) is what is in it, and who is spoken with. */
static const struct element *
unwrap(const struct element *message, struct voids *voids)
{
	static const struct {
		const char *name, *with;
		char way;
	} ways[] = { { "sent", "to", 's' }, { "received", "from", 'r' } };

	voids->with = element_get(message, "from");
	voids->way = '-';
	for (size_t i = 0; i < COUNT(ways); i++) {
		const struct element *copy = element_child(message, NS_CARBONS, ways[i].name);
		const struct element *inner = NULL;

		if (copy != NULL)
			copy = element_child(copy, NS_FORWARD, "forwarded");
		if (copy != NULL)
			inner = element_child(copy, NS_CLIENT, "message");
		if (inner == NULL)
			continue;
		voids->with = element_get(inner, ways[i].with);
		voids->way = ways[i].way;
		return inner;
	}
	return message;
}

/* --- who is spoken to in a room --- */

/* Whether `word` is in `text` by itself, in whatever letters. */
static bool
has_word(const char *text, const char *word)
{
	size_t length = strlen(word);
	bool inside = false; /* another word */

	for (; length > 0 && *text != '\0'; text++) {
		if (!inside && strncasecmp(text, word, length) == 0 &&
		    !isalnum((unsigned char)text[length]))
			return true;
		inside = isalnum((unsigned char)*text) || (unsigned char)*text >= 0x80;
	}
	return false;
}

static bool
is_referred_to(const struct element *message, const char *name)
{
	ELEMENT_EACH (message, child) { /* XEP-0372 */
		const char *uri = element_get(child, "uri");

		if (element_is(child, "urn:xmpp:reference:0", "reference") &&
		    text_is(element_get(child, "type"), "mention") && uri != NULL &&
		    text_starts(uri, "xmpp:") && has_word(uri, name))
			return true;
	}
	return false;
}

/* Who is not known to us by a nick is spoken to by everything, and nobody can tell what is
 * encrypted. */
static bool
is_spoken_to(const struct session *session, const struct state *state,
	     const struct element *message, const char *from)
{
	struct arena *arena = arena_new();
	size_t length = from != NULL ? strcspn(from, "/") : 0;
	const char *room = arena_copy_bytes(arena, from, length);
	const char *body = element_child_text(arena, message, NULL, "body");
	struct entry *entry = state->nicks != NULL ? table_get(state->nicks, room) : NULL;
	const struct nick *nick = TABLE_ITEM(entry, struct nick, entry);
	bool spoken_to = body == NULL || nick == NULL || has_word(body, nick->name) ||
			 is_referred_to(message, nick->name) ||
			 is_referred_to(message, session->account->jid->bare);

	arena_drop(arena);
	return spoken_to;
}

/* --- weighing --- */

/* In a room, what is about this client itself matters: it has asked for it, or was thrown out. */
static bool
is_about_itself(const struct element *presence)
{
	const struct element *room = element_child(presence, NS_MUC_USER, "x");

	if (room == NULL)
		return false;
	if (element_child(room, NULL, "destroy") != NULL)
		return true;
	ELEMENT_EACH (room, child)
		if (strcmp(child->name, "status") == 0 &&
		    text_is(element_get(child, "code"), "110"))
			return true;
	return false;
}

static enum weight
weigh_presence(const struct parcel *parcel, struct voids *voids)
{
	if (parcel->type != TYPE_AVAILABLE && parcel->type != TYPE_UNAVAILABLE)
		return MATTERS;
	voids->kind = 'p';
	voids->way = '-';
	voids->with = element_get(parcel->element, "from");
	voids->replaceable = true;
	return is_about_itself(parcel->element) ? MATTERS : CAN_WAIT;
}

static enum weight
weigh_message(const struct csi *csi, const struct session *session, const struct state *state,
	      const struct parcel *parcel, struct voids *voids)
{
	const struct element *message = unwrap(parcel->element, voids);
	const char *type = element_get(message, "type");
	bool found[TRAIT_SPEAKS + 1] = { false };

	if (text_is(type, "error"))
		return MATTERS;
	ELEMENT_EACH (message, child)
		found[trait_of(child)] = true;
	if (found[TRAIT_SPEAKS]) {
		voids->kind = 'c'; /* who has said something is not about to say it */
		return csi->rooms == ROOMS_MENTIONS && text_is(type, "groupchat") &&
				       !is_spoken_to(session, state, message, voids->with)
			       ? CAN_WAIT
			       : MATTERS;
	}
	if (!found[TRAIT_NOTICE] && (found[TRAIT_STATE] || found[TRAIT_DISPLAYED])) {
		voids->kind = found[TRAIT_DISPLAYED] ? 'd' : 'c';
		voids->replaceable = true;
	}
	return CAN_WAIT;
}

/* --- keeping back --- */

static int64_t
size(const struct parcel *parcel)
{
	return parcel->head->length + (parcel->payload != NULL ? parcel->payload->length : 0);
}

/* Takes it out of the queue; its parcel is the caller's. */
static struct parcel
take_out(struct queue *queue, struct held *held)
{
	struct parcel parcel = held->parcel;

	queue->count--;
	queue->bytes -= size(&parcel);
	list_remove(&held->place);
	if (held->key[0] != '\0')
		table_remove(&queue->replaceable, &held->entry);
	free(held);
	return parcel;
}

/* What is void because of what comes now. */
static void
make_void(struct csi *csi, struct queue *queue, const char *key)
{
	struct entry *entry = table_get(&queue->replaceable, key);
	struct parcel parcel;

	if (entry == NULL)
		return;
	parcel = take_out(queue, CONTAINER(entry, struct held, entry));
	csi->merged++;
	csi->saved += (uint64_t)size(&parcel);
	parcel_drop(&parcel);
}

static void
keep_back(struct csi *csi, struct state *state, const struct parcel *parcel, const char *key)
{
	struct held *held = zalloc(sizeof *held + strlen(key) + 1);

	if (state->queue == NULL) {
		state->queue = zalloc(sizeof *state->queue);
		list_init(&state->queue->parcels);
	}
	held->parcel = *parcel;
	strcpy(held->key, key);
	list_append(&state->queue->parcels, &held->place);
	if (*key != '\0')
		table_put(&state->queue->replaceable, &held->entry, held->key);
	state->queue->count++;
	state->queue->bytes += size(parcel);
	csi->held++;
}

/* --- letting go --- */

/* The queue is taken first: what is let go may end the session, or be answered. */
static struct queue *
take_queue(struct state *state)
{
	struct queue *queue = state->queue;

	state->queue = NULL;
	return queue;
}

static void
queue_free(struct queue *queue)
{
	table_clear(&queue->replaceable);
	free(queue);
}

static void
release(struct csi *csi, struct session *session, struct state *state)
{
	struct queue *queue = take_queue(state);

	if (queue == NULL)
		return;
	csi->releases++;
	while (!list_is_empty(&queue->parcels))
		session_let_go(session,
			       take_out(queue, LIST_ITEM(queue->parcels.next, struct held, place)));
	queue_free(queue);
}

static enum outcome
on_parcel(void *self, struct session *session, struct parcel *parcel)
{
	struct csi *csi = self;
	struct state *state = session_corner(session, self);
	enum weight weight = MATTERS;
	struct voids voids = { 0 };
	struct arena *arena;
	char *key;

	if (!state->inactive || parcel->again)
		return PASS;
	if (parcel->element == NULL) /* written before: it came from the archive, asked for */
		weight = MATTERS;
	else if (parcel->kind == STANZA_PRESENCE)
		weight = weigh_presence(parcel, &voids);
	else if (parcel->kind == STANZA_MESSAGE && strcmp(parcel->element->name, "message") == 0)
		weight = weigh_message(csi, session, state, parcel, &voids);
	arena = arena_new();
	key = arena_format(arena, "%c%c%s", voids.kind, voids.way,
			   voids.with != NULL ? voids.with : "");
	if (voids.kind != '\0' && state->queue != NULL)
		make_void(csi, state->queue, key);
	if (weight == CAN_WAIT)
		keep_back(csi, state, parcel, voids.replaceable ? key : "");
	if (weight == MATTERS || state->queue->count >= csi->held_max ||
	    state->queue->bytes >= csi->bytes_max)
		release(csi, session, state);
	arena_drop(arena);
	return weight == MATTERS ? PASS : DONE;
}

/* --- active and inactive --- */

static enum outcome
on_inactive(void *self, struct client *client, struct session *session,
	    const struct element *element)
{
	struct state *state = session_corner(session, self);

	(void)client;
	(void)element;
	state->inactive = true;
	return DONE;
}

static enum outcome
on_active(void *self, struct client *client, struct session *session, const struct element *element)
{
	struct state *state = session_corner(session, self);

	(void)client;
	(void)element;
	state->inactive = false;
	release(self, session, state);
	return DONE;
}

struct waking {
	struct post post;
	struct csi *csi;
	struct session *session;
};

/* What the client had missed was said meanwhile. */
static void
woken(void *arg)
{
	struct waking *waking = arg;
	struct state *state = session_corner(waking->session, waking->csi);

	if (state != NULL && !waking->session->gone) {
		state->inactive = false;
		release(waking->csi, waking->session, state);
	}
	session_drop(waking->session);
	free(waking);
}

static void
on_carried(void *self, struct session *session)
{
	struct waking *waking = zalloc(sizeof *waking);

	waking->csi = self;
	waking->session = session_hold(session);
	shard_post(shard_here(), &waking->post, woken, waking);
}

/* What becomes of messages is for who keeps account of what was not delivered (mod_sm); presence
 * is over with the session. */
static void
on_left(void *self, struct session *session)
{
	struct state *state = session_corner(session, self);
	struct queue *queue = take_queue(state);

	(void)self;
	while (queue != NULL && !list_is_empty(&queue->parcels)) {
		struct parcel parcel =
			take_out(queue, LIST_ITEM(queue->parcels.next, struct held, place));

		if (parcel.kind == STANZA_MESSAGE)
			session_let_go(session, parcel);
		else
			parcel_drop(&parcel);
	}
	if (queue != NULL)
		queue_free(queue);
}

/* --- rooms that a client is in, and by which name --- */

static void
nick_forget(struct state *state, const char *room)
{
	struct entry *entry = state->nicks != NULL ? table_get(state->nicks, room) : NULL;
	struct nick *nick = TABLE_ITEM(entry, struct nick, entry);

	if (nick == NULL)
		return;
	table_remove(state->nicks, entry);
	free(nick->name);
	free(nick);
}

/* Presence to somebody in a room, oneself that is, enters it or changes the nick (XEP-0045 §7). */
static enum outcome
on_presence_leaving(void *self, struct stanza *stanza)
{
	const struct csi *csi = self;
	struct state *state = session_corner(stanza->session, self);
	struct nick *nick;

	if (csi->rooms != ROOMS_MENTIONS || !stanza->addressed || stanza->to.resource == NULL)
		return PASS;
	if (stanza->type == TYPE_AVAILABLE && state->nicks == NULL &&
	    element_child(stanza->element, NS_MUC, "x") == NULL)
		return PASS;
	if (stanza->type != TYPE_AVAILABLE && stanza->type != TYPE_UNAVAILABLE)
		return PASS;
	if (stanza->type == TYPE_AVAILABLE && state->nicks == NULL)
		state->nicks = zalloc(sizeof *state->nicks);
	nick_forget(state, stanza->to.bare);
	if (stanza->type == TYPE_AVAILABLE && state->nicks->count < NICKS_MAX) {
		nick = zalloc(sizeof *nick + strlen(stanza->to.bare) + 1);
		strcpy(nick->room, stanza->to.bare);
		nick->name = copy_text(stanza->to.resource);
		table_put(state->nicks, &nick->entry, nick->room);
	}
	return PASS;
}

/* --- the end --- */

static void
nicks_free(struct state *state)
{
	struct entry *entry, *next;

	if (state->nicks == NULL)
		return;
	for (entry = table_next(state->nicks, NULL); entry != NULL; entry = next) {
		struct nick *nick = CONTAINER(entry, struct nick, entry);

		next = table_next(state->nicks, entry);
		free(nick->name);
		free(nick);
	}
	table_clear(state->nicks);
	free(state->nicks);
	state->nicks = NULL;
}

/* When the module was stopped and the session stays, it gets what it has not got yet. */
static void
on_unloading(void *self, struct session *session)
{
	struct state *state = session_corner(session, self);

	state->inactive = false;
	if (session->gone)
		on_left(self, session);
	else
		release(self, session, state);
	nicks_free(state);
}

static void
on_features(void *self, struct stream_features *features)
{
	(void)self;
	if (features->admitted)
		element_add(features->arena, features->element, NS_CLIENT_STATE, "csi");
}

static const struct option options[] = {
	OPTION_NUMBER(struct csi, held_max, 500, 1, 100000,
		      "how many stanzas are kept back for a client before all are sent"),
	OPTION_SIZE(struct csi, bytes_max, 256000, 1000, 100000000,
		    "how many bytes are kept back for a client before all are sent"),
	{ OPTION_FIELD(OPTION_CHOICE_, struct csi, rooms), .text_fallback = "all",
	  .words = (const char *const[]) { "all", "mentions", NULL },
	  .help = "what is said in a room is sent at once, or only where the user is spoken to" },
	{ 0 },
};

static const struct element_rule elements[] = {
	{ ELEMENT_BOUND, NS_CLIENT_STATE, "active", on_active },
	{ ELEMENT_BOUND, NS_CLIENT_STATE, "inactive", on_inactive },
	{ 0 },
};

static const struct hook hooks[] = {
	HOOK(parcel_leaving, GUARD, on_parcel),
	HOOK(presence_leaving, DELIVER, on_presence_leaving),
	HOOK(session_left, GUARD, on_left), /* before who keeps account */
	FACT(session_carried, on_carried),
	FACT(session_unloading, on_unloading),
	FACT(features_offering, on_features),
	{ 0 },
};

static const struct metric metrics[] = {
	{ "csi_held", "stanzas kept back for inactive clients", offsetof(struct csi, held) },
	{ "csi_merged", "of them never sent, since a later one said it",
	  offsetof(struct csi, merged) },
	{ "csi_saved_bytes", "bytes of these", offsetof(struct csi, saved) },
	{ "csi_releases", "times that what was kept back was sent",
	  offsetof(struct csi, releases) },
	{ 0 },
};

MODULE = {
	.api = MODULE_API,
	.name = "csi",
	.about = "Client State Indication (XEP-0352)",
	.help = "A client that says that nobody looks at it is not woken for presence, chat "
		"states and the like: the last of each sender is sent together with the next "
		"thing that matters.",
	.options = options,
	.elements = elements,
	.hooks = hooks,
	.metrics = metrics,
	.size = sizeof(struct csi),
	.session_size = sizeof(struct state),
};
