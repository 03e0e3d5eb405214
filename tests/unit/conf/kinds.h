/* SPDX-License-Identifier: MIT */
/* The sections that the tests of this room read. */
#pragma once

#include "conf/conf.h"

struct server {
	int64_t shards;
	const char *data, *user, *admin_password;
};

struct listening {
	const char *const *addresses;
	int64_t port, tls, silence, stanza;
	bool direct;
};

struct archiving {
	int64_t keep;
	bool bodies;
};

struct domaining {
	const char *certificate;
	const char *const *modules, *const *admins;
};

struct routing {
	const char *to;
};

static const struct option server_options[] = {
	{ OPTION_FIELD(OPTION_NUMBER_, struct server, shards), .minimum = 0, .maximum = 64,
	  .restart = true, .help = "threads that serve clients" },
	OPTION_TEXT(struct server, data, "data", "the folder for all that is kept"),
	{ OPTION_FIELD(OPTION_TEXT_, struct server, user), .example = "\"stentor\"",
	  .help = "the user to become" },
	OPTION_SECRET(struct server, admin_password, "what an admin has to know"),
	{ 0 }
};

static const char *const tls_words[] = { "off", "offered", "required", NULL };

static const struct option listen_options[] = {
	OPTION_LIST(struct listening, addresses, "0.0.0.0 ::",
		    "the addresses of this machine at which clients are welcome; a long sentence "
		    "that needs to be wrapped because it has more than seventy-eight columns"),
	OPTION_NUMBER(struct listening, port, 5222, 1, 65535, "where clients come in"),
	OPTION_CHOICE(struct listening, tls, "required", tls_words, "whether TLS is needed"),
	OPTION_PERIOD(struct listening, silence, PERIOD_MINUTES(5), PERIOD_MINUTES(1),
		      PERIOD_DAYS(1), "how long a client may be silent"),
	OPTION_SIZE(struct listening, stanza, 256 << 10, 10000, 16 << 20, "the largest stanza"),
	OPTION_BOOL(struct listening, direct, false, "begin with TLS"),
	{ 0 }
};

static const struct option archive_options[] = {
	OPTION_PERIOD(struct archiving, keep, PERIOD_DAYS(7), 0, PERIOD_DAYS(3650),
		      "how long messages are kept"),
	OPTION_BOOL(struct archiving, bodies, true, "keep what was said"),
	{ 0 }
};

static const struct option domain_options[] = {
	OPTION_TEXT(struct domaining, certificate, NULL, "file with the certificate"),
	OPTION_LIST(struct domaining, modules, "ping", "modules to load"),
	OPTION_LIST(struct domaining, admins, "", "who may command"),
	{ 0 }
};

static const struct option route_options[] = {
	OPTION_TEXT(struct routing, to, NULL, "where it leads"), { 0 }
};

static const struct section listen_kind = {
	.name = "listen",
	.help = "Where clients come in.",
	.options = listen_options,
	.size = sizeof(struct listening),
};
static const struct section archive_kind = {
	.name = "archive",
	.help = "What is kept.",
	.options = archive_options,
	.size = sizeof(struct archiving),
};
static const struct section *const domain_sections[] = { &archive_kind, NULL };
static const struct section domain_kind = {
	.name = "domain",
	.help = "A name that is served.",
	.titled = true,
	.many = true,
	.options = domain_options,
	.sections = domain_sections,
	.size = sizeof(struct domaining),
};
static const struct section route_kind = {
	.name = "route",
	.help = "A way out.",
	.many = true,
	.options = route_options,
	.size = sizeof(struct routing),
};
static const struct section *const root_sections[] = { &listen_kind, &route_kind, &domain_kind,
						       NULL };
static const struct section root_kind = {
	.name = "stentor",
	.help = "Options outside any section concern the server.",
	.options = server_options,
	.sections = root_sections,
	.size = sizeof(struct server),
};
