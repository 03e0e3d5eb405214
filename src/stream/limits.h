/* SPDX-License-Identifier: MIT */
/*
 * Who has failed to log in too often.
 *
 * Failures are counted an address (an IPv6 network of 64 bits counts as one) and an
 * account, whether it exists or not.  An address that has logged in to an account before
 * is not kept out because strangers try that account.
 *
 * Every shard has a table of its own, of a size that does not change, and answers from it;
 * what happens is told to the others by posts.  A table that is full forgets who failed least.
 */
#pragma once

#include "base/base.h"

/* Seconds before a login of `account` (its bare address) from `peer` may be tried; 0: now.
 * `*why` then names the bound. */
unsigned limits_wait(const char *peer, const char *account, const char **why);
void limits_failed(const char *peer, const char *account);
void limits_passed(const char *peer, const char *account);
