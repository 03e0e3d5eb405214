/* SPDX-License-Identifier: MIT */
/*
 * What kinds and types of stanza there are (RFC 6120 §8, RFC 6121 §4.7.1, §5.2.2), and
 * the elements that answer one.  A stanza on its way is core/stanza.h.
 */
#pragma once

#include "xmpp/condition.h"

enum stanza_kind { STANZA_MESSAGE, STANZA_PRESENCE, STANZA_IQ };

enum stanza_type {
	TYPE_NONE, /* of no stanza */
	/* message */
	TYPE_NORMAL,
	TYPE_CHAT,
	TYPE_GROUPCHAT,
	TYPE_HEADLINE,
	/* presence */
	TYPE_AVAILABLE, /* without a 'type' */
	TYPE_UNAVAILABLE,
	TYPE_SUBSCRIBE,
	TYPE_SUBSCRIBED,
	TYPE_UNSUBSCRIBE,
	TYPE_UNSUBSCRIBED,
	TYPE_PROBE,
	/* iq */
	TYPE_GET,
	TYPE_SET,
	TYPE_RESULT,
	/* any */
	TYPE_ERROR,
};
#define STANZA_TYPES (TYPE_ERROR + 1)

/* The kind by name and namespace (client, server or component); false, `*kind` unchanged,
 * when it is not a stanza. */
PUBLIC bool stanza_kind_read(enum stanza_kind *kind, const struct element *element);
/* The type by the attribute's value, NULL when there is none.  A message of unknown type
 * is a normal one (RFC 6121 §5.2.2); false, `*type` unchanged, for a presence of unknown
 * type and an IQ of unknown or no type. */
PUBLIC bool stanza_type_read(enum stanza_type *type, enum stanza_kind kind, const char *text);

/* "message", "presence", "iq". */
PUBLIC const char *stanza_kind_name(enum stanza_kind kind);
/* The attribute's value; NULL (no attribute) for TYPE_AVAILABLE and TYPE_NONE. */
PUBLIC const char *stanza_type_name(enum stanza_type type);

/* An empty stanza back to where `request` came from, with its id and no xml:lang; `type`
 * NULL: without one.  It shares nothing with `request`. */
PUBLIC struct element *stanza_reply(struct arena *arena, const struct element *request,
				    const char *type);
/* The same with an <error/>; NULL where RFC 6120 §8.2.3 and §8.3.1 forbid an answer: to an
 * error, and to an IQ that is a result.  `type` and `text` may be NULL as in
 * error_element. */
PUBLIC struct element *stanza_error_reply(struct arena *arena, const struct element *request,
					  enum condition condition, const char *type,
					  const char *text);
