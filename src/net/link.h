/* SPDX-License-Identifier: MIT */
/*
 * Bytes to and from a peer, plain or TLS, on one shard.
 *
 * A link keeps no buffer while it is idle.  It reads into a buffer of the shard and
 * shows the bytes to its owner; what the owner cannot use yet it keeps itself, or it
 * stops reading.  What is said is corked: all wires that one turn of the loop queued
 * leave in one TLS flush and one write at its end.  A peer that does not take its bytes
 * is ended after a deadline or above a bound of unsent bytes; `link_unsent` tells.
 */
#pragma once

#include "base/err.h"
#include "base/wire.h"
#include "loop/shard.h"

struct link;
struct tls_context;

enum link_end {
	LINK_CLOSED,  /* the peer closed, or we did and all was sent */
	LINK_BROKEN,  /* reset, TLS error, write error */
	LINK_STALLED, /* the peer did not take its bytes in time */
};

struct link_owner {
	/* Bytes came.  They are good during the call only and are all taken. */
	void (*heard)(void *owner, const char *bytes, size_t length);
	/* The TLS handshake is done (link_tls_info tells more), or failed: then `ended`
	 * comes instead. */
	void (*secured)(void *owner);
	/* Everything queued has been given to the kernel; only after link_want_emptied. */
	void (*emptied)(void *owner);
	/* The last call there is: never from inside a call of ours.  The link is freed. */
	void (*ended)(void *owner, enum link_end how, const char *why);
};

/* A link over a connected non-blocking socket, at home on this shard. */
struct link *link_new(int fd, const struct link_owner *functions, void *owner);
void link_set_owner(struct link *link, const struct link_owner *functions, void *owner);

/* Starts (true) or stops reading; a new link does not read. */
void link_read(struct link *link, bool on);
/* Queues a wire, which the link drops when it is sent.  Harmless on an ended link. */
void link_say(struct link *link, struct wire *wire);
/* Queued bytes that the kernel has not taken. */
size_t link_unsent(const struct link *link);
void link_set_limits(struct link *link, size_t unsent_max, int64_t stalled_ms);
/* Calls `emptied` once, when nothing is unsent any more. */
void link_want_emptied(struct link *link);

/* Bytes a second the peer may send on average, and at once; 0: no limit.  Works by
 * not reading. */
void link_set_rate(struct link *link, uint32_t bytes_a_second, uint32_t burst);

/* TLS, as the server: the handshake starts now; reading must be off and nothing read
 * ahead (RFC 6120 §5.3.3: bytes sent before the handshake in the clear are dropped by
 * the caller).  `direct` expects ALPN "xmpp-client" if any is sent.  A peer that does not say
 * by SNI whom it means is shown the certificate of `name` (NULL: of the default domain). */
void link_start_tls(struct link *link, struct tls_context *context, bool direct, const char *name);

struct link_tls_info {
	bool secured;
	const char *version, *cipher; /* static strings */
	const char *sni;              /* what the peer asked for; NULL; good until the next call */
	bool resumed;
};
void link_tls_info(const struct link *link, struct link_tls_info *info);
/* Channel bindings (RFC 9266, RFC 5929): false when there is none. */
#define CHANNEL_BINDING_MAX 64
bool link_tls_exporter(const struct link *link, uint8_t out[32]);
bool link_tls_server_end_point(const struct link *link, uint8_t out[CHANNEL_BINDING_MAX],
			       size_t *length);

/* Sends what is queued, says close_notify, and closes within `patience_ms`.  What the
 * peer says from now on is not heard, what is said to it is not sent. */
void link_close(struct link *link, int64_t patience_ms);
/* Closes now (LINK_BROKEN).  `why` is copied. */
void link_abort(struct link *link, const char *why);

/* Moving home: detach takes the link off its loop (reading off, nothing called until
 * attach); all its state travels in it.  attach puts it on this shard, where reading
 * is off; bytes decrypted but not read come first when reading starts. */
void link_detach(struct link *link);
void link_attach(struct link *link, const struct link_owner *functions, void *owner);

/* The peer's address, "192.0.2.1" or "2001:db8::1" ("local" on a Unix socket), and its
 * port; good on an ended link too. */
const char *link_peer(const struct link *link, char out[64]);
uint16_t link_peer_port(const struct link *link);
/* Bytes held for this link now, GnuTLS not counted. */
size_t link_memory(const struct link *link);
