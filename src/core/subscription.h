/* SPDX-License-Identifier: MIT */
/*
 * Subscription states (RFC 6121 Appendix A) as data: what a presence of type subscribe,
 * subscribed, unsubscribe or unsubscribed does to the state, outbound and inbound.
 */
#pragma once

#include "base/base.h"
#include "xmpp/stanza.h"

enum subscribed_how {
	SUBSCRIBED_NONE = 0,
	SUBSCRIBED_TO = 1,
	SUBSCRIBED_FROM = 2,
	SUBSCRIBED_BOTH = 3
};

struct subscription {
	uint8_t how; /* enum subscribed_how */
	bool pending_out, pending_in;
	bool approved; /* pre-approved (§3.4) */
};

struct subscription_step {
	struct subscription next;
	bool changed;           /* the state is another one */
	bool pass;              /* outbound: route it; inbound: deliver it */
	enum stanza_type reply; /* inbound: what the server answers by itself; TYPE_NONE */
};

struct subscription_step subscription_outbound(struct subscription state, enum stanza_type type);
struct subscription_step subscription_inbound(struct subscription state, enum stanza_type type);

PUBLIC const char *subscription_name(struct subscription state); /* "none" "to" "from" "both" */
PUBLIC bool subscription_is_from(struct subscription state);
PUBLIC bool subscription_is_to(struct subscription state);
