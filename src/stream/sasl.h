/* SPDX-License-Identifier: MIT */
/*
 * SASL as XMPP wraps it (RFC 6120 §6): which mechanisms and channel bindings a stream is
 * offered, and how messages travel.  The arithmetic is xmpp/scram.h; who may log in is the
 * story of login.c.
 */
#pragma once

#include "stream/stream.h"
#include "xmpp/condition.h"
#include "xmpp/scram.h"

/* Whether one may log in on this stream as it is: on TLS, or where TLS is optional. */
bool sasl_is_offered(const struct stream *stream);
/* What is offered on this stream; in `arena`.  The same each time, as long as TLS stays as
 * it is. */
const struct scram_offer *sasl_offer(const struct stream *stream, struct arena *arena);
/* Puts <mechanisms/> and <sasl-channel-binding/> (XEP-0440) into the features. */
void sasl_add_features(const struct stream *stream, struct arena *arena, struct element *features);
bool sasl_offers(const struct scram_offer *offer, const char *mechanism);
/* The bytes of a channel binding; false when this stream has none of that type. */
bool sasl_binding(const struct stream *stream, const char *type, uint8_t *out, size_t *length);

/* What an <auth/> or <response/> carries, decoded into `arena` and NUL-terminated; "=" is an
 * empty message.  The text in the element is wiped.  NULL: it is not base64. */
char *sasl_message(struct arena *arena, const struct element *element, size_t *length);
/* <challenge/> or <success/> with `bytes`; without content when they are NULL. */
void sasl_say(struct stream *stream, const char *name, const char *bytes, size_t length);
void sasl_say_failure(struct stream *stream, enum sasl_condition condition, const char *text);
