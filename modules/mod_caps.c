/* SPDX-License-Identifier: MIT */
/*
 * mod_caps -- XEP-0115: what somebody can do, as a hash, so that nobody need ask twice.
 *
 * The domain tells its own hash with the stream's features and answers who asks for it by
 * that name.  The hash in a client's presence stands for a list of features that thousands
 * of clients share; what it stands for is learned once a domain:
 *
 *   on_available	a presence with a hash that is not in memory
 *   features_read	the store knows it: remember; else ask the client itself
 *   client_answered	what it says makes that hash: remember it and keep it in the store
 *
 * What does not make the hash is forgotten, and this client is not asked for it again; the
 * next one that shows the hash is, so a liar cannot spoil it for the others (§5.4).  Memory
 * holds what was used last.
 */
#include <string.h>

#include "module.h"

#define NODE            "urn:stentor:server"
#define HASH            "sha-1"
#define VER_MAX         128
#define NODE_MAX        1000
#define FEATURES_MAX    16384
#define ASKED_A_SESSION 20
#define PATIENCE        PERIOD_SECONDS(60)

struct capable {
	int64_t memory;
	int64_t hashes_max;
	char *ver;          /* the domain's own; NULL: to be computed */
	struct table known; /* struct known, by "hash ver" */
	struct list used;   /* the same, the least recently used first */
	int64_t bytes;
	bool stopped; /* steps that come now have come too late */
};

struct known {
	struct entry entry;
	struct list place; /* in `used`, once it is learned */
	char *features;    /* one a line; NULL: being learned */
	int64_t bytes;
	char key[];
};

struct shown {          /* a corner of the session */
	uint64_t asked; /* the hash of the last key it was asked for */
	unsigned count;
};

struct learning {
	struct capable *self;
	struct session *session; /* held */
	struct known *known;     /* while `self` has not stopped */
	struct caps caps;        /* in `arena` */
	struct arena *arena;
};

static void features_read(void *held, enum stored result, const struct rows *rows);
static void client_answered(void *held, const struct stanza *answer);

static const struct statement features_get = {
	.name = "caps.get",
	.in = "ttt",
	.out = "t",
	.sqlite = "SELECT features FROM caps WHERE owner = ? AND hash = ? AND ver = ?",
	.hot = true,
};
static const struct statement features_put = {
	.name = "caps.put",
	.in = "tttti",
	.sqlite = "REPLACE INTO caps (owner, hash, ver, features, learned)"
		  " VALUES (?, ?, ?, ?, ?)",
};
static const struct statement features_prune = {
	.name = "caps.prune",
	.in = "tti",
	.sqlite = "DELETE FROM caps WHERE owner = ? AND learned < (SELECT learned FROM caps"
		  " WHERE owner = ? ORDER BY learned DESC LIMIT 1 OFFSET ?)",
};

/* --- the domain's own --- */

static void
fill_own(struct disco *disco)
{
	disco->node = NULL;
	disco_fill(disco);
}

static const char *
own_ver(struct capable *self, struct domain *domain)
{
	struct arena *arena;
	struct disco disco = { .domain = domain, .from = domain->jid, .trusted = true };
	struct err err;

	if (self->ver != NULL)
		return self->ver;
	arena = arena_new();
	disco.arena = arena;
	disco.query = element_new(arena, NS_DISCO_INFO, "query");
	fill_own(&disco);
	self->ver = copy_text(caps_ver(arena, disco.query, HASH, &err));
	if (self->ver == NULL)
		log_warn(&domain->log, "the domain's own features have no hash: %s", err.text);
	arena_drop(arena);
	return self->ver;
}

static void
on_offering(void *self, struct stream_features *features)
{
	const char *ver = features->admitted ? own_ver(self, features->domain) : NULL;

	if (ver != NULL)
		element_put(features->element, caps_element(features->arena, NODE, ver));
}

static void
on_asking(void *self, struct disco *disco)
{
	struct disco own = *disco;
	const char *ver;

	if (disco->node == NULL || disco->account != NULL || disco->items ||
	    !text_starts(disco->node, NODE "#"))
		return;
	ver = own_ver(self, disco->domain);
	if (!text_is(disco->node + strlen(NODE "#"), ver))
		return;
	fill_own(&own);
	disco->known = true;
}

static void
on_options_changed(void *self)
{
	struct capable *capable = self;

	free(capable->ver);
	capable->ver = NULL;
}

/* --- what is known --- */

static struct known *
known_new(struct capable *self, const char *key)
{
	struct known *known = zalloc(sizeof *known + strlen(key) + 1);

	strcpy(known->key, key);
	table_put(&self->known, &known->entry, known->key);
	return known;
}

static void
known_free(struct capable *self, struct known *known)
{
	table_remove(&self->known, &known->entry);
	list_remove(&known->place);
	self->bytes -= known->bytes;
	free(known->features);
	free(known);
}

static void
remember(struct capable *self, struct known *known, const char *features)
{
	known->features = copy_text(features);
	known->bytes = (int64_t)(sizeof *known + strlen(known->key) + strlen(features) + 2);
	self->bytes += known->bytes;
	list_append(&self->used, &known->place);
	while (self->bytes > self->memory && self->used.next != &known->place)
		known_free(self, LIST_ITEM(self->used.next, struct known, place));
}

/* --- learning --- */

static void
learning_end(struct learning *learning)
{
	if (!learning->self->stopped && learning->known->features == NULL)
		known_free(learning->self, learning->known);
	session_drop(learning->session);
	arena_drop(learning->arena);
}

/* A client is asked once for what it shows, and not without end for one thing after another. */
static bool
may_ask(struct capable *self, struct session *session, const char *key)
{
	struct shown *shown = session_corner(session, self);
	uint64_t hash = hash_bytes(key, strlen(key));

	if (shown->asked == hash || shown->count >= ASKED_A_SESSION)
		return false;
	shown->asked = hash;
	shown->count++;
	return true;
}

static void
on_available(void *held, struct session *session, bool first)
{
	struct capable *self = held;
	const char *domain = session->account->domain->name;
	struct learning *learning;
	struct known *known;
	struct arena *arena;
	struct caps caps;
	const char *key;

	(void)first;
	if (!caps_read(&caps, session->presence) || !caps_knows(caps.hash) ||
	    strlen(caps.ver) > VER_MAX || strlen(caps.node) > NODE_MAX)
		return;
	arena = arena_new();
	key = arena_format(arena, "%s %s", caps.hash, caps.ver);
	known = TABLE_ITEM(table_get(&self->known, key), struct known, entry);
	if (known != NULL && known->features != NULL) {
		list_remove(&known->place);
		list_append(&self->used, &known->place);
	}
	if (known != NULL || !may_ask(self, session, key)) {
		arena_drop(arena);
		return;
	}
	learning = NEW(arena, struct learning);
	learning->self = self;
	learning->session = session_hold(session);
	learning->known = known_new(self, key);
	learning->arena = arena;
	learning->caps = (struct caps) { .hash = arena_copy(arena, caps.hash),
					 .node = arena_copy(arena, caps.node),
					 .ver = arena_copy(arena, caps.ver) };
	store_read(session->account->domain->store, &features_get, domain,
		   (struct value[]) { text_value(domain), text_value(caps.hash),
				      text_value(caps.ver) },
		   features_read, learning);
}

static void
features_read(void *held, enum stored result, const struct rows *rows)
{
	struct learning *learning = held;
	struct session *session = learning->session;
	struct element *query;

	if (learning->self->stopped || session->gone) {
		learning_end(learning);
		return;
	}
	if (result == STORE_OK && rows->count > 0) {
		remember(learning->self, learning->known, ROW(rows, 0)[0].bytes);
		learning_end(learning);
		return;
	}
	query = element_new(learning->arena, NS_DISCO_INFO, "query");
	element_setf(learning->arena, query, "node", "%s#%s", learning->caps.node,
		     learning->caps.ver);
	iq_ask(session->account->domain, NULL, session, query, false, PATIENCE, client_answered,
	       learning);
}

/* The features of a verified answer, one a line; NULL: not worth remembering. */
static char *
list_features(const struct element *info)
{
	struct text text = { 0 };

	ELEMENT_EACH (info, feature) {
		const char *name = element_get(feature, "var");

		if (!element_is(feature, NS_DISCO_INFO, "feature") || name == NULL)
			continue;
		if (strchr(name, '\n') != NULL || text.length + strlen(name) >= FEATURES_MAX) {
			text_clear(&text);
			return NULL;
		}
		text_addf(&text, "%s\n", name);
	}
	return text_take(&text);
}

static void
keep(struct learning *learning, const char *features)
{
	struct domain *domain = learning->session->account->domain;
	struct batch *batch = batch_new(domain->store, domain->name);

	batch_add(batch, &features_put,
		  (struct value[]) { text_value(domain->name), text_value(learning->caps.hash),
				     text_value(learning->caps.ver), text_value(features),
				     INTEGER_VALUE(now_seconds()) });
	batch_add(batch, &features_prune,
		  (struct value[]) { text_value(domain->name), text_value(domain->name),
				     INTEGER_VALUE(learning->self->hashes_max) });
	batch_commit(batch, NULL, NULL); /* lost, it is learned again */
}

static void
client_answered(void *held, const struct stanza *answer)
{
	struct learning *learning = held;
	const struct element *info = NULL;
	struct err err = { 0 };
	char *features;

	if (answer != NULL && answer->type == TYPE_RESULT)
		info = element_child(answer->element, NS_DISCO_INFO, "query");
	if (info == NULL || learning->self->stopped) {
		learning_end(learning);
		return;
	}
	if (!caps_verify(learning->arena, &learning->caps, info, &err)) {
		log_debug(&learning->session->log, "its features do not make the hash it shows: %s",
			  err.text);
		learning_end(learning);
		return;
	}
	features = list_features(info);
	if (features != NULL) {
		remember(learning->self, learning->known, features);
		keep(learning, features);
	}
	free(features);
	learning_end(learning);
}

/* --- the module --- */

static bool
start(void *self, struct domain *domain, struct err *err)
{
	struct capable *capable = self;

	(void)domain;
	(void)err;
	list_init(&capable->used);
	return true;
}

static void
stop(void *self)
{
	struct capable *capable = self;
	struct entry *entry, *next;

	capable->stopped = true;
	for (entry = table_next(&capable->known, NULL); entry != NULL; entry = next) {
		next = table_next(&capable->known, entry);
		known_free(capable, CONTAINER(entry, struct known, entry));
	}
	table_clear(&capable->known);
	on_options_changed(self);
}

static const struct option options[] = {
	OPTION_SIZE(struct capable, memory, 1000000, 10000, 1000000000,
		    "how many bytes of clients' features each shard keeps in memory"),
	OPTION_NUMBER(struct capable, hashes_max, 5000, 100, 1000000,
		      "how many clients' hashes are kept in the store; the oldest go first"),
	{ 0 },
};

static const struct hook hooks[] = {
	FACT(features_offering, on_offering),
	FACT(disco_asking, on_asking),
	FACT(options_changed, on_options_changed),
	FACT(session_available, on_available),
	{ 0 },
};

static const struct keep keeps[] = {
	{ .what = "nothing: what clients can do is kept by domain", .shared = "caps" },
	{ 0 },
};

MODULE = {
	.api = MODULE_API,
	.name = "caps",
	.about = "Entity Capabilities (XEP-0115)",
	.help = "Clients learn with the first words of their connection whether the server can do "
		"anything new, and the server learns what each kind of client can do once, "
		"however many come with it.",
	.needs = NAMES("disco"),
	.features = NAMES(NS_CAPS),
	.options = options,
	.statements = STATEMENTS(&features_get, &features_put, &features_prune),
	.migrates = true,
	.keeps = keeps,
	.hooks = hooks,
	.size = sizeof(struct capable),
	.session_size = sizeof(struct shown),
	.start = start,
	.stop = stop,
};
