/* SPDX-License-Identifier: MIT */
/*
 * Reloading, in the order it happens:
 *
 *   reload_start	one at a time; the desk reads the file, judges it, looks at files, brings
 *			the store up to date for modules that are new
 *   reload_read	back at home: with a fault, the end; otherwise log and certificates change
 *   reload_applied	every shard has the new configuration
 *   reload_end		the one way out: the caller or the log hears what changed
 */
#include "main/reload.h"

#include "base/log.h"
#include "base/text.h"
#include "loop/helper.h"
#include "loop/timer.h"
#include "net/listener.h"
#include "net/tls.h"
#include "store/store.h"
#include "core/domain.h"
#include "core/loader.h"
#include "stream/settings.h"
#include "stream/stream.h"
#include "main/census.h"
#include "main/check.h"
#include "main/commands.h"
#include "main/notify.h"
#include "main/server.h"
#include "main/settings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOOK_AT_FILES_MS 60000

struct reload {
	struct job job;
	struct conf *conf; /* NULL: it has faults */
	struct text faults, notes;
	struct text changed, restart;
	reload_done_fn *fn;
	void *ctx;
};

static struct reload *under_way;
static struct conf *started_with;
static struct timer timer;

static void reload_prepare(struct job *job);
static void reload_read(struct job *job);
static void reload_applied(void *ctx, json_t *answers);
static void reload_end(struct reload *reload);

bool
log_reopen(const struct conf *conf, struct err *err)
{
	const struct log_settings *settings = settings_log(conf);
	const char *target = settings->target ? settings->target : "stderr";
	char *path = NULL;
	bool good;

	/* A server in the background has no stderr to be read. */
	if (server.daemon && text_is(target, "stderr"))
		path = format_text("%s/stentor.log", server.data);
	else if (!text_is(target, "stderr") && !text_is(target, "journal"))
		path = settings_path(conf, target);
	good = log_open(path ? path : target, settings->json, err);
	free(path);
	return good || err_add(err, "log");
}

bool
log_apply(const struct conf *conf, struct err *err)
{
	if (!log_reopen(conf, err))
		return false;
	log_set_level((enum log_level)settings_log(conf)->level);
	return true;
}

/* --- the file --- */

static void
prepare_store(struct reload *reload)
{
	const char **modules = loader_migrating(reload->conf);
	struct arena *arena = arena_new();
	struct store_plan *plans = NULL;
	struct store_settings settings;
	size_t count = 0;
	struct err err;
	bool good;

	settings_store(&settings, reload->conf);
	good = store_plan(server.store, arena, modules, &plans, &count, &err);
	if (good && count > 0)
		good = settings.automigrate ? store_migrate(server.store, modules, &err)
					    : err_fail(&err, ERR_REFUSED,
						       "a new module needs tables: run  stentorctl "
						       "store migrate");
	if (!good)
		text_addf(&reload->faults, "store: %s\n", err.text);
	settings_store_clear(&settings);
	arena_drop(arena);
	free(modules);
}

static void
reload_prepare(struct job *job) /* at the desk */
{
	struct reload *reload = CONTAINER(job, struct reload, job);

	reload->conf = settings_read(server.conf_path, &reload->faults);
	if (reload->conf == NULL)
		return;
	check_certificates(reload->conf, false, &reload->faults, &reload->notes);
	if (reload->faults.length == 0)
		prepare_store(reload);
	if (reload->faults.length > 0) {
		conf_drop(reload->conf);
		reload->conf = NULL;
	}
}

/* --- applying --- */

static void
certificates_apply(struct reload *reload)
{
	const struct conf_section *after = settings_domains(reload->conf);
	struct err err;

	for (const struct conf_section *s = after; s != NULL; s = conf_next(s)) {
		const struct domain_settings *domain = s->values;
		char *certificate = settings_path(reload->conf, domain->certificate);
		char *key = settings_path(reload->conf, domain->key);
		char *staple = domain->staple ? settings_path(reload->conf, domain->staple) : NULL;

		/* It was good a moment ago: if it is not now, the one in use stays. */
		if (!tls_set_certificate(server.tls, s->title, certificate, key, staple, &err))
			conf_complain(&reload->notes, s, "domain \"%s\": %s", s->title, err.text);
		free(certificate);
		free(key);
		free(staple);
	}
	for (const struct conf_section *old = settings_domains(server.conf); old != NULL;
	     old = conf_next(old)) {
		const struct conf_section *s = after;

		while (s != NULL && !text_is(s->title, old->title))
			s = conf_next(s);
		if (s == NULL)
			tls_forget_certificate(server.tls, old->title);
	}
}

static json_t *
apply_here(void *ctx)
{
	struct reload *reload = ctx;
	struct domain *domain = NULL;
	struct err err;

	while ((domain = domain_next(domain)) != NULL) {
		const struct conf_section *s = settings_domains(reload->conf);

		while (s != NULL && !text_is(s->title, domain->name))
			s = conf_next(s);
		if (s == NULL)
			streams_host_gone(domain);
	}
	streams_apply(settings_streams(reload->conf), server.tls);
	if (domains_apply(reload->conf, server.store, &err))
		return NULL;
	return json_string(err.text);
}

static void
reload_read(struct job *job)
{
	struct reload *reload = CONTAINER(job, struct reload, job);
	struct err err;

	if (reload->conf != NULL && server.state != SERVER_RUNNING)
		text_add(&reload->faults, "the server is stopping\n");
	else if (reload->conf != NULL && !log_apply(reload->conf, &err))
		text_addf(&reload->faults, "%s\n", err.text);
	if (reload->faults.length > 0) {
		reload_end(reload);
		return;
	}
	conf_compare(server.conf, reload->conf, &reload->changed, &reload->restart);
	text_empty(&reload->restart);
	if (started_with != NULL) { /* what waits for a restart since it was started */
		struct text ignored = { 0 };

		conf_compare(started_with, reload->conf, &ignored, &reload->restart);
		text_clear(&ignored);
	}
	certificates_apply(reload);
	listener_set_limit((unsigned)settings_listen(reload->conf)->connections_an_address);
	census_start(apply_here, reload_applied, reload);
}

static void
reload_applied(void *ctx, json_t *answers)
{
	struct reload *reload = ctx;
	const char *why;

	for (size_t i = 0; i < json_array_size(answers); i++) {
		why = json_string_value(json_array_get(answers, i));
		if (why != NULL) { /* the same on every shard */
			text_addf(&reload->notes, "%s\n", why);
			break;
		}
	}
	json_decref(answers);
	conf_drop(server.conf);
	server.conf = conf_hold(reload->conf);
	reload_end(reload);
}

static void
log_lines(enum log_level level, const char *about, const struct text *lines)
{
	const char *line = lines->length > 0 ? lines->bytes : "";

	while (*line != '\0') {
		size_t length = strcspn(line, "\n");

		log_print(level, &log_root, "%s%.*s", about, (int)length, line);
		line += length + (line[length] == '\n');
	}
}

static void
reload_end(struct reload *reload)
{
	bool good = reload->faults.length == 0;

	if (good) {
		log_info(&log_root, "configuration read anew");
		log_lines(LOG_INFO_, "changed: ", &reload->changed);
		log_lines(LOG_WARN_, "needs a restart: ", &reload->restart);
		log_lines(LOG_WARN_, "", &reload->notes);
	} else {
		log_error(&log_root, "the new configuration has faults; nothing was changed");
		log_lines(LOG_ERROR_, "", &reload->faults);
	}
	notify("READY=1");
	if (reload->fn != NULL && good)
		reload->fn(reload->ctx,
			   json_pack("{s:o, s:o, s:o}", "changed",
				     json_lines(reload->changed.bytes), "restart",
				     json_lines(reload->restart.bytes), "notes",
				     json_lines(reload->notes.bytes)),
			   NULL);
	else if (reload->fn != NULL)
		reload->fn(reload->ctx, NULL, reload->faults.bytes);
	under_way = NULL;
	if (reload->conf != NULL)
		conf_drop(reload->conf);
	text_clear(&reload->faults);
	text_clear(&reload->notes);
	text_clear(&reload->changed);
	text_clear(&reload->restart);
	free(reload);
}

void
reload_start(reload_done_fn *fn, void *ctx)
{
	struct reload *reload;

	if (under_way != NULL || server.state != SERVER_RUNNING) {
		if (fn != NULL)
			fn(ctx, NULL,
			   under_way ? "a reload is under way already\n"
				     : "the server is starting or stopping\n");
		return;
	}
	under_way = reload = zalloc(sizeof *reload);
	reload->fn = fn;
	reload->ctx = ctx;
	notify_reloading();
	helper_start(server.desk, &reload->job, DESK_RELOAD, reload_prepare, reload_read);
}

/* --- certificates whose files change by themselves --- */

static void
look_at_files(void *arg)
{
	unsigned swapped;

	(void)arg;
	if (server.state != SERVER_RUNNING)
		return;
	swapped = under_way == NULL ? tls_reload_changed(server.tls) : 0;
	if (swapped > 0)
		log_info(&log_root, "certificates changed and were read anew count=%u", swapped);
	timer_start(&timer, LOOK_AT_FILES_MS, look_at_files, NULL);
}

void
reload_open(struct conf *conf)
{
	started_with = conf_hold(conf);
	timer_start(&timer, LOOK_AT_FILES_MS, look_at_files, NULL);
}

void
reload_close(void)
{
	if (started_with != NULL)
		conf_drop(started_with);
	started_with = NULL;
}
