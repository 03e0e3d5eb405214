/* SPDX-License-Identifier: MIT */
/*
 * A client comes back (XEP-0198 §5), in the order it happens:
 *
 *	on_resume		a client that has logged in wants a session to go on
 *	resume_account_ready	its account is here: which session, and who carries it?
 *	resume_settled		what was heard on the old link has settled, or that took too long:
 *				the client hears h, and is what carries the session from now on
 *	resume_end		the one way out
 *
 * <resumed/> waits until all that came by the old link has settled, since its client says again
 * what is above the h it hears, and would be heard twice.
 */
#include "sm.h"

#include <string.h>

#define SETTLE_MS SECONDS(10) /* as long as a write may take */

struct resuming {
	struct sm *sm;
	struct client *client; /* is owed an answer */
	struct account_want want;
	struct account *account; /* held from resume_account_ready on */
	struct managed *managed; /* while it waits for its last stanzas */
	struct timer timer;
	uint32_t h;
	char id[ID_LENGTH + 1];
};

static void resume_account_ready(void *ctx, struct account *account);
static void resume_took_too_long(void *arg);
static void resume_end(struct resuming *resuming);

enum outcome
on_resume(void *self, struct client *client, struct session *session, const struct element *element)
{
	const char *id = element_get(element, "previd");
	struct resuming *resuming;
	uint32_t h;

	if (session != NULL) {
		say_failed(client, UNEXPECTED_REQUEST, "this stream has a session already");
		return DONE;
	}
	if (id == NULL || !number_read(&h, element, "h")) {
		say_failed(client, BAD_REQUEST, "<resume/> needs a 'previd' and an 'h'");
		return DONE;
	}
	if (strlen(id) != ID_LENGTH) { /* none of ours */
		say_failed(client, ITEM_NOT_FOUND, NULL);
		return DONE;
	}
	resuming = zalloc(sizeof *resuming);
	resuming->sm = self;
	resuming->client = client;
	resuming->h = h;
	memcpy(resuming->id, id, sizeof resuming->id);
	account_get(client->domain, client->who, &resuming->want, resume_account_ready, resuming);
	return LATER;
}

static struct managed *
managed_find(const struct account *account, const void *self, const char *id)
{
	uint8_t hash[SHA256_BYTES];
	struct session *session;

	sha256(hash, id, ID_LENGTH);
	LIST_EACH (&account->sessions, session, struct session, place) {
		struct managed *managed = managed_of(session, self);

		if (managed != NULL && managed->resumable &&
		    memcmp(managed->hash, hash, HASH_BYTES) == 0)
			return managed;
	}
	return NULL;
}

static void
resume_account_ready(void *ctx, struct account *account)
{
	struct resuming *resuming = ctx;
	struct managed *managed;

	resuming->account = account;
	if (account->state != ACCOUNT_READY) {
		bool unknown = account->state == ACCOUNT_UNKNOWN;

		say_failed(resuming->client, unknown ? INTERNAL_SERVER_ERROR : ITEM_NOT_FOUND,
			   unknown ? "the account cannot be read now; try again later" : NULL);
		resume_end(resuming);
		return;
	}
	managed = managed_find(account, resuming->sm, resuming->id);
	if (managed == NULL) {
		resuming->sm->failed++;
		say_failed(resuming->client, ITEM_NOT_FOUND, NULL);
		resume_end(resuming);
		return;
	}
	if (managed->resuming != NULL) /* the newest wins */
		resume_fail(managed->resuming);
	if (managed->client != NULL) {
		log_debug(&managed->session->log, "its client comes back while the old link lives");
		session_part(managed->session, STREAM_CONFLICT, "resumed on another connection");
		managed_wait(managed);
	}
	managed->resuming = resuming;
	resuming->managed = managed;
	if (managed->waning == NULL)
		resume_settled(resuming);
	else
		timer_start(&resuming->timer, SETTLE_MS, resume_took_too_long, resuming);
}

static void
resume_took_too_long(void *arg)
{
	struct resuming *resuming = arg;

	log_warn(&resuming->managed->session->log,
		 "goes on while stanzas of the old link have not settled: they may come twice");
	resume_settled(resuming);
}

static void
say_resumed(struct client *client, uint32_t h, const char *id)
{
	struct arena *arena = arena_new();
	struct element *resumed = element_new(arena, NS_SM, "resumed");

	element_setf(arena, resumed, "h", "%u", h);
	element_set(arena, resumed, "previd", id);
	client_say(client, resumed);
	arena_drop(arena);
}

void
resume_settled(struct resuming *resuming)
{
	struct managed *managed = resuming->managed;
	struct client *client = resuming->client;
	struct session *session = managed->session;

	managed->resuming = NULL;
	resuming->managed = NULL;
	if (!managed_acked(managed, client, resuming->h)) {
		resume_end(resuming);
		return;
	}
	session_hold(session);
	client->ops->adopt(client, session);
	if (session->gone || session->carried == NULL) { /* that client is gone, too */
		say_failed(client, ITEM_NOT_FOUND, NULL);
	} else {
		resuming->sm->resumed++;
		log_info(&session->log, "resumed owed=%u", managed->queue.count);
		managed_go_on(managed, client);
		say_resumed(client, managed->told, resuming->id);
		managed_say_owed(managed);
	}
	session_drop(session);
	resume_end(resuming);
}

void
resume_fail(struct resuming *resuming)
{
	resuming->managed->resuming = NULL;
	resuming->sm->failed++;
	say_failed(resuming->client, ITEM_NOT_FOUND, NULL);
	resume_end(resuming);
}

static void
resume_end(struct resuming *resuming)
{
	timer_stop(&resuming->timer);
	account_drop(resuming->account);
	free(resuming);
}
