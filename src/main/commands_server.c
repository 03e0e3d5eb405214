/* SPDX-License-Identifier: MIT */
/* status, stop, reload, log level, memory, domain list, module list, module show. */
#include "main/commands.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "loop/shard.h"
#include "net/link.h"
#include "store/store.h"
#include "core/account.h"
#include "core/credentials.h"
#include "core/domain.h"
#include "core/loader.h"
#include "core/router.h"
#include "core/session.h"
#include "stream/stream.h"
#include "main/census.h"
#include "main/places.h"
#include "main/reload.h"
#include "main/server.h"
#include "main/sessions.h"
#include "main/settings.h"
#include "main/status.h"
#include "main/stop.h"

#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- status --- */

static json_t *
count_here(void *ctx)
{
	struct stream_numbers numbers = { 0 };

	(void)ctx;
	streams_numbers(&numbers);
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "sessions",
			 (json_int_t)sessions_count_here(), "streams", (json_int_t)numbers.streams,
			 "accepted", (json_int_t)numbers.accepted, "logins",
			 (json_int_t)numbers.logins, "failed", (json_int_t)numbers.failed_logins,
			 "accounts", (json_int_t)account_count(), "stanzas",
			 (json_int_t)router_count());
}

static json_t *
listening_json(void)
{
	json_t *open = json_array();

	for (size_t i = 0; i < server.listening_count; i++) {
		const struct listening *l = &server.listening[i];

		json_array_append_new(open, json_pack("{s:s, s:i, s:s}", "address", l->address,
						      "port", l->port, "service",
						      l->direct ? "client, direct TLS" : "client"));
	}
	return open;
}

static json_t *
reserved_json(void)
{
	struct port ports[PORTS_MAX];
	size_t count = settings_ports(ports, server.conf);
	json_t *reserved = json_array();

	for (size_t i = 0; i < count; i++)
		if (!ports[i].open)
			json_array_append_new(reserved,
					      json_pack("{s:i, s:s}", "port", ports[i].number,
							"service", ports[i].service));
	return reserved;
}

static const char *
server_state_name(void)
{
	switch (server.state) {
	case SERVER_STARTING:
		return "starting";
	case SERVER_RUNNING:
		return "running";
	case SERVER_STOPPING:
		break;
	}
	return "stopping";
}

static void
status_counted(void *ctx, json_t *answers)
{
	struct call *call = ctx;
	json_t *status =
		json_pack("{s:s, s:s, s:i, s:o, s:I, s:i}", "version", places_version(), "state",
			  server_state_name(), "pid", (int)getpid(), "since",
			  json_time(server.since), "uptime seconds",
			  (json_int_t)(now_seconds() - server.since), "shards", (int)shard_count());
	static const char *const sums[][2] = {
		{ "sessions", "sessions" },           { "streams", "streams" },
		{ "connections so far", "accepted" }, { "logins so far", "logins" },
		{ "failed logins so far", "failed" }, { "accounts in memory", "accounts" },
		{ "stanzas routed", "stanzas" },
	};
	json_t *domains = json_array();

	for (struct domain *d = domain_next(NULL); d != NULL; d = domain_next(d))
		json_array_append_new(domains, json_string(d->name));
	json_object_set_new(status, "domains", domains);
	for (size_t i = 0; i < COUNT(sums); i++)
		json_object_set_new(status, sums[i][0],
				    json_integer(census_sum(answers, sums[i][1])));
	json_object_set_new(status, "configuration", json_string(server.conf_path));
	json_object_set_new(status, "data", json_string(server.data));
	json_object_set_new(status, "store", store_json());
	json_object_set_new(status, "listening", listening_json());
	json_object_set_new(status, "reserved", reserved_json());
	json_decref(answers);
	call_result(call, status);
}

static void
run_status(struct call *call)
{
	census_start(count_here, status_counted, call);
}

/* --- stop, reload, log level --- */

static void
run_stop(struct call *call)
{
	call_result(call, json_pack("{s:s, s:i}", "state", "stopping", "pid", (int)getpid()));
	stop_start("stentorctl stop");
}

static void
reload_done(void *ctx, json_t *answer, const char *faults)
{
	struct call *call = ctx;
	json_t *all;

	if (faults == NULL) {
		call_result(call, answer);
		return;
	}
	/* More than an error's sentence can hold, so it is a result that says no. */
	all = json_pack("{s:b, s:o}", "failed", 1, "faults", json_lines(faults));
	call_result(call, all);
}

static void
run_reload(struct call *call)
{
	reload_start(reload_done, call);
}

static void
run_log_level(struct call *call)
{
	const char *name = call_text(call, "level");
	enum log_level level;

	if (name != NULL && log_level_read(&level, name)) {
		log_set_level(level);
		log_info(&log_root, "the log's level is now %s", name);
	}
	call_result(call, json_pack("{s:s}", "level", log_level_name(log_level())));
}

/* --- memory --- */

static json_t *
memory_here(void *ctx)
{
	int64_t account_bytes = 0, presence = 0, sessions = 0, links = 0, unsent = 0, secured = 0;

	(void)ctx;
	for (struct account *a = account_next(NULL); a != NULL; a = account_next(a)) {
		struct session *session;

		account_bytes += (int64_t)malloc_usable_size(a);
		for (struct instance **i = a->domain->instances; i != NULL && *i != NULL; i++)
			account_bytes += (int64_t)(*i)->module->account_size;
		if (a->session_count == 0)
			continue;
		LIST_EACH (&a->sessions, session, struct session, place) {
			sessions += (int64_t)malloc_usable_size(session);
			if (session->presence != NULL)
				presence += (int64_t)element_own_size(session->presence);
			for (struct instance **i = a->domain->instances; i != NULL && *i != NULL;
			     i++)
				sessions += (int64_t)(*i)->module->session_size;
		}
	}
	for (struct stream *s = stream_next(NULL); s != NULL; s = stream_next(s)) {
		unsent += (int64_t)stream_unsent(s);
		secured += s->secured;
		links += (int64_t)malloc_usable_size(s);
		if (s->link != NULL)
			links += (int64_t)link_memory(s->link);
	}
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "accounts",
			 (json_int_t)account_count(), "account bytes", (json_int_t)account_bytes,
			 "sessions", (json_int_t)sessions_count_here(), "session bytes",
			 (json_int_t)sessions, "presence bytes", (json_int_t)presence, "streams",
			 (json_int_t)streams_count(), "stream bytes", (json_int_t)links,
			 "unsent bytes", (json_int_t)unsent, "secured", (json_int_t)secured);
}

static int64_t
resident(const char *word)
{
	FILE *file = fopen("/proc/self/status", "re");
	char line[256];
	int64_t bytes = 0;

	while (file != NULL && fgets(line, sizeof line, file) != NULL)
		if (text_starts(line, word))
			bytes = strtoll(line + strlen(word), NULL, 10) * 1024;
	if (file != NULL)
		fclose(file);
	return bytes;
}

static void
kind_add(json_t *kinds, const char *kind, int64_t count, int64_t bytes)
{
	json_array_append_new(kinds, json_pack("{s:s, s:o, s:I}", "kind", kind, "count",
					       count < 0 ? json_null() : json_integer(count),
					       "bytes", (json_int_t)bytes));
}

/* Measured in LIBRARIES.md, and once more by the tests of net/. */
#define TLS_SESSION_BYTES 10300

static void
memory_counted(void *ctx, json_t *answers)
{
	struct call *call = ctx;
	struct mallinfo2 heap = mallinfo2();
	json_t *kinds = json_array();
	int64_t secured = census_sum(answers, "secured");

	kind_add(kinds, "process, resident", -1, resident("VmRSS:"));
	kind_add(kinds, "process, resident at most", -1, resident("VmHWM:"));
	kind_add(kinds, "heap, in use", -1, (int64_t)(heap.uordblks + heap.hblkhd));
	kind_add(kinds, "heap, kept for later", -1, (int64_t)heap.fordblks);
	kind_add(kinds, "accounts", census_sum(answers, "accounts"),
		 census_sum(answers, "account bytes"));
	kind_add(kinds, "sessions", census_sum(answers, "sessions"),
		 census_sum(answers, "session bytes"));
	kind_add(kinds, "presences of sessions", -1, census_sum(answers, "presence bytes"));
	kind_add(kinds, "streams with their links", census_sum(answers, "streams"),
		 census_sum(answers, "stream bytes"));
	kind_add(kinds, "waiting to be sent", -1, census_sum(answers, "unsent bytes"));
	kind_add(kinds, "TLS sessions, about", secured, secured * TLS_SESSION_BYTES);
	json_decref(answers);
	call_result(call, kinds);
}

static void
run_memory(struct call *call)
{
	census_start(memory_here, memory_counted, call);
}

/* --- domains and modules --- */

static json_t *
domain_counts_here(void *ctx)
{
	json_t *counts = json_object();

	(void)ctx;
	for (struct domain *d = domain_next(NULL); d != NULL; d = domain_next(d)) {
		json_int_t accounts = 0, sessions = 0;

		for (struct account *a = account_next(NULL); a != NULL; a = account_next(a))
			if (a->domain == d) {
				accounts++;
				sessions += a->session_count;
			}
		json_object_set_new(counts, d->name,
				    json_pack("{s:I, s:I}", "accounts", accounts, "sessions",
					      sessions));
	}
	return counts;
}

static int64_t
sum_of(const json_t *answers, const char *domain, const char *what)
{
	int64_t sum = 0;

	for (size_t i = 0; i < json_array_size(answers); i++)
		sum += json_integer_value(
			json_object_get(json_object_get(json_array_get(answers, i), domain), what));
	return sum;
}

static void
domains_counted(void *ctx, json_t *answers)
{
	struct call *call = ctx;
	json_t *rows = json_array();

	for (const struct conf_section *s = settings_domains(server.conf); s != NULL;
	     s = conf_next(s)) {
		const struct domain_settings *settings = s->values;
		char *certificate = settings_path(server.conf, settings->certificate);
		char *key = settings_path(server.conf, settings->key);
		int64_t expires = 0;

		tls_check_files(s->title, certificate, key, &expires, NULL);
		json_array_append_new(rows,
				      json_pack("{s:s, s:s, s:I, s:I, s:o}", "domain", s->title,
						"registration",
						settings->registration == REGISTRATION_OPEN
							? "open"
							: "closed",
						"sessions",
						(json_int_t)sum_of(answers, s->title, "sessions"),
						"accounts in memory",
						(json_int_t)sum_of(answers, s->title, "accounts"),
						"certificate expires", json_time(expires)));
		free(certificate);
		free(key);
	}
	json_decref(answers);
	call_result(call, rows);
}

static void
run_domain_list(struct call *call)
{
	census_start(domain_counts_here, domains_counted, call);
}

static void
run_module_list(struct call *call)
{
	json_t *rows = json_array();

	for (const struct module *m = loader_next(NULL); m != NULL; m = loader_next(m)) {
		struct text domains = { 0 };

		for (struct domain *d = domain_next(NULL); d != NULL; d = domain_next(d))
			if (domain_instance(d, m->name) != NULL)
				text_addf(&domains, "%s%s", domains.length > 0 ? " " : "", d->name);
		json_array_append_new(rows, json_pack("{s:s, s:s, s:s}", "module", m->name, "about",
						      m->about, "in use by",
						      domains.length > 0 ? domains.bytes : ""));
		text_clear(&domains);
	}
	call_result(call, rows);
}

static json_t *
names_json(const char *const *names)
{
	json_t *array = json_array();

	for (; names != NULL && *names != NULL; names++)
		json_array_append_new(array, json_string(*names));
	return array;
}

static json_t *
options_json(const struct module *module, const void *values)
{
	json_t *options = json_array();

	for (const struct option *o = module->options; o != NULL && o->type != OPTION_END_; o++) {
		struct text value = { 0 };

		option_write(&value, o, values);
		json_array_append_new(options,
				      json_pack("{s:s, s:s, s:s}", "option", o->name, "value",
						value.length > 0 ? value.bytes : "", "about",
						o->help));
		text_clear(&value);
	}
	return options;
}

struct module_look {
	struct call *call;
	const struct module *module;
};

/* On each shard: what its instances have counted, by domain. */
static json_t *
module_counts_here(void *ctx)
{
	const struct module_look *look = ctx;
	json_t *counts = json_object();

	for (struct domain *d = domain_next(NULL); d != NULL; d = domain_next(d)) {
		struct instance *instance = domain_instance(d, look->module->name);
		json_t *mine;

		if (instance == NULL)
			continue;
		mine = json_object();
		for (const struct metric *m = look->module->metrics; m != NULL && m->name != NULL;
		     m++) {
			uint64_t value;

			memcpy(&value, (const char *)instance->self + m->offset, sizeof value);
			json_object_set_new(mine, m->name, json_integer((json_int_t)value));
		}
		json_object_set_new(counts, d->name, mine);
	}
	return counts;
}

static json_t *
module_in_domain(const struct module *module, const struct domain *domain, const json_t *answers)
{
	struct instance *instance = domain_instance(domain, module->name);
	json_t *counts = json_object();

	for (const struct metric *m = module->metrics; m != NULL && m->name != NULL; m++)
		json_object_set_new(counts, m->name,
				    json_integer(sum_of(answers, domain->name, m->name)));
	return json_pack("{s:s, s:o, s:o}", "domain", domain->name, "options",
			 options_json(module, instance->self), "counters", counts);
}

static void
module_counted(void *ctx, json_t *answers)
{
	struct module_look *look = ctx;
	const struct module *module = look->module;
	json_t *domains = json_array(), *keeps = json_array(), *shown;

	for (const struct keep *k = module->keeps; k != NULL && k->what != NULL; k++)
		json_array_append_new(keeps, json_string(k->what));
	for (struct domain *d = domain_next(NULL); d != NULL; d = domain_next(d))
		if (domain_instance(d, module->name) != NULL)
			json_array_append_new(domains, module_in_domain(module, d, answers));
	shown = json_pack("{s:s, s:s, s:o, s:o, s:o}", "module", module->name, "about",
			  module->about, "needs", names_json(module->needs), "features",
			  names_json(module->features), "keeps of a user", keeps);
	if (module->help != NULL)
		json_object_set_new(shown, "help", json_string(module->help));
	json_object_set_new(shown, "domains", domains);
	json_decref(answers);
	call_result(look->call, shown);
	free(look);
}

static void
run_module_show(struct call *call)
{
	const char *name = call_text(call, "module");
	const struct module *module = loader_find(name);
	struct module_look *look;

	if (module == NULL) {
		const char *names[256] = { NULL }, *near;
		size_t count = 0;

		for (const struct module *m = loader_next(NULL); m != NULL; m = loader_next(m))
			if (count < COUNT(names) - 1)
				names[count++] = m->name;
		near = text_nearest(name, names);
		call_fail(call, ERR_ABSENT, "there is no module \"%s\"%s%s%s", name,
			  near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
		return;
	}
	look = zalloc(sizeof *look);
	look->call = call;
	look->module = module;
	census_start(module_counts_here, module_counted, look);
}

/* --- the table --- */

static const char *const levels[] = { "error", "warn", "info", "debug", NULL };

static const struct argument level_arguments[] = {
	{ .kind = ARGUMENT_CHOICE,
	  .name = "level",
	  .words = levels,
	  .optional = true,
	  .help = "the new level; without it, the present one is shown" },
	{ 0 },
};

static const struct argument module_arguments[] = {
	{ .kind = ARGUMENT_TEXT, .name = "module", .help = "its name" },
	{ 0 },
};

const struct command server_commands[] = {
	{
		.noun = "status",
		.run = run_status,
		.about = "what the server is doing",
		.example = "stentorctl status",
	},
	{
		.noun = "stop",
		.run = run_stop,
		.about = "stop the server",
		.help = "Clients are told, and what is owed to them is waited for, ten seconds at "
			"most.",
		.example = "stentorctl stop",
	},
	{
		.noun = "reload",
		.run = run_reload,
		.about = "read the configuration anew",
		.help = "What can change while the server runs does: the log, limits, "
			"certificates, "
			"modules, domains and their options.  The rest is named.  A file with a "
			"fault "
			"changes nothing.",
		.example = "stentorctl reload",
	},
	{
		.noun = "log",
		.verb = "level",
		.run = run_log_level,
		.about = "how much is logged, until the next restart or reload",
		.example = "stentorctl log level debug",
		.arguments = level_arguments,
	},
	{
		.noun = "memory",
		.run = run_memory,
		.about = "what the server's memory is used for",
		.example = "stentorctl memory",
	},
	{
		.noun = "domain",
		.verb = "list",
		.run = run_domain_list,
		.about = "the domains that are served",
		.example = "stentorctl domain list",
	},
	{
		.noun = "module",
		.verb = "list",
		.run = run_module_list,
		.about = "the modules there are, and who uses them",
		.example = "stentorctl module list",
	},
	{
		.noun = "module",
		.verb = "show",
		.run = run_module_show,
		.about = "what a module is, needs, keeps, and how it is set",
		.example = "stentorctl module show ping",
		.arguments = module_arguments,
	},
	{ 0 },
};
