/* SPDX-License-Identifier: MIT */
/*
 * Proving a password: SCRAM (RFC 5802), the client's side, without channel binding.
 *
 * What a password makes of a salt is remembered, since the generator's own hashing is
 * nobody's business: only the first login of an account pays for it.
 */
#pragma once

#include "bench/load_scan.h"

#define SCRAM_CLIENT_NONCE 24

struct scram_client {
	const char *mechanism;
	char nonce[SCRAM_CLIENT_NONCE + 1];
	char *bare;      /* client-first-message-bare */
	char *signature; /* what the server must say at last, in base64 */
};

bool scram_client_knows(const char *mechanism);
/* The first message, to be freed by the caller. */
char *scram_client_first(struct scram_client *scram, const char *mechanism, const char *name);
/* The answer to a challenge, to be freed by the caller; NULL when it cannot be followed. */
char *scram_client_final(struct scram_client *scram, const char *password, struct slice challenge);
/* Whether the server, too, knows the password. */
bool scram_client_check(const struct scram_client *scram, struct slice last);
void scram_client_clear(struct scram_client *scram);
