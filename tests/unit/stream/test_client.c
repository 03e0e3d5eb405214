/* SPDX-License-Identifier: MIT */
#include "stream/client.c"

#include "stage.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define ASSERT_SAID(words) assert_has(said(), words, __LINE__)
#define BIND               "<iq type='set' id='b'><bind xmlns='" NS_BIND "'/></iq>"

static void
assert_has(const char *all, const char *words, int line)
{
	if (strstr(all, words) == NULL)
		fail_msg("line %d: \"%s\" is not in \"%s\"", line, words, all);
}

static void
assert_lacks(const char *all, const char *words)
{
	if (strstr(all, words) != NULL)
		fail_msg("\"%s\" is in \"%s\"", words, all);
}

static int
set_up(void **state)
{
	(void)state;
	stage_open();
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	if (stage_link != NULL)
		stage_hang_up();
	return stage_is_clean() ? 0 : -1;
}

/* --- the tables --- */

static const struct {
	const char *ns, *name;
	unsigned states;
} may_be_said[] = {
	{ NS_TLS, "starttls", OPENED },
	{ NS_SASL, "auth", OPENED | SECURED | PROVING },
	{ NS_SASL, "response", PROVING },
	{ NS_SASL, "abort", PROVING },
	{ NS_CLIENT, "iq", ADMITTED | BOUND },
	{ NS_CLIENT, "message", BOUND },
	{ NS_CLIENT, "presence", BOUND },
	{ NS_CLIENT, "auth", 0 },
	{ NS_CLIENT, "starttls", 0 },
	{ NS_SERVER, "message", 0 },
	{ NS_SASL, "iq", 0 },
	{ NS_SASL, "success", 0 },
	{ NS_SASL, "challenge", 0 },
	{ NS_TLS, "proceed", 0 },
	{ NS_TLS, "auth", 0 },
	{ NS_STREAMS, "features", 0 },
	{ NS_STREAMS, "error", OPENED | SECURED | PROVING | ADMITTED | BOUND },
	{ "", "message", 0 },
};

static void
every_state_hears_what_it_should_and_nothing_else(void **state)
{
	(void)state;
	for (unsigned bit = OPENED; bit <= CLOSED; bit <<= 1)
		for (size_t i = 0; i < COUNT(may_be_said); i++) {
			bool heard_by_us = hearing_find((enum stream_state)bit, may_be_said[i].ns,
							may_be_said[i].name) != on_other;

			if (heard_by_us != ((may_be_said[i].states & bit) != 0))
				fail_msg("%s may%s hear <%s/> of \"%s\"",
					 stream_state_name((enum stream_state)bit),
					 heard_by_us ? "" : " not", may_be_said[i].name,
					 may_be_said[i].ns);
		}
}

static void
roads_lead_where_the_rfc_leads(void **state)
{
	static const struct {
		enum stream_state from;
		unsigned to;
	} expected[] = {
		{ OPENED, SECURING | PROVING | CHECKING | DRAINING | CLOSED },
		{ SECURING, SECURED | CLOSED },
		{ SECURED, PROVING | CHECKING | DRAINING | CLOSED },
		{ PROVING, OPENED | SECURED | CHECKING | ADMITTED | DRAINING | CLOSED },
		{ CHECKING, OPENED | SECURED | PROVING | ADMITTED | DRAINING | CLOSED },
		{ ADMITTED, BINDING | BOUND | DRAINING | CLOSED },
		{ BINDING, ADMITTED | BOUND | DRAINING | CLOSED },
		{ BOUND, DRAINING | CLOSED },
		{ DRAINING, CLOSED },
		{ CLOSED, 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(expected); i++)
		for (unsigned to = OPENED; to <= CLOSED; to <<= 1)
			assert_int_equal(stream_has_road(expected[i].from, (enum stream_state)to),
					 (expected[i].to & to) != 0);
}

/* --- opening --- */

static void
a_header_is_answered_with_ours_and_the_features(void **state)
{
	const char *answer;

	(void)state;
	stage_client(false);
	hears(STAGE_HEADER);
	answer = said();
	assert_has(answer,
		   "<?xml version='1.0'?><stream:stream xmlns='jabber:client' "
		   "xmlns:stream='http://etherx.jabber.org/streams' id='",
		   __LINE__);
	assert_has(answer, "from='capulet.example' to='juliet@capulet.example' version='1.0' ",
		   __LINE__);
	assert_has(answer,
		   "<stream:features><starttls xmlns='" NS_TLS "'><required/></starttls>"
		   "</stream:features>",
		   __LINE__);
}

static void
every_stream_has_an_id_of_its_own(void **state)
{
	char first[64] = "", second[64] = "";

	(void)state;
	stage_client(false);
	hears(STAGE_HEADER);
	assert_int_equal(sscanf(strstr(said(), " id='"), " id='%63[a-z2-7]'", first), 1);
	stage_hang_up();
	stage_client(false);
	hears(STAGE_HEADER);
	assert_int_equal(sscanf(strstr(said(), " id='"), " id='%63[a-z2-7]'", second), 1);
	assert_int_equal(strlen(first), 26);
	assert_string_not_equal(first, second);
}

static void
bad_headers_get_a_header_and_an_error(void **state)
{
	static const struct {
		const char *header, *condition;
	} cases[] = {
		{ "<stream:stream xmlns='jabber:client' xmlns:stream='wrong' "
		  "to='capulet.example' version='1.0'>",
		  "invalid-namespace" },
		{ "<stream:flow xmlns='jabber:client' xmlns:stream='" NS_STREAMS "' "
		  "to='capulet.example' version='1.0'>",
		  "bad-format" },
		{ "<stream:stream xmlns='jabber:server' xmlns:stream='" NS_STREAMS "' "
		  "to='capulet.example' version='1.0'>",
		  "invalid-namespace" },
		{ "<stream:stream xmlns='jabber:client' xmlns:stream='" NS_STREAMS "' "
		  "version='1.0'>",
		  "host-unknown" },
		{ "<stream:stream xmlns='jabber:client' xmlns:stream='" NS_STREAMS "' "
		  "to='padua.example' version='1.0'>",
		  "host-unknown" },
		{ "<stream:stream xmlns='jabber:client' xmlns:stream='" NS_STREAMS "' "
		  "to='@@' version='1.0'>",
		  "host-unknown" },
		{ "<stream:stream xmlns='jabber:client' xmlns:stream='" NS_STREAMS "' "
		  "to='capulet.example'>",
		  "unsupported-version" },
		{ "<stream:stream xmlns='jabber:client' xmlns:stream='" NS_STREAMS "' "
		  "to='capulet.example' version='0.9'>",
		  "unsupported-version" },
		{ "<stream:stream xmlns='jabber:client' xmlns:stream='" NS_STREAMS "' "
		  "to='capulet.example' version='one'>",
		  "unsupported-version" },
		{ "GET / HTTP/1.1\r\n\r\n", "not-well-formed" },
		{ "<!DOCTYPE stream>", "restricted-xml" },
		{ "<?xml version='1.0' encoding='iso-8859-1'?><a/>", "unsupported-encoding" },
		{ "<x:stream>", "not-well-formed" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const char *answer;
		char words[256];

		stage_client(false);
		hears(cases[i].header);
		answer = said();
		assert_true(strncmp(answer, "<?xml version='1.0'?><stream:stream ", 36) == 0);
		snprintf(words, sizeof words, "<stream:error><%s xmlns='" NS_STREAM_ERRORS "'/>",
			 cases[i].condition);
		assert_has(answer, words, (int)i);
		assert_has(answer, "</stream:error></stream:stream>", (int)i);
		assert_true(stage_link->closing);
		stage_hang_up();
	}
}

static void
a_later_version_is_as_good_as_ours(void **state)
{
	(void)state;
	stage_client(false);
	hears("<stream:stream xmlns='jabber:client' xmlns:stream='" NS_STREAMS "' "
	      "to='Capulet.Example' version='1.1'>");
	ASSERT_SAID("<starttls");
}

/* RFC 6120 §4.7.5. */
static void
who_says_no_version_hears_none(void **state)
{
	const char *answer;

	(void)state;
	stage_client(false);
	hears("<stream:stream xmlns='jabber:client' xmlns:stream='" NS_STREAMS "' "
	      "to='capulet.example'>");
	answer = said();
	assert_null(strstr(strchr(answer + 1, '<'), " version="));
	stage_hang_up();
	stage_client(false);
	hears("<stream:stream xmlns='jabber:client' xmlns:stream='" NS_STREAMS "' "
	      "to='capulet.example' version='0.9'>");
	answer = said();
	assert_non_null(strstr(strchr(answer + 1, '<'), " version='1.0'"));
}

/* --- TLS --- */

static void
starttls_leads_to_mechanisms(void **state)
{
	const char *answer;

	(void)state;
	stage_client(false);
	hears(STAGE_HEADER);
	said();
	hears("<starttls xmlns='" NS_TLS "'/>");
	assert_string_equal(said(), "<proceed xmlns='" NS_TLS "'/>");
	assert_true(stage_link->shaking);
	assert_string_equal(stage_certificate_of, "capulet.example");
	assert_false(stage_link->reading);
	stage_secure();
	assert_string_equal(said(), "");
	hears(STAGE_HEADER);
	answer = said();
	assert_has(answer, "<mechanism>SCRAM-SHA-256-PLUS</mechanism>", __LINE__);
	assert_has(answer, "<mechanism>PLAIN</mechanism>", __LINE__);
	assert_has(answer,
		   "<sasl-channel-binding xmlns='urn:xmpp:sasl-cb:0'>"
		   "<channel-binding type='tls-exporter'/>"
		   "<channel-binding type='tls-server-end-point'/>",
		   __LINE__);
	assert_has(answer, "<max-bytes>65536</max-bytes>", __LINE__);
	assert_has(answer, "<offered xmlns='urn:example:module'/>", __LINE__);
	assert_lacks(answer, "<starttls");
}

static void
after_the_login_the_limit_is_a_stanzas(void **state)
{
	(void)state;
	stage_secured_client();
	hears_plain("juliet", "secret");
	hears(STAGE_HEADER);
	ASSERT_SAID("<max-bytes>262144</max-bytes>");
}

static void
without_channel_binding_there_is_no_plus(void **state)
{
	(void)state;
	stage_binds = false;
	stage_client(true);
	stage_secure();
	hears(STAGE_HEADER);
	assert_lacks(said(), "PLUS");
	stage_hang_up();
	stage_client(true);
	stage_secure();
	hears(STAGE_HEADER);
	assert_lacks(said(), "sasl-cb");
}

static void
bytes_in_the_clear_behind_starttls_end_the_stream(void **state)
{
	(void)state;
	stage_client(false);
	hears(STAGE_HEADER);
	hears("<starttls xmlns='" NS_TLS "'/><iq type='set' id='1'/>");
	assert_true(stage_link->aborted);
	assert_false(stage_link->shaking);
}

static void
direct_tls_begins_with_the_handshake(void **state)
{
	(void)state;
	stage_client(true);
	assert_true(stage_link->shaking);
	stage_secure();
	hears(STAGE_HEADER);
	ASSERT_SAID("<mechanism>PLAIN</mechanism>");
}

static void
in_the_clear_nobody_logs_in_when_tls_is_required(void **state)
{
	(void)state;
	stage_client(false);
	hears(STAGE_HEADER);
	said();
	hears_plain("juliet", "secret");
	ASSERT_SAID("<encryption-required/>");
}

static void
where_tls_is_optional_scram_is_offered_and_plain_is_not(void **state)
{
	const char *answer;

	(void)state;
	stage_settings(TLS_OPTIONAL);
	stage_client(false);
	hears(STAGE_HEADER);
	answer = said();
	assert_has(answer, "<starttls xmlns='" NS_TLS "'/>", __LINE__);
	assert_has(answer, "<mechanism>SCRAM-SHA-1</mechanism>", __LINE__);
	assert_lacks(answer, "PLAIN");
	assert_lacks(answer, "PLUS");
	hears_plain("juliet", "secret");
	ASSERT_SAID("<encryption-required/>");
}

/* --- strangers --- */

static void
strangers_are_told_to_log_in(void **state)
{
	static const char *const words[] = {
		"<message to='romeo@verona.example'><body>hi</body></message>",
		"<iq type='get' id='1'><query xmlns='jabber:iq:roster'/></iq>",
		"<r xmlns='urn:xmpp:sm:3'/>",
		"<response xmlns='" NS_SASL "'/>",
		"<nonsense xmlns='urn:example:nobody'/>",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(words); i++) {
		stage_secured_client();
		hears(words[i]);
		ASSERT_SAID("<stream:error><not-authorized xmlns='" NS_STREAM_ERRORS "'/>");
		assert_true(stage_link->closing);
		stage_hang_up();
	}
}

static struct client *asked;
static enum outcome stage_outcome;
static unsigned asked_count;

static enum outcome
on_asked(void *self, struct client *client, struct session *session, const struct element *element)
{
	struct arena *arena;

	(void)self;
	assert_string_equal(element->name, "iq");
	assert_null(session);
	assert_null(client->who);
	assert_string_equal(client->domain->name, "capulet.example");
	asked = client;
	asked_count++;
	if (stage_outcome == DONE) {
		arena = arena_new();
		client_say(client, element_new(arena, NS_CLIENT, "iq"));
		arena_drop(arena);
	}
	return stage_outcome;
}

static const struct element_rule stranger_rule = { ELEMENT_SECURED, NS_CLIENT, "iq", on_asked };

static void
say_as_module(struct client *client)
{
	struct arena *arena = arena_new();

	client_say(client, element_new(arena, NS_CLIENT, "answer"));
	arena_drop(arena);
	stage_turn();
}

static void
a_module_may_answer_strangers(void **state)
{
	(void)state;
	stage_rule = &stranger_rule;
	stage_outcome = DONE;
	stage_secured_client();
	hears("<iq type='get' id='r'><query xmlns='jabber:iq:register'/></iq>");
	assert_string_equal(said(), "<iq/>");
	stage_outcome = PASS;
	hears("<iq type='get' id='r'><query xmlns='jabber:iq:register'/></iq>");
	ASSERT_SAID("<not-authorized");
}

static void
in_the_clear_modules_are_not_asked_when_tls_is_required(void **state)
{
	(void)state;
	stage_rule = &stranger_rule;
	asked_count = 0;
	stage_client(false);
	hears(STAGE_HEADER);
	said();
	hears("<iq type='get' id='r'><query xmlns='jabber:iq:register'/></iq>");
	ASSERT_SAID("<not-authorized");
	assert_int_equal(asked_count, 0);
}

static void
a_client_is_not_heard_while_a_module_owes_it_an_answer(void **state)
{
	(void)state;
	stage_rule = &stranger_rule;
	stage_outcome = LATER;
	asked_count = 0;
	stage_secured_client();
	hears("<iq type='get' id='r1'/><iq type='get' id='r2'/>");
	assert_int_equal(asked_count, 1);
	assert_false(stage_link->reading);
	say_as_module(asked);
	assert_string_equal(said(), "<answer/>");
	assert_int_equal(asked_count, 2);
	say_as_module(asked);
	assert_true(stage_link->reading);
}

static void
an_answer_may_come_after_the_client_has_gone(void **state)
{
	(void)state;
	stage_rule = &stranger_rule;
	stage_outcome = LATER;
	stage_secured_client();
	hears("<iq type='get' id='r1'/>");
	stage_hang_up();
	say_as_module(asked);
}

/* --- bounds --- */

static void
a_client_that_says_too_much_before_a_login_is_told_so(void **state)
{
	char big[9000];

	(void)state;
	stage_rule = &stranger_rule;
	stage_outcome = DONE;
	stage_secured_client();
	memset(big, 'a', sizeof big - 1);
	big[sizeof big - 1] = '\0';
	for (int i = 0; i < 9 && !stage_link->closing; i++) {
		hears("<iq><query xmlns='jabber:iq:register'>");
		hears(big);
		hears("</query></iq>");
	}
	assert_true(stage_link->closing);
	ASSERT_SAID("<policy-violation xmlns='" NS_STREAM_ERRORS "'/><text xmlns='" NS_STREAM_ERRORS
		    "' xml:lang='en'>too many bytes before a login</text>");
}

static void
a_client_that_does_not_log_in_in_time_is_told_so(void **state)
{
	(void)state;
	stage_client(false);
	stage_wait(SECONDS(29));
	assert_false(stage_link->closing);
	stage_wait(SECONDS(2));
	ASSERT_SAID("<connection-timeout");
	assert_true(stage_link->closing);
}

static void
forms_give_a_stranger_time_but_not_for_ever(void **state)
{
	unsigned asked_before = 0;

	(void)state;
	stage_rule = &stranger_rule;
	stage_outcome = DONE;
	stage_secured_client();
	for (unsigned i = 0; i < 20 && !stage_link->closing; i++) {
		asked_before++;
		hears("<iq type='get' id='r'><query xmlns='jabber:iq:register'/></iq>");
		said();
		stage_wait(SECONDS(29));
	}
	assert_in_range(asked_before, 3, 12);
	ASSERT_SAID("<connection-timeout");
}

static void
too_big_a_stanza_names_its_bound(void **state)
{
	static char big[300000];

	(void)state;
	stage_bound_client();
	memset(big, 'a', sizeof big);
	hears("<message><body>");
	hears_bytes(big, sizeof big);
	ASSERT_SAID("<policy-violation");
	assert_true(stage_link->closing);
}

static void
a_stanza_must_be_finished_in_time(void **state)
{
	(void)state;
	stage_bound_client();
	hears("<message><body>");
	stage_wait(SECONDS(59));
	assert_false(stage_link->closing);
	stage_wait(SECONDS(2));
	ASSERT_SAID("a stanza was not finished in time");
}

static void
a_finished_stanza_leaves_no_deadline_behind(void **state)
{
	(void)state;
	stage_bound_client();
	hears("<message><body>");
	stage_wait(SECONDS(50));
	hears("</body></message>");
	stage_wait(SECONDS(50));
	assert_false(stage_link->closing);
}

static void
a_silent_client_may_stay(void **state)
{
	(void)state;
	stage_bound_client();
	stage_wait(SECONDS(1000000));
	assert_false(stage_link->closing);
	assert_string_equal(said(), "");
}

/* --- binding --- */

static void
a_resource_is_bound_and_the_answer_comes_first(void **state)
{
	struct client_stream *client;

	(void)state;
	client = stage_admitted_client();
	hears("<iq type='set' id='b1'><bind xmlns='" NS_BIND
	      "'><resource>balcony</resource></bind></iq>");
	assert_string_equal(said(), "<iq type='result' id='b1'><bind xmlns='" NS_BIND "'>"
				    "<jid>juliet@capulet.example/balcony</jid></bind></iq>");
	assert_int_equal(client->stream.state, BOUND);
	assert_ptr_equal(client->session, stage_session);
	assert_null(client->stream.parser);
}

static void
without_a_wish_a_resource_is_made(void **state)
{
	(void)state;
	stage_admitted_client();
	hears(BIND);
	ASSERT_SAID("<jid>juliet@capulet.example/");
	assert_int_equal(strlen(stage_session->jid->resource), 12);
}

static void
a_bad_resource_may_be_asked_for_again(void **state)
{
	(void)state;
	stage_admitted_client();
	hears("<iq type='set' id='b1'><bind xmlns='" NS_BIND
	      "'><resource>a&#x85;b</resource></bind></iq>");
	ASSERT_SAID("<bad-request");
	hears(BIND);
	ASSERT_SAID("type='result'");
}

static void
before_binding_nothing_else_is_heard(void **state)
{
	static const char *const words[] = {
		"<message/>",
		"<presence/>",
		"<iq type='get' id='1'><query xmlns='jabber:iq:roster'/></iq>",
		"<iq type='get' id='1'><bind xmlns='" NS_BIND "'/></iq>",
		"<iq type='set'><bind xmlns='" NS_BIND "'/></iq>",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(words); i++) {
		stage_admitted_client();
		hears(words[i]);
		ASSERT_SAID("<not-authorized");
		stage_hang_up();
	}
}

static void
an_account_that_cannot_be_read_is_an_error_and_not_the_end(void **state)
{
	(void)state;
	stage_admitted_client();
	stage_account_state = ACCOUNT_UNKNOWN;
	hears(BIND);
	ASSERT_SAID("<internal-server-error");
	stage_account_state = ACCOUNT_READY;
	hears(BIND);
	ASSERT_SAID("type='result'");
}

static void
an_account_that_is_gone_ends_the_stream(void **state)
{
	static const enum account_state states[] = { ACCOUNT_ABSENT, ACCOUNT_DISABLED };

	(void)state;
	for (size_t i = 0; i < COUNT(states); i++) {
		stage_account_state = ACCOUNT_READY;
		stage_admitted_client();
		stage_account_state = states[i];
		hears(BIND);
		ASSERT_SAID("<stream:error><not-authorized");
		stage_hang_up();
	}
}

static void
an_account_has_only_so_many_sessions(void **state)
{
	(void)state;
	stage_bound_client();
	stage_link = NULL; /* the first one stays */
	stage_domain_settings.sessions_max = 1;
	{
		struct client_stream *old = client_of(stage_session);
		struct link *first = old->stream.link;

		stage_admitted_client();
		hears(BIND);
		ASSERT_SAID("<resource-constraint");
		/* Who takes the other's place makes room for itself. */
		hears("<iq type='set' id='b'><bind xmlns='" NS_BIND "'>"
		      "<resource>balcony</resource></bind></iq>");
		ASSERT_SAID("type='result'");
		stage_hang_up();
		stage_link = first;
		ASSERT_SAID("<stream:error><conflict");
		assert_true(first->closing);
	}
}

static void
what_is_said_behind_the_bind_waits_for_it(void **state)
{
	(void)state;
	stage_admitted_client();
	stage_answers = false;
	hears(BIND "<presence/><message><body>one</body></message>");
	assert_string_equal(said(), "");
	assert_false(stage_link->reading);
	hears("<message><body>two</body></message>");
	stage_answer();
	ASSERT_SAID("type='result'");
	assert_string_equal(stage_heard.bytes, "<presence xml:lang='it'/><message "
					       "xml:lang='it'><body>one</body></message>"
					       "<message xml:lang='it'><body>two</body></message>");
}

static void
a_client_may_go_while_it_is_bound(void **state)
{
	(void)state;
	stage_admitted_client();
	stage_answers = false;
	hears(BIND);
	stage_hang_up();
	stage_answer();
	assert_null(stage_session);
}

/* --- bound --- */

static void
stanzas_reach_the_session_with_the_streams_language(void **state)
{
	(void)state;
	stage_bound_client();
	hears("<message to='romeo@verona.example' xml:lang='fr'><body>a</body></message>"
	      "  \n <message><body>b</body></message> ");
	assert_string_equal(stage_heard.bytes, "<message to='romeo@verona.example' "
					       "xml:lang='fr'><body>a</body></message>"
					       "<message xml:lang='it'><body>b</body></message>");
}

static void
the_old_session_request_is_granted(void **state)
{
	struct client_stream *client;

	(void)state;
	client = stage_bound_client();
	hears("<iq type='set' id='s'><session xmlns='" NS_SESSION "'/></iq>");
	assert_string_equal(said(), "<iq type='result' id='s'/>");
	assert_string_equal(stage_heard.bytes, "");
	assert_int_equal(client->ledger.settled, 1);
}

static void
a_foreign_from_ends_the_stream(void **state)
{
	(void)state;
	stage_bound_client();
	hears("<message from='romeo@verona.example/orchard'/>");
	ASSERT_SAID("<stream:error><invalid-from");
	assert_int_equal(stage_lost, 1);
}

static void
elements_of_nobody_end_the_stream(void **state)
{
	(void)state;
	stage_bound_client();
	hears("<thing xmlns='urn:example:nobody'/>");
	ASSERT_SAID("<unsupported-stanza-type");
	stage_hang_up();
	stage_bound_client();
	hears("<message xmlns='jabber:server'/>");
	ASSERT_SAID("<invalid-namespace");
	stage_hang_up();
	stage_bound_client();
	hears("<messages/>");
	ASSERT_SAID("<unsupported-stanza-type");
}

static void
comments_end_the_stream(void **state)
{
	(void)state;
	stage_bound_client();
	hears("<message><!-- psst --></message>");
	ASSERT_SAID("<restricted-xml");
	stage_hang_up();
	stage_bound_client();
	hears("hello there");
	ASSERT_SAID("<not-well-formed");
}

static void
an_idle_client_keeps_no_parser(void **state)
{
	struct client_stream *client;

	(void)state;
	client = stage_bound_client();
	hears("<message><body>");
	assert_non_null(client->stream.parser);
	hears("a</body></message>");
	assert_null(client->stream.parser);
	hears(" ");
	assert_null(client->stream.parser);
	hears("<message/><mess");
	assert_non_null(client->stream.parser);
	hears("age/>");
	assert_null(client->stream.parser);
	assert_null(client->stream.leftover);
}

static void
stanzas_byte_by_byte_are_the_same(void **state)
{
	static const char words[] = "<message to='a@b'><body>x &amp; y</body></message><presence/>";

	(void)state;
	stage_bound_client();
	for (size_t i = 0; i < sizeof words - 1; i++)
		hears_bytes(words + i, 1);
	assert_string_equal(stage_heard.bytes,
			    "<message to='a@b' xml:lang='it'><body>x &amp; y</body></message>"
			    "<presence xml:lang='it'/>");
}

static void
a_paused_client_is_not_heard(void **state)
{
	struct client_stream *client;

	(void)state;
	client = stage_bound_client();
	client_carrier.pause(client, true);
	stage_turn();
	hears("<presence/>");
	assert_string_equal(stage_heard.bytes, "");
	client_carrier.pause(client, false);
	stage_turn();
	assert_string_equal(stage_heard.bytes, "<presence xml:lang='it'/>");
}

static void
too_many_open_stanzas_stop_the_reading_until_half_have_settled(void **state)
{
	struct client_stream *client;

	(void)state;
	client = stage_bound_client();
	stage_settles = false;
	for (int i = 0; i < 150; i++)
		hears("<message/>");
	assert_int_equal(stage_receipt_count, 100);
	assert_false(stage_link->reading);
	for (unsigned i = 0; i < 49; i++)
		stage_settle(i);
	assert_int_equal(stage_receipt_count, 100);
	stage_settle(49);
	assert_int_equal(stage_receipt_count, 150);
	assert_int_equal(client->client.ops->settled(&client->client), 50);
	for (unsigned i = 50; i < 150; i++)
		stage_settle(i);
	assert_true(stage_link->reading);
	assert_int_equal(client->client.ops->settled(&client->client), 150);
}

static unsigned risen;

static void
on_risen(void *ctx)
{
	struct client *client = ctx;

	risen = client->ops->settled(client);
}

static void
the_settled_number_is_a_prefix_and_outlives_the_link(void **state)
{
	struct client_stream *client;

	(void)state;
	client = stage_bound_client();
	client->client.ops->on_settled(&client->client, on_risen, &client->client);
	stage_settles = false;
	risen = 0;
	for (int i = 0; i < 4; i++)
		hears("<message/>");
	stage_settle(1);
	assert_int_equal(risen, 0);
	stage_settle(0);
	assert_int_equal(risen, 2);
	stage_hang_up();
	assert_int_equal(stage_lost, 1);
	stage_settle(2);
	assert_int_equal(risen, 3);
	stage_settle(3);
	assert_int_equal(risen, 4);
}

/* --- closing --- */

static void
goodbye_is_answered_after_what_is_open_has_settled(void **state)
{
	(void)state;
	stage_bound_client();
	stage_settles = false;
	hears("<message/>");
	hears("</stream:stream>");
	assert_string_equal(said(), "");
	assert_int_equal(stage_ended, 0);
	stage_settle(0);
	assert_string_equal(said(), "</stream:stream>");
	assert_int_equal(stage_ended, 1);
	assert_int_equal(stage_lost, 0);
	assert_true(stage_link->closing);
}

static void
goodbye_does_not_wait_for_ever(void **state)
{
	(void)state;
	stage_bound_client();
	stage_settles = false;
	hears("<message/></stream:stream>");
	stage_wait(SECONDS(9));
	assert_string_equal(said(), "");
	stage_wait(SECONDS(2));
	assert_string_equal(said(), "</stream:stream>");
	stage_hang_up();
	stage_settle(0);
}

static void
goodbye_waits_for_gates(void **state)
{
	struct client_stream *client;
	struct gate *gate = gate_new();

	(void)state;
	client = stage_bound_client();
	client_carrier.say(client, (struct parcel) { .head = wire_new("<m/>", 4),
						     .gate = gate_hold(gate) });
	stage_session->carrier->hang_up(client, STREAM_CONFLICT, "replaced");
	stage_session_free();
	stage_turn();
	assert_string_equal(said(), "");
	gate_answer(gate, true);
	stage_turn();
	ASSERT_SAID("<m/><stream:error><conflict");
	gate_drop(gate);
}

static void
goodbye_works_at_every_stage(void **state)
{
	(void)state;
	stage_client(false);
	hears(STAGE_HEADER);
	said();
	hears("</stream:stream>");
	assert_string_equal(said(), "</stream:stream>");
	stage_hang_up();
	stage_secured_client();
	hears("</stream:stream>");
	assert_string_equal(said(), "</stream:stream>");
	stage_hang_up();
	stage_admitted_client();
	hears("</stream:stream>");
	assert_string_equal(said(), "</stream:stream>");
}

static void
nothing_is_heard_behind_goodbye(void **state)
{
	(void)state;
	stage_bound_client();
	hears("</stream:stream><message/>");
	assert_string_equal(stage_heard.bytes, "");
	stage_hang_up();
	stage_bound_client();
	hears("<message from='x@y'/><message/>");
	assert_string_equal(stage_heard.bytes, "");
}

static void
shutdown_ends_all_streams_and_keeps_sessions_for_who_resumes(void **state)
{
	(void)state;
	stage_bound_client();
	stage_settles = false;
	hears("<message/>");
	streams_shutdown(NULL);
	stage_turn();
	assert_string_equal(said(), "");
	stage_settle(0);
	assert_string_equal(said(), "<stream:error><system-shutdown xmlns='" NS_STREAM_ERRORS
				    "'/></stream:error></stream:stream>");
	assert_int_equal(stage_lost, 1);
	assert_int_equal(streams_count(), 1);
	stage_hang_up();
	assert_int_equal(streams_count(), 0);
}

static void
who_comes_while_the_server_stops_is_sent_away(void **state)
{
	(void)state;
	streams_shutdown("b.capulet.example");
	stage_client(false);
	ASSERT_SAID("version='1.0' xml:lang='en'><stream:error><see-other-host");
	assert_true(stage_link->closing);
}

static void
only_so_many_may_be_in_the_middle_of_a_stanza(void **state)
{
	struct stream_settings settings = *stream_settings();
	struct link *first;

	(void)state;
	settings.unfinished_most = 1;
	streams_apply(&settings, (struct tls_context *)1);
	stage_bound_client();
	hears("<message>");
	first = stage_link;
	stage_client(false);
	hears("<stream");
	ASSERT_SAID("<resource-constraint");
	stage_hang_up();
	stage_client(false);
	hears(STAGE_HEADER);
	ASSERT_SAID("<starttls");
	stage_hang_up();
	stage_link = first;
	hears("</message>");
	assert_string_equal(stage_heard.bytes, "<message xml:lang='it'/>");
}

static void
a_client_can_be_sent_to_another_host(void **state)
{
	(void)state;
	stage_bound_client();
	assert_true(client_redirect(stage_session, "b.capulet.example:5222"));
	stage_turn();
	ASSERT_SAID("<see-other-host xmlns='" NS_STREAM_ERRORS
		    "'>b.capulet.example:5222</see-other-host></stream:error>");
}

static void
the_end_of_a_domain_is_told(void **state)
{
	(void)state;
	stage_bound_client();
	streams_host_gone(&stage_domains[0][1]);
	stage_turn();
	assert_string_equal(said(), "");
	streams_host_gone(&stage_domains[0][0]);
	stage_turn();
	ASSERT_SAID("<host-gone");
}

static void
a_space_keeps_a_silent_connection_open_when_asked_to(void **state)
{
	struct stream_settings settings = *stream_settings();

	(void)state;
	settings.keepalive = SECONDS(100);
	streams_apply(&settings, (struct tls_context *)1);
	stage_bound_client();
	stage_wait(SECONDS(101));
	assert_string_equal(said(), "");
	stage_wait(SECONDS(101));
	assert_string_equal(said(), " ");
	hears("<presence/>");
	stage_wait(SECONDS(150));
	assert_string_equal(said(), "");
}

static void
a_module_can_say_something_before_what_waits(void **state)
{
	struct client_stream *client;
	struct gate *gate = gate_new();
	struct element *a = element_new(stage_arena, "urn:example", "a");

	(void)state;
	client = stage_bound_client();
	stage_session->carrier->say(client, (struct parcel) { .head = wire_new("<late/>", 7),
							      .gate = gate_hold(gate) });
	client->client.ops->tell(&client->client, a);
	assert_string_equal(said(), "");
	client->client.ops->interject(&client->client, a);
	assert_string_equal(said(), "<a xmlns='urn:example'/>");
	gate_answer(gate, true);
	stage_turn();
	assert_string_equal(said(), "<late/><a xmlns='urn:example'/>");
	gate_drop(gate);
}

static unsigned warned;

static void
on_goodbye(void *ctx)
{
	struct client *client = ctx;

	warned += client->ops->closing(client);
	client->ops->linger(client, true);
}

static void
a_module_can_say_something_before_the_goodbye(void **state)
{
	struct client_stream *client;
	struct element *last = element_new(stage_arena, "urn:example", "last");

	(void)state;
	client = stage_bound_client();
	client->client.ops->on_settled(&client->client, on_goodbye, &client->client);
	assert_false(client->client.ops->closing(&client->client));
	warned = 0;
	streams_shutdown(NULL);
	stage_turn();
	assert_int_equal(warned, 1);
	assert_string_equal(said(), "");
	stage_wait(SECONDS(1));
	assert_string_equal(said(), "");
	client->client.ops->tell(&client->client, last);
	client->client.ops->on_settled(&client->client, NULL, NULL);
	client->client.ops->linger(&client->client, false);
	stage_turn();
	ASSERT_SAID("<last xmlns='urn:example'/><stream:error><system-shutdown");
	assert_int_equal(warned, 1);
}

static void
a_module_can_say_in_detail_why_it_closes(void **state)
{
	struct client_stream *client;
	struct element *detail = element_new(stage_arena, "urn:example", "why");

	(void)state;
	client = stage_bound_client();
	client->client.ops->close(&client->client, STREAM_UNDEFINED_CONDITION, "so", detail);
	stage_turn();
	ASSERT_SAID("so</text><why xmlns='urn:example'/></stream:error>");
}

static void
a_session_can_be_carried_on(void **state)
{
	struct client_stream *first, *second;
	struct link *old;

	(void)state;
	first = stage_bound_client();
	old = stage_link;
	second = stage_admitted_client();
	second->client.ops->adopt(&second->client, stage_session);
	stage_turn();
	assert_int_equal(second->stream.state, BOUND);
	assert_ptr_equal(second->session, stage_session);
	assert_null(first->session);
	hears("<presence/>");
	assert_string_equal(stage_heard.bytes, "<presence xml:lang='it'/>");
	stage_hang_up();
	assert_int_equal(stage_lost, 1);
	stage_link = old;
	ASSERT_SAID("<conflict");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		TEST(every_state_hears_what_it_should_and_nothing_else),
		TEST(roads_lead_where_the_rfc_leads),
		TEST(a_header_is_answered_with_ours_and_the_features),
		TEST(every_stream_has_an_id_of_its_own),
		TEST(bad_headers_get_a_header_and_an_error),
		TEST(a_later_version_is_as_good_as_ours),
		TEST(who_says_no_version_hears_none),
		TEST(starttls_leads_to_mechanisms),
		TEST(after_the_login_the_limit_is_a_stanzas),
		TEST(without_channel_binding_there_is_no_plus),
		TEST(bytes_in_the_clear_behind_starttls_end_the_stream),
		TEST(direct_tls_begins_with_the_handshake),
		TEST(in_the_clear_nobody_logs_in_when_tls_is_required),
		TEST(where_tls_is_optional_scram_is_offered_and_plain_is_not),
		TEST(strangers_are_told_to_log_in),
		TEST(a_module_may_answer_strangers),
		TEST(in_the_clear_modules_are_not_asked_when_tls_is_required),
		TEST(a_client_is_not_heard_while_a_module_owes_it_an_answer),
		TEST(an_answer_may_come_after_the_client_has_gone),
		TEST(a_client_that_says_too_much_before_a_login_is_told_so),
		TEST(a_client_that_does_not_log_in_in_time_is_told_so),
		TEST(forms_give_a_stranger_time_but_not_for_ever),
		TEST(too_big_a_stanza_names_its_bound),
		TEST(a_stanza_must_be_finished_in_time),
		TEST(a_finished_stanza_leaves_no_deadline_behind),
		TEST(a_silent_client_may_stay),
		TEST(a_resource_is_bound_and_the_answer_comes_first),
		TEST(without_a_wish_a_resource_is_made),
		TEST(a_bad_resource_may_be_asked_for_again),
		TEST(before_binding_nothing_else_is_heard),
		TEST(an_account_that_cannot_be_read_is_an_error_and_not_the_end),
		TEST(an_account_that_is_gone_ends_the_stream),
		TEST(an_account_has_only_so_many_sessions),
		TEST(what_is_said_behind_the_bind_waits_for_it),
		TEST(a_client_may_go_while_it_is_bound),
		TEST(stanzas_reach_the_session_with_the_streams_language),
		TEST(the_old_session_request_is_granted),
		TEST(a_foreign_from_ends_the_stream),
		TEST(elements_of_nobody_end_the_stream),
		TEST(comments_end_the_stream),
		TEST(an_idle_client_keeps_no_parser),
		TEST(stanzas_byte_by_byte_are_the_same),
		TEST(a_paused_client_is_not_heard),
		TEST(too_many_open_stanzas_stop_the_reading_until_half_have_settled),
		TEST(the_settled_number_is_a_prefix_and_outlives_the_link),
		TEST(goodbye_is_answered_after_what_is_open_has_settled),
		TEST(goodbye_does_not_wait_for_ever),
		TEST(goodbye_waits_for_gates),
		TEST(goodbye_works_at_every_stage),
		TEST(nothing_is_heard_behind_goodbye),
		TEST(shutdown_ends_all_streams_and_keeps_sessions_for_who_resumes),
		TEST(who_comes_while_the_server_stops_is_sent_away),
		TEST(only_so_many_may_be_in_the_middle_of_a_stanza),
		TEST(a_client_can_be_sent_to_another_host),
		TEST(the_end_of_a_domain_is_told),
		TEST(a_space_keeps_a_silent_connection_open_when_asked_to),
		TEST(a_module_can_say_something_before_what_waits),
		TEST(a_module_can_say_something_before_the_goodbye),
		TEST(a_module_can_say_in_detail_why_it_closes),
		TEST(a_session_can_be_carried_on),
	};

	return cmocka_run_group_tests_name("stream/client", tests, NULL, NULL);
}
