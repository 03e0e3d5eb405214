/* SPDX-License-Identifier: MIT */
/*
 * mod_ping -- XEP-0199: "are you there?" -- "I am."
 *
 * Answers pings sent to a domain of ours or to an account of ours; a ping to a full
 * address is none of our business and goes to that client.
 */
#include "module.h"

static enum outcome
on_ping(void *self, struct iq *iq)
{
	(void)self;
	return iq_result(iq, NULL); /* an empty result is the pong */
}

static const struct iq_rule iqs[] = {
	{ IQ_GET, TO_DOMAIN | TO_ACCOUNT, NS_PING, "ping", on_ping },
	{ 0 },
};

MODULE = {
	.api = MODULE_API,
	.name = "ping",
	.about = "XMPP Ping (XEP-0199)",
	.help = "Clients ask in this way whether their connection still stands.",
	.features = NAMES(NS_PING),
	.account_features = NAMES(NS_PING),
	.iqs = iqs,
};
