/* SPDX-License-Identifier: MIT */
/*
 * What link.c needs of tls.c: sessions and the choice of a certificate.
 */
#pragma once

#include "base/wire.h"
#include "net/tls.h"

#include <gnutls/gnutls.h>

/* TLS 1.2 and 1.3, forward secrecy and AEAD only; AES-GCM first, because it is three
 * times as fast here as ChaCha20-Poly1305. */
#define TLS_PRIORITIES                                                        \
	"NONE:+VERS-TLS1.3:+VERS-TLS1.2:+ECDHE-ECDSA:+ECDHE-RSA"              \
	":+AES-128-GCM:+AES-256-GCM:+CHACHA20-POLY1305:+AEAD"                 \
	":+GROUP-X25519:+GROUP-SECP256R1:+GROUP-SECP384R1:+GROUP-X448"        \
	":+SIGN-ECDSA-SECP256R1-SHA256:+SIGN-ECDSA-SECP384R1-SHA384"          \
	":+SIGN-ECDSA-SECP521R1-SHA512:+SIGN-ECDSA-SHA256:+SIGN-ECDSA-SHA384" \
	":+SIGN-ECDSA-SHA512:+SIGN-EDDSA-ED25519:+SIGN-EDDSA-ED448"           \
	":+SIGN-RSA-PSS-RSAE-SHA256:+SIGN-RSA-PSS-RSAE-SHA384"                \
	":+SIGN-RSA-PSS-RSAE-SHA512:+SIGN-RSA-PSS-SHA256"                     \
	":+SIGN-RSA-PSS-SHA384:+SIGN-RSA-PSS-SHA512"                          \
	":+SIGN-RSA-SHA256:+SIGN-RSA-SHA384:+SIGN-RSA-SHA512"                 \
	":+COMP-NULL:+CTYPE-X509:%SERVER_PRECEDENCE"

/* A session as the server, without a transport; a GnuTLS error code if there is none. */
int tls_session_new(gnutls_session_t *session, struct tls_context *context, bool direct);

/* Chooses by the name that the peer asked for, or else by `meant` (may be NULL); gives the session
 * those credentials when `use`.  The wire holds the certificate's tls-server-end-point (empty if it
 * has none); as long as it is held the credentials live.  NULL when there is no certificate. */
struct wire *tls_choose(struct tls_context *context, gnutls_session_t session, const char *meant,
			bool use);
