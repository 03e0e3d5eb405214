/* SPDX-License-Identifier: MIT */
/*
 * SCRAM's arithmetic (RFC 5802 §3) over GnuTLS' primitives, its messages (§7), and PLAIN's
 * one message.  Secrets on the stack are wiped; comparisons of secrets take a time that
 * depends on their length only.
 */
#include "xmpp/scram.h"
#include "base/codec.h"
#include "base/text.h"

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <stringprep.h>

#include <stdlib.h>
#include <string.h>

static const struct {
	gnutls_digest_algorithm_t digest;
	gnutls_mac_algorithm_t mac;
	size_t size;
} hashes[SCRAM_HASHES] = {
	[SCRAM_SHA1] = { GNUTLS_DIG_SHA1, GNUTLS_MAC_SHA1, 20 },
	[SCRAM_SHA256] = { GNUTLS_DIG_SHA256, GNUTLS_MAC_SHA256, 32 },
	[SCRAM_SHA512] = { GNUTLS_DIG_SHA512, GNUTLS_MAC_SHA512, 64 },
};

const struct scram_mechanism scram_mechanisms[SCRAM_MECHANISMS] = {
	{ "SCRAM-SHA-512-PLUS", SCRAM_SHA512, true }, { "SCRAM-SHA-256-PLUS", SCRAM_SHA256, true },
	{ "SCRAM-SHA-1-PLUS", SCRAM_SHA1, true },     { "SCRAM-SHA-512", SCRAM_SHA512, false },
	{ "SCRAM-SHA-256", SCRAM_SHA256, false },     { "SCRAM-SHA-1", SCRAM_SHA1, false },
};

static const struct {
	const char *name;
	enum sasl_condition condition;
} faults[] = {
	[SCRAM_GOOD] = { NULL, SASL_NONE },
	[SCRAM_MALFORMED] = { "other-error", SASL_MALFORMED_REQUEST },
	[SCRAM_INVALID_ENCODING] = { "invalid-encoding", SASL_MALFORMED_REQUEST },
	[SCRAM_EXTENSION_UNKNOWN] = { "extensions-not-supported", SASL_MALFORMED_REQUEST },
	[SCRAM_INVALID_PROOF] = { "invalid-proof", SASL_NOT_AUTHORIZED },
	[SCRAM_BINDING_DIFFERS] = { "channel-bindings-dont-match", SASL_NOT_AUTHORIZED },
	[SCRAM_SERVER_BINDS] = { "server-does-support-channel-binding", SASL_NOT_AUTHORIZED },
	[SCRAM_BINDING_UNSUPPORTED] = { "channel-binding-not-supported", SASL_MALFORMED_REQUEST },
	[SCRAM_BINDING_TYPE_UNSUPPORTED] = { "unsupported-channel-binding-type",
					     SASL_MALFORMED_REQUEST },
	[SCRAM_INVALID_NAME] = { "invalid-username-encoding", SASL_NOT_AUTHORIZED },
};

const char *
scram_fault_name(enum scram_fault fault)
{
	must((unsigned)fault < COUNT(faults));
	return faults[fault].name;
}

enum sasl_condition
scram_fault_condition(enum scram_fault fault)
{
	must((unsigned)fault < COUNT(faults));
	return faults[fault].condition;
}

const struct scram_mechanism *
scram_mechanism_find(const char *name)
{
	for (size_t i = 0; i < COUNT(scram_mechanisms); i++)
		if (strcmp(scram_mechanisms[i].name, name) == 0)
			return &scram_mechanisms[i];
	return NULL;
}

/* --- arithmetic --- */

size_t
scram_hash_size(enum scram_hash hash)
{
	must((unsigned)hash < SCRAM_HASHES);
	return hashes[hash].size;
}

static void
hmac(uint8_t *out, enum scram_hash hash, const void *key, size_t key_length, const void *bytes,
     size_t length)
{
	must(gnutls_hmac_fast(hashes[hash].mac, key, key_length, bytes, length, out) == 0);
}

static void
digest(uint8_t *out, enum scram_hash hash, const void *bytes, size_t length)
{
	must(gnutls_hash_fast(hashes[hash].digest, bytes, length, out) == 0);
}

/* SASLprep of a password, on the heap: wipe and free it.  RFC 5802 §2.2: as a stored
 * string, so unassigned code points are refused. */
static char *
prepare_password(const char *password, struct err *err)
{
	char *prepared = NULL;
	int code;

	if (*password == '\0') {
		err_fail(err, ERR_SYNTAX, "the password is empty");
		return NULL;
	}
	if (!text_is_utf8(password, strlen(password))) {
		err_fail(err, ERR_SYNTAX, "the password is not UTF-8");
		return NULL;
	}
	code = stringprep_profile(password, &prepared, "SASLprep", STRINGPREP_NO_UNASSIGNED);
	if (code != STRINGPREP_OK) {
		err_fail(err, ERR_SYNTAX, "the password cannot be prepared: %s",
			 stringprep_strerror((Stringprep_rc)code));
		return NULL;
	}
	if (*prepared == '\0') {
		err_fail(err, ERR_SYNTAX, "the password has no character that counts");
		free(prepared);
		return NULL;
	}
	return prepared;
}

bool
scram_derive(struct scram_keys *keys, enum scram_hash hash, const char *password, const void *salt,
	     size_t salt_length, uint32_t iterations, struct err *err)
{
	uint8_t salted[SCRAM_HASH_MAX], client_key[SCRAM_HASH_MAX];
	size_t size = scram_hash_size(hash);
	gnutls_datum_t password_datum, salt_datum;
	char *prepared;

	must(salt_length > 0 && salt_length <= SCRAM_SALT_MAX && iterations > 0);
	prepared = prepare_password(password, err);
	if (prepared == NULL)
		return false;
	memset(keys, 0, sizeof *keys);
	keys->hash = (uint8_t)hash;
	keys->iterations = iterations;
	keys->salt_length = (uint8_t)salt_length;
	memcpy(keys->salt, salt, salt_length);

	password_datum = (gnutls_datum_t) { (unsigned char *)prepared, (unsigned)strlen(prepared) };
	salt_datum = (gnutls_datum_t) { keys->salt, (unsigned)salt_length };
	must(gnutls_pbkdf2(hashes[hash].mac, &password_datum, &salt_datum, iterations, salted,
			   size) == 0);
	hmac(client_key, hash, salted, size, "Client Key", strlen("Client Key"));
	digest(keys->stored_key, hash, client_key, size);
	hmac(keys->server_key, hash, salted, size, "Server Key", strlen("Server Key"));

	wipe(salted, sizeof salted);
	wipe(client_key, sizeof client_key);
	wipe(prepared, strlen(prepared));
	free(prepared);
	return true;
}

void
scram_keys_set(struct scram_keys *keys, enum scram_hash hash, uint32_t iterations, const void *salt,
	       size_t salt_length, const void *stored_key, size_t stored_length,
	       const void *server_key, size_t server_length)
{
	size_t size = scram_hash_size(hash);

	memset(keys, 0, sizeof *keys);
	keys->hash = (uint8_t)hash;
	if (salt_length == 0 || salt_length > SCRAM_SALT_MAX || stored_length != size ||
	    server_length != size)
		return;
	keys->iterations = iterations;
	keys->salt_length = (uint8_t)salt_length;
	memcpy(keys->salt, salt, salt_length);
	memcpy(keys->stored_key, stored_key, size);
	memcpy(keys->server_key, server_key, size);
}

void
scram_fake(struct scram_keys *keys, enum scram_hash hash, const void *secret, size_t secret_length,
	   const char *name)
{
	uint8_t salt[SCRAM_HASH_MAX];
	struct text text = { 0 };

	must(secret_length > 0);
	memset(keys, 0, sizeof *keys);
	keys->hash = (uint8_t)hash;
	keys->iterations = SCRAM_ITERATIONS;
	keys->salt_length = SCRAM_SALT_BYTES;
	/* One label, one use: nothing that is shown tells anything of what is not. */
	text_addf(&text, "salt %u ", (unsigned)hash);
	text_add(&text, name);
	hmac(salt, SCRAM_SHA512, secret, secret_length, text.bytes, text.length);
	memcpy(keys->salt, salt, SCRAM_SALT_BYTES);
	memcpy(text.bytes, "keys", strlen("keys"));
	hmac(keys->stored_key, SCRAM_SHA512, secret, secret_length, text.bytes, text.length);
	memcpy(text.bytes, "sign", strlen("sign"));
	hmac(keys->server_key, SCRAM_SHA512, secret, secret_length, text.bytes, text.length);
	text_clear(&text);
}

bool
scram_plain_check(const struct scram_keys *keys, const char *password)
{
	enum scram_hash hash = (enum scram_hash)keys->hash;
	struct scram_keys other;
	bool right;

	if (keys->iterations == 0 || !scram_derive(&other, hash, password, keys->salt,
						   keys->salt_length, keys->iterations, NULL))
		return false;
	right = equal_secretly(keys->stored_key, other.stored_key, scram_hash_size(hash));
	wipe(&other, sizeof other);
	return right;
}

/* --- messages --- */

/* What is left of a message. */
struct reader {
	const char *at, *end;
};

/* Takes `text` off the front. */
static bool
take(struct reader *reader, const char *text)
{
	size_t length = strlen(text);

	if ((size_t)(reader->end - reader->at) < length || memcmp(reader->at, text, length) != 0)
		return false;
	reader->at += length;
	return true;
}

/* Takes what is before the next comma, or all, and the comma.  False when it is empty. */
static bool
take_value(const char **value, size_t *length, struct reader *reader)
{
	const char *comma = memchr(reader->at, ',', (size_t)(reader->end - reader->at));
	const char *end = comma != NULL ? comma : reader->end;

	*value = reader->at;
	*length = (size_t)(end - reader->at);
	reader->at = comma != NULL ? comma + 1 : end;
	return *length > 0;
}

/* Optional extensions are passed over, mandatory ones ("m=") are refused: §5.1. */
static enum scram_fault
pass_extensions(struct reader *reader)
{
	while (reader->at < reader->end) {
		const char *value;
		size_t length;

		if (take(reader, "m="))
			return SCRAM_EXTENSION_UNKNOWN;
		if (!take_value(&value, &length, reader) || length < 3 || value[1] != '=' ||
		    !((value[0] >= 'A' && value[0] <= 'Z') || (value[0] >= 'a' && value[0] <= 'z')))
			return SCRAM_MALFORMED;
	}
	return reader->end[-1] == ',' ? SCRAM_MALFORMED : SCRAM_GOOD;
}

/* "=2C" and "=3D" become what they mean; NULL when "=" stands for anything else. */
static char *
unescape_name(struct arena *arena, const char *text, size_t length)
{
	char *name = arena_bytes(arena, length + 1), *out = name;

	for (size_t i = 0; i < length; i++) {
		if (text[i] != '=') {
			*out++ = text[i];
		} else if (length - i >= 3 && memcmp(text + i, "=2C", 3) == 0) {
			*out++ = ',';
			i += 2;
		} else if (length - i >= 3 && memcmp(text + i, "=3D", 3) == 0) {
			*out++ = '=';
			i += 2;
		} else {
			return NULL;
		}
	}
	*out = '\0';
	return name;
}

/* SASLprep of a name, as a query: unassigned code points may pass (§5.1).  NULL: refused. */
static const char *
prepare_name(struct arena *arena, const char *name)
{
	char *prepared = NULL;
	const char *copy = NULL;

	if (stringprep_profile(name, &prepared, "SASLprep", 0) != STRINGPREP_OK)
		return NULL;
	if (*prepared != '\0')
		copy = arena_copy(arena, prepared);
	free(prepared);
	return copy;
}

static bool
is_listed(const char *const *list, const char *word)
{
	for (; list != NULL && *list != NULL; list++)
		if (strcmp(*list, word) == 0)
			return true;
	return false;
}

static bool
offers_plus(const struct scram_offer *offer)
{
	for (size_t i = 0; i < COUNT(scram_mechanisms); i++)
		if (scram_mechanisms[i].plus &&
		    is_listed(offer->mechanisms, scram_mechanisms[i].name))
			return true;
	return false;
}

/* --- the first message --- */

static bool
is_binding_name(const char *name)
{
	return *name != '\0' &&
	       name[strspn(name, "abcdefghijklmnopqrstuvwxyz"
				 "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-")] == '\0';
}

/* gs2-header = ("p=" cb-name / "n" / "y") "," [ "a=" saslname ] "," */
static enum scram_fault
read_gs2_header(struct scram *scram, struct arena *arena, struct reader *reader)
{
	const char *start = reader->at, *value;
	size_t length;
	bool supports = false;

	if (take(reader, "p=")) {
		if (!take_value(&value, &length, reader))
			return SCRAM_MALFORMED;
		scram->binding = arena_copy_bytes(arena, value, length);
		if (!is_binding_name(scram->binding))
			return SCRAM_MALFORMED;
	} else if (take(reader, "y,")) {
		supports = true;
	} else if (!take(reader, "n,")) {
		return SCRAM_MALFORMED;
	}
	if (take(reader, "a=")) {
		if (!take_value(&value, &length, reader))
			return SCRAM_MALFORMED;
		scram->authzid = unescape_name(arena, value, length);
		if (scram->authzid == NULL)
			return SCRAM_MALFORMED;
	} else if (!take(reader, ",")) {
		return SCRAM_MALFORMED;
	}
	if (reader->at[-1] != ',')
		return SCRAM_MALFORMED;
	scram->gs2_header = arena_copy_bytes(arena, start, (size_t)(reader->at - start));

	/* §6: a client that could bind, and was made to believe that we cannot, says "y". */
	if (supports && (scram->mechanism->plus || offers_plus(scram->offer)))
		return SCRAM_SERVER_BINDS;
	if (scram->mechanism->plus && scram->binding == NULL)
		return SCRAM_MALFORMED;
	if (!scram->mechanism->plus && scram->binding != NULL)
		return SCRAM_BINDING_UNSUPPORTED;
	if (scram->binding != NULL && !is_listed(scram->offer->bindings, scram->binding))
		return SCRAM_BINDING_TYPE_UNSUPPORTED;
	return SCRAM_GOOD;
}

/* [reserved-mext ","] "n=" saslname "," "r=" c-nonce ["," extensions] */
static enum scram_fault
read_first_bare(struct scram *scram, struct arena *arena, struct reader *reader)
{
	const char *value;
	char *name;
	size_t length;

	scram->first_bare = arena_copy_bytes(arena, reader->at, (size_t)(reader->end - reader->at));
	if (take(reader, "m="))
		return SCRAM_EXTENSION_UNKNOWN;
	if (!take(reader, "n=") || !take_value(&value, &length, reader))
		return SCRAM_MALFORMED;
	name = unescape_name(arena, value, length);
	if (name == NULL)
		return SCRAM_MALFORMED;
	if (!take(reader, "r=") || !take_value(&value, &length, reader) || length > SCRAM_NONCE_MAX)
		return SCRAM_MALFORMED;
	for (size_t i = 0; i < length; i++)
		if (value[i] < 0x21 || value[i] > 0x7e)
			return SCRAM_MALFORMED;
	scram->nonce = arena_copy_bytes(arena, value, length);
	scram->name = prepare_name(arena, name);
	if (scram->name == NULL)
		return SCRAM_INVALID_NAME;
	return pass_extensions(reader);
}

enum scram_fault
scram_hear_first(struct scram *scram, struct arena *arena, const struct scram_mechanism *mechanism,
		 const struct scram_offer *offer, const char *message, size_t length)
{
	struct reader reader = { message, message + length };
	enum scram_fault fault;

	*scram = (struct scram) { .mechanism = mechanism, .offer = offer, .stage = SCRAM_OVER };
	if (length == 0 || length > SCRAM_MESSAGE_MAX)
		return SCRAM_MALFORMED;
	if (memchr(message, '\0', length) != NULL || !text_is_utf8(message, length))
		return SCRAM_INVALID_ENCODING;
	fault = read_gs2_header(scram, arena, &reader);
	if (fault == SCRAM_GOOD)
		fault = read_first_bare(scram, arena, &reader);
	if (fault == SCRAM_GOOD)
		scram->stage = SCRAM_HEARD_FIRST;
	return fault;
}

/* --- the challenge --- */

static int
compare_words(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Appends the words in the order of their bytes (i;octet), %x1E between them. */
static void
add_sorted(struct text *text, const char *const *words)
{
	const char **sorted;
	size_t count = 0;

	while (words[count] != NULL)
		count++;
	sorted = zalloc((count + 1) * sizeof *sorted);
	memcpy(sorted, words, count * sizeof *sorted);
	qsort(sorted, count, sizeof *sorted, compare_words);
	for (size_t i = 0; i < count; i++) {
		if (i > 0)
			text_add_char(text, 0x1e);
		text_add(text, sorted[i]);
	}
	free(sorted);
}

const char *
scram_offer_hash(struct arena *arena, const struct scram_offer *offer, enum scram_hash hash)
{
	uint8_t hashed[SCRAM_HASH_MAX];
	size_t size = scram_hash_size(hash);
	char *encoded = arena_bytes(arena, BASE64_LENGTH(size) + 1);
	struct text text = { 0 };

	add_sorted(&text, offer->mechanisms);
	if (offer->bindings != NULL) {
		text_add_char(&text, 0x1f);
		add_sorted(&text, offer->bindings);
	}
	digest(hashed, hash, text.length > 0 ? text.bytes : "", text.length);
	base64_encode(encoded, hashed, size);
	text_clear(&text);
	return encoded;
}

const char *
scram_challenge(struct scram *scram, struct arena *arena, const struct scram_keys *keys,
		const char *nonce)
{
	char salt[BASE64_LENGTH(SCRAM_SALT_MAX) + 1];

	must(scram->stage == SCRAM_HEARD_FIRST);
	must(keys->hash == scram->mechanism->hash && keys->iterations > 0);
	must(*nonce != '\0' && strchr(nonce, ',') == NULL);
	scram->keys = *keys;
	scram->nonce = arena_format(arena, "%s%s", scram->nonce, nonce);
	base64_encode(salt, keys->salt, keys->salt_length);
	scram->server_first = arena_format(arena, "r=%s,s=%s,i=%u", scram->nonce, salt,
					   (unsigned)keys->iterations);
	if (scram->offer->mechanisms != NULL)
		scram->server_first =
			arena_format(arena, "%s,h=%s", scram->server_first,
				     scram_offer_hash(arena, scram->offer, scram->mechanism->hash));
	scram->stage = SCRAM_CHALLENGED;
	return scram->server_first;
}

/* --- the last message --- */

/* What "c=" must say: the header as it was, and behind it the channel's data. */
static const char *
expected_binding(const struct scram *scram, struct arena *arena, const void *binding, size_t length)
{
	struct text text = { 0 };
	char *encoded;

	text_add(&text, scram->gs2_header);
	if (scram->binding != NULL)
		text_add_bytes(&text, binding, length);
	encoded = arena_bytes(arena, BASE64_LENGTH(text.length) + 1);
	base64_encode(encoded, text.bytes, text.length);
	text_clear(&text);
	return encoded;
}

static bool
value_is(const char *value, size_t length, const char *text)
{
	return length == strlen(text) && equal_secretly(value, text, length);
}

/* ClientKey is what the proof hides under the signature of the whole exchange; its hash
 * is what we keep. */
static bool
proof_is_right(const struct scram_keys *keys, const uint8_t *proof, const char *auth_message,
	       size_t length)
{
	enum scram_hash hash = (enum scram_hash)keys->hash;
	size_t size = scram_hash_size(hash);
	uint8_t client_key[SCRAM_HASH_MAX], hashed[SCRAM_HASH_MAX];
	bool right;

	hmac(client_key, hash, keys->stored_key, size, auth_message, length);
	for (size_t i = 0; i < size; i++)
		client_key[i] ^= proof[i];
	digest(hashed, hash, client_key, size);
	right = equal_secretly(hashed, keys->stored_key, size);
	wipe(client_key, sizeof client_key);
	return right;
}

/* channel-binding "," nonce ["," extensions] "," proof */
static enum scram_fault
read_final(const char **signature, struct scram *scram, struct arena *arena, const char *message,
	   size_t length, const void *binding, size_t binding_length)
{
	enum scram_hash hash = scram->mechanism->hash;
	uint8_t proof[SCRAM_HASH_MAX], signed_[SCRAM_HASH_MAX];
	char encoded[BASE64_LENGTH(SCRAM_HASH_MAX) + 1];
	struct reader reader = { message, message + length };
	const char *last = memrchr(message, ',', length), *value, *auth_message;
	size_t size = scram_hash_size(hash), proof_length;
	enum scram_fault fault;

	if (last == NULL || (size_t)(reader.end - last) < 3 || memcmp(last, ",p=", 3) != 0)
		return SCRAM_MALFORMED;
	if (!base64_decode(proof, sizeof proof, &proof_length, last + 3,
			   (size_t)(reader.end - last) - 3))
		return SCRAM_INVALID_ENCODING;
	if (proof_length != size)
		return SCRAM_MALFORMED;

	reader.end = last;
	if (!take(&reader, "c=") || !take_value(&value, &length, &reader))
		return SCRAM_MALFORMED;
	if (!value_is(value, length, expected_binding(scram, arena, binding, binding_length)))
		return SCRAM_BINDING_DIFFERS;
	if (!take(&reader, "r=") || !take_value(&value, &length, &reader))
		return SCRAM_MALFORMED;
	if (!value_is(value, length, scram->nonce))
		return SCRAM_INVALID_PROOF; /* said again from another exchange */
	fault = pass_extensions(&reader);
	if (fault != SCRAM_GOOD)
		return fault;

	auth_message = arena_format(arena, "%s,%s,%.*s", scram->first_bare, scram->server_first,
				    (int)(last - message), message);
	if (!proof_is_right(&scram->keys, proof, auth_message, strlen(auth_message)))
		return SCRAM_INVALID_PROOF;
	hmac(signed_, hash, scram->keys.server_key, size, auth_message, strlen(auth_message));
	base64_encode(encoded, signed_, size);
	*signature = arena_format(arena, "v=%s", encoded);
	return SCRAM_GOOD;
}

enum scram_fault
scram_hear_final(const char **signature, struct scram *scram, struct arena *arena,
		 const char *message, size_t length, const void *binding, size_t binding_length)
{
	enum scram_fault fault = SCRAM_MALFORMED;

	if (scram->stage == SCRAM_CHALLENGED && length > 0 && length <= SCRAM_MESSAGE_MAX) {
		if (memchr(message, '\0', length) != NULL || !text_is_utf8(message, length))
			fault = SCRAM_INVALID_ENCODING;
		else
			fault = read_final(signature, scram, arena, message, length, binding,
					   binding_length);
	}
	scram->stage = SCRAM_OVER;
	wipe(&scram->keys, sizeof scram->keys);
	return fault;
}

/* --- PLAIN --- */

bool
plain_parse(struct plain *plain, struct arena *arena, const char *message, size_t length)
{
	const char *end = message + length, *name, *password;
	size_t authzid_length, name_length, password_length;

	if (length == 0 || !text_is_utf8(message, length))
		return false;
	name = memchr(message, '\0', length);
	if (name == NULL)
		return false;
	authzid_length = (size_t)(name++ - message);
	password = memchr(name, '\0', (size_t)(end - name));
	if (password == NULL)
		return false;
	name_length = (size_t)(password++ - name);
	password_length = (size_t)(end - password);
	if (name_length == 0 || password_length == 0 || authzid_length > PLAIN_PART_MAX ||
	    name_length > PLAIN_PART_MAX || password_length > PLAIN_PART_MAX ||
	    memchr(password, '\0', password_length) != NULL)
		return false;
	plain->authzid =
		authzid_length > 0 ? arena_copy_bytes(arena, message, authzid_length) : NULL;
	plain->name = arena_copy_bytes(arena, name, name_length);
	plain->password = arena_copy_bytes(arena, password, password_length);
	return true;
}
