/* SPDX-License-Identifier: MIT */
/*
 * Starting, in the order it happens:
 *
 *   startup_run		the configuration is read and judged
 *   startup_open		lock, ports, user, log, certificates, store: all faults are
 * collected startup_shards		the loops run: domains and their modules start on every
 * shard startup_served		they have: listen, open the admin socket, tell who waits
 *   startup_close		the loops have ended (stop.c): everything goes in reverse
 */
#include "main/startup.h"

#include "base/clock.h"
#include "base/log.h"
#include "loop/helper.h"
#include "loop/shard.h"
#include "net/listener.h"
#include "net/tls.h"
#include "store/store.h"
#include "core/credentials.h"
#include "core/domain.h"
#include "core/id.h"
#include "core/loader.h"
#include "stream/client.h"
#include "stream/settings.h"
#include "main/admin.h"
#include "main/census.h"
#include "main/check.h"
#include "main/commands.h"
#include "main/notify.h"
#include "main/places.h"
#include "main/reload.h"
#include "main/server.h"
#include "main/settings.h"
#include "main/signals.h"
#include "main/stop.h"
#include "main/tidy.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define LOCK_TRIES    20
#define STORE_SECONDS 60
#define LOCK_TRY_US   50000

struct server server = { .lock = -1, .ready = -1 };

static void startup_shards(void *arg);
static void startup_applied(void *ctx, json_t *answers);
static void startup_listening(void *ctx, json_t *answers);

static void
fault(struct text *faults, const struct err *err)
{
	text_addf(faults, "%s\n", err->text);
}

static void
faults_print(struct text *faults)
{
	const char *line = faults->length > 0 ? faults->bytes : "";

	while (*line != '\0') {
		size_t length = strcspn(line, "\n");

		fprintf(stderr, "stentord: %.*s\n", (int)length, line);
		line += length + (line[length] == '\n');
	}
	text_clear(faults);
}

bool
process_prepare(struct text *faults)
{
	struct rlimit files;
	struct err err;

	signal(SIGPIPE, SIG_IGN);
	json_object_seed(0);
	if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	commands_open();
	if (!loader_open(places_modules(), &err)) {
		fault(faults, &err);
		return false;
	}
	return true;
}

/* --- into the background --- */

/* The parent waits until the child is ready and then ends with 0, or with 1 when it is
 * gone before; its errors were printed by then. */
static void
background_start(void)
{
	int ends[2];
	pid_t child;

	if (pipe2(ends, O_CLOEXEC) != 0 || (child = fork()) < 0) {
		fprintf(stderr, "stentord: could not go to the background: %s\n", strerror(errno));
		exit(1);
	}
	if (child > 0) {
		char byte;
		int status;

		close(ends[1]);
		if (read(ends[0], &byte, 1) == 1)
			_exit(0);
		_exit(waitpid(child, &status, 0) == child && WIFEXITED(status) &&
				      WEXITSTATUS(status) > 0
			      ? WEXITSTATUS(status)
			      : 1);
	}
	close(ends[0]);
	setsid();
	server.ready = ends[1];
	server.daemon = true;
}

static void
background_ready(void)
{
	int null;

	if (server.ready < 0)
		return;
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null >= 0) {
		dup2(null, 0);
		dup2(null, 1);
		dup2(null, 2);
		close(null);
	}
	(void)!write(server.ready, "r", 1);
	close(server.ready);
	server.ready = -1;
}

/* --- opening --- */

static void
ports_open(const struct conf *conf, struct text *faults)
{
	const struct listen_settings *listen = settings_listen(conf);
	struct port ports[PORTS_MAX];
	size_t count = settings_ports(ports, conf);

	listener_set_limit((unsigned)listen->connections_an_address);
	for (size_t i = 0; i < count; i++)
		for (const char *const *a = listen->addresses; ports[i].open && *a != NULL; a++) {
			struct listening *listening;
			struct listener *listener;
			struct err err;

			listener = client_listen(*a, ports[i].number, ports[i].direct, &err);
			if (listener == NULL) {
				fault(faults, &err);
				continue;
			}
			server.listening = resize(server.listening, (server.listening_count +
								     1) * sizeof *server.listening);
			listening = &server.listening[server.listening_count++];
			listening->listener = listener;
			listening->address = copy_text(*a);
			listening->port = ports[i].number;
			listening->direct = ports[i].direct;
		}
}

static void
certificates_open(const struct conf *conf, struct text *faults)
{
	struct err err;

	server.tls = tls_context_new(&err);
	if (server.tls == NULL) {
		fault(faults, &err);
		return;
	}
	for (const struct conf_section *s = settings_domains(conf); s != NULL; s = conf_next(s)) {
		const struct domain_settings *domain = s->values;
		char *certificate = settings_path(conf, domain->certificate);
		char *key = settings_path(conf, domain->key);
		char *staple = domain->staple ? settings_path(conf, domain->staple) : NULL;

		if (!tls_set_certificate(server.tls, s->title, certificate, key, staple, &err))
			conf_complain(faults, s, "domain \"%s\": %s", s->title, err.text);
		free(certificate);
		free(key);
		free(staple);
	}
}

/* A database on a server may come up later than we do, with the same machine. */
static struct store *
store_await(const struct store_settings *settings, struct err *err)
{
	struct store *store = store_open(settings, err);

	if (store != NULL || server.offline || err->kind != ERR_DOWN ||
	    text_is(settings->driver, "sqlite"))
		return store;
	log_warn(&log_root, "the store does not answer, waiting for %d s: %s", STORE_SECONDS,
		 err->text);
	for (int i = 0; i < STORE_SECONDS && store == NULL && err->kind == ERR_DOWN; i++) {
		sleep(1);
		store = store_open(settings, err);
	}
	return store;
}

struct store *
startup_store(const struct conf *conf, struct text *faults)
{
	struct store_settings settings;
	const char **modules = loader_migrating(conf);
	struct arena *arena = arena_new();
	struct store *store;
	struct store_plan *plans = NULL;
	size_t count = 0;
	struct err err;
	bool good;

	settings_store(&settings, conf);
	store = store_await(&settings, &err);
	good = store != NULL && store_plan(store, arena, modules, &plans, &count, &err);
	if (good && count > 0 && !settings.automigrate &&
	    !(settings.autocreate && store_is_new(store)))
		good = err_fail(&err, ERR_REFUSED,
				"the store's tables are older than this version: see  stentorctl "
				"store "
				"plan  and run  stentorctl store migrate");
	else if (good && count > 0)
		good = store_migrate(store, modules, &err);
	if (!good) {
		text_addf(faults, "store: %s\n", err.text);
		if (store != NULL)
			store_close(&store);
		store = NULL;
	}
	arena_drop(arena);
	free(modules);
	settings_store_clear(&settings);
	return store;
}

static bool
startup_open(struct text *faults)
{
	struct conf *conf = server.conf;
	struct text notes = { 0 };
	struct err err;

	server.data = settings_data(conf);
	/* A tool that is at work there, or a server that ends, is gone in a moment. */
	for (int i = 0; i < LOCK_TRIES && server.lock < 0; i++) {
		if (i > 0)
			usleep(LOCK_TRY_US);
		server.lock = lock_take(server.data, NULL, &err);
	}
	if (server.lock < 0) {
		fault(faults, &err);
		return false; /* its ports are taken by the same server: not worth a line each */
	}
	mallopt(M_ARENA_MAX, (int)shard_count() + 1);
	ports_open(conf, faults);
	if (!user_become(settings_server(conf)->user, server.lock, &err)) {
		fault(faults, &err);
		return false;
	}
	if (!log_apply(conf, &err))
		fault(faults, &err);
	certificates_open(conf, faults);
	if (faults->length > 0)
		check_store(conf, faults, &notes); /* look, but change nothing */
	else
		server.store = startup_store(conf, faults);
	text_clear(&notes);
	if (server.store != NULL &&
	    (!credentials_open(server.store, &err) || !ids_open(server.store, &err)))
		fault(faults, &err);
	if (!signals_open(&err))
		fault(faults, &err);
	return faults->length == 0;
}

/* --- on the shards --- */

static json_t *
serve_here(void *ctx)
{
	struct conf *conf = ctx;
	struct err err;

	streams_apply(settings_streams(conf), server.tls);
	if (domains_apply(conf, server.store, &err))
		return NULL;
	return json_string(err.text);
}

static json_t *
listen_here(void *ctx)
{
	(void)ctx;
	for (size_t i = 0; i < server.listening_count; i++)
		listener_start(server.listening[i].listener);
	return NULL;
}

static void
startup_shards(void *arg) /* on each shard, when its loop runs */
{
	(void)arg;
	if (shard_index(shard_here()) == 0)
		census_start(serve_here, startup_applied, server.conf);
}

static void
startup_failed(const char *why)
{
	fprintf(stderr, "stentord: %s\n", why);
	server.exit_code = 1;
	stop_start("it could not start");
}

static void
startup_applied(void *ctx, json_t *answers)
{
	const char *why = NULL;

	(void)ctx;
	for (size_t i = 0; i < json_array_size(answers) && why == NULL; i++)
		why = json_string_value(json_array_get(answers, i));
	if (why != NULL)
		startup_failed(why);
	else
		census_start(listen_here, startup_listening, NULL);
	json_decref(answers);
}

static void
startup_listening(void *ctx, json_t *answers)
{
	struct err err;

	(void)ctx;
	json_decref(answers);
	if (!admin_open(&err)) {
		startup_failed(err.text);
		return;
	}
	server.state = SERVER_RUNNING;
	reload_open(server.conf);
	tidy_open();
	signals_start();
	for (size_t i = 0; i < server.listening_count; i++)
		log_info(&log_root, "listening address=%s port=%u%s", server.listening[i].address,
			 server.listening[i].port,
			 server.listening[i].direct ? " (direct TLS)" : "");
	log_info(&log_root, "stentord %s is ready, shards=%u", places_version(), shard_count());
	background_ready();
	notify("READY=1");
}

static void
startup_close(void)
{
	admin_end();
	credentials_close();
	ids_close();
	if (server.desk != NULL)
		helper_pool_free(&server.desk);
	if (server.store != NULL)
		store_close(&server.store);
	for (size_t i = 0; i < server.listening_count; i++) {
		listener_free(&server.listening[i].listener);
		free(server.listening[i].address);
	}
	free(server.listening);
	if (server.tls != NULL)
		tls_context_free(&server.tls);
	shards_close();
	reload_close();
	conf_drop(server.conf);
	loader_close();
	lock_give_back(&server.lock);
	free(server.data);
	free(server.conf_path);
}

int
startup_run(const char *conf_path, bool background)
{
	struct text faults = { 0 };

	server.since = now_seconds();
	umask(027);
	server.conf_path = realpath(conf_path, NULL);
	if (server.conf_path == NULL) {
		fprintf(stderr, "stentord: could not read \"%s\": %s%s\n", conf_path,
			strerror(errno),
			errno == ENOENT ? "; say which with -c FILE, or make one with  stentorctl "
					  "init"
					: "");
		return 1;
	}
	if (background)
		background_start();
	server.conf = settings_read(server.conf_path, &faults);
	if (server.conf == NULL) {
		faults_print(&faults);
		return 1;
	}
	shards_open((unsigned)settings_server(server.conf)->shards);
	if (!startup_open(&faults)) {
		faults_print(&faults);
		if (server.store != NULL)
			store_close(&server.store);
		lock_give_back(&server.lock);
		return 1;
	}
	if (chdir(server.data) != 0) /* where a core file would go */
		log_warn(&log_root, "could not enter \"%s\": %s", server.data, strerror(errno));
	server.desk = helper_pool_new("desk", DESK_THREADS, 0);
	shards_run(startup_shards, NULL);
	startup_close();
	return server.exit_code;
}
