/* SPDX-License-Identifier: MIT */
/*
 * Why something was refused, in the words the RFC has for it: of stanzas (RFC 6120
 * §8.3.3), of streams (§4.9.3) and of logins (§6.5); and the elements that say so.
 *
 * The tables are in xmpp/condition.c; a condition knows its usual error type, so that
 * callers name only the condition.
 */
#pragma once

#include "xml/element.h"

enum condition {
	CONDITION_NONE,
	BAD_REQUEST,
	CONFLICT,
	FEATURE_NOT_IMPLEMENTED,
	FORBIDDEN,
	GONE,
	INTERNAL_SERVER_ERROR,
	ITEM_NOT_FOUND,
	JID_MALFORMED,
	NOT_ACCEPTABLE,
	NOT_ALLOWED,
	NOT_AUTHORIZED,
	POLICY_VIOLATION,
	RECIPIENT_UNAVAILABLE,
	REDIRECT,
	REGISTRATION_REQUIRED,
	REMOTE_SERVER_NOT_FOUND,
	REMOTE_SERVER_TIMEOUT,
	RESOURCE_CONSTRAINT,
	SERVICE_UNAVAILABLE,
	SUBSCRIPTION_REQUIRED,
	UNDEFINED_CONDITION,
	UNEXPECTED_REQUEST,
};
#define CONDITIONS (UNEXPECTED_REQUEST + 1)

enum stream_condition {
	STREAM_NONE,
	STREAM_BAD_FORMAT,
	STREAM_BAD_NAMESPACE_PREFIX,
	STREAM_CONFLICT,
	STREAM_CONNECTION_TIMEOUT,
	STREAM_HOST_GONE,
	STREAM_HOST_UNKNOWN,
	STREAM_IMPROPER_ADDRESSING,
	STREAM_INTERNAL_SERVER_ERROR,
	STREAM_INVALID_FROM,
	STREAM_INVALID_NAMESPACE,
	STREAM_INVALID_XML,
	STREAM_NOT_AUTHORIZED,
	STREAM_NOT_WELL_FORMED,
	STREAM_POLICY_VIOLATION,
	STREAM_REMOTE_CONNECTION_FAILED,
	STREAM_RESET,
	STREAM_RESOURCE_CONSTRAINT,
	STREAM_RESTRICTED_XML,
	STREAM_SEE_OTHER_HOST,
	STREAM_SYSTEM_SHUTDOWN,
	STREAM_UNDEFINED_CONDITION,
	STREAM_UNSUPPORTED_ENCODING,
	STREAM_UNSUPPORTED_FEATURE,
	STREAM_UNSUPPORTED_STANZA_TYPE,
	STREAM_UNSUPPORTED_VERSION,
};
#define STREAM_CONDITIONS (STREAM_UNSUPPORTED_VERSION + 1)

enum sasl_condition {
	SASL_NONE,
	SASL_ABORTED,
	SASL_ACCOUNT_DISABLED,
	SASL_CREDENTIALS_EXPIRED,
	SASL_ENCRYPTION_REQUIRED,
	SASL_INCORRECT_ENCODING,
	SASL_INVALID_AUTHZID,
	SASL_INVALID_MECHANISM,
	SASL_MALFORMED_REQUEST,
	SASL_MECHANISM_TOO_WEAK,
	SASL_NOT_AUTHORIZED,
	SASL_TEMPORARY_AUTH_FAILURE,
};
#define SASL_CONDITIONS (SASL_TEMPORARY_AUTH_FAILURE + 1)

/* The element's name, "bad-request"; NULL for ..._NONE. */
PUBLIC const char *condition_name(enum condition condition);
PUBLIC const char *stream_condition_name(enum stream_condition condition);
PUBLIC const char *sasl_condition_name(enum sasl_condition condition);

/* The other way; ..._NONE when no condition is called `name`. */
PUBLIC enum condition condition_parse(const char *name);
PUBLIC enum stream_condition stream_condition_parse(const char *name);
PUBLIC enum sasl_condition sasl_condition_parse(const char *name);

/* The usual error type: "auth", "cancel", "continue", "modify" or "wait". */
PUBLIC const char *condition_type(enum condition condition);

/* <error/> with the condition and a text below it, in the namespace of whatever it is put
 * into.  `type` NULL: the usual one.  `text` NULL: none. */
PUBLIC struct element *error_element(struct arena *arena, enum condition condition,
				     const char *type, const char *text);
/* What the <error/> below a stanza says.  CONDITION_NONE when there is no <error/>,
 * UNDEFINED_CONDITION when there is one that says nothing we know. */
PUBLIC enum condition error_condition(const struct element *stanza);
/* The text below it; NULL when there is none. */
PUBLIC const char *error_text(struct arena *arena, const struct element *stanza);

/* <stream:error/>; `text` may be NULL.  For see-other-host it is the host to go to and
 * becomes the condition's own content. */
struct element *stream_error_element(struct arena *arena, enum stream_condition condition,
				     const char *text);
/* <failure/> of SASL; `text` may be NULL. */
struct element *sasl_failure_element(struct arena *arena, enum sasl_condition condition,
				     const char *text);
