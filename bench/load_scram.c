/* SPDX-License-Identifier: MIT */
/* Proving a password: SCRAM, the client's side. */
#include "bench/load_scram.h"

#include "base/codec.h"
#include "base/random.h"
#include "base/table.h"
#include "base/text.h"

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>

#include <stdlib.h>
#include <string.h>

#define HASH_MAX 64
#define SALT_MAX 256

static const struct hash {
	const char *mechanism;
	gnutls_mac_algorithm_t mac;
	gnutls_digest_algorithm_t digest;
} hashes[] = {
	{ "SCRAM-SHA-1", GNUTLS_MAC_SHA1, GNUTLS_DIG_SHA1 },
	{ "SCRAM-SHA-256", GNUTLS_MAC_SHA256, GNUTLS_DIG_SHA256 },
	{ "SCRAM-SHA-512", GNUTLS_MAC_SHA512, GNUTLS_DIG_SHA512 },
};

/* What a password makes of a salt. */
struct keys {
	struct entry entry;
	char *name; /* mechanism, iterations, salt, password */
	uint8_t client_key[HASH_MAX], stored_key[HASH_MAX], server_key[HASH_MAX];
};

static struct table known;

static const struct hash *
hash_of(const char *mechanism)
{
	for (size_t i = 0; i < COUNT(hashes); i++)
		if (strcmp(hashes[i].mechanism, mechanism) == 0)
			return &hashes[i];
	return NULL;
}

bool
scram_client_knows(const char *mechanism)
{
	return hash_of(mechanism) != NULL;
}

char *
scram_client_first(struct scram_client *scram, const char *mechanism, const char *name)
{
	must(scram_client_knows(mechanism));
	scram->mechanism = mechanism;
	random_name(scram->nonce, SCRAM_CLIENT_NONCE);
	free(scram->bare);
	scram->bare = format_text("n=%s,r=%s", name, scram->nonce);
	return format_text("n,,%s", scram->bare);
}

static const struct keys *
keys_for(const struct hash *hash, const char *password, const char *salt, unsigned iterations)
{
	unsigned size = gnutls_hmac_get_len(hash->mac);
	uint8_t salted[HASH_MAX], bytes[SALT_MAX];
	char *name = format_text("%s %u %s %s", hash->mechanism, iterations, salt, password);
	struct keys *keys = TABLE_ITEM(table_get(&known, name), struct keys, entry);
	gnutls_datum_t words = { (unsigned char *)(uintptr_t)password, (unsigned)strlen(password) };
	gnutls_datum_t salty = { bytes, 0 };
	size_t length;

	if (keys != NULL) {
		free(name);
		return keys;
	}
	if (!base64_decode(bytes, sizeof bytes, &length, salt, strlen(salt)) || iterations == 0) {
		free(name);
		return NULL;
	}
	salty.size = (unsigned)length;
	keys = zalloc(sizeof *keys);
	keys->name = name;
	must(gnutls_pbkdf2(hash->mac, &words, &salty, iterations, salted, size) == 0);
	gnutls_hmac_fast(hash->mac, salted, size, "Client Key", 10, keys->client_key);
	gnutls_hash_fast(hash->digest, keys->client_key, size, keys->stored_key);
	gnutls_hmac_fast(hash->mac, salted, size, "Server Key", 10, keys->server_key);
	table_put(&known, &keys->entry, name);
	return keys;
}

/* The value of an attribute in "r=...,s=...,i=...", to be freed; NULL: it is not there. */
static char *
attribute_of(struct slice message, char name)
{
	const char *at = message.bytes, *end = at + message.length;

	while (at < end) {
		const char *comma = memchr(at, ',', (size_t)(end - at));

		if (comma == NULL)
			comma = end;
		if (comma - at >= 2 && at[0] == name && at[1] == '=')
			return copy_bytes(at + 2, (size_t)(comma - at) - 2);
		at = comma + 1;
	}
	return NULL;
}

static char *
encoded(const void *bytes, size_t length)
{
	char *text = zalloc(BASE64_LENGTH(length) + 1);

	base64_encode(text, bytes, length);
	return text;
}

char *
scram_client_final(struct scram_client *scram, const char *password, struct slice challenge)
{
	const struct hash *hash = hash_of(scram->mechanism);
	unsigned size = gnutls_hmac_get_len(hash->mac);
	char *nonce = attribute_of(challenge, 'r'), *salt = attribute_of(challenge, 's');
	char *iterations = attribute_of(challenge, 'i'), *final = NULL;
	const struct keys *keys = NULL;

	if (nonce != NULL && salt != NULL && iterations != NULL && text_starts(nonce, scram->nonce))
		keys = keys_for(hash, password, salt, (unsigned)strtoul(iterations, NULL, 10));
	if (keys != NULL) {
		char *bare = format_text("c=biws,r=%s", nonce);
		char *all = format_text("%s,%.*s,%s", scram->bare, (int)challenge.length,
					challenge.bytes, bare);
		uint8_t proof[HASH_MAX], signature[HASH_MAX];
		char *text;

		gnutls_hmac_fast(hash->mac, keys->stored_key, size, all, strlen(all), proof);
		gnutls_hmac_fast(hash->mac, keys->server_key, size, all, strlen(all), signature);
		for (unsigned i = 0; i < size; i++)
			proof[i] ^= keys->client_key[i];
		text = encoded(proof, size);
		final = format_text("%s,p=%s", bare, text);
		free(scram->signature);
		scram->signature = encoded(signature, size);
		free(text);
		free(all);
		free(bare);
	}
	free(nonce);
	free(salt);
	free(iterations);
	return final;
}

bool
scram_client_check(const struct scram_client *scram, struct slice last)
{
	char *said = attribute_of(last, 'v');
	bool good = scram->signature != NULL && text_is(said, scram->signature);

	free(said);
	return good;
}

void
scram_client_clear(struct scram_client *scram)
{
	free(scram->bare);
	free(scram->signature);
	scram->bare = scram->signature = NULL;
}
