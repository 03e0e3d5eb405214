/* SPDX-License-Identifier: MIT */
/*
 * A service on a name of its own: conference.example.org, a component.
 *
 * A module that declares a host claims the name its option says, for each domain it is
 * in; or it claims and gives up names while it runs (host_claim).  Every address there has
 * one home: by the bare address (rooms), or one for the whole host (components).
 */
#pragma once

#include "base/err.h"
#include "core/stanza.h"

enum host_homes { HOST_BY_ADDRESS, HOST_WHOLE };

struct host {
	const char *option; /* the module's text option with the name; NULL: by host_claim */
	const char *prefix; /* fallback: prefix.DOMAIN */
	enum host_homes homes;
	const char *category, *type, *name; /* disco identity */
	/* A stanza for the host, at its home; hold it to keep it.  PASS: service-unavailable
	 * goes back. */
	enum outcome (*arriving)(void *self, struct stanza *stanza);
};

/* On every shard by itself: `name` is claimed by this module's instance until given up.
 * False when it is taken or is a domain of ours. */
PUBLIC bool host_claim(void *self, const char *name, struct err *err);
PUBLIC void host_give_up(void *self, const char *name);
