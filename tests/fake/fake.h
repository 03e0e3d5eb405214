/* SPDX-License-Identifier: MIT */
/*
 * A world for plays: shards without threads, links without sockets, time that only
 * passes when it is told to.
 *
 * fake_loop.c stands in for src/loop/ (shard.c, timer.c, helper.c), fake_link.c for
 * src/net/link.c and listener.c; link these and not those.  src/net/tls.c is used as it
 * is.  Everything runs on the test's one thread and only inside the functions below, so
 * the same play always goes the same way.  The test itself runs as shard 0.
 *
 * The clock should be frozen (clock_freeze) before shards_open.
 */
#pragma once

#include "base/text.h"
#include "loop/helper.h"
#include "loop/shard.h"
#include "net/link.h"
#include "net/listener.h"

/* ---- the loop ---- */

/* One round: every post that waits now, in the order posted; timers that are due; what
 * was asked for the turn's end; one job of the helpers.  After fake_shuffle, instead,
 * one of these chosen by lot.  Says whether anything happened. */
bool fake_turn(void);

/* Turns until nothing is left to do; returns how many.  A world that does not come to
 * rest within a million turns is a bug and stops the test. */
unsigned fake_settle(void);

/* Lets time pass: settles, moves the clock to each timer that becomes due, settles ... */
void fake_pass(int64_t ms);

/* From now on chance, from this seed, decides which shard's post, turn's end, timer or
 * job comes next.  What one shard posts to another stays in order, and so do jobs of one
 * key.  0: no chance any more. */
void fake_shuffle(uint64_t seed);

/* What the test does from now on, it does as this shard (NULL: as a helper). */
void fake_be(struct shard *shard);

/* While held, helpers do not begin jobs: what they do takes its time. */
void fake_hold_helpers(bool hold);
/* Lets the oldest job run although helpers are held; false when there is none. */
bool fake_help_once(void);

/* Whether shards_stop was called.  shards_run calls `started` on each shard, settles and
 * returns; the loops count as running until shards_close. */
bool fake_stopped(void);

/* ---- the network ---- */

/* The other end of a connection: the play's.  It outlives the link; fake_drop frees it. */
struct fake_end;

/* Connects to a listener that was started; accepted on the shards in turn.  NULL: nobody
 * listens there, or the address has too many connections. */
struct fake_end *fake_connect(uint16_t port, const char *peer);
struct fake_end *fake_connect_unix(const char *path);

/* A connection without a listener: its link is made on this shard. */
struct fake_end *fake_link_new(const struct link_owner *functions, void *owner);

/* Hangs up, if it is still connected, settles nothing, and forgets the end. */
void fake_drop(struct fake_end **end);

/* Our side of it; NULL before it was accepted and after it has ended. */
struct link *fake_link(const struct fake_end *end);

/* The peer says bytes (fake_say: a string).  They are heard when the world turns. */
void fake_hear(struct fake_end *end, const char *bytes, size_t length);
void fake_say(struct fake_end *end, const char *words);

/* Adds to `said` what was said to the peer since the last time; false: nothing. */
bool fake_take(struct fake_end *end, struct text *said);
/* The same to look at: good until the next turn or take.  Never NULL. */
const char *fake_said(const struct fake_end *end);

/* At most so many bytes come in one call of `heard`; 0: all there are. */
void fake_chunk(size_t bytes);

/* The peer closes, having said all; the connection is torn. */
void fake_hang_up(struct fake_end *end);
void fake_reset(struct fake_end *end);

/* The peer takes no bytes (true), or takes them again. */
void fake_stall(struct fake_end *end, bool stalled);

/* When this many more bytes were said to the peer the connection is torn; it gets none
 * beyond them. */
void fake_link_cut_after(struct fake_end *end, size_t bytes);

/* Whether a peer that is told goodbye says so too at once (true, as at first), or leaves
 * our side to its patience. */
void fake_polite(struct fake_end *end, bool polite);

/* What TLS shall be like for this end, before it starts. */
struct fake_tls {
	struct link_tls_info info; /* `secured` is set when it is */
	bool refused;              /* the handshake fails */
	bool has_exporter, has_end_point;
	uint8_t exporter[32];
	uint8_t end_point[32];
};
/* To be changed at will.  At first: TLS 1.3, no SNI, both bindings, of bytes that differ
 * from end to end. */
struct fake_tls *fake_tls(struct fake_end *end);

/* Whether our side has closed or been ended, and how; any of the two may be NULL. */
bool fake_ended(const struct fake_end *end, enum link_end *how, const char **why);
/* Whether the peer was told goodbye. */
bool fake_told_goodbye(const struct fake_end *end);

/* Links alive now, and connections counted for `peer`: for tests of leaks. */
unsigned fake_links(void);
unsigned fake_counted(const char *peer);
