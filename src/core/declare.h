/* SPDX-License-Identifier: MIT */
/*
 * What a module is: one declaration.  The loader does all of it and undoes all of it.
 *
 * A loadable module exports one symbol, `module`.  It has no globals, not even static
 * ones: its state is `size` zeroed bytes for each domain and shard, handed to every
 * handler as `self`, with the options read in already.
 */
#pragma once

#include "conf/option.h"
#include "core/command.h"
#include "core/features.h"
#include "core/hook.h"
#include "core/host.h"
#include "core/iq.h"
#include "core/keep.h"
#include "core/keeper.h"
#include "store/store.h"

#define MODULE_API 1 /* raised when a module must be compiled anew */

/* An element outside stanzas that a client may say (XEP-0198, XEP-0352). */
struct element_rule {
	unsigned when; /* ELEMENT_SECURED, ELEMENT_ADMITTED, ELEMENT_BOUND, or several */
	const char *ns, *name;
	/* `session` is NULL before binding; `stream` is what core/features.h speaks to.
	 * PASS: not mine; the stream ends with an error.  LATER: the client is not heard
	 * until client_say or client->ops->close has given the answer, even when it has
	 * gone meanwhile; after that the module forgets `client`. */
	enum outcome (*fn)(void *self, struct client *client, struct session *session,
			   const struct element *element);
};
/* ELEMENT_SECURED: a stranger on TLS (or where TLS is optional), before authentication; an
 * <iq/> too, which core does not see then. */
enum { ELEMENT_ADMITTED = 1, ELEMENT_BOUND = 2, ELEMENT_SECURED = 4 };

struct metric {
	const char *name, *help;
	size_t offset; /* of a uint64_t counter in self */
};

struct module {
	unsigned api;                        /* MODULE_API */
	const char *name, *about;            /* "last", "Last Activity (XEP-0012)" */
	const char *help;                    /* a paragraph for the manual; NULL */
	const char *const *needs;            /* modules that must be there first */
	const char *const *features;         /* in disco of the domain, and withdrawn */
	const char *const *account_features; /* in disco of accounts */
	const struct option *options;
	const struct statement *const *statements; /* all it uses */
	bool migrates;                             /* has schemas/DRIVER/NAME-NNN-words.sql */
	const struct keep *keeps;                  /* what it keeps of a user (core/keep.h) */
	const struct iq_rule *iqs;
	const struct hook *hooks;
	const struct element_rule *elements;
	const struct command *commands;
	const struct metric *metrics;
	const struct host *host;     /* a service on a subdomain */
	const struct keeper *keeper; /* it keeps the domain's messages */
	size_t size;                 /* its own state, a domain and shard */
	size_t account_size;         /* its corner in each account in memory */
	size_t session_size;         /* and in each session */
	bool (*start)(void *self, struct domain *domain, struct err *err);
	void (*stop)(void *self);
};

#define NAMES(...)      ((const char *const[]) { __VA_ARGS__, NULL })
#define STATEMENTS(...) ((const struct statement *const[]) { __VA_ARGS__, NULL })

#ifdef MODULE_STATIC /* linked into the program: the name is made unique */
#define MODULE_PASTE_(a, b) a##b
#define MODULE_PASTE(a, b)  MODULE_PASTE_(a, b)
#define MODULE_SYMBOL       MODULE_PASTE(module_, MODULE_STATIC)
#else
#define MODULE_SYMBOL module
#endif
#define MODULE                                           \
	PUBLIC extern const struct module MODULE_SYMBOL; \
	const struct module MODULE_SYMBOL
