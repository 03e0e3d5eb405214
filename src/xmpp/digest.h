/* SPDX-License-Identifier: MIT */
/* Digests: what protocols name things by, and what is kept of a random token. */
#pragma once

#include "base/base.h"

#define SHA1_HEX_LENGTH 40

/* Writes SHA1_HEX_LENGTH small digits and a NUL. */
PUBLIC void sha1_hex(char *out, const void *bytes, size_t length);

#define SHA256_BYTES 32
PUBLIC void sha256(uint8_t out[SHA256_BYTES], const void *bytes, size_t length);
