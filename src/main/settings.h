/* SPDX-License-Identifier: MIT */
/*
 * What may stand in stentor.conf, put together: the program's own sections, the limits of
 * stream/, and a domain's section from core/ with those of the modules.
 *
 * A configuration is read here and judged here; what it would meet in the world (ports,
 * files, the store) is looked at by check.c.
 */
#pragma once

#include "base/text.h"
#include "conf/conf.h"
#include "store/store.h"

struct server_settings { /* outside all sections */
	int64_t shards;
	const char *data;
	const char *user;
};

struct log_settings {
	const char *target;
	int64_t level; /* enum log_level */
	bool json;
};

struct listen_settings {
	const char *const *addresses;
	int64_t connections_an_address;
	int64_t client_port, client_tls_port;
	int64_t server_port, server_tls_port, http_port, https_port; /* reserved */
};

struct storage_settings {
	int64_t driver; /* index into storage_drivers */
	const char *path;
	const char *host, *socket, *user, *password_file, *database, *ca;
	int64_t port, tls, writers, timeout;
	int64_t readers;
	int64_t automigrate; /* enum automigrate */
};
enum automigrate { AUTOMIGRATE_USUAL, AUTOMIGRATE_YES, AUTOMIGRATE_NO };
extern const char *const storage_drivers[];

struct admin_settings {
	int64_t clients_max;
	int64_t request_max;
};

/* The whole tree.  The modules must have been opened (core/loader.h). */
const struct section *settings_root(void);

/* Reads and judges `path`; NULL with a line a fault. */
struct conf *settings_read(const char *path, struct text *faults);
/* The same, but what could be read is given in spite of faults, to be looked at further. */
struct conf *settings_look(const char *path, struct text *faults);

const struct server_settings *settings_server(const struct conf *conf);
const struct log_settings *settings_log(const struct conf *conf);
const struct listen_settings *settings_listen(const struct conf *conf);
const struct admin_settings *settings_admin(const struct conf *conf);

struct stream_settings;
const struct stream_settings *settings_streams(const struct conf *conf);

/* The first domain's section; the others by conf_next. */
const struct conf_section *settings_domains(const struct conf *conf);

/* A path as the configuration says it, made absolute: relative ones begin at the folder
 * of the configuration file.  To free(). */
char *settings_path(const struct conf *conf, const char *path);
char *settings_data(const struct conf *conf);

/* What store_open wants; the strings are to free() by settings_store_clear. */
void settings_store(struct store_settings *store, const struct conf *conf);
void settings_store_clear(struct store_settings *store);

/* The ports that are open, and those that are only named. */
struct port {
	const char *service; /* "client", "client, direct TLS", "server" */
	uint16_t number;
	bool open, direct;
};
#define PORTS_MAX 6
size_t settings_ports(struct port ports[PORTS_MAX], const struct conf *conf);

bool settings_is_loopback(const char *address);

/* Where the configuration is when nobody says: $STENTOR_CONF, ./stentor.conf,
 * ./run/stentor.conf, the system's.  The first that exists, or the last; to free(). */
char *settings_find(void);
