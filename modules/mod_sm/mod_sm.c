/* SPDX-License-Identifier: MIT */
/*
 * mod_sm -- XEP-0198: client and server tell each other what they have got, and a session
 * outlives its connection.
 *
 * What a client has said is counted by its stream (stream/ledger.h): h is the number of its
 * stanzas of which all before have settled, too, never a mere count.  <r/> is answered at once
 * with that h; what it has asked for and settles later is told by an <a/> of our own.
 *
 * What it is told is kept, as the wires that its link writes from, until it says that it has
 * it (queue.c).  It is asked behind some stanzas or bytes, or when nothing more has come for a
 * moment.
 *
 * When the link is lost, or takes too long to answer, the session waits for its client
 * (resume.c): its presence stays, and what arrives for it joins the queue.
 */
#include "sm.h"

#include <stdlib.h>
#include <string.h>

#define ASK_STANZAS  10
#define ASK_BYTES    (16 << 10)
#define ASK_MS       SECONDS(2)
#define TELL_STANZAS 100         /* settled and not asked for: told all the same */
#define AT_ONCE      (128 << 10) /* bytes given to a link before it has acknowledged them */

static void turn_over(void *arg);
static void time_up(void *arg);

struct managed *
managed_of(struct session *session, const void *self)
{
	struct sm_corner *corner = session_corner(session, self);

	return corner != NULL ? corner->managed : NULL;
}

/* --- small words --- */

static void
tell_h(struct managed *managed, struct client *client)
{
	struct arena *arena = arena_new();
	struct element *a = element_new(arena, NS_SM, "a");

	managed->told = managed_handled(managed);
	element_setf(arena, a, "h", "%u", managed->told);
	/* Before it has acknowledged anything, it may not have heard that this is on. */
	if (managed->seen)
		client->ops->interject(client, a);
	else
		client->ops->tell(client, a);
	arena_drop(arena);
}

static void
ask(struct managed *managed)
{
	struct arena *arena = arena_new();

	managed->asked = true;
	managed->asked_for = queue_given(&managed->queue);
	managed->unasked = 0;
	managed->client->ops->tell(managed->client, element_new(arena, NS_SM, "r"));
	timer_start(&managed->timer, managed->sm->answer, time_up, managed);
	arena_drop(arena);
}

void
say_failed(struct client *client, enum condition condition, const char *text)
{
	struct arena *arena = arena_new();
	struct element *failed = element_new(arena, NS_SM, "failed");

	element_add(arena, failed, NS_STANZA_ERRORS, condition_name(condition));
	if (text != NULL)
		element_add_text(arena, failed, NS_STANZA_ERRORS, "text", text);
	client_say(client, failed);
	arena_drop(arena);
}

bool
number_read(uint32_t *number, const struct element *element, const char *name)
{
	int64_t value;

	if (!element_get_int(element, name, &value) || value < 0 || value > UINT32_MAX)
		return false;
	*number = (uint32_t)value;
	return true;
}

/* --- what the client has said --- */

uint32_t
managed_handled(struct managed *managed)
{
	struct client *client = managed->client != NULL ? managed->client : managed->waning;
	uint32_t count;

	if (client == NULL)
		return managed->before;
	count = client->ops->settled(client) - managed->began;
	/* What was said before it was enabled may not have settled yet. */
	return count <= UINT32_MAX / 2 ? managed->before + count : managed->before;
}

static bool
all_have_settled(struct client *client)
{
	return client->ops->settled(client) == client->ops->heard(client);
}

/* The client that is gone counts no more. */
static void
wane_end(struct managed *managed)
{
	struct client *client = managed->waning;

	managed->before = managed_handled(managed);
	managed->waning = NULL;
	if (client != NULL)
		client->ops->on_settled(client, NULL, NULL);
}

static void
on_settled(void *arg)
{
	struct managed *managed = arg;
	uint32_t h = managed_handled(managed);

	if (managed->waning != NULL) {
		if (!all_have_settled(managed->waning))
			return;
		wane_end(managed);
		if (managed->resuming != NULL)
			resume_settled(managed->resuming);
	} else if (h != managed->told && ((int32_t)(managed->wanted - managed->told) > 0 ||
					  h - managed->told >= TELL_STANZAS)) {
		tell_h(managed, managed->client);
	}
}

static void
count_from(struct managed *managed, struct client *client)
{
	managed->client = client;
	managed->began = client->ops->heard(client);
	client->ops->on_settled(client, on_settled, managed);
}

static enum outcome
on_request(void *self, struct client *client, struct session *session,
	   const struct element *element)
{
	struct managed *managed = managed_of(session, self);

	(void)element;
	if (managed == NULL)
		return PASS;
	managed->wanted = managed->before + (client->ops->heard(client) - managed->began);
	tell_h(managed, client);
	return DONE;
}

/* --- what it was told --- */

/* Looks once, at the end of the turn: behind all that this turn says. */
static void
look_later(struct managed *managed)
{
	shard_not_at_turn_end(&managed->post);
	shard_at_turn_end(&managed->post, turn_over, managed);
}

static void
end_overfull(struct managed *managed)
{
	managed->sm->overfull++;
	managed->cause = CAUSE_OVERFULL;
	log_info(&managed->session->log,
		 "ends: too much that its client has not acknowledged "
		 "stanzas=%u bytes=%zu",
		 managed->queue.count, managed->queue.bytes);
	session_end(managed->session, STREAM_POLICY_VIOLATION,
		    "too much that you have not acknowledged");
}

static void
turn_over(void *arg)
{
	struct managed *managed = arg;
	struct queue *queue = &managed->queue;

	if (queue->count > managed->sm->queue_stanzas ||
	    queue->bytes > (size_t)managed->sm->queue_bytes)
		end_overfull(managed);
	else if (managed->client == NULL || managed->asked ||
		 queue_given(queue) == managed->asked_for)
		return;
	else if (queue_given(queue) - managed->asked_for >= ASK_STANZAS ||
		 managed->unasked >= ASK_BYTES || queue->next != NULL)
		ask(managed);
	else if (!timer_is_on(&managed->timer))
		timer_start(&managed->timer, ASK_MS, time_up, managed);
}

static size_t
parcel_size(const struct parcel *parcel)
{
	return parcel->head->length + (parcel->payload != NULL ? parcel->payload->length : 0);
}

static enum outcome
on_parcel(void *self, struct session *session, struct parcel *parcel)
{
	struct managed *managed = managed_of(session, self);
	bool given;

	if (managed == NULL)
		return PASS;
	given = managed->client != NULL && managed->queue.next == NULL;
	queue_add(&managed->queue, parcel, given);
	parcel->owed = parcel->audience != NULL;
	look_later(managed);
	if (!given) {
		parcel_drop(parcel);
		return DONE;
	}
	managed->unasked += parcel_size(parcel);
	if (parcel->gate != NULL)
		parcel->instead = wire_hold(managed->sm->blank);
	return PASS;
}

/* As much as a link takes at once; the rest when that is acknowledged. */
void
managed_say_owed(struct managed *managed)
{
	struct parcel parcel;
	size_t bytes = 0;

	while (bytes < AT_ONCE && queue_give(&managed->queue, &parcel, managed->sm->blank)) {
		bytes += parcel_size(&parcel);
		managed->unasked += parcel_size(&parcel);
		session_say_parcel(managed->session, parcel);
	}
	look_later(managed);
}

static void
close_too_high(struct client *client, uint32_t h, uint32_t sent)
{
	struct arena *arena = arena_new();
	struct element *detail = element_new(arena, NS_SM, "handled-count-too-high");

	element_setf(arena, detail, "h", "%u", h);
	element_setf(arena, detail, "send-count", "%u", sent);
	client->ops->close(client, STREAM_UNDEFINED_CONDITION,
			   arena_format(arena, "you acknowledged %u stanzas, but only %u were sent",
					h, sent),
			   detail);
	arena_drop(arena);
}

bool
managed_acked(struct managed *managed, struct client *client, uint32_t h)
{
	if (queue_ack(&managed->queue, h) == ACKED_TOO_MUCH) {
		close_too_high(client, h, queue_given(&managed->queue));
		return false;
	}
	managed->seen = true;
	return true;
}

static enum outcome
on_answer(void *self, struct client *client, struct session *session, const struct element *element)
{
	struct managed *managed = managed_of(session, self);
	uint32_t h;

	if (managed == NULL)
		return PASS;
	if (!number_read(&h, element, "h")) {
		client->ops->close(client, STREAM_POLICY_VIOLATION, "<a/> needs an 'h'", NULL);
		return DONE;
	}
	if (!managed_acked(managed, client, h))
		return DONE;
	/* Any <a/> answers: a client that has less than we asked for has not handled it yet. */
	managed->asked = false;
	timer_stop(&managed->timer);
	if ((int32_t)(h - managed->asked_for) > 0)
		managed->asked_for = h;
	if (managed->queue.next != NULL)
		managed_say_owed(managed);
	look_later(managed);
	return DONE;
}

/* --- links come and go --- */

static void
time_up(void *arg)
{
	struct managed *managed = arg;
	struct client *client = managed->client;

	if (client == NULL) {
		managed->sm->timed_out++;
		managed->cause = CAUSE_TIMED_OUT;
		log_info(&managed->session->log, "its client did not come back owed=%u",
			 managed->queue.count);
		session_end(managed->session, STREAM_CONNECTION_TIMEOUT, NULL);
	} else if (!managed->asked) {
		ask(managed);
	} else {
		log_debug(&managed->session->log, "its client does not answer");
		client->ops->close(client, STREAM_CONNECTION_TIMEOUT,
				   "you did not say what you have", NULL);
	}
}

void
managed_wait(struct managed *managed)
{
	struct client *client = managed->client;

	if (client == NULL) /* it waits already */
		return;
	managed->waning = client;
	managed->client = NULL;
	managed->asked = false;
	managed->lost = now_seconds();
	timer_start(&managed->timer, managed->patience, time_up, managed);
	if (all_have_settled(client))
		wane_end(managed);
}

void
managed_go_on(struct managed *managed, struct client *client)
{
	wane_end(managed);
	managed->told = managed->wanted = managed->before;
	count_from(managed, client);
	timer_stop(&managed->timer);
	managed->asked_for = managed->queue.acked;
	managed->unasked = 0;
	queue_rewind(&managed->queue);
}

/* The link may still take what is said now: the stream is about to end in good order. */
static void
say_last_h(struct managed *managed)
{
	if (managed->client != NULL && managed_handled(managed) != managed->told)
		tell_h(managed, managed->client);
}

static enum outcome
on_lost(void *self, struct session *session)
{
	struct managed *managed = managed_of(session, self);

	if (managed == NULL)
		return PASS;
	say_last_h(managed);
	if (!managed->resumable)
		return PASS;
	managed_wait(managed);
	return LATER;
}

static void
managed_end(struct managed *managed)
{
	if (managed->resuming != NULL)
		resume_fail(managed->resuming);
	if (managed->client != NULL) {
		managed->waning = managed->client;
		managed->client = NULL;
	}
	wane_end(managed);
	timer_stop(&managed->timer);
	shard_not_at_turn_end(&managed->post);
	queue_clear(&managed->queue);
	free(managed);
}

static void
forget(void *self, struct session *session)
{
	struct sm_corner *corner = session_corner(session, self);

	if (corner == NULL || corner->managed == NULL)
		return;
	managed_end(corner->managed);
	corner->managed = NULL;
}

static void
on_left(void *self, struct session *session)
{
	struct managed *managed = managed_of(session, self);

	if (managed == NULL)
		return;
	say_last_h(managed);
	leave_start(managed);
	forget(self, session);
}

/* --- enabling --- */

static int64_t
patience(const struct sm *sm, const struct element *enable)
{
	int64_t seconds;

	if (!element_get_int(enable, "max", &seconds) || seconds < 1)
		return sm->resume;
	return seconds < sm->resume_most / 1000 ? seconds * 1000 : sm->resume_most;
}

static void
say_enabled(struct client *client, const struct managed *managed, const char *id)
{
	struct arena *arena = arena_new();
	struct element *enabled = element_new(arena, NS_SM, "enabled");

	if (managed->resumable) {
		element_set(arena, enabled, "id", id);
		element_set(arena, enabled, "resume", "true");
		element_setf(arena, enabled, "max", "%lld", (long long)managed->patience / 1000);
	}
	client_say(client, enabled);
	arena_drop(arena);
}

static enum outcome
on_enable(void *self, struct client *client, struct session *session, const struct element *element)
{
	struct sm *sm = self;
	struct sm_corner *corner = session != NULL ? session_corner(session, self) : NULL;
	uint8_t hash[SHA256_BYTES];
	char id[ID_LENGTH + 1];
	struct managed *managed;

	if (corner == NULL) {
		say_failed(client, UNEXPECTED_REQUEST, "bind a resource before");
		return DONE;
	}
	if (corner->managed != NULL) { /* §3: an answer, and the end */
		say_failed(client, UNEXPECTED_REQUEST, "it is enabled already");
		client->ops->close(client, STREAM_POLICY_VIOLATION,
				   "stream management can be enabled once", NULL);
		return DONE;
	}
	random_name(id, ID_LENGTH);
	sha256(hash, id, ID_LENGTH);
	managed = corner->managed = zalloc(sizeof *managed);
	managed->sm = sm;
	managed->session = session;
	managed->resumable = element_get_bool(element, "resume");
	managed->patience = patience(sm, element);
	memcpy(managed->hash, hash, HASH_BYTES);
	count_from(managed, client);
	sm->enabled++;
	say_enabled(client, managed, id);
	return DONE;
}

static void
on_offering(void *self, struct stream_features *features)
{
	(void)self;
	if (features->admitted)
		element_add(features->arena, features->element, NS_SM, "sm");
}

/* --- for admins --- */

static void
on_describing(void *self, struct session *session, struct text *about)
{
	const struct managed *managed = managed_of(session, self);

	if (managed == NULL)
		return;
	if (managed->client == NULL)
		text_addf(about, "waits for its client since %lld s, for %lld s at most",
			  (long long)(now_seconds() - managed->lost),
			  (long long)managed->patience / 1000);
	else
		text_addf(about, "stream management%s",
			  managed->resumable ? ", can be resumed" : "");
	text_addf(about, ", %u unacknowledged (%zu bytes)", managed->queue.count,
		  managed->queue.bytes);
}

/* --- the module --- */

static bool
on_start(void *self, struct domain *domain, struct err *err)
{
	struct sm *sm = self;
	struct arena *arena = arena_new();
	struct element *blank = element_new(arena, NS_CLIENT, "message");

	(void)err;
	element_set(arena, blank, "type", "headline");
	element_set(arena, blank, "from", domain->name);
	sm->domain = domain;
	sm->blank = xml_wire(blank, NS_CLIENT);
	arena_drop(arena);
	return true;
}

/* Nobody will be able to come back. */
static void
end_waiting(void *self, struct account *account)
{
	struct session *session;

	account_hold(account);
	LIST_EACH (&account->sessions, session, struct session, place) {
		const struct managed *managed = managed_of(session, self);

		if (managed != NULL && managed->client == NULL)
			session_end(session, STREAM_UNSUPPORTED_FEATURE, NULL);
	}
	account_drop(account);
}

static void
on_stop(void *self)
{
	struct sm *sm = self;
	struct account *account, *next;

	for (account = account_next(NULL); account != NULL; account = next) {
		next = account_next(account);
		if (account->domain == sm->domain)
			end_waiting(self, account);
	}
	wire_drop(sm->blank);
	sm->blank = NULL;
}

static const struct option options[] = {
	OPTION_PERIOD(struct sm, resume, PERIOD_MINUTES(10), PERIOD_SECONDS(1), PERIOD_DAYS(1),
		      "how long a session waits for its client when the connection was lost"),
	OPTION_PERIOD(struct sm, resume_most, PERIOD_HOURS(1), PERIOD_SECONDS(1), PERIOD_DAYS(1),
		      "how long at most, for a client that asks for more"),
	OPTION_NUMBER(struct sm, queue_stanzas, 5000, 10, 1000000,
		      "how many stanzas a client may leave unacknowledged"),
	OPTION_SIZE(struct sm, queue_bytes, 4000000, 10000, 1000000000,
		    "how many bytes of stanzas a client may leave unacknowledged"),
	OPTION_PERIOD(struct sm, answer, PERIOD_MINUTES(2), PERIOD_SECONDS(5), PERIOD_HOURS(1),
		      "how long a client may take to say what it has before its connection "
		      "counts as lost"),
	{ 0 },
};

static const struct element_rule elements[] = {
	{ ELEMENT_ADMITTED | ELEMENT_BOUND, NS_SM, "enable", on_enable },
	{ ELEMENT_ADMITTED | ELEMENT_BOUND, NS_SM, "resume", on_resume },
	{ ELEMENT_BOUND, NS_SM, "r", on_request },
	{ ELEMENT_BOUND, NS_SM, "a", on_answer },
	{ 0 },
};

static const struct hook hooks[] = {
	FACT(features_offering, on_offering),
	HOOK(parcel_leaving, FALLBACK, on_parcel), /* what others keep back does not leave */
	HOOK(carrier_lost, DELIVER, on_lost),
	FACT(session_left, on_left),
	FACT(session_unloading, forget),
	FACT(session_describing, on_describing),
	{ 0 },
};

static const struct metric metrics[] = {
	{ "sm_enabled", "sessions with stream management", offsetof(struct sm, enabled) },
	{ "sm_resumed", "clients that took up their session", offsetof(struct sm, resumed) },
	{ "sm_failed", "clients that could not", offsetof(struct sm, failed) },
	{ "sm_timed_out", "sessions whose client did not come back",
	  offsetof(struct sm, timed_out) },
	{ "sm_overfull", "sessions that ended with too much unacknowledged",
	  offsetof(struct sm, overfull) },
	{ 0 },
};

MODULE = {
	.api = MODULE_API,
	.name = "sm",
	.about = "Stream Management (XEP-0198)",
	.help = "Client and server tell each other which stanzas they have got.  When the "
		"connection is lost, the session waits for its client, and nothing that was said "
		"meanwhile is lost.",
	.options = options,
	.elements = elements,
	.hooks = hooks,
	.metrics = metrics,
	.size = sizeof(struct sm),
	.session_size = sizeof(struct sm_corner),
	.start = on_start,
	.stop = on_stop,
};
