/* SPDX-License-Identifier: MIT */
/*
 * mod_version -- XEP-0092: which software is this?
 *
 * A stranger who knows the version knows where to push, so the admin can keep it back; the
 * operating system is told only if the admin wants it (§5).
 */
#include <sys/utsname.h>

#include "module.h"

struct version {
	bool show_version;
	bool show_system;
};

static const struct option options[] = {
	OPTION_BOOL(struct version, show_version, true, "tell the version of this server"),
	OPTION_BOOL(struct version, show_system, false, "tell the operating system as well"),
	{ 0 },
};

static enum outcome
on_query(void *self, struct iq *iq)
{
	const struct version *version = self;
	struct element *query = element_new(iq->arena, NS_VERSION, "query");
	struct utsname system;

	element_add_text(iq->arena, query, NULL, "name", "Stentor");
	element_add_text(iq->arena, query, NULL, "version",
			 version->show_version ? server_version() : "unknown");
	if (version->show_system && uname(&system) == 0)
		element_add_text(iq->arena, query, NULL, "os", system.sysname);
	return iq_result(iq, query);
}

static const struct iq_rule iqs[] = {
	{ IQ_GET, TO_DOMAIN, NS_VERSION, "query", on_query },
	{ 0 },
};

MODULE = {
	.api = MODULE_API,
	.name = "version",
	.about = "Software Version (XEP-0092)",
	.help = "A stranger who knows the version knows which faults to try; a server that "
		"is not told to be quiet names it, and keeps the system to itself.",
	.features = NAMES(NS_VERSION),
	.options = options,
	.iqs = iqs,
	.size = sizeof(struct version),
};
