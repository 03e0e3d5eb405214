/* SPDX-License-Identifier: MIT */
/* Kinds and types of stanza as tables, and the elements that answer one. */
#include "xmpp/stanza.h"
#include "base/text.h"
#include "xmpp/ns.h"

#include <string.h>

static const char *const kinds[] = {
	[STANZA_MESSAGE] = "message",
	[STANZA_PRESENCE] = "presence",
	[STANZA_IQ] = "iq",
};

#define IS(kind) (1u << (kind))

static const struct {
	const char *name; /* NULL: no attribute */
	unsigned kinds;
} types[STANZA_TYPES] = {
	[TYPE_NONE] = { NULL, 0 },
	[TYPE_NORMAL] = { "normal", IS(STANZA_MESSAGE) },
	[TYPE_CHAT] = { "chat", IS(STANZA_MESSAGE) },
	[TYPE_GROUPCHAT] = { "groupchat", IS(STANZA_MESSAGE) },
	[TYPE_HEADLINE] = { "headline", IS(STANZA_MESSAGE) },
	[TYPE_AVAILABLE] = { NULL, IS(STANZA_PRESENCE) },
	[TYPE_UNAVAILABLE] = { "unavailable", IS(STANZA_PRESENCE) },
	[TYPE_SUBSCRIBE] = { "subscribe", IS(STANZA_PRESENCE) },
	[TYPE_SUBSCRIBED] = { "subscribed", IS(STANZA_PRESENCE) },
	[TYPE_UNSUBSCRIBE] = { "unsubscribe", IS(STANZA_PRESENCE) },
	[TYPE_UNSUBSCRIBED] = { "unsubscribed", IS(STANZA_PRESENCE) },
	[TYPE_PROBE] = { "probe", IS(STANZA_PRESENCE) },
	[TYPE_GET] = { "get", IS(STANZA_IQ) },
	[TYPE_SET] = { "set", IS(STANZA_IQ) },
	[TYPE_RESULT] = { "result", IS(STANZA_IQ) },
	[TYPE_ERROR] = { "error", IS(STANZA_MESSAGE) | IS(STANZA_PRESENCE) | IS(STANZA_IQ) },
};

static const char *const namespaces[] = { NS_CLIENT, NS_SERVER, NS_COMPONENT };

/* The namespace of stanzas that `element` is in, as a string that lives for ever. */
static const char *
stanza_ns(const struct element *element)
{
	for (size_t i = 0; i < COUNT(namespaces); i++)
		if (text_is(element->ns, namespaces[i]))
			return namespaces[i];
	return NULL;
}

bool
stanza_kind_read(enum stanza_kind *kind, const struct element *element)
{
	if (element->name == NULL || stanza_ns(element) == NULL)
		return false;
	for (size_t i = 0; i < COUNT(kinds); i++)
		if (strcmp(element->name, kinds[i]) == 0) {
			*kind = (enum stanza_kind)i;
			return true;
		}
	return false;
}

bool
stanza_type_read(enum stanza_type *type, enum stanza_kind kind, const char *text)
{
	for (int i = TYPE_NORMAL; i < STANZA_TYPES; i++)
		if ((types[i].kinds & IS(kind)) != 0 && text_is(types[i].name, text)) {
			*type = (enum stanza_type)i;
			return true;
		}
	if (kind != STANZA_MESSAGE)
		return false;
	*type = TYPE_NORMAL;
	return true;
}

const char *
stanza_kind_name(enum stanza_kind kind)
{
	must((unsigned)kind < COUNT(kinds));
	return kinds[kind];
}

const char *
stanza_type_name(enum stanza_type type)
{
	must((unsigned)type < STANZA_TYPES);
	return types[type].name;
}

struct element *
stanza_reply(struct arena *arena, const struct element *request, const char *type)
{
	enum stanza_kind kind;
	struct element *reply;

	must(stanza_kind_read(&kind, request));
	reply = element_new(arena, stanza_ns(request), stanza_kind_name(kind));
	element_set(arena, reply, "type", type);
	element_set(arena, reply, "id", element_get(request, "id"));
	element_set(arena, reply, "from", element_get(request, "to"));
	element_set(arena, reply, "to", element_get(request, "from"));
	return reply;
}

struct element *
stanza_error_reply(struct arena *arena, const struct element *request, enum condition condition,
		   const char *type, const char *text)
{
	const char *asked = element_get(request, "type");
	struct element *reply;
	enum stanza_kind kind;

	must(stanza_kind_read(&kind, request));
	if (text_is(asked, "error") || (kind == STANZA_IQ && text_is(asked, "result")))
		return NULL;
	reply = stanza_reply(arena, request, "error");
	element_put(reply, error_element(arena, condition, type, text));
	return reply;
}
