/* SPDX-License-Identifier: MIT */
/*
 * Logging in with SASL (RFC 6120 §6): the flow.  Its arithmetic is in sasl.h.
 */
#pragma once

#include "stream/client.h"

/* <auth/>, <response/>: each takes the arena.  <abort/>. */
void login_auth(struct client_stream *client, struct element *auth, struct arena *arena);
void login_response(struct client_stream *client, struct element *response, struct arena *arena);
void login_abort(struct client_stream *client);
/* The client is going: an exchange under way is over. */
void login_gone(struct client_stream *client);
