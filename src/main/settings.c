/* SPDX-License-Identifier: MIT */
#include "main/settings.h"

#include "base/clock.h"
#include "base/log.h"
#include "core/domain.h"
#include "core/loader.h"
#include "stream/settings.h"
#include "main/places.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct option server_options[] = {
	{ OPTION_FIELD(OPTION_NUMBER_, struct server_settings, shards), .fallback = 0, .minimum = 0,
	  .maximum = SHARDS_MAX, .restart = true,
	  .help = "threads that serve clients; 0 is one for each processor core" },
	{ OPTION_FIELD(OPTION_TEXT_, struct server_settings, data), .text_fallback = "data",
	  .restart = true,
	  .help = "the folder for all that is kept; it holds the admin socket and a lock, too" },
	{ OPTION_FIELD(OPTION_TEXT_, struct server_settings, user), .example = "\"stentor\"",
	  .restart = true,
	  .help = "the user to become after the ports are open, when started by root" },
	{ 0 }
};

static const char *const levels[] = { "error", "warn", "info", "debug", NULL };

static const struct option log_options[] = {
	OPTION_TEXT(struct log_settings, target, "stderr",
		    "\"stderr\", \"journal\", or a file's path; SIGUSR1 opens the file anew"),
	OPTION_CHOICE(struct log_settings, level, "info", levels,
		      "what is worth a line; everything above it is logged as well"),
	OPTION_BOOL(struct log_settings, json, false, "lines are JSON objects"),
	{ 0 }
};

#define PORT(field, value, words_)                                                            \
	{                                                                                     \
		OPTION_FIELD(OPTION_NUMBER_, struct listen_settings, field),                  \
			.fallback = (value), .minimum = 0, .maximum = 65535, .restart = true, \
			.help = (words_)                                                      \
	}

static const struct option listen_options[] = {
	{ OPTION_FIELD(OPTION_LIST_, struct listen_settings, addresses),
	  .text_fallback = "0.0.0.0 ::", .restart = true, .example = "{ \"127.0.0.1\", \"::1\" }",
	  .help = "the addresses of this machine at which clients are welcome" },
	OPTION_NUMBER(struct listen_settings, connections_an_address, 1000, 0, 1000000,
		      "connections one address may have at once; 0: any number"),
	PORT(client_port, 5222, "for clients, which then start TLS; 0: not open"),
	PORT(client_tls_port, 5223, "for clients that begin with TLS (XEP-0368); 0: not open"),
	PORT(server_port, 5269, "reserved for other servers; not opened by this version"),
	PORT(server_tls_port, 5270,
	     "reserved for other servers that begin with TLS; not opened by this version"),
	PORT(http_port, 5280, "reserved for HTTP; not opened by this version"),
	PORT(https_port, 5443, "reserved for HTTPS; not opened by this version"),
	{ 0 }
};

const char *const storage_drivers[] = { "sqlite", "mariadb", NULL };
static const char *const storage_tls[] = { "required", "optional", "off", NULL };
static const char *const automigrates[] = { "usual", "yes", "no", NULL };

static const struct option storage_options[] = {
	{ OPTION_FIELD(OPTION_CHOICE_, struct storage_settings, driver), .text_fallback = "sqlite",
	  .words = storage_drivers, .restart = true,
	  .help = "the engine that keeps accounts, rosters, messages" },
	{ OPTION_FIELD(OPTION_TEXT_, struct storage_settings, path),
	  .text_fallback = "stentor.sqlite", .restart = true,
	  .help = "sqlite: the file, below the data folder" },
	{ OPTION_FIELD(OPTION_TEXT_, struct storage_settings, host), .example = "\"localhost\"",
	  .restart = true, .help = "mariadb: the server's name or address" },
	{ OPTION_FIELD(OPTION_NUMBER_, struct storage_settings, port), .fallback = 3306,
	  .minimum = 1, .maximum = 65535, .restart = true, .help = "mariadb: the server's port" },
	{ OPTION_FIELD(OPTION_TEXT_, struct storage_settings, socket),
	  .example = "\"/run/mysqld/mysqld.sock\"", .restart = true,
	  .help = "mariadb: the server's socket, instead of host and port" },
	{ OPTION_FIELD(OPTION_TEXT_, struct storage_settings, user), .text_fallback = "stentor",
	  .restart = true, .help = "mariadb: who we are there" },
	{ OPTION_FIELD(OPTION_TEXT_, struct storage_settings, password_file),
	  .example = "\"store-password\"", .restart = true,
	  .help = "mariadb: a file whose first line is the password, read at each connection" },
	{ OPTION_FIELD(OPTION_TEXT_, struct storage_settings, database), .text_fallback = "stentor",
	  .restart = true, .help = "mariadb: the database, which must be there" },
	{ OPTION_FIELD(OPTION_CHOICE_, struct storage_settings, tls), .text_fallback = "required",
	  .words = storage_tls, .restart = true,
	  .help = "mariadb: whether the server must speak TLS and prove who it is; less than "
		  "\"required\" is accepted on loopback addresses only, and a socket needs none" },
	{ OPTION_FIELD(OPTION_TEXT_, struct storage_settings, ca), .example = "\"mariadb-ca.pem\"",
	  .restart = true,
	  .help = "mariadb: file with the certificates that vouch for the server, in PEM; those "
		  "the system trusts unless given" },
	{ OPTION_FIELD(OPTION_NUMBER_, struct storage_settings, writers), .fallback = 1,
	  .minimum = 1, .maximum = 16, .restart = true, .help = "mariadb: connections that write" },
	{ OPTION_FIELD(OPTION_PERIOD_, struct storage_settings, timeout), .fallback = SECONDS(5),
	  .minimum = SECONDS(1), .maximum = SECONDS(60), .restart = true,
	  .help = "mariadb: how long the server may take to answer before it counts as down" },
	{ OPTION_FIELD(OPTION_NUMBER_, struct storage_settings, readers), .fallback = 2,
	  .minimum = 1, .maximum = 64, .restart = true,
	  .help = "threads that read from the store" },
	OPTION_CHOICE(struct storage_settings, automigrate, "usual", automigrates,
		      "bring the store's tables up to date at start, after a backup copy where "
		      "that "
		      "can be; \"usual\" is yes for sqlite, and for mariadb only when the database "
		      "is new; otherwise `stentorctl store migrate` does it"),
	{ 0 }
};

static const struct option admin_options[] = {
	OPTION_NUMBER(struct admin_settings, clients_max, 32, 1, 1024,
		      "tools that may be connected to the admin socket at once"),
	OPTION_SIZE(struct admin_settings, request_max, 1024 * 1024, 65536, 64 * 1024 * 1024,
		    "the longest request an admin may send"),
	{ 0 }
};

static const struct section log_section = {
	.name = "log",
	.help = "What the server tells, and where to.",
	.options = log_options,
	.size = sizeof(struct log_settings),
};

static const struct section listen_section = {
	.name = "listen",
	.help = "Where clients come in.  Only ports with a working service are opened; the others "
		"are named so that nothing else takes them.",
	.options = listen_options,
	.size = sizeof(struct listen_settings),
};

static const struct section storage_section = {
	.name = "store",
	.help = "Where everything is kept.",
	.options = storage_options,
	.size = sizeof(struct storage_settings),
};

static const struct section streams_section = {
	.name = "streams",
	.help = "How clients are spoken with, what they may do, and how much of it.  At a bound "
		"the "
		"server says which bound it was.",
	.options = stream_options,
	.size = sizeof(struct stream_settings),
};

static const struct section admin_section = {
	.name = "admin",
	.help = "The socket \"admin.sock\" in the data folder, at which stentorctl asks.",
	.options = admin_options,
	.size = sizeof(struct admin_settings),
};

const struct section *
settings_root(void)
{
	static const struct section *below[7];
	static const struct section root = {
		.name = "stentor",
		.help = "Options outside any section concern the server as a whole.  Relative "
			"paths "
			"begin at the folder of this file.",
		.options = server_options,
		.sections = below,
		.size = sizeof(struct server_settings),
	};

	below[0] = &log_section;
	below[1] = &listen_section;
	below[2] = &storage_section;
	below[3] = &streams_section;
	below[4] = &admin_section;
	below[5] = loader_domain_section()->name != NULL ? loader_domain_section() : NULL;
	return &root;
}

const struct server_settings *
settings_server(const struct conf *conf)
{
	return conf_root(conf)->values;
}

static const void *
values_of(const struct conf *conf, const char *name)
{
	const struct conf_section *section = conf_find(conf_root(conf), name);

	must(section != NULL);
	return section->values;
}

const struct log_settings *
settings_log(const struct conf *conf)
{
	return values_of(conf, "log");
}

const struct listen_settings *
settings_listen(const struct conf *conf)
{
	return values_of(conf, "listen");
}

const struct admin_settings *
settings_admin(const struct conf *conf)
{
	return values_of(conf, "admin");
}

const struct stream_settings *
settings_streams(const struct conf *conf)
{
	return values_of(conf, "streams");
}

const struct conf_section *
settings_domains(const struct conf *conf)
{
	return conf_find(conf_root(conf), "domain");
}

char *
settings_path(const struct conf *conf, const char *path)
{
	const char *file = conf_root(conf)->file;
	const char *slash = file ? strrchr(file, '/') : NULL;

	if (path[0] == '/' || slash == NULL)
		return copy_text(path);
	return format_text("%.*s/%s", (int)(slash - file), file, path);
}

char *
settings_data(const struct conf *conf)
{
	return settings_path(conf, settings_server(conf)->data);
}

void
settings_store(struct store_settings *store, const struct conf *conf)
{
	const struct storage_settings *storage = values_of(conf, "store");

	bool embedded = text_is(storage_drivers[storage->driver], "sqlite");

	*store = (struct store_settings) {
		.driver = storage_drivers[storage->driver],
		.folder = settings_data(conf),
		.path = copy_text(storage->path),
		.schemas = places_schemas(),
		.readers = (unsigned)storage->readers,
		.automigrate = storage->automigrate == AUTOMIGRATE_YES ||
			       (storage->automigrate == AUTOMIGRATE_USUAL && embedded),
		.autocreate = storage->automigrate != AUTOMIGRATE_NO,
		.host = storage->socket == NULL ? copy_text(storage->host) : NULL,
		.port = (unsigned)storage->port,
		.socket = storage->socket ? settings_path(conf, storage->socket) : NULL,
		.user = copy_text(storage->user),
		.password_file =
			storage->password_file ? settings_path(conf, storage->password_file) : NULL,
		.database = copy_text(storage->database),
		.tls = storage_tls[storage->tls],
		.ca = storage->ca ? settings_path(conf, storage->ca) : NULL,
		.writers = (unsigned)storage->writers,
		.seconds = (unsigned)((storage->timeout + 999) / 1000),
	};
}

void
settings_store_clear(struct store_settings *store)
{
	free((char *)store->folder);
	free((char *)store->path);
	free((char *)store->host);
	free((char *)store->socket);
	free((char *)store->user);
	free((char *)store->password_file);
	free((char *)store->database);
	free((char *)store->ca);
	*store = (struct store_settings) { 0 };
}

size_t
settings_ports(struct port ports[PORTS_MAX], const struct conf *conf)
{
	const struct listen_settings *listen = settings_listen(conf);
	const struct port all[PORTS_MAX] = {
		{ "client", (uint16_t)listen->client_port, true, false },
		{ "client, direct TLS", (uint16_t)listen->client_tls_port, true, true },
		{ "server", (uint16_t)listen->server_port, false, false },
		{ "server, direct TLS", (uint16_t)listen->server_tls_port, false, true },
		{ "HTTP", (uint16_t)listen->http_port, false, false },
		{ "HTTPS", (uint16_t)listen->https_port, false, true },
	};
	size_t count = 0;

	for (size_t i = 0; i < COUNT(all); i++)
		if (all[i].number != 0)
			ports[count++] = all[i];
	return count;
}

static bool
is_address(const char *text)
{
	struct in6_addr bytes;

	return inet_pton(AF_INET, text, &bytes) == 1 || inet_pton(AF_INET6, text, &bytes) == 1;
}

bool
settings_is_loopback(const char *address)
{
	struct in_addr four;

	if (inet_pton(AF_INET, address, &four) == 1)
		return (ntohl(four.s_addr) >> 24) == 127;
	return text_is(address, "::1");
}

/* --- what the words say together --- */

static void
judge_listening(const struct conf *conf, struct text *faults)
{
	const struct conf_section *where = conf_find(conf_root(conf), "listen");
	const struct conf_section *streams = conf_find(conf_root(conf), "streams");
	const struct listen_settings *listen = where->values;
	const struct stream_settings *stream = streams->values;
	struct port ports[PORTS_MAX];
	size_t count = settings_ports(ports, conf), open = 0;

	for (const char *const *a = listen->addresses; a != NULL && *a != NULL; a++) {
		open++;
		if (!is_address(*a))
			conf_complain(faults, where,
				      "\"%s\" is not an address; say an IPv4 or IPv6 address such "
				      "as "
				      "\"0.0.0.0\" or \"::1\"",
				      *a);
		else if (stream->tls == TLS_OPTIONAL && !settings_is_loopback(*a))
			conf_complain(faults, streams->line ? streams : where,
				      "TLS is optional, and \"%s\" can be reached from other "
				      "machines: "
				      "require TLS, or listen on \"127.0.0.1\" and \"::1\" only",
				      *a);
	}
	if (open == 0)
		conf_complain(faults, where,
			      "there must be an address to listen on, such as "
			      "addresses = { \"0.0.0.0\", \"::\" }");
	if (listen->client_port == 0 && listen->client_tls_port == 0)
		conf_complain(faults, where,
			      "client_port and client_tls_port are both 0: no client "
			      "could come in");
	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < i; j++)
			if (ports[i].number == ports[j].number)
				conf_complain(faults, where,
					      "port %u is given to \"%s\" and to \"%s\"",
					      ports[i].number, ports[j].service, ports[i].service);
}

static void
judge_store(const struct conf *conf, struct text *faults)
{
	const struct conf_section *where = conf_find(conf_root(conf), "store");
	const struct storage_settings *storage = where->values;

	if (!text_is(storage_drivers[storage->driver], "mariadb"))
		return;
	if ((storage->host == NULL) == (storage->socket == NULL))
		conf_complain(faults, where,
			      "the store on MariaDB needs a host or a socket, and not both");
	else if (storage->host != NULL && !text_is(storage_tls[storage->tls], "required") &&
		 !text_is(storage->host, "localhost") && !settings_is_loopback(storage->host))
		conf_complain(faults, where,
			      "\"%s\" is another machine: tls must be \"required\" for what goes "
			      "there",
			      storage->host);
	if (storage->user[0] == '\0' || storage->database[0] == '\0')
		conf_complain(faults, where, "the store on MariaDB needs a user and a database");
}

/* `faulty`: something was not understood, so what is missing may only be misspelt. */
static void
judge_domains(const struct conf *conf, bool faulty, struct text *faults)
{
	const struct conf_section *first = settings_domains(conf);
	struct arena *arena = arena_new();

	if (first == NULL && !faulty)
		conf_complain(faults, conf_root(conf),
			      "there is no domain; say  domain \"example.org\" { }");
	for (const struct conf_section *s = first; s != NULL; s = conf_next(s)) {
		const struct domain_settings *domain = s->values;
		struct err err;
		const char *name = jid_prepare_domain(arena, s->title, &err);

		if (name == NULL)
			conf_complain(faults, s, "\"%s\" cannot be a domain: %s", s->title,
				      err.text);
		else if (!text_is(name, s->title))
			conf_complain(faults, s, "domain \"%s\" must be written as \"%s\"",
				      s->title, name);
		for (const struct conf_section *t = first; t != s; t = conf_next(t))
			if (text_is(t->title, s->title))
				conf_complain(faults, s,
					      "domain \"%s\" is there already, in line %d",
					      s->title, t->line);
		if (faulty)
			; /* not a word about a certificate */
		else if ((domain->certificate == NULL) != (domain->key == NULL))
			conf_complain(faults, s,
				      "domain \"%s\": a certificate needs its key, and a key its "
				      "certificate",
				      s->title);
		else if (domain->certificate == NULL)
			conf_complain(faults, s,
				      "domain \"%s\" has no certificate; say  certificate = "
				      "\"certs/%s.crt\"  and  key = \"certs/%s.key\"",
				      s->title, s->title, s->title);
		for (const char *const *a = domain->admins; a != NULL && *a != NULL; a++) {
			struct jid jid;

			if (!jid_parse(&jid, arena, *a, &err))
				conf_complain(faults, s, "admin \"%s\" is not an address: %s", *a,
					      err.text);
		}
		free(loader_choose(s, faults));
	}
	arena_drop(arena);
}

struct conf *
settings_look(const char *path, struct text *faults)
{
	size_t before = faults->length;
	struct conf *conf;
	bool faulty;

	if (loader_domain_section()->name == NULL) {
		text_add(faults, "the modules are not there, so domains cannot be understood\n");
		return NULL;
	}
	conf = conf_look(path, settings_root(), faults);
	if (conf == NULL)
		return NULL;
	faulty = faults->length > before;
	judge_listening(conf, faults);
	judge_store(conf, faults);
	judge_domains(conf, faulty, faults);
	return conf;
}

struct conf *
settings_read(const char *path, struct text *faults)
{
	size_t before = faults->length;
	struct conf *conf = settings_look(path, faults);

	if (conf == NULL || faults->length == before)
		return conf;
	conf_drop(conf);
	return NULL;
}

char *
settings_find(void)
{
	const char *said = getenv("STENTOR_CONF");
	const char *const places[] = { "stentor.conf", "run/stentor.conf" };

	if (said != NULL && said[0] != '\0')
		return copy_text(said);
	for (size_t i = 0; i < COUNT(places); i++)
		if (access(places[i], F_OK) == 0)
			return copy_text(places[i]);
	return copy_text(places_conf());
}
