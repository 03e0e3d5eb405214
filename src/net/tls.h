/* SPDX-License-Identifier: MIT */
/*
 * What our side of TLS needs: certificates by name, ticket keys, priorities.
 *
 * One context serves all listeners.  It maps names to credentials; SNI chooses, the
 * default serves who sends none.  Changing a certificate makes new credentials and
 * swaps them; sessions hold theirs until they end.  Every shard looks up in its own
 * table; changing is shard 0's, which posts a new table to the others.
 */
#pragma once

#include "base/err.h"
#include "base/base.h"

struct tls_context;

/* After shards_open. */
struct tls_context *tls_context_new(struct err *err);
/* After the shards have stopped and the links have ended. */
void tls_context_free(struct tls_context **context);

/* Loads certificate chain and key (PEM files) for `domain`; if there is one already it is
 * replaced, and kept when the new one cannot be used.  One that peers will not trust
 * (expired, of another name) is used, with a warning in the log.  `staple` (an OCSP
 * response file) may be NULL or absent.  The first domain is the default. */
bool tls_set_certificate(struct tls_context *context, const char *domain, const char *certificate,
			 const char *key, const char *staple, struct err *err);
void tls_forget_certificate(struct tls_context *context, const char *domain);

/* What is wrong with a pair of files: unreadable, key does not match, not for `domain`,
 * expired or not yet valid.  True when nothing is.  `*expires` (NULL: nobody asks) in
 * seconds since 1970, known as soon as the certificate can be read. */
bool tls_check_files(const char *domain, const char *certificate, const char *key, int64_t *expires,
		     struct err *err);
/* Reads files anew whose times have changed since they were loaded; returns how many
 * were swapped; what could not be loaded is logged and the old one stays. */
unsigned tls_reload_changed(struct tls_context *context);

/* Makes a self-signed ECDSA P-256 certificate for `names` (and their subdomain
 * wildcards), valid ten years, and writes both files (key mode 0600). */
bool tls_make_self_signed(const char *const *names, const char *certificate, const char *key,
			  struct err *err);
/* "sha-256 AB:CD:..." of the first certificate of a file. */
bool tls_fingerprint(const char *certificate, char out[128], struct err *err);
