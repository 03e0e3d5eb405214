/* SPDX-License-Identifier: MIT */
/* SCRAM against the vectors of the RFCs, against a client written here from the RFC's
 * formulas, and against clients that mean ill; PLAIN. */
#include "xmpp/scram.h"
#include "base/codec.h"

#include <gnutls/crypto.h>

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

static int
open_arena(void **state)
{
	*state = arena_new();
	return 0;
}

static int
drop_arena(void **state)
{
	arena_drop(*state);
	return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_arena, drop_arena)

static const struct scram_offer bare_offer; /* nothing protected, nothing to bind to */

static void
keys_of(struct scram_keys *keys, enum scram_hash hash, const char *password, const char *salt,
	uint32_t iterations)
{
	uint8_t bytes[SCRAM_SALT_MAX];
	size_t length;

	assert_true(base64_decode(bytes, sizeof bytes, &length, salt, strlen(salt)));
	assert_true(scram_derive(keys, hash, password, bytes, length, iterations, NULL));
}

static enum scram_fault
hear_first(struct scram *scram, struct arena *arena, const char *mechanism,
	   const struct scram_offer *offer, const char *message)
{
	return scram_hear_first(scram, arena, scram_mechanism_find(mechanism), offer, message,
				strlen(message));
}

/* --- the RFCs' examples --- */

static void
the_example_of_rfc_5802_goes_through(void **state)
{
	struct scram scram;
	struct scram_keys keys;
	const char *signature = NULL;
	const char *final = "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,"
			    "p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=";

	keys_of(&keys, SCRAM_SHA1, "pencil", "QSXCR+Q6sek8bf92", 4096);
	assert_int_equal(hear_first(&scram, *state, "SCRAM-SHA-1", &bare_offer,
				    "n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL"),
			 SCRAM_GOOD);
	assert_string_equal(scram.name, "user");
	assert_null(scram.authzid);
	assert_null(scram.binding);
	assert_string_equal(scram_challenge(&scram, *state, &keys, "3rfcNHYJY1ZVvWVs7j"),
			    "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,"
			    "s=QSXCR+Q6sek8bf92,i=4096");
	assert_int_equal(scram_hear_final(&signature, &scram, *state, final, strlen(final), NULL,
					  0),
			 SCRAM_GOOD);
	assert_string_equal(signature, "v=rmF9pqV8S7suAoZWja4dJRkFsKQ=");
}

static void
the_example_of_rfc_7677_goes_through(void **state)
{
	struct scram scram;
	struct scram_keys keys;
	const char *signature = NULL;
	const char *final = "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
			    "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";

	keys_of(&keys, SCRAM_SHA256, "pencil", "W22ZaJ0SNY7soEsUEjb6gQ==", 4096);
	assert_int_equal(hear_first(&scram, *state, "SCRAM-SHA-256", &bare_offer,
				    "n,,n=user,r=rOprNGfwEbeRWgbNEkqO"),
			 SCRAM_GOOD);
	assert_string_equal(scram_challenge(&scram, *state, &keys,
					    "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"),
			    "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
			    "s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096");
	assert_int_equal(scram_hear_final(&signature, &scram, *state, final, strlen(final), NULL,
					  0),
			 SCRAM_GOOD);
	assert_string_equal(signature, "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
}

static void
the_example_of_xep_0474_goes_through(void **state)
{
	const char *const mechanisms[] = { "SCRAM-SHA-1", "SCRAM-SHA-1-PLUS", NULL };
	const char *const bindings[] = { "tls-server-end-point", "tls-exporter", NULL };
	struct scram_offer offer = { mechanisms, bindings };
	struct scram scram;
	struct scram_keys keys;
	const char *signature = NULL, *data = "THIS IS FAKE CB DATA";
	const char *final =
		"c=cD10bHMtZXhwb3J0ZXIsLFRISVMgSVMgRkFLRSBDQiBEQVRB,"
		"r=12C4CD5C-E38E-4A98-8F6D-15C38F51CCC6a09117a6-ac50-4f2f-93f1-93799c2bddf6,"
		"x=19C6532F-1CF4-4A27-A18D-DC9CEA41BBB3,p=M/SIDjT+dfcxUh89jZEypRvFxB4=";

	keys_of(&keys, SCRAM_SHA1, "pencil", "QSXCR+Q6sek8bf92", 4096);
	assert_int_equal(hear_first(&scram, *state, "SCRAM-SHA-1-PLUS", &offer,
				    "p=tls-exporter,,n=user,r=12C4CD5C-E38E-4A98-8F6D-"
				    "15C38F51CCC6"),
			 SCRAM_GOOD);
	assert_string_equal(scram.binding, "tls-exporter");
	assert_string_equal(
		scram_challenge(&scram, *state, &keys, "a09117a6-ac50-4f2f-93f1-93799c2bddf6"),
		"r=12C4CD5C-E38E-4A98-8F6D-15C38F51CCC6a09117a6-ac50-4f2f-93f1-93799c2bddf6,"
		"s=QSXCR+Q6sek8bf92,i=4096,h=G6k/rBLDqgOhRRaCuuatSDFkJ08=");
	assert_int_equal(scram_hear_final(&signature, &scram, *state, final, strlen(final), data,
					  strlen(data)),
			 SCRAM_GOOD);
	assert_string_equal(signature, "v=MQrMPvv7yv4x4Cq4W4Ih25EqS2c=");
}

static void
an_offer_without_bindings_ends_with_its_mechanisms(void **state)
{
	const char *const mechanisms[] = { "PLAIN", "EXTERNAL", NULL };
	const char *const none[] = { NULL };
	struct scram_offer offer = { mechanisms, NULL };
	char expected[64];
	uint8_t hash[32];

	gnutls_hash_fast(GNUTLS_DIG_SHA256, "EXTERNAL\x1ePLAIN", 14, hash);
	base64_encode(expected, hash, sizeof hash);
	assert_string_equal(scram_offer_hash(*state, &offer, SCRAM_SHA256), expected);

	offer.bindings = none;
	gnutls_hash_fast(GNUTLS_DIG_SHA256, "EXTERNAL\x1ePLAIN\x1f", 15, hash);
	base64_encode(expected, hash, sizeof hash);
	assert_string_equal(scram_offer_hash(*state, &offer, SCRAM_SHA256), expected);
}

/* --- a client of our own --- */

static const gnutls_mac_algorithm_t macs[] = { GNUTLS_MAC_SHA1, GNUTLS_MAC_SHA256,
					       GNUTLS_MAC_SHA512 };
static const gnutls_digest_algorithm_t digests[] = { GNUTLS_DIG_SHA1, GNUTLS_DIG_SHA256,
						     GNUTLS_DIG_SHA512 };

/* Makes the last message as RFC 5802 §3 says; `without` is its part without proof. */
static const char *
client_final(struct arena *arena, enum scram_hash hash, const char *password,
	     const char *first_bare, const char *server_first, const char *without,
	     const struct scram_keys *keys)
{
	uint8_t salted[64], client_key[64], stored[64], signature[64];
	char encoded[BASE64_LENGTH(64) + 1];
	unsigned size = (unsigned)scram_hash_size(hash);
	gnutls_datum_t secret = { (unsigned char *)(uintptr_t)password,
				  (unsigned)strlen(password) };
	gnutls_datum_t salt = { (unsigned char *)(uintptr_t)keys->salt, keys->salt_length };
	const char *auth = arena_format(arena, "%s,%s,%s", first_bare, server_first, without);

	gnutls_pbkdf2(macs[hash], &secret, &salt, keys->iterations, salted, size);
	gnutls_hmac_fast(macs[hash], salted, size, "Client Key", 10, client_key);
	gnutls_hash_fast(digests[hash], client_key, size, stored);
	gnutls_hmac_fast(macs[hash], stored, size, auth, strlen(auth), signature);
	for (unsigned i = 0; i < size; i++)
		client_key[i] ^= signature[i];
	base64_encode(encoded, client_key, size);
	return arena_format(arena, "%s,p=%s", without, encoded);
}

static const char *
encoded(struct arena *arena, const char *header, const char *data)
{
	char *text = arena_format(arena, "%s%s", header, data);
	char *out = arena_bytes(arena, BASE64_LENGTH(strlen(text)) + 1);

	base64_encode(out, text, strlen(text));
	return out;
}

/* What may go otherwise than it should. */
struct attempt {
	const char *password;  /* "pencil" when NULL */
	const char *data;      /* the channel as the client sees it; "" when NULL */
	const char *header;    /* in "c=", as in the first message when NULL */
	const char *nonce;     /* as challenged when NULL */
	const char *extension; /* "" when NULL */
};

/* A whole exchange for the password "pencil"; the channel's data is "channel". */
static enum scram_fault
exchange(struct arena *arena, const char *mechanism, const char *header,
	 const struct scram_offer *offer, struct attempt attempt)
{
	struct scram scram;
	struct scram_keys keys;
	const struct scram_mechanism *m = scram_mechanism_find(mechanism);
	const char *bare = "n=user,r=abc", *challenge, *without, *last, *signature = NULL;
	enum scram_fault fault;

	assert_true(scram_derive(&keys, m->hash, "pencil", "saltsalt", 8, 50, NULL));
	fault = hear_first(&scram, arena, mechanism, offer,
			   arena_format(arena, "%s%s", header, bare));
	if (fault != SCRAM_GOOD)
		return fault;
	challenge = scram_challenge(&scram, arena, &keys, "xyz");
	without = arena_format(arena, "c=%s,r=%s%s",
			       encoded(arena, attempt.header ? attempt.header : header,
				       attempt.data ? attempt.data : ""),
			       attempt.nonce ? attempt.nonce : "abcxyz",
			       attempt.extension ? attempt.extension : "");
	last = client_final(arena, m->hash, attempt.password ? attempt.password : "pencil", bare,
			    challenge, without, &keys);
	fault = scram_hear_final(&signature, &scram, arena, last, strlen(last), "channel", 7);
	assert_true((fault == SCRAM_GOOD) == (signature != NULL));
	for (size_t i = 0; i < sizeof scram.keys; i++)
		assert_int_equal(((const uint8_t *)&scram.keys)[i], 0);
	/* Once is once, right or wrong. */
	assert_int_equal(scram_hear_final(&signature, &scram, arena, last, strlen(last), "channel",
					  7),
			 SCRAM_MALFORMED);
	return fault;
}

static const char *const all_bindings[] = { "tls-exporter", "tls-server-end-point", NULL };
static const char *const all_mechanisms[] = { "SCRAM-SHA-512-PLUS",
					      "SCRAM-SHA-256-PLUS",
					      "SCRAM-SHA-1-PLUS",
					      "SCRAM-SHA-512",
					      "SCRAM-SHA-256",
					      "SCRAM-SHA-1",
					      NULL };
static const char *const plain_mechanisms[] = { "SCRAM-SHA-512", "SCRAM-SHA-256", "SCRAM-SHA-1",
						NULL };
static const struct scram_offer full_offer = { all_mechanisms, all_bindings };
static const struct scram_offer plain_offer = { plain_mechanisms, NULL };

static void
every_mechanism_lets_the_right_password_in_and_no_other(void **state)
{
	for (size_t i = 0; i < SCRAM_MECHANISMS; i++) {
		const struct scram_mechanism *m = &scram_mechanisms[i];
		const char *header = m->plus ? "p=tls-exporter,," : "n,,";
		const char *data = m->plus ? "channel" : NULL;

		assert_ptr_equal(scram_mechanism_find(m->name), m);
		assert_int_equal(exchange(*state, m->name, header, &full_offer,
					  (struct attempt) { .data = data }),
				 SCRAM_GOOD);
		assert_int_equal(exchange(*state, m->name, header, &full_offer,
					  (struct attempt) { .data = data, .password = "pencils" }),
				 SCRAM_INVALID_PROOF);
	}
	assert_null(scram_mechanism_find("SCRAM-SHA-384"));
	assert_null(scram_mechanism_find("scram-sha-1"));
	assert_null(scram_mechanism_find(""));
}

static void
another_channel_is_noticed(void **state)
{
	assert_int_equal(exchange(*state, "SCRAM-SHA-256-PLUS", "p=tls-exporter,,", &full_offer,
				  (struct attempt) { .data = "chanel" }),
			 SCRAM_BINDING_DIFFERS);
	assert_int_equal(exchange(*state, "SCRAM-SHA-256-PLUS", "p=tls-exporter,,", &full_offer,
				  (struct attempt) { 0 }),
			 SCRAM_BINDING_DIFFERS);
	assert_int_equal(exchange(*state, "SCRAM-SHA-256-PLUS", "p=tls-exporter,,", &full_offer,
				  (struct attempt) { .data = "channel",
						     .header = "p=tls-server-end-point,," }),
			 SCRAM_BINDING_DIFFERS);
	assert_int_equal(exchange(*state, "SCRAM-SHA-256", "n,,", &full_offer,
				  (struct attempt) { .data = "channel" }),
			 SCRAM_BINDING_DIFFERS);
	assert_int_equal(exchange(*state, "SCRAM-SHA-256", "n,,", &full_offer,
				  (struct attempt) { .header = "y,," }),
			 SCRAM_BINDING_DIFFERS);
	assert_int_equal(exchange(*state, "SCRAM-SHA-256", "n,a=user,", &full_offer,
				  (struct attempt) { .header = "n,," }),
			 SCRAM_BINDING_DIFFERS);
}

static void
a_hidden_offer_of_channel_binding_is_noticed(void **state)
{
	assert_int_equal(exchange(*state, "SCRAM-SHA-1", "y,,", &full_offer,
				  (struct attempt) { 0 }),
			 SCRAM_SERVER_BINDS);
	assert_int_equal(exchange(*state, "SCRAM-SHA-1", "y,,", &plain_offer,
				  (struct attempt) { 0 }),
			 SCRAM_GOOD);
}

static void
mechanism_and_flag_must_agree(void **state)
{
	assert_int_equal(exchange(*state, "SCRAM-SHA-1", "p=tls-exporter,,", &full_offer,
				  (struct attempt) { 0 }),
			 SCRAM_BINDING_UNSUPPORTED);
	assert_int_equal(exchange(*state, "SCRAM-SHA-1-PLUS", "n,,", &full_offer,
				  (struct attempt) { 0 }),
			 SCRAM_MALFORMED);
	assert_int_equal(exchange(*state, "SCRAM-SHA-1-PLUS", "y,,", &full_offer,
				  (struct attempt) { 0 }),
			 SCRAM_SERVER_BINDS);
	assert_int_equal(exchange(*state, "SCRAM-SHA-1-PLUS", "p=tls-unique,,", &full_offer,
				  (struct attempt) { 0 }),
			 SCRAM_BINDING_TYPE_UNSUPPORTED);
}

static void
another_nonce_is_a_replay(void **state)
{
	assert_int_equal(exchange(*state, "SCRAM-SHA-1", "n,,", &plain_offer,
				  (struct attempt) { .nonce = "abc" }),
			 SCRAM_INVALID_PROOF);
	assert_int_equal(exchange(*state, "SCRAM-SHA-1", "n,,", &plain_offer,
				  (struct attempt) { .nonce = "abcxyzz" }),
			 SCRAM_INVALID_PROOF);
	assert_int_equal(exchange(*state, "SCRAM-SHA-1", "n,,", &plain_offer,
				  (struct attempt) { .nonce = "abcXyz" }),
			 SCRAM_INVALID_PROOF);
}

static void
what_was_right_once_is_wrong_for_another_nonce(void **state)
{
	struct scram scram;
	struct scram_keys keys;
	const char *signature = NULL;
	const char *final = "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,"
			    "p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=";

	keys_of(&keys, SCRAM_SHA1, "pencil", "QSXCR+Q6sek8bf92", 4096);
	assert_int_equal(hear_first(&scram, *state, "SCRAM-SHA-1", &bare_offer,
				    "n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL"),
			 SCRAM_GOOD);
	scram_challenge(&scram, *state, &keys, "another");
	assert_int_equal(scram_hear_final(&signature, &scram, *state, final, strlen(final), NULL,
					  0),
			 SCRAM_INVALID_PROOF);
	assert_null(signature);
}

static void
optional_extensions_pass_and_mandatory_ones_do_not(void **state)
{
	struct scram scram;

	assert_int_equal(exchange(*state, "SCRAM-SHA-1", "n,,", &plain_offer,
				  (struct attempt) { .extension = ",x=1,Y=a=b=" }),
			 SCRAM_GOOD);
	assert_int_equal(exchange(*state, "SCRAM-SHA-1", "n,,", &plain_offer,
				  (struct attempt) { .extension = ",x=1,m=1" }),
			 SCRAM_EXTENSION_UNKNOWN);
	assert_int_equal(hear_first(&scram, *state, "SCRAM-SHA-1", &plain_offer,
				    "n,,n=user,r=abc,x=1,y=2"),
			 SCRAM_GOOD);
	assert_int_equal(hear_first(&scram, *state, "SCRAM-SHA-1", &plain_offer,
				    "n,,m=1,n=user,r=abc"),
			 SCRAM_EXTENSION_UNKNOWN);
	assert_int_equal(hear_first(&scram, *state, "SCRAM-SHA-1", &plain_offer,
				    "n,,n=user,r=abc,m=1"),
			 SCRAM_EXTENSION_UNKNOWN);
	for (const char *const *bad = (const char *const[]) { ",", ",x", ",x=", ",1=2", ",x=1,",
							      ",xx=1", ",,x=1", NULL };
	     *bad != NULL; bad++)
		assert_int_equal(exchange(*state, "SCRAM-SHA-1", "n,,", &plain_offer,
					  (struct attempt) { .extension = *bad }),
				 SCRAM_MALFORMED);
}

static void
names_are_unescaped_and_prepared(void **state)
{
	struct scram scram;

	assert_int_equal(hear_first(&scram, *state, "SCRAM-SHA-1", &plain_offer,
				    "n,a=jul=3Det=2C,n=ro=2Cm=3Deo=2C=2C,r=abc"),
			 SCRAM_GOOD);
	assert_string_equal(scram.name, "ro,m=eo,,");
	assert_string_equal(scram.authzid, "jul=et,");
	/* RFC 4013 §3: a soft hyphen is nothing, a Roman nine is two letters. */
	assert_int_equal(hear_first(&scram, *state, "SCRAM-SHA-1", &plain_offer,
				    "n,,n=I\xc2\xadX\xe2\x85\xa8,r=abc"),
			 SCRAM_GOOD);
	assert_string_equal(scram.name, "IXIX");
	assert_int_equal(hear_first(&scram, *state, "SCRAM-SHA-1", &plain_offer, "n,,n=\x07,r=abc"),
			 SCRAM_INVALID_NAME);
	assert_int_equal(hear_first(&scram, *state, "SCRAM-SHA-1", &plain_offer,
				    "n,,n=\xc2\xad,r=abc"),
			 SCRAM_INVALID_NAME);
}

static void
malformed_first_messages_are_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"n",
		"n,",
		"n,,",
		"x,,n=user,r=abc",
		"n=user,r=abc",
		"n,n=user,r=abc",
		",,n=user,r=abc",
		"n,,r=abc,n=user",
		"n,,n=user",
		"n,,n=user,",
		"n,,n=user,r=",
		"n,,n=,r=abc",
		"n,,n=us=er,r=abc",
		"n,,n=user=,r=abc",
		"n,,n=user=2,r=abc",
		"n,,n=user=2c,r=abc",
		"n,a=,n=user,r=abc",
		"n,a=x=y,n=user,r=abc",
		"n,b=x,n=user,r=abc",
		"n,,n=user,r=a b",
		"n,,n=user,r=\xc3\xa4",
		"n,,n=user,r=abc,",
		"n,a=user",
		"p=,,n=user,r=abc",
		"p=a b,,n=user,r=abc",
		"nn,,n=user,r=abc",
		"N,,n=user,r=abc",
		"n,,N=user,r=abc",
		"n,, n=user,r=abc",
		"p=tls-exporter",
		"n,,n=user,s=abc",
	};
	struct scram scram;
	char message[SCRAM_MESSAGE_MAX + 10];

	for (size_t i = 0; i < COUNT(bad); i++) {
		if (hear_first(&scram, *state, "SCRAM-SHA-1", &plain_offer, bad[i]) !=
		    SCRAM_MALFORMED)
			fail_msg("\"%s\" passed", bad[i]);
		assert_int_equal(scram.stage, SCRAM_OVER);
	}
	assert_int_equal(scram_hear_first(&scram, *state, &scram_mechanisms[0], &plain_offer,
					  "n,,n=us\0er,r=abc", 16),
			 SCRAM_INVALID_ENCODING);
	assert_int_equal(hear_first(&scram, *state, "SCRAM-SHA-1", &plain_offer,
				    "n,,n=us\xff,r=abc"),
			 SCRAM_INVALID_ENCODING);

	memset(message, 'a', sizeof message);
	memcpy(message, "n,,n=user,r=", 12);
	assert_int_equal(scram_hear_first(&scram, *state, &scram_mechanisms[5], &plain_offer,
					  message, 12 + SCRAM_NONCE_MAX),
			 SCRAM_GOOD);
	assert_int_equal(scram_hear_first(&scram, *state, &scram_mechanisms[5], &plain_offer,
					  message, 12 + SCRAM_NONCE_MAX + 1),
			 SCRAM_MALFORMED);
	assert_int_equal(scram_hear_first(&scram, *state, &scram_mechanisms[5], &plain_offer,
					  message, sizeof message),
			 SCRAM_MALFORMED);
}

static enum scram_fault
hear_final(struct arena *arena, const char *last)
{
	struct scram scram;
	struct scram_keys keys;
	const char *signature = NULL;
	enum scram_fault fault;

	assert_true(scram_derive(&keys, SCRAM_SHA1, "pencil", "saltsalt", 8, 1, NULL));
	assert_int_equal(hear_first(&scram, arena, "SCRAM-SHA-1", &plain_offer, "n,,n=user,r=abc"),
			 SCRAM_GOOD);
	scram_challenge(&scram, arena, &keys, "xyz");
	fault = scram_hear_final(&signature, &scram, arena, last, strlen(last), NULL, 0);
	assert_null(signature);
	return fault;
}

static void
malformed_last_messages_are_refused(void **state)
{
	static const char *const malformed[] = {
		"",
		",",
		"p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
		"c=biws,r=abcxyz",
		"c=biws,r=abcxyz,",
		"c=biws,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
		"r=abcxyz,c=biws,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
		"c=biws,r=abcxyz,p=",
		"c=biws,r=abcxyz,p=AAAA",
		"c=biws,r=,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
		"c=,r=abcxyz,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
		"c=biws,r=abcxyz,,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
		"c=biws,r=abcxyz,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=,x=1",
	};

	for (size_t i = 0; i < COUNT(malformed); i++)
		if (hear_final(*state, malformed[i]) != SCRAM_MALFORMED)
			fail_msg("\"%s\" passed", malformed[i]);
	assert_int_equal(hear_final(*state, "c=biws,r=abcxyz,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts"),
			 SCRAM_INVALID_ENCODING);
	assert_int_equal(hear_final(*state, "c=biws,r=abcxyz,p=!!!!"), SCRAM_INVALID_ENCODING);
	assert_int_equal(hear_final(*state, "c=biws,r=\xff,p=AAAA"), SCRAM_INVALID_ENCODING);
	assert_int_equal(hear_final(*state, "c=biwt,r=abcxyz,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts="),
			 SCRAM_BINDING_DIFFERS);
	assert_int_equal(hear_final(*state, "c=biws,r=abcxyz,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts="),
			 SCRAM_INVALID_PROOF);
}

static void
a_last_message_before_the_challenge_is_refused(void **state)
{
	struct scram scram;
	const char *signature = NULL;

	assert_int_equal(hear_first(&scram, *state, "SCRAM-SHA-1", &plain_offer, "n,,n=user,r=abc"),
			 SCRAM_GOOD);
	assert_int_equal(scram_hear_final(&signature, &scram, *state, "c=biws", 6, NULL, 0),
			 SCRAM_MALFORMED);
	assert_null(signature);
}

static void
every_fault_has_a_word_and_a_condition(void **state)
{
	(void)state;
	assert_null(scram_fault_name(SCRAM_GOOD));
	assert_int_equal(scram_fault_condition(SCRAM_GOOD), SASL_NONE);
	for (int i = SCRAM_GOOD + 1; i <= SCRAM_INVALID_NAME; i++) {
		assert_non_null(scram_fault_name((enum scram_fault)i));
		assert_int_not_equal(scram_fault_condition((enum scram_fault)i), SASL_NONE);
	}
	/* Name and password fail alike. */
	assert_int_equal(scram_fault_condition(SCRAM_INVALID_NAME),
			 scram_fault_condition(SCRAM_INVALID_PROOF));
}

/* --- keys --- */

static void
passwords_are_prepared_before_they_are_hashed(void **state)
{
	struct scram_keys a, b;
	struct err err;

	(void)state;
	for (int hash = 0; hash < SCRAM_HASHES; hash++) {
		assert_true(scram_derive(&a, (enum scram_hash)hash, "IX", "salt", 4, 2, NULL));
		assert_true(scram_derive(&b, (enum scram_hash)hash, "\xe2\x85\xa8", "salt", 4, 2,
					 NULL));
		assert_memory_equal(&a, &b, sizeof a);
		assert_true(scram_plain_check(&a, "I\xc2\xadX"));
		assert_false(scram_plain_check(&a, "ix"));
	}
	for (const char *const *bad = (const char *const[]) { "", "a\x07", "\xc2\xad", "\xff",
							      "\xf0\x9f\xa6\x8a", NULL };
	     *bad != NULL; bad++) {
		b = a;
		err.kind = ERR_NONE;
		assert_false(scram_derive(&a, SCRAM_SHA1, *bad, "salt", 4, 2, &err));
		assert_int_equal(err.kind, ERR_SYNTAX);
		assert_memory_equal(&a, &b, sizeof a);
		assert_false(scram_plain_check(&a, *bad));
	}
}

static void
keys_come_back_from_the_store_or_not_at_all(void **state)
{
	struct scram_keys a, b;

	(void)state;
	assert_true(scram_derive(&a, SCRAM_SHA256, "pencil", "salt", 4, 2, NULL));
	scram_keys_set(&b, SCRAM_SHA256, 2, "salt", 4, a.stored_key, 32, a.server_key, 32);
	assert_memory_equal(&a, &b, sizeof a);
	scram_keys_set(&b, SCRAM_SHA256, 2, "salt", 4, a.stored_key, 20, a.server_key, 32);
	assert_int_equal(b.iterations, 0);
	scram_keys_set(&b, SCRAM_SHA256, 2, "salt", 0, a.stored_key, 32, a.server_key, 32);
	assert_int_equal(b.iterations, 0);
	scram_keys_set(&b, SCRAM_SHA256, 2, a.stored_key, SCRAM_SALT_MAX + 1, a.stored_key, 32,
		       a.server_key, 32);
	assert_int_equal(b.iterations, 0);
	assert_false(scram_plain_check(&b, "pencil"));
}

static void
a_name_nobody_has_looks_like_one_that_somebody_has(void **state)
{
	struct scram_keys a, b, c;
	struct scram scram;
	const char *signature = NULL, *challenge, *last;

	scram_fake(&a, SCRAM_SHA256, "secret", 6, "tybalt@example");
	scram_fake(&b, SCRAM_SHA256, "secret", 6, "tybalt@example");
	assert_memory_equal(&a, &b, sizeof a);
	assert_int_equal(a.iterations, SCRAM_ITERATIONS);
	assert_int_equal(a.salt_length, SCRAM_SALT_BYTES);

	scram_fake(&b, SCRAM_SHA1, "secret", 6, "tybalt@example");
	scram_fake(&c, SCRAM_SHA256, "secret", 6, "paris@example");
	assert_memory_not_equal(a.salt, b.salt, SCRAM_SALT_BYTES);
	assert_memory_not_equal(a.salt, c.salt, SCRAM_SALT_BYTES);
	scram_fake(&c, SCRAM_SHA256, "Secret", 6, "tybalt@example");
	assert_memory_not_equal(a.salt, c.salt, SCRAM_SALT_BYTES);
	assert_memory_not_equal(a.salt, a.stored_key, SCRAM_SALT_BYTES);
	assert_memory_not_equal(a.salt, a.server_key, SCRAM_SALT_BYTES);
	assert_memory_not_equal(a.stored_key, a.server_key, 32);

	assert_int_equal(hear_first(&scram, *state, "SCRAM-SHA-256", &plain_offer,
				    "n,,n=tybalt,r=abc"),
			 SCRAM_GOOD);
	challenge = scram_challenge(&scram, *state, &a, "xyz");
	last = client_final(*state, SCRAM_SHA256, "pencil", "n=tybalt,r=abc", challenge,
			    "c=biws,r=abcxyz", &a);
	assert_int_equal(scram_hear_final(&signature, &scram, *state, last, strlen(last), NULL, 0),
			 SCRAM_INVALID_PROOF);
	assert_null(signature);
	assert_false(scram_plain_check(&a, "pencil"));
}

/* --- PLAIN --- */

static void
plain_is_three_parts(void **state)
{
	struct plain plain;

	assert_true(plain_parse(&plain, *state, "\0romeo\0secret", 13));
	assert_null(plain.authzid);
	assert_string_equal(plain.name, "romeo");
	assert_string_equal(plain.password, "secret");
	assert_true(plain_parse(&plain, *state, "a\0b\0c", 5));
	assert_string_equal(plain.authzid, "a");
	assert_string_equal(plain.name, "b");
	assert_string_equal(plain.password, "c");
}

static void
malformed_plain_is_refused(void **state)
{
	struct plain plain;
	char message[3 * PLAIN_PART_MAX];

	assert_false(plain_parse(&plain, *state, "", 0));
	assert_false(plain_parse(&plain, *state, "romeo", 5));
	assert_false(plain_parse(&plain, *state, "\0romeo", 6));
	assert_false(plain_parse(&plain, *state, "\0romeo\0", 7));
	assert_false(plain_parse(&plain, *state, "\0\0secret", 8));
	assert_false(plain_parse(&plain, *state, "\0romeo\0sec\0ret", 14));
	assert_false(plain_parse(&plain, *state, "\0romeo\0secret\0", 14));
	assert_false(plain_parse(&plain, *state, "\0rom\xff\0secret", 12));
	assert_false(plain_parse(&plain, *state, "\0\0", 2));

	memset(message, 'a', sizeof message);
	message[0] = '\0';
	message[PLAIN_PART_MAX + 1] = '\0';
	assert_true(plain_parse(&plain, *state, message, 2 * PLAIN_PART_MAX + 2));
	assert_false(plain_parse(&plain, *state, message, 2 * PLAIN_PART_MAX + 3));
	message[PLAIN_PART_MAX + 1] = 'a';
	message[PLAIN_PART_MAX + 2] = '\0';
	assert_false(plain_parse(&plain, *state, message, 2 * PLAIN_PART_MAX));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_example_of_rfc_5802_goes_through),
		TEST(the_example_of_rfc_7677_goes_through),
		TEST(the_example_of_xep_0474_goes_through),
		TEST(an_offer_without_bindings_ends_with_its_mechanisms),
		TEST(every_mechanism_lets_the_right_password_in_and_no_other),
		TEST(another_channel_is_noticed),
		TEST(a_hidden_offer_of_channel_binding_is_noticed),
		TEST(mechanism_and_flag_must_agree),
		TEST(another_nonce_is_a_replay),
		TEST(what_was_right_once_is_wrong_for_another_nonce),
		TEST(optional_extensions_pass_and_mandatory_ones_do_not),
		TEST(names_are_unescaped_and_prepared),
		TEST(malformed_first_messages_are_refused),
		TEST(malformed_last_messages_are_refused),
		TEST(a_last_message_before_the_challenge_is_refused),
		TEST(every_fault_has_a_word_and_a_condition),
		TEST(passwords_are_prepared_before_they_are_hashed),
		TEST(keys_come_back_from_the_store_or_not_at_all),
		TEST(a_name_nobody_has_looks_like_one_that_somebody_has),
		TEST(plain_is_three_parts),
		TEST(malformed_plain_is_refused),
	};

	return cmocka_run_group_tests_name("xmpp/scram", tests, NULL, NULL);
}
