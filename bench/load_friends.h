/* SPDX-License-Identifier: MIT */
/*
 * Who knows whom: accounts in groups of --roster + 1, in each of which everybody is
 * everybody's contact.
 */
#pragma once

#include "bench/load_scan.h"

/* How many accounts there are in whole groups; at most --users. */
unsigned friends_count(void);
unsigned friends_a_group(void);
/* Which of a group's accounts an address ("u12@...") is; negative: none of this group.
 * `group` is the number of the group. */
int friends_place(struct slice jid, unsigned group);
