/* SPDX-License-Identifier: MIT */
/*
 * Where peers come in.  One listener has a socket a shard (SO_REUSEPORT), so the
 * kernel spreads connections; each is accepted on the shard whose socket it came to.
 *
 * Out of file descriptors: the listener pauses for a second, says so once, and goes on;
 * connections that exist are not touched.  Connections an address are counted for the
 * whole process; those over the limit are closed at once.
 */
#pragma once

#include "base/err.h"
#include "loop/shard.h"
#include "net/link.h"

struct listener;

/* On the shard that accepted.  `fd` is the callee's: it makes a link of it. */
typedef void accepted_fn(void *arg, int fd);

/* Binds and listens on every shard; accepting starts when listener_start is called on
 * each.  `address` is an IP literal.  NULL with the reason, naming address and port. */
struct listener *listener_new(const char *address, uint16_t port, accepted_fn *fn, void *arg,
			      struct err *err);
void listener_start(struct listener *listener); /* on each shard */
void listener_stop(struct listener *listener);  /* on each shard: accepts no more */
void listener_free(struct listener **listener); /* after every shard stopped it */
/* The port it listens on: what the system chose when it was asked for port 0. */
uint16_t listener_port(const struct listener *listener);

/* Whether the port could be bound now; for checking a configuration. */
bool listener_can_bind(const char *address, uint16_t port, struct err *err);

/* Connections one address (of IPv6: one /64) may have at once, all listeners together;
 * 0: any.  Known on every shard a moment later. */
void listener_set_limit(unsigned an_address);
/* To be called once for each accepted fd when its link has ended. */
void listener_gone(const char *peer);

/* Unix sockets, for the admin: one on shard 0, mode 0600. */
struct listener *listener_new_unix(const char *path, accepted_fn *fn, void *arg, struct err *err);
