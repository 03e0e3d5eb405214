/* SPDX-License-Identifier: MIT */
/*
 * A module's view of a client's stream: the features offered and the elements said
 * outside stanzas.
 */
#pragma once

#include "core/session.h"
#include "xml/element.h"

struct stream_features {
	struct arena *arena;
	struct element *element; /* <stream:features/>: put yours below */
	struct domain *domain;
	bool admitted; /* after authentication; false: before */
	bool secured;
	bool may_log_in;       /* mechanisms are offered with these features */
	const struct jid *who; /* the bare address, after authentication; NULL */
	const char *peer;      /* the client's address */
};

/* The stream a client speaks on, seen from a module. */
struct client {
	const struct client_ops *ops;
	struct domain *domain;
	const struct jid *who; /* bare; NULL before authentication */
};

struct client_ops {
	/* Says an element outside stanzas, at its place in the order; the answer when one is
	 * owed. */
	void (*say)(struct client *client, const struct element *element);
	/* Says one that is no answer, whoever owes one. */
	void (*tell)(struct client *client, const struct element *element);
	/* The same at once, before stanzas that wait for the store. */
	void (*interject)(struct client *client, const struct element *element);
	/* `detail` (NULL: none) is put behind the condition. */
	void (*close)(struct client *client, enum stream_condition condition, const char *text,
		      const struct element *detail);
	/* How many stanzas it has sent, and how many of which all before were settled too:
	 * XEP-0198's h. */
	uint32_t (*heard)(struct client *client);
	uint32_t (*settled)(struct client *client);
	/* Calls `fn` each time that number rises; NULL ends it. */
	void (*on_settled)(struct client *client, void (*fn)(void *ctx), void *ctx);
	/* Whether it is about to say goodbye: `fn` of on_settled is called once when that begins.
	 * It waits, for a while, for who has something to say before. */
	bool (*closing)(struct client *client);
	void (*linger)(struct client *client, bool on);
	/* The stream goes on as the carrier of a session that exists (resumption). */
	void (*adopt)(struct client *client, struct session *session);
	/* The address it comes from: "192.0.2.7". */
	const char *(*peer)(const struct client *client, char out[64]);
};

static inline void
client_say(struct client *client, const struct element *element)
{
	client->ops->say(client, element);
}
