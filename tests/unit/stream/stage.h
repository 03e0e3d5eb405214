/* SPDX-License-Identifier: MIT */
/*
 * A stage for streams: the streams are real, and so are parsers, addresses and SCRAM; the
 * loop, the links and the core are played, so that a test decides when a turn ends, what
 * the client says, and what the store answers.
 *
 * stage_open makes the domains capulet.example and verona.example on two shards; juliet has
 * the password "secret", tybalt is disabled, the store cannot tell about paris, and nobody
 * else exists.  stage_client connects a client; hears gives it bytes; said returns what was
 * said since.  Each ends with a turn (stage_turn), on whichever shard there is work.
 */
#pragma once

#include "base/clock.h"
#include "base/codec.h"
#include "base/text.h"
#include "conf/conf.h"
#include "core/account.h"
#include "core/credentials.h"
#include "core/directory.h"
#include "core/domain.h"
#include "core/receipt.h"
#include "net/link.h"
#include "stream/client.h"
#include "stream/internal.h"
#include "xml/writer.h"
#include "xmpp/ns.h"

#include <gnutls/crypto.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- the loop --- */

#define STAGE_SHARDS 2

struct shard {
	unsigned index;
	struct post *posts, *ends; /* first in, first out */
};

static struct shard stage_shards[STAGE_SHARDS] = { { .index = 0 }, { .index = 1 } };
static unsigned stage_shard;
static struct list stage_timers;

struct shard *
shard_here(void)
{
	return &stage_shards[stage_shard];
}

unsigned
shard_index(const struct shard *shard)
{
	return shard->index;
}

unsigned
shard_count(void)
{
	return STAGE_SHARDS;
}

struct shard *
shard_at(unsigned index)
{
	return &stage_shards[index];
}

static void
stage_queue(struct post **queue, struct post *post, void (*fn)(void *arg), void *arg)
{
	for (struct post *p = *queue; p != NULL; p = p->next)
		must(p != post);
	post->fn = fn;
	post->arg = arg;
	post->next = NULL;
	while (*queue != NULL)
		queue = (struct post **)&(*queue)->next;
	*queue = post;
}

void
shard_post(struct shard *to, struct post *post, void (*fn)(void *arg), void *arg)
{
	stage_queue(&to->posts, post, fn, arg);
}

void
shard_post_later(struct shard *to, struct post *post, void (*fn)(void *arg), void *arg)
{
	shard_post(to, post, fn, arg);
}

void
shard_at_turn_end(struct post *post, void (*fn)(void *arg), void *arg)
{
	stage_queue(&shard_here()->ends, post, fn, arg);
}

void
shard_not_at_turn_end(struct post *post)
{
	struct post **place = &shard_here()->ends;

	while (*place != NULL && *place != post)
		place = (struct post **)&(*place)->next;
	if (*place != NULL)
		*place = post->next;
}

static bool
stage_run(struct post **queue)
{
	struct post *post = *queue;

	if (post == NULL)
		return false;
	*queue = post->next;
	post->fn(post->arg);
	return true;
}

void
timer_start(struct timer *timer, int64_t ms, void (*fn)(void *arg), void *arg)
{
	list_remove(&timer->place);
	timer->due = now_ms() + ms;
	timer->fn = fn;
	timer->arg = arg;
	list_append(&stage_timers, &timer->place);
}

void
timer_stop(struct timer *timer)
{
	list_remove(&timer->place);
}

bool
timer_is_on(const struct timer *timer)
{
	return list_has(&timer->place);
}

/* --- the links --- */

struct link {
	const struct link_owner *functions;
	void *owner;
	struct text out; /* what the client has been told */
	struct text in;  /* what it has said and nobody has read */
	bool reading, shaking, secured, closing, ended, detached, aborted;
	unsigned shard;
};

static bool stage_binds = true; /* there are channel bindings */
static unsigned stage_links;

struct link *
link_new(int fd, const struct link_owner *functions, void *owner)
{
	struct link *link = zalloc(sizeof *link);

	(void)fd;
	link->functions = functions;
	link->owner = owner;
	link->shard = stage_shard;
	stage_links++;
	return link;
}

void
link_read(struct link *link, bool on)
{
	must(!link->ended && link->shard == stage_shard);
	link->reading = on;
}

void
link_say(struct link *link, struct wire *wire)
{
	must(!link->detached);
	if (!link->closing)
		text_add_bytes(&link->out, wire->bytes, wire->length);
	wire_drop(wire);
}

size_t
link_unsent(const struct link *link)
{
	(void)link;
	return 0;
}

void
link_set_limits(struct link *link, size_t unsent_max, int64_t stalled_ms)
{
	(void)link;
	(void)unsent_max;
	(void)stalled_ms;
}

void
link_set_rate(struct link *link, uint32_t bytes_a_second, uint32_t burst)
{
	(void)link;
	(void)bytes_a_second;
	(void)burst;
}

static const char *stage_certificate_of; /* the last handshake's, without SNI */

void
link_start_tls(struct link *link, struct tls_context *context, bool direct, const char *name)
{
	(void)context;
	(void)direct;
	stage_certificate_of = name;
	must(!link->reading && !link->shaking && !link->secured);
	link->shaking = true;
}

void
link_tls_info(const struct link *link, struct link_tls_info *info)
{
	*info = (struct link_tls_info) { .secured = link->secured,
					 .version = "TLS1.3",
					 .cipher = "AES-128-GCM" };
}

bool
link_tls_exporter(const struct link *link, uint8_t out[32])
{
	memset(out, 'E', 32);
	return stage_binds && link->secured;
}

bool
link_tls_server_end_point(const struct link *link, uint8_t out[CHANNEL_BINDING_MAX], size_t *length)
{
	memset(out, 'P', 32);
	*length = 32;
	return stage_binds && link->secured;
}

void
link_close(struct link *link, int64_t patience_ms)
{
	(void)patience_ms;
	link->closing = true;
	link->reading = false;
}

void
link_abort(struct link *link, const char *why)
{
	(void)why;
	link->closing = link->aborted = true;
	link->reading = false;
}

void
link_detach(struct link *link)
{
	must(!link->closing && !link->detached && link->shard == stage_shard);
	link->detached = true;
	link->reading = false;
}

void
link_attach(struct link *link, const struct link_owner *functions, void *owner)
{
	must(link->detached);
	link->detached = false;
	link->functions = functions;
	link->owner = owner;
	link->shard = stage_shard;
}

const char *
link_peer(const struct link *link, char out[64])
{
	(void)link;
	return strcpy(out, "192.0.2.1");
}

void
listener_gone(const char *peer)
{
	must(strcmp(peer, "192.0.2.1") == 0);
	stage_links--;
}

struct listener *
listener_new(const char *address, uint16_t port, accepted_fn *fn, void *arg, struct err *err)
{
	(void)address;
	(void)port;
	(void)fn;
	(void)arg;
	(void)err;
	return NULL;
}

static struct link *stage_link; /* of the client on stage */

/* The client's bytes go in while they may. */
static bool
stage_flow(struct link *link)
{
	struct text in = link->in;

	if (link->ended || link->detached || !link->reading || in.length == 0)
		return false;
	link->in = (struct text) { 0 };
	stage_shard = link->shard;
	link->functions->heard(link->owner, in.bytes, in.length);
	text_clear(&in);
	return true;
}

/* Until nothing happens any more. */
static void
stage_turn(void)
{
	bool busy = true;

	while (busy) {
		busy = false;
		for (unsigned i = 0; i < STAGE_SHARDS; i++) {
			stage_shard = i;
			busy |= stage_run(&stage_shards[i].posts);
			stage_shard = i;
			while (stage_run(&stage_shards[i].ends))
				busy = true;
		}
		if (stage_link != NULL)
			busy |= stage_flow(stage_link);
	}
	stage_shard = stage_link != NULL ? stage_link->shard : 0;
}

static __attribute__((unused)) void
stage_wait(int64_t ms)
{
	struct timer *timer;
	bool fired = true;

	clock_advance(ms);
	while (fired) {
		fired = false;
		LIST_EACH (&stage_timers, timer, struct timer, place) {
			if (timer->due > now_ms())
				continue;
			list_remove(&timer->place);
			timer->fn(timer->arg);
			fired = true;
			break;
		}
	}
	stage_turn();
}

/* The peer's connection is over. */
static __attribute__((unused)) void
stage_hang_up(void)
{
	struct link *link = stage_link;

	stage_turn();
	stage_shard = link->shard;
	link->ended = true;
	link->functions->ended(link->owner, LINK_CLOSED, "the peer closed");
	stage_link = NULL;
	text_clear(&link->out);
	text_clear(&link->in);
	free(link);
	stage_turn();
}

static __attribute__((unused)) void
stage_secure(void)
{
	must(stage_link->shaking);
	stage_link->shaking = false;
	stage_link->secured = true;
	stage_link->functions->secured(stage_link->owner);
	stage_turn();
}

/* --- the core --- */

static struct domain stage_domains[STAGE_SHARDS][2];
static struct domain_settings stage_domain_settings;
static struct arena *stage_arena;
static const struct element_rule *stage_rule; /* of a module, for all */
static unsigned stage_offered;                /* how often features_offering was called */

struct domain *
domain_find(const char *name)
{
	for (int i = 0; i < 2; i++)
		if (strcmp(stage_domains[stage_shard][i].name, name) == 0)
			return &stage_domains[stage_shard][i];
	return NULL;
}

struct domain *
domain_next(struct domain *before)
{
	struct domain *domains = stage_domains[stage_shard];

	return before == NULL ? &domains[0] : before == &domains[0] ? &domains[1] : NULL;
}

const struct element_rule *
domain_element_rule(const struct domain *domain, unsigned when, const char *ns, const char *name,
		    void **self)
{
	(void)domain;
	*self = NULL;
	if (stage_rule != NULL && (stage_rule->when & when) != 0 &&
	    strcmp(stage_rule->ns, ns) == 0 && strcmp(stage_rule->name, name) == 0)
		return stage_rule;
	return NULL;
}

static unsigned stage_home = 0; /* of every account */

struct shard *
directory_home(const struct jid *who)
{
	(void)who;
	return &stage_shards[stage_home];
}

/* What somebody waits for; it comes when `stage_answers` is true, or by stage_answer. */
struct stage_question {
	struct post post;
	void (*credentials)(void *ctx, enum account_found found,
			    const struct credentials *credentials);
	void (*checked)(void *ctx, bool right);
	account_ready_fn *ready;
	void *ctx;
	char name[64];
	bool right;
	unsigned shard;
};

static bool stage_answers = true;
static struct stage_question *stage_waits;
static enum account_state stage_account_state = ACCOUNT_READY;
static unsigned stage_account_holds;
static struct account stage_account;
static struct credentials stage_keys;

static void
stage_give(void *arg)
{
	struct stage_question *question = arg;
	static struct credentials fake;

	if (question->ready != NULL) {
		stage_account.state = stage_account_state;
		stage_account.domain = &stage_domains[stage_shard][0];
		stage_account_holds++;
		question->ready(question->ctx, &stage_account);
	} else if (question->checked != NULL) {
		question->checked(question->ctx, question->right);
	} else if (strcmp(question->name, "juliet") == 0) {
		question->credentials(question->ctx, FOUND, &stage_keys);
	} else if (strcmp(question->name, "tybalt") == 0) {
		question->credentials(question->ctx, FOUND_DISABLED, &stage_keys);
	} else if (strcmp(question->name, "paris") == 0) {
		question->credentials(question->ctx, FAILED, &fake);
	} else {
		for (int i = 0; i < SCRAM_HASHES; i++)
			scram_fake(&fake.keys[i], (enum scram_hash)i, "s", 1, question->name);
		question->credentials(question->ctx, ABSENT, &fake);
	}
	free(question);
}

static struct stage_question *
stage_ask(void *ctx)
{
	struct stage_question *question = zalloc(sizeof *question);

	question->ctx = ctx;
	question->shard = stage_shard;
	return question;
}

static void
stage_asked(struct stage_question *question)
{
	if (stage_answers) {
		shard_post(shard_here(), &question->post, stage_give, question);
	} else {
		must(stage_waits == NULL);
		stage_waits = question;
	}
}

/* Gives the answer that was held back. */
static __attribute__((unused)) void
stage_answer(void)
{
	struct stage_question *question = stage_waits;

	must(question != NULL);
	stage_waits = NULL;
	stage_shard = question->shard;
	stage_give(question);
	stage_turn();
}

void
credentials_load(struct domain *domain, const char *local, credentials_fn *fn, void *ctx)
{
	struct stage_question *question = stage_ask(ctx);

	(void)domain;
	question->credentials = fn;
	snprintf(question->name, sizeof question->name, "%s", local);
	stage_asked(question);
}

static bool stage_helpers_busy;

bool
password_check(const struct credentials *credentials, const char *password, password_fn *fn,
	       void *ctx)
{
	struct stage_question *question;

	if (stage_helpers_busy)
		return false;
	question = stage_ask(ctx);
	question->checked = fn;
	question->right = scram_plain_check(&credentials->keys[SCRAM_SHA1], password);
	stage_asked(question);
	return true;
}

void
account_get(struct domain *domain, const struct jid *who, struct account_want *want,
	    account_ready_fn *fn, void *ctx)
{
	struct stage_question *question;

	(void)want;
	(void)who;
	must(domain == &stage_domains[stage_shard][0] && stage_home == stage_shard);
	question = stage_ask(ctx);
	question->ready = fn;
	stage_asked(question);
}

void
account_drop(struct account *account)
{
	(void)account;
	stage_account_holds--;
}

/* --- sessions --- */

static struct session *stage_session; /* the one there is */
static struct text stage_heard;       /* the stanzas it has heard */
static struct receipt *stage_receipts[2000];
static unsigned stage_receipt_count;
static bool stage_settles = true; /* at once */
static unsigned stage_lost, stage_ended;

struct session *
session_find(const struct account *account, const char *resource)
{
	(void)account;
	return stage_session != NULL && strcmp(stage_session->jid->resource, resource) == 0
		       ? stage_session
		       : NULL;
}

static void
stage_session_free(void)
{
	struct session *session = stage_session;

	stage_session = NULL;
	if (session == NULL)
		return;
	free(session->jid);
	free(session);
	stage_account.session_count = 0;
}

struct session *
session_bind(struct account *account, const char *resource, const struct carrier *carrier,
	     void *carried)
{
	struct session *session = zalloc(sizeof *session);
	struct jid jid;

	if (stage_session != NULL) {
		stage_session->carrier->hang_up(stage_session->carried, STREAM_CONFLICT,
						"replaced by a new connection");
		stage_session_free();
	}
	jid_join(&jid, stage_arena, "juliet", "capulet.example", resource);
	session->jid = jid_own(&jid);
	session->account = account;
	session->carrier = carrier;
	session->carried = carried;
	session->log = log_root;
	stage_session = session;
	account->session_count = 1;
	return session;
}

void
session_carry(struct session *session, const struct carrier *carrier, void *carried)
{
	session->carrier = carrier;
	session->carried = carried;
}

void
parcel_drop(struct parcel *parcel)
{
	wire_drop(parcel->head);
	wire_drop(parcel->payload);
	wire_drop(parcel->instead);
}

void
session_say(struct session *session, const struct element *element)
{
	session->carrier->say(session->carried,
			      (struct parcel) { .head = xml_wire(element, NS_CLIENT) });
}

void
session_part(struct session *session, enum stream_condition condition, const char *text)
{
	void *carried = session->carried;

	session->carried = NULL;
	if (carried != NULL)
		session->carrier->hang_up(carried, condition, text);
}

void
session_lost(struct session *session)
{
	must(session == stage_session);
	stage_lost++;
	session->carried = NULL;
	stage_session_free();
}

void
session_end(struct session *session, enum stream_condition condition, const char *text)
{
	void *carried = session->carried;

	must(session == stage_session);
	stage_ended++;
	session->carried = NULL;
	session->carrier->hang_up(carried, condition, text);
	stage_session_free();
}

bool
session_hears(struct session *session, struct element *element, struct arena *arena,
	      struct receipt *receipt, enum stream_condition *condition, struct err *err)
{
	must(session == stage_session);
	if (element_get(element, "from") != NULL &&
	    strcmp(element_get(element, "from"), session->jid->full) != 0) {
		*condition = STREAM_INVALID_FROM;
		err_fail(err, ERR_REFUSED, "that is not you");
		arena_drop(arena);
		return false;
	}
	xml_write(&stage_heard, element, NS_CLIENT);
	arena_drop(arena);
	if (stage_settles)
		receipt_drop(receipt);
	else
		stage_receipts[stage_receipt_count++] = receipt;
	return true;
}

static __attribute__((unused)) void
stage_settle(unsigned which)
{
	stage_shard = shard_index(stage_receipts[which]->home);
	receipt_drop(stage_receipts[which]);
	stage_receipts[which] = NULL;
	stage_turn();
}

static void
stage_on_features(void *self, struct stream_features *features)
{
	(void)self;
	stage_offered++;
	element_add(features->arena, features->element, "urn:example:module", "offered");
}

/* --- opening and closing --- */

static struct hooked stage_hooked = { .fn.features_offering = stage_on_features };
static const char *const stage_names[] = { "capulet.example", "verona.example" };

static void
stage_settings(int64_t tls)
{
	struct stream_settings settings;

	options_default(stream_options, &settings);
	settings.tls = tls;
	for (unsigned i = 0; i < STAGE_SHARDS; i++) {
		stage_shard = i;
		streams_apply(&settings, (struct tls_context *)1);
	}
	stage_shard = 0;
}

static struct text stage_log;

static void
stage_logged(enum log_level level, const char *line, void *arg)
{
	(void)level;
	(void)arg;
	text_add(&stage_log, line);
	text_add_char(&stage_log, '\n');
}

static void
stage_open(void)
{
	static bool opened;

	if (!opened) {
		opened = true;
		log_capture(stage_logged, NULL);
		clock_freeze(1700000000000);
		list_init(&stage_timers);
		list_init(&stage_account.sessions);
		stage_arena = arena_new();
		for (int i = 0; i < SCRAM_HASHES; i++)
			must(scram_derive(&stage_keys.keys[i], (enum scram_hash)i, "secret",
					  "saltsaltsaltsalt", 16, 4096, NULL));
	}
	for (unsigned i = 0; i < STAGE_SHARDS; i++)
		for (unsigned j = 0; j < 2; j++) {
			struct domain *domain = &stage_domains[i][j];

			domain->name = stage_names[j];
			domain->log.parent = &log_root;
			domain->settings = &stage_domain_settings;
			domain->hooks[HOOK_features_offering] = &stage_hooked;
			domain->hook_counts[HOOK_features_offering] = 1;
		}
	stage_domain_settings.sessions_max = 0;
	for (unsigned i = 0; i < STAGE_SHARDS; i++) {
		stage_shard = i;
		stream_here()->leaving = false;
		memset(stream_here()->tallies, 0, TALLY_ROWS * TALLY_WAYS * sizeof(struct tally));
	}
	stage_settings(TLS_REQUIRED);
	stage_home = 0;
	stage_rule = NULL;
	stage_binds = stage_answers = stage_settles = true;
	stage_helpers_busy = false;
	stage_account_state = ACCOUNT_READY;
	stage_lost = stage_ended = stage_offered = stage_receipt_count = 0;
	text_clear(&stage_log);
	text_clear(&stage_heard);
	text_add(&stage_heard, "");
}

/* Whether everything that was made is gone. */
static __attribute__((unused)) bool
stage_is_clean(void)
{
	for (unsigned i = 0; i < STAGE_SHARDS; i++) {
		stage_shard = i;
		if (streams_count() != 0 || stream_here()->bound != 0 ||
		    stream_here()->unfinished != 0 || stage_shards[i].posts != NULL ||
		    stage_shards[i].ends != NULL)
			return false;
	}
	stage_shard = 0;
	return stage_links == 0 && list_is_empty(&stage_timers) && stage_account_holds == 0 &&
	       stage_session == NULL;
}

static __attribute__((unused)) struct client_stream *
stage_client(bool direct)
{
	struct client_stream *client = client_accept(-1, direct);

	stage_link = client->stream.link;
	stage_turn();
	return client;
}

/* --- the client --- */

static char stage_said[65536];

/* What was said since the last time. */
static const char *
said(void)
{
	stage_said[0] = '\0';
	if (stage_link != NULL && stage_link->out.bytes != NULL) {
		snprintf(stage_said, sizeof stage_said, "%s", stage_link->out.bytes);
		text_clear(&stage_link->out);
	}
	return stage_said;
}

static void
hears_bytes(const char *bytes, size_t length)
{
	text_add_bytes(&stage_link->in, bytes, length);
	stage_turn();
}

static void
hears(const char *text)
{
	hears_bytes(text, strlen(text));
}

#define STAGE_HEADER                                                            \
	"<?xml version='1.0'?><stream:stream xmlns='jabber:client' "            \
	"xmlns:stream='http://etherx.jabber.org/streams' to='capulet.example' " \
	"from='juliet@capulet.example' version='1.0' xml:lang='it'>"

/* Up to the features behind TLS. */
static __attribute__((unused)) struct client_stream *
stage_secured_client(void)
{
	struct client_stream *client = stage_client(false);

	hears(STAGE_HEADER);
	hears("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
	stage_secure();
	hears(STAGE_HEADER);
	said();
	return client;
}

static __attribute__((unused)) void
hears_plain(const char *name, const char *password)
{
	char message[512], coded[1024], element[2048];
	int length = snprintf(message, sizeof message, "%c%s%c%s", '\0', name, '\0', password);

	base64_encode(coded, message, (size_t)length);
	snprintf(element, sizeof element,
		 "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>%s</auth>",
		 coded);
	hears(element);
}

static __attribute__((unused)) struct client_stream *
stage_admitted_client(void)
{
	struct client_stream *client = stage_secured_client();

	hears_plain("juliet", "secret");
	hears(STAGE_HEADER);
	said();
	return client;
}

static __attribute__((unused)) struct client_stream *
stage_bound_client(void)
{
	struct client_stream *client = stage_admitted_client();

	hears("<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>"
	      "<resource>balcony</resource></bind></iq>");
	said();
	return client;
}
