/* SPDX-License-Identifier: MIT */
/* The tables of conditions: each name once, and the type RFC 6120 §8.3.3 recommends. */
#include "xmpp/condition.h"
#include "xmpp/ns.h"

#include <string.h>

static const struct {
	const char *name, *type;
} conditions[CONDITIONS] = {
	[BAD_REQUEST] = { "bad-request", "modify" },
	[CONFLICT] = { "conflict", "cancel" },
	[FEATURE_NOT_IMPLEMENTED] = { "feature-not-implemented", "cancel" },
	[FORBIDDEN] = { "forbidden", "auth" },
	[GONE] = { "gone", "cancel" },
	[INTERNAL_SERVER_ERROR] = { "internal-server-error", "cancel" },
	[ITEM_NOT_FOUND] = { "item-not-found", "cancel" },
	[JID_MALFORMED] = { "jid-malformed", "modify" },
	[NOT_ACCEPTABLE] = { "not-acceptable", "modify" },
	[NOT_ALLOWED] = { "not-allowed", "cancel" },
	[NOT_AUTHORIZED] = { "not-authorized", "auth" },
	[POLICY_VIOLATION] = { "policy-violation", "modify" },
	[RECIPIENT_UNAVAILABLE] = { "recipient-unavailable", "wait" },
	[REDIRECT] = { "redirect", "modify" },
	[REGISTRATION_REQUIRED] = { "registration-required", "auth" },
	[REMOTE_SERVER_NOT_FOUND] = { "remote-server-not-found", "cancel" },
	[REMOTE_SERVER_TIMEOUT] = { "remote-server-timeout", "wait" },
	[RESOURCE_CONSTRAINT] = { "resource-constraint", "wait" },
	[SERVICE_UNAVAILABLE] = { "service-unavailable", "cancel" },
	[SUBSCRIPTION_REQUIRED] = { "subscription-required", "auth" },
	[UNDEFINED_CONDITION] = { "undefined-condition", "cancel" },
	[UNEXPECTED_REQUEST] = { "unexpected-request", "wait" },
};

static const char *const stream_conditions[STREAM_CONDITIONS] = {
	[STREAM_BAD_FORMAT] = "bad-format",
	[STREAM_BAD_NAMESPACE_PREFIX] = "bad-namespace-prefix",
	[STREAM_CONFLICT] = "conflict",
	[STREAM_CONNECTION_TIMEOUT] = "connection-timeout",
	[STREAM_HOST_GONE] = "host-gone",
	[STREAM_HOST_UNKNOWN] = "host-unknown",
	[STREAM_IMPROPER_ADDRESSING] = "improper-addressing",
	[STREAM_INTERNAL_SERVER_ERROR] = "internal-server-error",
	[STREAM_INVALID_FROM] = "invalid-from",
	[STREAM_INVALID_NAMESPACE] = "invalid-namespace",
	[STREAM_INVALID_XML] = "invalid-xml",
	[STREAM_NOT_AUTHORIZED] = "not-authorized",
	[STREAM_NOT_WELL_FORMED] = "not-well-formed",
	[STREAM_POLICY_VIOLATION] = "policy-violation",
	[STREAM_REMOTE_CONNECTION_FAILED] = "remote-connection-failed",
	[STREAM_RESET] = "reset",
	[STREAM_RESOURCE_CONSTRAINT] = "resource-constraint",
	[STREAM_RESTRICTED_XML] = "restricted-xml",
	[STREAM_SEE_OTHER_HOST] = "see-other-host",
	[STREAM_SYSTEM_SHUTDOWN] = "system-shutdown",
	[STREAM_UNDEFINED_CONDITION] = "undefined-condition",
	[STREAM_UNSUPPORTED_ENCODING] = "unsupported-encoding",
	[STREAM_UNSUPPORTED_FEATURE] = "unsupported-feature",
	[STREAM_UNSUPPORTED_STANZA_TYPE] = "unsupported-stanza-type",
	[STREAM_UNSUPPORTED_VERSION] = "unsupported-version",
};

static const char *const sasl_conditions[SASL_CONDITIONS] = {
	[SASL_ABORTED] = "aborted",
	[SASL_ACCOUNT_DISABLED] = "account-disabled",
	[SASL_CREDENTIALS_EXPIRED] = "credentials-expired",
	[SASL_ENCRYPTION_REQUIRED] = "encryption-required",
	[SASL_INCORRECT_ENCODING] = "incorrect-encoding",
	[SASL_INVALID_AUTHZID] = "invalid-authzid",
	[SASL_INVALID_MECHANISM] = "invalid-mechanism",
	[SASL_MALFORMED_REQUEST] = "malformed-request",
	[SASL_MECHANISM_TOO_WEAK] = "mechanism-too-weak",
	[SASL_NOT_AUTHORIZED] = "not-authorized",
	[SASL_TEMPORARY_AUTH_FAILURE] = "temporary-auth-failure",
};

/* --- names --- */

const char *
condition_name(enum condition condition)
{
	must((unsigned)condition < CONDITIONS);
	return conditions[condition].name;
}

const char *
condition_type(enum condition condition)
{
	must((unsigned)condition < CONDITIONS);
	return conditions[condition].type;
}

const char *
stream_condition_name(enum stream_condition condition)
{
	must((unsigned)condition < STREAM_CONDITIONS);
	return stream_conditions[condition];
}

const char *
sasl_condition_name(enum sasl_condition condition)
{
	must((unsigned)condition < SASL_CONDITIONS);
	return sasl_conditions[condition];
}

enum condition
condition_parse(const char *name)
{
	for (int i = 1; i < CONDITIONS; i++)
		if (strcmp(conditions[i].name, name) == 0)
			return (enum condition)i;
	return CONDITION_NONE;
}

/* Where `name` is in `names`, whose first is nobody's; 0 when it is not there. */
static int
find_name(const char *const *names, int count, const char *name)
{
	for (int i = 1; i < count; i++)
		if (strcmp(names[i], name) == 0)
			return i;
	return 0;
}

enum stream_condition
stream_condition_parse(const char *name)
{
	return (enum stream_condition)find_name(stream_conditions, STREAM_CONDITIONS, name);
}

enum sasl_condition
sasl_condition_parse(const char *name)
{
	return (enum sasl_condition)find_name(sasl_conditions, SASL_CONDITIONS, name);
}

/* --- elements --- */

/* Our sentences are English, and say so as §8.3.2 and §4.9.2 ask. */
static void
add_text(struct arena *arena, struct element *parent, const char *ns, const char *text)
{
	if (text != NULL)
		element_set_ns(arena, element_add_text(arena, parent, ns, "text", text), NS_XML,
			       "lang", "en");
}

struct element *
error_element(struct arena *arena, enum condition condition, const char *type, const char *text)
{
	struct element *error = element_new(arena, NULL, "error");

	must(condition != CONDITION_NONE);
	element_set(arena, error, "type", type != NULL ? type : condition_type(condition));
	element_add(arena, error, NS_STANZA_ERRORS, condition_name(condition));
	add_text(arena, error, NS_STANZA_ERRORS, text);
	return error;
}

enum condition
error_condition(const struct element *stanza)
{
	const struct element *error = element_child(stanza, NULL, "error");

	if (error == NULL)
		return CONDITION_NONE;
	ELEMENT_EACH (error, child) {
		enum condition condition = CONDITION_NONE;

		if (element_is(child, NS_STANZA_ERRORS, child->name))
			condition = condition_parse(child->name);
		if (condition != CONDITION_NONE)
			return condition;
	}
	return UNDEFINED_CONDITION;
}

const char *
error_text(struct arena *arena, const struct element *stanza)
{
	const struct element *error = element_child(stanza, NULL, "error");

	return error != NULL ? element_child_text(arena, error, NS_STANZA_ERRORS, "text") : NULL;
}

struct element *
stream_error_element(struct arena *arena, enum stream_condition condition, const char *text)
{
	struct element *error = element_new(arena, NS_STREAMS, "error");
	const char *name = stream_condition_name(condition);

	must(condition != STREAM_NONE);
	if (condition == STREAM_SEE_OTHER_HOST && text != NULL) {
		element_add_text(arena, error, NS_STREAM_ERRORS, name, text);
	} else {
		element_add(arena, error, NS_STREAM_ERRORS, name);
		add_text(arena, error, NS_STREAM_ERRORS, text);
	}
	return error;
}

struct element *
sasl_failure_element(struct arena *arena, enum sasl_condition condition, const char *text)
{
	struct element *failure = element_new(arena, NS_SASL, "failure");

	must(condition != SASL_NONE);
	element_add(arena, failure, NS_SASL, sasl_condition_name(condition));
	add_text(arena, failure, NS_SASL, text);
	return failure;
}
