/* SPDX-License-Identifier: MIT */
/* Digests that protocols name things by; not for secrets. */
#pragma once

#include "base/base.h"

#define SHA1_HEX_LENGTH 40

/* Writes SHA1_HEX_LENGTH small digits and a NUL. */
PUBLIC void sha1_hex(char *out, const void *bytes, size_t length);
