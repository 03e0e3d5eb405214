/* SPDX-License-Identifier: MIT */
#include "stream/login.c"

#include "stage.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define ASSERT_SAID(words) assert_has(said(), words, __LINE__)
#define FAILURE            "<failure xmlns='" NS_SASL "'>"

static void
assert_has(const char *all, const char *words, int line)
{
	if (strstr(all, words) == NULL)
		fail_msg("line %d: \"%s\" is not in \"%s\"", line, words, all);
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

/* --- a client that knows SCRAM (RFC 5802 §3) --- */

struct prover {
	const char *mechanism, *header, *name, *password;
	const char *binding; /* the data; NULL: none */
	char first[256], challenge[1024], final[1800];
	char signature[300]; /* what the server must say in the end */
};

static const struct {
	const char *name;
	gnutls_mac_algorithm_t mac;
	gnutls_digest_algorithm_t digest;
} hashes[] = {
	{ "SCRAM-SHA-1", GNUTLS_MAC_SHA1, GNUTLS_DIG_SHA1 },
	{ "SCRAM-SHA-256", GNUTLS_MAC_SHA256, GNUTLS_DIG_SHA256 },
	{ "SCRAM-SHA-512", GNUTLS_MAC_SHA512, GNUTLS_DIG_SHA512 },
};

static void
say_coded(const char *name, const char *attributes, const char *message)
{
	char coded[4096], element[8192];

	base64_encode(coded, message, strlen(message));
	snprintf(element, sizeof element, "<%s xmlns='" NS_SASL "'%s>%s</%s>", name, attributes,
		 message[0] ? coded : "=", name);
	hears(element);
}

/* What is inside the one element that was said. */
static void
decode_said(char out[1024], const char *name)
{
	char start[128];
	const char *all = said(), *from, *to;
	size_t length;

	snprintf(start, sizeof start, "<%s xmlns='" NS_SASL "'>", name);
	assert_has(all, start, __LINE__);
	from = strstr(all, start) + strlen(start);
	to = strchr(from, '<');
	assert_true(base64_decode(out, 1023, &length, from, (size_t)(to - from)));
	out[length] = '\0';
}

static void
prover_starts(struct prover *prover)
{
	char attributes[128];

	snprintf(prover->first, sizeof prover->first, "%sn=%s,r=rOprNGfwEbeRWgbNEkqO",
		 prover->header, prover->name);
	snprintf(attributes, sizeof attributes, " mechanism='%s'", prover->mechanism);
	say_coded("auth", attributes, prover->first);
}

static void
prover_proves(struct prover *prover)
{
	char nonce[512], salt64[256], salt[256], bound[256], bound64[512], without[1200];
	char message[4096], proof64[256], signature64[256];
	uint8_t salted[64], client_key[64], stored_key[64], server_key[64], signature[64];
	size_t salt_length, size, header_length = strlen(prover->header), i;
	unsigned iterations, which = 0;
	gnutls_datum_t password, salt_datum;

	for (i = 0; i < COUNT(hashes); i++)
		if (strncmp(prover->mechanism, hashes[i].name, strlen(hashes[i].name)) == 0)
			which = (unsigned)i;
	assert_int_equal(sscanf(prover->challenge, "r=%511[^,],s=%255[^,],i=%u", nonce, salt64,
				&iterations),
			 3);
	assert_true(base64_decode(salt, sizeof salt, &salt_length, salt64, strlen(salt64)));
	password =
		(gnutls_datum_t) { (void *)prover->password, (unsigned)strlen(prover->password) };
	salt_datum = (gnutls_datum_t) { (void *)salt, (unsigned)salt_length };
	size = gnutls_hash_get_len(hashes[which].digest);
	assert_int_equal(gnutls_pbkdf2(hashes[which].mac, &password, &salt_datum, iterations,
				       salted, size),
			 0);
	gnutls_hmac_fast(hashes[which].mac, salted, size, "Client Key", 10, client_key);
	gnutls_hash_fast(hashes[which].digest, client_key, size, stored_key);

	memcpy(bound, prover->header, header_length);
	if (prover->binding != NULL) {
		memcpy(bound + header_length, prover->binding, strlen(prover->binding));
		header_length += strlen(prover->binding);
	}
	base64_encode(bound64, bound, header_length);
	snprintf(without, sizeof without, "c=%s,r=%s", bound64, nonce);
	snprintf(message, sizeof message, "%s,%s,%s", prover->first + strlen(prover->header),
		 prover->challenge, without);
	gnutls_hmac_fast(hashes[which].mac, stored_key, size, message, strlen(message), signature);
	for (i = 0; i < size; i++)
		client_key[i] ^= signature[i];
	base64_encode(proof64, client_key, size);
	snprintf(prover->final, sizeof prover->final, "%s,p=%s", without, proof64);

	gnutls_hmac_fast(hashes[which].mac, salted, size, "Server Key", 10, server_key);
	gnutls_hmac_fast(hashes[which].mac, server_key, size, message, strlen(message), signature);
	base64_encode(signature64, signature, size);
	snprintf(prover->signature, sizeof prover->signature, "v=%s", signature64);
	say_coded("response", "", prover->final);
}

static void
prover_logs_in(struct prover *prover)
{
	char success[1024];

	prover_starts(prover);
	decode_said(prover->challenge, "challenge");
	prover_proves(prover);
	decode_said(success, "success");
	assert_string_equal(success, prover->signature);
}

/* --- success --- */

static void
plain_logs_in(void **state)
{
	struct client_stream *client;

	(void)state;
	client = stage_secured_client();
	hears_plain("juliet", "secret");
	assert_string_equal(said(), "<success xmlns='" NS_SASL "'/>");
	assert_int_equal(client->stream.state, ADMITTED);
	assert_string_equal(client->client.who->full, "juliet@capulet.example");
	assert_null(client->login);
	hears(STAGE_HEADER);
	assert_has(said(),
		   "<bind xmlns='" NS_BIND "'/><session xmlns='" NS_SESSION
		   "'><optional/></session><ver xmlns='urn:xmpp:features:rosterver'/>"
		   "<sub xmlns='urn:xmpp:features:pre-approval'/>",
		   __LINE__);
	assert_non_null(strstr(stage_log.bytes, "logged in from=192.0.2.1, TLS1.3"));
	assert_null(strstr(stage_log.bytes, "secret"));
}

static void
every_scram_logs_in_with_and_without_channel_binding(void **state)
{
	static const struct prover provers[] = {
		{
			.mechanism = "SCRAM-SHA-1",
			.header = "n,,",
		},
		{
			.mechanism = "SCRAM-SHA-256",
			.header = "n,,",
		},
		{
			.mechanism = "SCRAM-SHA-512",
			.header = "n,,",
		},
		{ .mechanism = "SCRAM-SHA-1-PLUS",
		  .header = "p=tls-exporter,,",
		  .binding = "EEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEE" },
		{ .mechanism = "SCRAM-SHA-256-PLUS",
		  .header = "p=tls-server-end-point,,",
		  .binding = "PPPPPPPPPPPPPPPPPPPPPPPPPPPPPPPP" },
		{ .mechanism = "SCRAM-SHA-512-PLUS",
		  .header = "p=tls-exporter,,",
		  .binding = "EEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEE" },
		{
			.mechanism = "SCRAM-SHA-256",
			.header = "n,a=juliet@capulet.example,",
		},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(provers); i++) {
		struct prover prover = provers[i];
		struct client_stream *client = stage_secured_client();

		prover.name = "juliet";
		prover.password = "secret";
		prover_logs_in(&prover);
		assert_int_equal(client->stream.state, ADMITTED);
		stage_hang_up();
	}
}

static void
the_challenge_protects_what_was_offered(void **state)
{
	static const char offered[] =
		"PLAIN\x1eSCRAM-SHA-1\x1eSCRAM-SHA-1-PLUS\x1eSCRAM-SHA-256\x1eSCRAM-SHA-256-PLUS"
		"\x1eSCRAM-SHA-512\x1eSCRAM-SHA-512-PLUS\x1ftls-exporter\x1etls-server-end-point";
	struct prover prover = { .mechanism = "SCRAM-SHA-1", .header = "n,,", .name = "juliet" };
	uint8_t hash[20];
	char expected[64] = ",h=";

	(void)state;
	stage_secured_client();
	prover_starts(&prover);
	decode_said(prover.challenge, "challenge");
	gnutls_hash_fast(GNUTLS_DIG_SHA1, offered, strlen(offered), hash);
	base64_encode(expected + 3, hash, sizeof hash);
	assert_has(prover.challenge, expected, __LINE__);
}

static void
a_client_without_an_initial_response_is_asked(void **state)
{
	char message[] = "\0juliet\0secret", coded[64], element[256];

	(void)state;
	stage_secured_client();
	hears("<auth xmlns='" NS_SASL "' mechanism='PLAIN'/>");
	assert_string_equal(said(), "<challenge xmlns='" NS_SASL "'/>");
	base64_encode(coded, message, sizeof message - 1);
	snprintf(element, sizeof element, "<response xmlns='" NS_SASL "'>%s</response>", coded);
	hears(element);
	ASSERT_SAID("<success");
}

static void
a_whole_address_is_taken_for_its_local_part(void **state)
{
	struct client_stream *client;

	(void)state;
	client = stage_secured_client();
	hears_plain("Juliet@capulet.example", "secret");
	ASSERT_SAID("<success");
	assert_string_equal(client->client.who->full, "juliet@capulet.example");
}

static void
what_is_pipelined_behind_the_login_is_heard_after_it(void **state)
{
	static const char message[] = "\0juliet\0secret";
	char coded[64], all[4096];

	(void)state;
	stage_secured_client();
	stage_answers = false;
	base64_encode(coded, message, sizeof message - 1);
	snprintf(all, sizeof all,
		 "<auth xmlns='" NS_SASL "' mechanism='PLAIN'>%s</auth>\n" STAGE_HEADER
		 "<iq type='set' id='b'><bind xmlns='" NS_BIND "'/></iq><presence/>",
		 coded);
	hears(all);
	assert_string_equal(said(), "");
	assert_false(stage_link->reading);
	stage_answer();
	stage_answers = true;
	stage_answer();
	ASSERT_SAID("type='result'");
	assert_string_equal(stage_heard.bytes, "<presence xml:lang='it'/>");
}

/* --- going home --- */

static void
a_stream_goes_home_with_what_it_has_not_heard_yet(void **state)
{
	static const char message[] = "\0juliet\0secret";
	struct client_stream *client;
	char coded[64], all[4096];

	(void)state;
	stage_home = 1;
	client = stage_secured_client();
	assert_ptr_equal(client->stream.domain, &stage_domains[0][0]);
	base64_encode(coded, message, sizeof message - 1);
	snprintf(all, sizeof all,
		 "<auth xmlns='" NS_SASL "' mechanism='PLAIN'>%s</auth>" STAGE_HEADER
		 "<iq type='set' id='b'><bind xmlns='" NS_BIND "'/></iq><presence/>",
		 coded);
	hears(all);
	assert_int_equal(stage_link->shard, 1);
	assert_ptr_equal(client->stream.domain, &stage_domains[1][0]);
	assert_ptr_equal(client->client.domain, &stage_domains[1][0]);
	assert_ptr_equal(client->stream.log.parent, &stage_domains[1][0].log);
	stage_shard = 0;
	assert_int_equal(streams_count(), 0);
	stage_shard = 1;
	assert_int_equal(streams_count(), 1);
	ASSERT_SAID("type='result'");
	assert_string_equal(stage_heard.bytes, "<presence xml:lang='it'/>");
	stage_wait(SECONDS(1000));
	assert_false(stage_link->closing);
}

static void
a_client_that_hangs_up_on_the_way_ends_at_home(void **state)
{
	struct client_stream *client;

	(void)state;
	stage_home = 1;
	client = stage_secured_client();
	hears_plain("juliet", "secret");
	assert_int_equal(client->stream.state, ADMITTED);
	assert_int_equal(stage_link->shard, 1);
	stage_hang_up();
	stage_shard = 1;
	assert_int_equal(streams_count(), 0);
}

static void
a_domain_that_home_does_not_serve_is_gone(void **state)
{
	(void)state;
	stage_home = 1;
	stage_secured_client();
	stage_domains[1][0].name = "elsewhere.example";
	hears_plain("juliet", "secret");
	ASSERT_SAID("<host-gone");
	assert_true(stage_link->closing);
}

/* --- failure --- */

static void
wrong_passwords_and_wrong_names_sound_the_same(void **state)
{
	char first[1024];

	(void)state;
	stage_secured_client();
	hears_plain("juliet", "guess");
	snprintf(first, sizeof first, "%s", said());
	assert_has(first, FAILURE "<not-authorized/>", __LINE__);
	hears_plain("mercutio", "guess");
	assert_string_equal(said(), first);
	hears_plain("mer cu@tio", "guess");
	assert_string_equal(said(), first);
	assert_null(strstr(stage_log.bytes, "guess"));
}

static void
scram_gives_strangers_a_challenge_like_everybody_and_then_refuses(void **state)
{
	struct prover prover = { .mechanism = "SCRAM-SHA-256",
				 .header = "n,,",
				 .name = "mercutio",
				 .password = "secret" };
	char again[1024];

	(void)state;
	stage_secured_client();
	prover_starts(&prover);
	decode_said(prover.challenge, "challenge");
	prover_proves(&prover);
	ASSERT_SAID(FAILURE "<not-authorized/>");
	prover_starts(&prover);
	decode_said(again, "challenge");
	assert_string_equal(strstr(again, ",s="), strstr(prover.challenge, ",s="));
}

static void
a_wrong_scram_proof_is_refused(void **state)
{
	struct prover prover = {
		.mechanism = "SCRAM-SHA-256", .header = "n,,", .name = "juliet", .password = "guess"
	};
	struct client_stream *client;

	(void)state;
	client = stage_secured_client();
	prover_starts(&prover);
	decode_said(prover.challenge, "challenge");
	prover_proves(&prover);
	ASSERT_SAID(FAILURE "<not-authorized/>");
	assert_int_equal(client->stream.state, SECURED);
	assert_null(client->login);
	prover.password = "secret";
	prover_logs_in(&prover);
}

static void
a_disabled_account_is_told_so_only_to_who_knows_its_password(void **state)
{
	struct prover prover = {
		.mechanism = "SCRAM-SHA-1", .header = "n,,", .name = "tybalt", .password = "secret"
	};

	(void)state;
	stage_secured_client();
	hears_plain("tybalt", "guess");
	ASSERT_SAID("<not-authorized/>");
	hears_plain("tybalt", "secret");
	ASSERT_SAID("<account-disabled/>");
	prover_starts(&prover);
	decode_said(prover.challenge, "challenge");
	prover_proves(&prover);
	ASSERT_SAID("<account-disabled/>");
}

static void
a_sick_store_is_no_wrong_password(void **state)
{
	(void)state;
	stage_secured_client();
	hears_plain("paris", "secret");
	ASSERT_SAID("<temporary-auth-failure/>");
	stage_helpers_busy = true;
	hears_plain("juliet", "secret");
	ASSERT_SAID("<temporary-auth-failure/>");
	stage_helpers_busy = false;
	hears_plain("juliet", "secret");
	ASSERT_SAID("<success");
}

static void
channel_binding_cannot_be_talked_away(void **state)
{
	static const struct {
		struct prover prover;
		const char *condition;
		bool challenged;
	} cases[] = {
		/* "you said you cannot": we said we can, so somebody is in between */
		{ { .mechanism = "SCRAM-SHA-256", .header = "y,," }, "<not-authorized/>", false },
		{ { .mechanism = "SCRAM-SHA-256-PLUS", .header = "n,," }, FAILURE, false },
		{ { .mechanism = "SCRAM-SHA-256-PLUS", .header = "y,," }, FAILURE, false },
		{ { .mechanism = "SCRAM-SHA-256", .header = "p=tls-exporter,," }, FAILURE, false },
		{ { .mechanism = "SCRAM-SHA-256-PLUS", .header = "p=tls-unique,," },
		  FAILURE,
		  false },
		{ { .mechanism = "SCRAM-SHA-256-PLUS",
		    .header = "p=tls-exporter,,",
		    .binding = "another channel than this, alas!" },
		  "<not-authorized/>",
		  true },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct prover prover = cases[i].prover;

		stage_secured_client();
		prover.name = "juliet";
		prover.password = "secret";
		prover_starts(&prover);
		if (cases[i].challenged) {
			decode_said(prover.challenge, "challenge");
			prover_proves(&prover);
		}
		assert_has(said(), cases[i].condition, (int)i);
		stage_hang_up();
	}
}

static void
a_client_that_cannot_bind_may_say_so_where_nothing_is_offered(void **state)
{
	struct prover prover = { .mechanism = "SCRAM-SHA-256",
				 .header = "y,,",
				 .name = "juliet",
				 .password = "secret" };

	(void)state;
	stage_binds = false;
	stage_secured_client();
	prover_logs_in(&prover);
}

static void
one_may_act_as_oneself_only(void **state)
{
	static const struct {
		const char *authzid, *answer;
	} cases[] = {
		{ "juliet@capulet.example", "<success" },
		{ "JULIET@Capulet.Example", "<success" },
		{ "romeo@capulet.example", "<invalid-authzid/>" },
		{ "juliet@verona.example", "<invalid-authzid/>" },
		{ "juliet@capulet.example/balcony", "<invalid-authzid/>" },
		{ "capulet.example", "<invalid-authzid/>" },
		{ "@", "<invalid-authzid/>" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char message[256], coded[512], element[1024];
		int length = snprintf(message, sizeof message, "%s%cjuliet%csecret",
				      cases[i].authzid, '\0', '\0');

		stage_secured_client();
		base64_encode(coded, message, (size_t)length);
		snprintf(element, sizeof element,
			 "<auth xmlns='" NS_SASL "' mechanism='PLAIN'>%s"
			 "</auth>",
			 coded);
		hears(element);
		assert_has(said(), cases[i].answer, (int)i);
		stage_hang_up();
	}
}

static void
messages_that_are_none_are_refused(void **state)
{
	static const struct {
		const char *element, *condition;
	} cases[] = {
		{ "<auth xmlns='" NS_SASL "'>AA==</auth>", "<invalid-mechanism/>" },
		{ "<auth xmlns='" NS_SASL "' mechanism='DIGEST-MD5'/>", "<invalid-mechanism/>" },
		{ "<auth xmlns='" NS_SASL "' mechanism='plain'>AA==</auth>",
		  "<invalid-mechanism/>" },
		{ "<auth xmlns='" NS_SASL "' mechanism='PLAIN'>A*==</auth>",
		  "<incorrect-encoding/>" },
		{ "<auth xmlns='" NS_SASL "' mechanism='PLAIN'>AA</auth>",
		  "<incorrect-encoding/>" },
		{ "<auth xmlns='" NS_SASL "' mechanism='PLAIN'>=</auth>", "<malformed-request/>" },
		{ "<auth xmlns='" NS_SASL "' mechanism='PLAIN'>AAAA</auth>",
		  "<malformed-request/>" },
		{ "<auth xmlns='" NS_SASL "' mechanism='SCRAM-SHA-1'>=</auth>",
		  "<malformed-request/>" },
		{ "<auth xmlns='" NS_SASL "' mechanism='SCRAM-SHA-1'><b/></auth>", FAILURE },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct client_stream *client = stage_secured_client();

		hears(cases[i].element);
		assert_has(said(), cases[i].condition, (int)i);
		assert_int_equal(client->stream.state, SECURED);
		assert_null(client->login);
		stage_hang_up();
	}
}

static void
an_exchange_can_be_aborted(void **state)
{
	(void)state;
	stage_secured_client();
	hears("<auth xmlns='" NS_SASL "' mechanism='SCRAM-SHA-1'/>");
	said();
	hears("<abort xmlns='" NS_SASL "'/>");
	ASSERT_SAID(FAILURE "<aborted/>");
	hears_plain("juliet", "secret");
	ASSERT_SAID("<success");
}

static void
a_final_message_out_of_turn_is_refused(void **state)
{
	(void)state;
	stage_secured_client();
	hears("<auth xmlns='" NS_SASL "' mechanism='SCRAM-SHA-1'/>");
	said();
	say_coded("response", "", "c=biws,r=x,p=AAAAAAAAAAAAAAAAAAAAAAAAAAA=");
	ASSERT_SAID("<malformed-request/>");
}

static void
after_some_failures_the_stream_ends(void **state)
{
	(void)state;
	stage_secured_client();
	for (int i = 0; i < 3; i++) {
		hears_plain("juliet", "guess");
		ASSERT_SAID("<not-authorized/>");
		assert_false(stage_link->closing);
	}
	hears_plain("juliet", "guess");
	assert_has(said(), "</failure><stream:error><policy-violation", __LINE__);
	assert_true(stage_link->closing);
}

static void
a_client_may_try_all_mechanisms_in_turn(void **state)
{
	static const char *const mechanisms[] = { "SCRAM-SHA-512", "SCRAM-SHA-256", "SCRAM-SHA-1" };
	struct prover prover = { .name = "juliet" };

	(void)state;
	stage_secured_client();
	for (size_t i = 0; i < 6; i++) {
		char name[32];

		snprintf(name, sizeof name, "%s%s", mechanisms[i % 3], i < 3 ? "-PLUS" : "");
		prover.mechanism = name;
		prover.header = i < 3 ? "p=tls-unique,," : "y,,";
		prover_starts(&prover);
		assert_has(said(), FAILURE, (int)i);
	}
	hears_plain("juliet", "secret");
	ASSERT_SAID("<success");
}

static void
refusals_without_a_guess_are_bounded_too(void **state)
{
	(void)state;
	stage_secured_client();
	for (int i = 0; i < 12; i++) {
		assert_false(stage_link->closing);
		hears("<auth xmlns='" NS_SASL "' mechanism='ANONYMOUS'/>");
	}
	assert_has(said(), "<policy-violation", __LINE__);
	assert_true(stage_link->closing);
}

static void
after_many_failures_an_address_must_wait_on_every_shard(void **state)
{
	(void)state;
	for (int i = 0; i < 20; i++) {
		if (i % 4 == 0)
			stage_secured_client();
		hears_plain("juliet", "guess");
		if (i % 4 == 3)
			stage_hang_up();
	}
	stage_secured_client();
	hears_plain("juliet", "secret");
	assert_has(said(), "<temporary-auth-failure/><text", __LINE__);
	stage_hang_up();
	stage_shard = 1;
	stage_client(true);
	stage_secure();
	hears(STAGE_HEADER);
	said();
	hears_plain("juliet", "secret");
	assert_has(said(), "too many failed logins to this account; try again in 300 seconds",
		   __LINE__);
	stage_wait(SECONDS(301));
	said();
	stage_hang_up();
	stage_secured_client();
	hears_plain("juliet", "secret");
	ASSERT_SAID("<success");
}

/* --- gone too early --- */

static void
a_client_may_go_while_the_store_is_asked(void **state)
{
	(void)state;
	stage_secured_client();
	stage_answers = false;
	hears_plain("juliet", "secret");
	stage_hang_up();
	stage_answer();
}

static void
a_client_may_go_while_the_password_is_checked(void **state)
{
	(void)state;
	stage_secured_client();
	stage_answers = false;
	hears_plain("juliet", "secret");
	stage_answer();
	stage_hang_up();
	stage_answer();
}

static void
a_client_may_go_in_the_middle_of_an_exchange(void **state)
{
	(void)state;
	stage_secured_client();
	hears("<auth xmlns='" NS_SASL "' mechanism='SCRAM-SHA-1'/>");
	stage_hang_up();
}

static void
time_may_run_out_while_the_store_is_asked(void **state)
{
	(void)state;
	stage_secured_client();
	stage_answers = false;
	hears_plain("juliet", "secret");
	stage_wait(SECONDS(31));
	ASSERT_SAID("<connection-timeout");
	stage_answer();
	assert_string_equal(said(), "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		TEST(plain_logs_in),
		TEST(every_scram_logs_in_with_and_without_channel_binding),
		TEST(the_challenge_protects_what_was_offered),
		TEST(a_client_without_an_initial_response_is_asked),
		TEST(a_whole_address_is_taken_for_its_local_part),
		TEST(what_is_pipelined_behind_the_login_is_heard_after_it),
		TEST(a_stream_goes_home_with_what_it_has_not_heard_yet),
		TEST(a_client_that_hangs_up_on_the_way_ends_at_home),
		TEST(a_domain_that_home_does_not_serve_is_gone),
		TEST(wrong_passwords_and_wrong_names_sound_the_same),
		TEST(scram_gives_strangers_a_challenge_like_everybody_and_then_refuses),
		TEST(a_wrong_scram_proof_is_refused),
		TEST(a_disabled_account_is_told_so_only_to_who_knows_its_password),
		TEST(a_sick_store_is_no_wrong_password),
		TEST(channel_binding_cannot_be_talked_away),
		TEST(a_client_that_cannot_bind_may_say_so_where_nothing_is_offered),
		TEST(one_may_act_as_oneself_only),
		TEST(messages_that_are_none_are_refused),
		TEST(an_exchange_can_be_aborted),
		TEST(a_final_message_out_of_turn_is_refused),
		TEST(after_some_failures_the_stream_ends),
		TEST(a_client_may_try_all_mechanisms_in_turn),
		TEST(refusals_without_a_guess_are_bounded_too),
		TEST(after_many_failures_an_address_must_wait_on_every_shard),
		TEST(a_client_may_go_while_the_store_is_asked),
		TEST(a_client_may_go_while_the_password_is_checked),
		TEST(a_client_may_go_in_the_middle_of_an_exchange),
		TEST(time_may_run_out_while_the_store_is_asked),
	};

	return cmocka_run_group_tests_name("stream/login", tests, NULL, NULL);
}
