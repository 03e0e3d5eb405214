/* SPDX-License-Identifier: MIT */
/*
 * A name we serve, as one shard sees it: its modules' instances, hooks and rules.
 *
 * Every shard has its own struct domain of each name; they share nothing but the
 * configuration.  They come and go by posts from main (core/loader.h).
 */
#pragma once

#include "base/list.h"
#include "base/log.h"
#include "base/table.h"
#include "core/declare.h"

struct conf;
struct conf_section;

struct instance {          /* of a module, for one domain and shard */
	struct list place; /* among the retired */
	const struct module *module;
	struct domain *domain;
	void *self;
};

/* A module's own bytes in an account or session; found by `self`, since modules come and go
 * while accounts stay. */
struct corner {
	const void *self;
	const struct module *module;
	void *bytes;
};

struct hooked {
	struct instance *instance;
	void *self;
	enum stage stage;
	union hook_fn fn;
};

struct ruled {              /* an IQ rule in force */
	struct entry entry; /* by "namespace name" or "namespace" */
	struct instance *instance;
	const struct iq_rule *rule;
	struct ruled *next;
};

struct domain {
	/* open to modules, read-only */
	const char *name;
	struct jid *jid;
	struct store *store;
	struct log_scope log;
	const struct domain_settings *settings;

	/* core's own */
	struct entry entry;
	struct conf *conf;
	struct instance **instances; /* NULL-terminated */
	struct hooked *hooks[HOOK_COUNT];
	uint16_t hook_counts[HOOK_COUNT];
	struct table rules;
	struct list place; /* among the ended */
	bool unwanted;     /* while a configuration is applied */
	unsigned sleepers; /* modules that know of sessions in accounts not in memory */
};

/* Options of a domain's own. */
struct domain_settings {
	const char *const *modules; /* beyond the default set */
	const char *const *disabled_modules;
	int64_t registration; /* enum registration */
	const char *certificate, *key, *staple;
	const char *const *admins;
	const char *const *contact_addresses;
	int64_t roster_max;
	int64_t sessions_max;
};
enum registration { REGISTRATION_CLOSED, REGISTRATION_OPEN };

PUBLIC struct domain *domain_find(const char *name); /* on this shard; NULL: not ours */
PUBLIC struct domain *domain_next(struct domain *before);
/* The instance's domain and module, from `self`. */
PUBLIC struct domain *domain_of(const void *self);
PUBLIC bool domain_is_admin(const struct domain *domain, const struct jid *who);
PUBLIC struct instance *domain_instance(const struct domain *domain, const char *module);

/* The rule of a module for an element outside stanzas, with its `self`; NULL: nobody's.
 * `when` is one bit of ELEMENT_....  For stream/. */
const struct element_rule *domain_element_rule(const struct domain *domain, unsigned when,
					       const char *ns, const char *name, void **self);

/* Runs the facts of one name.  Core only. */
#define FACTS_ALONE(domain_, name_)                                                 \
	do {                                                                        \
		struct domain *facts_ = (domain_);                                  \
		for (unsigned i_ = 0; i_ < facts_->hook_counts[HOOK_##name_]; i_++) \
			facts_->hooks[HOOK_##name_][i_].fn.name_(                   \
				facts_->hooks[HOOK_##name_][i_].self);              \
	} while (0)
#define FACTS(domain_, name_, ...)                                                            \
	do {                                                                                  \
		struct domain *facts_ = (domain_);                                            \
		for (unsigned i_ = 0; i_ < facts_->hook_counts[HOOK_##name_]; i_++)           \
			facts_->hooks[HOOK_##name_][i_]                                       \
				.fn.name_(facts_->hooks[HOOK_##name_][i_].self, __VA_ARGS__); \
	} while (0)
