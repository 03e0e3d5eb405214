/* SPDX-License-Identifier: MIT */
/* Digests, made by GnuTLS. */
#include "xmpp/digest.h"
#include "base/codec.h"

#include <gnutls/crypto.h>

void
sha1_hex(char *out, const void *bytes, size_t length)
{
	uint8_t hash[SHA1_HEX_LENGTH / 2];

	must(gnutls_hash_fast(GNUTLS_DIG_SHA1, bytes, length, hash) == 0);
	hex_encode(out, hash, sizeof hash);
}

void
sha256(uint8_t out[SHA256_BYTES], const void *bytes, size_t length)
{
	must(gnutls_hash_fast(GNUTLS_DIG_SHA256, bytes, length, out) == 0);
}
