/* SPDX-License-Identifier: MIT */
/*
 * Modules and domains, put together: main/ opens the modules once, then applies each
 * configuration to every shard.
 */
#pragma once

#include "conf/conf.h"
#include "core/declare.h"
#include "core/domain.h"

/* Opens every mod_*.so in `folder` (several: with ':' between), or, in a static build, the
 * table that was linked in.
 * A file that is not a module of this MODULE_API is an error that names it. */
bool loader_open(const char *folder, struct err *err);
void loader_close(void); /* after every domain is gone */
const struct module *loader_find(const char *name);
const struct module *loader_next(const struct module *before); /* by name */
/* The modules a domain has when its configuration says nothing. */
extern const char *const loader_defaults[];

/* What may stand in a domain's section: its own options, and a section a module. */
const struct section *loader_domain_section(void);

/* The modules of one domain, in the order of their needs, NULL-terminated, to free(); a
 * name that does not exist, or a need that is disabled, goes into `faults`. */
const struct module **loader_choose(const struct conf_section *domain, struct text *faults);
/* The names for store_plan and store_migrate: "core" and those that migrate, any domain;
 * NULL-terminated, to free(). */
const char **loader_migrating(const struct conf *conf);

/* Makes this shard's domains what `conf` says, starting and stopping instances and telling
 * those that stay of changed options.  To be called on each shard, at its home; false when
 * a module would not start (its domain goes without it; the reason is logged and in err). */
bool domains_apply(struct conf *conf, struct store *store, struct err *err);
/* Stops everything on this shard. */
void domains_close(void);
