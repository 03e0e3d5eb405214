/* SPDX-License-Identifier: MIT */
/*
 * Proving a password without saying it: SCRAM (RFC 5802, RFC 7677) with SHA-1, SHA-256 and
 * SHA-512, with and without channel binding, the server's side; the keys that are kept
 * instead of a password; and the message of PLAIN (RFC 4616).
 *
 * An exchange is a value that hears and says texts, in this order:
 *
 *	scram_hear_first	the client's name and nonce: now load the account's keys
 *	scram_challenge		our nonce, the salt, and what protects our offer (XEP-0474)
 *	scram_hear_final	the proof, and for it the server's own signature
 *
 * Nothing here knows whether an account exists: for a name that nobody has, go on with
 * the keys of scram_fake, and the proof fails as a wrong one does.
 */
#pragma once

#include "xmpp/condition.h"

#include "base/err.h"

enum scram_hash { SCRAM_SHA1, SCRAM_SHA256, SCRAM_SHA512 };
#define SCRAM_HASHES      3
#define SCRAM_HASH_MAX    64 /* bytes of the longest hash */
#define SCRAM_SALT_MAX    64
#define SCRAM_SALT_BYTES  16 /* of the salts we make */
#define SCRAM_ITERATIONS  10000
#define SCRAM_NONCE_MAX   512  /* characters a client's nonce may have */
#define SCRAM_MESSAGE_MAX 8192 /* bytes a client's message may have */

/* --- keys --- */

/* What is kept of a password for one hash.  A stranger who reads it can pretend to be the
 * server, but cannot log in. */
struct scram_keys {
	uint32_t iterations; /* 0: there are no keys */
	uint8_t hash;        /* enum scram_hash */
	uint8_t salt_length;
	uint8_t salt[SCRAM_SALT_MAX];
	uint8_t stored_key[SCRAM_HASH_MAX], server_key[SCRAM_HASH_MAX];
};

size_t scram_hash_size(enum scram_hash hash);

/* Makes keys of a password: slow (milliseconds), for helper threads.  False with the reason,
 * `*keys` unchanged, when the password is empty or cannot be prepared (SASLprep). */
bool scram_derive(struct scram_keys *keys, enum scram_hash hash, const char *password,
		  const void *salt, size_t salt_length, uint32_t iterations, struct err *err);
/* Keys as the store has them; no keys (iterations 0) when the lengths are not those of `hash`. */
void scram_keys_set(struct scram_keys *keys, enum scram_hash hash, uint32_t iterations,
		    const void *salt, size_t salt_length, const void *stored_key,
		    size_t stored_length, const void *server_key, size_t server_length);
/* Keys nobody has the password of, made of a secret of the server's and a name: the same at
 * every try, in the shape of keys we make. */
void scram_fake(struct scram_keys *keys, enum scram_hash hash, const void *secret,
		size_t secret_length, const char *name);
/* Whether `password` is the one behind the keys; as slow as scram_derive, right or wrong. */
bool scram_plain_check(const struct scram_keys *keys, const char *password);

/* --- mechanisms --- */

struct scram_mechanism {
	const char *name; /* "SCRAM-SHA-256-PLUS" */
	enum scram_hash hash;
	bool plus; /* with channel binding */
};
#define SCRAM_MECHANISMS 6
extern const struct scram_mechanism scram_mechanisms[SCRAM_MECHANISMS]; /* strongest first */

/* NULL: we have no mechanism of that name. */
const struct scram_mechanism *scram_mechanism_find(const char *name);

/* --- the exchange --- */

enum scram_fault {
	SCRAM_GOOD,
	SCRAM_MALFORMED,           /* not the syntax of RFC 5802 §7 */
	SCRAM_INVALID_ENCODING,    /* not UTF-8, or base64 that is none */
	SCRAM_EXTENSION_UNKNOWN,   /* a mandatory extension: there are none */
	SCRAM_INVALID_PROOF,       /* a wrong password, or a name nobody has */
	SCRAM_BINDING_DIFFERS,     /* header or data: somebody is in between */
	SCRAM_SERVER_BINDS,        /* the client was told that we cannot: the same */
	SCRAM_BINDING_UNSUPPORTED, /* p= without -PLUS */
	SCRAM_BINDING_TYPE_UNSUPPORTED,
	SCRAM_INVALID_NAME, /* a name that cannot be prepared (SASLprep) */
};

/* The server-error-value of RFC 5802 §7, "invalid-proof"; NULL for SCRAM_GOOD. */
const char *scram_fault_name(enum scram_fault fault);
/* What <failure/> says; SASL_NONE for SCRAM_GOOD. */
enum sasl_condition scram_fault_condition(enum scram_fault fault);

/* What the stream features offered, as they offered it. */
struct scram_offer {
	const char *const *mechanisms; /* all of them, NULL-terminated; NULL: the challenge
					* does not protect them */
	const char *const *bindings;   /* channel binding types (XEP-0440), NULL-terminated;
					* NULL: none were announced */
};

enum scram_stage { SCRAM_NEW, SCRAM_HEARD_FIRST, SCRAM_CHALLENGED, SCRAM_OVER };

struct scram {
	/* for the caller, once the first message was heard */
	const struct scram_mechanism *mechanism;
	const char *name;    /* whose password: prepared by SASLprep, not yet a local part */
	const char *authzid; /* as whom; NULL: not said */
	const char *binding; /* the type of channel binding; NULL: none */
	/* our own */
	enum scram_stage stage;
	const struct scram_offer *offer;
	const char *gs2_header, *first_bare, *server_first, *nonce;
	struct scram_keys keys;
};

/* Hears the client's first message.  `scram` is made anew; `offer` must stay as long as it
 * does.  On a fault the exchange is over. */
enum scram_fault scram_hear_first(struct scram *scram, struct arena *arena,
				  const struct scram_mechanism *mechanism,
				  const struct scram_offer *offer, const char *message,
				  size_t length);
/* Our answer.  `nonce`: printable ASCII without comma, new each time. */
const char *scram_challenge(struct scram *scram, struct arena *arena, const struct scram_keys *keys,
			    const char *nonce);
/* Hears the client's last message; `binding` is the channel's data of the type
 * scram->binding.  SCRAM_GOOD: `*signature` is the text ("v=...") to send along with the
 * success.  Either way the exchange is over and its keys are wiped. */
enum scram_fault scram_hear_final(const char **signature, struct scram *scram, struct arena *arena,
				  const char *message, size_t length, const void *binding,
				  size_t binding_length);

/* The value of the attribute "h" (XEP-0474 §6.1): base64 of the hash of the sorted lists. */
const char *scram_offer_hash(struct arena *arena, const struct scram_offer *offer,
			     enum scram_hash hash);

/* --- PLAIN --- */

#define PLAIN_PART_MAX 1023 /* bytes of each part */

struct plain {
	const char *authzid; /* NULL: not said */
	const char *name;    /* not yet a local part */
	char *password;      /* whoever has used it wipes it */
};

/* Takes the message apart; false when it is not one.  Parts are in `arena`. */
bool plain_parse(struct plain *plain, struct arena *arena, const char *message, size_t length);
