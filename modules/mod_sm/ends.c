/* SPDX-License-Identifier: MIT */
/* The table of ends. */
#include "ends.h"

#include <string.h>

#define ONE(n) (1u << (n))

/* causes */
#define STAYS (ONE(CAUSE_AWAY) | ONE(CAUSE_TAKEN_UP) | ONE(CAUSE_LOST_AGAIN))
#define ENDS  (~STAYS)
/* the account is still there for others */
#define ALONE                                                                           \
	(ONE(CAUSE_CLOSED) | ONE(CAUSE_LOST) | ONE(CAUSE_REPLACED) | ONE(CAUSE_ENDED) | \
	 ONE(CAUSE_PASSWORD_CHANGED) | ONE(CAUSE_TIMED_OUT) | ONE(CAUSE_OVERFULL))
/* it is not, but will be, or its archive will */
#define SHUT (ONE(CAUSE_DISABLED) | ONE(CAUSE_HOST_GONE) | ONE(CAUSE_STOPPING))

/* contents */
#define ANYTHING (~0u)
#define TALK     (ONE(CONTENT_CHAT) | ONE(CONTENT_NORMAL) | ONE(CONTENT_RECEIVED))
#define OF_ROOMS (ONE(CONTENT_GROUPCHAT) | ONE(CONTENT_ROOM_PRIVATE))
#define WORTHLESS                                                                                  \
	(ONE(CONTENT_HEADLINE) | ONE(CONTENT_EVENT) | ONE(CONTENT_FLEETING) | ONE(CONTENT_ERROR) | \
	 ONE(CONTENT_SENT) | ONE(CONTENT_SERVER) | ONE(CONTENT_KEPT) | ONE(CONTENT_PRESENCE) |     \
	 ONE(CONTENT_ANSWER))

enum maybe { NO = 1, YES = 2, MAYBE = NO | YES };

/* The first row that fits decides. */
static const struct row {
	unsigned causes, contents;
	enum maybe archived, shared;
	enum fate fate;
} rows[] = {
	{ STAYS, ANYTHING, MAYBE, MAYBE, FATE_KEEP },
	/* For this client only, or of no worth later: the next presence, the next event, and
	 * what is asked anew replace it; an error is never answered (RFC 6120 §8.3.1). */
	{ ENDS, WORTHLESS, MAYBE, MAYBE, FATE_DROP },
	/* As for a client that is not there (RFC 6121 §8.5.3.2.3): who asked must not wait. */
	{ ENDS, ONE(CONTENT_REQUEST), MAYBE, MAYBE, FATE_RETURN },
	/* Another session of the account has it, or is still owed it. */
	{ ENDS, TALK | OF_ROOMS, MAYBE, YES, FATE_DROP },
	/* A room must learn that its occupant is gone (XEP-0045 §9.2); other sessions are not
	 * in the room. */
	{ ENDS, ONE(CONTENT_GROUPCHAT), MAYBE, NO, FATE_RETURN },
	{ ENDS & ~ONE(CAUSE_REMOVED), ONE(CONTENT_ROOM_PRIVATE), YES, NO, FATE_ARCHIVE },
	{ ENDS, ONE(CONTENT_ROOM_PRIVATE), MAYBE, NO, FATE_RETURN },
	/* What people said to each other. */
	{ ALONE, TALK, MAYBE, NO, FATE_REDELIVER },
	{ SHUT, TALK, YES, NO, FATE_ARCHIVE },
	{ SHUT, TALK, NO, NO, FATE_RETURN },
	{ ONE(CAUSE_REMOVED), TALK, MAYBE, NO, FATE_RETURN },
};

enum fate
fate_of(enum cause cause, enum content content, bool archived, bool shared)
{
	for (size_t i = 0; i < COUNT(rows); i++)
		if ((rows[i].causes & ONE(cause)) != 0 && (rows[i].contents & ONE(content)) != 0 &&
		    (rows[i].archived & (archived ? YES : NO)) != 0 &&
		    (rows[i].shared & (shared ? YES : NO)) != 0)
			return rows[i].fate;
	must(!"a fate for everything");
}

/* --- contents --- */

/* Nothing but these: it says nothing that is of interest later. */
static bool
is_fleeting(const struct element *message)
{
	bool some = false;

	ELEMENT_EACH (message, child) {
		if (strcmp(child->ns, NS_CHAT_STATES) != 0 && strcmp(child->ns, NS_HINTS) != 0 &&
		    strcmp(child->ns, NS_STANZA_ID) != 0 && strcmp(child->name, "thread") != 0)
			return false;
		some = true;
	}
	return some;
}

/* A copy: not of our own making are those that anybody could write. */
static bool
is_from(const struct element *message, const char *bare)
{
	const char *from = element_get(message, "from");

	return from == NULL || strcmp(from, bare) == 0;
}

enum content
content_of_message(const struct element *message, enum stanza_type type, const struct jid *account)
{
	const struct element *room = element_child(message, NS_MUC_USER, "x");

	if (type == TYPE_ERROR)
		return CONTENT_ERROR;
	if (type == TYPE_GROUPCHAT)
		return CONTENT_GROUPCHAT;
	if (is_from(message, account->bare)) {
		if (carbon_of(message) == CARBON_SENT)
			return CONTENT_SENT;
		return carbon_message(message) != NULL ? CONTENT_RECEIVED : CONTENT_SERVER;
	}
	if (element_child(message, NS_PUBSUB_EVENT, "event") != NULL)
		return CONTENT_EVENT;
	if (type == TYPE_HEADLINE)
		return CONTENT_HEADLINE;
	if (room != NULL && element_child(room, NULL, "invite") == NULL)
		return CONTENT_ROOM_PRIVATE;
	if (is_fleeting(message))
		return CONTENT_FLEETING;
	return type == TYPE_CHAT ? CONTENT_CHAT : CONTENT_NORMAL;
}
