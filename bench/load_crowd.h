/* SPDX-License-Identifier: MIT */
/*
 * Many clients that enter, stay, and leave together: the accounts --first to --first +
 * --users - 1, each with one session.
 *
 * A scenario has members that embed `struct member`; the crowd finds them by their size.
 */
#pragma once

#include "bench/load_client.h"

enum crowd_presence {
	CROWD_BOUND,   /* a resource, and nothing said */
	CROWD_PRESENT, /* the roster is fetched, initial presence sent and seen */
};

struct crowd;

struct member {
	struct client client;
	struct crowd *crowd;
	bool has_roster, is_seen, is_here;
};

struct crowd {
	void *members;
	size_t size; /* of one */
	unsigned count;
	enum crowd_presence presence;
	/* Stanzas a member hears once it is bound, those of its entry, too; may be NULL. */
	void (*heard)(struct member *member, struct slice stanza);
	/* Called at each entry, with the time it took; may be NULL. */
	void (*entered)(struct member *member, int64_t ns);
	/* the crowd's own */
	unsigned next, entering, here, gone, failed;
	bool leaving;
	int64_t moved; /* when something last went forward */
};

void crowd_init(struct crowd *crowd, size_t size, unsigned count, enum crowd_presence presence);
struct member *crowd_member(const struct crowd *crowd, unsigned i);
/* Starts those who are next, as --parallel allows; for loops of one's own. */
void crowd_advance(struct crowd *crowd);
/* Brings all in.  False when one could not enter; the reasons were said. */
bool crowd_enter(struct crowd *crowd);
/* Lets the loop run until `until`; false, at once, when somebody has gone. */
bool crowd_rest(struct crowd *crowd, int64_t until);
/* Takes all out, politely while the server answers. */
void crowd_leave(struct crowd *crowd);
