/* SPDX-License-Identifier: MIT */
/* What is offered, and the wrapping of SASL's messages. */
#include "stream/sasl.h"

#include "base/codec.h"
#include "base/text.h"
#include "net/link.h"
#include "stream/settings.h"
#include "xml/writer.h"
#include "xmpp/ns.h"

#include <stdlib.h>
#include <string.h>

/* Both are served; which one binds better is the client's to know. */
static const char *const bindings[] = { "tls-exporter", "tls-server-end-point" };

bool
sasl_is_offered(const struct stream *stream)
{
	return stream->secured || stream_settings()->tls == TLS_OPTIONAL;
}

bool
sasl_binding(const struct stream *stream, const char *type, uint8_t *out, size_t *length)
{
	if (stream->link == NULL || !stream->secured)
		return false;
	if (strcmp(type, "tls-exporter") == 0) { /* RFC 9266 */
		*length = 32;
		return link_tls_exporter(stream->link, out);
	}
	if (strcmp(type, "tls-server-end-point") == 0) /* RFC 5929 §4 */
		return link_tls_server_end_point(stream->link, out, length);
	return false;
}

static bool
has_binding(const struct stream *stream, const char *type)
{
	uint8_t bytes[CHANNEL_BINDING_MAX];
	size_t length;

	return sasl_binding(stream, type, bytes, &length);
}

const struct scram_offer *
sasl_offer(const struct stream *stream, struct arena *arena)
{
	struct scram_offer *offer = NEW(arena, struct scram_offer);
	const char **mechanisms = arena_alloc(arena, (SCRAM_MECHANISMS + 2) * sizeof *mechanisms);
	const char **types = arena_alloc(arena, (COUNT(bindings) + 1) * sizeof *types);
	size_t count = 0;

	offer->mechanisms = mechanisms;
	for (size_t i = 0; i < COUNT(bindings); i++)
		if (has_binding(stream, bindings[i]))
			types[count++] = bindings[i];
	if (count > 0)
		offer->bindings = types;
	if (!sasl_is_offered(stream))
		return offer;
	count = 0;
	for (size_t i = 0; i < SCRAM_MECHANISMS; i++)
		if (offer->bindings != NULL || !scram_mechanisms[i].plus)
			mechanisms[count++] = scram_mechanisms[i].name;
	if (stream->secured) /* RFC 6120 §13.8.2: a password is never said in the clear */
		mechanisms[count++] = "PLAIN";
	return offer;
}

void
sasl_add_features(const struct stream *stream, struct arena *arena, struct element *features)
{
	const struct scram_offer *offer = sasl_offer(stream, arena);
	struct element *list = element_add(arena, features, NS_SASL, "mechanisms"), *types;

	for (const char *const *name = offer->mechanisms; *name != NULL; name++)
		element_add_text(arena, list, NULL, "mechanism", *name);
	if (offer->bindings == NULL)
		return;
	types = element_add(arena, features, NS_CHANNEL_BINDING, "sasl-channel-binding");
	for (const char *const *type = offer->bindings; *type != NULL; type++)
		element_set(arena, element_add(arena, types, NULL, "channel-binding"), "type",
			    *type);
}

bool
sasl_offers(const struct scram_offer *offer, const char *mechanism)
{
	for (const char *const *name = offer->mechanisms; *name != NULL; name++)
		if (strcmp(*name, mechanism) == 0)
			return true;
	return false;
}

/* --- messages --- */

char *
sasl_message(struct arena *arena, const struct element *element, size_t *length)
{
	const char *text = element_text(arena, element);
	size_t text_length = strlen(text);
	char *bytes = arena_bytes(arena, text_length + 1);
	bool right;

	*length = 0;
	/* RFC 6120 §6.4.2: "=" is an empty message, no text is none. */
	right = strcmp(text, "=") == 0 ||
		base64_decode(bytes, text_length, length, text, text_length);
	wipe((void *)text, text_length);
	bytes[*length] = '\0';
	return right ? bytes : NULL;
}

void
sasl_say(struct stream *stream, const char *name, const char *bytes, size_t length)
{
	struct text text = { 0 };

	text_addf(&text, "<%s xmlns='%s'", name, NS_SASL);
	if (bytes == NULL) {
		text_add(&text, "/>");
	} else if (length == 0) {
		text_addf(&text, ">=</%s>", name);
	} else {
		char *place;

		text_add(&text, ">");
		place = text_reserve(&text, BASE64_LENGTH(length) + 1);
		base64_encode(place, bytes, length);
		text.length += BASE64_LENGTH(length);
		text_addf(&text, "</%s>", name);
	}
	stream_say_text(stream, text.bytes, text.length);
	text_clear(&text);
}

void
sasl_say_failure(struct stream *stream, enum sasl_condition condition, const char *text)
{
	struct arena *arena = arena_new();

	stream_say(stream, sasl_failure_element(arena, condition, text));
	arena_drop(arena);
}
