/* SPDX-License-Identifier: MIT */
/* Digests that protocols name things by; not for secrets. */
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
