/* SPDX-License-Identifier: MIT */
#include "main/check.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "net/listener.h"
#include "net/tls.h"
#include "store/store.h"
#include "core/domain.h"
#include "core/loader.h"
#include "main/server.h"
#include "main/settings.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define EXPIRES_SOON_DAYS 21
#define DAY_SECONDS       86400

void
check_certificates(const struct conf *conf, bool strictly, struct text *faults, struct text *notes)
{
	for (const struct conf_section *s = settings_domains(conf); s != NULL; s = conf_next(s)) {
		const struct domain_settings *domain = s->values;
		int64_t expires = 0, days;
		char *certificate, *key;
		struct err err;

		if (domain->certificate == NULL || domain->key == NULL)
			continue; /* which was said already */
		certificate = settings_path(conf, domain->certificate);
		key = settings_path(conf, domain->key);
		if (!tls_check_files(s->title, certificate, key, &expires, &err)) {
			bool expired = expires > 0 && expires <= now_seconds();

			conf_complain(expired && !strictly ? notes : faults, s, "domain \"%s\": %s",
				      s->title, err.text);
		} else {
			days = (expires - now_seconds()) / DAY_SECONDS;
			if (days <= EXPIRES_SOON_DAYS)
				conf_complain(notes, s,
					      "domain \"%s\": certificate \"%s\" expires in "
					      "%" PRId64 " days",
					      s->title, certificate, days);
		}
		if (domain->staple != NULL) {
			char *staple = settings_path(conf, domain->staple);

			if (access(staple, R_OK) != 0)
				conf_complain(notes, s, "domain \"%s\": staple \"%s\": %s",
					      s->title, staple, strerror(errno));
			free(staple);
		}
		free(certificate);
		free(key);
	}
}

void
check_ports(const struct conf *conf, struct text *faults)
{
	const struct conf_section *where = conf_find(conf_root(conf), "listen");
	const struct listen_settings *listen = where->values;
	struct port ports[PORTS_MAX];
	size_t count = settings_ports(ports, conf);

	for (size_t i = 0; i < count; i++)
		for (const char *const *a = listen->addresses; ports[i].open && *a != NULL; a++) {
			struct err err;

			if (!listener_can_bind(*a, ports[i].number, &err))
				conf_complain(faults, where, "%s", err.text);
		}
}

static void
check_migrations(struct store *store, const struct conf *conf, bool automigrate,
		 struct text *faults, struct text *notes)
{
	const struct conf_section *where = conf_find(conf_root(conf), "store");
	const char **modules = loader_migrating(conf);
	struct arena *arena = arena_new();
	struct store_plan *plans;
	size_t count;
	struct err err;

	if (!store_plan(store, arena, modules, &plans, &count, &err)) {
		conf_complain(faults, where, "%s", err.text);
		count = 0;
	}
	for (size_t i = 0; i < count; i++)
		if (automigrate)
			conf_complain(notes, where,
				      "\"%s\" will go from version %d to %d at the next start",
				      plans[i].module, plans[i].have, plans[i].want);
		else
			conf_complain(faults, where,
				      "\"%s\" is at version %d and must be at %d: run  stentorctl "
				      "store "
				      "migrate",
				      plans[i].module, plans[i].have, plans[i].want);
	arena_drop(arena);
	free(modules);
}

/* Whether it answers, and what it lacks; to read all of it would take too long. */
static void
check_server(const struct store_settings *settings, const struct conf *conf, struct text *faults,
	     struct text *notes)
{
	const struct conf_section *where = conf_find(conf_root(conf), "store");
	struct store_state state;
	struct store *store;
	struct err err;

	store = store_open(settings, &err);
	if (store == NULL) {
		conf_complain(faults, where, "the store does not answer: %s", err.text);
		return;
	}
	store_state(store, &state);
	conf_complain(notes, where, "the store answers: %s", state.where);
	check_migrations(store, conf,
			 settings->automigrate || (settings->autocreate && store_is_new(store)),
			 faults, notes);
	store_close(&store);
}

void
check_store(const struct conf *conf, struct text *faults, struct text *notes)
{
	const struct conf_section *where = conf_find(conf_root(conf), "store");
	struct store_settings settings;
	struct store *store;
	struct stat about;
	struct err err;
	char *file;

	settings_store(&settings, conf);
	if (text_is(settings.driver, "mariadb")) {
		check_server(&settings, conf, faults, notes);
		settings_store_clear(&settings);
		return;
	}
	file = settings.path[0] == '/' ? copy_text(settings.path)
				       : format_text("%s/%s", settings.folder, settings.path);
	if (access(settings.folder, F_OK) != 0) {
		conf_complain(notes, where,
			      "the data folder \"%s\" will be made at the first start",
			      settings.folder);
	} else if (access(settings.folder, W_OK | X_OK) != 0) {
		conf_complain(faults, where, "the data folder \"%s\" cannot be written: %s",
			      settings.folder, strerror(errno));
	} else if (text_is(settings.driver, "sqlite") && stat(file, &about) != 0) {
		conf_complain(notes, where, "the store \"%s\" will be made at the first start",
			      file);
	} else {
		bool automigrate = settings.automigrate;

		store = store_open(&settings, &err);
		if (store == NULL || !store_check(store, &err))
			conf_complain(faults, where, "%s", err.text);
		else
			check_migrations(store, conf, automigrate, faults, notes);
		if (store != NULL)
			store_close(&store);
	}
	free(file);
	settings_store_clear(&settings);
}

static void
check_log(const struct conf *conf, struct text *faults)
{
	const struct conf_section *where = conf_find(conf_root(conf), "log");
	const char *target = settings_log(conf)->target;
	struct err err;
	char *path;

	if (text_is(target, "stderr") || text_is(target, "journal"))
		path = copy_text(target);
	else
		path = settings_path(conf, target);
	if (!log_can_open(path, &err))
		conf_complain(faults, where, "%s", err.text);
	free(path);
}

bool
check_all(const char *path, struct text *faults, struct text *notes)
{
	size_t before = faults->length;
	struct conf *conf = settings_look(path, faults);
	bool faulty = faults->length > before;
	int64_t holder = 0;
	struct err err;
	char *data;
	int lock = -1;

	if (conf == NULL)
		return false;
	data = settings_data(conf);
	if (access(data, F_OK) == 0)
		lock = lock_take(data, &holder, &err);
	if (holder != 0)
		text_addf(notes,
			  "process %" PRId64 " works with the data folder \"%s\"; its ports and "
			  "its store were not looked at\n",
			  holder, data);
	else if (lock < 0 && access(data, F_OK) == 0)
		text_addf(faults, "%s\n", err.text);
	else if (!faulty || conf_find(conf_root(conf), "listen")->line > 0)
		check_ports(conf, faults); /* those that were meant */
	/* Files must be readable by the user that the server will be. */
	if (lock >= 0 && !user_become(settings_server(conf)->user, lock, &err))
		conf_complain(faults, conf_root(conf), "%s", err.text);
	check_log(conf, faults);
	check_certificates(conf, true, faults, notes);
	if (holder == 0 && (lock >= 0 || access(data, F_OK) != 0))
		check_store(conf, faults, notes);
	lock_give_back(&lock);
	free(data);
	conf_drop(conf);
	return faults->length == 0;
}
