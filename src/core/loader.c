/* SPDX-License-Identifier: MIT */
/*
 * Modules opened, and put to work in each domain of a shard.
 *
 * A change of a domain's modules, in the order it happens: accounts in memory give up
 * their corners (while the old modules can still free what is in them); instances that are
 * not wanted any more stop; new ones start; hooks and rules are put together anew; the
 * accounts are loaded anew, which runs account_loading for everybody.  What arrives
 * meanwhile waits in the lanes.
 */
#include "core/loader.h"

#include <dirent.h>
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include "core/internal.h"
#include "core/lasting.h"

#define MODULES_MAX 128

const char *const loader_defaults[] = {
	"disco", "caps",    "ping",     "version",  "time",     "last",
	"vcard", "private", "register", "offline",  "blocking", "carbons",
	"csi",   "sm",      "adhoc",    "announce", NULL,
};

const struct option domain_options[] = {
	OPTION_LIST(struct domain_settings, modules, "", "modules to load beyond the usual ones"),
	OPTION_LIST(struct domain_settings, disabled_modules, "", "usual modules not to load"),
	{ OPTION_FIELD(OPTION_CHOICE_, struct domain_settings, registration),
	  .text_fallback = "closed", .words = (const char *const[]) { "closed", "open", NULL },
	  .help = "who may make an account: only the admin, or anybody who connects" },
	OPTION_TEXT(struct domain_settings, certificate, NULL,
		    "file with the domain's certificate and its chain, in PEM"),
	OPTION_TEXT(struct domain_settings, key, NULL,
		    "file with the certificate's private key, in PEM"),
	OPTION_TEXT(struct domain_settings, staple, NULL,
		    "file with an OCSP response to staple to the certificate"),
	OPTION_LIST(struct domain_settings, admins, "",
		    "bare addresses that may use the admin's commands from their clients"),
	OPTION_LIST(struct domain_settings, contact_addresses, "",
		    "where to reach who runs this domain, as in \"admin:mailto:admin@example.org\" "
		    "(XEP-0157)"),
	OPTION_NUMBER(struct domain_settings, roster_max, 2000, 10, 100000,
		      "how many contacts an account may have"),
	OPTION_NUMBER(struct domain_settings, sessions_max, 20, 1, 1000,
		      "how many sessions an account may have at once"),
	{ 0 },
};

/* --- opening --- */

/* Filled by loader_open before any shard runs, sorted by name. */
static struct opened {
	const struct module *module;
	void *handle; /* NULL: linked in */
} opened[MODULES_MAX];
static unsigned opened_count;
static const struct section *module_sections[MODULES_MAX + 1];
static struct section sections[MODULES_MAX];
static struct section domain_section;

#ifdef STATIC_MODULES
extern const struct module *const static_modules[];
#endif

static int
by_name(const void *a, const void *b)
{
	return strcmp(((const struct opened *)a)->module->name,
		      ((const struct opened *)b)->module->name);
}

static bool
take(const struct module *module, void *handle, const char *path, struct err *err)
{
	if (module->api != MODULE_API)
		return err_fail(err, ERR_REFUSED,
				"module \"%s\" was built for interface %u, this is %u: build it "
				"anew",
				path, module->api, MODULE_API);
	if (loader_find(module->name) != NULL)
		return err_fail(err, ERR_EXISTS, "module \"%s\" is there twice", module->name);
	if (opened_count == MODULES_MAX)
		return err_fail(err, ERR_LIMIT, "more than %d modules", MODULES_MAX);
	opened[opened_count++] = (struct opened) { module, handle };
	return true;
}

static bool
open_file(const char *folder, const char *file, struct err *err)
{
	char *path = format_text("%s/%s", folder, file);
	void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	const struct module *module = handle != NULL ? dlsym(handle, "module") : NULL;
	bool good;

	if (handle == NULL)
		good = err_fail(err, ERR_SYSTEM, "could not load module \"%s\": %s", path,
				dlerror());
	else if (module == NULL)
		good = err_fail(err, ERR_SYNTAX, "\"%s\" is not a module of this server", path);
	else
		good = take(module, handle, path, err);
	free(path);
	return good;
}

static bool
open_folder(const char *folder, struct err *err)
{
	DIR *dir = opendir(folder);
	struct dirent *file;
	bool good = true;

	if (dir == NULL)
		return err_fail(err, ERR_SYSTEM, "could not read the modules in \"%s\": %m",
				folder);
	while (good && (file = readdir(dir)) != NULL) {
		size_t length = strlen(file->d_name);

		if (strncmp(file->d_name, "mod_", 4) == 0 && length > 3 &&
		    strcmp(file->d_name + length - 3, ".so") == 0)
			good = open_file(folder, file->d_name, err);
	}
	closedir(dir);
	return good;
}

/* Several folders may be named, with ':' between them. */
static bool
open_folders(const char *folders, struct err *err)
{
	bool good = true;

	while (good && *folders != '\0') {
		size_t length = strcspn(folders, ":");
		char *folder = copy_bytes(folders, length);

		good = open_folder(folder, err);
		free(folder);
		folders += length + (folders[length] == ':');
	}
	return good;
}

static void
make_sections(void)
{
	for (unsigned i = 0; i < opened_count; i++) {
		const struct module *module = opened[i].module;

		sections[i] = (struct section) { .name = module->name,
						 .help = module->about,
						 .options = module->options,
						 .size = module->size };
		module_sections[i] = &sections[i];
	}
	module_sections[opened_count] = NULL;
	domain_section = (struct section) {
		.name = "domain",
		.help = "A domain that is served, with its own modules and options.",
		.titled = true,
		.many = true,
		.options = domain_options,
		.sections = module_sections,
		.size = sizeof(struct domain_settings),
	};
}

bool
loader_open(const char *folder, struct err *err)
{
#ifdef STATIC_MODULES
	for (unsigned i = 0; static_modules[i] != NULL; i++)
		if (!take(static_modules[i], NULL, static_modules[i]->name, err))
			return false;
	(void)open_folders;
	(void)folder;
#else
	if (!open_folders(folder, err)) {
		loader_close();
		return false;
	}
#endif
	qsort(opened, opened_count, sizeof opened[0], by_name);
	make_sections();
	return true;
}

void
loader_close(void)
{
	for (unsigned i = 0; i < opened_count; i++)
		if (opened[i].handle != NULL)
			dlclose(opened[i].handle);
	opened_count = 0;
}

const struct module *
loader_find(const char *name)
{
	for (unsigned i = 0; i < opened_count; i++)
		if (strcmp(opened[i].module->name, name) == 0)
			return opened[i].module;
	return NULL;
}

const struct module *
loader_next(const struct module *before)
{
	unsigned i = 0;

	if (before != NULL)
		while (i < opened_count && opened[i++].module != before)
			;
	return i < opened_count ? opened[i].module : NULL;
}

const struct section *
loader_domain_section(void)
{
	return &domain_section;
}

/* --- choosing --- */

static bool
names_has(const char *const *names, const char *name)
{
	for (; names != NULL && *names != NULL; names++)
		if (strcmp(*names, name) == 0)
			return true;
	return false;
}

struct choice {
	const struct conf_section *section;
	const struct domain_settings *settings;
	const struct module **modules;
	unsigned count;
	struct text *faults;
};

static void
choose(struct choice *choice, const char *name, const char *because)
{
	const struct module *module = loader_find(name);

	for (unsigned i = 0; i < choice->count; i++)
		if (choice->modules[i] == module && module != NULL)
			return;
	if (module == NULL) {
		const char *words[MODULES_MAX + 1] = { NULL };
		const char *near;

		for (unsigned i = 0; i < opened_count; i++)
			words[i] = opened[i].module->name;
		near = text_nearest(name, words);
		conf_complain(choice->faults, choice->section, "there is no module \"%s\"%s%s%s",
			      name, near ? ": did you mean \"" : "", near ? near : "",
			      near ? "\"?" : "");
		return;
	}
	if (names_has(choice->settings->disabled_modules, name)) {
		if (because != NULL)
			conf_complain(choice->faults, choice->section,
				      "module \"%s\" needs \"%s\", which is disabled", because,
				      name);
		return;
	}
	for (const char *const *need = module->needs; need != NULL && *need != NULL; need++)
		choose(choice, *need, name);
	choice->modules[choice->count++] = module;
}

const struct module **
loader_choose(const struct conf_section *section, struct text *faults)
{
	struct choice choice = { .section = section,
				 .settings = section->values,
				 .faults = faults };
	const char *const *name;

	choice.modules = zalloc((MODULES_MAX + 1) * sizeof *choice.modules);
	for (name = choice.settings->disabled_modules; name != NULL && *name != NULL; name++)
		if (loader_find(*name) == NULL)
			conf_complain(faults, section, "there is no module \"%s\" to disable",
				      *name);
	for (name = loader_defaults; *name != NULL; name++)
		if (loader_find(*name) != NULL)
			choose(&choice, *name, NULL);
	for (name = choice.settings->modules; name != NULL && *name != NULL; name++)
		choose(&choice, *name, NULL);
	return choice.modules;
}

const char **
loader_migrating(const struct conf *conf)
{
	const char **names = zalloc((MODULES_MAX + 2) * sizeof *names);
	unsigned count = 0;

	(void)conf; /* a module's tables outlive its being disabled in a domain */
	names[count++] = "core";
	for (unsigned i = 0; i < opened_count; i++)
		if (opened[i].module->migrates)
			names[count++] = opened[i].module->name;
	return names;
}

/* --- instances --- */

static size_t
option_size(const struct option *option)
{
	switch (option->type) {
	case OPTION_BOOL_:
		return sizeof(bool);
	case OPTION_NUMBER_:
	case OPTION_SIZE_:
	case OPTION_PERIOD_:
	case OPTION_CHOICE_:
		return sizeof(int64_t);
	case OPTION_TEXT_:
	case OPTION_LIST_:
		return sizeof(void *);
	case OPTION_END_:
		break;
	}
	return 0;
}

static void
options_copy(const struct module *module, void *self, const void *values)
{
	const struct option *option = module->options;

	for (; option != NULL && option->type != OPTION_END_; option++)
		memcpy((char *)self + option->offset, (const char *)values + option->offset,
		       option_size(option));
}

static const void *
options_of(const struct conf_section *domain, const struct module *module)
{
	const struct conf_section *section = conf_find(domain, module->name);

	return section != NULL ? section->values : NULL;
}

static bool
claim_host(struct instance *instance, struct err *err)
{
	const struct host *host = instance->module->host;
	const struct option *option = instance->module->options;
	const char *name = NULL;
	char *made = NULL;
	bool good;

	if (host->option == NULL && host->prefix == NULL)
		return true; /* claims by itself */
	for (; host->option != NULL && option != NULL && option->type != OPTION_END_; option++)
		if (strcmp(option->name, host->option) == 0)
			memcpy(&name, (char *)instance->self + option->offset, sizeof name);
	if (name == NULL)
		name = made = format_text("%s.%s", host->prefix, instance->domain->name);
	good = host_claim(instance->self, name, err);
	free(made);
	return good;
}

static void
instance_retire(struct instance *instance)
{
	if (instance->module->stop != NULL)
		instance->module->stop(instance->self);
	hosts_give_up_all(instance);
	/* Steps of its may still be on their way; they find `self` until the shard ends. */
	list_append(&here()->retired, &instance->place);
}

static bool
instance_start(struct domain *domain, struct instance *instance, struct err *err)
{
	const struct module *module = instance->module;

	if (module->host != NULL && !claim_host(instance, err))
		return false;
	return module->start == NULL || module->start(instance->self, domain, err);
}

/* --- putting a domain together --- */

static void
rule_add(struct domain *domain, struct instance *instance, const struct iq_rule *rule)
{
	struct ruled *ruled = zalloc(sizeof *ruled);
	char *key = rule->name != NULL ? format_text("%s %s", rule->ns, rule->name)
				       : copy_text(rule->ns);
	struct entry *entry = table_get(&domain->rules, key);

	ruled->instance = instance;
	ruled->rule = rule;
	if (entry == NULL) {
		table_put(&domain->rules, &ruled->entry, key);
		return;
	}
	free(key);
	for (struct ruled *last = CONTAINER(entry, struct ruled, entry);; last = last->next)
		if (last->next == NULL) {
			last->next = ruled;
			return;
		}
}

static void
rules_free(struct domain *domain)
{
	struct entry *entry, *following;

	for (entry = table_next(&domain->rules, NULL); entry != NULL; entry = following) {
		struct ruled *ruled = CONTAINER(entry, struct ruled, entry), *next;

		following = table_next(&domain->rules, entry);
		free((char *)entry->key);
		for (; ruled != NULL; ruled = next) {
			next = ruled->next;
			free(ruled);
		}
	}
	table_clear(&domain->rules);
}

static void
hook_add(struct domain *domain, struct instance *instance, const struct hook *hook)
{
	uint16_t count = domain->hook_counts[hook->name]++;
	struct hooked *list = resize(domain->hooks[hook->name], (count + 1u) * sizeof *list);
	unsigned place = count;

	while (place > 0 && list[place - 1].stage > hook->stage) {
		list[place] = list[place - 1];
		place--;
	}
	list[place] = (struct hooked) { instance, instance->self, hook->stage, hook->fn };
	domain->hooks[hook->name] = list;
}

/* Hooks and rules from the instances there are. */
static void
put_together(struct domain *domain)
{
	for (unsigned i = 0; i < HOOK_COUNT; i++) {
		free(domain->hooks[i]);
		domain->hooks[i] = NULL;
		domain->hook_counts[i] = 0;
	}
	rules_free(domain);
	for (const struct iq_rule *rule = roster_rules; rule->fn != NULL; rule++)
		rule_add(domain, NULL, rule);
	for (struct instance **i = domain->instances; *i != NULL; i++) {
		const struct module *module = (*i)->module;

		for (const struct hook *hook = module->hooks; hook != NULL && hook->used; hook++)
			hook_add(domain, *i, hook);
		for (const struct iq_rule *rule = module->iqs; rule != NULL && rule->fn != NULL;
		     rule++)
			rule_add(domain, *i, rule);
	}
}

static struct instance *
instance_find(struct instance **instances, const struct module *module)
{
	for (; instances != NULL && *instances != NULL; instances++)
		if ((*instances)->module == module)
			return *instances;
	return NULL;
}

static bool
same_modules(struct instance **instances, const struct module **modules)
{
	unsigned have = 0, want = 0;

	for (; instances != NULL && instances[have] != NULL; have++)
		;
	for (; modules[want] != NULL; want++)
		if (instance_find(instances, modules[want]) == NULL)
			return false;
	return have == want;
}

static void
options_apply(struct domain *domain, const struct conf_section *section)
{
	for (struct instance **i = domain->instances; *i != NULL; i++) {
		const void *values = options_of(section, (*i)->module);

		if (values != NULL && (*i)->module->options != NULL)
			options_copy((*i)->module, (*i)->self, values);
	}
	FACTS_ALONE(domain, options_changed);
}

static bool
modules_change(struct domain *domain, const struct conf_section *section,
	       const struct module **modules, struct err *err)
{
	struct instance **before = domain->instances;
	struct instance **now;
	struct account *account = NULL;
	unsigned count = 0;
	bool good = true;

	while ((account = account_next(account)) != NULL)
		if (account->domain == domain)
			account_corners_free(account);

	while (modules[count] != NULL)
		count++;
	now = zalloc((count + 1) * sizeof *now);
	domain->instances = now;
	for (unsigned i = 0; modules[i] != NULL; i++) {
		struct instance *instance = instance_find(before, modules[i]);
		const void *values = options_of(section, modules[i]);

		if (instance == NULL) {
			instance = zalloc(sizeof *instance);
			instance->module = modules[i];
			instance->domain = domain;
			instance->self = zalloc(modules[i]->size > 0 ? modules[i]->size : 1);
			if (modules[i]->options != NULL && values != NULL)
				options_copy(modules[i], instance->self, values);
			*now = instance;
			if (!instance_start(domain, instance, err)) {
				log_error(&domain->log, "module \"%s\" did not start: %s",
					  modules[i]->name, err->text);
				hosts_give_up_all(instance);
				free(instance->self);
				free(instance);
				*now = NULL;
				good = false;
				continue;
			}
		}
		*now++ = instance;
	}
	for (struct instance **i = before; i != NULL && *i != NULL; i++)
		if (instance_find(domain->instances, (*i)->module) == NULL)
			instance_retire(*i);
	put_together(domain);
	while ((account = account_next(account)) != NULL) {
		struct session *session;

		if (account->domain != domain)
			continue;
		LIST_EACH (&account->sessions, session, struct session, place)
			session_corners_make(session);
		if (account->state == ACCOUNT_READY)
			account_load_anew(account);
		else
			account->stale = true;
	}
	free(before);
	return good;
}

/* --- domains of a shard --- */

static void
describe(const struct log_scope *scope, char *out, size_t room)
{
	const struct domain *domain = CONTAINER(scope, struct domain, log);
	size_t length = strlen(domain->name);

	if (length >= room)
		length = room - 1;
	memcpy(out, domain->name, length);
	out[length] = '\0';
}

static struct domain *
domain_new(const char *name, struct store *store)
{
	struct domain *domain = zalloc(sizeof *domain);
	struct arena *arena = arena_new();
	struct jid jid;

	jid_join(&jid, arena, NULL, name, NULL);
	domain->jid = jid_own(&jid);
	arena_drop(arena);
	domain->name = domain->jid->domain;
	domain->store = store;
	domain->log = (struct log_scope) { .parent = &log_root, .describe = describe };
	table_put(&here()->domains, &domain->entry, domain->name);
	return domain;
}

static void
domain_end(struct domain *domain)
{
	struct account *account, *next;

	for (account = account_next(NULL); account != NULL; account = next) {
		next = account_next(account);
		if (account->domain == domain)
			account_end(account, STREAM_HOST_GONE,
				    "this domain is not served any more");
	}
	for (struct instance **i = domain->instances; *i != NULL; i++)
		instance_retire(*i);
	free(domain->instances);
	domain->instances = zalloc(sizeof *domain->instances);
	put_together(domain);
	table_remove(&here()->domains, &domain->entry);
	here()->last_domain = NULL;
	/* Accounts on their way out still point here: a domain that was served once stays
	 * in memory until the shard ends. */
	list_append(&here()->ended, &domain->place);
}

bool
domains_apply(struct conf *conf, struct store *store, struct err *err)
{
	const struct conf_section *section = conf_find(conf_root(conf), "domain");
	struct domain *domain = NULL, *next;
	struct text faults = { 0 };
	bool good = true;

	if (here()->retired.next == NULL) {
		list_init(&here()->retired);
		list_init(&here()->ended);
	}
	while ((domain = domain_next(domain)) != NULL)
		domain->unwanted = true;
	for (; section != NULL; section = conf_next(section)) {
		const struct module **modules = loader_choose(section, &faults);
		struct conf *before;

		domain = domain_find(section->title);
		if (domain == NULL)
			domain = domain_new(section->title, store);
		domain->unwanted = false;
		before = domain->conf;
		domain->conf = conf_hold(conf);
		domain->settings = section->values;
		if (!same_modules(domain->instances, modules) || domain->instances == NULL)
			good = modules_change(domain, section, modules, err) && good;
		if (before != NULL)
			options_apply(domain, section);
		if (before != NULL)
			conf_drop(before);
		free(modules);
	}
	for (domain = domain_next(NULL); domain != NULL; domain = next) {
		next = domain_next(domain);
		if (domain->unwanted)
			domain_end(domain);
	}
	text_clear(&faults);
	return good;
}

static void
accounts_end(void)
{
	struct account *account, *next;

	for (account = account_next(NULL); account != NULL; account = next) {
		struct session *session;

		next = account_next(account);
		account_hold(account);
		LIST_EACH (&account->sessions, session, struct session, place)
			if (session->lasting)
				session_put_by(session);
		account_end(account, STREAM_SYSTEM_SHUTDOWN, NULL);
		account_drop(account);
	}
}

void
domains_close(void)
{
	struct domain *domain, *next;
	struct list *place;

	if (here()->retired.next == NULL)
		return;
	accounts_end();
	for (domain = domain_next(NULL); domain != NULL; domain = next) {
		next = domain_next(domain);
		domain_end(domain);
	}
	while ((place = list_shift(&here()->retired)) != NULL) {
		struct instance *instance = LIST_ITEM(place, struct instance, place);

		free(instance->self);
		free(instance);
	}
	while ((place = list_shift(&here()->ended)) != NULL) {
		domain = LIST_ITEM(place, struct domain, place);
		rules_free(domain);
		for (unsigned i = 0; i < HOOK_COUNT; i++)
			free(domain->hooks[i]);
		free(domain->instances);
		conf_drop(domain->conf);
		free(domain->jid);
		free(domain);
	}
	here()->last_domain = NULL;
	table_clear(&here()->domains);
	table_clear(&here()->accounts);
	table_clear(&here()->hosts);
	table_clear(&here()->asked);
	table_clear(&here()->making);
	here()->retired.next = here()->retired.prev = NULL;
}
