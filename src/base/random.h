/* SPDX-License-Identifier: MIT */
/* Random bytes from the operating system's CSPRNG, and nothing else. */
#pragma once

#include "base/base.h"

/* Fills `bytes`; stops the process if the system has no randomness to give. */
PUBLIC void random_bytes(void *bytes, size_t length);

/* Writes `length` characters of [a-z2-7] and a NUL: 5 bits of randomness each. */
PUBLIC void random_name(char *text, size_t length);
PUBLIC uint64_t random_number(void);
